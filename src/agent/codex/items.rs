//! Decodes completed items (`item_completed`) and the end events of calls, as newer Codex versions write them.

use std::sync::Arc;

use serde_json::Value;

use super::line::ItemKind;
use super::{calls, patch};
use crate::agent::{json, tool_input, unknown_record};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::ToolAction;
use crate::domain::{Delta, EventBody, ToolStatus};

/// Body of an item that is a message, a plan or reasoning.
pub(super) fn message_body(kind: ItemKind, item: &Value) -> Option<EventBody> {
    let content = || join_parts(item.get("content").unwrap_or(&Value::Null));
    match kind {
        ItemKind::User => Some(EventBody::Prompt(content())),
        ItemKind::Agent => Some(EventBody::Text(Delta::Replace(content()))),
        ItemKind::Plan => Some(EventBody::Text(Delta::Replace(text(item, "text").into()))),
        ItemKind::Reasoning => {
            let list = |field: &str| join_parts(item.get(field).unwrap_or(&Value::Null));
            let parts = [list("summary_text"), list("raw_content")];
            let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            Some(EventBody::Thinking(Delta::Replace(parts.join("\n\n"))))
        }
        ItemKind::Unknown => Some(unknown_record::event(text(item, "type"), item)),
        ItemKind::Review => {
            Some(EventBody::Notice { level: NoticeLevel::Info, text: format!("Review: {}", text(item, "review")) })
        }
        ItemKind::Tool | ItemKind::Ignored => None,
    }
}

/// Bodies of a tool item: the call and its result. They replace an earlier, less complete record of the call.
pub(super) fn tool(item: &Value) -> Vec<EventBody> {
    let id = id(item, "id");
    let (name, input, action) = call(item);
    let subagent = item.pointer("/receiver_thread_ids/0").or_else(|| item.get("agent_thread_id"));
    let subagent = subagent.and_then(Value::as_str).map(Arc::from);
    let update = EventBody::ToolUpdate {
        id: id.clone(),
        status: Some(if is_mcp_error(item) { ToolStatus::Failed } else { status(text(item, "status")) }),
        output: output(item).map(Delta::Replace),
        duration_ms: duration(item.get("duration")),
        subagent,
        action: Some(action.clone()),
    };
    vec![EventBody::ToolCall { id, name: name.into(), input, action }, update]
}

/// Name, input and action of an item.
fn call(item: &Value) -> (String, Value, ToolAction) {
    let arguments = || item.get("arguments").cloned().unwrap_or(Value::Null);
    let fields = |names: &[&str]| {
        let pair = |name: &&str| Some(((*name).to_owned(), item.get(*name)?.clone()));
        Value::Object(names.iter().filter_map(pair).collect())
    };
    match text(item, "type") {
        "CommandExecution" => {
            let command = item.get("command").unwrap_or(&Value::Null);
            let action = match calls::shell(command) {
                ToolAction::Command { command, .. } => ToolAction::Command { command, exit_code: exit_code(item) },
                other => other,
            };
            let by_user = matches!(text(item, "source"), "user_shell" | "userShell");
            (if by_user { "shell" } else { "exec_command" }.into(), fields(&["command", "cwd"]), action)
        }
        "FileChange" => {
            let changes = item.get("changes").unwrap_or(&Value::Null);
            ("apply_patch".into(), fields(&["changes"]), ToolAction::Edit(patch::from_changes(changes)))
        }
        "McpToolCall" => {
            let name = format!("{}.{}", text(item, "server"), text(item, "tool"));
            let input = arguments();
            let action = calls::action(&name, &input);
            (name, input, action)
        }
        "CollabAgentToolCall" => {
            let prompt = text(item, "prompt");
            let action = match text(item, "tool") {
                "spawn_agent" => calls::task(prompt),
                _ => ToolAction::Other(prompt.to_owned()),
            };
            (text(item, "tool").into(), fields(&["prompt", "receiver_thread_ids", "model"]), action)
        }
        "WebSearch" => ("web_search".into(), fields(&["query", "action"]), calls::web(item)),
        "ImageView" => ("view_image".into(), fields(&["path"]), ToolAction::Read { path: text(item, "path").into() }),
        "ImageGeneration" => image(item),
        "Extension" => extension(item),
        "Sleep" => sleep(item),
        "SubAgentActivity" => {
            let activity = format!("{} {}", text(item, "agent_path"), text(item, "kind"));
            ("sub_agent".into(), fields(&["agent_path", "kind"]), calls::task(&activity))
        }
        "FunctionCallOutput" => ("function_output".into(), Value::Null, ToolAction::Other(String::new())),
        _ => {
            let (name, input) = (text(item, "tool").to_owned(), arguments());
            let action = calls::action(&name, &input);
            (name, input, action)
        }
    }
}

