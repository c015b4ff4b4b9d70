//! Messages and parts as OpenCode stores them, and the one rule that decides which of them make entries.
//!
//! Verified with 1.1.65, 1.2.27 and 1.18.33. Summaries count by [`kind`] and [`error_entry`], and transcripts are built
//! from them; no other code may decide this. Only the fields that the rule needs are parsed; texts are skipped.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};

use crate::agent::nesting::shallow;
use crate::domain::{Time, Tokens};

/// A message and its parts in order, as stored.
#[derive(Clone, Debug, Default)]
pub struct OpenCodeMessage {
    pub id: String,
    /// The message's JSON; empty if its row or file is missing.
    pub data: String,
    pub parts: Vec<OpenCodePart>,
    /// Stored form, if `data` and `parts` were converted from another one.
    pub stored: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct OpenCodePart {
    pub id: String,
    pub data: String,
}

/// Fields of a message without its parts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MessageHead<'a> {
    /// `user` or `assistant`.
    #[serde(borrow)]
    pub role: Cow<'a, str>,
    pub time: Timestamps,
    /// Model of an assistant's message.
    #[serde(borrow, rename = "modelID")]
    pub model_id: Option<Cow<'a, str>>,
    /// Provider of an assistant's message.
    #[serde(borrow, rename = "providerID")]
    pub provider_id: Option<Cow<'a, str>>,
    /// Model and provider that a user's message requests.
    #[serde(borrow)]
    pub model: Option<ModelRef<'a>>,
    /// Cost of this reply in US dollars.
    pub cost: Option<f64>,
    /// Usage of this reply.
    pub tokens: Option<OpenCodeUsage>,
    /// Error that ended it.
    #[serde(borrow)]
    pub error: Option<MessageError<'a>>,
}

/// Times of a message or a part, in ms since 1970.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Timestamps {
    /// Creation of a message.
    pub created: Option<f64>,
    /// Completion of a message.
    pub completed: Option<f64>,
    /// Start of a part.
    pub start: Option<f64>,
    /// End of a part.
    pub end: Option<f64>,
}

/// A model by name, as in a user's message and in a session's row.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModelRef<'a> {
    /// Name in messages.
    #[serde(borrow, rename = "modelID")]
    pub name: Option<Cow<'a, str>>,
    /// Name in rows.
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "providerID")]
    pub provider_id: Option<Cow<'a, str>>,
}

/// Token counts in OpenCode's categories.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OpenCodeUsage {
    input: f64,
    output: f64,
    reasoning: f64,
    cache: CacheUsage,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheUsage {
    read: f64,
    write: f64,
}

/// Error that ended a message early.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MessageError<'a> {
    /// `APIError`, `MessageAbortedError` …
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub data: MessageErrorData<'a>,
}

/// Details of a [`MessageError`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MessageErrorData<'a> {
    #[serde(borrow)]
    pub message: Option<Cow<'a, str>>,
}

/// Fields of a part that the rule needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PartHead<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    text: HasText,
    prompt: HasText,
    synthetic: Option<bool>,
    ignored: Option<bool>,
    #[serde(borrow)]
    state: StateHead<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StateHead<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
}

/// True if a text has non-blank characters; the text itself is not stored.
#[derive(Clone, Copy, Debug, Default)]
struct HasText(bool);

impl<'de> Deserialize<'de> for HasText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = HasText;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<HasText, E> {
                Ok(HasText(!text.trim_start().is_empty()))
            }
            fn visit_unit<E>(self) -> Result<HasText, E> {
                Ok(HasText(false))
            }
            fn visit_bool<E>(self, _: bool) -> Result<HasText, E> {
                Ok(HasText(true))
            }
            fn visit_i64<E>(self, _: i64) -> Result<HasText, E> {
                Ok(HasText(true))
            }
            fn visit_u64<E>(self, _: u64) -> Result<HasText, E> {
                Ok(HasText(true))
            }
            fn visit_f64<E>(self, _: f64) -> Result<HasText, E> {
                Ok(HasText(true))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<HasText, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(HasText(false))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<HasText, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(HasText(false))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// Kind of entry that a part makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Prompt of the user.
    Prompt,
    /// Command of the user that a sub-agent executes.
    Subtask,
    /// Answer of the agent.
    Text,
    /// Reasoning of the agent.
    Thinking,
    /// Tool call.
    Tool(ToolOutcome),
    /// Attachment.
    File,
    /// Compaction of the conversation.
    Compaction,
    /// Retry of a model request.
    Retry,
    /// Part of a type unknown to this version.
    Other,
    /// Error or interruption of the message itself, which is no part.
    Error {
        /// True if the user interrupted it.
        aborted: bool,
    },
}

/// Outcome of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolOutcome {
    /// Not started.
    Pending,
    /// Running, as far as the record shows.
    Running,
    /// Succeeded.
    Done,
    /// Failed.
    Failed,
    /// Denied by the user.
    Denied,
    /// Interrupted.
    Interrupted,
}

impl PartKind {
    /// True for a prompt to jump to.
    pub fn is_prompt(self) -> bool {
        matches!(self, Self::Prompt | Self::Subtask)
    }

