//! Reasons for an empty session list.

use super::Home;
use crate::app::sessions::Sessions;

/// Reason for an empty list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmptyState {
    /// The index is still loading.
    Loading,
    /// There are no sessions on this machine.
    NoSessions,
    /// No session matches the quick filter.
    NoMatch(String),
    /// No session is in this workspace.
    NoneHere {
        /// Number of sessions in other workspaces.
        elsewhere: usize,
    },
    /// All sessions are hidden.
    AllHidden,
}

impl Home {
    /// Returns the reason for an empty list. `None` if the list has rows.
    pub fn empty_state(&self, sessions: &Sessions) -> Option<EmptyState> {
        if !self.list.rows().is_empty() {
            return None;
        }
        let progress = sessions.catalog.progress;
        let loading = !sessions.received || progress.done < progress.total;
        Some(match () {
            () if self.filter.is_active() => EmptyState::NoMatch(self.filter.input.text().to_owned()),
            () if sessions.catalog.is_empty() && loading => EmptyState::Loading,
            () if sessions.catalog.is_empty() => EmptyState::NoSessions,
            () if self.hidden.total() == self.hidden.elsewhere() => {
                EmptyState::NoneHere { elsewhere: self.hidden.elsewhere }
            }
            () => EmptyState::AllHidden,
        })
    }
}
