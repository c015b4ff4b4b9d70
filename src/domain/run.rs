//! Runs: agent processes that work on a session. Phases and their data; no clock, no process.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use super::run_start::{ContinuationStart, Conversation, FolderTrust, RunStart, SessionTask, UntrustedFolder};

use super::approval::Approval;
use super::backend::BackendChange;
use super::budget::BudgetStop;
use super::running_call::RunningCall;
use super::tool::PlanItem;
use super::{Agent, SessionKey, Time, Tokens};

/// Stable id of a conversation with an agent, assigned by salon. Survives restarts and exists before the agent's own
/// id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub Arc<str>);

impl RunId {
    /// Returns the id of a run of another machine: after its name, which contains no slash.
    #[must_use]
    pub fn on(&self, host: &str) -> Self {
        Self(format!("{host}/{}", self.0).into())
    }

    /// Splits the id of a run of another machine into the machine and the id there. `None` for a run of this machine.
    pub fn split_host(&self) -> Option<(&str, Self)> {
        let (host, id) = self.0.split_once('/')?;
        Some((host, Self(id.into())))
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Sequence number of a turn within its run. Messages of an older turn never affect a newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TurnNumber(pub u64);

/// Phase of a run. Every phase but [`Phase::Stopped`] requires a living process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The process was started and has not reported that it is ready.
    Starting,
    /// Ready for a prompt.
    #[default]
    Idle,
    /// A turn is open.
    Working {
        /// Start of the turn.
        since: Time,
        /// Activity of the turn.
        activity: Activity,
    },
    /// A turn is being interrupted.
    Interrupting {
        /// Time of the interrupt; a second one, or 5 s, ends the process.
        since: Time,
    },
    /// No process.
    Stopped(StopReason),
}

/// Activity of an open turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Answering.
    #[default]
    Answering,
    /// Compacting the context.
    Compacting,
    /// Waiting for a retry.
    Retrying {
        /// Number of the next attempt, from 1.
        attempt: u32,
        /// Time of the next attempt, if known.
        at: Option<Time>,
        /// Cause of the retry.
        reason: String,
    },
}

/// Reason for having no process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Never started by this process.
    NotStarted,
    /// Stopped by the user.
    OnRequest,
    /// Evicted after a long idle time; resumes with the next prompt.
    Evicted,
    /// Exited, or could not start.
    Failed(RunFailure),
}

/// Failure of a run. Each variant has its own remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunFailure {
    /// The program is not on `PATH`.
    NotInstalled,
    /// Not logged in, or an invalid API key.
    NotLoggedIn(String),
    /// Too many requests.
    RateLimited {
        /// Earliest time of a retry, if known.
        until: Option<Time>,
        /// Message of the agent.
        message: String,
    },
    /// The agent does not know the model.
    UnknownModel(String),
    /// The agent does not know the session.
    UnknownSession(String),
    /// Another process has the session open.
    OpenElsewhere(String),
    /// The agent's version cannot be driven, with its number and an alternative.
    UnsupportedVersion(String),
    /// The process exited on its own.
    Crashed {
        /// Exit code, if it has one.
        code: Option<i32>,
        /// Last lines of its stderr.
        stderr: String,
    },
    /// Any other failure, with the agent's message.
    Other(String),
}

impl RunFailure {
    /// Message of the agent; empty if there is none.
    pub fn detail(&self) -> &str {
        match self {
            Self::NotInstalled => "",
            Self::Crashed { stderr: message, .. }
            | Self::RateLimited { message, .. }
            | Self::NotLoggedIn(message)
            | Self::UnknownModel(message)
            | Self::UnknownSession(message)
            | Self::OpenElsewhere(message)
            | Self::UnsupportedVersion(message)
            | Self::Other(message) => message,
        }
    }
}

