//! Decoding of Qwen Code's records into events, only for the lines that are read.

use serde_json::Value;

use crate::agent::json;
use crate::agent::jsonl::{EntryMark, patch};
use crate::domain::event::{Delta, EventBody, NoticeLevel};
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction, ToolStatus};
use crate::domain::{EntryKey, EntryKind, Event};

/// Decodes some entries of a line into events.
pub fn entries(line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
    let Some(record) = json::parse(line) else { return };
    let time = json::time(&record["timestamp"]);
    for mark in marks {
        let body = if mark.kind == EntryKind::Notice { notice(&record) } else { part(&record, mark) };
        sink(Event { key: mark.key, time, body });
    }
}

/// Decodes the results in a line of tool calls in other lines.
pub fn results(line: &[u8], sink: &mut dyn FnMut(Event)) {
    let Some(record) = json::parse(line) else { return };
    for part in record["message"]["parts"].as_array().into_iter().flatten() {
        let response = &part["functionResponse"];
        if let Some(id) = response["id"].as_str() {
            sink(Event {
                key: EntryKey::new(id, 0),
                time: None,
                body: update(id, response, &record["toolCallResult"]),
            });
        }
    }
}

fn part(record: &Value, mark: &EntryMark) -> EventBody {
    let part = &record["message"]["parts"][mark.block as usize];
    let text = || part["text"].as_str().unwrap_or_default().to_owned();
    match mark.kind {
        EntryKind::Prompt => EventBody::Prompt(text()),
        EntryKind::Text => EventBody::Text(Delta::Replace(text())),
        EntryKind::Thinking => EventBody::Thinking(Delta::Replace(text())),
        EntryKind::Tool => {
            let call = &part["functionCall"];
            let name = call["name"].as_str().unwrap_or_default();
            let input = call["args"].clone();
            let action = action(name, &input);
            EventBody::ToolCall { id: call["id"].as_str().unwrap_or_default().into(), name: name.into(), input, action }
        }
        EntryKind::Image => {
            let kind = part["inlineData"]["mimeType"].as_str().or_else(|| part["fileData"]["fileUri"].as_str());
            EventBody::Image(format!("[{}]", kind.unwrap_or("attachment")))
        }
        EntryKind::Notice | EntryKind::Plan | EntryKind::Other => EventBody::Other(part.to_string()),
    }
}

fn notice(record: &Value) -> EventBody {
    let payload = &record["systemPayload"];
    let (level, text) = match record["subtype"].as_str().unwrap_or_default() {
        "chat_compression" => {
            let tokens = json::count(&payload["info"]["originalTokenCount"]);
            let before = tokens.map_or_else(String::new, |tokens| format!(" ({tokens} tokens before)"));
            (NoticeLevel::Boundary, format!("Conversation compacted{before}"))
        }
        "ui_telemetry" => {
            let event = &payload["uiEvent"];
            (NoticeLevel::Error, format!("Request failed: {}", event["error_message"].as_str().unwrap_or("no answer")))
        }
        "slash_command" => (NoticeLevel::Info, payload["rawCommand"].as_str().unwrap_or("/").to_owned()),
        _ => (NoticeLevel::Info, payload["displayText"].as_str().unwrap_or("A background agent ended.").to_owned()),
    };
    EventBody::Notice { level, text }
}

/// Converts a call into an action.
pub fn action(name: &str, input: &Value) -> ToolAction {
    let field = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    let maybe = |name: &str| input[name].as_str().map(str::to_owned);
    match name {
        "run_shell_command" => ToolAction::Command { command: field("command"), exit_code: None },
        "read_file" => ToolAction::Read { path: maybe("file_path").unwrap_or_else(|| field("absolute_path")) },
        "list_directory" => ToolAction::Read { path: field("path") },
        "edit" | "replace" => {
            let change = ChangeKind::Replace(vec![(field("old_string"), field("new_string"))]);
            ToolAction::Edit(vec![FileChange { path: field("file_path"), kind: change }])
        }
        "write_file" => {
            ToolAction::Edit(vec![FileChange { path: field("file_path"), kind: ChangeKind::Write(field("content")) }])
        }
        "grep_search" | "search_file_content" | "glob" => {
            ToolAction::Search { pattern: field("pattern"), path: maybe("path") }
        }
        "web_fetch" => ToolAction::Web { query: maybe("url").unwrap_or_else(|| field("prompt")) },
        "web_search" | "google_web_search" => ToolAction::Web { query: field("query") },
        "agent" | "task" => ToolAction::Task { description: field("description"), prompt: field("prompt") },
        "todo_write" => ToolAction::Plan(todos(&input["todos"])),
        "exit_plan_mode" => ToolAction::Plan(vec![PlanItem { text: field("plan"), status: PlanStatus::Pending }]),
        _ => ToolAction::Other(input.to_string()),
    }
}

fn todos(todos: &Value) -> Vec<PlanItem> {
    let item = |todo: &Value| PlanItem {
        text: todo["content"].as_str().unwrap_or_default().to_owned(),
        status: match todo["status"].as_str().unwrap_or_default() {
            "in_progress" => PlanStatus::Active,
            "completed" => PlanStatus::Done,
            "cancelled" => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        },
    };
    todos.as_array().into_iter().flatten().map(item).collect()
}

/// Decodes the result of a call. `result` is the program's structured result besides the response to the model.
fn update(id: &str, response: &Value, result: &Value) -> EventBody {
    let answer = &response["response"];
    let shown = &result["resultDisplay"];
    let answered = answer["error"].as_str().or_else(|| answer["output"].as_str());
    let output = shown["output"].as_str().or(answered).map_or_else(|| text(answer), str::to_owned);
    let status = match result["status"].as_str() {
        Some("cancelled") => ToolStatus::Denied,
        Some("error") => ToolStatus::Failed,
        None if answer["error"].is_string() => ToolStatus::Failed,
        Some(_) | None => ToolStatus::Done,
    };
    let duration_ms = json::count(&result["durationMs"]);
    let (status, output) = (Some(status), Some(Delta::Replace(output)));
    EventBody::ToolUpdate { id: id.into(), status, output, duration_ms, subagent: None, action: action_done(shown) }
}

/// Action with the facts of the result: an exit code (with an empty command line), or the applied patch.
fn action_done(shown: &Value) -> Option<ToolAction> {
    let code = shown["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok());
    let command = code.map(|code| ToolAction::Command { command: String::new(), exit_code: Some(code) });
    command.or_else(|| change(shown))
}

fn text(answer: &Value) -> String {
    if answer.is_null() { String::new() } else { answer.to_string() }
}

/// The applied patch.
fn change(shown: &Value) -> Option<ToolAction> {
    let path = shown["filePath"].as_str().or_else(|| shown["fileName"].as_str())?.to_owned();
    let diff = match (&shown["fileDiff"], &shown["structuredPatch"]) {
        (Value::String(diff), _) => diff.clone(),
        (_, Value::Array(hunks)) => patch::unified(hunks),
        _ => return None,
    };
    Some(ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Patch(diff) }]))
}
