//! Decoding of Claude Code's records into events, only for the lines that are read.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::fields;
use super::tools;
use super::user_markup::{UserText, classify};
use crate::agent::json;
use crate::agent::jsonl::EntryMark;
use crate::domain::event::{Delta, EventBody, NoticeLevel};
use crate::domain::transcript::{ToolAction, ToolStatus};
use crate::domain::{Entry, EntryKind, Event};

/// Decodes some entries of a line into events.
pub fn entries(line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
    let Some(record) = fields::read(line) else { return };
    let time = json::time(&record["timestamp"]);
    for mark in marks {
        if let Some(body) = body(&record, mark) {
            sink(Event { key: mark.key, time, body });
        }
    }
}

/// Decodes the results in a line of tool calls in other lines.
pub fn results(line: &[u8], sink: &mut dyn FnMut(Event)) {
    let Some(record) = json::parse(line) else { return };
    let blocks = content(&record).as_array().map(Vec::as_slice).unwrap_or_default();
    for block in blocks {
        let Some(id) = block["tool_use_id"].as_str() else { continue };
        let body = tools::update(id.into(), block, &record);
        sink(Event { key: crate::domain::EntryKey::new(id, 0), time: None, body });
    }
}

/// Adds the facts that only call and result together show: a command's exit code, a sub-agent's session.
pub fn finish(entry: &mut Entry, started_by: impl FnOnce(&str) -> Option<Arc<str>>) {
    let Some(tool) = entry.tool.as_deref_mut() else { return };
    if tool.subagent.is_none() && matches!(tool.action, ToolAction::Task { .. }) {
        tool.subagent = started_by(&tool.id);
    }
    let code = exit_code(tool.status, &tool.output);
    if let ToolAction::Command { exit_code, .. } = &mut tool.action {
        *exit_code = code;
    }
}

/// Derives a command's exit code from its status and output.
pub fn exit_code(status: ToolStatus, output: &str) -> Option<i32> {
    match status {
        ToolStatus::Done => Some(0),
        ToolStatus::Failed => {
            let code = output.strip_prefix("Error: ").unwrap_or(output).strip_prefix("Exit code ")?;
            code.split_ascii_whitespace().next()?.parse().ok()
        }
        ToolStatus::Pending | ToolStatus::Running | ToolStatus::Denied | ToolStatus::Interrupted => None,
    }
}

/// The content of a record, in the field that its version uses.
fn content(record: &Value) -> &Value {
    match &record["message"]["content"] {
        Value::Null => &record["content"],
        Value::Array(blocks) if blocks.is_empty() => &record["content"],
        content => content,
    }
}

fn body(record: &Value, mark: &EntryMark) -> Option<EventBody> {
    match record["type"].as_str().or_else(|| record["message"]["role"].as_str()).or_else(|| record["role"].as_str())? {
        "system" => Some(system(record)),
        "attachment" => Some(EventBody::Prompt(plain(block(&record["attachment"]["prompt"], mark.block)?.as_ref()))),
        "assistant" => {
            let block = block(content(record), mark.block)?;
            if mark.kind == EntryKind::Notice {
                return Some(EventBody::Notice { level: NoticeLevel::Error, text: text_of(&block).to_owned() });
            }
            Some(answer_block(&block))
        }
        _ if record["isCompactSummary"] == true => {
            Some(EventBody::Notice { level: NoticeLevel::Boundary, text: tools::text(content(record)) })
        }
        _ => Some(user_block(block(content(record), mark.block)?.as_ref())),
    }
}

/// Returns one block of a content; a string is a content of one block.
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
    match classify(text_of(block)) {
        UserText::Prompt(text) => text.into_owned(),
        UserText::Notice(..) | UserText::Nothing => text_of(block).to_owned(),
    }
}

/// Decodes a block of a user record.
fn user_block(block: &Value) -> EventBody {
    match block["type"].as_str().unwrap_or_default() {
        "text" => match classify(text_of(block)) {
            UserText::Prompt(text) => EventBody::Prompt(text.into_owned()),
            UserText::Notice(level, text) => EventBody::Notice { level, text: text.into_owned() },
            UserText::Nothing => EventBody::Other(text_of(block).to_owned()),
        },
        "image" | "document" => EventBody::Image(tools::placeholder(block)),
        _ => EventBody::Other(block.to_string()),
    }
}

/// Decodes a block of an answer.
fn answer_block(block: &Value) -> EventBody {
    match block["type"].as_str().unwrap_or_default() {
        "text" => EventBody::Text(Delta::Replace(text_of(block).to_owned())),
        "thinking" => EventBody::Thinking(Delta::Replace(block["thinking"].as_str().unwrap_or_default().to_owned())),
        "redacted_thinking" => EventBody::Thinking(Delta::Replace("(redacted by the provider)".to_owned())),
        "image" | "document" => EventBody::Image(tools::placeholder(block)),
        kind if kind.ends_with("tool_use") => {
            let name = block["name"].as_str().unwrap_or_default();
            let input = block["input"].clone();
            let action = tools::action(name, &input);
            EventBody::ToolCall {
                id: block["id"].as_str().unwrap_or_default().into(),
                name: name.into(),
                input,
                action,
            }
        }
        _ => EventBody::Other(block.to_string()),
    }
}

fn system(record: &Value) -> EventBody {
    let content = record["content"].as_str().unwrap_or_default();
    match record["subtype"].as_str().unwrap_or_default() {
        "compact_boundary" => {
            let metadata = &record["compactMetadata"];
            let mut text = String::from("Conversation compacted");
            if let Some(trigger) = metadata["trigger"].as_str() {
                text.push_str(if trigger == "auto" { " automatically" } else { " on request" });
            }
            if let Some(tokens) = json::count(&metadata["preTokens"]) {
                // Writing to a string does not fail.
                let _ = write!(text, " ({tokens} tokens before)");
            }
            EventBody::Notice { level: NoticeLevel::Boundary, text }
        }
        "api_error" => {
            let error = &record["error"];
            let reason = error["formatted"].as_str().or_else(|| error["message"].as_str()).unwrap_or("no answer");
            let attempt = match (record["retryAttempt"].as_u64(), record["maxRetries"].as_u64()) {
                (Some(attempt), Some(max)) => format!(" (attempt {attempt} of {max})"),
                _ => String::new(),
            };
            EventBody::Notice { level: NoticeLevel::Warning, text: format!("Request failed: {reason}{attempt}") }
        }
        _ => match classify(content) {
            UserText::Notice(level, text) => EventBody::Notice { level, text: text.into_owned() },
            UserText::Prompt(text) => EventBody::Notice { level: NoticeLevel::Info, text: text.into_owned() },
            UserText::Nothing => EventBody::Other(content.to_owned()),
        },
    }
}
