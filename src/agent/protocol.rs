//! The protocol interface of every agent that salon runs: commands are encoded, received messages become signals.
//!
//! Codecs have no IO and no clock. A transport in `live` sends [`Outgoing`] to the agent and returns [`Incoming`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::terminal_request::{TerminalRequest, TerminalResult};
use crate::domain::approval::{Approval, ApprovalAnswer};
use crate::domain::launch::Launch;
use crate::domain::prompt::{PromptId, PromptImage};
use crate::domain::run::{Activity, BackgroundTask, Capabilities, Quota, RunFailure, SubagentProgress, TurnOutcome};
pub use crate::domain::run::{Conversation, RunSetting, RunStart};
use crate::domain::transcript::PlanItem;
use crate::domain::{EntryKey, Event, Time, Tokens};

/// Message from the agent.
#[derive(Clone, Copy, Debug)]
pub enum Incoming<'a> {
    /// A line of its stdout, without the newline.
    Line(&'a [u8]),
    /// The response to a request.
    Response {
        /// Id of the [`Outgoing::Request`].
        id: u64,
        /// HTTP status.
        status: u16,
        /// Body.
        body: &'a [u8],
    },
    /// The data of a server-sent event.
    ServerEvent(&'a [u8]),
    /// The event stream continues after a gap: the codec must query the state that it may have missed.
    Resumed,
    /// The result of an [`Outgoing::File`].
    File {
        /// Its id.
        id: u64,
        /// Text that was read; empty after a write.
        result: Result<&'a str, &'a FileError>,
    },
    /// The result of an [`Outgoing::Terminal`].
    Terminal {
        /// Its id.
        id: u64,
        /// The result.
        result: Result<&'a TerminalResult, &'a FileError>,
    },
}

/// Message to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A line for its stdin, without the newline.
    Line(Vec<u8>),
    /// An HTTP request.
    Request {
        /// Id that the response refers to.
        id: u64,
        /// HTTP method.
        method: &'static str,
        /// Path with query.
        path: String,
        /// Headers besides those that every request has.
        headers: Vec<(&'static str, String)>,
        /// JSON body.
        body: Option<Vec<u8>>,
        /// True for a GET whose response is the same for all runs and may be slightly stale: it is cached and shared.
        shared: bool,
        /// Time to wait before it, because it asks again what was just answered.
        pause: Duration,
    },
    /// A file that the agent reads or writes through salon. The transport executes the request.
    File {
        /// Id that the result refers to.
        id: u64,
        /// The request.
        request: FileRequest,
    },
    /// A command that the agent runs through salon. The transport executes the request.
    Terminal {
        /// Id that the result refers to.
        id: u64,
        /// The request.
        request: TerminalRequest,
    },
}

/// Request of an agent to read or write a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// Directory that the path must not leave.
    pub root: PathBuf,
    /// Absolute path of the file.
    pub path: PathBuf,
    /// Operation.
    pub operation: FileOperation,
}

/// Operation on a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOperation {
    /// Reads the file, or a part of it.
    Read {
        /// First line, from 1.
        line: Option<u32>,
        /// Maximum number of lines.
        limit: Option<u32>,
    },
    /// Replaces the content; creates the file if it does not exist.
    Write(String),
}

/// Reason for not reading or writing a file, or not running a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// The path is not allowed.
    Refused(String),
    /// The file, or the terminal, does not exist.
    NotFound(String),
    /// Any other failure.
    Failed(String),
}

/// Command of the user to a running agent.
#[derive(Clone, Debug, PartialEq)]
pub enum ProtocolCommand {
    /// Start the conversation; sent once, first.
    Open(RunStart),
    /// A prompt. `id` is returned in [`ProtocolSignal::PromptAccepted`].
    Prompt {
        /// salon's id of the prompt.
        id: PromptId,
        /// The text.
        text: String,
        /// Images that the text mentions.
        images: Vec<PromptImage>,
    },
    /// A prompt that joins the open turn. Either accepted, or refused by [`ProtocolSignal::SteerRefused`].
    Steer {
        /// salon's id of the prompt.
        id: PromptId,
        /// The text.
        text: String,
        /// Images that the text mentions.
        images: Vec<PromptImage>,
    },
    /// Interrupt the open turn.
    Interrupt,
    /// Answer an approval.
    Answer {
        /// The approval's id.
        id: Arc<str>,
        /// The answer.
        answer: ApprovalAnswer,
    },
    /// Change the model, mode or effort of the next turns.
    Set(RunSetting),
    /// Stop a background task, by its id.
    StopTask(Arc<str>),
    /// Shut down gracefully.
    Close,
}

