//! One line of a rollout, told apart by its first bytes.
//!
//! All that a summary needs is which kind a line is, when it was written and where its payload begins. Lines are
//! long (outputs, encrypted reasoning) and there are very many, so nothing here parses more of them than that.

use memchr::memmem::Finder;

use super::find::{self, behind, field, number, until_quote};
use crate::agent::jsonl::{Pull, Text};

/// A line that has the form of a record.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// When it was written, as it stands there; empty in the oldest files.
    pub time: &'a str,
    /// What it is.
    pub kind: Kind,
    /// From the payload's opening brace to the end of the line (beyond the payload's end). The whole line in the
    /// oldest files, which have no payload.
    pub payload: &'a [u8],
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Head of the file, or of one that was copied into it.
    Meta,
    /// The settings of a turn.
    TurnContext,
    /// The history was replaced by a summary.
    Compacted,
    /// Usage of one reply.
    UsageRecord,
    /// A message of the model's conversation.
    Message,
    /// Reasoning in the model's conversation.
    Reasoning,
    /// A tool call of the model.
    Call,
    /// What a tool returned to the model.
    CallOutput,
    /// An event: what the user typed.
    UserMessage,
    /// An event: what the agent answered.
    AgentMessage,
    /// An event: what the agent thought.
    AgentReasoning,
    /// An event: usage so far.
    TokenCount,
    /// An event: a turn began.
    Started,
    /// An event: a turn ended.
    Complete,
    /// An event: a turn was stopped.
    Aborted,
    /// An event: something went wrong.
    Error,
    /// An event: turns were taken back.
    RolledBack,
    /// An event: a tool ended, with a better account than the model got.
    CallEnd,
    /// An event: an item of the conversation is complete.
    Item(Item),
    /// Nothing that is shown.
    Aside,
}

/// What a completed item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// What the user typed.
    User,
    /// What the agent answered.
    Agent,
    /// What the agent thought.
    Reasoning,
    /// A plan that the agent proposes.
    Plan,
    /// A tool's work: command, file change, MCP, sub-agent, search …
    Tool,
    /// Nothing that is shown: compaction is told by its own line.
    Aside,
    /// Of a kind that this version does not know.
    Unknown,
}

impl<'a> Line<'a> {
    /// Takes a line apart; `None` where it is no record: not JSON, cut off, or with another line run into it.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii();
        if bytes.last() != Some(&b'}') || bytes.first() != Some(&b'{') {
            return None;
        }
        Self::wrapped(bytes).or_else(|| Self::slow(bytes))
    }

    /// The form that Codex writes: fixed fields in a fixed order.
    fn wrapped(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"{\"timestamp\":\"")?;
        let (time, mut rest) = until_quote(rest, 40)?;
        if let Some(ordinal) = rest.strip_prefix(b",\"ordinal\":") {
            let digits = ordinal.iter().take_while(|byte| byte.is_ascii_digit()).count();
            rest = &ordinal[digits..];
        }
        let (kind, rest) = until_quote(rest.strip_prefix(b",\"type\":\"")?, 40)?;
        let payload = rest.strip_prefix(b",\"payload\":")?;
        let time = std::str::from_utf8(time).ok()?;
        Some(Self { time, kind: kind_of(kind, payload)?, payload })
    }

    /// Any other order of fields, and the files of before 0.32.
    #[cold]
    fn slow(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let value: Loose<'_> = serde_json::from_str(text).ok()?;
        let time = value.timestamp.unwrap_or_default();
        if let (Some(kind), Some(payload)) = (value.r#type, value.payload) {
            let payload = payload.get().as_bytes();
            return Some(Self { time, kind: kind_of(kind.as_bytes(), payload)?, payload });
        }
        let kind = match value.r#type {
            Some(kind) => response(kind.as_bytes()),
            None if value.id.is_some() => Kind::Meta,
            None => Kind::Aside,
        };
        Some(Self { time, kind, payload: bytes })
    }

    /// The id by which a call, its output and its item belong together.
    pub fn call_id(&self) -> Option<&'a [u8]> {
        match self.kind {
            Kind::Item(_) => self.item_field(&find::ID),
            _ => field(self.payload, &find::CALL_ID).or_else(|| field(self.payload, &find::ID)),
        }
    }

    /// A text field of the item: the first of that name after the item's brace.
    pub fn item_field(&self, name: &Finder<'_>) -> Option<&'a [u8]> {
        field(behind(self.payload, &find::ITEM)?, name)
    }

    /// The first text in what the line says.
    pub fn text(&self) -> Option<Text<'a>> {
        let name = match self.kind {
            Kind::UserMessage | Kind::AgentMessage => &find::MESSAGE,
            _ => &find::TEXT,
        };
        // One step back, so that the text is read from its quote on.
        let at = name.find(self.payload)? + name.needle().len() - 1;
        Pull::new(&self.payload[at..]).text().ok().flatten()
    }

    /// Whether there is anything to show in it.
    pub fn says_something(&self) -> bool {
        match self.kind {
            Kind::Item(Item::Reasoning) => ["\"summary_text\":[\"", "\"raw_content\":[\""]
                .iter()
                .any(|list| Finder::new(list).find(self.payload).is_some()),
            _ => self.text().is_some_and(|text| !text.is_blank()),
        }
    }

    /// Whether the end of a call says that it failed; a few bytes at both ends of an output tell.
    pub fn tells_failure(&self) -> bool {
        let code = match self.kind {
            Kind::CallOutput => {
                let Some(output) = behind(self.payload, &find::OUTPUT) else { return false };
                let (head, tail) = (&output[..output.len().min(300)], &output[output.len().saturating_sub(400)..]);
                if head.starts_with(b"Chunk ID:") || head.starts_with(b"Wall time:") || head.starts_with(b"Exit code:")
                {
                    number(head, &Finder::new("xited with code ")).or_else(|| number(head, &Finder::new("Exit code: ")))
                } else if head.starts_with(b"{") {
                    number(tail, &find::INNER_EXIT_CODE)
                } else {
                    return ["rejected by user", "verification failed", "exec_command failed"]
                        .iter()
                        .any(|words| Finder::new(words).find(head).is_some());
                }
            }
            _ => match field(self.payload, &find::STATUS) {
                Some(b"failed" | b"declined") => return true,
                _ if behind(self.payload, &find::SUCCESS).is_some_and(|rest| rest.starts_with(b"false")) => {
                    return true;
                }
                _ => number(self.payload, &find::EXIT_CODE),
            },
        };
        code.is_some_and(|code| code != 0)
    }

    /// The payload as a value: only what belongs to it, whatever follows on the line.
    pub fn value(&self) -> Option<serde_json::Value> {
        let mut values = serde_json::Deserializer::from_slice(self.payload).into_iter();
        values.next()?.ok()
    }

    /// The payload, read into a struct.
    pub fn read<T: serde::Deserialize<'a>>(&self) -> Option<T> {
        let mut deserializer = serde_json::Deserializer::from_slice(self.payload);
        T::deserialize(&mut deserializer).ok()
    }

    /// The ordinal of a line of a paginated rollout.
    pub fn ordinal(bytes: &[u8]) -> Option<u64> {
        number(&bytes[..bytes.len().min(80)], &find::ORDINAL)
    }
}

