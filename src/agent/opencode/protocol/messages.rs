//! Converts growing messages and parts to events, with the keys that the database reader gives to the same entries.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::entries::{self, Truncator};
use super::super::record::{self, MessageState, PartKind};
use crate::agent::TextLimit;
use crate::agent::side_text::OutputFolder;
use crate::domain::transcript::ToolAction;
use crate::domain::{Delta, EntryKey, Event, EventBody, Time, Tokens};

/// Messages and parts of the open turn, with the text already emitted, so that nothing is emitted twice.
#[derive(Debug, Default)]
pub(super) struct TurnMessages {
    messages: HashMap<String, MessageProgress>,
    parts: HashMap<String, PartProgress>,
    /// Milliseconds for which calls waited for a permission.
    waits: HashMap<Arc<str>, u64>,
}

#[derive(Debug)]
struct MessageProgress {
    state: MessageState,
    created: Option<f64>,
    /// Key of its first entry, which shows its usage.
    first: Option<EntryKey>,
    usage: Tokens,
    /// True if its error, and its answer in a requested form, were emitted.
    error: bool,
    structured: bool,
}

#[derive(Debug)]
struct PartProgress {
    message: String,
    began: Option<Time>,
    thinking: bool,
    /// Emitted text, or emitted tool output.
    text: String,
    call: Option<(Value, ToolAction)>,
    emitted: bool,
}

/// Origin of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartOrigin {
    /// Stream of events.
    Stream,
    /// List in a response; a part that is still growing may be older than the stream.
    List,
}

impl TurnMessages {
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.parts.clear();
        self.waits.clear();
    }

    /// Adds a prompt of salon before the server reports it.
    pub(super) fn prompt(&mut self, message: &str, part: &str, text: &str) {
        self.messages.insert(
            message.to_owned(),
            MessageProgress {
                state: MessageState { user: true, complete: false },
                created: None,
                first: None,
                usage: Tokens::default(),
                error: false,
                structured: false,
            },
        );
        let progress = PartProgress {
            message: message.to_owned(),
            began: None,
            thinking: false,
            text: text.to_owned(),
            call: None,
            emitted: true,
        };
        self.parts.insert(part.to_owned(), progress);
    }

    /// Applies a message's record, new or changed.
    pub(super) fn message(&mut self, info: &Value, events: &mut Vec<Event>) {
        let Some(id) = info["id"].as_str() else { return };
        let data = info.to_string();
        let Some(head) = record::head(&data) else { return };
        let message = self.messages.entry(id.to_owned()).or_insert_with(|| MessageProgress {
            state: head.state(),
            created: None,
            first: None,
            usage: Tokens::default(),
            error: false,
            structured: false,
        });
        message.state = head.state();
        message.created = head.time.created.or(message.created);
        for kind in record::own_entries(&head) {
            match kind {
                PartKind::Structured if std::mem::replace(&mut message.structured, true) => {}
                PartKind::Structured => {
                    let mut truncator = Truncator::new(TextLimit::NONE);
                    events.push(entries::structured_event(&head, &data, id, &mut truncator));
                }
                _ if std::mem::replace(&mut message.error, true) => {}
                kind => events.push(entries::error_event(&head, kind, id)),
            }
        }
        let usage = head.tokens.map(record::OpenCodeUsage::tokens).unwrap_or_default();
        if let Some(first) = message.first.filter(|_| usage.total() > 0 && usage != message.usage) {
            message.usage = usage;
            events.push(Event { key: first, time: None, body: EventBody::Usage(usage) });
        }
    }

    /// Applies a part, new or changed.
    pub(super) fn part(&mut self, part: &Value, from: PartOrigin, events: &mut Vec<Event>) {
        let (Some(id), Some(message_id)) = (part["id"].as_str(), part["messageID"].as_str()) else { return };
        let stored = as_stored(part);
        let message = self.messages.get(message_id);
        let state = message.map_or(MessageState { user: false, complete: false }, |message| message.state);
        let created = message.and_then(|message| message.created);
        let time = entries::began(part, created);
        let progress = self.parts.entry(id.to_owned()).or_insert_with(|| PartProgress {
            message: message_id.to_owned(),
            began: time,
            thinking: part["type"] == "reasoning",
            text: String::new(),
            call: None,
            emitted: false,
        });
        let kind = record::with_part(&stored, |head, _| head.and_then(|head| record::kind(state, &head)));
        let Some(kind) = kind else { return };
        let key = EntryKey::new(id, 0);
        let mut truncator = Truncator::new(TextLimit::NONE);
        let before = events.len();
        for mut body in entries::bodies(kind, part, &OutputFolder::default(), &mut truncator) {
            subtract_wait(&mut body, &self.waits);
            if let Some(body) = progress.unsent(kind, body, is_streaming(kind, part) && from == PartOrigin::List) {
                events.push(Event { key, time, body });
            }
        }
        progress.emitted |= events.len() > before;
        self.first_entry(message_id, key);
    }

    /// Appends a delta to a part's text.
    pub(super) fn delta(&mut self, part: &str, more: &str, events: &mut Vec<Event>) {
        // The kind of an unknown part is unknown too; its end contains the whole text.
        let Some(progress) = self.parts.get_mut(part) else { return };
        let key = EntryKey::new(part, 0);
        progress.text.push_str(more);
        // Blank text makes no entry in the database reader either, until more follows.
        let piece = if progress.emitted {
            Delta::Append(more.to_owned())
        } else if progress.text.trim_start().is_empty() {
            return;
        } else {
            Delta::Replace(progress.text.clone())
        };
        let first = !std::mem::replace(&mut progress.emitted, true);
        let body = if progress.thinking { EventBody::Thinking(piece) } else { EventBody::Text(piece) };
        events.push(Event { key, time: progress.began, body });
        if first {
            let message = progress.message.clone();
            self.first_entry(&message, key);
        }
    }

    /// The tool call with that id: its input and action, if known.
    pub(super) fn call(&self, message: &str, tool: Option<&str>) -> Option<&(Value, ToolAction)> {
        let tool = tool?;
        let of_message = self.parts.values().filter(|part| part.message == message);
        of_message.filter_map(|part| part.call.as_ref()).find(|(call, _)| call["callID"] == tool)
    }

    /// Records that a call has waited for a permission.
    pub(super) fn call_waited(&mut self, call: Arc<str>, millis: i64) {
        *self.waits.entry(call).or_default() += u64::try_from(millis).unwrap_or(0);
    }

    fn first_entry(&mut self, message: &str, key: EntryKey) {
        if let Some(message) = self.messages.get_mut(message) {
            message.first.get_or_insert(key);
        }
    }
}