/// Item of an extension, named by its kind (0.171: `image_gen.generation`, `web_search.…`, `clock.sleep`).
fn extension(item: &Value) -> (String, Value, ToolAction) {
    let kind = text(item, "kind");
    match kind.split('.').next().unwrap_or_default() {
        "image_gen" => image(item),
        "web_search" => ("web_search".into(), pick(item, &["query", "action"]), calls::web(item)),
        "clock" => sleep(item),
        _ => {
            let input = without_encoded_data(item);
            let headline = unknown_record::longest_text(&input).unwrap_or_default().to_owned();
            (kind.to_owned(), input, ToolAction::Other(headline))
        }
    }
}

fn image(item: &Value) -> (String, Value, ToolAction) {
    let prompt = ToolAction::Other(text(item, "revised_prompt").to_owned());
    ("image_generation".into(), pick(item, &["revised_prompt", "saved_path"]), prompt)
}

fn sleep(item: &Value) -> (String, Value, ToolAction) {
    let seconds = item.get("duration_ms").and_then(Value::as_u64).map_or(0, |ms| ms / 1000);
    ("sleep".into(), pick(item, &["duration_ms"]), ToolAction::Other(format!("{seconds} s")))
}

/// Object with some of the fields of an item.
fn pick(item: &Value, names: &[&str]) -> Value {
    let pair = |name: &&str| Some(((*name).to_owned(), item.get(*name)?.clone()));
    Value::Object(names.iter().filter_map(pair).collect())
}

