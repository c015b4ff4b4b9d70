//! The replayed log of a chat: its current messages, and their offsets in the file.
//!
//! A later message with the same id replaces an earlier one, a `$set` replaces the whole list, and a rewind truncates it.
//! The log stores only a few numbers per message, so a log of any size can be replayed, cached, and continued.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::message;
use crate::domain::{Time, Tokens};

/// The state of a chat after the lines that were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatLog {
    /// Id of the session.
    pub session: String,
    /// Start time.
    pub started: Option<Time>,
    /// The title that the agent generated.
    pub summary: Option<String>,
    /// True for a sub-agent's session.
    pub subagent: bool,
    /// The messages, including those without entries.
    pub messages: Vec<ChatMessage>,
    /// The last model that answered.
    pub model: Option<String>,
    /// Number of lines applied.
    pub lines: u64,
    /// Line numbers of unreadable lines, from 1.
    pub bad: Vec<u64>,
}

/// Stored metadata of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Its id.
    pub id: String,
    /// Offset of its JSON in the file.
    pub offset: u64,
    /// Length of its JSON.
    pub len: u32,
    /// Number of entries that it yields.
    pub entries: u32,
    /// Indices of entries that are errors.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<u32>,
    /// The beginning of the user's prompt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prompt: Option<String>,
    /// Time of the message.
    pub time: Option<Time>,
    /// Usage of the reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<Tokens>,
}

/// Effect of a line on the existing messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogChange {
    /// No change.
    None,
    /// Messages from this index on are new or changed.
    From(usize),
    /// The whole list was replaced.
    Replaced,
}

#[derive(Deserialize)]
struct LogRecord<'a> {
    #[serde(rename = "$set", borrow)]
    set: Option<&'a RawValue>,
    #[serde(rename = "$rewindTo")]
    rewind_to: Option<String>,
    id: Option<String>,
    r#type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    session_id: Option<String>,
    start_time: Option<String>,
    summary: Option<String>,
    kind: Option<String>,
    #[serde(borrow)]
    messages: Option<Vec<&'a RawValue>>,
}

impl ChatLog {
    /// Applies one line that begins at `offset`.
    pub fn line(&mut self, bytes: &[u8], offset: u64) -> LogChange {
        self.lines += 1;
        if bytes.trim_ascii().is_empty() {
            return LogChange::None;
        }
        self.record(bytes, offset).unwrap_or_else(|| {
            self.bad.push(self.lines);
            LogChange::None
        })
    }

    /// Applies a whole document of an early version; returns false if it cannot be parsed.
    pub fn document(&mut self, bytes: &[u8]) -> bool {
        serde_json::from_slice(bytes).is_ok_and(|fields| {
            self.merge(fields, bytes, 0);
            true
        })
    }

    fn record(&mut self, bytes: &[u8], offset: u64) -> Option<LogChange> {
        let record: LogRecord<'_> = serde_json::from_slice(bytes).ok()?;
        if let Some(set) = record.set {
            return Some(self.merge(serde_json::from_str(set.get()).ok()?, bytes, offset));
        }
        if let Some(id) = record.rewind_to {
            return Some(self.rewind(&id));
        }
        if record.id.is_some() && record.r#type.is_some() {
            let message = message(bytes, offset, &mut self.model)?;
            return Some(self.upsert(message));
        }
        Some(self.merge(serde_json::from_slice(bytes).ok()?, bytes, offset))
    }

    fn merge(&mut self, fields: Fields<'_>, bytes: &[u8], offset: u64) -> LogChange {
        if let Some(session) = fields.session_id {
            self.session = session;
        }
        self.started = self.started.or_else(|| fields.start_time.as_deref().and_then(Time::parse));
        self.summary = fields.summary.filter(|summary| !summary.trim().is_empty()).or(self.summary.take());
        self.subagent |= fields.kind.as_deref() == Some("subagent");
        let Some(list) = fields.messages else { return LogChange::None };
        let offset_of = |raw: &RawValue| offset + (raw.get().as_ptr() as usize - bytes.as_ptr() as usize) as u64;
        let model = &mut self.model;
        self.messages =
            list.into_iter().filter_map(|raw| message(raw.get().as_bytes(), offset_of(raw), model)).collect();
        LogChange::Replaced
    }

    fn upsert(&mut self, message: ChatMessage) -> LogChange {
        let known = self.messages.iter().rposition(|other| other.id == message.id);
        if let Some(at) = known {
            self.messages[at] = message;
            return LogChange::From(at);
        }
        self.messages.push(message);
        LogChange::From(self.messages.len() - 1)
    }

    /// Removes a message and all after it; removes all messages if the id is unknown, as the agent does.
    fn rewind(&mut self, id: &str) -> LogChange {
        let at = self.messages.iter().position(|message| message.id == id).unwrap_or(0);
        self.messages.truncate(at);
        LogChange::Replaced
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.messages.iter().map(|message| message.entries as usize).sum()
    }
}

fn message(json: &[u8], offset: u64, model: &mut Option<String>) -> Option<ChatMessage> {
    let value: Value = serde_json::from_slice(json).ok().filter(Value::is_object)?;
    let parts = message::parts(&value);
    if let Some(name) = message::model(&value) {
        *model = Some(name.to_string());
    }
    let errors = (0..).zip(&parts).filter(|(_, part)| part.is_error(&value)).map(|(at, _)| at).collect();
    let prompt = parts.contains(&message::MessagePart::Prompt).then(|| {
        let text = message::text(&value);
        crate::stdx::text::first_chars(&text, 1000).to_owned()
    });
    Some(ChatMessage {
        id: value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        offset,
        len: u32::try_from(json.len()).ok()?,
        entries: u32::try_from(parts.len()).ok()?,
        errors,
        prompt,
        time: message::time(&value),
        tokens: message::tokens(&value),
    })
}
