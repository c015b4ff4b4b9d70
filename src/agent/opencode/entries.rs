//! The entries of one message, by way of the events that a run would emit.

use serde_json::Value;

use super::action::action;
use super::record::{self, Head, Kind, Outcome, Record};
use crate::agent::TextLimit;
use crate::domain::event::Level;
use crate::domain::transcript::{ToolStatus, Transcript};
use crate::domain::{Body, Entry, Event, Key, Piece, Role, Time};

/// The entries of a message, as many as [`record::outline`] says.
pub fn entries(record: &Record, limit: TextLimit) -> Vec<Entry> {
    let Some(head) = record::head(&record.data) else {
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (part, kind) in record::outline(record).0 {
        let mut entry = match part {
            Some(at) => part_entry(&head, kind, record, at, limit),
            None => fault_entry(&head, kind, &record.id),
        };
        if kind == Kind::File && !head.stance().user {
            entry.role = Role::Assistant;
        }
        entries.push(entry);
    }
    let usage = head.tokens.map(record::Usage::tokens).filter(|tokens| tokens.total() > 0);
    if let (Some(first), Some(tokens)) = (entries.first_mut(), usage) {
        first.tokens = Some(tokens);
    }
    entries
}

/// The entry of one part. Folding one part's events gives exactly one entry.
fn part_entry(head: &Head<'_>, kind: Kind, record: &Record, at: usize, limit: TextLimit) -> Entry {
    let source = &record.parts[at];
    // The outline read it before; a value that serde_json alone refuses is shown as it stands.
    let part: Value = serde_json::from_str(&source.data).unwrap_or_else(|_| Value::String(source.data.clone()));
    let key = Key::new(&source.id, 0);
    let began = began(&part, head.time.created);
    let mut cutter = Cutter::new(limit);
    let mut transcript = Transcript::default();
    for body in bodies(kind, &part, &source.data, &mut cutter) {
        transcript.apply(Event { key, time: began, body });
    }
    let mut entry = transcript.into_entries().pop().unwrap_or_else(|| blank(key, began));
    entry.truncated = cutter.cut;
    entry.open = !head.stance().over && is_open(kind, &part);
    entry
}

/// When a part began, or its message, which was `created` then.
pub fn began(part: &Value, created: Option<f64>) -> Option<Time> {
    record::moment(part["time"]["start"].as_f64())
        .or_else(|| record::moment(part["state"]["time"]["start"].as_f64()))
        .or_else(|| record::moment(created))
}

fn blank(key: Key, time: Option<Time>) -> Entry {
    Entry::new(key, crate::domain::EntryKind::Other, Role::System, time)
}

fn is_open(kind: Kind, part: &Value) -> bool {
    match kind {
        Kind::Text | Kind::Thinking => !part["time"]["start"].is_null() && part["time"]["end"].is_null(),
        Kind::Tool(outcome) => matches!(outcome, Outcome::Pending | Outcome::Running),
        Kind::Prompt
        | Kind::Subtask
        | Kind::File
        | Kind::Compaction
        | Kind::Retry
        | Kind::Other
        | Kind::Fault { .. } => false,
    }
}

/// What a part says, as events.
pub fn bodies(kind: Kind, part: &Value, raw: &str, cutter: &mut Cutter) -> Vec<Body> {
    let body = match kind {
        Kind::Prompt => Body::Prompt(cutter.cut(&part["text"])),
        Kind::Subtask => Body::Prompt(cutter.cut(&part["prompt"])),
        Kind::Text => Body::Text(Piece::Whole(cutter.cut(&part["text"]))),
        Kind::Thinking => Body::Thinking(Piece::Whole(cutter.cut(&part["text"]))),
        Kind::Tool(outcome) => return tool(outcome, part, cutter),
        Kind::File => Body::Image(file_label(part)),
        Kind::Compaction => Body::Notice { level: Level::Boundary, text: compaction(part).to_owned() },
        Kind::Retry => Body::Notice { level: Level::Warning, text: retry(part) },
        Kind::Other => Body::Other(cutter.cut_text(raw.to_owned())),
        Kind::Fault { .. } => return Vec::new(),
    };
    vec![body]
}

fn tool(outcome: Outcome, part: &Value, cutter: &mut Cutter) -> Vec<Body> {
    let name = part["tool"].as_str().unwrap_or("tool");
    let id: std::sync::Arc<str> = part["callID"].as_str().unwrap_or_default().into();
    let state = &part["state"];
    let call = Body::ToolCall {
        id: id.clone(),
        name: name.into(),
        input: state["input"].clone(),
        action: action(name, state),
    };
    let output = match outcome {
        Outcome::Failed | Outcome::Denied | Outcome::Interrupted if state["error"].is_string() => &state["error"],
        Outcome::Running | Outcome::Interrupted => &state["metadata"]["output"],
        _ => &state["output"],
    };
    let update = Body::ToolUpdate {
        id,
        status: Some(status(outcome)),
        output: Some(Piece::Whole(cutter.cut(output))),
        duration_ms: duration(&state["time"]),
        subagent: state["metadata"]["sessionId"].as_str().filter(|_| name == "task").map(Into::into),
        action: None,
    };
    vec![call, update]
}

fn status(outcome: Outcome) -> ToolStatus {
    match outcome {
        Outcome::Pending => ToolStatus::Pending,
        Outcome::Running => ToolStatus::Running,
        Outcome::Done => ToolStatus::Done,
        Outcome::Failed => ToolStatus::Failed,
        Outcome::Denied => ToolStatus::Denied,
        Outcome::Interrupted => ToolStatus::Interrupted,
    }
}

fn duration(time: &Value) -> Option<u64> {
    let (start, end) = (record::moment(time["start"].as_f64())?, record::moment(time["end"].as_f64())?);
    u64::try_from(end.since(start)).ok()
}

/// A name for an attachment; its content may be a `data:` address of megabytes and is left alone.
fn file_label(part: &Value) -> String {
    let address = part["url"].as_str().filter(|url| !url.starts_with("data:"));
    let name = part["filename"].as_str().or(address).unwrap_or("attachment");
    part["mime"].as_str().map_or_else(|| name.to_owned(), |mime| format!("{name} ({mime})"))
}

fn compaction(part: &Value) -> &'static str {
    if part["auto"] == true { "Conversation compacted, its context being full" } else { "Conversation compacted" }
}

