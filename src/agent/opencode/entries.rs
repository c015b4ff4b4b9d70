//! Entries of one message, built from the events that a run would emit.

use std::borrow::Cow;

use serde_json::Value;

use super::action::action;
use super::record::{self, MessageHead, OpenCodeMessage, PartKind, ToolOutcome};
use super::{shape, side_texts, v2};
use crate::agent::json::JsonStr;
use crate::agent::json::cursor::{JsonCursor, hash};
use crate::agent::pages::{MessageOutline, StoredMessage};
use crate::agent::side_text::OutputFolder;
use crate::agent::tool_input;
use crate::agent::{TextLimit, tolerant_json, unknown_record};
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
            repairs: self.repairs,
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
pub(super) fn entries(record: &OpenCodeMessage, limit: TextLimit) -> Vec<Entry> {
    let head = record::head(&record.data).unwrap_or_default();
    let mut entries = Vec::new();
    for (part, kind) in record::outline(record).0 {
        let mut entry = match part {
            Some(at) => part_entry(&head, kind, record, at, limit),
            None => own_entry(&head, kind, record, limit),
        };
        entry.reverted = record.is_reverted(part);
        if kind == PartKind::File && !head.state().user {
            entry.role = Role::Assistant;
        }
        entries.push(entry);
    }
    let usage = head.tokens.map(record::OpenCodeUsage::tokens).filter(|tokens| tokens.total() > 0);
    if let (Some(first), Some(tokens)) = (entries.first_mut(), usage) {
        first.tokens = Some(tokens);
        first.cost_usd = head.cost.filter(|cost| *cost > 0.0);
    }
    entries
}

/// Keys of the entries that [`entries`] returns, each with the hash of its tool call's id, or 0.
pub(super) fn entry_keys(record: &OpenCodeMessage) -> impl Iterator<Item = (EntryKey, u64)> {
    record::outline(record).0.into_iter().map(|(part, kind)| {
        let Some(part) = part.map(|at| &record.parts[at]) else {
            return (own_key(kind, &record.id), 0);
        };
        let call = matches!(kind, PartKind::Tool(_)).then(|| {
            let id = JsonCursor::new(part.data.as_bytes()).string_field(b"callID").ok().flatten();
            hash(id.map(JsonStr::decode).unwrap_or_default().as_bytes())
        });
        (EntryKey::new(&part.id, 0), call.unwrap_or(0))
    })
}

/// Key of an entry that a message makes itself.
fn own_key(kind: PartKind, message: &str) -> EntryKey {
    EntryKey::new(message, u32::from(kind == PartKind::Structured))
}

/// Entry of one part. Folding one part's events gives exactly one entry.
fn part_entry(head: &MessageHead<'_>, kind: PartKind, record: &OpenCodeMessage, at: usize, limit: TextLimit) -> Entry {
    let source = &record.parts[at];
    let part = value(&source.data);
    let key = EntryKey::new(&source.id, 0);
    let began = began(&part, head.time.created);
    let mut truncator = Truncator::new(limit);
    let mut transcript = Transcript::default();
    for body in bodies(kind, &part, &record.outputs, &mut truncator) {
        transcript.apply(Event { key, time: began, body });
    }
    let mut entry = transcript.into_entries().pop().unwrap_or_else(|| blank_entry(key, began));
    entry.truncated = truncator.cut;
    entry.open = !head.state().complete && is_open(kind, &part);
    entry
}

/// Value of a record, as far as it can be read.
pub(super) fn value(data: &str) -> Value {
    let value = tolerant_json::value(data.as_bytes());
    let mut value = value.map_or_else(|| Value::String(data.to_owned()), |(value, _)| value);
    shape::part(&mut value);
    value
}

/// Start time of a part, or of its message, which was `created` then.
pub(super) fn began(part: &Value, created: Option<f64>) -> Option<Time> {
    record::moment(part["time"]["start"].as_f64())
        .or_else(|| record::moment(part["state"]["time"]["start"].as_f64()))
        .or_else(|| record::moment(created))
}

fn blank_entry(key: EntryKey, time: Option<Time>) -> Entry {
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
        | PartKind::Added
        | PartKind::Notice(_)
        | PartKind::Structured
        | PartKind::Other
        | PartKind::Error { .. } => false,
    }
}

