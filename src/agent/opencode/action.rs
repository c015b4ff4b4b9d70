//! Maps OpenCode's tool calls to agent-neutral actions.

use serde_json::Value;

use crate::agent::tool_input::{self, field};
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction};

/// Action of a call of `tool`. `state` is the part's `state`: input, and metadata after its end.
pub(super) fn action(tool: &str, state: &Value) -> ToolAction {
    let action = known(tool, state);
    // An input of another shape than usual still has a headline.
    if action.headline().is_empty() && !matches!(action, ToolAction::Plan(_)) { other(state) } else { action }
}

fn known(tool: &str, state: &Value) -> ToolAction {
    let input = &state["input"];
    match tool {
        "bash" | "shell" => ToolAction::Command { command: field(input, &["command"]), exit_code: exit_code(state) },
        "read" => ToolAction::Read { path: field(input, &["filePath", "path"]) },
        "edit" | "write" | "multiedit" | "patch" | "apply_patch" => edit(tool, state),
        "grep" | "glob" | "codesearch" | "list" => ToolAction::Search {
            pattern: field(input, &["pattern", "query", "path"]),
            path: tool_input::optional(input, "path").filter(|_| tool != "list"),
        },
        "webfetch" | "websearch" => ToolAction::Web { query: field(input, &["url", "query"]) },
        "task" | "subagent" => {
            ToolAction::Task { description: field(input, &["description"]), prompt: field(input, &["prompt"]) }
        }
        "todowrite" | "todoread" => todos(state).map_or_else(|| other(state), ToolAction::Plan),
        "question" => ToolAction::Question { question: questions(input), answer: answers(&state["metadata"]) },
        _ => other(state),
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
    let path = field(input, &["filePath", "path", "file"]);
    let diff = metadata["diff"].as_str().or_else(|| metadata["filediff"]["patch"].as_str());
    let change = match (diff, tool) {
        (Some(diff), _) if diff.contains("@@") => ChangeKind::Patch(hunks(diff)),
        (_, "write") => ChangeKind::Write(field(input, &["content"])),
        (_, "patch" | "apply_patch") => ChangeKind::Patch(field(input, &["patchText", "patch"])),
        _ => ChangeKind::Replace(replacements(input)),
    };
    ToolAction::Edit(vec![FileChange { path, kind: change }])
}

fn patched_file(file: &Value) -> FileChange {
    let path = field(file, &["filePath", "path", "relativePath", "file"]);
    let change = match file["type"].as_str() {
        Some("delete") => ChangeKind::Delete,
        _ => ChangeKind::Patch(hunks(&field(file, &["diff", "patch"]))),
    };
    FileChange { path, kind: change }
}

/// Diff from its first hunk on, without the file header.
fn hunks(diff: &str) -> String {
    let from = if diff.starts_with("@@") { 0 } else { diff.find("\n@@").map_or(0, |at| at + 1) };
    diff[from..].to_owned()
}

fn replacements(input: &Value) -> Vec<(String, String)> {
    let pair = |value: &Value| (field(value, &["oldString"]), field(value, &["newString"]));
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
    PlanItem { text: field(item, &["content"]), status }
}

fn questions(input: &Value) -> String {
    let texts = input["questions"].as_array().into_iter().flatten().map(|question| field(question, &["question"]));
    texts.collect::<Vec<_>>().join(" / ")
}

/// Answers of the user, one list per question.
fn answers(metadata: &Value) -> Option<String> {
    let chosen = |list: &Value| {
        let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.collect::<Vec<_>>().join(", ")
    };
    let lists = metadata["answers"].as_array()?.iter().map(chosen).filter(|answer| !answer.is_empty());
    Some(lists.collect::<Vec<_>>().join("; ")).filter(|answers| !answers.is_empty())
}

/// Action of any other tool: OpenCode's own title of the call, else its input.
fn other(state: &Value) -> ToolAction {
    let title = state["title"].as_str().filter(|title| !title.trim().is_empty());
    ToolAction::Other(title.map_or_else(|| brief(&state["input"]), str::to_owned))
}

/// Input in one line: the text of a single field, else names and values.
fn brief(input: &Value) -> String {
    match input.as_object() {
        Some(fields) if fields.len() == 1 => tool_input::flat(input),
        _ => tool_input::one_line(input),
    }
}