/// Fields of an item without ids and base64.
pub(super) fn without_encoded_data(item: &Value) -> Value {
    let fields = item.as_object().into_iter().flatten();
    let readable = fields.filter(|(name, value)| {
        !matches!(name.as_str(), "type" | "id" | "call_id" | "kind" | "status" | "metadata")
            && !value.as_str().is_some_and(unknown_record::is_encoded)
    });
    Value::Object(readable.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Bodies of an image that the model's host generated. Its result is the image itself, in base64.
pub(super) fn image_call(id: Arc<str>, call: &Value) -> Vec<EventBody> {
    let (name, input, action) = image(call);
    let update = update(id.clone(), status(text(call, "status")));
    vec![EventBody::ToolCall { id, name: name.into(), input, action }, update]
}

fn output(item: &Value) -> Option<String> {
    if let Some(path) = item.get("saved_path").and_then(Value::as_str) {
        return Some(image_label(&Value::String(path.to_owned())).trim_start().to_owned());
    }
    if let Some(output) = item.get("output").filter(|_| text(item, "type") == "FunctionCallOutput") {
        return Some(calls::content_text(output));
    }
    let printed = ["aggregated_output", "stdout", "stderr", "formatted_output"];
    let mut printed = printed.iter().filter_map(|name| item.get(*name)?.as_str()).filter(|text| !text.is_empty());
    if let Some(first) = printed.next() {
        // The aggregated output is both streams.
        let others = printed.filter(|text| !first.contains(text.trim()));
        return Some(std::iter::once(first).chain(others).collect::<Vec<_>>().join("\n"));
    }
    if item.get("aggregated_output").is_some_and(Value::is_string) {
        return Some(String::new());
    }
    if let Some(states) = item.get("agents_states").or_else(|| item.get("statuses")).and_then(agent_states) {
        return Some(states);
    }
    if let Some(message) = item.pointer("/error/message").and_then(Value::as_str) {
        return Some(message.to_owned());
    }
    let result = ["result", "content_items", "results"].iter().find_map(|name| item.get(*name));
    match only_result(result?) {
        Value::String(text) => text_result(item, text),
        result => Some(result).filter(|result| result.is_object() || result.is_array()).map(result_text),
    }
}

/// States of agents by their ids, each an object or a text.
fn agent_states(states: &Value) -> Option<String> {
    let report = |state: &Value| match state {
        Value::Object(fields) if fields.contains_key("message") || fields.contains_key("status") => {
            tool_input::field(state, &["message", "status"])
        }
        other => tool_input::flat(other),
    };
    let text = match states {
        Value::Object(states) => states.values().map(report).collect::<Vec<_>>().join("\n"),
        Value::String(text) if text.starts_with('{') => match json::parse(text.as_bytes()) {
            Some(states @ Value::Object(_)) => return agent_states(&states),
            _ => text.clone(),
        },
        other => tool_input::flat(other),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The result of an MCP call, which may be the only item of a list.
fn only_result(result: &Value) -> &Value {
    match tool_input::items(result)[..] {
        [only] if ["Ok", "Err", "content", "structuredContent"].iter().any(|name| !only[*name].is_null()) => only,
        _ => result,
    }
}

/// Text of a result that is a text: of the data that it has as JSON, or itself. That of a generated image is the image.
fn text_result(item: &Value, result: &str) -> Option<String> {
    let is_image = ["type", "kind"].iter().any(|name| text(item, name).to_ascii_lowercase().contains("image"));
    if is_image || result.trim().is_empty() || unknown_record::is_encoded(result) {
        return None;
    }
    let data = json::parse(result.as_bytes()).filter(|data| data.is_object() || data.is_array());
    Some(data.map_or_else(|| result.to_owned(), |data| result_text(&data)))
}

/// Text of an MCP call's result: `{"content": […]}`, in older versions inside `Ok`, or `Err` with a message. Without
/// content, the structured result is the text.
fn result_text(result: &Value) -> String {
    let result = result.get("Ok").or_else(|| result.get("Err")).unwrap_or(result);
    let text = calls::content_text(result);
    let structured = result.get("structuredContent").or_else(|| result.get("structured_content"));
    tool_input::with_structured(text, structured.unwrap_or(&Value::Null))
}

/// Output in an end event. A structured result alone adds to the text that the model got; anything else replaces it.
fn end_output(value: &Value) -> Option<Delta> {
    let text = output(value)?;
    let is_structured_only = value.pointer("/result/Ok/content").and_then(Value::as_array).is_some_and(Vec::is_empty);
    let is_printed = ["aggregated_output", "stdout", "stderr"].iter().any(|name| value.get(*name).is_some());
    Some(match (is_structured_only, is_printed) {
        (true, _) => Delta::Append(format!("\n{text}")),
        (false, true) => Delta::Longest(text),
        (false, false) => Delta::Replace(text),
    })
}

/// True if an MCP server reported the failure of its tool.
fn is_mcp_error(value: &Value) -> bool {
    ["/result/Ok/isError", "/result/isError"].iter().any(|at| value.pointer(at) == Some(&Value::Bool(true)))
}

/// Bodies of a call's end event: the call as the event describes it, for a call without a record of its own, and an update.
pub(super) fn call_end(value: &Value) -> Vec<EventBody> {
    let id = web_search_id(value).map_or_else(|| id(value, "call_id"), Arc::from);
    let failed = value.get("success").and_then(Value::as_bool) == Some(false)
        || exit_code(value).is_some_and(|code| code != 0)
        || value.pointer("/result/Err").is_some()
        || is_mcp_error(value);
    let (name, input, action) = ended_call(value);
    if ["_begin", "_request"].iter().any(|ending| text(value, "type").ends_with(ending)) {
        return vec![EventBody::ToolCall { id, name: name.into(), input, action }];
    }
    let updated = match &action {
        ToolAction::Command { .. } => true,
        ToolAction::Edit(changes) => text(value, "type") == "patch_apply_end" && !changes.is_empty(),
        _ => text(value, "type") == "image_generation_end",
    };
    let update = EventBody::ToolUpdate {
        id: id.clone(),
        status: Some(if failed { ToolStatus::Failed } else { ToolStatus::Done }),
        output: end_output(value),
        duration_ms: duration(value.get("duration")),
        subagent: None,
        action: updated.then(|| action.clone()),
    };
    vec![EventBody::ToolCall { id, name: name.into(), input, action }, update]
}

/// Identity of a web search in its call or its end: what it searches, because not all versions record the call's id.
pub(super) fn web_search_id(value: &Value) -> Option<String> {
    matches!(text(value, "type"), "web_search_call" | "web_search_end")
        .then(|| format!("web_search {}", calls::web(value).headline()))
}

/// Name, input and action of a call in the event of its end.
fn ended_call(value: &Value) -> (String, Value, ToolAction) {
    match text(value, "type") {
        "exec_command_end" | "exec_command_begin" | "exec_approval_request" => {
            let action = match calls::shell(value.get("command").unwrap_or(&Value::Null)) {
                ToolAction::Command { command, .. } => ToolAction::Command { command, exit_code: exit_code(value) },
                other => other,
            };
            ("exec_command".into(), pick(value, &["command", "cwd", "reason"]), action)
        }
        "patch_apply_end" | "patch_apply_begin" | "apply_patch_approval_request" => {
            let changes = patch::from_changes(value.get("changes").unwrap_or(&Value::Null));
            ("apply_patch".into(), pick(value, &["changes", "reason"]), ToolAction::Edit(changes))
        }
        "image_generation_end" => image(value),
        "mcp_tool_call_end" | "mcp_tool_call_begin" => {
            let call = &value["invocation"];
            let (name, input) = (format!("{}.{}", text(call, "server"), text(call, "tool")), call["arguments"].clone());
            let action = calls::action(&name, &input);
            (name, input, action)
        }
        "web_search_end" => ("web_search".into(), pick(value, &["query", "action"]), calls::web(value)),
        "view_image_tool_call" => {
            ("view_image".into(), pick(value, &["path"]), ToolAction::Read { path: text(value, "path").into() })
        }
        kind => {
            let name = Some(text(value, "tool")).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| kind.trim_start_matches("collab_").trim_end_matches("_end")).to_owned();
            let input = match value.get("arguments") {
                Some(arguments) => arguments.clone(),
                None => pick(value, &["prompt"]),
            };
            let action = calls::action(&name, &input);
            (name, input, action)
        }
    }
}

/// An update of the status only.
pub(super) fn update(id: Arc<str>, status: ToolStatus) -> EventBody {
    EventBody::ToolUpdate { id, status: Some(status), output: None, duration_ms: None, subagent: None, action: None }
}

/// Maps an item's status, in the spelling of any version.
pub(super) fn status(name: &str) -> ToolStatus {
    match name {
        "in_progress" | "inProgress" => ToolStatus::Running,
        "failed" | "error" => ToolStatus::Failed,
        "declined" | "denied" => ToolStatus::Denied,
        "interrupted" | "aborted" | "cancelled" => ToolStatus::Interrupted,
        _ => ToolStatus::Done,
    }
}

fn exit_code(value: &Value) -> Option<i32> {
    value.get("exit_code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok())
}

/// Duration in ms, from `{"secs", "nanos"}` or from seconds as a number.
fn duration(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    if let Some(seconds) = value.as_f64() {
        return calls::millis(seconds);
    }
    let nanos = value.get("nanos").and_then(Value::as_u64).unwrap_or(0);
    value.get("secs")?.as_u64()?.checked_mul(1000)?.checked_add(nanos / 1_000_000)
}

/// Joins the texts of a list of parts (objects with `text`, or plain strings), with labels for images.
pub(super) fn join_parts(content: &Value) -> String {
    let list = match content {
        Value::Array(list) => list.as_slice(),
        Value::Object(_) => std::slice::from_ref(content),
        other => return other.as_str().unwrap_or_default().to_owned(),
    };
    let mut joined = String::new();
    for part in list {
        let text = part.as_str().or_else(|| part.get("text").and_then(Value::as_str));
        if let Some(text) = text {
            if !joined.is_empty() && !joined.ends_with('\n') {
                joined.push('\n');
            }
            joined.push_str(text);
            continue;
        }
        let label = part_label(part);
        let is_first_text = joined.is_empty() && !label.starts_with("\n[");
        joined.push_str(if is_first_text { label.trim_start_matches('\n') } else { &label });
    }
    joined
}

/// Text of a part that has none in the usual field: a label of an image, or what it contains.
fn part_label(part: &Value) -> String {
    // A skill or a file that the prompt names.
    if matches!(text(part, "type"), "skill" | "mention") {
        let (name, path) = (text(part, "name"), text(part, "path"));
        return format!("\n[{name} {path}]").replace(" ]", "]");
    }
    let is_image =
        text(part, "type").contains("image") || part.get("image_url").is_some() || part.get("path").is_some();
    match unknown_record::longest_text(part).filter(|_| !is_image) {
        Some(text) => format!("\n{text}"),
        None => image_label(part),
    }
}

/// Label of an image: its path or URL; an embedded image has a generic label.
pub(super) fn image_label(part: &Value) -> String {
    let address =
        part.as_str().or_else(|| ["path", "image_url", "url"].iter().find_map(|name| part.get(*name)?.as_str()));
    match address {
        Some(address) if !address.starts_with("data:") => format!("\n[image: {address}]"),
        _ => "\n[image]".into(),
    }
}

/// Id in a field: a text, or a number as text.
pub(super) fn id(value: &Value, field: &str) -> Arc<str> {
    match value.get(field) {
        Some(Value::Number(number)) => number.to_string().into(),
        _ => text(value, field).into(),
    }
}

/// A text field; empty if it is missing.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
