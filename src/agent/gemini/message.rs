//! Decoding of one message of a chat into entries.
//!
//! Only [`parts`] decides which entries are shown; all other code calls it, so that counts and contents cannot differ.

use std::sync::Arc;

use serde_json::Value;

use super::content::content_text;
use super::tools;
use crate::agent::{json, tool_input, unknown_record};
use crate::domain::event::NoticeLevel;
use crate::domain::{Delta, EntryKey, Event, EventBody, Time, Tokens};

/// One entry of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessagePart {
    /// A prompt of the user.
    Prompt,
    /// The agent's reasoning.
    Thinking,
    /// The agent's answer.
    Text,
    /// A tool call, by its index in the list.
    Tool(usize),
    /// A tool call without its result, by its index in the content.
    Call(usize),
    /// A result whose call is in no message, by its index in the content.
    Lost(usize),
    /// A notice of the program itself.
    Notice(NoticeLevel),
    /// A message of unknown type.
    Other,
}

impl MessagePart {
    /// Block number, stable across replacements of the message, which only append tools.
    fn block(self) -> u32 {
        match self {
            Self::Prompt | Self::Thinking | Self::Notice(_) | Self::Other => 0,
            Self::Text => 1,
            Self::Tool(at) => u32::try_from(at).map_or(u32::MAX, |at| at.saturating_add(2)),
            Self::Call(at) => u32::try_from(at).map_or(u32::MAX, |at| at.saturating_add(1 << 31)),
            Self::Lost(at) => u32::try_from(at).map_or(u32::MAX, |at| at.saturating_add(3 << 30)),
        }
    }

    /// True for a failed tool or an error notice.
    pub(super) fn is_error(self, message: &Value) -> bool {
        match self {
            Self::Tool(at) => tools::status(tools::listed_at(message, at)) == crate::domain::ToolStatus::Failed,
            Self::Notice(level) => level == NoticeLevel::Error,
            Self::Prompt | Self::Thinking | Self::Text | Self::Call(_) | Self::Lost(_) | Self::Other => false,
        }
    }
}

/// Lists the entries of a message, in the order in which they are shown.
pub(super) fn parts(message: &Value) -> Vec<MessagePart> {
    let mut parts = own_parts(message);
    parts.extend(tools::unnamed_results(message).map(MessagePart::Lost));
    parts
}

fn own_parts(message: &Value) -> Vec<MessagePart> {
    let has_text = || !text(message).trim().is_empty();
    // A message in the form of the model's conversation has a role and parts.
    match ["type", "role"].iter().find_map(|name| message.get(*name)?.as_str()) {
        Some("user") => {
            let prompt = is_prompt(message).then_some(MessagePart::Prompt);
            let calls = tools::calls_in_content(message).map(|(at, _)| MessagePart::Call(at));
            prompt.into_iter().chain(calls).collect()
        }
        Some("gemini" | "assistant" | "model" | "qwen") => {
            let mut parts = Vec::new();
            if !thoughts(message).is_empty() {
                parts.push(MessagePart::Thinking);
            }
            if has_text() {
                parts.push(MessagePart::Text);
            }
            parts.extend((0..tools::listed(message).len()).map(MessagePart::Tool));
            parts.extend(tools::calls_in_content(message).map(|(at, _)| MessagePart::Call(at)));
            parts
        }
        Some("info" | "warning" | "error") if !has_text() => Vec::new(),
        Some("info") => vec![MessagePart::Notice(NoticeLevel::Info)],
        Some("warning") => vec![MessagePart::Notice(NoticeLevel::Warning)],
        Some("error") => vec![MessagePart::Notice(NoticeLevel::Error)],
        Some(_) | None => vec![MessagePart::Other],
    }
}

/// True for a prompt that a person typed: not the context that the program sends first, and not a list of tool results.
fn is_prompt(message: &Value) -> bool {
    let text = prompt(message);
    let only_results = || {
        let list = content(message).as_array();
        list.is_none_or(|parts| {
            parts.iter().all(|part| part.get("functionResponse").is_some() || part.get("text").is_some())
        })
    };
    !text.is_empty() || (!only_results() && !self::text(message).trim_start().starts_with(CONTEXT_START))
}

/// Elements around the context that the program sends first.
const CONTEXT_START: &str = "<session_context>";
const CONTEXT_END: &str = "</session_context>";

/// Text of a prompt as the person typed it, without the context that the program adds.
pub(super) fn prompt(message: &Value) -> String {
    let typed = content_text(&message["displayContent"]);
    let text = if typed.trim().is_empty() { text(message) } else { typed };
    let trimmed = text.trim();
    let Some(context) = trimmed.strip_prefix(CONTEXT_START) else { return trimmed.to_owned() };
    context.split_once(CONTEXT_END).map_or("", |(_, prompt)| prompt.trim()).to_owned()
}

