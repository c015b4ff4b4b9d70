//! The log of a chat, replayed: which messages there are now, and where in the file each lies.
//!
//! Messages are replaced by later ones with the same id, the whole list by a `$set`, and its end by a rewind. What is
//! kept of a message is a few numbers, so a log can be replayed, stored, and gone on with whatever its size.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::message;
use crate::domain::{Time, Tokens};

/// The state of a chat after the lines that were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The session.
    pub session: String,
    /// When it began.
    pub started: Option<Time>,
    /// The title that the agent made up.
    pub summary: Option<String>,
    /// A sub-agent's.
    pub subagent: bool,
    /// The messages, those without entries too.
    pub messages: Vec<Message>,
    /// The last model that answered.
    pub model: Option<String>,
    /// Lines applied.
    pub lines: u64,
    /// Lines that could not be read, from 1.
    pub bad: Vec<u64>,
}

/// What is kept of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Where its JSON lies in the file.
    pub offset: u64,
    /// Length of its JSON.
    pub len: u32,
    /// How many entries it makes.
    pub entries: u32,
    /// Which of them tell of errors.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<u32>,
    /// The beginning of what the user typed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prompt: Option<String>,
    /// When it was written.
    pub time: Option<Time>,
    /// Usage of the reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<Tokens>,
}

/// What a line did to the messages that were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// From this message on they are new or changed.
    From(usize),
    /// The list is another one.
    Replaced,
}

#[derive(Deserialize)]
struct Outer<'a> {
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

impl Log {
    /// Applies one line that begins at `offset`.
    pub fn line(&mut self, bytes: &[u8], offset: u64) -> Effect {
        self.lines += 1;
        if bytes.trim_ascii().is_empty() {
            return Effect::None;
        }
        self.record(bytes, offset).unwrap_or_else(|| {
            self.bad.push(self.lines);
            Effect::None
        })
    }

    /// Applies a whole document of an older version; whether it is one.
    pub fn document(&mut self, bytes: &[u8]) -> bool {
        serde_json::from_slice(bytes).is_ok_and(|fields| {
            self.merge(fields, bytes, 0);
            true
        })
    }

    fn record(&mut self, bytes: &[u8], offset: u64) -> Option<Effect> {
        let record: Outer<'_> = serde_json::from_slice(bytes).ok()?;
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

    fn merge(&mut self, fields: Fields<'_>, bytes: &[u8], offset: u64) -> Effect {
        if let Some(session) = fields.session_id {
            self.session = session;
        }
        self.started = self.started.or_else(|| fields.start_time.as_deref().and_then(Time::parse));
        self.summary = fields.summary.filter(|summary| !summary.trim().is_empty()).or(self.summary.take());
        self.subagent |= fields.kind.as_deref() == Some("subagent");
        let Some(list) = fields.messages else { return Effect::None };
        let place = |raw: &RawValue| offset + (raw.get().as_ptr() as usize - bytes.as_ptr() as usize) as u64;
        let model = &mut self.model;
        self.messages = list.into_iter().filter_map(|raw| message(raw.get().as_bytes(), place(raw), model)).collect();
        Effect::Replaced
    }

    fn upsert(&mut self, message: Message) -> Effect {
        let known = self.messages.iter().rposition(|other| other.id == message.id);
        if let Some(at) = known {
            self.messages[at] = message;
            return Effect::From(at);
        }
        self.messages.push(message);
        Effect::From(self.messages.len() - 1)
    }

    /// Drops a message and all after it; all messages where there is none of that id, as the agent does.
    fn rewind(&mut self, id: &str) -> Effect {
        let at = self.messages.iter().position(|message| message.id == id).unwrap_or(0);
        self.messages.truncate(at);
        Effect::Replaced
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.messages.iter().map(|message| message.entries as usize).sum()
    }
}

fn message(json: &[u8], offset: u64, model: &mut Option<String>) -> Option<Message> {
    let value: Value = serde_json::from_slice(json).ok().filter(Value::is_object)?;
    let parts = message::parts(&value);
    if let Some(name) = message::model(&value) {
        *model = Some(name.to_string());
    }
    let errors = (0..).zip(&parts).filter(|(_, part)| part.is_error(&value)).map(|(at, _)| at).collect();
    let prompt = parts.contains(&message::Part::Prompt).then(|| {
        let text = message::text(&value);
        crate::stdx::text::first_chars(&text, 1000).to_owned()
    });
    Some(Message {
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
