//! Conversion of Gemini CLI's tool calls into agent-neutral actions.

use std::sync::Arc;

use serde_json::Value;

use super::content::content_text;
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction};
use crate::domain::{Delta, EventBody, ToolStatus};

/// Decodes a call with its result.
pub fn bodies(call: &Value) -> Vec<EventBody> {
    let text = |field: &str| call.get(field).and_then(Value::as_str).unwrap_or_default();
    let id: Arc<str> = text("id").into();
    let input = call.get("args").cloned().unwrap_or(Value::Null);
    let output = output(call);
    let action = match action(text("name"), &input) {
        ToolAction::Command { command, .. } => ToolAction::Command { command, exit_code: exit_code(&output) },
        ToolAction::Edit(changes) => patched(changes, call),
        other => other,
    };
    let update = EventBody::ToolUpdate {
        id: id.clone(),
        status: Some(status(call)),
        output: Some(Delta::Replace(output)),
        duration_ms: None,
        subagent: None,
        action: None,
    };
    vec![EventBody::ToolCall { id, name: text("name").into(), input, action }, update]
}

/// Status of a call.
pub fn status(call: &Value) -> ToolStatus {
    match call.get("status").and_then(Value::as_str) {
        Some("success") => ToolStatus::Done,
        Some("error") => ToolStatus::Failed,
        Some("cancelled") => ToolStatus::Interrupted,
        Some("executing") => ToolStatus::Running,
        _ => ToolStatus::Pending,
    }
}

fn action(name: &str, args: &Value) -> ToolAction {
    let text = |field: &str| args.get(field).and_then(Value::as_str);
    let owned = |fields: &[&str]| fields.iter().find_map(|field| text(field)).unwrap_or_default().to_owned();
    let path = || owned(&["file_path", "absolute_path", "path", "dir_path"]);
    match name {
        "run_shell_command" => ToolAction::Command { command: owned(&["command"]), exit_code: None },
        "read_file" => ToolAction::Read { path: path() },
        "read_many_files" => ToolAction::Read { path: list(args, &["include", "paths"]) },
        "write_file" => edit(path(), ChangeKind::Write(owned(&["content"]))),
        "replace" | "edit" => edit(path(), ChangeKind::Replace(vec![(owned(&["old_string"]), owned(&["new_string"]))])),
        "glob" | "search_file_content" | "grep_search" => {
            let path = text("dir_path").or(text("path")).map(str::to_owned);
            ToolAction::Search { pattern: owned(&["pattern"]), path }
        }
        "list_directory" => ToolAction::Search { pattern: String::new(), path: Some(path()) },
        "google_web_search" => ToolAction::Web { query: owned(&["query"]) },
        "web_fetch" => ToolAction::Web { query: owned(&["prompt", "url"]) },
        "write_todos" => ToolAction::Plan(todos(args)),
        "ask_user" => ToolAction::Question { question: owned(&["question"]) },
        "delegate_to_agent" | "invoke_agent" => {
            ToolAction::Task { description: owned(&["agent_name"]), prompt: owned(&["objective", "prompt", "query"]) }
        }
        _ => ToolAction::Other(one_line(args)),
    }
}

fn edit(path: String, change: ChangeKind) -> ToolAction {
    ToolAction::Edit(vec![FileChange { path, kind: change }])
}

/// Replaces the bare texts of an edit with the diff that the program showed, which has line numbers and context.
fn patched(changes: Vec<FileChange>, call: &Value) -> ToolAction {
    let diff = call.pointer("/resultDisplay/fileDiff").and_then(Value::as_str);
    let is_new = call.pointer("/resultDisplay/isNewFile").and_then(Value::as_bool) == Some(true);
    match (diff, changes.into_iter().next()) {
        (Some(diff), Some(first)) if !is_new => edit(first.path, ChangeKind::Patch(diff.to_owned())),
        (_, first) => ToolAction::Edit(first.into_iter().collect()),
    }
}

fn list(args: &Value, fields: &[&str]) -> String {
    let list = fields.iter().find_map(|field| args.get(*field)?.as_array());
    list.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn todos(args: &Value) -> Vec<PlanItem> {
    let item = |item: &Value| {
        let status = match item.get("status").and_then(Value::as_str) {
            Some("completed") => PlanStatus::Done,
            Some("in_progress") => PlanStatus::Active,
            Some("cancelled") => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        };
        Some(PlanItem { text: item.get("description").or(item.get("content"))?.as_str()?.to_owned(), status })
    };
    args.get("todos").and_then(Value::as_array).into_iter().flatten().filter_map(item).collect()
}

fn one_line(args: &Value) -> String {
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        value => format!("{name}: {value}"),
    };
    args.as_object().map(|args| args.iter().map(pair).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

/// Output that the tool returned to the model; else the output that the program showed.
fn output(call: &Value) -> String {
    let one = |part: &Value| {
        let response = part.pointer("/functionResponse/response");
        let text = response.and_then(|r| ["output", "error", "content"].iter().find_map(|name| r.get(*name)?.as_str()));
        text.map(str::to_owned).or_else(|| response.map(ToString::to_string)).unwrap_or_else(|| content_text(part))
    };
    let result = match call.get("result") {
        Some(Value::Array(parts)) => {
            parts.iter().map(one).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
        }
        Some(part @ Value::Object(_)) => one(part),
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let shown = || call.get("resultDisplay").and_then(Value::as_str).unwrap_or_default().to_owned();
    let text = if result.is_empty() { shown() } else { result };
    let inner = text.strip_prefix("<untrusted_context>\n").and_then(|text| text.strip_suffix("\n</untrusted_context>"));
    inner.map_or(text.clone(), str::to_owned)
}

fn exit_code(output: &str) -> Option<i32> {
    output.lines().find_map(|line| line.strip_prefix("Exit Code: ")?.trim().parse().ok())
}
