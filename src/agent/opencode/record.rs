//! Messages and their parts as OpenCode stores them, and the one rule that says which of them make entries.
//!
//! Verified with 1.1.65, 1.2.27 and 1.18.33. Summaries count by [`kind`] and [`trailer`], readings are built from
//! them: nothing else may decide what is shown. Here only what the rule needs is parsed; the texts are skipped.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};

use crate::agent::TextLimit;
use crate::agent::pages::{Message, Outline};
use crate::domain::{Entry, Time, Tokens};

/// A message and its parts in order, as stored.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Id of the message.
    pub id: String,
    /// The message's JSON; empty where its row or file is missing.
    pub data: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// What is stored, where `data` and `parts` were made from another shape.
    pub stored: Option<String>,
}

/// A part of a message.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// Its JSON.
    pub data: String,
}

/// What a message tells without its parts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Head<'a> {
    /// `user` or `assistant`.
    #[serde(borrow)]
    pub role: Cow<'a, str>,
    /// When.
    pub time: Times,
    /// Model and provider of an assistant's message.
    #[serde(borrow, rename = "modelID")]
    pub model_id: Option<Cow<'a, str>>,
    /// See `model_id`.
    #[serde(borrow, rename = "providerID")]
    pub provider_id: Option<Cow<'a, str>>,
    /// Model and provider that a user's message asks for.
    #[serde(borrow)]
    pub model: Option<Model<'a>>,
    /// Cost of this reply in US dollars.
    pub cost: Option<f64>,
    /// Usage of this reply.
    pub tokens: Option<Usage>,
    /// What ended it.
    #[serde(borrow)]
    pub error: Option<Fault<'a>>,
}

/// When a message or a part began and ended, in ms since 1970.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Times {
    /// Of a message: when it was made.
    pub created: Option<f64>,
    /// Of a message: when it was complete.
    pub completed: Option<f64>,
    /// Of a part: when it began.
    pub start: Option<f64>,
    /// Of a part: when it ended.
    pub end: Option<f64>,
}

/// A model by name, as it is written in a user's message and in a session's row.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Model<'a> {
    /// In messages.
    #[serde(borrow, rename = "modelID")]
    pub name: Option<Cow<'a, str>>,
    /// In rows.
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    /// Who serves it.
    #[serde(borrow, rename = "providerID")]
    pub provider_id: Option<Cow<'a, str>>,
}

/// Tokens as OpenCode counts them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Usage {
    input: f64,
    output: f64,
    reasoning: f64,
    cache: Cache,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Cache {
    read: f64,
    write: f64,
}

/// Why a message ended early.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fault<'a> {
    /// `APIError`, `MessageAbortedError` …
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Details.
    #[serde(borrow)]
    pub data: FaultData<'a>,
}

/// Details of a [`Fault`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FaultData<'a> {
    /// In words.
    #[serde(borrow)]
    pub message: Option<Cow<'a, str>>,
}

/// What the rule needs of a part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PartHead<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    text: Filled,
    prompt: Filled,
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

/// Whether a text holds anything but white space; the text itself is not kept.
#[derive(Clone, Copy, Debug, Default)]
struct Filled(bool);

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;
        impl<'de> Visitor<'de> for Look {
            type Value = Filled;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Filled, E> {
                Ok(Filled(!text.trim_start().is_empty()))
            }
            fn visit_unit<E>(self) -> Result<Filled, E> {
                Ok(Filled(false))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Filled, E> {
                Ok(Filled(true))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Filled, E> {
                Ok(Filled(true))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Filled, E> {
                Ok(Filled(true))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Filled, E> {
                Ok(Filled(true))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Filled, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Filled(false))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Filled, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Filled(false))
            }
        }
        deserializer.deserialize_any(Look)
    }
}

/// What entry a part makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user asked.
    Prompt,
    /// A command of the user's that a sub-agent carries out.
    Subtask,
    /// The agent answered.
    Text,
    /// The agent thought.
    Thinking,
    /// A tool call.
    Tool(Outcome),
    /// An attachment.
    File,
    /// The conversation was compacted here.
    Compaction,
    /// The model was asked again.
    Retry,
    /// A part of a kind that this version does not know.
    Other,
    /// Not a part: the message itself ended with an error, or was interrupted.
    Fault {
        /// By the user.
        aborted: bool,
    },
}

/// What became of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not started.
    Pending,
    /// At work, as far as is known.
    Running,
    /// Ended well.
    Done,
    /// Ended with an error.
    Failed,
    /// Refused by the user.
    Denied,
    /// Stopped.
    Interrupted,
}

impl Kind {
    /// Whether it is a prompt to jump to.
    pub fn is_prompt(self) -> bool {
        matches!(self, Self::Prompt | Self::Subtask)
    }

    /// Whether it is an error to jump to.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Tool(Outcome::Failed) | Self::Fault { aborted: false })
    }
}

/// What the rule needs of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stance {
    /// The user's.
    pub user: bool,
    /// It ended, well or not.
    pub over: bool,
}