    /// True for an error to jump to.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Tool(ToolOutcome::Failed) | Self::Error { aborted: false })
    }
}

/// Fields of a message that the rule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageState {
    /// True for the user's messages.
    pub user: bool,
    /// True if it ended, successfully or not.
    pub complete: bool,
}

/// Kind of the entry that a part makes, if any.
pub fn kind(state: MessageState, part: &PartHead<'_>) -> Option<PartKind> {
    let hidden = part.synthetic == Some(true) || part.ignored == Some(true);
    match &*part.kind {
        "text" if hidden || !part.text.0 => None,
        "text" if state.user => Some(PartKind::Prompt),
        "text" => Some(PartKind::Text),
        "reasoning" => part.text.0.then_some(PartKind::Thinking),
        "tool" => Some(PartKind::Tool(outcome(state, &part.state))),
        "file" => Some(PartKind::File),
        "compaction" => Some(PartKind::Compaction),
        "retry" => Some(PartKind::Retry),
        "subtask" => part.prompt.0.then_some(PartKind::Subtask),
        // The prompt's text contains agents named with `@`; the other types are book-keeping.
        "agent" | "step-start" | "step-finish" | "snapshot" | "patch" => None,
        _ => Some(PartKind::Other),
    }
}

/// Kind of the entry that a message makes after those of its parts, if any.
pub fn error_entry(head: &MessageHead<'_>) -> Option<PartKind> {
    head.error.as_ref().map(|error| PartKind::Error { aborted: error.name == "MessageAbortedError" })
}

fn outcome(message: MessageState, state: &StateHead<'_>) -> ToolOutcome {
    match &*state.status {
        "completed" => ToolOutcome::Done,
        "error" => match state.error.as_deref().unwrap_or_default() {
            text if text.contains("rejected permission") || text.contains("dismissed this question") => {
                ToolOutcome::Denied
            }
            text if text.contains("aborted") => ToolOutcome::Interrupted,
            _ => ToolOutcome::Failed,
        },
        // A complete message has no running tools; they were killed with it.
        _ if message.complete => ToolOutcome::Interrupted,
        "running" => ToolOutcome::Running,
        _ => ToolOutcome::Pending,
    }
}

/// Parses the head of a message.
pub fn head(data: &str) -> Option<MessageHead<'_>> {
    sonic_rs::from_str(shallow(data)?).ok()
}

/// Parses the fields of a part that the rule needs.
pub fn part_head(data: &str) -> Option<PartHead<'_>> {
    sonic_rs::from_str(shallow(data)?).ok()
}

/// An entry of a message: the index of its part (`None` for the message itself), and its kind.
pub type EntrySlot = (Option<usize>, PartKind);

/// Entries of a message in order, and the number of unreadable records in it.
pub fn outline(record: &OpenCodeMessage) -> (Vec<EntrySlot>, u32) {
    let Some(head) = head(&record.data) else {
        return (Vec::new(), 1);
    };
    let mut slots = Vec::new();
    let mut unreadable = 0;
    for (at, part) in record.parts.iter().enumerate() {
        match part_head(&part.data) {
            Some(part) => slots.extend(kind(head.state(), &part).map(|kind| (Some(at), kind))),
            None => unreadable += 1,
        }
    }
    slots.extend(error_entry(&head).map(|kind| (None, kind)));
    (slots, unreadable)
}

impl MessageHead<'_> {
    pub fn state(&self) -> MessageState {
        MessageState { user: self.role == "user", complete: self.time.completed.is_some() || self.error.is_some() }
    }

    /// Model as in OpenCode's options: `provider/model`.
    pub fn model(&self) -> Option<String> {
        let requested = self.model.as_ref();
        let id = self.model_id.as_deref().or_else(|| requested.and_then(ModelRef::name))?;
        let provider = self.provider_id.as_deref().or_else(|| requested.and_then(|model| model.provider_id.as_deref()));
        Some(full_name(provider, id))
    }
}

impl ModelRef<'_> {
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.id.as_deref())
    }

    /// Name with its provider.
    pub fn full_name(&self) -> Option<String> {
        self.name().map(|id| full_name(self.provider_id.as_deref(), id))
    }
}

fn full_name(provider: Option<&str>, id: &str) -> String {
    provider.filter(|name| !name.is_empty()).map_or_else(|| id.to_owned(), |provider| format!("{provider}/{id}"))
}

impl OpenCodeUsage {
    /// Converts the token counts; reasoning counts as output.
    pub fn tokens(self) -> Tokens {
        Tokens {
            input: count(self.input),
            output: count(self.output) + count(self.reasoning),
            cache_read: count(self.cache.read),
            cache_write: count(self.cache.write),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a count can be")]
fn count(number: f64) -> u64 {
    number.clamp(0.0, 9e15) as u64
}

/// Converts ms since 1970; `None` for an unset time (0, or before 1970).
#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below the limit")]
pub fn moment(millis: Option<f64>) -> Option<Time> {
    millis.filter(|millis| (1.0..9e15).contains(millis)).map(|millis| Time::from_millis(millis as i64))
}
