//! Usual types of the fields of Claude Code's records.

use serde_json::Value;

use crate::agent::usual_form::FieldType::{self, Flag, Id, List, Name, Object, Text, TextOrList, TextOrObject};
use crate::agent::usual_form::{self, UsualForm};

const CITATION: FieldType = Object(&[("type", Text), ("cited_text", Text), ("url", Text), ("title", Text)]);

const INNER_BLOCK: FieldType = TextOrObject(&[("type", Text), ("text", Text), ("title", Text), ("url", Text)]);

/// Block of a content.
const BLOCK: FieldType = TextOrObject(&[
    ("type", Name),
    ("text", Text),
    ("id", Id),
    ("tool_use_id", Id),
    ("name", Text),
    ("thinking", Text),
    ("connector_text", Text),
    ("is_error", Flag),
    ("citations", List(&CITATION)),
    ("content", FieldType::ResultContent(&INNER_BLOCK)),
]);

const CONTENT: FieldType = TextOrList(&BLOCK);

const ATTACHMENT: FieldType = Object(&[
    ("type", Text),
    ("prompt", CONTENT),
    ("hookName", Text),
    ("stdout", Text),
    ("stderr", Text),
    ("content", FieldType::ResultContent(&INNER_BLOCK)),
    ("description", Text),
    ("deltaSummary", Text),
    ("status", Text),
    ("messages", List(&Object(&[("from", Text), ("text", Text)]))),
]);

const MESSAGE: &[(&str, FieldType)] = &[
    ("role", Text),
    ("usage", Object(&[("input_tokens", Id), ("output_tokens", Id)])),
    ("stop_reason", FieldType::Any),
    ("id", Id),
    ("model", Text),
    ("content", CONTENT),
];

/// Fields of a record.
const RECORD: &[(&str, FieldType)] = &[
    ("type", Name),
    ("sessionId", Id),
    ("uuid", Id),
    ("parentUuid", Id),
    ("logicalParentUuid", Id),
    ("leafUuid", Id),
    ("subtype", Text),
    ("cwd", Text),
    ("gitBranch", Text),
    ("entrypoint", Text),
    ("promptSource", Text),
    ("isSidechain", Flag),
    ("isMeta", Flag),
    ("isCompactSummary", Flag),
    ("isApiErrorMessage", Flag),
    ("message", TextOrObject(MESSAGE)),
    ("content", CONTENT),
    ("role", Text),
    ("attachment", ATTACHMENT),
    ("origin", Object(&[("kind", Text), ("from", Text)])),
    ("operation", Text),
    ("reason", Text),
    ("customTitle", Text),
    ("aiTitle", Text),
    ("summary", Text),
    ("relocatedCwd", Text),
    ("teamName", Text),
    ("level", Text),
];

/// Fields that are texts, identifiers or flags.
const PLAIN: [&[u8]; 24] = [
    b"type",
    b"sessionId",
    b"uuid",
    b"parentUuid",
    b"logicalParentUuid",
    b"leafUuid",
    b"subtype",
    b"cwd",
    b"gitBranch",
    b"entrypoint",
    b"promptSource",
    b"isSidechain",
    b"isMeta",
    b"isCompactSummary",
    b"isApiErrorMessage",
    b"role",
    b"operation",
    b"reason",
    b"customTitle",
    b"aiTitle",
    b"summary",
    b"relocatedCwd",
    b"teamName",
    b"level",
];

/// True for a field whose value begins with another byte than usual.
pub(super) fn is_unusual(field: &[u8], first: u8) -> bool {
    match field {
        b"message" => first != b'{',
        b"attachment" | b"origin" => first != b'{' && first != b'n',
        b"isMeta" | b"isSidechain" | b"isCompactSummary" | b"isApiErrorMessage" => !matches!(first, b't' | b'f' | b'n'),
        _ => matches!(first, b'[' | b'{') && PLAIN.contains(&field),
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
