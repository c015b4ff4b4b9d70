//! Maps goose's tool calls to agent-neutral actions. Tools of extensions are named `extension__tool`.

use serde_json::Value;

use crate::agent::tool_input::{self, field};
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction};

/// Action of a call; `result` is its `toolResult`, if any.
pub(super) fn action(name: &str, input: &Value, result: Option<&Value>) -> ToolAction {
    tool_input::with_headline(known(name, input, result), input)
}

fn known(name: &str, input: &Value, result: Option<&Value>) -> ToolAction {
    let tool = name.rsplit_once("__").map_or(name, |(_, tool)| tool);
    let text = |name: &str| tool_input::flat(&input[name]);
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
            pattern: field(input, &["pattern", "query", "path"]),
            path: tool_input::optional(input, "path"),
        },
        "web_scrape" | "web_search" | "fetch" => ToolAction::Web { query: field(input, &["url", "query"]) },
        "delegate" | "subagent" | "dynamic_task" => ToolAction::Task {
            description: field(input, &["description", "source"]),
            prompt: field(input, &["instructions", "prompt", "task"]),
        },
        "todo_write" if input["todos"].is_array() => ToolAction::Plan(todos(&input["todos"])),
        "todo_write" if input["content"].is_string() => ToolAction::Plan(check_boxes(&text("content"))),
        _ => ToolAction::Other(tool_input::one_line(input)),
    }
}

fn change(input: &Value, change: ChangeKind) -> FileChange {
    FileChange { path: field(input, &["path", "file_path"]), kind: change }
}

fn before(input: &Value) -> String {
    field(input, &["before", "old_str", "old_string"])
}

fn after(input: &Value) -> String {
    field(input, &["after", "new_str", "new_string"])
}

/// Action of the older editor: one tool with commands.
fn editor(input: &Value) -> ToolAction {
    let changes = match input["command"].as_str() {
        Some("write" | "create") => ChangeKind::Write(field(input, &["file_text", "content"])),
        Some("str_replace") if input["diff"].is_string() => ChangeKind::Patch(field(input, &["diff"])),
        Some("str_replace") => ChangeKind::Replace(vec![(before(input), after(input))]),
        Some("insert") => ChangeKind::Replace(vec![(String::new(), after(input))]),
        _ => return ToolAction::Read { path: field(input, &["path"]) },
    };
    ToolAction::Edit(vec![change(input, changes)])
}

fn todos(items: &Value) -> Vec<PlanItem> {
    let item = |item: &Value| PlanItem {
        text: field(item, &["content", "text"]),
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