impl RunFailure {
    /// Message for a place that names the agent already. Names the program that is missing, and the remedy.
    pub fn message(&self, agent: Agent) -> String {
        match self {
            Self::NotInstalled => format!(
                "\"{}\" was not found on PATH; install {}, or add its directory to PATH",
                agent.program(),
                agent.label()
            ),
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for RunFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let with_message = |f: &mut std::fmt::Formatter<'_>, what: &str, message: &str| match message {
            "" => f.write_str(what),
            message => write!(f, "{what}: {message}"),
        };
        match self {
            Self::NotInstalled => f.write_str("program not found on PATH"),
            Self::NotLoggedIn(message) => with_message(f, "not logged in", message),
            Self::RateLimited { until: None, message } => with_message(f, "too many requests", message),
            Self::RateLimited { until: Some(until), message } => {
                with_message(f, &format!("too many requests until {}", until.rfc3339()), message)
            }
            Self::UnknownModel(message) => with_message(f, "unknown model", message),
            Self::UnknownSession(message) => with_message(f, "the agent does not know the session", message),
            Self::OpenElsewhere(message) => with_message(f, "open elsewhere", message),
            Self::Crashed { code, stderr } => {
                let how =
                    code.map_or_else(|| "killed by a signal".to_owned(), |code| format!("exited with code {code}"));
                with_message(f, &how, stderr.lines().last().unwrap_or_default())
            }
            Self::UnsupportedVersion(message) | Self::Other(message) => f.write_str(message),
        }
    }
}

/// Outcome of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The turn completed.
    Done,
    /// The user interrupted the turn.
    Interrupted,
    /// The turn failed.
    Failed(RunFailure),
}

/// State of a run as viewers see it, without the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Id assigned by salon.
    pub id: RunId,
    /// Agent whose program runs.
    pub agent: Agent,
    /// Working directory.
    pub cwd: PathBuf,
    /// Session of the agent, once known.
    pub session: Option<SessionKey>,
    /// Current phase.
    pub phase: Phase,
    /// Number of the current turn.
    pub turn: TurnNumber,
    /// Active model.
    pub model: Option<Arc<str>>,
    /// Active permission mode.
    pub mode: Option<Arc<str>>,
    /// Active reasoning effort.
    pub effort: Option<Arc<str>>,
    /// Approvals that wait for the user.
    pub approvals: Vec<Approval>,
    /// Tasks that go on without an open turn. They end with the process.
    pub tasks: Vec<BackgroundTask>,
    /// Current plan or task list of the agent.
    pub plan: Vec<PlanItem>,
    /// Tool calls that run in the open turn, oldest first.
    #[serde(default)]
    pub calls: Vec<RunningCall>,
    /// Sub-agents that work for the open turn.
    pub subagents: Vec<SubagentProgress>,
    /// Token usage of the session so far.
    pub tokens: Tokens,
    /// Cost so far in US dollars, if the agent reports it.
    pub cost_usd: Option<f64>,
    /// Tokens in the context window, and the size of the window.
    pub context: Option<(u64, u64)>,
    /// Used part of the account's limit, if the agent reports it.
    pub quota: Option<Quota>,
    /// Capabilities of the agent; those of its known versions until it reports its own.
    pub capabilities: Arc<Capabilities>,
    /// True if the queue waits for the user after an interrupt or a failure.
    pub paused: bool,
    /// Last failure; kept for viewers that attach later.
    pub failure: Option<RunFailure>,
    /// Reason for a pending stop: the process was asked to end.
    pub stopping: Option<StopReason>,
    /// Process id of the agent, if the run has its own process.
    pub pid: Option<u32>,
    /// Process id of the user's own server of the agent, if the session runs there.
    #[serde(default)]
    pub service: Option<u32>,
    /// Outcome of the last turn; kept until the next turn ends.
    pub last_outcome: Option<TurnOutcome>,
    /// Time of the last message of the agent, if it has been silent for long. Silence alone never ends the process.
    pub silent_since: Option<Time>,
    /// Number of prompts that are pending or being sent.
    pub queued: usize,
    /// Number of prompts that wait for the user: held or failed. They block the prompts behind them.
    pub held: usize,
    /// Time of the last event.
    pub last_event: Option<Time>,
    /// Time at which the first prompt of the queue is sent, if it waits for one.
    pub continues_at: Option<Time>,
    /// Number of processes started so far.
    pub generation: u64,
    /// Start of the process.
    pub started: Option<Time>,
    /// Latest changes of state, oldest first.
    pub changes: Vec<BackendChange>,
    /// Budget that is used up, for which the queue waits.
    pub over_budget: Option<BudgetStop>,
}

impl RunInfo {
    /// Working directory, after the host of another machine: `box:/src/shop`.
    pub fn place(&self) -> String {
        match self.id.split_host() {
            Some((host, _)) => format!("{host}:{}", self.cwd.display()),
            None => self.cwd.display().to_string(),
        }
    }

