//! What happens in a conversation. A stored transcript is read into the same events that a running agent emits.

use std::sync::Arc;

use serde_json::Value;

use super::transcript::{Action, PlanItem, ToolStatus};
use super::{Time, Tokens};

/// Identity of an entry: the same for a record on disk and for its streamed parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// The entry made by block `block` of the record or message `id`. FNV-1a: the same in every process.
    pub fn new(id: &str, block: u32) -> Self {
        let bytes = id.bytes().chain(block.to_le_bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
    }

    /// The key that [`raw`](Self::raw) gave.
    pub fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// As a number, to be stored.
    pub fn raw(self) -> u64 {
        self.0
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// The entry it opens or goes on with.
    pub key: Key,
    /// When, where known.
    pub time: Option<Time>,
    /// What.
    pub body: Body,
}

/// Text of an entry: a part to append, or all of it.
#[derive(Clone, Debug)]
pub enum Piece {
    /// To be appended.
    Delta(String),
    /// Replaces what was there.
    Whole(String),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Body {
    /// The user, or a caller, asked.
    Prompt(String),
    /// The agent answered.
    Text(Piece),
    /// The agent thought.
    Thinking(Piece),
    /// The agent called a tool.
    ToolCall {
        /// Id by which updates refer to it.
        id: Arc<str>,
        /// The tool's name, as the agent says it.
        name: Arc<str>,
        /// Its input, as the agent gave it.
        input: Value,
        /// What it does, in agent-neutral terms.
        action: Action,
    },
    /// A tool went on or ended. Fields that are `None` stay as they were.
    ToolUpdate {
        /// Id of the call.
        id: Arc<str>,
        /// How far it is.
        status: Option<ToolStatus>,
        /// What it printed.
        output: Option<Piece>,
        /// How long it ran, in ms.
        duration_ms: Option<u64>,
        /// The session of the sub-agent it started.
        subagent: Option<Arc<str>>,
        /// A better account of what it did (an edit's real patch, a command's exit code). A command without its
        /// line brings its exit code only.
        action: Option<Action>,
    },
    /// The agent's plan or to-do list, as it stands now.
    Plan(Vec<PlanItem>),
    /// Something that is neither the user nor the agent speaking: compaction, interruption, error.
    Notice {
        /// How bad.
        level: Level,
        /// In words.
        text: String,
    },
    /// An image or an attachment, by a label that names it.
    Image(String),
    /// Usage of the reply that the entry belongs to.
    Usage(Tokens),
    /// A turn ended.
    TurnEnd {
        /// How long it took, in ms.
        duration_ms: Option<u64>,
    },
    /// A kind that this version does not know, kept as it came.
    Other(String),
}

/// How bad a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// For information.
    Info,
    /// A boundary that changes what the agent remembers: compaction, rewind.
    Boundary,
    /// Worth a look: interrupted, denied.
    Warning,
    /// Went wrong.
    Error,
}
