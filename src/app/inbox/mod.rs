//! The inbox: approvals of all runs first, then blocked prompts and failed runs, each oldest first. Items are answered
//! here without leaving the current screen.

mod keys;

use std::sync::Arc;

use super::approvals::{ApprovalId, ApprovalQueue, ApprovalScope};
use super::runs::RunTable;
use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{Phase, RunInfo, StopReason};

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

impl Inbox {
    /// Returns the index of the selected item.
    pub fn position(&self, approvals: &ApprovalQueue, items: &[InboxItem]) -> Option<usize> {
        let index_of = |id: &ApprovalId| items.iter().position(|item| item.id == *id);
        let selected = self.selected.as_ref().and_then(index_of);
        selected.or_else(|| approvals.selected().and_then(index_of)).or((!items.is_empty()).then_some(0))
    }
}

/// Returns the items, in display order.
pub fn items(runs: &RunTable, approvals: &ApprovalQueue) -> Vec<InboxItem> {
    let pending = approvals.pending(runs, &ApprovalScope::All).into_iter().map(|pending| InboxItem {
        id: pending.id(),
        info: pending.info.clone(),
        kind: InboxItemKind::Approval,
        since: pending.approval.since,
    });
    let mut others: Vec<_> = runs.iter().flat_map(|info| run_items(info, runs, approvals)).collect();
    others.sort_by_key(|item| (item.since.is_none(), item.since));
    pending.chain(others).collect()
}

/// Returns the blocked prompts and the failure of a run.
fn run_items(info: &Arc<RunInfo>, runs: &RunTable, approvals: &ApprovalQueue) -> Vec<InboxItem> {
    let item = |name: String, kind, since| {
        let id = ApprovalId { run: info.id.clone(), id: name.into() };
        InboxItem { id, info: info.clone(), kind, since }
    };
    let is_blocked = |prompt: &&Prompt| matches!(prompt.state, PromptState::Held | PromptState::Failed);
    let prompts = runs.queue(&info.id).iter().filter(is_blocked);
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
    items.retain(|item| !approvals.is_dismissed(&item.id));
    items
}
