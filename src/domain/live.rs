//! Signs on disk that a session is open in some process now.

use super::{SessionKey, State, Time};

/// A process has a session open. Built only where the process was found alive and is the one that wrote the sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSign {
    /// The session.
    pub key: SessionKey,
    /// The process, where it is known.
    pub pid: Option<u32>,
    /// What it is doing, as far as the agent tells.
    pub state: State,
    /// What it waits for, in the agent's words.
    pub waiting_for: Option<String>,
    /// Since when it is in that state.
    pub since: Option<Time>,
}
