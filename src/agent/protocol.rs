//! How an agent is driven: commands become what its wire carries, and what it says becomes signals.
//!
//! Codecs have no IO and no clock. A transport in `live` moves [`Outgoing`] to the agent and [`Incoming`] back.

use std::path::Path;
use std::sync::Arc;

use crate::domain::approval::{Answer, Approval};
use crate::domain::launch::Launch;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Activity, Failure, Offers, Outcome};
pub use crate::domain::run::{Conversation, Opening, Setting};
use crate::domain::{Event, Time, Tokens};

/// What the agent sent.
#[derive(Clone, Copy, Debug)]
pub enum Incoming<'a> {
    /// A line of its stdout, without the newline.
    Line(&'a [u8]),
    /// The answer to a request.
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
    /// The stream of events goes on after a gap: what happened in between must be asked for.
    Resumed,
}

/// What is to be sent to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A line for its stdin, without the newline.
    Line(Vec<u8>),
    /// An HTTP request.
    Request {
        /// Names the answer.
        id: u64,
        /// HTTP method.
        method: &'static str,
        /// Path with query.
        path: String,
        /// Headers besides those that every request has.
        headers: Vec<(&'static str, String)>,
        /// JSON body.
        body: Option<Vec<u8>>,
        /// A GET whose answer is the same for all who ask, and need not be of this very moment: it is asked once.
        shared: bool,
    },
}

/// What the user wants of a running agent.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin; sent once, first.
    Open(Opening),
    /// A prompt. `id` comes back in [`Signal::PromptAccepted`].
    Prompt {
        /// salon's id of it.
        id: PromptId,
        /// The text.
        text: String,
    },
    /// Stop the open turn.
    Interrupt,
    /// Answer an approval.
    Answer {
        /// The approval's id.
        id: Arc<str>,
        /// The answer.
        answer: Answer,
    },
    /// Another model, mode or effort for the next turns.
    Set(Setting),
    /// End in good order.
    Close,
}

/// What the agent told.
#[derive(Clone, Debug)]
pub enum Signal {
    /// Something happened in the conversation.
    Event(Event),
    /// The agent's id of the session became known, or changed.
    Session(Arc<str>),
    /// It can take prompts; what it offers.
    Ready(Offers),
    /// The agent has the prompt.
    PromptAccepted {
        /// salon's id of it.
        id: PromptId,
    },
    /// A turn began.
    TurnStarted,
    /// What the open turn is about changed.
    Activity(Activity),
    /// A turn ended. Exactly once a turn.
    TurnEnded(Outcome),
    /// The agent asks.
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
    /// It cannot go on: the run ends.
    Fatal(Failure),
}

/// What a transport must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A child's stdin and stdout, one line a message; one child a run.
    Lines,
    /// One HTTP server with server-sent events for all runs of the user.
    Server,
}

/// What must be known of an agent's HTTP server in order to start it and to speak to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// User name of its basic authentication.
    pub user: &'static str,
    /// Environment variable from which it takes its password.
    pub password: &'static str,
    /// Path that answers 200 as soon as it can be used.
    pub health: &'static str,
    /// Path of the stream of events of all sessions.
    pub events: &'static str,
    /// Path that lists its models.
    pub models: &'static str,
}

/// What comes of a command or of a message.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// What is told, in order.
    pub signals: Vec<Signal>,
    /// What is to be sent, in order.
    pub outgoing: Vec<Outgoing>,
}

/// One conversation's codec: keeps what must be remembered between messages.
pub trait Codec: Send {
    /// What is to be sent for a command, and what is told at once (a prompt is an event of the conversation).
    fn command(&mut self, command: Command, now: Time) -> Step;

    /// What the agent told, and what must be answered at once.
    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> Step;
}

/// How one agent is driven.
pub trait Protocol: Send + Sync {
    /// What carries it.
    fn wire(&self) -> Wire;

    /// The program to start: for a run, or once for all where the wire is a server.
    fn launch(&self, opening: &Opening) -> Launch;

    /// Variables to set for the child besides the user's own.
    fn environment(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What is to be known of its server, where the wire is one.
    fn server(&self) -> Option<ServerSpec> {
        None
    }

    /// Headers of requests that are about a directory, where the wire is a server.
    fn headers(&self, _directory: &Path) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Models, as [`Offers::models`] has them, out of what the server answered at [`ServerSpec::models`].
    fn models(&self, _body: &[u8]) -> Option<Vec<(String, String)>> {
        None
    }

    /// A new conversation's codec.
    fn codec(&self) -> Box<dyn Codec>;

    /// Why its process ended by itself, from its exit code and the end of its stderr.
    fn ended(&self, code: Option<i32>, stderr: &str) -> Failure {
        Failure::Crashed { code, stderr: stderr.to_owned() }
    }
}
