//! The inbox: approvals of all runs first, then what waits in other programs, then blocked prompts and failed runs, each
//! oldest first. Items of runs are answered here without leaving the current screen.

mod keys;

use std::path::PathBuf;
use std::sync::Arc;

use super::approvals::{ApprovalId, ApprovalQueue, ApprovalScope};
use super::runs::{RunTable, key_of};
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{Phase, RunId, RunInfo, StopReason};
use crate::domain::{Agent, Session, SessionKey, Time};

/// State of the overlay. Most items come from the runs.
#[derive(Debug, Default)]
pub struct Inbox {
    selected: Option<ApprovalId>,
    /// Sessions that wait for the user in other programs.
    elsewhere: Vec<Arc<Session>>,
}

/// Item of the inbox.
#[derive(Clone, Debug)]
pub struct InboxItem {
    /// Identity; items other than approvals get an id made by salon.
    pub id: ApprovalId,
    /// The agent.
    pub agent: Agent,
    /// The session; for a run without one, a provisional key.
    pub session: SessionKey,
    /// Working directory.
    pub cwd: PathBuf,
    /// The run; `None` for a session in another program.
    pub info: Option<Arc<RunInfo>>,
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
    /// A session that waits in another program.
    Elsewhere,
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
            Self::Elsewhere => &[("Watch", InboxAction::Watch), ("Open in agent", InboxAction::OpenInAgent)],
            Self::Prompt(_) => &[
                ("Send", InboxAction::Release),
                ("Cancel the prompt", InboxAction::Cancel),
                ("Open chat", InboxAction::Open),
            ],
            Self::Failure => &[("Open chat", InboxAction::Open), ("Dismiss", InboxAction::Dismiss)],
        }
    }
}

/// Action on an item that is no approval.
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
    /// Watch the session.
    Watch,
    /// Open the session in the agent's own program, after a check for obstacles.
    OpenInAgent,
}

impl Inbox {
    /// Opens the inbox at the first item of a session, if it has one.
    pub fn open(
        elsewhere: Vec<Arc<Session>>,
        at: Option<&SessionKey>,
        runs: &RunTable,
        approvals: &ApprovalQueue,
    ) -> Self {
        let mut inbox = Self { selected: None, elsewhere };
        let items = inbox.items(runs, approvals);
        let of_session = items.iter().find(|item| at == Some(&item.session));
        inbox.selected = of_session.map(|item| item.id.clone());
        inbox
    }

    /// Returns the id of the selected item.
    pub fn selected(&self) -> Option<&ApprovalId> {
        self.selected.as_ref()
    }

    /// Stores the sessions that wait in other programs.
    pub fn set_elsewhere(&mut self, elsewhere: Vec<Arc<Session>>) {
        self.elsewhere = elsewhere;
    }

    /// Returns the items, in display order.
    pub fn items(&self, runs: &RunTable, approvals: &ApprovalQueue) -> Vec<InboxItem> {
        items(runs, approvals, &self.elsewhere)
    }

    /// Returns the index of the selected item.
    pub fn position(&self, approvals: &ApprovalQueue, items: &[InboxItem]) -> Option<usize> {
        let index_of = |id: &ApprovalId| items.iter().position(|item| item.id == *id);
        let selected = self.selected.as_ref().and_then(index_of);
        selected.or_else(|| approvals.selected().and_then(index_of)).or((!items.is_empty()).then_some(0))
    }
}

/// Returns the number of blocked prompts and failed runs.
pub fn problems(runs: &RunTable, approvals: &ApprovalQueue) -> usize {
    runs.iter().map(|info| run_items(info, runs, approvals).len()).sum()
}

/// Returns the items, in display order.
fn items(runs: &RunTable, approvals: &ApprovalQueue, elsewhere: &[Arc<Session>]) -> Vec<InboxItem> {
    let pending = approvals.pending(runs, &ApprovalScope::All).into_iter();
    let pending = pending.map(|pending| {
        let since = pending.approval.since;
        InboxItem { id: pending.id(), since, ..of_run(pending.info, InboxItemKind::Approval) }
    });
    let elsewhere = elsewhere.iter().map(|session| InboxItem {
        id: ApprovalId { run: RunId("elsewhere".into()), id: session.key.to_string().into() },
        agent: session.key.agent,
        session: session.key.clone(),
        cwd: PathBuf::from(session.place()),
        info: None,
        kind: InboxItemKind::Elsewhere,
        since: session.last_activity,
    });
    let mut others: Vec<_> = runs.iter().flat_map(|info| run_items(info, runs, approvals)).collect();
    others.sort_by_key(|item| (item.since.is_none(), item.since));
    pending.chain(elsewhere).chain(others).collect()
}

/// Creates an item of a run; its id and time follow.
fn of_run(info: &Arc<RunInfo>, kind: InboxItemKind) -> InboxItem {
    InboxItem {
        id: ApprovalId { run: info.id.clone(), id: "".into() },
        agent: info.agent,
        session: key_of(info),
        cwd: PathBuf::from(info.place()),
        info: Some(info.clone()),
        kind,
        since: None,
    }
}

/// Returns the blocked prompts and the failure of a run.
fn run_items(info: &Arc<RunInfo>, runs: &RunTable, approvals: &ApprovalQueue) -> Vec<InboxItem> {
    let item = |name: String, kind, since| {
        let id = ApprovalId { run: info.id.clone(), id: name.into() };
        InboxItem { id, since, ..of_run(info, kind) }
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
