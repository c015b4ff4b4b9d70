//! Decodes rollout records into transcript events.
//!
//! The module [`super::dialect`] decides which lines make entries; this one decodes each line as if it did. It must not
//! fail: a missing field is empty.

use std::sync::Arc;

use serde_json::Value;

use super::injected::{SHELL_COMMAND, is_injected_text};
use super::items::text;
use super::line::{ItemKind, LineKind, RolloutLine};
use super::{calls, items, shape};
use crate::agent::{tolerant_json, tool_input, unknown_record};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::ToolAction;
use crate::domain::{Delta, EventBody, ToolStatus};

/// Event bodies of a line, in a sub-agent's thread or another one. A tool update finds its call by the id.
pub(super) fn bodies(line: &RolloutLine<'_>, is_subagent: bool) -> Vec<EventBody> {
    let Some(mut value) = line.value() else { return Vec::new() };
    shape::conform(&mut value);
    match line.kind {
        LineKind::Item(ItemKind::Tool) => items::tool(&value["item"]),
        LineKind::Call => call(&value),
        LineKind::CallOutput => vec![output(&value)],
        LineKind::CallEnd => items::call_end(&value),
        kind => single_body(kind, &value, is_subagent).into_iter().collect(),
    }
}

fn call(value: &Value) -> Vec<EventBody> {
    let kind = text(value, "type");
    let id: Arc<str> = items::id(value, if value.get("call_id").is_some() { "call_id" } else { "id" });
    let name = value.get("name").and_then(Value::as_str).unwrap_or_else(|| kind.trim_end_matches("_call"));
    if kind == "image_generation_call" {
        return items::image_call(id, value);
    }
    let input = match (value.get("arguments"), value.get("input"), value.get("action")) {
        // Arguments are JSON in a string; invalid JSON stays a plain string.
        (Some(Value::String(json)), _, _) => arguments(json),
        (Some(input), _, _) | (None, Some(input), _) | (None, None, Some(input)) => input.clone(),
        // The record has the output as well.
        (None, None, None) => without_output(items::without_encoded_data(value)),
    };
    let mut bodies =
        vec![EventBody::ToolCall { id: id.clone(), name: name.into(), action: calls::action(name, &input), input }];
    // Calls that the model's host executes have no output record, so the call's own status is the only one.
    if kind == "web_search_call" {
        bodies.push(items::update(id, items::status(text(value, "status"))));
    } else if let Some(output) = OUTPUTS.iter().find_map(|name| value.get(*name).filter(|output| !output.is_null())) {
        bodies.push(EventBody::ToolUpdate {
            id,
            status: Some(if value["error"].is_null() { ToolStatus::Done } else { ToolStatus::Failed }),
            output: Some(Delta::Replace(calls::content_text(output))),
            duration_ms: None,
            subagent: None,
            action: None,
        });
    }
    bodies
}

/// Fields of a call's record with its output.
const OUTPUTS: [&str; 2] = ["output", "outputs"];

/// Fields of a record, without the output.
fn without_output(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        OUTPUTS.iter().for_each(|name| drop(fields.remove(*name)));
    }
    fields
}

/// Arguments of a call, which are JSON in a string. Anything else is the text itself.
fn arguments(text: &str) -> Value {
    let is_composed = text.trim_start().starts_with(['{', '[', '"']);
    if let Some(value) = is_composed.then(|| serde_json::from_str(text).ok()).flatten() {
        return value;
    }
    // Arguments that were cut off are read as far as they go, if that is all of them.
    let read = tolerant_json::value(text.as_bytes()).filter(|(_, repairs)| is_composed && !repairs.skips_text());
    read.map_or_else(|| Value::String(text.to_owned()), |(arguments, _)| arguments)
}

