//! Decoding of Claude Code's records into events, only for the lines that are read.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::fields;
use super::record::API_ERROR;
use super::user_markup::{self, UserText, classify};
use super::{content, shape, tools};
use crate::agent::json;
use crate::agent::jsonl::EntryMark;
use crate::agent::{tool_input, unknown_record};
use crate::domain::event::{Delta, EventBody, NoticeLevel};
use crate::domain::transcript::{ToolAction, ToolStatus};
use crate::domain::{Entry, EntryKind, Event};

/// Decodes some entries of a line into events.
pub(super) fn entries(line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
    let Some(mut record) = fields::of_entries(line) else { return };
    shape::conform(&mut record);
    let time = json::time(&record["timestamp"]);
    for mark in marks {
        // Only a few fields were read; one of unknown kind needs all.
        let body = body(&record, mark, line)
            .unwrap_or_else(|| EventBody::Other(content::unknown(&json::parse(line).unwrap_or_default())));
        let sender = sender(&body, &record, mark);
        sink(Event { key: mark.key, time, body });
        if let Some(sender) = sender {
            sink(Event { key: mark.key, time, body: EventBody::Sender(sender) });
        }
    }
}

/// Sender of a prompt that a program passed on.
fn sender(body: &EventBody, record: &Value, mark: &EntryMark) -> Option<Arc<str>> {
    if !matches!(body, EventBody::Prompt(_)) {
        return None;
    }
    let block = block(content_of(record), mark.block)?;
    user_markup::sender(text_of(&block)).map(Arc::from)
}

/// Decodes the results in a line of tool calls in other lines.
pub(super) fn results(line: &[u8], sink: &mut dyn FnMut(Event)) {
    let Some(mut record) = fields::of_results(line) else { return };
    shape::conform(&mut record);
    let blocks = match content_of(&record) {
        Value::Array(blocks) => blocks,
        block @ Value::Object(_) => std::slice::from_ref(block),
        _ => &[],
    };
    for block in blocks {
        let id = &*tool_input::flat(&block["tool_use_id"]);
        if id.is_empty() {
            continue;
        }
        let body = tools::update(id.into(), block, &record);
        // The time that the user took to answer is no duration of the tool.
        let asked = record["permissionDecision"]["source"].as_str().is_some_and(|source| source.starts_with("user"));
        let time = json::time(&record["timestamp"]).filter(|_| !asked);
        sink(Event { key: crate::domain::EntryKey::new(id, 0), time, body });
    }
}

