//! Maps OpenCode's tool calls to agent-neutral actions.

use serde_json::Value;

use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction};

/// Action of a call of `tool`. `state` is the part's `state`: input, and metadata after its end.
pub fn action(tool: &str, state: &Value) -> ToolAction {
    let action = known(tool, state);
    // An input of another shape than usual still has a headline.
    if action.headline().is_empty() && !matches!(action, ToolAction::Plan(_)) { other(state) } else { action }
}

fn known(tool: &str, state: &Value) -> ToolAction {
    let input = &state["input"];
    match tool {
        "bash" | "shell" => ToolAction::Command { command: text(input, &["command"]), exit_code: exit_code(state) },
        "read" => ToolAction::Read { path: text(input, &["filePath", "path"]) },
        "edit" | "write" | "multiedit" | "patch" | "apply_patch" => edit(tool, state),
        "grep" | "glob" | "codesearch" | "list" => ToolAction::Search {
            pattern: text(input, &["pattern", "query", "path"]),
            path: input["path"].as_str().filter(|_| tool != "list").map(str::to_owned),
        },
        "webfetch" | "websearch" => ToolAction::Web { query: text(input, &["url", "query"]) },
        "task" | "subagent" => {
            ToolAction::Task { description: text(input, &["description"]), prompt: text(input, &["prompt"]) }
        }
        "todowrite" | "todoread" => todos(state).map_or_else(|| other(state), ToolAction::Plan),
        "question" => ToolAction::Question { question: questions(input) },
        _ => other(state),
    }
}

/// First of the named fields that is a string.
fn text(value: &Value, names: &[&str]) -> String {
    names.iter().find_map(|name| plain(&value[*name])).unwrap_or_default()
}

/// Text of a value; the items of a list in one line.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(" ")),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn exit_code(state: &Value) -> Option<i32> {
    ["metadata", "structured"]
        .iter()
        .find_map(|field| state[*field]["exit"].as_i64())
        .and_then(|code| i32::try_from(code).ok())
}

/// Action of an edit: the actual diff if it was made, else the requested one.
fn edit(tool: &str, state: &Value) -> ToolAction {
    let (input, metadata) = (&state["input"], &state["metadata"]);
    if let Some(files) = metadata["files"].as_array().filter(|files| !files.is_empty()) {
        return ToolAction::Edit(files.iter().map(patched_file).collect());
    }
    let path = text(input, &["filePath", "path", "file"]);
    let diff = metadata["diff"].as_str().or_else(|| metadata["filediff"]["patch"].as_str());
    let change = match (diff, tool) {
        (Some(diff), _) if diff.contains("@@") => ChangeKind::Patch(hunks(diff)),
        (_, "write") => ChangeKind::Write(text(input, &["content"])),
        (_, "patch" | "apply_patch") => ChangeKind::Patch(text(input, &["patchText", "patch"])),
        _ => ChangeKind::Replace(replacements(input)),
    };
    ToolAction::Edit(vec![FileChange { path, kind: change }])
}

fn patched_file(file: &Value) -> FileChange {
    let path = text(file, &["filePath", "path", "relativePath", "file"]);
    let change = match file["type"].as_str() {
        Some("delete") => ChangeKind::Delete,
        _ => ChangeKind::Patch(hunks(&text(file, &["diff", "patch"]))),
    };
    FileChange { path, kind: change }
}

/// Diff from its first hunk on, without the file header.
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
    let texts = input["questions"].as_array().into_iter().flatten().map(|question| text(question, &["question"]));
    texts.collect::<Vec<_>>().join(" / ")
}

/// Action of any other tool: OpenCode's own title of the call, else its input.
fn other(state: &Value) -> ToolAction {
    let title = state["title"].as_str().filter(|title| !title.trim().is_empty());
    ToolAction::Other(title.map_or_else(|| brief(&state["input"]), str::to_owned))
}

/// Input in one line: the text of a single string field, else names and values.
fn brief(input: &Value) -> String {
    match input {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.len() == 1 => {
            fields.values().next().map_or_else(String::new, |value| plain(value).unwrap_or_else(|| value.to_string()))
        }
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value)| {
                format!("{name}: {}", plain(value).unwrap_or_else(|| value.to_string()))
            };
            fields.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
