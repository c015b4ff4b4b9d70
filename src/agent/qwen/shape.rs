//! Usual types of the fields of Qwen Code's records.

use serde_json::Value;

use crate::agent::usual_form::FieldType::{self, Flag, Id, List, Object, Text, TextOrObject};
use crate::agent::usual_form::{self, UsualForm};

const RESPONSE: FieldType =
    Object(&[("output", FieldType::Any), ("error", FieldType::Any), ("content", FieldType::Any)]);

/// Part of a message.
const PART: FieldType = TextOrObject(&[
    ("text", Text),
    ("functionCall", Object(&[("name", Text), ("args", FieldType::Any), ("id", Id)])),
    ("functionResponse", Object(&[("name", Text), ("response", RESPONSE), ("id", Id)])),
    ("thought", Flag),
]);

const MESSAGE: FieldType =
    TextOrObject(&[("parts", List(&PART)), ("role", Text), ("content", List(&PART)), ("text", List(&PART))]);

const ITEM: FieldType = TextOrObject(&[("text", Text), ("type", Text), ("content", Text), ("message", Text)]);

const PAYLOAD: FieldType = Object(&[
    ("displayText", Text),
    ("phase", Text),
    ("rawCommand", Text),
    ("outputHistoryItems", List(&ITEM)),
    ("customTitle", Text),
    ("titleSource", Text),
    ("message", Text),
    ("status", Text),
    ("userText", Text),
    ("info", Object(&[("originalTokenCount", Id), ("newTokenCount", Id)])),
    ("compressedHistory", List(&Object(&[("parts", List(&PART)), ("role", Text)]))),
    ("uiEvent", Object(&[("event.name", Text), ("error_message", Text)])),
]);

/// Fields of a record.
const RECORD: &[(&str, FieldType)] = &[
    ("type", Text),
    ("sessionId", Id),
    ("subtype", Text),
    ("provenance", Text),
    ("uuid", Id),
    ("parentUuid", Id),
    ("cwd", Text),
    ("gitBranch", Text),
    ("model", Text),
    ("message", MESSAGE),
    ("toolCallResult", Object(&[("callId", Id), ("status", Text)])),
    ("systemPayload", PAYLOAD),
    ("usageMetadata", Object(&[("promptTokenCount", Id), ("candidatesTokenCount", Id)])),
];

/// True for a field whose value begins with another byte than usual.
pub(super) fn is_unusual(field: &[u8], first: u8) -> bool {
    match field {
        b"message" => !matches!(first, b'{' | b'"' | b'n'),
        b"toolCallResult" | b"systemPayload" | b"usageMetadata" => !matches!(first, b'{' | b'n'),
        b"type" | b"sessionId" | b"subtype" | b"provenance" | b"uuid" | b"parentUuid" | b"cwd" | b"gitBranch"
        | b"model" => {
            matches!(first, b'[' | b'{')
        }
        _ => false,
    }
}

/// Converts the fields of a record to their usual types.
pub(super) fn conform(record: &mut Value) {
    usual_form::conform(record, Object(RECORD));
    name_calls(record);
}

/// Converts a record to the usual form, if it is in another one.
pub(super) fn usual_form(record: &[u8]) -> Option<UsualForm> {
    let usual = UsualForm::of(record, RECORD);
    let (mut value, _) = usual_form::record(record, RECORD)?;
    if !name_calls(&mut value) {
        return usual;
    }
    let is_repaired = usual.is_some_and(|usual| usual.is_repaired);
    Some(UsualForm { bytes: value.to_string().into_bytes(), is_repaired })
}

/// Gives calls and results without an id that of the record, or the name of their tool; false if all have one.
fn name_calls(record: &mut Value) -> bool {
    let of_record = record["toolCallResult"]["callId"].as_str().unwrap_or_default().to_owned();
    let mut has_named = false;
    for field in ["parts", "content"] {
        let Some(Value::Array(parts)) = record.get_mut("message").and_then(|message| message.get_mut(field)) else {
            continue;
        };
        for (name, id) in [("functionCall", ""), ("functionResponse", of_record.as_str())] {
            for call in parts.iter_mut().filter_map(|part| part.get_mut(name)?.as_object_mut()) {
                if call.get("id").is_some_and(|id| !id.is_null() && id != "") {
                    continue;
                }
                let tool = call.get("name").and_then(Value::as_str).unwrap_or("tool");
                let id = if id.is_empty() { tool } else { id }.to_owned();
                call.insert("id".to_owned(), id.into());
                has_named = true;
            }
        }
    }
    has_named
}
