//! Messages between `salon serve` and its clients: one JSON object per line, in both directions.
//!
//! A client begins with [`Call::Hello`]. The server answers with [`ServerMessage::Hello`]; with another protocol version
//! it adds [`ServerMessage::Bye`] and closes. Otherwise it sends the current state (all recorded sessions, runs and
//! queues), then [`ServerMessage::Ready`], then every change. Each later call has an id, and
//! exactly one [`ServerMessage::Reply`] with the same id. Calls that change a queue are executed in the order in which they arrive.
//!
//! Sessions, transcripts and searches of the server's machine are requested by [`Call::Index`]; what the index sends comes as
//! [`ServerMessage::Index`]. Such a message of more than a kilobyte is compressed: see [`ServerMessage::Packed`].
//!
//! Names are in snake case: `{"id":3,"call":{"submit":{"run":"18a-2-0","text":"hello"}}}` and
//! `{"reply":{"id":3,"body":{"prompt":17}}}`. Times are milliseconds since 1970. Unknown fields are ignored.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::index_message::{IndexCall, IndexMessage};
use super::work_message::{WorkCall, WorkReply};
use crate::domain::backend::Backend;
use crate::domain::prompt::{Prompt, PromptId};
use crate::domain::run::{ModelCatalog, Refusal, RunId, RunInfo, RunStart};
use crate::domain::run_event::{Replay, RingCursor};
use crate::domain::run_request::RunRequest;
use crate::domain::{Agent, SessionKey};
use crate::live::LiveEvent;

/// Version of the protocol. Another version is refused, because a command that is misunderstood could cost money.
pub const PROTOCOL: u32 = 5;

/// Message of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientMessage {
    /// Id of the call; the reply has the same.
    pub id: u64,
    /// The call.
    pub call: Call,
    /// Number by which a call that is repeated after a lost connection is recognised: it is executed once, and each of the
    /// repetitions gets the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
}

/// Call of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// First message. Its shape is the same in all versions.
    Hello {
        /// Version of the protocol.
        protocol: u32,
        /// Version of the program.
        version: String,
    },
    /// Return the run of a session; create it if necessary. Replies with [`Reply::Run`].
    OpenRun {
        /// Agent of the session.
        agent: Agent,
        /// Conversation and settings.
        start: RunStart,
        /// First prompt.
        prompt: Option<String>,
    },
    /// Recreate a recorded run.
    OpenRecorded {
        /// The run.
        run: RunId,
    },
    /// Queue a prompt. Replies with [`Reply::Prompt`], once the prompt is on disk.
    Submit {
        /// The run.
        run: RunId,
        /// The prompt.
        text: String,
    },
    /// Execute a request to a run.
    Request(RunRequest),
    /// Return the queue of a run. Replies with [`Reply::Queue`].
    Queue {
        /// The run.
        run: RunId,
    },
    /// Send the events of a run from a cursor on, as [`ServerMessage::Replay`]. A run that does not exist yet is watched
    /// once it starts.
    Watch {
        /// The run.
        run: RunId,
        /// Position of the first event.
        cursor: RingCursor,
    },
    /// Send no more events of a run.
    Unwatch {
        /// The run.
        run: RunId,
    },
    /// Return the events after a cursor. Replies with [`Reply::Replay`].
    Since {
        /// The run.
        run: RunId,
        /// Position of the first event.
        cursor: RingCursor,
    },
    /// Return all backends, without their memory. Replies with [`Reply::Backends`].
    Backends,
    /// A draft was saved. A run with a draft keeps its process.
    DraftChanged {
        /// Key of the draft: the session, or `run:` and the run.
        key: String,
        /// False if the draft is empty.
        drafted: bool,
    },
    /// Return the models of an agent. Replies with [`Reply::Models`].
    Models {
        /// The agent.
        agent: Agent,
        /// Directory whose settings may add models.
        directory: PathBuf,
        /// Ask the agent although a list is cached.
        refresh: bool,
    },
    /// Request of the index of the server's machine. Refused by a server that only has runs.
    Index(IndexCall),
    /// Request about the files of sessions. Refused by a server that only has runs. Replies with [`Reply::Work`].
    Work(WorkCall),
    /// Stop all agents and end the server. Queued prompts are held.
    Shutdown,
}

/// Message of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerMessage {
    /// Answer to [`Call::Hello`]. Its shape is the same in all versions.
    Hello {
        /// Version of the protocol.
        protocol: u32,
        /// Version of the program.
        version: String,
        /// Process id of the server.
        pid: u32,
    },
    /// The current state was sent; changes follow.
    Ready,
    /// Reply to a call.
    Reply {
        /// Id of the call.
        id: u64,
        /// Result of the call.
        body: Reply,
    },
    /// A run is new or its state changed.
    Run(Arc<RunInfo>),
    /// Sessions of all recorded runs.
    Recorded(Vec<SessionKey>),
    /// A run was disposed of.
    Gone(RunId),
    /// A queue changed.
    Queued {
        /// The run.
        run: RunId,
        /// Its undelivered prompts, in the order of delivery.
        prompts: Vec<Prompt>,
    },
    /// A message for the user.
    Notice {
        /// The run that it is about, if any.
        run: Option<RunId>,
        /// Text of the message.
        text: String,
        /// True if it reports an error.
        error: bool,
    },
    /// Events of a watched run.
    Replay {
        /// The run.
        run: RunId,
        /// Its events since the last replay.
        replay: Replay,
    },
    /// Message of the index.
    Index(IndexMessage),
    /// A message of the index as compressed JSON: Base64 of a Zstandard frame.
    Packed(String),
    /// The server closes the connection.
    Bye {
        /// Reason for the user.
        reason: String,
    },
}

/// Result of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done.
    Done,
    /// The run.
    Run(RunId),
    /// Id of the accepted prompt.
    Prompt(PromptId),
    /// A queue, in the order of delivery.
    Queue(Vec<Prompt>),
    /// Events; `None` if the run has ended.
    Replay(Option<Replay>),
    /// Backends of the server.
    Backends(Vec<Backend>),
    /// Models of an agent.
    Models(ModelCatalog),
    /// Result of a request about files.
    Work(Box<WorkReply>),
    /// The call was refused.
    Refused(Refusal),
}

impl From<LiveEvent> for ServerMessage {
    fn from(event: LiveEvent) -> Self {
        match event {
            LiveEvent::Run(info) => Self::Run(info),
            LiveEvent::Recorded(sessions) => Self::Recorded(sessions),
            LiveEvent::Gone(run) => Self::Gone(run),
            LiveEvent::Queued(run, prompts) => Self::Queued { run, prompts },
            LiveEvent::Notice { run, text, error } => Self::Notice { run, text, error },
        }
    }
}

/// Encodes a message as one line, with its line feed.
pub fn encode(message: &impl Serialize) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    Ok(line)
}
