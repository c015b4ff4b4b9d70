//! A run: a live agent process at work on a session. Phases and their transitions; no clock, no process.

use std::path::PathBuf;
use std::sync::Arc;

use super::approval::Approval;
use super::{Agent, Event, SessionKey, Time, Tokens};
use crate::stdx::ring::Item;

/// salon's own stable id of a conversation with an agent; survives restarts, known before the agent's own id is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub Arc<str>);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Counts the turns of a run; what belongs to an older turn can never touch a newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(pub u64);

/// What a run is doing. Only a living child can be anything but [`Phase::Stopped`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Phase {
    /// The program was started and has not said that it is ready.
    Starting,
    /// Ready for a prompt.
    #[default]
    Idle,
    /// A turn is open.
    Working {
        /// Since when.
        since: Time,
        /// What it is about, if it is not simply answering.
        activity: Activity,
    },
    /// A turn is being interrupted.
    Interrupting {
        /// Since when; a second press, or 5 s, ends the process.
        since: Time,
    },
    /// No process.
    Stopped(Stopped),
}

/// What an open turn is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Activity {
    /// Answering.
    #[default]
    Answering,
    /// Condensing its context.
    Compacting,
    /// Waiting to try again.
    Retrying {
        /// Which attempt comes next, from 1.
        attempt: u32,
        /// When, where known.
        at: Option<Time>,
        /// Why.
        reason: String,
    },
}

/// Why there is no process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Never started in this salon.
    NotStarted,
    /// Asked to.
    OnRequest,
    /// Idle for long; resumes with the next prompt.
    Evicted,
    /// It ended, or could not start.
    Failed(Failure),
}

/// What went wrong, told apart because each needs another remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The program is not on `PATH`.
    NotInstalled,
    /// Not logged in, or the key is wrong.
    NotLoggedIn(String),
    /// Too many requests, until a time where known.
    RateLimited {
        /// When it may be tried again.
        until: Option<Time>,
        /// In the agent's words.
        message: String,
    },
    /// The model is not known to the agent.
    UnknownModel(String),
    /// The agent does not know the session.
    UnknownSession(String),
    /// Another process holds the session.
    HeldElsewhere(String),
    /// It ended on its own.
    Crashed {
        /// Its exit code, where it had one.
        code: Option<i32>,
        /// The last lines of its stderr.
        stderr: String,
    },
    /// Anything else, in the agent's words.
    Other(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |f: &mut std::fmt::Formatter<'_>, what: &str, message: &str| match message {
            "" => f.write_str(what),
            message => write!(f, "{what}: {message}"),
        };
        match self {
            Self::NotInstalled => f.write_str("its program is not on PATH"),
            Self::NotLoggedIn(message) => said(f, "not logged in", message),
            Self::RateLimited { until: None, message } => said(f, "too many requests", message),
            Self::RateLimited { until: Some(until), message } => {
                said(f, &format!("too many requests until {}", until.rfc3339()), message)
            }
            Self::UnknownModel(message) => said(f, "the model is not known", message),
            Self::UnknownSession(message) => said(f, "the session is not known to its agent", message),
            Self::HeldElsewhere(message) => said(f, "held by another program", message),
            Self::Crashed { code, stderr } => {
                let how = code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("ended with code {code}"));
                said(f, &how, stderr.lines().last().unwrap_or_default())
            }
            Self::Other(message) => f.write_str(message),
        }
    }
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Done,
    /// The user stopped it.
    Interrupted,
    /// It failed.
    Failed(Failure),
}

/// What a viewer sees of a run besides its transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct RunInfo {
    /// salon's id.
    pub id: RunId,
    /// Whose program runs.
    pub agent: Agent,
    /// Its directory.
    pub cwd: PathBuf,
    /// The agent's session, once it is known.
    pub session: Option<SessionKey>,
    /// What it is doing.
    pub phase: Phase,
    /// The present turn.
    pub turn: Turn,
    /// Model in use.
    pub model: Option<Arc<str>>,
    /// Permission mode in use.
    pub mode: Option<Arc<str>>,
    /// Reasoning effort in use.
    pub effort: Option<Arc<str>>,
    /// Questions that wait for the user.
    pub approvals: Vec<Approval>,
    /// Usage of the session so far.
    pub tokens: Tokens,
    /// Cost so far, in US dollars, where the agent tells it.
    pub cost_usd: Option<f64>,
    /// Tokens in the context window, and its size.
    pub context: Option<(u64, u64)>,
    /// What the agent offers.
    pub offers: Arc<Offers>,
    /// The queue waits for the user, after an interrupt or a failure.
    pub paused: bool,
    /// What went wrong last; kept for viewers who come later.
    pub failure: Option<Failure>,
    /// The process was told to end, and why.
    pub stopping: Option<Stopped>,
    /// The agent's process, where the run has one of its own.
    pub pid: Option<u32>,
    /// How the last turn ended; kept until the next one does.
    pub last: Option<Outcome>,
    /// Nothing came from the agent since then, for so long that it is worth a look. It is not ended for that.
    pub silent: Option<Time>,
    /// Prompts that wait: pending or being sent.
    pub queued: usize,
    /// Prompts that wait for the user: held or failed. While there are some, those behind them wait too.
    pub held: usize,
    /// When something happened last.
    pub active: Option<Time>,
}