    /// Creates the state of a run whose process was just started.
    pub fn starting(id: RunId, agent: Agent, cwd: PathBuf) -> Self {
        Self {
            id,
            agent,
            cwd,
            session: None,
            phase: Phase::Starting,
            turn: TurnNumber::default(),
            model: None,
            mode: None,
            effort: None,
            approvals: Vec::new(),
            tasks: Vec::new(),
            plan: Vec::new(),
            calls: Vec::new(),
            subagents: Vec::new(),
            tokens: Tokens::default(),
            cost_usd: None,
            context: None,
            quota: None,
            capabilities: Arc::default(),
            paused: false,
            failure: None,
            stopping: None,
            pid: None,
            service: None,
            last_outcome: None,
            silent_since: None,
            queued: 0,
            held: 0,
            last_event: None,
            continues_at: None,
            generation: 0,
            started: None,
            changes: Vec::new(),
            over_budget: None,
        }
    }
}

/// Used part of an account's usage limit: of the window that is closest to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// Percent used; above 100 if the limit is exceeded.
    pub percent: f32,
    /// Time at which the window begins again.
    pub resets_at: Option<Time>,
}

/// A task that an agent runs in the background: a command, a server, a sub-agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackgroundTask {
    /// The agent's id of the task.
    pub id: Arc<str>,
    /// Description or command, as the agent words it.
    pub description: String,
}

/// Progress of a sub-agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubagentProgress {
    /// Id of the tool call that started it.
    pub call: Arc<str>,
    /// Its session, once known.
    pub session: Option<Arc<str>>,
    /// Tool that it runs now, with the operation in one line.
    pub tool: Option<String>,
    /// Number of its tool calls so far.
    pub tools: u32,
}

impl SubagentProgress {
    /// Creates the progress of a sub-agent that has called no tool yet.
    pub fn new(call: &str, session: Option<&str>) -> Self {
        Self { call: call.into(), session: session.map(Arc::from), tool: None, tools: 0 }
    }

    /// Records the start of a tool call.
    pub fn called(&mut self, tool: &str, headline: &str) {
        self.tools = self.tools.saturating_add(1);
        self.tool = Some(if headline.is_empty() { tool.to_owned() } else { format!("{tool}: {headline}") });
    }
}

/// Capabilities of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Models: identifier and display name.
    pub models: Vec<(String, String)>,
    /// Permission modes.
    pub modes: Vec<String>,
    /// Reasoning efforts.
    pub efforts: Vec<String>,
    /// Slash commands with their descriptions.
    pub commands: Vec<(String, String)>,
    /// Version of the agent.
    pub version: Option<String>,
    /// True if a new process continues a session of which salon keeps the record.
    #[serde(default)]
    pub resumes: bool,
}

/// A setting of a run that can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunSetting {
    /// Model.
    Model(String),
    /// Permission mode.
    Mode(String),
    /// Reasoning effort.
    Effort(String),
}

/// Reason for refusing a command to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Another salon process has the lease of the run.
    LeasedBy {
        /// Process id of the lease holder.
        pid: u32,
    },
    /// Another program, named here, has the session open.
    OpenElsewhere(String),
    /// The command could not be saved to disk, so it was not accepted. Contains the cause.
    NotSaved(String),
    /// The machine of the run has no connection. Contains the cause.
    Offline(String),
    /// The settings of the directory make the agent run programs, and the user is to be asked.
    Untrusted(UntrustedFolder),
    /// The run does not exist.
    UnknownRun,
    /// The run could not be started.
    Failed(RunFailure),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LeasedBy { pid } => write!(f, "the session runs in another salon (pid {pid}): watch it, or fork it"),
            Self::OpenElsewhere(who) => write!(f, "the session is open in {who}: close it there, or fork it"),
            Self::NotSaved(why) => write!(f, "not accepted: could not be saved to disk: {why}"),
            Self::Offline(why) => write!(f, "not accepted: {why}"),
            Self::Untrusted(untrusted) => {
                let folder = untrusted.folder.display();
                write!(f, "{folder} is not trusted: its settings run programs; trust it in the agent's own program")
            }
            Self::UnknownRun => f.write_str("the run no longer exists"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

/// Cached model list of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCatalog {
    /// Models: identifier and display name.
    pub list: Vec<(String, String)>,
    /// Permission modes of the agent's known versions.
    pub modes: Vec<String>,
    /// Reasoning efforts of the agent's known versions.
    pub efforts: Vec<String>,
    /// Time of the query; `None` if it was never made.
    pub as_of: Option<Time>,
    /// Reason for the failure of the last refresh.
    pub failure: Option<String>,
}
