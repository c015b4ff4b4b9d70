//! Tool calls of pi as agent-neutral operations.

use std::sync::Arc;

use serde_json::Value;

use crate::agent::tool_input::{field, one_line, optional, with_headline};
use crate::domain::transcript::{ChangeKind, FileChange, ToolAction};
use crate::domain::{Delta, EventBody, ToolStatus};

/// Event of a new call.
pub(super) fn call(id: Arc<str>, name: &str, input: &Value) -> EventBody {
    let action = with_headline(action(name, input), input);
    EventBody::ToolCall { id, name: name.into(), input: input.clone(), action }
}

/// Event of the progress of a call.
pub(super) fn progress(id: Arc<str>, status: Option<ToolStatus>, output: Option<String>) -> EventBody {
    let output = output.map(Delta::Replace);
    EventBody::ToolUpdate { id, status, output, duration_ms: None, subagent: None, action: None }
}

/// Event of the end of a call.
pub(super) fn ended(id: Arc<str>, record: &Value) -> EventBody {
    let result = &record["result"];
    let code = result["structuredContent"]["exit_code"].as_i64().and_then(|code| i32::try_from(code).ok());
    let failed = record["isError"] == true || code.is_some_and(|code| code != 0);
    EventBody::ToolUpdate {
        id,
        status: Some(if failed { ToolStatus::Failed } else { ToolStatus::Done }),
        output: output(result).map(Delta::Replace),
        duration_ms: record["durationMs"].as_u64(),
        subagent: None,
        action: code.map(|code| ToolAction::Command { command: String::new(), exit_code: Some(code) }),
    }
}

/// Texts of a result.
pub(super) fn output(result: &Value) -> Option<String> {
    let texts = result["content"].as_array()?.iter().filter_map(|block| block["text"].as_str());
    Some(texts.collect::<Vec<_>>().join("\n"))
}

/// Operation of a call.
pub(super) fn action(name: &str, input: &Value) -> ToolAction {
    let path = || field(input, &["path", "file_path"]);
    match name {
        "bash" => ToolAction::Command { command: field(input, &["command"]), exit_code: None },
        "read" => ToolAction::Read { path: path() },
        "write" => {
            ToolAction::Edit(vec![FileChange { path: path(), kind: ChangeKind::Write(field(input, &["content"])) }])
        }
        "edit" => ToolAction::Edit(vec![FileChange { path: path(), kind: ChangeKind::Replace(replacements(input)) }]),
        "grep" | "find" => {
            ToolAction::Search { pattern: field(input, &["pattern", "query"]), path: optional(input, "path") }
        }
        "ls" => ToolAction::Search { pattern: String::new(), path: optional(input, "path") },
        _ => ToolAction::Other(one_line(input)),
    }
}

/// Replaced texts of an edit: a list of them, or a single one.
fn replacements(input: &Value) -> Vec<(String, String)> {
    let pair = |edit: &Value| (field(edit, &["oldText"]), field(edit, &["newText"]));
    match input["edits"].as_array() {
        Some(edits) => edits.iter().map(pair).collect(),
        None => vec![pair(input)],
    }
}