impl PartProgress {
    /// Portion of a body that was not emitted yet. `may_be_stale`: the body may be older than the emitted text.
    fn unsent(&mut self, kind: PartKind, body: EventBody, may_be_stale: bool) -> Option<EventBody> {
        match body {
            EventBody::Text(Delta::Replace(text)) => self.unsent_text(text, may_be_stale).map(EventBody::Text),
            EventBody::Thinking(Delta::Replace(text)) => self.unsent_text(text, may_be_stale).map(EventBody::Thinking),
            EventBody::Prompt(text) => {
                let is_known = self.emitted && self.text == text;
                self.text.clone_from(&text);
                (!is_known).then_some(EventBody::Prompt(text))
            }
            EventBody::ToolCall { id, name, input, action } => self.unsent_call(id, name, input, action),
            EventBody::ToolUpdate { id, status, output: Some(Delta::Replace(text)), duration_ms, subagent, action } => {
                let output = self.unsent_text(text, false);
                Some(EventBody::ToolUpdate { id, status, output, duration_ms, subagent, action })
            }
            // Bodies that never change.
            body => (!self.emitted || kind == PartKind::Other).then_some(body),
        }
    }

    fn unsent_call(&mut self, id: Arc<str>, name: Arc<str>, input: Value, action: ToolAction) -> Option<EventBody> {
        let call = (serde_json::json!({"callID": &*id, "input": &input}), action.clone());
        if self.call.as_ref() == Some(&call) {
            return None;
        }
        self.call = Some(call);
        Some(EventBody::ToolCall { id, name, input, action })
    }

    /// The whole text, the appended suffix, or nothing.
    fn unsent_text(&mut self, text: String, may_be_stale: bool) -> Option<Delta> {
        if self.emitted && (text == self.text || may_be_stale && text.len() <= self.text.len()) {
            return None;
        }
        let added = if self.emitted && !self.text.is_empty() { text.strip_prefix(self.text.as_str()) } else { None };
        let piece = added.map_or_else(|| Delta::Replace(text.clone()), |added| Delta::Append(added.to_owned()));
        self.text = text;
        Some(piece)
    }
}

/// Reduces the duration of a call to the time for which it ran: the server starts its clock before it asks.
fn subtract_wait(body: &mut EventBody, waits: &HashMap<Arc<str>, u64>) {
    if let EventBody::ToolUpdate { id, duration_ms: Some(duration), .. } = body {
        *duration = duration.saturating_sub(waits.get(id).copied().unwrap_or(0));
    }
}

/// True while a text is being written.
fn is_streaming(kind: PartKind, part: &Value) -> bool {
    matches!(kind, PartKind::Text | PartKind::Thinking) && part["time"]["end"].is_null()
}

/// A part in its database form, where its ids are columns.
fn as_stored(part: &Value) -> String {
    let Value::Object(fields) = part else { return part.to_string() };
    let mut fields = fields.clone();
    for name in ["id", "messageID", "sessionID"] {
        fields.remove(name);
    }
    Value::Object(fields).to_string()
}