fn output(value: &Value) -> EventBody {
    // The result of a tool search is a list of tools.
    let output = value.get("output").or_else(|| value.get("tools")).unwrap_or(&Value::Null);
    let result = calls::parse_output(output);
    let started = || serde_json::from_str::<Value>(&result.output).ok()?.get("agent_id")?.as_str().map(Arc::from);
    let subagent = if result.output.starts_with('{') { started() } else { None };
    EventBody::ToolUpdate {
        id: items::id(value, "call_id"),
        status: Some(result.status),
        duration_ms: result.duration_ms,
        subagent,
        action: match result.exit_code {
            Some(code) => Some(ToolAction::Command { command: String::new(), exit_code: Some(code) }),
            None => calls::answer(&result.output),
        },
        output: Some(Delta::Longest(result.output)),
    }
}

/// Body of a line that makes at most one event.
fn single_body(kind: LineKind, value: &Value, is_subagent: bool) -> Option<EventBody> {
    let notice = |level, text: String| Some(EventBody::Notice { level, text });
    match kind {
        LineKind::UserMessage => Some(EventBody::Prompt(append_images(&tool_input::flat(&value["message"]), value))),
        LineKind::AgentMessage => Some(EventBody::Text(Delta::Replace(tool_input::flat(&value["message"])))),
        LineKind::AgentReasoning => Some(EventBody::Thinking(Delta::Replace(tool_input::flat(&value["text"])))),
        LineKind::Message if is_shell_command(value) => notice(NoticeLevel::Info, shell_command(value)),
        LineKind::Message if text_is(value, "role", "assistant") => {
            let text = items::join_parts(value.get("content").unwrap_or(&Value::Null));
            Some(EventBody::Text(Delta::Replace(text)))
        }
        LineKind::Message => Some(EventBody::Prompt(prompt(value.get("content").unwrap_or(&Value::Null)))),
        LineKind::Reasoning => {
            let lists = ["summary", "content"].map(|name| items::join_parts(value.get(name).unwrap_or(&Value::Null)));
            let parts: Vec<String> = lists.into_iter().filter(|part| !part.is_empty()).collect();
            Some(EventBody::Thinking(Delta::Replace(parts.join("\n\n"))))
        }
        LineKind::Item(item) => items::message_body(item, &value["item"]),
        LineKind::Compacted => notice(NoticeLevel::Boundary, compacted(value)),
        LineKind::Aborted => notice(NoticeLevel::Warning, aborted(value)),
        LineKind::RolledBack => {
            let turns = value.get("num_turns").and_then(Value::as_u64).unwrap_or(1);
            notice(NoticeLevel::Boundary, format!("Undid the last {turns} turn(s) before this."))
        }
        LineKind::Error => notice(NoticeLevel::Error, text(value, "message").into()),
        LineKind::Warning => {
            let texts = ["message", "summary", "details", "additional_details"].map(|name| text(value, name));
            let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            notice(NoticeLevel::Warning, texts.join("\n"))
        }
        LineKind::Review => notice(NoticeLevel::Info, format!("Review: {}", review_of(value))),
        LineKind::Rerouted => {
            let [from, to, reason] = ["from_model", "to_model", "reason"].map(|name| text(value, name));
            notice(NoticeLevel::Warning, format!("Answered by {to} instead of {from}: {reason}"))
        }
        LineKind::Goal => notice(NoticeLevel::Info, goal(value)),
        LineKind::InterAgent => Some(inter_agent(value, is_subagent)),
        LineKind::VoiceSegment if text_is(value, "role", "user") => Some(EventBody::Prompt(text(value, "text").into())),
        LineKind::VoiceSegment => Some(EventBody::Text(Delta::Replace(text(value, "text").into()))),
        LineKind::ReviewEnded => Some(EventBody::Text(Delta::Replace(review(&value["review_output"])))),
        LineKind::Unknown => Some(unknown_record::event(kind_of(value), value)),
        LineKind::Complete => match value.pointer("/error/message").and_then(Value::as_str) {
            Some(message) => notice(NoticeLevel::Error, message.into()),
            None => Some(EventBody::TurnEnd { duration_ms: value.get("duration_ms").and_then(Value::as_u64) }),
        },
        LineKind::Meta
        | LineKind::TurnContext
        | LineKind::UsageRecord
        | LineKind::TokenCount
        | LineKind::Started
        | LineKind::Call
        | LineKind::CallOutput
        | LineKind::CallEnd
        | LineKind::ThreadName
        | LineKind::Ignored => None,
    }
}

