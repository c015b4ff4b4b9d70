//! Sessions in the trash, as the interface shows them.

use super::{SessionKey, Time};

/// Session in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashItem {
    /// The session.
    pub key: SessionKey,
    /// Title at the time at which it was moved.
    pub title: String,
    /// Time at which it was moved.
    pub time: Time,
    /// Content that a permanent deletion removes.
    pub content: TrashContent,
}

/// Content that a permanent deletion removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrashContent {
    /// Files in salon's own folder.
    Files {
        /// Number of files.
        count: usize,
        /// Their size.
        bytes: u64,
        /// Time at which salon deletes them.
        until: Time,
    },
    /// Rows in the agent's database: the session is only hidden.
    Rows {
        /// Command of the agent that deletes them; `None` if it has none.
        command: Option<String>,
    },
}
