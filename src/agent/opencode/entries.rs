//! Entries of one message, built from the events that a run would emit.

use serde_json::Value;

use super::action::action;
use super::record::{self, MessageHead, OpenCodeMessage, PartKind, ToolOutcome};
use crate::agent::TextLimit;
use crate::agent::pages::{MessageOutline, StoredMessage};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{ToolStatus, Transcript};
use crate::domain::{Delta, Entry, EntryKey, Event, EventBody, Role, Time};

impl StoredMessage for OpenCodeMessage {
    fn outline(&self) -> MessageOutline {
        let (slots, unreadable) = record::outline(self);
        MessageOutline {
            len: slots.len(),
            prompt: slots.iter().position(|(_, kind)| kind.is_prompt()),
            errors: slots.iter().enumerate().filter(|(_, (_, kind))| kind.is_error()).map(|(at, _)| at).collect(),
            unreadable,
        }
    }

    fn entries(&self, limit: TextLimit) -> Vec<Entry> {
        entries(self, limit)
    }

    fn stored(&self, index: usize) -> Vec<u8> {
        if let Some(stored) = &self.stored {
            return stored.clone().into_bytes();
        }
        let slot = record::outline(self).0.get(index).copied();
        let part = slot.and_then(|(part, _)| part).map(|at| self.parts[at].data.as_str());
        let lines = std::iter::once(self.data.as_str()).chain(part);
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    }

    fn bytes(&self) -> u64 {
        let parts = self.parts.iter().map(|part| part.data.len()).sum::<usize>();
        let stored_len = self.stored.as_ref().map_or(self.data.len() + parts, String::len);
        stored_len as u64
    }
}

/// Entries of a message, as many as [`record::outline`] has.
pub fn entries(record: &OpenCodeMessage, limit: TextLimit) -> Vec<Entry> {
    let Some(head) = record::head(&record.data) else {
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (part, kind) in record::outline(record).0 {
        let mut entry = match part {
            Some(at) => part_entry(&head, kind, record, at, limit),
            None => error_entry(&head, kind, &record.id),
        };
        if kind == PartKind::File && !head.state().user {
            entry.role = Role::Assistant;
        }
        entries.push(entry);
    }
    let usage = head.tokens.map(record::OpenCodeUsage::tokens).filter(|tokens| tokens.total() > 0);
    if let (Some(first), Some(tokens)) = (entries.first_mut(), usage) {
        first.tokens = Some(tokens);
    }
    entries
}

/// Entry of one part. Folding one part's events gives exactly one entry.
fn part_entry(head: &MessageHead<'_>, kind: PartKind, record: &OpenCodeMessage, at: usize, limit: TextLimit) -> Entry {
    let source = &record.parts[at];
    // The outline has parsed the part before; a value that only serde_json rejects is shown as it is.
    let part: Value = serde_json::from_str(&source.data).unwrap_or_else(|_| Value::String(source.data.clone()));
    let key = EntryKey::new(&source.id, 0);
    let began = began(&part, head.time.created);
    let mut truncator = Truncator::new(limit);
    let mut transcript = Transcript::default();
    for body in bodies(kind, &part, &source.data, &mut truncator) {
        transcript.apply(Event { key, time: began, body });
    }
    let mut entry = transcript.into_entries().pop().unwrap_or_else(|| blank(key, began));
    entry.truncated = truncator.cut;
    entry.open = !head.state().complete && is_open(kind, &part);
    entry
}

/// Start time of a part, or of its message, which was `created` then.
pub fn began(part: &Value, created: Option<f64>) -> Option<Time> {
    record::moment(part["time"]["start"].as_f64())
        .or_else(|| record::moment(part["state"]["time"]["start"].as_f64()))
        .or_else(|| record::moment(created))
}

fn blank(key: EntryKey, time: Option<Time>) -> Entry {
    Entry::new(key, crate::domain::EntryKind::Other, Role::System, time)
}

fn is_open(kind: PartKind, part: &Value) -> bool {
    match kind {
        PartKind::Text | PartKind::Thinking => !part["time"]["start"].is_null() && part["time"]["end"].is_null(),
        PartKind::Tool(outcome) => matches!(outcome, ToolOutcome::Pending | ToolOutcome::Running),
        PartKind::Prompt
        | PartKind::Subtask
        | PartKind::File
        | PartKind::Compaction
        | PartKind::Retry
        | PartKind::Other
        | PartKind::Error { .. } => false,
    }
}

/// Event bodies of a part.
pub fn bodies(kind: PartKind, part: &Value, raw: &str, truncator: &mut Truncator) -> Vec<EventBody> {
    let body = match kind {
        PartKind::Prompt => EventBody::Prompt(truncator.cut(&part["text"])),
        PartKind::Subtask => EventBody::Prompt(truncator.cut(&part["prompt"])),
        PartKind::Text => EventBody::Text(Delta::Replace(truncator.cut(&part["text"]))),
        PartKind::Thinking => EventBody::Thinking(Delta::Replace(truncator.cut(&part["text"]))),
        PartKind::Tool(outcome) => return tool(outcome, part, truncator),
        PartKind::File => EventBody::Image(file_label(part)),
        PartKind::Compaction => EventBody::Notice { level: NoticeLevel::Boundary, text: compaction(part).to_owned() },
        PartKind::Retry => EventBody::Notice { level: NoticeLevel::Warning, text: retry(part) },
        PartKind::Other => EventBody::Other(truncator.truncate_text(raw.to_owned())),
        PartKind::Error { .. } => return Vec::new(),
    };
    vec![body]
}

fn tool(outcome: ToolOutcome, part: &Value, truncator: &mut Truncator) -> Vec<EventBody> {
    let name = part["tool"].as_str().unwrap_or("tool");
    let id: std::sync::Arc<str> = part["callID"].as_str().unwrap_or_default().into();
    let state = &part["state"];
    let call = EventBody::ToolCall {
        id: id.clone(),
        name: name.into(),
        input: state["input"].clone(),
        action: action(name, state),
    };
    let output = match outcome {
        ToolOutcome::Failed | ToolOutcome::Denied | ToolOutcome::Interrupted if state["error"].is_string() => {
            &state["error"]
        }
        ToolOutcome::Running | ToolOutcome::Interrupted => &state["metadata"]["output"],
        _ => &state["output"],
    };
    let update = EventBody::ToolUpdate {
        id,
        status: Some(status(outcome)),
        output: Some(Delta::Replace(truncator.cut(output))),
        duration_ms: duration(&state["time"]),
        subagent: state["metadata"]["sessionId"].as_str().filter(|_| name == "task").map(Into::into),
        action: None,
    };
    vec![call, update]
}

fn status(outcome: ToolOutcome) -> ToolStatus {
    match outcome {
        ToolOutcome::Pending => ToolStatus::Pending,
        ToolOutcome::Running => ToolStatus::Running,
        ToolOutcome::Done => ToolStatus::Done,
        ToolOutcome::Failed => ToolStatus::Failed,
        ToolOutcome::Denied => ToolStatus::Denied,
        ToolOutcome::Interrupted => ToolStatus::Interrupted,
    }
}

fn duration(time: &Value) -> Option<u64> {
    let (start, end) = (record::moment(time["start"].as_f64())?, record::moment(time["end"].as_f64())?);
    u64::try_from(end.since(start)).ok()
}

/// Label of an attachment. Its content may be a `data:` URL of megabytes and is not copied.
fn file_label(part: &Value) -> String {
    let address = part["url"].as_str().filter(|url| !url.starts_with("data:"));
    let name = part["filename"].as_str().or(address).unwrap_or("attachment");
    part["mime"].as_str().map_or_else(|| name.to_owned(), |mime| format!("{name} ({mime})"))
}

fn compaction(part: &Value) -> &'static str {
    if part["auto"] == true { "Conversation compacted because its context was full" } else { "Conversation compacted" }
}

