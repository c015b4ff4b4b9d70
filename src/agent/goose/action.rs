//! Maps goose's tool calls to agent-neutral actions. Tools of extensions are named `extension__tool`.

use serde_json::Value;

use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction};

/// Action of a call; `result` is its `toolResult`, if any.
pub fn action(name: &str, input: &Value, result: Option<&Value>) -> ToolAction {
    let action = known(name, input, result);
    // An input of another shape than usual still has a headline.
    if action.headline().is_empty() && !matches!(action, ToolAction::Plan(_)) {
        ToolAction::Other(brief(input))
    } else {
        action
    }
}

fn known(name: &str, input: &Value, result: Option<&Value>) -> ToolAction {
    let tool = name.rsplit_once("__").map_or(name, |(_, tool)| tool);
    let text = |field: &str| input[field].as_str().unwrap_or_default().to_owned();
    match tool {
        "shell" => ToolAction::Command {
            command: text("command"),
            exit_code: result
                .map(|result| &result["value"]["structuredContent"])
                .and_then(|facts| facts["exit_code"].as_i64().or_else(|| facts["exitCode"].as_i64()))
                .and_then(|code| i32::try_from(code).ok()),
        },
        "read" | "read_file" => ToolAction::Read { path: text("path") },
        "write" => ToolAction::Edit(vec![change(input, ChangeKind::Write(text("content")))]),
        "edit" => ToolAction::Edit(vec![change(input, ChangeKind::Replace(vec![(before(input), after(input))]))]),
        "text_editor" => editor(input),
        "tree" | "search" | "analyze" | "glob" | "grep" => ToolAction::Search {
            pattern: first(input, &["pattern", "query", "path"]),
            path: input["path"].as_str().map(str::to_owned),
        },
        "web_scrape" | "web_search" | "fetch" => ToolAction::Web { query: first(input, &["url", "query"]) },
        "delegate" | "subagent" | "dynamic_task" => ToolAction::Task {
            description: first(input, &["description", "source"]),
            prompt: first(input, &["instructions", "prompt", "task"]),
        },
        "todo_write" if input["todos"].is_array() => ToolAction::Plan(todos(&input["todos"])),
        "todo_write" if input["content"].is_string() => ToolAction::Plan(check_boxes(&text("content"))),
        _ => ToolAction::Other(brief(input)),
    }
}

fn first(input: &Value, fields: &[&str]) -> String {
    fields.iter().find_map(|field| input[*field].as_str()).unwrap_or_default().to_owned()
}

fn change(input: &Value, change: ChangeKind) -> FileChange {
    FileChange { path: first(input, &["path", "file_path"]), kind: change }
}

fn before(input: &Value) -> String {
    first(input, &["before", "old_str", "old_string"])
}

fn after(input: &Value) -> String {
    first(input, &["after", "new_str", "new_string"])
}

/// Action of the older editor: one tool with commands.
fn editor(input: &Value) -> ToolAction {
    let changes = match input["command"].as_str() {
        Some("write" | "create") => ChangeKind::Write(first(input, &["file_text", "content"])),
        Some("str_replace") if input["diff"].is_string() => ChangeKind::Patch(first(input, &["diff"])),
        Some("str_replace") => ChangeKind::Replace(vec![(before(input), after(input))]),
        Some("insert") => ChangeKind::Replace(vec![(String::new(), after(input))]),
        _ => return ToolAction::Read { path: first(input, &["path"]) },
    };
    ToolAction::Edit(vec![change(input, changes)])
}

fn todos(items: &Value) -> Vec<PlanItem> {
    let item = |item: &Value| PlanItem {
        text: first(item, &["content", "text"]),
        status: match item["status"].as_str() {
            Some("completed") => PlanStatus::Done,
            Some("in_progress") => PlanStatus::Active,
            Some("cancelled") => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        },
    };
    items.as_array().into_iter().flatten().map(item).collect()
}

/// Parses goose's own todo list: Markdown with check boxes.
fn check_boxes(text: &str) -> Vec<PlanItem> {
    let item = |line: &str| {
        let line = line.trim_start().trim_start_matches(['-', '*']).trim_start();
        let (status, rest) = [("[ ]", PlanStatus::Pending), ("[x]", PlanStatus::Done), ("[X]", PlanStatus::Done)]
            .into_iter()
            .find_map(|(mark, status)| Some((status, line.strip_prefix(mark)?)))?;
        Some(PlanItem { text: rest.trim().to_owned(), status })
    };
    text.lines().filter_map(item).collect()
}

/// Input in one line: a text, or names and values.
fn brief(input: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match input {
        Value::Null => String::new(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}: {}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        other => plain(other),
    }
}
