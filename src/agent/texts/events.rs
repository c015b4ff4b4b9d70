//! Text extraction from events and entries: prompts, answers, tool inputs and tool outputs.

use serde_json::Value;

use super::SearchText;
use crate::domain::event::NoticeLevel;
use crate::domain::query::text_kind::{MAX_INDEXED_INPUT, TextKind};
use crate::domain::transcript::{PlanItem, Tool, ToolAction};
use crate::domain::{Delta, Entry, EntryKey, EntryKind, EventBody, ToolStatus};

/// Extracts the texts of an event that starts or updates the entry `key`.
pub fn body_texts(key: EntryKey, body: &EventBody, sink: &mut dyn FnMut(&SearchText<'_>)) {
    let mut emit = |kind, text: &str| {
        if !text.is_empty() {
            sink(&SearchText { key, session: "", call: "", tool: "", kind, text });
        }
    };
    match body {
        EventBody::Prompt(text) => emit(TextKind::Prompt, text),
        EventBody::Text(delta) => emit(TextKind::Answer, text_of(delta)),
        EventBody::Thinking(delta) => emit(TextKind::Thinking, text_of(delta)),
        EventBody::Plan(items) => emit(TextKind::Plan, &plan(items)),
        EventBody::Image(label) => emit(TextKind::Image, label),
        EventBody::Notice { level, text } => emit(notice(*level, text), text),
        EventBody::Other(text) => emit(TextKind::Notice, text),
        EventBody::ToolCall { id, name, input, action } => call(key, id, name, input, action, sink),
        EventBody::ToolUpdate { id, status, output, action, .. } => {
            let output = output.as_ref().map(text_of).unwrap_or_default();
            result(key, id, "", output, *status, action.as_ref(), sink);
        }
        EventBody::Sender(sender) => emit(TextKind::Prompt, sender),
        EventBody::Usage(_) | EventBody::TurnEnd { .. } => {}
    }
}

/// Extracts the texts of an entry.
pub fn entry_texts(entry: &Entry, sink: &mut dyn FnMut(&SearchText<'_>)) {
    let kind = match entry.kind {
        EntryKind::Prompt => TextKind::Prompt,
        EntryKind::Text => TextKind::Answer,
        EntryKind::Thinking => TextKind::Thinking,
        EntryKind::Plan => TextKind::Plan,
        EntryKind::Image => TextKind::Image,
        EntryKind::Notice => notice(entry.level, &entry.text),
        EntryKind::Tool | EntryKind::Other => TextKind::Notice,
    };
    match &entry.tool {
        None => sink(&SearchText { key: entry.key, session: "", call: "", tool: "", kind, text: &entry.text }),
        Some(tool) => {
            let Tool { name, id, input, action, output, status, .. } = &**tool;
            call(entry.key, id, name, input, action, sink);
            result(entry.key, id, name, output, Some(*status), Some(action), sink);
        }
    }
}

fn text_of(delta: &Delta) -> &str {
    match delta {
        Delta::Append(text) | Delta::Replace(text) | Delta::Longest(text) => text,
    }
}

fn notice(level: NoticeLevel, text: &str) -> TextKind {
    match level {
        NoticeLevel::Boundary => TextKind::Summary,
        NoticeLevel::Error => TextKind::Error,
        NoticeLevel::Info if text.starts_with('/') => TextKind::Command,
        NoticeLevel::Info | NoticeLevel::Warning => TextKind::Notice,
    }
}

fn plan(items: &[PlanItem]) -> String {
    items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn call(
    key: EntryKey,
    id: &str,
    name: &str,
    input: &Value,
    action: &ToolAction,
    sink: &mut dyn FnMut(&SearchText<'_>),
) {
    let mut emit = |kind, text: &str| {
        if !text.is_empty() {
            sink(&SearchText { key, session: "", call: id, tool: name, kind, text });
        }
    };
    match action {
        ToolAction::Read { path } => emit(TextKind::File, path),
        ToolAction::Edit(changes) => changes.iter().for_each(|change| emit(TextKind::EditedFile, &change.path)),
        ToolAction::Plan(items) => emit(TextKind::Plan, &plan(items)),
        ToolAction::PlanText(text) => emit(TextKind::Plan, text),
        ToolAction::Command { .. }
        | ToolAction::Search { .. }
        | ToolAction::Web { .. }
        | ToolAction::Task { .. }
        | ToolAction::Question { .. }
        | ToolAction::Other(_) => {}
    }
    let mut texts = Input { short: name.to_owned(), long: Vec::new() };
    // Paths and plans are emitted above, so the input must not repeat them.
    match action {
        ToolAction::Plan(items) => {
            texts.add(input, &items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>());
        }
        ToolAction::PlanText(plan) => texts.add(input, &[plan]),
        ToolAction::Read { path } => texts.add(input, &[path]),
        ToolAction::Edit(changes) => {
            texts.add(input, &changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>());
        }
        _ => texts.add(input, &[]),
    }
    emit(TextKind::Input, &texts.short);
    texts.long.iter().for_each(|text| emit(TextKind::Input, text));
}

fn result(
    key: EntryKey,
    id: &str,
    tool: &str,
    output: &str,
    status: Option<ToolStatus>,
    action: Option<&ToolAction>,
    sink: &mut dyn FnMut(&SearchText<'_>),
) {
    let mut emit = |kind, text: &str| {
        if !text.is_empty() {
            sink(&SearchText { key, session: "", call: id, tool, kind, text });
        }
    };
    emit(TextKind::Output, output);
    if let Some(ToolAction::PlanText(text)) = action {
        emit(TextKind::Plan, text);
    }
    match (action, status) {
        (Some(ToolAction::Command { exit_code: Some(code), .. }), _) => emit(TextKind::Outcome, &code.to_string()),
        (_, Some(ToolStatus::Failed)) => emit(TextKind::Outcome, printed_exit_code(output).unwrap_or("failed")),
        (_, Some(ToolStatus::Denied)) => emit(TextKind::Outcome, "denied"),
        _ => {}
    }
}

/// Parses the exit code that some agents print before a command's output.
fn printed_exit_code(output: &str) -> Option<&str> {
    let code = output.strip_prefix("Error: ").unwrap_or(output).strip_prefix("Exit code ")?;
    let digits = code.bytes().take_while(u8::is_ascii_digit).count();
    code.get(..digits).filter(|code| !code.is_empty())
}

/// The strings of a tool's input: the short ones joined after the tool's name, each long one by itself.
struct Input {
    short: String,
    long: Vec<String>,
}

impl Input {
    fn add(&mut self, value: &Value, known: &[&str]) {
        match value {
            Value::String(text) if text.is_empty() || known.contains(&text.as_str()) => {}
            Value::String(text) if text.len() + self.short.len() < MAX_INDEXED_INPUT => {
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
