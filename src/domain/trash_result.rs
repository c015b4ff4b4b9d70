//! Result of moving sessions to the trash, or of restoring them.

use serde::{Deserialize, Serialize};

use super::SessionKey;

/// Sessions that were moved to the trash or restored, and those that were not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrashResult {
    /// Sessions that were removed or restored.
    pub done: Vec<(SessionKey, String)>,
    /// Number of these that were only hidden, because their agent keeps them in a database.
    pub hidden: usize,
    /// Sessions that were not, with the reasons.
    pub refused: Vec<(String, String)>,
    /// Sessions that have queued prompts, with their number; they stay until the user decides.
    pub queued: Vec<(SessionKey, usize)>,
}
