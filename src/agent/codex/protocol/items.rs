//! Converts streamed items to their form in a rollout.
//!
//! The functions that read rollouts then decode both, so that a stream and its transcript have equal entries.

use serde_json::{Map, Value, json};

use super::super::dialect::{OUR_PROMPTS, call_key};
use super::super::line::{ItemKind, item_kind_of};
use super::super::{calls, items, patch};
use crate::domain::transcript::ToolAction;
use crate::domain::{Delta, EntryKey, EventBody};

/// Kind of an item, and the item in its stored form.
pub(super) fn stored(item: &Value) -> (ItemKind, Value) {
    let kind = capitalized(item["type"].as_str().unwrap_or_default());
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in item.as_object().into_iter().flatten() {
        fields.insert(separated(name, '_'), value.clone());
    }
    if let Some(millis) = item["durationMs"].as_u64() {
        fields.insert("duration".into(), json!({"secs": millis / 1000, "nanos": millis % 1000 * 1_000_000}));
    }
    let move_to = |fields: &mut Map<String, Value>, from: &str, to: &str| {
        fields.remove(from).map(|value| fields.insert(to.into(), value));
    };
    match kind.as_str() {
        "CommandExecution" => {
            fields.insert("command".into(), argv(&item["command"]));
        }
        "FileChange" => {
            fields.insert("changes".into(), changes(&item["changes"]));
        }
        "AgentMessage" => {
            fields.insert("content".into(), json!([{"text": item["text"]}]));
        }
        "Reasoning" => {
            move_to(&mut fields, "summary", "summary_text");
            move_to(&mut fields, "content", "raw_content");
        }
        "CollabAgentToolCall" => {
            fields.insert("tool".into(), json!(separated(item["tool"].as_str().unwrap_or_default(), '_')));
        }
        _ => {}
    }
    let known = item_kind_of(kind.as_bytes());
    fields.insert("type".into(), Value::String(kind));
    (known, Value::Object(fields))
}

/// Body of a complete item that is no tool; `None` if it is empty.
pub(super) fn message_body(kind: ItemKind, stored: &Value) -> Option<EventBody> {
    let body = items::message_body(kind, stored)?;
    let empty = match &body {
        EventBody::Text(Delta::Replace(text)) | EventBody::Thinking(Delta::Replace(text)) => text.trim().is_empty(),
        _ => false,
    };
    (!empty).then_some(body)
}

/// Key of an item's entry: of a prompt from salon, the id that salon gave to it.
pub(super) fn key(item: &Value) -> EntryKey {
    let own_id = item["clientId"].as_str().filter(|id| id.starts_with(OUR_PROMPTS));
    EntryKey::new(own_id.or_else(|| item["id"].as_str()).unwrap_or_default(), 0)
}

/// Key of a tool item's entry.
pub(super) fn tool_key(turn: &str, call: &str) -> EntryKey {
    // A short call id is not unique by itself; with the turn it is unique enough for a stream.
    call_key(turn, call).unwrap_or_else(|| EntryKey::new(&format!("{turn}/{call}"), 1))
}

/// Splits a command line into a list of arguments, as in a rollout.
pub(super) fn argv(command: &Value) -> Value {
    let Some(line) = command.as_str() else { return command.clone() };
    shlex::split(line).map_or_else(|| json!([line]), |argv| json!(argv))
}

/// Action of a command.
pub(super) fn command(command: &Value) -> ToolAction {
    match argv(command) {
        // A line that is no valid shell syntax is shown as it is.
        Value::Array(list) if list.len() == 1 => calls::shell(&list[0]),
        list => calls::shell(&list),
    }
}

/// Action of a list of changes.
pub(super) fn edit(list: &Value) -> ToolAction {
    ToolAction::Edit(patch::from_changes(&changes(list)))
}

/// Converts `[{path, kind, diff}]` to the form in a rollout: by path, with the text under the name of its kind.
fn changes(list: &Value) -> Value {
    let Some(list) = list.as_array() else { return list.clone() };
    let change_entry = |change: &Value| {
        let (path, diff) = (change["path"].as_str()?, change["diff"].as_str().unwrap_or_default());
        let target = &change["kind"]["move_path"];
        let kind = change["kind"]["type"].as_str().unwrap_or_default();
        if matches!(kind, "add" | "delete") {
            return Some((path.to_owned(), json!({"type": kind, "content": diff})));
        }
        // The diff repeats the target path.
        let suffix = format!("\n\nMoved to: {}", target.as_str().unwrap_or_default());
        let diff = diff.strip_suffix(&suffix).unwrap_or(diff);
        let stored = json!({"type": "update", "unified_diff": diff, "move_path": target});
        Some((path.to_owned(), stored))
    };
    Value::Object(list.iter().filter_map(change_entry).collect())
}

/// Converts `commandExecution` to `CommandExecution`.
fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// Converts `aggregatedOutput` to `aggregated_output`, or with another separator.
pub(super) fn separated(word: &str, separator: char) -> String {
    let mut result = String::with_capacity(word.len() + 4);
    for letter in word.chars() {
        if letter.is_ascii_uppercase() {
            result.push(separator);
        }
        result.push(letter.to_ascii_lowercase());
    }
    result
}
