//! One message of a chat: which entries it makes, and what they say.
//!
//! [`parts`] decides alone what is shown; everything else asks it, so that counts and contents cannot differ.

use std::sync::Arc;

use serde_json::Value;

use super::tools;
use crate::domain::event::Level;
use crate::domain::{Body, Event, Key, Piece, Time, Tokens};

/// One entry of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the user typed.
    Prompt,
    /// What the agent thought.
    Thinking,
    /// What the agent answered.
    Text,
    /// A tool call, by its place in the list.
    Tool(usize),
    /// A message of the program itself.
    Notice(Level),
    /// Of an unknown type.
    Other,
}

impl Part {
    /// Which of the message's blocks it is: the same at every replacement of the message, which only adds tools.
    fn block(self) -> u32 {
        match self {
            Self::Prompt | Self::Thinking | Self::Notice(_) | Self::Other => 0,
            Self::Text => 1,
            Self::Tool(at) => u32::try_from(at).map_or(u32::MAX, |at| at.saturating_add(2)),
        }
    }

    /// Whether it is something to jump to as an error.
    pub fn is_error(self, message: &Value) -> bool {
        match self {
            Self::Tool(at) => tools::status(&message["toolCalls"][at]) == crate::domain::ToolStatus::Failed,
            Self::Notice(level) => level == Level::Error,
            Self::Prompt | Self::Thinking | Self::Text | Self::Other => false,
        }
    }
}

/// The entries that a message makes, in the order in which they are shown.
pub fn parts(message: &Value) -> Vec<Part> {
    let has_text = || !text(message).trim().is_empty();
    match message.get("type").and_then(Value::as_str) {
        Some("user") if is_prompt(message) => vec![Part::Prompt],
        Some("user") => Vec::new(),
        Some("gemini" | "assistant" | "model") => {
            let mut parts = Vec::new();
            if !thoughts(message).is_empty() {
                parts.push(Part::Thinking);
            }
            if has_text() {
                parts.push(Part::Text);
            }
            let calls = message.get("toolCalls").and_then(Value::as_array).map_or(0, Vec::len);
            parts.extend((0..calls).map(Part::Tool));
            parts
        }
        Some(_) if !has_text() => Vec::new(),
        Some("info") => vec![Part::Notice(Level::Info)],
        Some("warning") => vec![Part::Notice(Level::Warning)],
        Some("error") => vec![Part::Notice(Level::Error)],
        Some(_) | None => vec![Part::Other],
    }
}

/// Typed by a person: not the context that the program sends first, not a list of results that stand with their calls.
fn is_prompt(message: &Value) -> bool {
    let text = text(message);
    let text = text.trim();
    let only_results = || {
        let list = message.get("content").and_then(Value::as_array);
        list.is_none_or(|parts| {
            parts.iter().all(|part| part.get("functionResponse").is_some() || part.get("text").is_some())
        })
    };
    !text.starts_with("<session_context>") && (!text.is_empty() || !only_results())
}

/// The events of one entry.
pub fn events(message: &Value, id: &str, part: Part) -> Vec<Event> {
    let key = Key::new(id, part.block());
    let time = time(message);
    let bodies = match part {
        Part::Prompt => vec![Body::Prompt(text(message))],
        Part::Thinking => vec![Body::Thinking(Piece::Whole(thoughts(message)))],
        Part::Text => vec![Body::Text(Piece::Whole(text(message)))],
        Part::Tool(at) => tools::bodies(&message["toolCalls"][at]),
        Part::Notice(level) => vec![Body::Notice { level, text: text(message) }],
        Part::Other => vec![Body::Other(text(message))],
    };
    let usage = (parts(message).first() == Some(&part)).then(|| tokens(message)).flatten().map(Body::Usage);
    bodies.into_iter().chain(usage).map(|body| Event { key, time, body }).collect()
}

/// When it was written.
pub fn time(message: &Value) -> Option<Time> {
    message.get("timestamp").and_then(Value::as_str).and_then(Time::parse)
}

/// What it says: a string, or the texts of a list of parts; what is no text is told by a label.
pub fn text(message: &Value) -> String {
    content_text(message.get("content").unwrap_or(&Value::Null))
}

/// Text of a content: a string, a part, or a list of them.
pub fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<String> = parts.iter().map(content_text).filter(|text| !text.is_empty()).collect();
            texts.join("\n")
        }
        Value::Object(part) => {
            let mime = |name: &str| part.get(name)?.get("mimeType")?.as_str();
            match (part.get("text").and_then(Value::as_str), mime("inlineData").or(mime("fileData"))) {
                (Some(text), _) => text.to_owned(),
                (None, Some(mime)) => format!("[{mime}]"),
                (None, None) => String::new(),
            }
        }
        _ => String::new(),
    }
}

fn thoughts(message: &Value) -> String {
    let list = message.get("thoughts").and_then(Value::as_array);
    let one = |thought: &Value| {
        let field = |name: &str| thought.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let (subject, description) = (field("subject"), field("description"));
        match (subject.is_empty(), description.is_empty()) {
            (false, false) => format!("**{subject}**\n\n{description}"),
            (false, true) => format!("**{subject}**"),
            (true, _) => description,
        }
    };
    list.into_iter().flatten().map(one).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Usage of the reply. What was read from the cache is part of the input that is told, thoughts are no part of the output.
pub fn tokens(message: &Value) -> Option<Tokens> {
    let tokens = message.get("tokens").filter(|tokens| tokens.is_object())?;
    let count = |name: &str| tokens.get(name).and_then(Value::as_u64).unwrap_or(0);
    let cache_read = count("cached");
    Some(Tokens {
        input: count("input").saturating_sub(cache_read).saturating_add(count("tool")),
        output: count("output").saturating_add(count("thoughts")),
        cache_read,
        cache_write: 0,
    })
}

/// The model that answered.
pub fn model(message: &Value) -> Option<Arc<str>> {
    message.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()).map(Arc::from)
}