/// Text of a user's message, without the parts that Codex added.
fn prompt(content: &Value) -> String {
    let Some(parts) = content.as_array() else { return items::join_parts(content) };
    let is_own = |part: &&Value| !part["text"].as_str().is_some_and(is_injected_text);
    items::join_parts(&parts.iter().filter(is_own).cloned().collect())
}

/// True for a command that the user ran in Codex, with its output.
fn is_shell_command(value: &Value) -> bool {
    value.pointer("/content/0/text").and_then(Value::as_str).is_some_and(|text| text.starts_with(SHELL_COMMAND))
}

fn shell_command(value: &Value) -> String {
    let all = items::join_parts(value.get("content").unwrap_or(&Value::Null));
    let element = |tag: &str| {
        let (_, rest) = all.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>")).map_or(rest, |(inner, _)| inner).trim())
    };
    format!("! {}\n\n{}", element("command").unwrap_or_default(), element("result").unwrap_or_default())
        .trim_end()
        .to_owned()
}

/// Subject of a review.
fn review_of(value: &Value) -> String {
    let named = ["user_facing_hint", "review"].map(|name| text(value, name)).into_iter().find(|text| !text.is_empty());
    let asked = text(&value["target"], "instructions");
    match named {
        Some(named) if named.contains(asked) => named.to_owned(),
        Some(named) => format!("{named}\n\n{asked}"),
        None => tool_input::flat(&value["target"]),
    }
}

/// Kind of a record's payload.
fn kind_of(payload: &Value) -> &str {
    Some(text(payload, "type")).filter(|kind| !kind.is_empty()).unwrap_or("record")
}

/// Message of another agent: the task of a sub-agent is its prompt, anything else is a notice with the sender.
fn inter_agent(value: &Value, is_subagent: bool) -> EventBody {
    let message = items::join_parts(value.get("content").unwrap_or(&Value::Null));
    if is_subagent {
        return EventBody::Prompt(message);
    }
    let text = format!("Message from {}\n\n{message}", text(value, "author"));
    EventBody::Notice { level: NoticeLevel::Info, text }
}

fn goal(value: &Value) -> String {
    let goal = value.get("goal").unwrap_or(&Value::Null);
    match (text(goal, "objective"), text(goal, "status")) {
        ("", _) => "Goal cleared.".into(),
        (objective, "" | "active") => format!("Goal: {objective}"),
        (objective, status) => format!("Goal ({status}): {objective}"),
    }
}

/// Markdown of a review: its explanation, then its findings with their locations.
fn review(output: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    let explanation = text(output, "overall_explanation");
    if !explanation.is_empty() {
        parts.push(explanation.to_owned());
    }
    for finding in output.get("findings").and_then(Value::as_array).into_iter().flatten() {
        let location = finding.get("code_location").unwrap_or(&Value::Null);
        let line = location.pointer("/line_range/start").and_then(Value::as_u64);
        let path = text(location, "absolute_file_path");
        let place = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
        parts.push(format!("- **{}** {place}\n  {}", text(finding, "title"), text(finding, "body")));
    }
    let verdict = text(output, "overall_correctness");
    if !verdict.is_empty() {
        parts.push(format!("Verdict: {verdict}"));
    }
    parts.join("\n\n")
}

fn compacted(value: &Value) -> String {
    match &*tool_input::flat(&value["message"]) {
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

fn append_images(message: &str, value: &Value) -> String {
    let mut text = message.to_owned();
    for list in ["images", "local_images"] {
        for image in value.get(list).and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&items::image_label(image));
        }
    }
    text
}

fn text_is(value: &Value, field: &str, expected: &str) -> bool {
    text(value, field) == expected
}