fn retry(part: &Value) -> String {
    let reason = part["error"]["data"]["message"].as_str().or_else(|| part["error"]["message"].as_str());
    format!("Asked the model again: {}", reason.unwrap_or("no reason given"))
}

fn fault_entry(head: &Head<'_>, kind: Kind, message: &str) -> Entry {
    let mut transcript = Transcript::default();
    let event = fault(head, kind, message);
    let (key, time) = (event.key, event.time);
    transcript.apply(event);
    transcript.into_entries().pop().unwrap_or_else(|| blank(key, time))
}

/// What a message says by itself, behind its parts: that it failed, or was interrupted.
pub fn fault(head: &Head<'_>, kind: Kind, message: &str) -> Event {
    let fault = head.error.as_ref();
    let words = fault.and_then(|fault| fault.data.message.as_deref()).unwrap_or_default();
    let name = fault.map_or("Error", |fault| &*fault.name);
    let (level, text) = match kind {
        Kind::Fault { aborted: true } => (Level::Warning, "Interrupted".to_owned()),
        _ if words.is_empty() => (Level::Error, name.to_owned()),
        _ => (Level::Error, format!("{name}: {words}")),
    };
    let time = record::moment(head.time.completed).or_else(|| record::moment(head.time.created));
    Event { key: Key::new(message, 0), time, body: Body::Notice { level, text } }
}

/// Cuts texts to a limit and remembers that it did.
pub struct Cutter {
    limit: TextLimit,
    cut: bool,
}

impl Cutter {
    /// Nothing was cut yet.
    pub fn new(limit: TextLimit) -> Self {
        Self { limit, cut: false }
    }

    fn cut(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => self.cut_text(text.clone()),
            Value::Null => String::new(),
            other => self.cut_text(other.to_string()),
        }
    }

    fn cut_text(&mut self, mut text: String) -> String {
        if text.len() > self.limit.0 {
            let end = (0..=self.limit.0).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(end);
            self.cut = true;
        }
        text
    }
}