/// Decoded message of the agent.
#[derive(Clone, Debug)]
pub enum ProtocolSignal {
    /// An event of the conversation.
    Event(Event),
    /// An event of the conversation before this process, which the agent repeats because salon has no record of it.
    Replayed(Event),
    /// The agent's id of the session became known, or changed.
    Session(Arc<str>),
    /// The agent accepts prompts; its models, modes and commands.
    Ready(Capabilities),
    /// The agent received the prompt. It may still be lost if the agent is killed.
    PromptAccepted {
        /// salon's id of the prompt.
        id: PromptId,
    },
    /// The agent's own record contains the prompt: this signal follows its write.
    PromptRecorded {
        /// salon's id of the prompt.
        id: PromptId,
    },
    /// The prompt could not join the open turn, and the agent does not have it.
    SteerRefused {
        /// salon's id of the prompt.
        id: PromptId,
        /// Reason, for the user.
        reason: String,
    },
    /// A turn began.
    TurnStarted,
    /// The activity of the open turn changed.
    Activity(Activity),
    /// A turn ended. Sent exactly once per turn.
    TurnEnded(TurnOutcome),
    /// The agent requests an approval.
    Approval(Approval),
    /// An approval needs no answer any more.
    ApprovalGone(Arc<str>),
    /// Model, mode or effort in use.
    Settings {
        /// Model.
        model: Option<Arc<str>>,
        /// Permission mode.
        mode: Option<Arc<str>>,
        /// Effort.
        effort: Option<Arc<str>>,
    },
    /// Usage of the session so far.
    Usage {
        /// Tokens.
        tokens: Option<Tokens>,
        /// Cost in US dollars.
        cost_usd: Option<f64>,
        /// Tokens in the context window, and its size.
        context: Option<(u64, u64)>,
    },
    /// Used part of the account's limit.
    Quota(Quota),
    /// All tasks that run in the background now.
    BackgroundTasks(Vec<BackgroundTask>),
    /// Task list of the session, if it is more than one call's plan.
    Plan(Vec<PlanItem>),
    /// Title that the agent gave the session.
    Title(String),
    /// Sessions that the agent lists.
    Listed(Vec<ListedSession>),
    /// Progress of a sub-agent. It ends with the call that started it, or with the turn.
    Subagent(SubagentProgress),
    /// A failure that ends the run.
    Fatal(RunFailure),
}

/// A session in an agent's own list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// The agent's id of the session.
    pub id: Arc<str>,
    /// Directory of the session.
    pub cwd: String,
    /// Title; empty if it has none.
    pub title: String,
    /// Time of its last change, if known.
    pub updated: Option<Time>,
}

/// Transport that a protocol requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Stdin and stdout of a child process, one message per line; one child per run.
    Lines,
    /// One HTTP server with server-sent events for all runs of the user.
    Server,
}

/// Words by which a server's failure says that its version has another interface; the version precedes them.
pub const UNKNOWN_INTERFACE: &str = "has an interface that salon does not drive";

/// Words by which a server's failure says that it does not accept the password.
pub const REJECTED_PASSWORD: &str = "rejected the password";

/// Parameters for starting and calling an agent's HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// User name of its basic authentication.
    pub user: &'static str,
    /// Environment variable that passes the password to it.
    pub password: &'static str,
    /// Path that answers 200 as soon as the server is ready.
    pub health: &'static str,
    /// Path at which a server with another interface reports its version.
    pub info: &'static str,
    /// Interface of the agent's next generation, which a server has that lacks the path of the health.
    pub next: Option<&'static ServerSpec>,
    /// Path of the event stream of all sessions.
    pub events: &'static str,
    /// Path that lists its models.
    pub models: &'static str,
}

impl ServerSpec {
    /// Interface of the newest generation of the agent.
    #[must_use]
    pub fn newest(&self) -> Self {
        self.next.map_or(*self, Self::newest)
    }
}

/// A server that the user's own program runs in the background, with what it registered for its clients.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisteredServer {
    /// Listening address.
    pub address: SocketAddr,
    /// Password for basic authentication; empty if it has none.
    pub password: String,
    /// Process id.
    pub pid: u32,
    /// Version, if it is registered.
    pub version: Option<String>,
}

/// Omits the password.
impl std::fmt::Debug for RegisteredServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisteredServer")
            .field("address", &self.address)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// Result of encoding a command or decoding a message.
#[derive(Clone, Debug, Default)]
pub struct CodecStep {
    /// Signals, in order.
    pub signals: Vec<ProtocolSignal>,
    /// Messages to send, in order.
    pub outgoing: Vec<Outgoing>,
}

