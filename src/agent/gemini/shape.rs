//! Usual types of the fields of Gemini's records.

use serde_json::Value;

use crate::agent::tolerant_json::{self, Repairs};
use crate::agent::tool_input;
use crate::agent::usual_form::FieldType::{self, Any, Flag, Id, List, Object, Text, TextOrList, TextOrObject};
use crate::agent::usual_form::conform;

const RESPONSE: FieldType = Object(&[("output", Any), ("error", Any), ("content", Any)]);

/// Part of a content.
const PART: FieldType = TextOrObject(&[
    ("text", Text),
    ("functionResponse", Object(&[("name", Text), ("response", RESPONSE), ("id", Id)])),
    ("functionCall", Object(&[("name", Text), ("args", Any), ("id", Id)])),
    ("thought", Flag),
]);

const THOUGHT: FieldType = TextOrObject(&[("subject", Text), ("description", Text), ("text", Text)]);

const CALL: FieldType =
    TextOrObject(&[("name", Text), ("args", Any), ("id", Text), ("status", Text), ("result", TextOrList(&PART))]);

const MESSAGE: FieldType = Object(&[
    ("content", TextOrList(&PART)),
    ("type", Text),
    ("id", Id),
    ("role", Text),
    ("parts", List(&PART)),
    ("displayContent", TextOrList(&PART)),
    ("thoughts", List(&THOUGHT)),
    ("toolCalls", List(&CALL)),
    ("model", Text),
    ("tokens", Object(&[("input", Any), ("output", Any), ("total", Any)])),
]);

const CHANGES: FieldType =
    Object(&[("messages", Any), ("summary", Text), ("lastUpdated", Any), ("sessionId", Text), ("kind", Text)]);

const LOG_RECORD: FieldType = Object(&[("$set", CHANGES), ("$rewindTo", Text)]);

/// Parses a message, whose fields get their usual types.
pub(super) fn message(json: &[u8]) -> Option<(Value, Repairs)> {
    let (mut value, mut repairs) = tolerant_json::value(json)?;
    // Calls by their ids.
    let calls = value["toolCalls"]
        .as_object()
        .filter(|calls| !tool_input::has_numeric_names(calls) && !calls.contains_key("items"));
    let is_map = calls.is_some_and(|calls| !calls.is_empty() && calls.values().all(Value::is_object));
    if let Some(calls) =
        calls.filter(|calls| is_map && !["name", "args", "result"].iter().any(|name| calls.contains_key(*name)))
    {
        value["toolCalls"] = calls.values().cloned().collect();
    }
    if conform(&mut value, MESSAGE) {
        repairs.add(Repairs::FIELD_TYPES);
    }
    Some((value, repairs))
}

/// Gives the fields of a record of the log, or of a chat's head, their usual types.
pub(super) fn log_record(record: &mut Value) {
    conform(record, LOG_RECORD);
    conform(record, CHANGES);
}
