//! What OpenCode's tools do, in agent-neutral terms.

use serde_json::Value;

use crate::domain::transcript::{Action, Change, FileChange, PlanItem, PlanStatus};

/// What a call of `tool` does. `state` is the part's `state`: input, and metadata once it ended.
pub fn action(tool: &str, state: &Value) -> Action {
    let input = &state["input"];
    match tool {
        "bash" | "shell" => Action::Command { command: text(input, &["command"]), exit_code: exit_code(state) },
        "read" => Action::Read { path: text(input, &["filePath", "path"]) },
        "edit" | "write" | "multiedit" | "patch" | "apply_patch" => edit(tool, state),
        "grep" | "glob" | "codesearch" | "list" => Action::Search {
            pattern: text(input, &["pattern", "query", "path"]),
            path: input["path"].as_str().filter(|_| tool != "list").map(str::to_owned),
        },
        "webfetch" | "websearch" => Action::Web { query: text(input, &["url", "query"]) },
        "task" => Action::Task { description: text(input, &["description"]), prompt: text(input, &["prompt"]) },
        "todowrite" | "todoread" => todos(state).map_or_else(|| other(state), Action::Plan),
        "question" => Action::Question { question: questions(input) },
        _ => other(state),
    }
}

/// The first of some fields that is a text.
fn text(value: &Value, names: &[&str]) -> String {
    names.iter().find_map(|name| value[*name].as_str()).unwrap_or_default().to_owned()
}

fn exit_code(state: &Value) -> Option<i32> {
    ["metadata", "structured"]
        .iter()
        .find_map(|place| state[*place]["exit"].as_i64())
        .and_then(|code| i32::try_from(code).ok())
}

/// An edit's real diff once it was made; before that, what was asked for.
fn edit(tool: &str, state: &Value) -> Action {
    let (input, metadata) = (&state["input"], &state["metadata"]);
    if let Some(files) = metadata["files"].as_array().filter(|files| !files.is_empty()) {
        return Action::Edit(files.iter().map(patched_file).collect());
    }
    let path = text(input, &["filePath", "path", "file"]);
    let diff = metadata["diff"].as_str().or_else(|| metadata["filediff"]["patch"].as_str());
    let change = match (diff, tool) {
        (Some(diff), _) if diff.contains("@@") => Change::Patch(hunks(diff)),
        (_, "write") => Change::Write(text(input, &["content"])),
        (_, "patch" | "apply_patch") => Change::Patch(text(input, &["patchText", "patch"])),
        _ => Change::Replace(replacements(input)),
    };
    Action::Edit(vec![FileChange { path, change }])
}

fn patched_file(file: &Value) -> FileChange {
    let path = text(file, &["filePath", "relativePath", "file"]);
    let change = match file["type"].as_str() {
        Some("delete") => Change::Delete,
        _ => Change::Patch(hunks(&text(file, &["diff", "patch"]))),
    };
    FileChange { path, change }
}

/// A diff from its first hunk on: the file is named beside it.
fn hunks(diff: &str) -> String {
    let from = if diff.starts_with("@@") { 0 } else { diff.find("\n@@").map_or(0, |at| at + 1) };
    diff[from..].to_owned()
}

fn replacements(input: &Value) -> Vec<(String, String)> {
    let pair = |value: &Value| (text(value, &["oldString"]), text(value, &["newString"]));
    match input["edits"].as_array() {
        Some(edits) => edits.iter().map(pair).collect(),
        None => vec![pair(input)],
    }
}

fn todos(state: &Value) -> Option<Vec<PlanItem>> {
    let items = state["input"]["todos"].as_array().or_else(|| state["metadata"]["todos"].as_array())?;
    Some(items.iter().map(todo).collect())
}

fn todo(item: &Value) -> PlanItem {
    let status = match item["status"].as_str() {
        Some("completed") => PlanStatus::Done,
        Some("in_progress") => PlanStatus::Active,
        Some("cancelled") => PlanStatus::Cancelled,
        _ => PlanStatus::Pending,
    };
    PlanItem { text: text(item, &["content"]), status }
}

fn questions(input: &Value) -> String {
    let asked = input["questions"].as_array().into_iter().flatten().map(|question| text(question, &["question"]));
    asked.collect::<Vec<_>>().join(" / ")
}

/// OpenCode's own title of the call, else its input.
fn other(state: &Value) -> Action {
    let title = state["title"].as_str().filter(|title| !title.trim().is_empty());
    Action::Other(title.map_or_else(|| brief(&state["input"]), str::to_owned))
}

/// An input in one line: a lone text as it is, else as JSON.
fn brief(input: &Value) -> String {
    match input {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.len() == 1 => {
            fields.values().next().and_then(Value::as_str).map_or_else(|| input.to_string(), str::to_owned)
        }
        other => other.to_string(),
    }
}