#[derive(serde::Deserialize)]
struct Loose<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a str>,
    #[serde(borrow)]
    r#type: Option<&'a str>,
    #[serde(borrow)]
    id: Option<&'a str>,
    #[serde(borrow)]
    payload: Option<&'a serde_json::value::RawValue>,
}

fn kind_of(kind: &[u8], payload: &[u8]) -> Option<Kind> {
    if payload.first() != Some(&b'{') {
        return None;
    }
    Some(match kind {
        b"session_meta" => Kind::Meta,
        b"turn_context" => Kind::TurnContext,
        b"compacted" => Kind::Compacted,
        b"token_usage_record" => Kind::UsageRecord,
        b"response_item" => response(payload_type(payload)?),
        b"event_msg" => event(payload_type(payload)?, payload),
        _ => Kind::Aside,
    })
}

/// The payload's own type, which is its first field wherever it matters.
fn payload_type(payload: &[u8]) -> Option<&[u8]> {
    match payload.strip_prefix(b"{\"type\":\"") {
        Some(rest) => until_quote(rest, 60).map(|(value, _)| value),
        None => field(payload, &find::TYPE),
    }
}

fn response(kind: &[u8]) -> Kind {
    match kind {
        b"message" => Kind::Message,
        b"reasoning" => Kind::Reasoning,
        kind if kind.ends_with(b"_call") => Kind::Call,
        kind if kind.ends_with(b"_output") => Kind::CallOutput,
        _ => Kind::Aside,
    }
}

fn event(kind: &[u8], payload: &[u8]) -> Kind {
    match kind {
        b"user_message" => Kind::UserMessage,
        b"agent_message" => Kind::AgentMessage,
        b"agent_reasoning" => Kind::AgentReasoning,
        b"token_count" => Kind::TokenCount,
        b"task_started" | b"turn_started" => Kind::Started,
        b"task_complete" | b"turn_complete" => Kind::Complete,
        b"turn_aborted" => Kind::Aborted,
        b"error" => Kind::Error,
        b"thread_rolled_back" => Kind::RolledBack,
        b"exec_command_end" | b"patch_apply_end" | b"mcp_tool_call_end" => Kind::CallEnd,
        b"item_completed" => Kind::Item(item(payload)),
        _ => Kind::Aside,
    }
}

fn item(payload: &[u8]) -> Item {
    behind(payload, &find::ITEM).and_then(|item| field(item, &find::TYPE)).map_or(Item::Aside, item_of)
}

/// What an item of that type is.
pub fn item_of(kind: &[u8]) -> Item {
    match kind {
        b"UserMessage" => Item::User,
        b"AgentMessage" => Item::Agent,
        b"Reasoning" => Item::Reasoning,
        b"Plan" => Item::Plan,
        b"CommandExecution"
        | b"FileChange"
        | b"McpToolCall"
        | b"CollabAgentToolCall"
        | b"DynamicToolCall"
        | b"WebSearch"
        | b"ImageView"
        | b"ImageGeneration" => Item::Tool,
        // What a review found is said by a message as well.
        b"ContextCompaction" | b"HookPrompt" | b"EnteredReviewMode" | b"ExitedReviewMode" => Item::Aside,
        _ => Item::Unknown,
    }
}
