//! Identities of requests, timers and approvals, by which responses are recognised.

use std::sync::Arc;

use crate::domain::run::RunId;

/// Identifies a request of the interface: an opened transcript or the start of a run. Responses to older requests are
/// recognised by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestTicket(pub u64);

/// Identifies a debounce delay of the preview.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DebounceTicket(pub u64);

/// Identifies an approval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApprovalId {
    /// The run.
    pub run: RunId,
    /// The agent's id of the approval.
    pub id: Arc<str>,
}

/// Timer of the interface. Every timer elapses once, and a late one must be harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// An approval was visible for long enough to be answered by a key; the index is that of its question.
    ApprovalVisible(ApprovalId, usize),
    /// The answer to an approval should have been processed by now.
    AnswerTimeout(ApprovalId),
}

/// Counters for tickets.
#[derive(Debug, Default)]
pub struct Tickets {
    requests: u64,
    debounces: u64,
}

impl Tickets {
    /// Returns a ticket that was never issued before.
    pub fn issue(&mut self) -> RequestTicket {
        self.requests += 1;
        RequestTicket(self.requests)
    }

    /// Returns a debounce ticket that was never issued before, by no preview.
    pub fn issue_debounce(&mut self) -> DebounceTicket {
        self.debounces += 1;
        DebounceTicket(self.debounces)
    }
}
