//! Texts of a session by way of its entries: for agents that tell search nothing of how their records lie.

use crate::agent::{Text, TextLimit, format};
use crate::domain::query::part::{LONGEST_INPUT, Part};
use crate::domain::transcript::{Action, Tool};
use crate::domain::event::Level;
use crate::domain::{Entry, EntryKind, Session, ToolStatus};

/// Entries read at a time.
const PAGE: usize = 64;

/// All texts of a session. What cannot be read is left out.
pub fn texts(session: &Session, sink: &mut dyn FnMut(&Text<'_>)) {
    let mut reading = match format(session.key.agent).open(session) {
        Ok(reading) => reading,
        Err(error) => {
            tracing::debug!(session = %session.key, %error, "cannot be read for the search");
            return;
        }
    };
    for from in (0..reading.len()).step_by(PAGE) {
        for entry in reading.read(from..from + PAGE, TextLimit::NONE) {
            texts_of(&entry, sink);
        }
    }
}

/// The texts of one entry.
fn texts_of(entry: &Entry, sink: &mut dyn FnMut(&Text<'_>)) {
    let part = match entry.kind {
        EntryKind::Prompt => Part::Prompt,
        EntryKind::Text => Part::Answer,
        EntryKind::Thinking => Part::Thinking,
        EntryKind::Plan => Part::Plan,
        EntryKind::Image => Part::Image,
        EntryKind::Notice if entry.level == Level::Error => Part::Error,
        EntryKind::Tool | EntryKind::Notice | EntryKind::Other => Part::Notice,
    };
    if entry.tool.is_none() || part == Part::Plan {
        sink(&Text { key: entry.key, call: "", tool: "", part, text: &entry.text });
    }
    if let Some(tool) = &entry.tool {
        tool_texts(entry, tool, sink);
    }
}

fn tool_texts(entry: &Entry, tool: &Tool, sink: &mut dyn FnMut(&Text<'_>)) {
    let mut tell = |part, text: &str| {
        if !text.is_empty() {
            sink(&Text { key: entry.key, call: &tool.id, tool: &tool.name, part, text });
        }
    };
    match &tool.action {
        Action::Read { path } => tell(Part::File, path),
        Action::Edit(changes) => changes.iter().for_each(|change| tell(Part::EditedFile, &change.path)),
        Action::Command { .. }
        | Action::Search { .. }
        | Action::Web { .. }
        | Action::Task { .. }
        | Action::Plan(_)
        | Action::Question { .. }
        | Action::Other(_) => {}
    }
    let mut input = Input::new(&tool.name);
    input.add(&tool.input);
    tell(Part::Input, &input.short);
    input.long.iter().for_each(|text| tell(Part::Input, text));
    tell(Part::Output, &tool.output);
    match (&tool.action, tool.status) {
        (Action::Command { exit_code: Some(code), .. }, _) => tell(Part::Outcome, &code.to_string()),
        (_, ToolStatus::Failed) => tell(Part::Outcome, "failed"),
        _ => {}
    }
}

/// The strings of a tool's input: the short ones together, under the tool's name; the long ones each by itself.
struct Input {
    short: String,
    long: Vec<String>,
}

impl Input {
    fn new(tool: &str) -> Self {
        Self { short: tool.to_owned(), long: Vec::new() }
    }

    fn add(&mut self, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) if text.len() + self.short.len() < LONGEST_INPUT => {
                self.short.push('\n');
                self.short.push_str(text);
            }
            serde_json::Value::String(text) => self.long.push(text.clone()),
            serde_json::Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            serde_json::Value::Object(fields) => fields.values().for_each(|value| self.add(value)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
}
