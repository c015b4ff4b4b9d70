//! Backends: the agents' processes and servers that salon runs, with their states and the reasons. No process, no clock.

use serde::{Deserialize, Serialize};

use super::{Agent, Time};

/// Maximum changes of state that are kept per backend, because they are part of each published state.
pub const MAX_CHANGES: usize = 50;

/// State of a backend. Each failure has its own remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendState {
    /// Never started.
    NotStarted,
    /// The process was started and is not ready.
    Starting,
    /// Ready for a prompt.
    Idle,
    /// A turn is open.
    Working,
    /// A turn is being interrupted.
    Interrupting,
    /// A server whose event stream is being reopened.
    Degraded,
    /// Stopped by the user.
    Stopped,
    /// Evicted after its idle time; the next prompt starts it.
    Evicted,
    /// The program is not on `PATH`.
    NotInstalled,
    /// The agent is not logged in.
    NotLoggedIn,
    /// The agent's service accepts no more requests for now.
    RateLimited,
    /// The version of the agent is not supported.
    UnsupportedVersion,
    /// The process ended by itself.
    Crashed,
    /// Any other failure.
    Failed,
}

impl BackendState {
    /// Name for the user.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotStarted => "not started",
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Working => "working",
            Self::Interrupting => "interrupting",
            Self::Degraded => "reconnecting",
            Self::Stopped => "stopped",
            Self::Evicted => "evicted",
            Self::NotInstalled => "not installed",
            Self::NotLoggedIn => "not logged in",
            Self::RateLimited => "rate limited",
            Self::UnsupportedVersion => "unsupported version",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
        }
    }
}

/// A change of a backend's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendChange {
    /// Time of the change.
    pub time: Time,
    /// State since then.
    pub state: BackendState,
}

/// A backend: the process of a run, or a server that runs share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// The agent.
    pub agent: Agent,
    /// The agent's id of the session; `None` for a server, and before it is known.
    pub session: Option<String>,
    /// True for a server that runs share.
    pub is_server: bool,
    /// True for a server that salon did not start.
    pub is_external: bool,
    /// Current state.
    pub state: BackendState,
    /// Reason of the state, without secrets; `None` if the state explains itself.
    pub reason: Option<String>,
    /// Process id.
    pub pid: Option<u32>,
    /// Resident memory of its process group in bytes, once read.
    pub memory: Option<u64>,
    /// Start of the process.
    pub started: Option<Time>,
    /// Time of the last event.
    pub last_event: Option<Time>,
    /// Prompts that wait.
    pub queued: usize,
    /// Number of processes started so far.
    pub generation: u64,
    /// Number of open sessions of a server.
    pub sessions: usize,
    /// Port of a server.
    pub port: Option<u16>,
    /// Latest changes of state, oldest first.
    pub changes: Vec<BackendChange>,
}
