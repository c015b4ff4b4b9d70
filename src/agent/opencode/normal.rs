//! Brings messages and parts that a strict parser refuses into the usual form: repaired JSON with fields of the usual types.
//!
//! Only for records that do not parse otherwise; must not decide which of them make entries.

use serde_json::{Map, Value, json};

use super::shape;
use crate::agent::tolerant_json::{self, Repairs};
use crate::agent::tool_input;
use crate::domain::Time;

/// A message in the usual form; `None` if there is nothing to read.
pub(super) fn message(data: &str) -> Option<(String, Repairs)> {
    let (mut fields, mut repairs) = object(data, shape::message)?;
    let before = fields.clone();
    structure(&mut fields, "path", |path| text(path, "cwd"));
    text(&mut fields, "location");
    for name in ["role", "modelID", "providerID"] {
        text(&mut fields, name);
    }
    number(&mut fields, "cost");
    times(&mut fields);
    structure(&mut fields, "tokens", |tokens| {
        ["input", "output", "reasoning"].iter().for_each(|name| number(tokens, name));
        structure(tokens, "cache", |cache| ["read", "write"].iter().for_each(|name| number(cache, name)));
    });
    if let Some(Value::String(name)) = fields.get("model") {
        let model = json!({ "modelID": name });
        fields.insert("model".into(), model);
    }
    structure(&mut fields, "model", |model| ["modelID", "id", "providerID"].iter().for_each(|name| text(model, name)));
    if let Some(error) = fields.get("error").filter(|error| !error.is_null()) {
        let error = self::error(error);
        fields.insert("error".into(), error);
    }
    Some(finish(fields, &before, &mut repairs))
}

/// The parts of a row in the usual form: usually one. None if there is nothing to read.
pub(super) fn parts(data: &str) -> Vec<(String, Repairs)> {
    let records = tolerant_json::records(data.as_bytes());
    if records.len() < 2 {
        return part(data).into_iter().collect();
    }
    let record = |record: tolerant_json::RepairedRecord| {
        let (usual, mut repairs) = part(&data[record.range])?;
        repairs.add(record.repairs);
        Some((usual, repairs))
    };
    records.into_iter().filter_map(record).collect()
}

/// A part in the usual form; `None` if there is nothing to read.
pub(super) fn part(data: &str) -> Option<(String, Repairs)> {
    let (mut fields, mut repairs) =
        object(data, shape::part).or_else(|| text_part(data)).or_else(|| bare_text(data))?;
    let before = fields.clone();
    for name in ["type", "tool", "text", "prompt", "callID"] {
        text(&mut fields, name);
    }
    for name in ["synthetic", "ignored"] {
        if fields.get(name).is_some_and(|value| !value.is_boolean()) {
            fields.remove(name);
        }
    }
    times(&mut fields);
    if fields.get("type").is_some_and(|kind| kind == "tool") && !fields.contains_key("state") {
        add_state(&mut fields);
    }
    if let Some(Value::String(output)) = fields.get("state") {
        let state = json!({ "status": "completed", "output": output });
        fields.insert("state".into(), state);
    }
    structure(&mut fields, "state", |state| {
        ["status", "error"].iter().for_each(|name| text(state, name));
        times(state);
        structure(state, "metadata", |metadata| {
            ["exit", "exitCode"].iter().for_each(|name| number(metadata, name));
            text(metadata, "outputPath");
        });
    });
    Some(finish(fields, &before, &mut repairs))
}

/// Adds the state of a tool whose fields are in the part itself.
fn add_state(fields: &mut Map<String, Value>) {
    const NAMES: [&str; 5] = ["status", "input", "output", "error", "title"];
    let own = NAMES.iter().filter_map(|name| Some(((*name).to_owned(), fields.get(*name)?.clone())));
    let mut state: Map<String, Value> = own.collect();
    let ended = if state.contains_key("error") { "error" } else { "completed" };
    let status = if state.contains_key("output") || state.contains_key("error") { ended } else { "pending" };
    if !state.is_empty() {
        state.entry("status").or_insert_with(|| status.into());
        fields.insert("state".into(), Value::Object(state));
    }
}