/// Event bodies of a part.
pub(super) fn bodies(
    kind: PartKind,
    part: &Value,
    outputs: &OutputFolder,
    truncator: &mut Truncator,
) -> Vec<EventBody> {
    let body = match kind {
        PartKind::Prompt => EventBody::Prompt(truncator.cut(&part["text"])),
        PartKind::Subtask => {
            let texts = ["description", "prompt"].map(|name| tool_input::flat(&part[name]));
            let texts: Vec<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
            EventBody::Prompt(truncator.truncate_text(texts.join("\n\n")))
        }
        PartKind::Text => EventBody::Text(Delta::Replace(truncator.cut(&part["text"]))),
        PartKind::Thinking => EventBody::Thinking(Delta::Replace(truncator.cut(&part["text"]))),
        PartKind::Tool(outcome) => return tool(outcome, part, outputs, truncator),
        PartKind::File => EventBody::Image(file_label(part)),
        PartKind::Compaction => EventBody::Notice { level: NoticeLevel::Boundary, text: compaction(part).to_owned() },
        PartKind::Retry => EventBody::Notice { level: NoticeLevel::Warning, text: retry(part) },
        PartKind::Added => EventBody::Notice { level: NoticeLevel::Info, text: truncator.cut(&part["text"]) },
        PartKind::Notice(level) => EventBody::Notice { level, text: truncator.cut(&part["text"]) },
        PartKind::Other => EventBody::Other(truncator.truncate_text(unknown(part))),
        PartKind::Structured | PartKind::Error { .. } => return Vec::new(),
    };
    vec![body]
}

/// Text of a part of a kind that this version does not know: the kind, and its texts, the longest one first.
fn unknown(part: &Value) -> String {
    let kind = part["type"].as_str().unwrap_or("unknown");
    let mut texts = Vec::new();
    collect_texts(part, &mut texts);
    texts.retain(|text| *text != kind);
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let kind = kind.strip_prefix(v2::UNKNOWN).unwrap_or(kind);
    std::iter::once(kind).chain(texts).collect::<Vec<_>>().join("\n")
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if !unknown_record::is_encoded(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, texts)),
        _ => {}
    }
}

fn tool(outcome: ToolOutcome, part: &Value, outputs: &OutputFolder, truncator: &mut Truncator) -> Vec<EventBody> {
    let name = part["tool"].as_str().unwrap_or("tool");
    let id: std::sync::Arc<str> = part["callID"].as_str().unwrap_or_default().into();
    let state = &with_parsed_input(&part["state"]);
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
        // Of a status that this version does not know.
        _ if blank(&state["output"]) && state["error"].is_string() => &state["error"],
        _ if blank(&state["output"]) && !blank(&state["metadata"]["output"]) => &state["metadata"]["output"],
        _ => &state["output"],
    };
    let whole: Vec<String> =
        side_texts::replacing(part, outputs).iter().filter_map(|path| truncator.side_text(outputs, path)).collect();
    // What a tool printed before its error is in its metadata only, and what the model got may be cut.
    let is_cut = |printed: &str| {
        whole.is_empty() && output.as_str().is_some_and(|output| output.trim().len() < printed.trim().len())
    };
    let printed = state["metadata"]["output"].as_str().filter(|printed| !printed.trim().is_empty());
    let printed = printed.filter(|printed| (*output == state["error"] || is_cut(printed)) && !says(output, printed));
    let mut output = if whole.is_empty() { truncator.cut(output) } else { whole.join("\n") };
    if let Some(printed) = printed {
        output = format!("{output}\n\n{}", truncator.cut(&Value::from(printed)));
    }
    for label in attachments(state) {
        output.push_str(if output.is_empty() { "" } else { "\n" });
        output.push_str(&label);
    }
    let update = EventBody::ToolUpdate {
        id,
        status: Some(status(outcome)),
        output: Some(Delta::Replace(output)),
        duration_ms: duration(&state["time"]),
        subagent: subagent(name, state).map(Into::into),
        action: None,
    };
    vec![call, update]
}

/// State with its input as data: while it is streamed, an input is the beginning of a JSON text.
fn with_parsed_input(state: &Value) -> Cow<'_, Value> {
    let is_empty = state["input"].as_object().is_none_or(serde_json::Map::is_empty);
    let raw = state["raw"].as_str().filter(|_| is_empty && !state["input"].is_string());
    let streamed = state["input"].as_str().or(raw).filter(|input| input.trim_start().starts_with('{'));
    let parsed = streamed.and_then(|input| tolerant_json::value(input.as_bytes())).map(|(input, _)| input);
    match parsed {
        Some(input) => {
            let mut state = state.clone();
            state["input"] = input;
            Cow::Owned(state)
        }
        None => Cow::Borrowed(state),
    }
}

/// True if a text contains what was printed.
fn says(text: &Value, printed: &str) -> bool {
    text.as_str().is_some_and(|text| text.contains(printed.trim()))
}

fn blank(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// Session of the sub-agent that a call started.
fn subagent<'a>(name: &str, state: &'a Value) -> Option<&'a str> {
    let is_task = matches!(name, "task" | "subagent");
    let metadata = &state["metadata"];
    let named = metadata["sessionId"].as_str().or_else(|| metadata["sessionID"].as_str());
    let printed = || {
        let (_, rest) = state["output"].as_str()?.split_once("<subagent sessionID=\"")?;
        rest.split_once('"').map(|(id, _)| id)
    };
    is_task.then(|| named.or_else(printed)).flatten()
}

