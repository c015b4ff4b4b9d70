//! Items of a conversation as they stream. Each is put into the form that it has in a rollout and read by the same
//! functions, so that a stream and its transcript say the same.

use serde_json::{Map, Value, json};

use super::super::dialect::{OUR_PROMPTS, call_key};
use super::super::line::{Item, item_of};
use super::super::{calls, items, patch};
use crate::domain::transcript::Action;
use crate::domain::{Body, Key, Piece};

/// What an item is, and the item itself in its stored form.
pub fn stored(item: &Value) -> (Item, Value) {
    let kind = capital(item["type"].as_str().unwrap_or_default());
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
            fields.insert("command".into(), words(&item["command"]));
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
    let known = item_of(kind.as_bytes());
    fields.insert("type".into(), Value::String(kind));
    (known, Value::Object(fields))
}

/// What an item says that is no tool, once it is complete; `None` where that is nothing.
pub fn said(kind: Item, stored: &Value) -> Option<Body> {
    let body = items::said(kind, stored)?;
    let empty = match &body {
        Body::Text(Piece::Whole(text)) | Body::Thinking(Piece::Whole(text)) => text.trim().is_empty(),
        _ => false,
    };
    (!empty).then_some(body)
}

/// The key of what an item says: of a prompt of ours the id that we gave it.
pub fn key(item: &Value) -> Key {
    let ours = item["clientId"].as_str().filter(|id| id.starts_with(OUR_PROMPTS));
    Key::new(ours.or_else(|| item["id"].as_str()).unwrap_or_default(), 0)
}

/// The key of a tool's item.
pub fn tool_key(turn: &str, call: &str) -> Key {
    // Without a key of its own it is one of many; the thread and the call must do.
    call_key(turn, call).unwrap_or_else(|| Key::new(&format!("{turn}/{call}"), 1))
}

/// A command line as a list of words, as a rollout has it.
pub fn words(command: &Value) -> Value {
    let Some(line) = command.as_str() else { return command.clone() };
    shlex::split(line).map_or_else(|| json!([line]), |words| json!(words))
}

/// What a command does.
pub fn command(command: &Value) -> Action {
    match words(command) {
        // A line that no shell would read is shown as it is.
        Value::Array(list) if list.len() == 1 => calls::shell(&list[0]),
        list => calls::shell(&list),
    }
}

/// What a list of changes does.
pub fn edit(list: &Value) -> Action {
    Action::Edit(patch::from_changes(&changes(list)))
}

/// Changes of files, `[{path, kind, diff}]`, as a rollout has them: by path, with their text under the name of its kind.
fn changes(list: &Value) -> Value {
    let Some(list) = list.as_array() else { return list.clone() };
    let one = |change: &Value| {
        let (path, diff) = (change["path"].as_str()?, change["diff"].as_str().unwrap_or_default());
        let target = &change["kind"]["move_path"];
        let kind = change["kind"]["type"].as_str().unwrap_or_default();
        if matches!(kind, "add" | "delete") {
            return Some((path.to_owned(), json!({"type": kind, "content": diff})));
        }
        // Where the file goes is told twice.
        let told = format!("\n\nMoved to: {}", target.as_str().unwrap_or_default());
        let diff = diff.strip_suffix(&told).unwrap_or(diff);
        let stored = json!({"type": "update", "unified_diff": diff, "move_path": target});
        Some((path.to_owned(), stored))
    };
    Value::Object(list.iter().filter_map(one).collect())
}

/// `commandExecution` as `CommandExecution`.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// `aggregatedOutput` as `aggregated_output`, or with another sign.
pub fn separated(word: &str, sign: char) -> String {
    let mut whole = String::with_capacity(word.len() + 4);
    for letter in word.chars() {
        if letter.is_ascii_uppercase() {
            whole.push(sign);
        }
        whole.push(letter.to_ascii_lowercase());
    }
    whole
}