/// Fields of a record. A string that contains an object is taken as that object.
fn object(data: &str, conform: fn(&mut Value) -> bool) -> Option<(Map<String, Value>, Repairs)> {
    let records = tolerant_json::records(data.as_bytes());
    let is_one = records.len() == 1;
    let (mut value, mut repairs) = records.into_iter().next().map(|record| (record.value, record.repairs))?;
    if conform(&mut value) {
        repairs.add(Repairs::FIELD_TYPES);
    }
    if !is_one {
        // A row has one record; another one in it is not shown.
        repairs.add(Repairs::GARBAGE);
    }
    match value {
        Value::Object(fields) => Some((fields, repairs)),
        Value::String(inner) => match tolerant_json::value(inner.as_bytes())? {
            (Value::Object(fields), inner_repairs) => {
                repairs.add(Repairs::FIELD_TYPES);
                repairs.add(inner_repairs);
                Some((fields, repairs))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A part that is a text.
fn text_part(data: &str) -> Option<(Map<String, Value>, Repairs)> {
    let (value, mut repairs) = tolerant_json::value(data.as_bytes())?;
    let Value::String(text) = value else { return None };
    repairs.add(Repairs::FIELD_TYPES);
    let fields = [("type", Value::from("text")), ("text", Value::from(text))];
    Some((fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), repairs))
}

/// A part that is no JSON.
fn bare_text(data: &str) -> Option<(Map<String, Value>, Repairs)> {
    let is_text = data.trim_start().starts_with(char::is_alphabetic) && data.contains(char::is_whitespace);
    let fields = json!({ "type": "text", "text": data });
    Some((fields.as_object().filter(|_| is_text)?.clone(), Repairs::FIELD_TYPES))
}

fn finish(fields: Map<String, Value>, before: &Map<String, Value>, repairs: &mut Repairs) -> (String, Repairs) {
    if fields != *before {
        repairs.add(Repairs::FIELD_TYPES);
    }
    (Value::Object(fields).to_string(), *repairs)
}

/// Converts a field that is no string: the texts of an object or a list, or its JSON.
fn text(fields: &mut Map<String, Value>, name: &str) {
    let Some(value) = fields.get_mut(name) else { return };
    match value {
        Value::String(_) => {}
        Value::Null => drop(fields.remove(name)),
        other => *other = Value::String(plain_text(other)),
    }
}

/// Text of a value: of its `text`, `message` or `content`, of its items, or its JSON.
fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain_text).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => {
            let inner = ["text", "message", "content", "value"].iter().find_map(|name| fields.get(*name));
            inner.map_or_else(|| tool_input::flat(value), plain_text)
        }
        other => other.to_string(),
    }
}

/// Converts a number that is written as a text; removes anything else that is none.
fn number(fields: &mut Map<String, Value>, name: &str) {
    let Some(value) = fields.get_mut(name) else { return };
    let converted = match &*value {
        Value::Number(_) => return,
        Value::String(text) => text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64),
        _ => None,
    };
    match converted {
        Some(number) => *value = Value::Number(number),
        None => drop(fields.remove(name)),
    }
}

/// Converts the times of a record: an object of numbers in ms since 1970.
fn times(fields: &mut Map<String, Value>) {
    if let Some(created) = fields.get("time").filter(|time| !time.is_object() && !time.is_null()) {
        let time = json!({ "created": created });
        fields.insert("time".into(), time);
    }
    structure(fields, "time", |time| {
        for name in ["created", "completed", "start", "end"] {
            if let Some(at) = time.get(name).and_then(Value::as_str).and_then(Time::parse) {
                time.insert(name.into(), at.millis().into());
            }
            number(time, name);
        }
    });
}

/// Visits a field that is an object; removes any other value.
fn structure(fields: &mut Map<String, Value>, name: &str, visit: impl FnOnce(&mut Map<String, Value>)) {
    match fields.get_mut(name) {
        Some(Value::Object(inner)) => visit(inner),
        Some(_) => drop(fields.remove(name)),
        None => {}
    }
}

/// An error in the usual form: a name, and data with a message.
fn error(error: &Value) -> Value {
    let name = error["name"].as_str().or_else(|| error["type"].as_str()).unwrap_or("Error");
    let message = error["data"]["message"].as_str().or_else(|| error["message"].as_str());
    let message = message.map_or_else(|| plain_text(error), str::to_owned);
    json!({ "name": name, "data": { "message": message } })
}
