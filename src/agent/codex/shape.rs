//! Usual form of the lines of rollouts: the order of fields that Codex writes, and the types of their values.

use serde_json::Value;

use super::fields::{self, after};
use super::line::{ItemKind, LineKind, RolloutLine};
use crate::agent::json;
use crate::agent::usual_form::FieldType::{self, Flag, Id, List, Object, Text, TextOrList, TextOrObject};
use crate::agent::usual_form::{self, UsualForm};

/// Fields that are printed first, because the first match of a name counts.
const FIRST: [&str; 16] = [
    "timestamp",
    "ordinal",
    "type",
    "id",
    "call_id",
    "thread_id",
    "turn_id",
    "client_id",
    "role",
    "name",
    "source",
    "status",
    "success",
    "exit_code",
    "message",
    "payload",
];

/// Part of a content.
const PART: FieldType = TextOrObject(&[("type", Text), ("text", Text)]);

const PARTS: FieldType = TextOrList(&PART);

const FINDING: FieldType = Object(&[("title", Text), ("body", Text)]);

const REVIEW: FieldType =
    Object(&[("findings", List(&FINDING)), ("overall_explanation", Text), ("overall_correctness", Text)]);

/// Page that a search found.
const PAGE: FieldType = TextOrObject(&[("title", Text), ("url", Text), ("snippet", Text)]);

const ITEM: FieldType = Object(&[
    ("type", Text),
    ("id", Id),
    ("text", Text),
    ("content", PARTS),
    ("summary_text", TextOrList(&Text)),
    ("raw_content", TextOrList(&Text)),
    ("results", TextOrList(&PAGE)),
    ("query", Text),
    ("review", Text),
    ("prompt", Text),
    ("revised_prompt", Text),
    ("saved_path", Text),
    ("path", Text),
    ("server", Text),
    ("tool", Text),
    ("status", Text),
    ("aggregated_output", Text),
    ("stdout", Text),
    ("stderr", Text),
]);

const MCP_RESULT: FieldType = TextOrObject(&[("content", FieldType::Any), ("structuredContent", FieldType::Any)]);

/// Fields of a payload.
const PAYLOAD: &[(&str, FieldType)] = &[
    ("type", Text),
    ("id", Id),
    ("call_id", Id),
    ("role", Text),
    ("name", Text),
    ("status", Text),
    ("text", Text),
    ("content", PARTS),
    ("summary", PARTS),
    ("item", ITEM),
    ("goal", Object(&[("objective", Text), ("status", Text)])),
    ("thread_name", Text),
    ("author", Text),
    ("details", Text),
    ("additional_details", Text),
    ("review_output", REVIEW),
    ("user_facing_hint", Text),
    ("target", TextOrObject(&[("type", Text), ("instructions", Text), ("branch", Text)])),
    ("last_agent_message", Text),
    ("success", Flag),
    ("revised_prompt", Text),
    ("stdout", Text),
    ("stderr", Text),
    ("aggregated_output", Text),
    ("formatted_output", Text),
    ("reason", Text),
    ("message", Text),
    ("result", TextOrObject(&[("Ok", MCP_RESULT), ("content", FieldType::Any), ("Err", FieldType::Any)])),
];

/// True for a line that may not be in the usual form: with its fields in another order, or without a text or an id where
/// they are usual.
pub(super) fn is_unusual(line: &RolloutLine<'_>) -> bool {
    let lacks_text = || line.text().is_none();
    line.has_other_order
        || match line.kind {
            LineKind::Error | LineKind::Warning | LineKind::Compacted => {
                after(line.payload, &fields::MESSAGE).is_none()
            }
            LineKind::ReviewEnded => after(line.payload, &fields::FINDINGS).is_none(),
            LineKind::Item(_) if !begins_with_type(line.payload) => true,
            LineKind::Item(ItemKind::Tool) | LineKind::Call | LineKind::CallOutput | LineKind::CallEnd => {
                line.call_id().is_none()
            }
            LineKind::UserMessage
            | LineKind::AgentMessage
            | LineKind::AgentReasoning
            | LineKind::Message
            | LineKind::InterAgent
            | LineKind::VoiceSegment
            | LineKind::Goal
            | LineKind::ThreadName
            | LineKind::Item(ItemKind::User | ItemKind::Agent | ItemKind::Plan) => lacks_text(),
            _ => false,
        }
}

/// True for an item whose type is its first field, and a text.
fn begins_with_type(payload: &[u8]) -> bool {
    let kind = after(payload, &fields::ITEM).and_then(|item| item.trim_ascii_start().strip_prefix(b"\"type\""));
    let value = kind.and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"\""))
}

/// Converts the fields of a payload to their usual types.
pub(super) fn conform(payload: &mut Value) {
    usual_form::conform(payload, Object(PAYLOAD));
}

/// Fields of a line.
const LINE: &[(&str, FieldType)] = &[("payload", Object(PAYLOAD)), ("type", Text)];

/// Converts a line to the form that Codex writes, if it is in another one.
pub(super) fn usual_form(line: &[u8]) -> Option<UsualForm> {
    let (mut value, is_repaired) = usual_form::record(line, LINE)?;
    // Lines of the first versions have no payload.
    value.get("payload").filter(|payload| payload.is_object())?;
    let has_usual_order = RolloutLine::parse(line).is_some_and(|line| !line.has_other_order);
    if has_usual_order && !is_repaired {
        return None;
    }
    if let Some(time) = json::time(&value["timestamp"]).filter(|_| !value["timestamp"].is_string()) {
        value["timestamp"] = Value::String(time.rfc3339());
    }
    let bytes = usual_form::print(&value, &FIRST).into_bytes();
    (bytes != line).then_some(UsualForm { bytes, is_repaired })
}
