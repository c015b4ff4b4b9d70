//! A finished record of the stream as the entries that the transcript's reader makes of it.
//!
//! The stream's records differ from those on disk in the names of some fields only.

use serde_json::{Value, json};

use super::super::decode::exit_code;
use super::super::lines::Lines;
use crate::agent::jsonl::Dialect;
use crate::domain::Event;
use crate::domain::event::{Body, Piece};
use crate::domain::transcript::Action;

/// The events of a record as it stands on disk.
pub fn events(record: &Value) -> Vec<Event> {
    let line = record.to_string().into_bytes();
    let lines = Lines::default();
    let mut events = Vec::new();
    if let Ok(skim) = lines.skim(&line, 0) {
        lines.decode(&line, &skim.marks, &mut |event| events.push(event));
        if !skim.results.is_empty() {
            lines.decode_results(&line, &mut |event| events.push(with_exit_code(event)));
        }
    }
    events
}

/// A reader of the file adds the exit code when it has call and result together.
fn with_exit_code(mut event: Event) -> Event {
    if let Body::ToolUpdate {
        status: Some(status), output: Some(Piece::Whole(output)), action: action @ None, ..
    } = &mut event.body
    {
        *action = Some(Action::Command { command: String::new(), exit_code: exit_code(*status, output) });
    }
    event
}

/// An answer's block, the `block`th of its message where that is told apart.
pub fn answer(record: &Value, block: Option<u32>) -> Value {
    if let Some(output) = record["local_command_source"].as_str() {
        return json!({
            "type": "system", "subtype": "local_command", "content": output,
            "uuid": record["uuid"], "timestamp": record["timestamp"],
        });
    }
    let mut line = json!({
        "type": "assistant", "message": record["message"], "uuid": record["uuid"], "timestamp": record["timestamp"],
    });
    if failed(record) {
        line["isApiErrorMessage"] = json!(true);
    } else if let Some(block) = block {
        line["apiBlockIndex"] = json!(block);
    }
    line
}

/// Whether an answer is not the model's but tells that there is none.
pub fn failed(record: &Value) -> bool {
    record["is_api_error_message"] == true || record["message"]["model"] == "<synthetic>"
}

/// A user's record: a tool's result, an interruption, a command; after a compaction, its summary.
pub fn user(record: &Value, summary: bool) -> Value {
    let decision = record["tool_result_meta"].as_array().and_then(|meta| meta.first());
    json!({
        "type": "user", "message": record["message"], "uuid": record["uuid"], "timestamp": record["timestamp"],
        "toolUseResult": record["tool_use_result"], "isCompactSummary": summary,
        "isMeta": !summary && record["isSynthetic"] == true,
        "permissionDecision": decision.map(|meta| meta["permission_decision"].clone()),
    })
}

/// Where the context was condensed.
pub fn boundary(record: &Value) -> Value {
    let told = &record["compact_metadata"];
    json!({
        "type": "system", "subtype": "compact_boundary", "content": "Conversation compacted",
        "uuid": record["uuid"], "timestamp": record["timestamp"],
        "compactMetadata": {"trigger": told["trigger"], "preTokens": told["pre_tokens"]},
    })
}