/// Adds the facts that only call and result together show: a command's exit code, a sub-agent's session.
pub(super) fn finish(entry: &mut Entry, started_by: impl FnOnce(&str) -> Option<Arc<str>>) {
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
pub(super) fn exit_code(status: ToolStatus, output: &str) -> Option<i32> {
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
fn content_of(record: &Value) -> &Value {
    if record["message"].is_string() || record["message"].is_array() {
        return &record["message"];
    }
    match &record["message"]["content"] {
        Value::Null => &record["content"],
        Value::Array(blocks) if blocks.is_empty() => &record["content"],
        content => content,
    }
}

fn body(record: &Value, mark: &EntryMark, line: &[u8]) -> Option<EventBody> {
    let names = [&record["type"], &record["type"]["text"], &record["message"]["role"], &record["role"]];
    match names.into_iter().find_map(Value::as_str)? {
        "system" => (mark.kind != EntryKind::Other).then(|| system(record, line)),
        "queue-operation" if mark.kind == EntryKind::Notice => {
            let text = plain(block(&record["content"], mark.block)?.as_ref());
            let fate = if record["operation"] == "remove" { "Removed from the queue" } else { "Queued" };
            Some(EventBody::Notice { level: NoticeLevel::Info, text: format!("{fate}, not sent: {text}") })
        }
        "queue-operation" => Some(EventBody::Prompt(plain(block(&record["content"], mark.block)?.as_ref()))),
        "attachment" if mark.kind == EntryKind::Notice => Some(attached(&record["attachment"])),
        "attachment" if mark.kind == EntryKind::Other => {
            Some(EventBody::Other(content::unknown(&record["attachment"])))
        }
        "attachment" => Some(EventBody::Prompt(plain(block(&record["attachment"]["prompt"], mark.block)?.as_ref()))),
        "assistant" => {
            let block = block(content_of(record), mark.block)?;
            if mark.kind == EntryKind::Notice && block["type"] == "text" {
                let text = text_of(&block);
                let failed = record["isApiErrorMessage"] == true || text.starts_with(API_ERROR);
                let level = if failed { NoticeLevel::Error } else { NoticeLevel::Info };
                return Some(EventBody::Notice { level, text: text.to_owned() });
            }
            Some(answer_block(&block))
        }
        _ if record["isCompactSummary"] == true => {
            let text = user_markup::without_reminders(&content::text(content_of(record))).into_owned();
            Some(EventBody::Notice { level: NoticeLevel::Boundary, text })
        }
        "user" | "human" if record["isMeta"] == true && mark.kind == EntryKind::Notice => {
            let text = text_of(block(content_of(record), mark.block)?.as_ref()).to_owned();
            Some(EventBody::Notice { level: NoticeLevel::Warning, text })
        }
        "user" | "human" => Some(user_block(block(content_of(record), mark.block)?.as_ref())),
        _ => None,
    }
}

/// Returns one block of a content; a string is a content of one block.
fn block(content: &Value, at: u32) -> Option<Cow<'_, Value>> {
    let only = |text| Some(Cow::Owned(serde_json::json!({"type": "text", "text": text})));
    match content {
        Value::String(text) => only(text),
        Value::Object(_) if at == 0 => Some(Cow::Borrowed(content)),
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
        "text" | "" if block["text"].is_string() => match classify(text_of(block)) {
            UserText::Prompt(text) => EventBody::Prompt(text.into_owned()),
            UserText::Notice(level, text) => EventBody::Notice { level, text: text.into_owned() },
            UserText::Nothing => EventBody::Other(text_of(block).to_owned()),
        },
        "image" => EventBody::Image(content::placeholder(block)),
        "document" | "search_result" => EventBody::Image(content::text(block)),
        _ => EventBody::Other(content::unknown(block)),
    }
}

/// Decodes a block of an answer.
fn answer_block(block: &Value) -> EventBody {
    match block["type"].as_str().unwrap_or_default() {
        "text" | "" if block["text"].is_string() => {
            EventBody::Text(Delta::Replace(content::with_citations(text_of(block), &block["citations"])))
        }
        "thinking" => EventBody::Thinking(Delta::Replace(tool_input::flat(&block["thinking"]))),
        "redacted_thinking" => EventBody::Thinking(Delta::Replace("(redacted by the provider)".to_owned())),
        "image" => EventBody::Image(content::placeholder(block)),
        "document" => EventBody::Image(content::text(block)),
        kind if kind.ends_with("tool_use") => {
            let name = &*tool_input::flat(&block["name"]);
            let input = block["input"].clone();
            let action = tools::action(name, &input);
            EventBody::ToolCall { id: tool_input::flat(&block["id"]).into(), name: name.into(), input, action }
        }
        "connector_text" => EventBody::Text(Delta::Replace(content::text(&block["connector_text"]))),
        "advisor_tool_result" => EventBody::Text(Delta::Replace(content::text(&block["content"]))),
        "compaction" => EventBody::Notice { level: NoticeLevel::Boundary, text: content::text(&block["content"]) },
        "container_upload" => EventBody::Image(content::placeholder(block)),
        _ => EventBody::Other(content::unknown(block)),
    }
}

/// Notice of what is attached to the conversation: the word of a hook, the state of a goal, a limit that was reached.
fn attached(attachment: &Value) -> EventBody {
    let kind = attachment["type"].as_str().unwrap_or_default();
    let level = match kind {
        _ if kind.ends_with("error") => NoticeLevel::Warning,
        "hook_error_during_execution" | "hook_stopped_continuation" | "max_turns_reached" => NoticeLevel::Warning,
        _ => NoticeLevel::Info,
    };
    let texts = ["blockingError", "content", "message", "stdout", "stderr", "goal", "condition", "reason"]
        .map(|name| content::texts(&attachment[name]));
    let mut shown: Vec<&str> = Vec::new();
    for text in texts.iter().map(|text| text.trim_ascii()).filter(|text| !text.is_empty()) {
        if !shown.iter().any(|other| other.contains(text)) {
            shown.push(text);
        }
    }
    let text = match (kind, shown.is_empty()) {
        ("max_turns_reached", _) => format!("Stopped after {} turns", tool_input::flat(&attachment["maxTurns"])),
        ("teammate_mailbox", _) => mailbox(&attachment["messages"]),
        ("task_status", _) => {
            let field = |name: &str| tool_input::flat(&attachment[name]);
            format!("{}: {}\n{}", field("description"), field("status"), field("deltaSummary")).trim_end().to_owned()
        }
        ("hook_cancelled", _) => format!("Hook cancelled: {}", tool_input::flat(&attachment["hookName"])),
        (_, true) => content::unknown(attachment),
        ("goal_status", false) => format!("Goal: {}", shown.join("\n")),
        (_, false) if kind.ends_with("blocking_error") => shown.join("\n"),
        (_, false) => format!("Hook {}: {}", tool_input::flat(&attachment["hookName"]), shown.join("\n")),
    };
    EventBody::Notice { level, text }
}

/// Messages of teammates, each with its sender.
fn mailbox(messages: &Value) -> String {
    let message = |message: &Value| {
        let (from, text) = (tool_input::flat(&message["from"]), content::texts(&message["text"]));
        format!("Message from {from}\n\n{text}")
    };
    tool_input::items(messages).into_iter().map(message).collect::<Vec<_>>().join("\n\n")
}

fn system(record: &Value, line: &[u8]) -> EventBody {
    let text = record["content"].as_str().unwrap_or_default();
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
            let messages =
                ["/formatted", "/message", "/error/message", "/error/error/message", "/cause/message", "/cause/code"];
            let found = messages.iter().find_map(|path| error.pointer(path)?.as_str());
            let reason = found.or_else(|| unknown_record::longest_text(error)).unwrap_or("no answer");
            let attempt = match (record["retryAttempt"].as_u64(), record["maxRetries"].as_u64()) {
                (Some(attempt), Some(max)) => format!(" (attempt {attempt} of {max})"),
                _ => String::new(),
            };
            EventBody::Notice { level: NoticeLevel::Warning, text: format!("Request failed: {reason}{attempt}") }
        }
        "local_command" | "" => match classify(text) {
            UserText::Notice(level, text) => EventBody::Notice { level, text: text.into_owned() },
            UserText::Prompt(text) => EventBody::Notice { level: NoticeLevel::Info, text: text.into_owned() },
            UserText::Nothing => EventBody::Other(text.to_owned()),
        },
        _ => {
            let level = match record["level"].as_str() {
                Some("error") => NoticeLevel::Error,
                Some("warning" | "warn") => NoticeLevel::Warning,
                _ => NoticeLevel::Info,
            };
            // Only a few fields were read.
            let record = json::parse(line).unwrap_or_default();
            EventBody::Notice { level, text: content::notice(&record) }
        }
    }
}
