//! Messages and parts as they grow, as events with the keys that the reader of the database gives the same entries.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::entries::{self, Cutter};
use super::super::record::{self, Kind, Stance};
use crate::agent::TextLimit;
use crate::domain::transcript::Action;
use crate::domain::{Body, Event, Key, Piece, Time, Tokens};

/// What is known of the messages of the open turn. What was told once is not told again.
#[derive(Debug, Default)]
pub struct Talk {
    messages: HashMap<String, Message>,
    parts: HashMap<String, Part>,
}

#[derive(Debug)]
struct Message {
    stance: Stance,
    created: Option<f64>,
    /// Its first entry, which shows its usage.
    first: Option<Key>,
    usage: Tokens,
    fault: bool,
}

#[derive(Debug)]
struct Part {
    message: String,
    began: Option<Time>,
    thinking: bool,
    /// What was told of its text, or of its tool's output.
    text: String,
    call: Option<(Value, Action)>,
    told: bool,
}

/// Where a part comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The stream of events.
    Stream,
    /// A list that was asked for: of a part that still grows it may know less than was streamed.
    List,
}

impl Talk {
    /// Forgets what is over.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.parts.clear();
    }

    /// A prompt of ours, before the server tells of it.
    pub fn prompt(&mut self, message: &str, part: &str, text: &str) {
        self.messages.insert(
            message.to_owned(),
            Message {
                stance: Stance { user: true, over: false },
                created: None,
                first: None,
                usage: Tokens::default(),
                fault: false,
            },
        );
        let known = Part {
            message: message.to_owned(),
            began: None,
            thinking: false,
            text: text.to_owned(),
            call: None,
            told: true,
        };
        self.parts.insert(part.to_owned(), known);
    }

    /// The message's own record, new or changed.
    pub fn message(&mut self, info: &Value, events: &mut Vec<Event>) {
        let Some(id) = info["id"].as_str() else { return };
        let data = info.to_string();
        let Some(head) = record::head(&data) else { return };
        let message = self.messages.entry(id.to_owned()).or_insert_with(|| Message {
            stance: head.stance(),
            created: None,
            first: None,
            usage: Tokens::default(),
            fault: false,
        });
        message.stance = head.stance();
        message.created = head.time.created.or(message.created);
        if let Some(kind) = record::trailer(&head).filter(|_| !message.fault) {
            message.fault = true;
            events.push(entries::fault(&head, kind, id));
        }
        let usage = head.tokens.map(record::Usage::tokens).unwrap_or_default();
        if let Some(first) = message.first.filter(|_| usage.total() > 0 && usage != message.usage) {
            message.usage = usage;
            events.push(Event { key: first, time: None, body: Body::Usage(usage) });
        }
    }

    /// A part, new or changed.
    pub fn part(&mut self, part: &Value, from: From, events: &mut Vec<Event>) {
        let (Some(id), Some(message_id)) = (part["id"].as_str(), part["messageID"].as_str()) else { return };
        let stored = as_stored(part);
        let Some(head) = record::part_head(&stored) else { return };
        let message = self.messages.get(message_id);
        let stance = message.map_or(Stance { user: false, over: false }, |message| message.stance);
        let created = message.and_then(|message| message.created);
        let time = entries::began(part, created);
        let known = self.parts.entry(id.to_owned()).or_insert_with(|| Part {
            message: message_id.to_owned(),
            began: time,
            thinking: part["type"] == "reasoning",
            text: String::new(),
            call: None,
            told: false,
        });
        let Some(kind) = record::kind(stance, &head) else { return };
        let key = Key::new(id, 0);
        let mut cutter = Cutter::new(TextLimit::NONE);
        let before = events.len();
        for body in entries::bodies(kind, part, &stored, &mut cutter) {
            if let Some(body) = known.news(kind, body, growing(kind, part) && from == From::List) {
                events.push(Event { key, time, body });
            }
        }
        known.told |= events.len() > before;
        self.first_entry(message_id, key);
    }

    /// More of a part's text.
    pub fn delta(&mut self, part: &str, more: &str, events: &mut Vec<Event>) {
        // Of a part that is not known it is not known what it is; the whole of it comes at its end.
        let Some(known) = self.parts.get_mut(part) else { return };
        let key = Key::new(part, 0);
        known.text.push_str(more);
        // White space alone makes no entry, so the reader has none either until something follows.
        let piece = if known.told {
            Piece::Delta(more.to_owned())
        } else if known.text.trim_start().is_empty() {
            return;
        } else {
            Piece::Whole(known.text.clone())
        };
        let first = !std::mem::replace(&mut known.told, true);
        let body = if known.thinking { Body::Thinking(piece) } else { Body::Text(piece) };
        events.push(Event { key, time: known.began, body });
        if first {
            let message = known.message.clone();
            self.first_entry(&message, key);
        }
    }

    /// The tool call of that id: its name's action and its input, where they are known.
    pub fn call(&self, message: &str, tool: Option<&str>) -> Option<&(Value, Action)> {
        let tool = tool?;
        let of_message = self.parts.values().filter(|part| part.message == message);
        of_message.filter_map(|part| part.call.as_ref()).find(|(call, _)| call["callID"] == tool)
    }

    fn first_entry(&mut self, message: &str, key: Key) {
        if let Some(message) = self.messages.get_mut(message) {
            message.first.get_or_insert(key);
        }
    }
}

