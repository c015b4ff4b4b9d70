//! Conversation events. Stored transcripts and running agents produce the same events.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tool::{PlanItem, ToolAction, ToolStatus};
use super::{Time, Tokens};

/// Identity of an entry: the same for a record on disk and for its streamed parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryKey(u64);

impl EntryKey {
    /// Key of the entry from block `block` of the record or message `id`. FNV-1a, so equal in every process.
    pub fn new(id: &str, block: u32) -> Self {
        let bytes = id.bytes().chain(block.to_le_bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
    }

    /// Restores a key from its [`raw`](Self::raw) number.
    pub fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Number form, for storage.
    pub fn raw(self) -> u64 {
        self.0
    }
}

/// One event of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Entry that the event opens or updates.
    pub key: EntryKey,
    /// Time of the event, if known.
    pub time: Option<Time>,
    /// Content of the event.
    pub body: EventBody,
}

/// Streamed text of an entry: a part to append, or the complete text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta {
    /// Text to append.
    Append(String),
    /// Text that replaces the current one.
    Replace(String),
    /// Text that replaces a shorter one: agents store an output twice, once cut for the model.
    Longest(String),
}

/// Content of an event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventBody {
    /// Prompt of the user or of a caller.
    Prompt(String),
    /// Answer of the agent.
    Text(Delta),
    /// Reasoning of the agent.
    Thinking(Delta),
    /// Tool call of the agent.
    ToolCall {
        /// Id by which updates refer to the call.
        id: Arc<str>,
        /// Tool name as the agent reports it.
        name: Arc<str>,
        /// Tool input as the agent reports it.
        input: Value,
        /// Operation in agent-neutral terms.
        action: ToolAction,
    },
    /// Progress or end of a tool call. Fields that are `None` keep their value.
    ToolUpdate {
        /// Id of the call.
        id: Arc<str>,
        /// New status.
        status: Option<ToolStatus>,
        /// Output of the tool.
        output: Option<Delta>,
        /// Duration in ms.
        duration_ms: Option<u64>,
        /// Session id of the sub-agent that the tool started.
        subagent: Option<Arc<str>>,
        /// More exact operation: the patch of an edit, the exit code of a command. A command with an empty line
        /// contributes its exit code only.
        action: Option<ToolAction>,
    },
    /// Current plan or to-do list of the agent.
    Plan(Vec<PlanItem>),
    /// Message of neither the user nor the agent: compaction, interruption, error.
    Notice {
        /// Severity.
        level: NoticeLevel,
        /// Text for the reader.
        text: String,
    },
    /// Image or attachment, by its label.
    Image(String),
    /// Token usage of the reply to which the entry belongs.
    Usage(Tokens),
    /// Sender of a prompt that a program passed on: a teammate, another session, a channel.
    Sender(Arc<str>),
    /// End of a turn.
    TurnEnd {
        /// Duration in ms.
        duration_ms: Option<u64>,
    },
    /// Record of a kind that this version does not support, unchanged.
    Other(String),
}

/// Severity of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    /// Information.
    Info,
    /// Boundary that changes the agent's context: compaction, rewind.
    Boundary,
    /// Interruption or denial.
    Warning,
    /// Failure.
    Error,
}

impl NoticeLevel {
    /// Identifier in JSON and in `state.db`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Boundary => "boundary",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
