//! Records of a rollout as events: what a reader sees of a line.
//!
//! Which lines are shown at all is decided by [`super::dialect`]; here each is read as if it were. Must not fail: a
//! field that is missing is empty.

use std::sync::Arc;

use serde_json::Value;

use super::line::{Item, Kind, Line};
use super::{calls, items};
use crate::domain::event::Level;
use crate::domain::transcript::Action;
use crate::domain::{Body, Piece};

/// What a line says. An update of a tool finds its call by the id.
pub fn bodies(line: &Line<'_>) -> Vec<Body> {
    let Some(value) = line.value() else { return Vec::new() };
    match line.kind {
        Kind::Item(Item::Tool) => items::tool(&value["item"]),
        Kind::Call => call(&value),
        Kind::CallOutput => vec![output(&value)],
        Kind::CallEnd => items::call_end(&value),
        kind => one(kind, &value).into_iter().collect(),
    }
}

fn call(value: &Value) -> Vec<Body> {
    let kind = text(value, "type");
    let id: Arc<str> = value.get("call_id").or(value.get("id")).and_then(Value::as_str).unwrap_or_default().into();
    let name = value.get("name").and_then(Value::as_str).unwrap_or_else(|| kind.trim_end_matches("_call"));
    let input = match (value.get("arguments"), value.get("input"), value.get("action")) {
        // Arguments are JSON in a string; what is not valid stays the string that it is.
        (Some(Value::String(json)), _, _) => serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.clone())),
        (Some(input), _, _) | (None, Some(input), _) | (None, None, Some(input)) => input.clone(),
        (None, None, None) => Value::Null,
    };
    let mut bodies =
        vec![Body::ToolCall { id: id.clone(), name: name.into(), action: calls::action(name, &input), input }];
    // What the model's host does itself has no output record: the call's own status is all there is.
    if matches!(kind, "web_search_call" | "image_generation_call") {
        bodies.push(items::update(id, items::status(text(value, "status"))));
    }
    bodies
}

fn output(value: &Value) -> Body {
    let outcome = calls::outcome(value.get("output").unwrap_or(&Value::Null));
    let started = || serde_json::from_str::<Value>(&outcome.output).ok()?.get("agent_id")?.as_str().map(Arc::from);
    let subagent = if outcome.output.starts_with('{') { started() } else { None };
    Body::ToolUpdate {
        id: text(value, "call_id").into(),
        status: Some(outcome.status),
        duration_ms: outcome.duration_ms,
        subagent,
        action: outcome.exit_code.map(|code| Action::Command { command: String::new(), exit_code: Some(code) }),
        output: Some(Piece::Whole(outcome.output)),
    }
}

/// Lines that say one thing, or nothing.
fn one(kind: Kind, value: &Value) -> Option<Body> {
    let notice = |level, text: String| Some(Body::Notice { level, text });
    match kind {
        Kind::UserMessage => Some(Body::Prompt(with_images(text(value, "message"), value))),
        Kind::AgentMessage => Some(Body::Text(Piece::Whole(text(value, "message").into()))),
        Kind::AgentReasoning => Some(Body::Thinking(Piece::Whole(text(value, "text").into()))),
        Kind::Message => {
            let text = items::parts(value.get("content").unwrap_or(&Value::Null));
            Some(if text_is(value, "role", "assistant") { Body::Text(Piece::Whole(text)) } else { Body::Prompt(text) })
        }
        Kind::Reasoning => {
            Some(Body::Thinking(Piece::Whole(items::parts(value.get("summary").unwrap_or(&Value::Null)))))
        }
        Kind::Item(item) => items::said(item, &value["item"]),
        Kind::Compacted => notice(Level::Boundary, compacted(value)),
        Kind::Aborted => notice(Level::Warning, aborted(value)),
        Kind::RolledBack => {
            let turns = value.get("num_turns").and_then(Value::as_u64).unwrap_or(1);
            notice(Level::Boundary, format!("The last {turns} turn(s) before this were taken back."))
        }
        Kind::Error => notice(Level::Error, text(value, "message").into()),
        Kind::Complete => match value.pointer("/error/message").and_then(Value::as_str) {
            Some(message) => notice(Level::Error, message.into()),
            None => Some(Body::TurnEnd { duration_ms: value.get("duration_ms").and_then(Value::as_u64) }),
        },
        Kind::Meta
        | Kind::TurnContext
        | Kind::UsageRecord
        | Kind::TokenCount
        | Kind::Started
        | Kind::Call
        | Kind::CallOutput
        | Kind::CallEnd
        | Kind::Aside => None,
    }
}

fn compacted(value: &Value) -> String {
    match text(value, "message") {
        "" => "Conversation compacted.".into(),
        summary => format!("Conversation compacted.\n\n{summary}"),
    }
}

fn aborted(value: &Value) -> String {
    match text(value, "reason") {
        "" | "interrupted" => "Interrupted.".into(),
        reason => format!("Interrupted: {reason}."),
    }
}

fn with_images(message: &str, value: &Value) -> String {
    let mut text = message.to_owned();
    for list in ["images", "local_images"] {
        for image in value.get(list).and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&items::image_label(image));
        }
    }
    text
}

/// A text field; empty where there is none.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn text_is(value: &Value, field: &str, expected: &str) -> bool {
    text(value, field) == expected
}