/// Content of a message, in the field that its version uses.
fn content(message: &Value) -> &Value {
    let fields = ["content", "parts", "message", "text"].map(|name| &message[name]);
    fields.into_iter().find(|value| !value.is_null()).unwrap_or(&Value::Null)
}

/// Decodes one entry into events.
pub(super) fn events(message: &Value, id: &str, part: MessagePart) -> Vec<Event> {
    let key = EntryKey::new(id, part.block());
    let time = time(message);
    let bodies = match part {
        MessagePart::Prompt => vec![EventBody::Prompt(prompt(message))],
        MessagePart::Thinking => vec![EventBody::Thinking(Delta::Replace(thoughts(message)))],
        MessagePart::Text => vec![EventBody::Text(Delta::Replace(text(message)))],
        MessagePart::Tool(at) => tools::bodies(tools::listed_at(message, at)),
        MessagePart::Call(at) => vec![tools::call(&message["content"][at]["functionCall"])],
        MessagePart::Lost(at) => tools::lost(&message["content"][at], &format!("{id}/{at}")),
        MessagePart::Notice(level) => vec![EventBody::Notice { level, text: text(message) }],
        MessagePart::Other => {
            vec![unknown_record::event(message["type"].as_str().unwrap_or("unknown"), message)]
        }
    };
    let usage = (parts(message).first() == Some(&part)).then(|| tokens(message)).flatten().map(EventBody::Usage);
    bodies.into_iter().chain(usage).map(|body| Event { key, time, body }).collect()
}

/// Entries of the results in a message whose calls, by these ids, are in no message.
pub(super) fn lost(message: &Value, ids: &[String]) -> Vec<MessagePart> {
    let parts = message["content"].as_array().into_iter().flatten().enumerate();
    let is_lost =
        |part: &Value| part["functionResponse"]["id"].as_str().is_some_and(|id| ids.iter().any(|lost| lost == id));
    parts.filter(|(_, part)| is_lost(part)).map(|(at, _)| MessagePart::Lost(at)).collect()
}

/// Decodes the results in a message of calls in other messages, each with the id of its call.
pub(super) fn results(message: &Value) -> impl Iterator<Item = (&str, EventBody)> {
    let parts = message["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| Some((part["functionResponse"]["id"].as_str()?, tools::result(part)?)))
}

/// Time of the message.
pub(super) fn time(message: &Value) -> Option<Time> {
    json::time(&message["timestamp"])
}

/// Text of the message: a string, or the texts of a list of parts; other parts become labels.
pub(super) fn text(message: &Value) -> String {
    match content(message) {
        Value::Array(parts) => {
            let spoken: Vec<Value> = parts.iter().filter(|part| part["thought"] != true).cloned().collect();
            content_text(&Value::Array(spoken))
        }
        content => content_text(content),
    }
}

/// Thoughts of the message.
pub(super) fn thoughts(message: &Value) -> String {
    let mut thoughts = Vec::new();
    add_thoughts(&message["thoughts"], &mut thoughts);
    let parts = content(message).as_array().into_iter().flatten();
    thoughts.extend(parts.filter(|part| part["thought"] == true).map(|part| tool_input::flat(&part["text"])));
    thoughts.join("\n\n")
}

/// Adds the thoughts in a value: a list of objects, usually, but also texts and nested lists.
fn add_thoughts(value: &Value, thoughts: &mut Vec<String>) {
    let thought = match value {
        Value::Array(items) => return items.iter().for_each(|item| add_thoughts(item, thoughts)),
        Value::String(text) => text.trim().to_owned(),
        Value::Object(fields) if tool_input::has_numeric_names(fields) => {
            return tool_input::items(value).into_iter().for_each(|item| add_thoughts(item, thoughts));
        }
        Value::Object(_) => {
            let field = |name: &str| tool_input::flat(&value[name]).trim().to_owned();
            let (subject, description) = (field("subject"), field("description"));
            match (subject.is_empty(), description.is_empty()) {
                (false, false) => format!("**{subject}**\n\n{description}"),
                (false, true) => format!("**{subject}**"),
                (true, false) => description,
                (true, true) => field("text"),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    };
    thoughts.extend(Some(thought).filter(|thought| !thought.is_empty()));
}

/// Usage of the reply. The reported input includes cached tokens; the reported output excludes thoughts.
pub(super) fn tokens(message: &Value) -> Option<Tokens> {
    let tokens = message.get("tokens").filter(|tokens| tokens.is_object())?;
    let count = |name: &str| tokens.get(name).and_then(json::count).unwrap_or(0);
    let cache_read = count("cached");
    Some(Tokens {
        input: count("input").saturating_sub(cache_read).saturating_add(count("tool")),
        output: count("output").saturating_add(count("thoughts")),
        cache_read,
        cache_write: 0,
    })
}

/// The model that answered.
pub(super) fn model(message: &Value) -> Option<Arc<str>> {
    message.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()).map(Arc::from)
}