/// Labels of the files that a tool returned, after its output.
fn attachments(state: &Value) -> impl Iterator<Item = String> {
    let files = state["attachments"].as_array().into_iter().flatten();
    files.map(|file| format!("[{}]", file_label(file)))
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

/// Label of an attachment: name, type and size. Its content may be a `data:` URL of megabytes and is not copied.
fn file_label(part: &Value) -> String {
    let url = part["url"].as_str().unwrap_or_default();
    let name =
        part["filename"].as_str().or_else(|| Some(url).filter(|url| !url.is_empty() && !url.starts_with("data:")));
    let size = url.strip_prefix("data:").and_then(|data| data.split_once(',')).map(|(head, data)| match head {
        head if head.ends_with(";base64") => data.trim_end_matches('=').len() * 3 / 4,
        _ => data.len(),
    });
    let size = size.or_else(|| part["size"].as_u64().and_then(|size| usize::try_from(size).ok()));
    let facts = [part["mime"].as_str().map(str::to_owned), size.map(|size| format!("{size} bytes"))];
    let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let name = name.unwrap_or("attachment");
    if facts.is_empty() { name.to_owned() } else { format!("{name} ({facts})") }
}

fn compaction(part: &Value) -> &'static str {
    if part["auto"] == true { "Conversation compacted because its context was full" } else { "Conversation compacted" }
}

fn retry(part: &Value) -> String {
    let reason = part["error"]["data"]["message"].as_str().or_else(|| part["error"]["message"].as_str());
    format!("Retried the model request: {}", reason.unwrap_or("no reason given"))
}

/// Entry of a message itself: its error, or its answer in a requested form.
fn own_entry(head: &MessageHead<'_>, kind: PartKind, record: &OpenCodeMessage, limit: TextLimit) -> Entry {
    let mut transcript = Transcript::default();
    let mut truncator = Truncator::new(limit);
    let event = match kind {
        PartKind::Structured => structured_event(head, &record.data, &record.id, &mut truncator),
        _ => error_event(head, kind, &record.id),
    };
    let (key, time) = (event.key, event.time);
    transcript.apply(event);
    let mut entry = transcript.into_entries().pop().unwrap_or_else(|| blank_entry(key, time));
    entry.truncated = truncator.cut;
    entry
}

/// Event of an answer in the form that the caller requested, as a block of JSON.
pub(super) fn structured_event(head: &MessageHead<'_>, data: &str, message: &str, truncator: &mut Truncator) -> Event {
    let answer = serde_json::to_string_pretty(&value(data)["structured"]).unwrap_or_default();
    let time = record::moment(head.time.completed).or_else(|| record::moment(head.time.created));
    let text = format!("```json\n{}\n```", truncator.truncate_text(answer));
    Event { key: own_key(PartKind::Structured, message), time, body: EventBody::Text(Delta::Replace(text)) }
}

/// Event of a message's error or interruption, after its parts.
pub(super) fn error_event(head: &MessageHead<'_>, kind: PartKind, message: &str) -> Event {
    let error = head.error.as_ref();
    let message_text = error.and_then(|error| error.data.message.as_deref()).unwrap_or_default();
    let name = error.map_or("Error", |error| &*error.name);
    let (level, text) = match kind {
        PartKind::Error { aborted: true } => (NoticeLevel::Warning, "Interrupted".to_owned()),
        _ if message_text.is_empty() => (NoticeLevel::Error, name.to_owned()),
        _ => (NoticeLevel::Error, format!("{name}: {message_text}")),
    };
    let time = record::moment(head.time.completed).or_else(|| record::moment(head.time.created));
    Event { key: own_key(kind, message), time, body: EventBody::Notice { level, text } }
}

/// Truncates texts to a limit, and records that it did.
pub(super) struct Truncator {
    limit: TextLimit,
    /// Limit of outputs in files of their own.
    side_limit: TextLimit,
    cut: bool,
}

impl Truncator {
    pub(super) fn new(limit: TextLimit) -> Self {
        Self { limit, side_limit: limit, cut: false }
    }

    /// Truncates nothing, and leaves out the outputs in files of their own, which are blank then.
    pub(super) fn without_side_texts() -> Self {
        Self { side_limit: TextLimit(0), ..Self::new(TextLimit::NONE) }
    }

    /// Reads an output from a file of its own.
    fn side_text(&mut self, outputs: &OutputFolder, path: &str) -> Option<String> {
        let (text, is_cut) = outputs.read(path, self.side_limit)?;
        self.cut |= is_cut;
        Some(text)
    }

    fn cut(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => self.truncate_text(text.clone()),
            Value::Null => String::new(),
            other => self.truncate_text(tool_input::lines(other)),
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
