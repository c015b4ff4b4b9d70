//! Options and events of the live layer. Values only.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::policy::LiveLimits;
use super::run::BudgetOptions;
use crate::agent::{self, Protocol};
use crate::domain::prompt::Prompt;
use crate::domain::run::{RunId, RunInfo, SessionTask};
use crate::domain::{Agent, SessionKey, Time};
use crate::store::Store;
use crate::store::registry::ProcessId;

/// A server that the user started.
#[derive(Clone)]
pub struct AttachedServer {
    /// Listening address.
    pub address: SocketAddr,
    /// Password for basic authentication.
    pub password: String,
}

impl std::fmt::Debug for AttachedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttachedServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Another program that has a session open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHolder {
    /// Description for users.
    pub text: String,
    /// Process id, if known.
    pub pid: Option<u32>,
}

/// Returns the program that has a session open elsewhere; called before a run takes the session.
pub type OpenElsewhereCheck = Box<dyn Fn(&SessionKey) -> Option<SessionHolder> + Send + Sync>;

/// Returns true if the agent's own record of a session contains a prompt. `None` if that cannot be determined: then an
/// acknowledgement counts. Blocks.
pub type DeliveryCheck = Arc<dyn Fn(&SessionKey, &Prompt) -> Option<bool> + Send + Sync>;

/// Returns the earliest time at which a session can be opened again without damage to its record; `None` for any time.
/// Blocks.
pub type ResumeTimeCheck = Arc<dyn Fn(&SessionKey) -> Option<Time> + Send + Sync>;

/// Returns the tasks that a session's record contains. Blocks.
pub type EarlierTasks = Arc<dyn Fn(&SessionKey) -> Vec<SessionTask> + Send + Sync>;

/// Returns variables that the agents of a directory get. Blocks.
pub type DirectoryVariables = Arc<dyn Fn(&Path) -> Vec<(String, String)> + Send + Sync>;

/// Options of the live layer.
pub struct LiveOptions {
    /// Handle of `state.db`.
    pub store: Arc<Store>,
    /// The user's environment variables.
    pub vars: Vec<(String, String)>,
    /// Wall clock for timestamps.
    pub clock: fn() -> Time,
    /// Identity of this process; see [`super::this_process`].
    pub process: ProcessId,
    /// Limits and timeouts of runs.
    pub limits: LiveLimits,
    /// Check for other processes that have a session open.
    pub open_elsewhere: OpenElsewhereCheck,
    /// Check for a prompt in the agent's own record.
    pub is_delivered: DeliveryCheck,
    /// Check for the earliest time of a resume.
    pub earliest_resume: ResumeTimeCheck,
    /// Tasks of a session that is resumed.
    pub earlier_tasks: EarlierTasks,
    /// Variables of the agents of a directory.
    pub directory_vars: DirectoryVariables,
    /// Servers that the user started, used instead of starting one.
    pub attached: BTreeMap<Agent, AttachedServer>,
    /// Folder of the sessions that salon records itself; `None`: none are recorded.
    pub recorded: Option<PathBuf>,
    /// Budgets of the user.
    pub budgets: BudgetOptions,
    /// Server process whose connection has just closed. Its runs go on here, once it has ended.
    pub predecessor: Option<ProcessId>,
    /// True if this process lives long enough to go on with turns at the end of a rate limit that an earlier process left.
    pub continues: bool,
    /// Lookup of an agent's protocol.
    pub protocols: fn(Agent) -> Option<&'static dyn Protocol>,
}

impl LiveOptions {
    /// Creates options with default limits and checks that find nothing.
    pub fn new(store: Arc<Store>, vars: Vec<(String, String)>, clock: fn() -> Time, process: ProcessId) -> Self {
        Self {
            store,
            vars,
            clock,
            process,
            limits: LiveLimits::default(),
            open_elsewhere: Box::new(|_| None),
            is_delivered: Arc::new(|_, _| None),
            earliest_resume: Arc::new(|_| None),
            earlier_tasks: Arc::new(|_| Vec::new()),
            directory_vars: Arc::new(|_| Vec::new()),
            attached: BTreeMap::new(),
            recorded: None,
            budgets: BudgetOptions::default(),
            predecessor: None,
            continues: false,
            protocols: agent::protocol,
        }
    }
}

impl std::fmt::Debug for LiveOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The variables contain API keys.
        f.debug_struct("LiveOptions")
            .field("process", &self.process)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A change of state. Viewers fetch the conversation itself.
#[derive(Clone, Debug)]
pub enum LiveEvent {
    /// A run is new or its state changed.
    Run(Arc<RunInfo>),
    /// Sessions of all recorded runs, once after the start: they are the user's own, whatever their agent recorded.
    Recorded(Vec<SessionKey>),
    /// A run was disposed of; its conversation remains in the transcript.
    Gone(RunId),
    /// A queue changed. Contains its prompts in the order of delivery.
    Queued(RunId, Vec<Prompt>),
    /// A message for the user.
    Notice {
        /// The run that it is about, if any.
        run: Option<RunId>,
        /// Message text.
        text: String,
        /// True if it reports an error.
        error: bool,
    },
}
