//! The texts of events and entries: what is said, asked of tools, and printed by them.

use serde_json::Value;

use super::Text;
use crate::domain::event::Level;
use crate::domain::query::part::{LONGEST_INPUT, Part};
use crate::domain::transcript::{Action, PlanItem, Tool};
use crate::domain::{Body, Entry, EntryKind, Key, Piece, ToolStatus};

/// The texts of an event that opens, or goes on with, the entry `key`.
pub fn body_texts(key: Key, body: &Body, sink: &mut dyn FnMut(&Text<'_>)) {
    let mut tell = |part, text: &str| {
        if !text.is_empty() {
            sink(&Text { key, call: "", tool: "", part, text });
        }
    };
    match body {
        Body::Prompt(text) => tell(Part::Prompt, text),
        Body::Text(piece) => tell(Part::Answer, text_of(piece)),
        Body::Thinking(piece) => tell(Part::Thinking, text_of(piece)),
        Body::Plan(items) => tell(Part::Plan, &plan(items)),
        Body::Image(label) => tell(Part::Image, label),
        Body::Notice { level, text } => tell(notice(*level, text), text),
        Body::Other(text) => tell(Part::Notice, text),
        Body::ToolCall { id, name, input, action } => call(key, id, name, input, action, sink),
        Body::ToolUpdate { id, status, output, action, .. } => {
            let output = output.as_ref().map(text_of).unwrap_or_default();
            result(key, id, "", output, *status, action.as_ref(), sink);
        }
        Body::Usage(_) | Body::TurnEnd { .. } => {}
    }
}

/// The texts of an entry.
pub fn entry_texts(entry: &Entry, sink: &mut dyn FnMut(&Text<'_>)) {
    let part = match entry.kind {
        EntryKind::Prompt => Part::Prompt,
        EntryKind::Text => Part::Answer,
        EntryKind::Thinking => Part::Thinking,
        EntryKind::Plan => Part::Plan,
        EntryKind::Image => Part::Image,
        EntryKind::Notice => notice(entry.level, &entry.text),
        EntryKind::Tool | EntryKind::Other => Part::Notice,
    };
    match &entry.tool {
        None => sink(&Text { key: entry.key, call: "", tool: "", part, text: &entry.text }),
        Some(tool) => {
            let Tool { name, id, input, action, output, status, .. } = &**tool;
            call(entry.key, id, name, input, action, sink);
            result(entry.key, id, name, output, Some(*status), Some(action), sink);
        }
    }
}

fn text_of(piece: &Piece) -> &str {
    match piece {
        Piece::Delta(text) | Piece::Whole(text) => text,
    }
}

fn notice(level: Level, text: &str) -> Part {
    match level {
        Level::Boundary => Part::Summary,
        Level::Error => Part::Error,
        Level::Info if text.starts_with('/') => Part::Command,
        Level::Info | Level::Warning => Part::Notice,
    }
}

fn plan(items: &[PlanItem]) -> String {
    items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn call(key: Key, id: &str, name: &str, input: &Value, action: &Action, sink: &mut dyn FnMut(&Text<'_>)) {
    let mut tell = |part, text: &str| {
        if !text.is_empty() {
            sink(&Text { key, call: id, tool: name, part, text });
        }
    };
    match action {
        Action::Read { path } => tell(Part::File, path),
        Action::Edit(changes) => changes.iter().for_each(|change| tell(Part::EditedFile, &change.path)),
        Action::Plan(items) => tell(Part::Plan, &plan(items)),
        Action::Command { .. }
        | Action::Search { .. }
        | Action::Web { .. }
        | Action::Task { .. }
        | Action::Question { .. }
        | Action::Other(_) => {}
    }
    let mut texts = Input { short: name.to_owned(), long: Vec::new() };
    // What a path or a plan said already is not said again.
    match action {
        Action::Plan(_) => {}
        Action::Read { path } => texts.add(input, &[path]),
        Action::Edit(changes) => {
            texts.add(input, &changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>());
        }
        _ => texts.add(input, &[]),
    }
    tell(Part::Input, &texts.short);
    texts.long.iter().for_each(|text| tell(Part::Input, text));
}

fn result(
    key: Key,
    id: &str,
    tool: &str,
    output: &str,
    status: Option<ToolStatus>,
    action: Option<&Action>,
    sink: &mut dyn FnMut(&Text<'_>),
) {
    let mut tell = |part, text: &str| {
        if !text.is_empty() {
            sink(&Text { key, call: id, tool, part, text });
        }
    };
    tell(Part::Output, output);
    match (action, status) {
        (Some(Action::Command { exit_code: Some(code), .. }), _) => tell(Part::Outcome, &code.to_string()),
        (_, Some(ToolStatus::Failed)) => tell(Part::Outcome, told_code(output).unwrap_or("failed")),
        _ => {}
    }
}

/// The exit code that some agents put before what a command printed.
fn told_code(output: &str) -> Option<&str> {
    let told = output.strip_prefix("Error: ").unwrap_or(output).strip_prefix("Exit code ")?;
    let digits = told.bytes().take_while(u8::is_ascii_digit).count();
    told.get(..digits).filter(|code| !code.is_empty())
}

/// The strings of a tool's input: the short ones together, under the tool's name; the long ones each by itself.
struct Input {
    short: String,
    long: Vec<String>,
}

impl Input {
    fn add(&mut self, value: &Value, known: &[&str]) {
        match value {
            Value::String(text) if text.is_empty() || known.contains(&text.as_str()) => {}
            Value::String(text) if text.len() + self.short.len() < LONGEST_INPUT => {
                self.short.push('\n');
                self.short.push_str(text);
            }
            Value::String(text) => self.long.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| self.add(value, known)),
            Value::Object(fields) => fields.values().for_each(|value| self.add(value, known)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
