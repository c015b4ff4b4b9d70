//! Usual types of the fields of goose's blocks, and the blocks of its first versions.

use serde_json::{Value, json};

use crate::agent::usual_form::FieldType::{self, Any, Flag, List, ResultContent, Text, TextOrObject};
use crate::agent::usual_form::conform;
use crate::agent::{json as agent_json, tool_input};

/// Block of a tool's result.
const PRINTED: FieldType = TextOrObject(&[
    ("text", Text),
    ("resource", TextOrObject(&[("text", Text), ("uri", Text)])),
    ("uri", Text),
    ("name", Text),
    ("type", Text),
    ("description", Text),
]);

const CALL: FieldType = TextOrObject(&[("arguments", Any), ("name", Text)]);

const RESULT: FieldType =
    TextOrObject(&[("content", ResultContent(&PRINTED)), ("structuredContent", Any), ("isError", Flag)]);

const BLOCK: FieldType = TextOrObject(&[
    ("type", Text),
    ("text", Text),
    ("id", Text),
    ("thinking", Text),
    ("msg", Text),
    ("message", Text),
    ("prompt", Text),
    ("mimeType", Text),
    ("filename", Text),
    ("notificationType", Text),
    ("toolCall", TextOrObject(&[("value", CALL), ("status", Text), ("error", Any), ("name", Text)])),
    ("toolResult", TextOrObject(&[("value", RESULT), ("status", Text), ("error", Any)])),
    ("data", TextOrObject(&[("actionType", Text), ("message", Text), ("user_data", Any)])),
]);

/// A message, or the header.
const RECORD: FieldType = FieldType::Object(&[
    ("role", Text),
    ("content", Any),
    ("created", Any),
    ("working_dir", Text),
    ("description", Text),
    ("message_count", Any),
]);

/// Gives the fields of a record of a file their usual types.
pub(super) fn record(record: &mut Value) {
    conform(record, RECORD);
}

/// Blocks of a content in their usual form; true if they had another one.
pub(super) fn blocks(mut content: Value) -> (Vec<Value>, bool) {
    let has_changed = conform(&mut content, List(&BLOCK));
    let Value::Array(blocks) = content else { return (Vec::new(), has_changed) };
    let is_early = |block: &Value| block["type"].is_null() && block.is_object();
    let has_early = blocks.iter().any(is_early);
    let blocks = blocks.into_iter().map(|block| match block {
        Value::String(text) => json!({ "type": "text", "text": text }),
        block if is_early(&block) => early(block),
        block => block,
    });
    (blocks.collect(), has_changed || has_early)
}

/// Block of 1.0 (2024), which has no type: a text, a call by the name of its tool, or a result in JSON.
fn early(block: Value) -> Value {
    if block["tool_name"].is_string() {
        let call = json!({ "name": block["tool_name"], "arguments": block["arguments"] });
        return json!({ "type": "toolRequest", "id": tool_input::flat(&block["id"]), "toolCall": { "value": call } });
    }
    if !block["tool_result"].is_null() {
        let parsed = block["tool_result"].as_str().and_then(|text| agent_json::parse(text.as_bytes()));
        let result = parsed.as_ref().unwrap_or(&block["tool_result"]);
        let text = |item: &Value| json!({ "type": "text", "text": tool_input::flat(item) });
        let items: Vec<Value> = match result {
            Value::Array(items) => items.iter().map(text).collect(),
            other => vec![text(other)],
        };
        let result = json!({ "status": "success", "value": { "content": items } });
        return json!({ "type": "toolResponse", "id": block["id"], "toolResult": result });
    }
    if block["text"].is_string() {
        return json!({ "type": "text", "text": block["text"] });
    }
    block
}