impl Part {
    /// What of a body was not told yet. `behind`: it may be older than what was told.
    fn news(&mut self, kind: Kind, body: Body, behind: bool) -> Option<Body> {
        match body {
            Body::Text(Piece::Whole(text)) => self.grown(text, behind).map(Body::Text),
            Body::Thinking(Piece::Whole(text)) => self.grown(text, behind).map(Body::Thinking),
            Body::Prompt(text) => {
                let known = self.told && self.text == text;
                self.text.clone_from(&text);
                (!known).then_some(Body::Prompt(text))
            }
            Body::ToolCall { id, name, input, action } => self.called(id, name, input, action),
            Body::ToolUpdate { id, status, output: Some(Piece::Whole(text)), duration_ms, subagent, action } => {
                let output = self.grown(text, false);
                Some(Body::ToolUpdate { id, status, output, duration_ms, subagent, action })
            }
            // What never changes once it is there.
            body => (!self.told || kind == Kind::Other).then_some(body),
        }
    }

    fn called(&mut self, id: Arc<str>, name: Arc<str>, input: Value, action: Action) -> Option<Body> {
        let call = (serde_json::json!({"callID": &*id, "input": &input}), action.clone());
        if self.call.as_ref() == Some(&call) {
            return None;
        }
        self.call = Some(call);
        Some(Body::ToolCall { id, name, input, action })
    }

    /// The whole text, or what was added to it, or nothing.
    fn grown(&mut self, text: String, behind: bool) -> Option<Piece> {
        if self.told && (text == self.text || behind && text.len() <= self.text.len()) {
            return None;
        }
        let added = if self.told && !self.text.is_empty() { text.strip_prefix(self.text.as_str()) } else { None };
        let piece = added.map_or_else(|| Piece::Whole(text.clone()), |added| Piece::Delta(added.to_owned()));
        self.text = text;
        Some(piece)
    }
}

/// Whether a text is still being written.
fn growing(kind: Kind, part: &Value) -> bool {
    matches!(kind, Kind::Text | Kind::Thinking) && part["time"]["end"].is_null()
}

/// A part as it lies in the database, where its ids are columns.
fn as_stored(part: &Value) -> String {
    let Value::Object(fields) = part else { return part.to_string() };
    let mut fields = fields.clone();
    for name in ["id", "messageID", "sessionID"] {
        fields.remove(name);
    }
    Value::Object(fields).to_string()
}
