//! Live status of sessions that are open in a process.

use super::{SessionKey, SessionState, Time};

/// Status of a session that a process has open. Built only after checking that the process is alive and wrote the
/// status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveStatus {
    /// Key of the session.
    pub key: SessionKey,
    /// Id of the process, if known.
    pub pid: Option<u32>,
    /// Session state, as far as the agent reports it.
    pub state: SessionState,
    /// Reason for waiting, as the agent words it.
    pub waiting_for: Option<String>,
    /// Time of the last state change.
    pub since: Option<Time>,
}
