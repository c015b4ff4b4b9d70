//! Conversion of Claude Code's tool calls and results into agent-neutral actions and updates.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::outputs;
use crate::agent::json;
use crate::agent::jsonl::patch;
use crate::domain::event::{Delta, EventBody};
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction, ToolStatus};

/// Converts a call into an action.
pub fn action(name: &str, input: &Value) -> ToolAction {
    let field = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    let maybe = |name: &str| input[name].as_str().map(str::to_owned);
    match name {
        "Bash" | "PowerShell" => ToolAction::Command { command: field("command"), exit_code: None },
        "Read" | "NotebookRead" => {
            ToolAction::Read { path: maybe("file_path").unwrap_or_else(|| field("notebook_path")) }
        }
        "LS" => ToolAction::Read { path: field("path") },
        "Edit" => edit(field("file_path"), vec![(field("old_string"), field("new_string"))]),
        "MultiEdit" => {
            let edits = input["edits"].as_array().map(Vec::as_slice).unwrap_or_default();
            let text = |edit: &Value, name: &str| edit[name].as_str().unwrap_or_default().to_owned();
            edit(
                field("file_path"),
                edits.iter().map(|edit| (text(edit, "old_string"), text(edit, "new_string"))).collect(),
            )
        }
        "Write" => write(field("file_path"), field("content")),
        "NotebookEdit" => write(field("notebook_path"), field("new_source")),
        "Grep" | "Glob" => ToolAction::Search { pattern: field("pattern"), path: maybe("path") },
        "WebFetch" => ToolAction::Web { query: field("url") },
        "WebSearch" | "web_search" => ToolAction::Web { query: field("query") },
        "Task" | "Agent" => ToolAction::Task { description: field("description"), prompt: field("prompt") },
        "TodoWrite" => ToolAction::Plan(todos(&input["todos"])),
        "TaskCreate" => ToolAction::Plan(vec![PlanItem { text: field("subject"), status: PlanStatus::Pending }]),
        "ExitPlanMode" | "exit_plan_mode" => ToolAction::Plan(plan(&field("plan"))),
        "AskUserQuestion" => {
            let questions = input["questions"].as_array().map(Vec::as_slice).unwrap_or_default();
            let texts: Vec<&str> = questions.iter().filter_map(|question| question["question"].as_str()).collect();
            ToolAction::Question { question: texts.join("\n") }
        }
        _ => ToolAction::Other(one_line(input)),
    }
}

fn edit(path: String, edits: Vec<(String, String)>) -> ToolAction {
    ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Replace(edits) }])
}

fn write(path: String, content: String) -> ToolAction {
    ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Write(content) }])
}

fn todos(todos: &Value) -> Vec<PlanItem> {
    let todos = todos.as_array().map(Vec::as_slice).unwrap_or_default();
    let item = |todo: &Value| PlanItem {
        text: todo["content"].as_str().unwrap_or_default().to_owned(),
        status: match todo["status"].as_str().unwrap_or_default() {
            "in_progress" => PlanStatus::Active,
            "completed" => PlanStatus::Done,
            "cancelled" | "deleted" => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        },
    };
    todos.iter().map(item).collect()
}

/// Extracts the list items of a Markdown plan; a plan without a list is one item.
fn plan(markdown: &str) -> Vec<PlanItem> {
    let item = |text: &str| PlanItem { text: text.trim().to_owned(), status: PlanStatus::Pending };
    let listed: Vec<PlanItem> = markdown
        .lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let numbered =
                line.split_once(". ").filter(|(number, _)| number.parse::<u16>().is_ok()).map(|(_, text)| text);
            line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or(numbered).map(item)
        })
        .collect();
    if listed.is_empty() { vec![item(markdown)] } else { listed }
}

/// Formats the input of an unknown tool as one line.
fn one_line(input: &Value) -> String {
    let Some(fields) = input.as_object() else { return String::new() };
    let texts: Vec<String> = fields
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        })
        .collect();
    texts.join(", ")
}

/// Converts a result block, and the structured result in the same record, into an update of the call.
pub fn update(id: Arc<str>, block: &Value, record: &Value) -> EventBody {
    let result = &record["toolUseResult"];
    let output = outputs::longest(text(&block["content"]), result);
    let subagent = result["agentId"].as_str().map(|agent| Arc::from(format!("agent-{agent}")));
    let duration_ms = json::count(&result["durationMs"]).or_else(|| json::count(&result["totalDurationMs"]));
    let status = Some(status(block, record, &output));
    EventBody::ToolUpdate {
        id,
        status,
        output: Some(Delta::Replace(output)),
        duration_ms,
        subagent,
        action: change(result),
    }
}

fn status(block: &Value, record: &Value, output: &str) -> ToolStatus {
    let result = &record["toolUseResult"];
    if result["interrupted"] == true || output.starts_with("[Request interrupted by user") {
        return ToolStatus::Interrupted;
    }
    if block["is_error"] != true {
        return ToolStatus::Done;
    }
    let refused = record["permissionDecision"]["decision"] == "reject"
        || result == "User rejected tool use"
        || output.starts_with("The user doesn't want to proceed")
        || output.starts_with("Permission to use ");
    if refused { ToolStatus::Denied } else { ToolStatus::Failed }
}

/// The applied change, if the agent stored its patch.
fn change(result: &Value) -> Option<ToolAction> {
    let path = result["filePath"].as_str()?.to_owned();
    let hunks = result["structuredPatch"].as_array().filter(|hunks| !hunks.is_empty())?;
    Some(ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Patch(patch::unified(hunks)) }]))
}

/// Converts a content to text: a string, or its blocks joined by newlines.
pub fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(block_text).collect::<Vec<_>>().join("\n"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn block_text(block: &Value) -> String {
    match block["type"].as_str().unwrap_or_default() {
        "text" => block["text"].as_str().unwrap_or_default().to_owned(),
        "image" | "document" => placeholder(block),
        "tool_reference" => format!("[tool {}]", block["tool_name"].as_str().unwrap_or_default()),
        _ => block.as_str().map_or_else(|| block.to_string(), str::to_owned),
    }
}

/// Label of an image or a document: its kind and size, without its bytes.
pub fn placeholder(block: &Value) -> String {
    let kind = block["type"].as_str().unwrap_or("attachment");
    let source = &block["source"];
    let mut label = format!("[{kind}");
    for detail in [block["title"].as_str(), source["media_type"].as_str(), source["url"].as_str()].into_iter().flatten()
    {
        let _ = write!(label, " {detail}");
    }
    if let Some(data) = source["data"].as_str() {
        // Four letters of base64 are three bytes.
        let _ = write!(label, ", {} kB", (data.len() / 4 * 3).div_ceil(1000));
    }
    label.push(']');
    label
}
