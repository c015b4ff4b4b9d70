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
}

/// Converts a record to the usual form, if it is in another one.
pub(super) fn usual_form(record: &[u8]) -> Option<UsualForm> {
    UsualForm::of(record, RECORD)
}
