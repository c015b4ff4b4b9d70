//! Qwen Code's records as events: only for the lines that are looked at.

use serde_json::Value;

use crate::agent::jsonl::{Mark, patch};
use crate::domain::event::{Body, Level, Piece};
use crate::domain::transcript::{Action, Change, FileChange, PlanItem, PlanStatus, ToolStatus};
use crate::domain::{EntryKind, Event, Key, Time};

/// The events for some entries of a line.
pub fn entries(line: &[u8], marks: &[Mark], sink: &mut dyn FnMut(Event)) {
    let Some(record) = parse(line) else { return };
    let time = record["timestamp"].as_str().and_then(Time::parse);
    for mark in marks {
        let body = if mark.kind == EntryKind::Notice { notice(&record) } else { part(&record, mark) };
        sink(Event { key: mark.key, time, body });
    }
}

/// What a line tells about tool calls made elsewhere.
pub fn results(line: &[u8], sink: &mut dyn FnMut(Event)) {
    let Some(record) = parse(line) else { return };
    for part in record["message"]["parts"].as_array().into_iter().flatten() {
        let response = &part["functionResponse"];
        if let Some(id) = response["id"].as_str() {
            sink(Event { key: Key::new(id, 0), time: None, body: update(id, response, &record["toolCallResult"]) });
        }
    }
}

fn parse(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).or_else(|_| serde_json::from_str(&String::from_utf8_lossy(line))).ok()
}

fn part(record: &Value, mark: &Mark) -> Body {
    let part = &record["message"]["parts"][mark.block as usize];
    let text = || part["text"].as_str().unwrap_or_default().to_owned();
    match mark.kind {
        EntryKind::Prompt => Body::Prompt(text()),
        EntryKind::Text => Body::Text(Piece::Whole(text())),
        EntryKind::Thinking => Body::Thinking(Piece::Whole(text())),
        EntryKind::Tool => {
            let call = &part["functionCall"];
            let name = call["name"].as_str().unwrap_or_default();
            let input = call["args"].clone();
            let action = action(name, &input);
            Body::ToolCall { id: call["id"].as_str().unwrap_or_default().into(), name: name.into(), input, action }
        }
        EntryKind::Image => {
            let kind = part["inlineData"]["mimeType"].as_str().or_else(|| part["fileData"]["fileUri"].as_str());
            Body::Image(format!("[{}]", kind.unwrap_or("attachment")))
        }
        EntryKind::Notice | EntryKind::Plan | EntryKind::Other => Body::Other(part.to_string()),
    }
}

fn notice(record: &Value) -> Body {
    let payload = &record["systemPayload"];
    let (level, text) = match record["subtype"].as_str().unwrap_or_default() {
        "chat_compression" => {
            let tokens = payload["info"]["originalTokenCount"].as_u64();
            let before = tokens.map_or_else(String::new, |tokens| format!(" ({tokens} tokens before)"));
            (Level::Boundary, format!("Conversation compacted{before}"))
        }
        "ui_telemetry" => {
            let event = &payload["uiEvent"];
            (Level::Error, format!("Request failed: {}", event["error_message"].as_str().unwrap_or("no answer")))
        }
        "slash_command" => (Level::Info, payload["rawCommand"].as_str().unwrap_or("/").to_owned()),
        _ => (Level::Info, payload["displayText"].as_str().unwrap_or("A background agent ended.").to_owned()),
    };
    Body::Notice { level, text }
}

/// What a call does.
fn action(name: &str, input: &Value) -> Action {
    let field = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    let maybe = |name: &str| input[name].as_str().map(str::to_owned);
    match name {
        "run_shell_command" => Action::Command { command: field("command"), exit_code: None },
        "read_file" => Action::Read { path: maybe("file_path").unwrap_or_else(|| field("absolute_path")) },
        "list_directory" => Action::Read { path: field("path") },
        "edit" | "replace" => {
            let change = Change::Replace(vec![(field("old_string"), field("new_string"))]);
            Action::Edit(vec![FileChange { path: field("file_path"), change }])
        }
        "write_file" => {
            Action::Edit(vec![FileChange { path: field("file_path"), change: Change::Write(field("content")) }])
        }
        "grep_search" | "search_file_content" | "glob" => {
            Action::Search { pattern: field("pattern"), path: maybe("path") }
        }
        "web_fetch" => Action::Web { query: maybe("url").unwrap_or_else(|| field("prompt")) },
        "web_search" | "google_web_search" => Action::Web { query: field("query") },
        "agent" | "task" => Action::Task { description: field("description"), prompt: field("prompt") },
        "todo_write" => Action::Plan(todos(&input["todos"])),
        "exit_plan_mode" => Action::Plan(vec![PlanItem { text: field("plan"), status: PlanStatus::Pending }]),
        _ => Action::Other(input.to_string()),
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

/// What came of a call. `told` is the program's own account beside what the model was answered.
fn update(id: &str, response: &Value, told: &Value) -> Body {
    let answer = &response["response"];
    let shown = &told["resultDisplay"];
    let answered = answer["error"].as_str().or_else(|| answer["output"].as_str());
    let output = shown["output"].as_str().or(answered).map_or_else(|| text(answer), str::to_owned);
    let status = match told["status"].as_str() {
        Some("cancelled") => ToolStatus::Denied,
        Some("error") => ToolStatus::Failed,
        None if answer["error"].is_string() => ToolStatus::Failed,
        Some(_) | None => ToolStatus::Done,
    };
    let duration_ms = told["durationMs"].as_u64();
    let (status, output) = (Some(status), Some(Piece::Whole(output)));
    Body::ToolUpdate { id: id.into(), status, output, duration_ms, subagent: None, action: action_done(shown) }
}

/// A better account of what was done. A command without its line stands for its exit code.
fn action_done(shown: &Value) -> Option<Action> {
    let code = shown["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok());
    let command = code.map(|code| Action::Command { command: String::new(), exit_code: Some(code) });
    command.or_else(|| change(shown))
}

fn text(answer: &Value) -> String {
    if answer.is_null() { String::new() } else { answer.to_string() }
}

/// The patch that was really applied.
fn change(shown: &Value) -> Option<Action> {
    let path = shown["filePath"].as_str().or_else(|| shown["fileName"].as_str())?.to_owned();
    let diff = match (&shown["fileDiff"], &shown["structuredPatch"]) {
        (Value::String(diff), _) => diff.clone(),
        (_, Value::Array(hunks)) => patch::unified(hunks),
        _ => return None,
    };
    Some(Action::Edit(vec![FileChange { path, change: Change::Patch(diff) }]))
}
