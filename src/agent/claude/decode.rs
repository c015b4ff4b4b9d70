//! Claude Code's records as events: only for the lines that are looked at.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::super::jsonl::Mark;
use super::fields;
use super::tools;
use super::words::{Said, said};
use crate::domain::event::{Body, Level, Piece};
use crate::domain::transcript::{Action, ToolStatus};
use crate::domain::{Entry, EntryKind, Event, Time};

/// The events for some entries of a line.
pub fn entries(line: &[u8], marks: &[Mark], sink: &mut dyn FnMut(Event)) {
    let Some(record) = fields::read(line) else { return };
    let time = record["timestamp"].as_str().and_then(Time::parse);
    for mark in marks {
        if let Some(body) = body(&record, mark) {
            sink(Event { key: mark.key, time, body });
        }
    }
}

/// What a line tells about tool calls made elsewhere.
pub fn results(line: &[u8], sink: &mut dyn FnMut(Event)) {
    let Some(record) = parse(line) else { return };
    let blocks = content(&record).as_array().map(Vec::as_slice).unwrap_or_default();
    for block in blocks {
        let Some(id) = block["tool_use_id"].as_str() else { continue };
        let body = tools::update(id.into(), block, &record);
        sink(Event { key: crate::domain::Key::new(id, 0), time: None, body });
    }
}

/// What only call and result together tell: a command's exit code, a sub-agent's session.
pub fn finish(entry: &mut Entry, started_by: impl FnOnce(&str) -> Option<Arc<str>>) {
    let Some(tool) = entry.tool.as_deref_mut() else { return };
    if tool.subagent.is_none() && matches!(tool.action, Action::Task { .. }) {
        tool.subagent = started_by(&tool.id);
    }
    let code = exit_code(tool.status, &tool.output);
    if let Action::Command { exit_code, .. } = &mut tool.action {
        *exit_code = code;
    }
}

/// A command's exit code, from what came of it.
pub fn exit_code(status: ToolStatus, output: &str) -> Option<i32> {
    match status {
        ToolStatus::Done => Some(0),
        ToolStatus::Failed => {
            let told = output.strip_prefix("Error: ").unwrap_or(output).strip_prefix("Exit code ")?;
            told.split_ascii_whitespace().next()?.parse().ok()
        }
        ToolStatus::Pending | ToolStatus::Running | ToolStatus::Denied | ToolStatus::Interrupted => None,
    }
}

/// A line as a value; bytes that are no UTF-8 become U+FFFD.
fn parse(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).or_else(|_| serde_json::from_str(&String::from_utf8_lossy(line))).ok()
}

/// The content of a record, wherever its version keeps it.
fn content(record: &Value) -> &Value {
    match &record["message"]["content"] {
        Value::Null => &record["content"],
        Value::Array(blocks) if blocks.is_empty() => &record["content"],
        content => content,
    }
}

fn body(record: &Value, mark: &Mark) -> Option<Body> {
    match record["type"].as_str().or_else(|| record["message"]["role"].as_str()).or_else(|| record["role"].as_str())? {
        "system" => Some(system(record)),
        "attachment" => Some(Body::Prompt(plain(block(&record["attachment"]["prompt"], mark.block)?.as_ref()))),
        "assistant" => {
            let block = block(content(record), mark.block)?;
            if mark.kind == EntryKind::Notice {
                return Some(Body::Notice { level: Level::Error, text: text_of(&block).to_owned() });
            }
            Some(answer(&block))
        }
        _ if record["isCompactSummary"] == true => {
            Some(Body::Notice { level: Level::Boundary, text: tools::text(content(record)) })
        }
        _ => Some(spoken(block(content(record), mark.block)?.as_ref())),
    }
}

/// One block of a content; a content that is a string is its own only block.
fn block(content: &Value, at: u32) -> Option<Cow<'_, Value>> {
    let only = |text| Some(Cow::Owned(serde_json::json!({"type": "text", "text": text})));
    match content {
        Value::String(text) => only(text),
        Value::Array(blocks) => match blocks.get(at as usize)? {
            Value::String(text) => only(text),
            block => Some(Cow::Borrowed(block)),
        },
        _ => None,
    }
}

fn text_of(block: &Value) -> &str {
    block["text"].as_str().unwrap_or_default()
}

fn plain(block: &Value) -> String {
    match said(text_of(block)) {
        Said::Prompt(text) => text.into_owned(),
        Said::Notice(..) | Said::Nothing => text_of(block).to_owned(),
    }
}

/// A block of the user's.
fn spoken(block: &Value) -> Body {
    match block["type"].as_str().unwrap_or_default() {
        "text" => match said(text_of(block)) {
            Said::Prompt(text) => Body::Prompt(text.into_owned()),
            Said::Notice(level, text) => Body::Notice { level, text: text.into_owned() },
            Said::Nothing => Body::Other(text_of(block).to_owned()),
        },
        "image" | "document" => Body::Image(tools::placeholder(block)),
        _ => Body::Other(block.to_string()),
    }
}

/// A block of the agent's.
fn answer(block: &Value) -> Body {
    match block["type"].as_str().unwrap_or_default() {
        "text" => Body::Text(Piece::Whole(text_of(block).to_owned())),
        "thinking" => Body::Thinking(Piece::Whole(block["thinking"].as_str().unwrap_or_default().to_owned())),
        "redacted_thinking" => Body::Thinking(Piece::Whole("(redacted by the provider)".to_owned())),
        "image" | "document" => Body::Image(tools::placeholder(block)),
        kind if kind.ends_with("tool_use") => {
            let name = block["name"].as_str().unwrap_or_default();
            let input = block["input"].clone();
            let action = tools::action(name, &input);
            Body::ToolCall { id: block["id"].as_str().unwrap_or_default().into(), name: name.into(), input, action }
        }
        _ => Body::Other(block.to_string()),
    }
}

fn system(record: &Value) -> Body {
    let content = record["content"].as_str().unwrap_or_default();
    match record["subtype"].as_str().unwrap_or_default() {
        "compact_boundary" => {
            let told = &record["compactMetadata"];
            let mut text = String::from("Conversation compacted");
            if let Some(trigger) = told["trigger"].as_str() {
                text.push_str(if trigger == "auto" { " automatically" } else { " on request" });
            }
            if let Some(tokens) = told["preTokens"].as_u64() {
                // Writing to a string does not fail.
                let _ = write!(text, " ({tokens} tokens before)");
            }
            Body::Notice { level: Level::Boundary, text }
        }
        "api_error" => {
            let error = &record["error"];
            let reason = error["formatted"].as_str().or_else(|| error["message"].as_str()).unwrap_or("no answer");
            let attempt = match (record["retryAttempt"].as_u64(), record["maxRetries"].as_u64()) {
                (Some(attempt), Some(most)) => format!(" (attempt {attempt} of {most})"),
                _ => String::new(),
            };
            Body::Notice { level: Level::Warning, text: format!("Request failed: {reason}{attempt}") }
        }
        _ => match said(content) {
            Said::Notice(level, text) => Body::Notice { level, text: text.into_owned() },
            Said::Prompt(text) => Body::Notice { level: Level::Info, text: text.into_owned() },
            Said::Nothing => Body::Other(content.to_owned()),
        },
    }
}
