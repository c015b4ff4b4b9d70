//! Messages of the open turn as rows of the database, built from events, and the events that they make.
//!
//! A row is converted like one that is read from the database, so that the entries of a run have the keys and texts of the
//! transcript.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::messages::{PartOrigin, TurnMessages};
use crate::agent::opencode::v2;
use crate::domain::Event;
use crate::domain::transcript::ToolAction;

/// Rows of the open turn.
#[derive(Debug, Default)]
pub(super) struct ApiRows {
    rows: HashMap<String, ApiRow>,
    shown: TurnMessages,
}

/// A row that grows.
#[derive(Debug)]
struct ApiRow {
    kind: String,
    row: Value,
    /// Index in the content of each text, by its kind and number, and of each call, by its id.
    indices: HashMap<String, usize>,
}

/// Id of the first part of a message, in the transcript as well.
pub(super) fn first_part(message: &str) -> String {
    part_id(message, 0)
}

fn part_id(message: &str, index: usize) -> String {
    format!("{message}/{index}")
}

impl ApiRows {
    /// Adds a prompt of salon, whose event was sent already.
    pub(super) fn prompt(&mut self, message: &str, text: &str) {
        self.shown.prompt(message, &first_part(message), text);
    }

    /// True if a message is known.
    pub(super) fn has(&self, message: &str) -> bool {
        self.rows.contains_key(message)
    }

    /// Applies a row of a list, unless events have made it longer since.
    pub(super) fn put(&mut self, id: &str, kind: &str, mut row: Value, events: &mut Vec<Event>) {
        repair(&mut row);
        // A list may be older than the end of a call.
        let count = |row: &Value| {
            let items = row["content"].as_array().map_or(&[][..], Vec::as_slice);
            (items.len(), items.iter().filter(|item| item["time"]["completed"].is_number()).count())
        };
        let is_newer = |known: &ApiRow| known.row["time"]["completed"].is_number() || count(&known.row) > count(&row);
        if kind == "assistant" && self.rows.get(id).is_some_and(is_newer) {
            return;
        }
        let mut indices = HashMap::new();
        let (mut texts, mut thoughts) = (0, 0);
        for (index, item) in row["content"].as_array().into_iter().flatten().enumerate() {
            let key = match item["type"].as_str() {
                Some("tool") => item["id"].as_str().unwrap_or_default().to_owned(),
                Some(kind @ "reasoning") => numbered(kind, &mut thoughts),
                _ => numbered("text", &mut texts),
            };
            indices.insert(key, index);
        }
        self.rows.insert(id.to_owned(), ApiRow { kind: kind.to_owned(), row, indices });
        self.emit(id, None, PartOrigin::List, events);
    }

    /// Begins the message of a step.
    pub(super) fn begin(&mut self, id: &str, row: Value, events: &mut Vec<Event>) {
        let row = ApiRow { kind: "assistant".to_owned(), row, indices: HashMap::new() };
        self.rows.entry(id.to_owned()).or_insert(row);
        self.emit_head(id, events);
    }

    /// Sets fields of a message.
    pub(super) fn set(&mut self, id: &str, fields: &[(&str, Value)], events: &mut Vec<Event>) {
        let Some(message) = self.rows.get_mut(id) else { return };
        for (name, value) in fields {
            message.row[*name] = value.clone();
        }
        self.emit_head(id, events);
    }

    /// Marks a message as complete.
    pub(super) fn complete(&mut self, id: &str, millis: i64) {
        if let Some(message) = self.rows.get_mut(id) {
            message.row["time"]["completed"] = millis.into();
        }
    }

    /// Replaces an item of a message's content, or appends it.
    pub(super) fn item(&mut self, id: &str, key: &str, change: impl FnOnce(&mut Value), events: &mut Vec<Event>) {
        let Some(index) = self.index(id, key) else { return };
        if let Some(message) = self.rows.get_mut(id) {
            change(&mut message.row["content"][index]);
        }
        self.emit(id, Some(index), PartOrigin::Stream, events);
    }

    /// Appends text to an item.
    pub(super) fn append(&mut self, id: &str, key: &str, kind: &str, more: &str, events: &mut Vec<Event>) {
        let is_new = self.rows.get(id).is_some_and(|message| !message.indices.contains_key(key));
        if is_new {
            self.item(id, key, |item| *item = json!({"type": kind, "text": ""}), events);
        }
        let Some(index) = self.index(id, key) else { return };
        if let Some(message) = self.rows.get_mut(id)
            && let Value::String(text) = &mut message.row["content"][index]["text"]
        {
            text.push_str(more);
        }
        self.shown.delta(&part_id(id, index), more, events);
    }

    /// The call with that id: its input and action, if known.
    pub(super) fn call(&self, message: &str, call: Option<&str>) -> Option<&(Value, ToolAction)> {
        self.shown.call(message, call)
    }

    /// Records that a call has waited for a permission.
    pub(super) fn call_waited(&mut self, call: Arc<str>, millis: i64) {
        self.shown.call_waited(call, millis);
    }

    /// Index of an item, which is new if no item has the key.
    fn index(&mut self, id: &str, key: &str) -> Option<usize> {
        let message = self.rows.get_mut(id)?;
        let content = message.row["content"].as_array_mut()?;
        let known = message.indices.get(key).copied();
        Some(known.unwrap_or_else(|| {
            content.push(Value::Null);
            message.indices.insert(key.to_owned(), content.len() - 1);
            content.len() - 1
        }))
    }

    fn emit_head(&mut self, id: &str, events: &mut Vec<Event>) {
        let Some(message) = self.rows.get(id) else { return };
        let (head, _) = v2::convert(id, &message.kind, &message.row, None);
        self.shown.message(&with_id(&head, id), events);
    }

    /// Emits a message: one item of its content, or all.
    fn emit(&mut self, id: &str, only: Option<usize>, from: PartOrigin, events: &mut Vec<Event>) {
        let Some(message) = self.rows.get(id) else { return };
        let (head, parts) = v2::convert(id, &message.kind, &message.row, None);
        // An error of the message follows its parts in the transcript.
        if only.is_none() {
            let mut bare: Value = with_id(&head, id);
            bare["error"] = Value::Null;
            self.shown.message(&bare, events);
        }
        for (index, part) in parts.into_iter().enumerate() {
            if only.is_some_and(|only| only != index) {
                continue;
            }
            let Ok(mut data) = serde_json::from_str::<Value>(&part.data) else { continue };
            // A planned retry is shown as the activity of the run.
            if data["type"] == "retry" || !data.is_object() {
                continue;
            }
            data["id"] = part.id.into();
            data["messageID"] = id.into();
            self.shown.part(&data, from, events);
        }
        if only.is_none() {
            self.shown.message(&with_id(&head, id), events);
        }
    }
}

/// Gives a row the shape that events extend, whatever the server sent.
fn repair(row: &mut Value) {
    let as_object = |value: &mut Value| {
        if !value.is_object() {
            *value = json!({});
        }
    };
    as_object(row);
    as_object(&mut row["time"]);
    if let Value::Array(items) = &mut row["content"] {
        for item in items {
            as_object(item);
            as_object(&mut item["time"]);
            if item["type"] == "tool" {
                as_object(&mut item["state"]);
            }
        }
    }
}

fn numbered(kind: &str, count: &mut usize) -> String {
    *count += 1;
    format!("{kind}-{}", *count - 1)
}

fn with_id(head: &str, id: &str) -> Value {
    let mut head: Value = serde_json::from_str(head).unwrap_or_default();
    head["id"] = id.into();
    head
}