fn retry(part: &Value) -> String {
    let reason = part["error"]["data"]["message"].as_str().or_else(|| part["error"]["message"].as_str());
    format!("Retried the model request: {}", reason.unwrap_or("no reason given"))
}

fn error_entry(head: &MessageHead<'_>, kind: PartKind, message: &str) -> Entry {
    let mut transcript = Transcript::default();
    let event = error_event(head, kind, message);
    let (key, time) = (event.key, event.time);
    transcript.apply(event);
    transcript.into_entries().pop().unwrap_or_else(|| blank(key, time))
}

/// Event of a message's error or interruption, after its parts.
pub fn error_event(head: &MessageHead<'_>, kind: PartKind, message: &str) -> Event {
    let error = head.error.as_ref();
    let message_text = error.and_then(|error| error.data.message.as_deref()).unwrap_or_default();
    let name = error.map_or("Error", |error| &*error.name);
    let (level, text) = match kind {
        PartKind::Error { aborted: true } => (NoticeLevel::Warning, "Interrupted".to_owned()),
        _ if message_text.is_empty() => (NoticeLevel::Error, name.to_owned()),
        _ => (NoticeLevel::Error, format!("{name}: {message_text}")),
    };
    let time = record::moment(head.time.completed).or_else(|| record::moment(head.time.created));
    Event { key: EntryKey::new(message, 0), time, body: EventBody::Notice { level, text } }
}

/// Truncates texts to a limit, and records that it did.
pub struct Truncator {
    limit: TextLimit,
    cut: bool,
}

impl Truncator {
    pub fn new(limit: TextLimit) -> Self {
        Self { limit, cut: false }
    }

    fn cut(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => self.truncate_text(text.clone()),
            Value::Null => String::new(),
            other => self.truncate_text(other.to_string()),
        }
    }

    fn truncate_text(&mut self, mut text: String) -> String {
        if text.len() > self.limit.0 {
            let end = (0..=self.limit.0).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(end);
            self.cut = true;
        }
        text
    }
}