/// The entry that a part makes, if any.
pub fn kind(stance: Stance, part: &PartHead<'_>) -> Option<Kind> {
    let hidden = part.synthetic == Some(true) || part.ignored == Some(true);
    match &*part.kind {
        "text" if hidden || !part.text.0 => None,
        "text" if stance.user => Some(Kind::Prompt),
        "text" => Some(Kind::Text),
        "reasoning" => part.text.0.then_some(Kind::Thinking),
        "tool" => Some(Kind::Tool(outcome(stance, &part.state))),
        "file" => Some(Kind::File),
        "compaction" => Some(Kind::Compaction),
        "retry" => Some(Kind::Retry),
        "subtask" => part.prompt.0.then_some(Kind::Subtask),
        // An agent named with `@` stands in the prompt's text; the rest is book-keeping.
        "agent" | "step-start" | "step-finish" | "snapshot" | "patch" => None,
        _ => Some(Kind::Other),
    }
}

/// The entry that a message makes by itself, behind those of its parts.
pub fn trailer(head: &Head<'_>) -> Option<Kind> {
    head.error.as_ref().map(|fault| Kind::Fault { aborted: fault.name == "MessageAbortedError" })
}

fn outcome(stance: Stance, state: &StateHead<'_>) -> Outcome {
    match &*state.status {
        "completed" => Outcome::Done,
        "error" => match state.error.as_deref().unwrap_or_default() {
            text if text.contains("rejected permission") || text.contains("dismissed this question") => Outcome::Denied,
            text if text.contains("aborted") => Outcome::Interrupted,
            _ => Outcome::Failed,
        },
        // A message that is over has no tools at work; they were killed with it.
        _ if stance.over => Outcome::Interrupted,
        "running" => Outcome::Running,
        _ => Outcome::Pending,
    }
}

/// Reads the head of a message.
pub fn head(data: &str) -> Option<Head<'_>> {
    sonic_rs::from_str(data).ok()
}

/// Reads what the rule needs of a part.
pub fn part_head(data: &str) -> Option<PartHead<'_>> {
    sonic_rs::from_str(data).ok()
}

/// An entry of a message: the part that makes it (none: the message itself), and what it is.
pub type Slot = (Option<usize>, Kind);

/// The entries that a message makes, in order, and how many of its pieces could not be read.
pub fn outline(record: &Record) -> (Vec<Slot>, u32) {
    let Some(head) = head(&record.data) else {
        return (Vec::new(), 1);
    };
    let mut slots = Vec::new();
    let mut unreadable = 0;
    for (at, part) in record.parts.iter().enumerate() {
        match part_head(&part.data) {
            Some(part) => slots.extend(kind(head.stance(), &part).map(|kind| (Some(at), kind))),
            None => unreadable += 1,
        }
    }
    slots.extend(trailer(&head).map(|kind| (None, kind)));
    (slots, unreadable)
}

impl Head<'_> {
    /// What the rule needs of it.
    pub fn stance(&self) -> Stance {
        Stance { user: self.role == "user", over: self.time.completed.is_some() || self.error.is_some() }
    }

    /// The model as OpenCode's options write it: `provider/model`.
    pub fn model(&self) -> Option<String> {
        let asked = self.model.as_ref();
        let id = self.model_id.as_deref().or_else(|| asked.and_then(Model::name))?;
        let provider = self.provider_id.as_deref().or_else(|| asked.and_then(|model| model.provider_id.as_deref()));
        Some(full_name(provider, id))
    }
}

impl Model<'_> {
    /// Its own name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.id.as_deref())
    }

    /// With its provider.
    pub fn full_name(&self) -> Option<String> {
        self.name().map(|id| full_name(self.provider_id.as_deref(), id))
    }
}

fn full_name(provider: Option<&str>, id: &str) -> String {
    provider.filter(|name| !name.is_empty()).map_or_else(|| id.to_owned(), |provider| format!("{provider}/{id}"))
}

impl Usage {
    /// As salon counts: reasoning is output.
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

/// A moment in ms; what nobody set (0, or before 1970) is no moment.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below the limit")]
pub fn moment(millis: Option<f64>) -> Option<Time> {
    millis.filter(|millis| (1.0..9e15).contains(millis)).map(|millis| Time::from_millis(millis as i64))
}

impl Message for Record {
    fn outline(&self) -> Outline {
        let (slots, unreadable) = outline(self);
        Outline {
            len: slots.len(),
            prompt: slots.iter().position(|(_, kind)| kind.is_prompt()),
            errors: slots.iter().enumerate().filter(|(_, (_, kind))| kind.is_error()).map(|(at, _)| at).collect(),
            unreadable,
        }
    }

    fn entries(&self, limit: TextLimit) -> Vec<Entry> {
        super::entries::entries(self, limit)
    }

    fn stored(&self, index: usize) -> Vec<u8> {
        if let Some(stored) = &self.stored {
            return stored.clone().into_bytes();
        }
        let slot = outline(self).0.get(index).copied();
        let part = slot.and_then(|(part, _)| part).map(|at| self.parts[at].data.as_str());
        let lines = std::iter::once(self.data.as_str()).chain(part);
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    }

    fn bytes(&self) -> u64 {
        let parts = self.parts.iter().map(|part| part.data.len()).sum::<usize>();
        let made_of = self.stored.as_ref().map_or(self.data.len() + parts, String::len);
        made_of as u64
    }
}