/// Codec of one conversation; stores the state between messages.
pub trait Codec: Send {
    /// Encodes a command. May signal at once: a prompt is an event of the conversation.
    fn command(&mut self, command: ProtocolCommand, now: Time) -> CodecStep;

    /// Decodes a message, and returns the replies that the protocol requires at once.
    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> CodecStep;
}

/// Change of how an agent is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchChange {
    /// Arguments to add.
    pub args: Vec<String>,
    /// Environment variables to set.
    pub vars: Vec<(String, String)>,
}

/// A folder whose settings are not loaded, because the user never trusted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedProject {
    /// Option of the agent's program that controls which settings are loaded.
    pub option: &'static str,
    /// Change that starts the agent without the folder's settings; `None` if it cannot be started without them.
    pub restricted: Option<LaunchChange>,
    /// Change that starts it with them, although it has not recorded that the user trusts the folder.
    pub trusted: LaunchChange,
    /// Files that are not loaded.
    pub settings: Vec<PathBuf>,
    /// Programs that they make the agent run, each with its occasion; not all if there are very many.
    pub programs: Vec<String>,
    /// Explanation how to trust the folder, for the user.
    pub advice: String,
}

/// Protocol of one agent.
pub trait Protocol: Send + Sync {
    /// Transport that the protocol requires.
    fn transport(&self) -> Transport;

    /// Command line to start: one per run, or one for all runs if the transport is a server.
    fn launch(&self, opening: &RunStart) -> Launch;

    /// Environment variables to set for the child besides the user's own.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// True if salon reads the agent's own record of a session; else salon keeps one.
    fn has_record(&self) -> bool {
        true
    }

    /// Parameters of its server, if the transport is one.
    fn server(&self) -> Option<ServerSpec> {
        None
    }

    /// Server that the user's own program registered for its clients, if there is one. `vars` is the user's environment.
    fn registered_server(&self, _vars: &[(String, String)]) -> Option<RegisteredServer> {
        None
    }

    /// Name of the interface for users, if it can do less than the agent's own.
    fn reduced_interface(&self) -> Option<&'static str> {
        None
    }

    /// Path at which the server lists the models for a directory.
    fn models_path(&self, _directory: &Path) -> Option<String> {
        self.server().map(|spec| spec.models.to_owned())
    }

    /// Headers of requests about a directory, if the transport is a server.
    fn headers(&self, _directory: &Path) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Request by which the agent's server renames a session of a directory. `None` if there is none.
    fn rename_request(&self, _session: &str, _directory: &Path, _title: &str) -> Option<Outgoing> {
        None
    }

    /// Request by which the agent's server takes back a conversation from the prompt with this record on, or all that it
    /// took back so if there is none. `None` if it cannot.
    fn revert_request(&self, _session: &str, _directory: &Path, _record: Option<&str>) -> Option<Outgoing> {
        None
    }

    /// Parses the server's response at [`Self::models_path`] into models, as in [`Capabilities::models`].
    fn models(&self, _body: &[u8]) -> Option<Vec<(String, String)>> {
        None
    }

    /// Capabilities of its known versions, for the time before a run reports its own.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Returns true if a prompt can join an open turn; see [`ProtocolCommand::Steer`].
    fn can_steer(&self) -> bool {
        false
    }

    /// Returns true if single calls change its tasks by their ids, so that a resumed session needs those of before.
    fn changes_tasks_by_id(&self) -> bool {
        false
    }

    /// Key of the entry under which the agent stores a prompt that was sent at `sent`. `None` if it keeps no id of
    /// salon's.
    fn prompt_key(&self, _session: &str, _id: PromptId, _sent: Time) -> Option<EntryKey> {
        None
    }

    /// Returns the restriction for a folder whose own settings would run programs, and that the user never trusted in the
    /// agent; `None` if the agent itself asks, or ignores such settings. `vars` is the user's environment.
    fn untrusted_project(&self, _vars: &[(String, String)], _cwd: &Path) -> Option<UntrustedProject> {
        None
    }

    /// Another protocol of the agent, by which it can be driven after this failure.
    fn fallback(&self, _failure: &RunFailure) -> Option<&'static dyn Protocol> {
        None
    }

    /// Creates a new conversation's codec.
    fn codec(&self) -> Box<dyn Codec>;

    /// Reason why its process ended by itself, from its exit code and the end of its stderr.
    fn ended(&self, code: Option<i32>, stderr: &str) -> RunFailure {
        RunFailure::Crashed { code, stderr: stderr.to_owned() }
    }
}
