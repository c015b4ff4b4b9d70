//! Conversion of finished stream records into the events that the transcript's reader yields for them.
//!
//! The stream's records differ from those on disk only in the names of some fields.

use serde_json::{Value, json};

use super::super::decode::exit_code;
use super::super::dialect::ClaudeDialect;
use crate::agent::jsonl::Dialect;
use crate::domain::Event;
use crate::domain::event::{Delta, EventBody};
use crate::domain::transcript::ToolAction;

/// Decodes a record in its on-disk form into events.
pub(super) fn events(record: &Value) -> Vec<Event> {
    let line = record.to_string().into_bytes();
    let dialect = ClaudeDialect::default();
    let mut events = Vec::new();
    if let Ok(metadata) = dialect.scan_line(&line, 0) {
        dialect.decode(&line, &metadata.marks, &mut |event| events.push(event));
        if !metadata.results.is_empty() {
            dialect.decode_results(&line, &mut |event| events.push(with_exit_code(event)));
        }
    }
    events
}

/// Adds a command's exit code, which the file's reader derives from call and result together.
fn with_exit_code(mut event: Event) -> Event {
    if let EventBody::ToolUpdate {
        status: Some(status),
        output: Some(Delta::Replace(output)),
        action: action @ None,
        ..
    } = &mut event.body
    {
        *action = Some(ToolAction::Command { command: String::new(), exit_code: exit_code(*status, output) });
    }
    event
}

/// Converts an answer's block to its on-disk form; `block` is its index in the message, if known.
pub(super) fn answer(record: &Value, block: Option<u32>) -> Value {
    if let Some(output) = record["local_command_source"].as_str() {
        return json!({
            "type": "system", "subtype": "local_command", "content": output,
            "uuid": record["uuid"], "timestamp": record["timestamp"],
        });
    }
    let mut line = json!({
        "type": "assistant", "message": record["message"], "uuid": record["uuid"], "timestamp": record["timestamp"],
    });
    if is_error(record) {
        line["isApiErrorMessage"] = json!(true);
    } else if let Some(block) = block {
        line["apiBlockIndex"] = json!(block);
    }
    line
}

/// True if an answer is an error message instead of the model's output.
pub(super) fn is_error(record: &Value) -> bool {
    record["is_api_error_message"] == true || is_synthetic(record) && record["error"].is_string()
}

/// True if the program wrote an answer in the model's place.
pub(super) fn is_synthetic(record: &Value) -> bool {
    record["is_api_error_message"] == true || record["message"]["model"] == "<synthetic>"
}

/// Converts a user record to its on-disk form: a tool result, an interruption, a command, or the summary of a compaction.
pub(super) fn user(record: &Value, summary: bool) -> Value {
    let decision = record["tool_result_meta"].as_array().and_then(|meta| meta.first());
    json!({
        "type": "user", "message": record["message"], "uuid": record["uuid"], "timestamp": record["timestamp"],
        "toolUseResult": record["tool_use_result"], "isCompactSummary": summary,
        "isMeta": !summary && record["isSynthetic"] == true,
        "permissionDecision": decision.map(|meta| meta["permission_decision"].clone()),
    })
}

/// Converts a compaction boundary to its on-disk form.
pub(super) fn boundary(record: &Value) -> Value {
    let metadata = &record["compact_metadata"];
    json!({
        "type": "system", "subtype": "compact_boundary", "content": "Conversation compacted",
        "uuid": record["uuid"], "timestamp": record["timestamp"],
        "compactMetadata": {"trigger": metadata["trigger"], "preTokens": metadata["pre_tokens"]},
    })
}