impl RunInfo {
    /// A run whose process was just started.
    pub fn starting(id: RunId, agent: Agent, cwd: PathBuf) -> Self {
        Self {
            id,
            agent,
            cwd,
            session: None,
            phase: Phase::Starting,
            turn: Turn::default(),
            model: None,
            mode: None,
            effort: None,
            approvals: Vec::new(),
            tokens: Tokens::default(),
            cost_usd: None,
            context: None,
            offers: Arc::default(),
            paused: false,
            failure: None,
            stopping: None,
            pid: None,
            last: None,
            silent: None,
            queued: 0,
            held: 0,
            active: None,
        }
    }
}

/// What an agent offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Models: the name to use, and what a person reads.
    pub models: Vec<(String, String)>,
    /// Permission modes.
    pub modes: Vec<String>,
    /// Efforts.
    pub efforts: Vec<String>,
    /// Slash commands with what they do.
    pub commands: Vec<(String, String)>,
    /// Version of the agent.
    pub version: Option<String>,
}

/// Which conversation a run is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversation {
    /// A new one; the id is chosen beforehand where the agent allows it.
    New {
        /// The id to use.
        id: Option<Arc<str>>,
    },
    /// A past one goes on.
    Resume(Arc<str>),
    /// A copy of a past one.
    Fork(Arc<str>),
}

/// How a run shall begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Which conversation.
    pub conversation: Conversation,
    /// Its directory.
    pub cwd: PathBuf,
    /// Model, if not the agent's default.
    pub model: Option<String>,
    /// Permission mode, if not the agent's default.
    pub mode: Option<String>,
    /// Reasoning effort, if not the agent's default.
    pub effort: Option<String>,
    /// Further arguments for the agent's program, verbatim.
    pub extra: Vec<String>,
}

impl Opening {
    /// A conversation in a directory, everything else as the agent has it.
    pub fn new(conversation: Conversation, cwd: PathBuf) -> Self {
        Self { conversation, cwd, model: None, mode: None, effort: None, extra: Vec::new() }
    }
}

/// What can be set on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The model.
    Model(String),
    /// The permission mode.
    Mode(String),
    /// The reasoning effort.
    Effort(String),
}

/// A place in a run's history. Another epoch is another history: it must be read from the transcript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which history.
    pub epoch: u64,
    /// The id expected next.
    pub next: u64,
}

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub struct Happening {
    /// The turn it belongs to.
    pub turn: Turn,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// In the conversation.
    Event(Event),
    /// The agent asks, and waits.
    Approval(Approval),
    /// A question needs no answer any more: it was answered, here or elsewhere, or its turn is over.
    ApprovalGone(Arc<str>),
    /// A turn ended.
    TurnEnded(Outcome),
}

/// What a viewer gets.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Where to go on.
    pub cursor: Cursor,
    /// Happenings before what is held that the viewer has not seen; they stand in the transcript.
    pub missed: u64,
    /// What is held since the viewer's cursor.
    pub happenings: Vec<Item<Happening>>,
}

/// Why something that was asked of a run is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another salon holds it.
    HeldBy {
        /// Its process.
        pid: u32,
    },
    /// Another program has the session open; who, in words.
    OpenElsewhere(String),
    /// It could not be kept on disk, and nothing is kept in memory only; why, in words.
    NotKept(String),
    /// There is no such run.
    UnknownRun,
    /// It could not be started.
    Failed(Failure),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HeldBy { pid } => write!(f, "another salon (process {pid}) runs this session; follow it, or fork it"),
            Self::OpenElsewhere(who) => write!(f, "{who} has this session open; end it there, or fork the session"),
            Self::NotKept(why) => write!(f, "not accepted, because it could not be kept on disk: {why}"),
            Self::UnknownRun => f.write_str("there is no such run any more"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

/// What is known of an agent's models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models {
    /// The name to use, and what a person reads.
    pub list: Vec<(String, String)>,
    /// When the list was made; `None`: never.
    pub as_of: Option<Time>,
    /// Why it could not be made anew, in words.
    pub failure: Option<String>,
}
