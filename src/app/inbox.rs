//! The inbox: approvals of all runs first, then blocked prompts and failed runs, each oldest first. Items are answered
//! here without leaving the current screen.

use std::sync::Arc;

use super::approvals::{ApprovalId, ApprovalScope};
use super::layer::Layer;
use super::{App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{Phase, RunId, RunInfo, StopReason};
use crate::domain::run_request::RunRequest;

/// State of the overlay. The items come from the runs.
#[derive(Debug, Default)]
pub struct Inbox {
    selected: Option<ApprovalId>,
}

/// Item of the inbox.
#[derive(Clone, Debug)]
pub struct InboxItem {
    /// Identity; blocked prompts and failures get an id made by salon.
    pub id: ApprovalId,
    /// The run.
    pub info: Arc<RunInfo>,
    /// Kind of the item.
    pub kind: InboxItemKind,
    /// Time since which it waits.
    pub since: Option<Time>,
}

/// Kind of an inbox item.
#[derive(Clone, Debug)]
pub enum InboxItemKind {
    /// An approval.
    Approval,
    /// A prompt that is held or failed.
    Prompt(Prompt),
    /// A run that failed.
    Failure,
}

impl InboxItemKind {
    /// Returns the choices in the order of the digits. Approvals have choices of their own.
    pub fn choices(&self) -> &'static [(&'static str, InboxAction)] {
        match self {
            Self::Approval => &[],
            Self::Prompt(_) => &[
                ("Send", InboxAction::Release),
                ("Cancel the prompt", InboxAction::Cancel),
                ("Open chat", InboxAction::Open),
            ],
            Self::Failure => &[("Open chat", InboxAction::Open), ("Dismiss", InboxAction::Dismiss)],
        }
    }
}

/// Action on a blocked prompt or a failed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxAction {
    /// Send the prompt.
    Release,
    /// Cancel the prompt.
    Cancel,
    /// Open the chat.
    Open,
    /// Hide the item.
    Dismiss,
}

impl App {
    /// Returns the items, in display order.
    pub fn inbox(&self) -> Vec<InboxItem> {
        let approvals = self.approvals.pending(&self.runs, &ApprovalScope::All).into_iter().map(|pending| InboxItem {
            id: pending.id(),
            info: pending.info.clone(),
            kind: InboxItemKind::Approval,
            since: pending.approval.since,
        });
        let mut others: Vec<_> = self.runs.iter().flat_map(|info| self.run_items(info)).collect();
        others.sort_by_key(|item| (item.since.is_none(), item.since));
        approvals.chain(others).collect()
    }

    /// Returns the index of the selected item.
    pub fn inbox_at(&self, inbox: &Inbox, items: &[InboxItem]) -> Option<usize> {
        let index_of = |id: &ApprovalId| items.iter().position(|item| item.id == *id);
        let selected = inbox.selected.as_ref().and_then(index_of);
        selected.or_else(|| self.approvals.selected().and_then(index_of)).or((!items.is_empty()).then_some(0))
    }

    /// Returns the blocked prompts and the failure of a run.
    fn run_items(&self, info: &Arc<RunInfo>) -> Vec<InboxItem> {
        let item = |name: String, kind, since| {
            let id = ApprovalId { run: info.id.clone(), id: name.into() };
            InboxItem { id, info: info.clone(), kind, since }
        };
        let is_blocked = |prompt: &&Prompt| matches!(prompt.state, PromptState::Held | PromptState::Failed);
        let prompts = self.runs.queue(&info.id).iter().filter(is_blocked);
        let mut items: Vec<_> = prompts
            .map(|prompt| {
                let name = format!("salon prompt {}", prompt.id.0);
                item(name, InboxItemKind::Prompt(prompt.clone()), Some(prompt.submitted))
            })
            .collect();
        if matches!(info.phase, Phase::Stopped(StopReason::Failed(_))) {
            let name = format!("salon failure {}", info.turn.0);
            items.push(item(name, InboxItemKind::Failure, info.last_event));
        }
        items.retain(|item| !self.approvals.is_dismissed(&item.id));
        items
    }

    /// Opens the inbox, or closes it.
    pub(super) fn toggle_inbox(&mut self) -> Vec<Effect> {
        if matches!(self.layers.last(), Some(Layer::Inbox(_))) {
            self.layers.pop();
            return Vec::new();
        }
        self.push(Layer::Inbox(Inbox::default()))
    }

    pub(super) fn key_in_inbox(&mut self, key: Key) -> Vec<Effect> {
        let Some(Layer::Inbox(inbox)) = self.layers.last() else { return Vec::new() };
        if self.approvals.field().is_some() {
            return self.approvals.key(key, &self.runs, &ApprovalScope::All).unwrap_or_default();
        }
        let items = self.inbox();
        let at = self.inbox_at(inbox, &items);
        let step = match key.code {
            KeyCode::Char('n' | 'j') | KeyCode::Tab => Some(1),
            KeyCode::Char('p' | 'k') => Some(-1),
            _ => None,
        };
        if let (Some(step), false) = (step, key.ctrl || key.alt) {
            return self.inbox_step(&items, at, step);
        }
        if let Some(effects) = at.and_then(|at| items.get(at)).and_then(|item| self.key_for_item(key, item)) {
            return effects;
        }
        match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'i') => {
                self.layers.pop();
                Vec::new()
            }
            KeyCode::Char('c') if key.ctrl => {
                self.layers.pop();
                Vec::new()
            }
            KeyCode::Down => self.inbox_step(&items, at, 1),
            KeyCode::Up => self.inbox_step(&items, at, -1),
            KeyCode::Enter => {
                let run = at.and_then(|at| items.get(at)).map(|item| item.info.id.clone());
                run.map_or_else(Vec::new, |run| self.leave_inbox_for(&run))
            }
            _ => Vec::new(),
        }
    }

    /// Selects the clicked item, or makes the clicked choice.
    pub(super) fn click_in_inbox(&mut self, target: &super::msg::Target) -> Vec<Effect> {
        use super::msg::Target;
        let items = self.inbox();
        match *target {
            Target::Choice(at) => self.inbox_step(&items, Some(at), 0),
            Target::Answer(row) => {
                let Some(Layer::Inbox(inbox)) = self.layers.last() else { return Vec::new() };
                let at = self.inbox_at(inbox, &items);
                match at.and_then(|at| items.get(at)) {
                    Some(item) if matches!(item.kind, InboxItemKind::Approval) => {
                        self.approvals.click(row, &self.runs, &ApprovalScope::All)
                    }
                    Some(item) => self.choose_for_item(item, row).unwrap_or_default(),
                    None => Vec::new(),
                }
            }
            Target::Workspace(_)
            | Target::Row(_)
            | Target::Preview
            | Target::Entry(_)
            | Target::Pinned
            | Target::Composer
            | Target::Nothing => Vec::new(),
        }
    }

    fn inbox_step(&mut self, items: &[InboxItem], at: Option<usize>, by: isize) -> Vec<Effect> {
        let last = items.len().saturating_sub(1);
        let next = at.map(|at| at.saturating_add_signed(by).min(last));
        if let (Some(item), Some(Layer::Inbox(inbox))) = (next.and_then(|at| items.get(at)), self.layers.last_mut()) {
            inbox.selected = Some(item.id.clone());
            self.approvals.select(item.id.clone());
        }
        Vec::new()
    }

    fn key_for_item(&mut self, key: Key, item: &InboxItem) -> Option<Vec<Effect>> {
        if matches!(item.kind, InboxItemKind::Approval) {
            return self.approvals.key(key, &self.runs, &ApprovalScope::All);
        }
        let digit = key.typed()?.to_digit(10)? as usize;
        self.choose_for_item(item, digit.checked_sub(1)?)
    }

    fn choose_for_item(&mut self, item: &InboxItem, row: usize) -> Option<Vec<Effect>> {
        let (_, does) = item.kind.choices().get(row)?;
        if !self.approvals.is_answerable(&item.id) {
            return Some(Vec::new());
        }
        let run = item.info.id.clone();
        let about = |effect: fn(RunId, PromptId) -> RunRequest| match &item.kind {
            InboxItemKind::Prompt(prompt) => vec![Effect::Run(effect(run.clone(), prompt.id))],
            InboxItemKind::Approval | InboxItemKind::Failure => Vec::new(),
        };
        Some(match does {
            InboxAction::Release => about(RunRequest::ReleasePrompt),
            InboxAction::Cancel => about(RunRequest::CancelPrompt),
            InboxAction::Open => self.leave_inbox_for(&run),
            InboxAction::Dismiss => {
                self.approvals.dismiss(item.id.clone());
                Vec::new()
            }
        })
    }

    fn leave_inbox_for(&mut self, run: &RunId) -> Vec<Effect> {
        self.layers.pop();
        self.go_to_run(run)
    }
}
