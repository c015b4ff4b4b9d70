//! Conversion of Gemini CLI's tool calls into agent-neutral actions.

use std::sync::Arc;

use serde_json::Value;

use super::content::content_text;
use super::display;
use crate::agent::side_text::preview::{self, PreviewedFile};
use crate::agent::{tolerant_json, tool_input, unknown_record};
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction};
use crate::domain::{Delta, EventBody, ToolStatus};

/// Decodes a call with its result.
pub(super) fn bodies(call: &Value) -> Vec<EventBody> {
    let text = |field: &str| call.get(field).and_then(Value::as_str).unwrap_or_default();
    let id: Arc<str> = text("id").into();
    // A call that is only a text is its own input.
    let input = if call.is_object() { call["args"].clone() } else { call.clone() };
    let name = if call.is_object() { text("name") } else { "tool" };
    let output = output(call);
    let action = match action(name, &input) {
        ToolAction::Command { command, .. } => ToolAction::Command { command, exit_code: exit_code(&output) },
        ToolAction::Edit(changes) => patched(changes, call),
        other => other,
    };
    let update = EventBody::ToolUpdate {
        id: id.clone(),
        status: Some(status(call)),
        output: Some(Delta::Replace(output)),
        duration_ms: None,
        subagent: None,
        action: None,
    };
    vec![EventBody::ToolCall { id, name: name.into(), input, action }, update]
}

/// Decodes a call whose result is in another message.
pub(super) fn call(call: &Value) -> EventBody {
    let text = |field: &str| call[field].as_str().unwrap_or_default();
    let input = call["args"].clone();
    EventBody::ToolCall {
        id: text("id").into(),
        name: text("name").into(),
        action: action(text("name"), &input),
        input,
    }
}

/// End of the error of a call that the person denied, observed with 0.61.0. The call itself is not recorded.
const DENIED: &str = "was canceled by the user.";

/// Decodes the result of a call in another message.
pub(super) fn result(part: &Value) -> Option<EventBody> {
    let response = part.get("functionResponse")?;
    let result = serde_json::json!({"name": response["name"], "status": "success", "result": [part]});
    let status = match response["response"]["error"].as_str() {
        Some(error) if error.ends_with(DENIED) => ToolStatus::Denied,
        Some(_) => ToolStatus::Failed,
        None => status(&result),
    };
    Some(EventBody::ToolUpdate {
        id: response["id"].as_str()?.into(),
        status: Some(status),
        output: Some(Delta::Replace(output(&result))),
        duration_ms: None,
        subagent: None,
        action: None,
    })
}

/// Bodies of a result whose call is in no message; `name` is its id if it has none.
pub(super) fn lost(part: &Value, name: &str) -> Vec<EventBody> {
    let mut part = part.clone();
    if part["functionResponse"]["id"].as_str().is_none_or(str::is_empty) {
        part["functionResponse"]["id"] = name.into();
    }
    let Some(update) = result(&part) else { return Vec::new() };
    let response = &part["functionResponse"];
    let id = response["id"].as_str().unwrap_or_default().into();
    let headline = ToolAction::Other(unknown_record::LOST_CALL.to_owned());
    let name = response["name"].as_str().unwrap_or("tool").into();
    vec![EventBody::ToolCall { id, name, input: Value::Null, action: headline }, update]
}

/// Calls in the content of a message that are not in its list of calls, each with its index.
pub(super) fn calls_in_content(message: &Value) -> impl Iterator<Item = (usize, &str)> {
    let ids: Vec<&Value> = listed(message).into_iter().map(|call| &call["id"]).collect();
    let listed = move |id: &str| ids.iter().any(|listed| **listed == *id);
    let parts = message["content"].as_array().into_iter().flatten().enumerate();
    parts
        .filter_map(|(at, part)| Some((at, part.get("functionCall")?["id"].as_str().unwrap_or_default())))
        .filter(move |(_, id)| !listed(id))
}

/// Calls in a message's list, which may be an object whose names are numbers or the ids of the calls.
pub(super) fn listed(message: &Value) -> Vec<&Value> {
    const FIELDS: [&str; 4] = ["name", "args", "result", "status"];
    match &message["toolCalls"] {
        Value::Object(calls)
            if !FIELDS.iter().any(|name| calls.contains_key(*name)) && !tool_input::has_numeric_names(calls) =>
        {
            calls.values().collect()
        }
        calls => tool_input::items(calls),
    }
}

/// The call with this index in a message's list.
pub(super) fn listed_at(message: &Value, at: usize) -> &Value {
    listed(message).get(at).copied().unwrap_or(&Value::Null)
}

/// Ids in a message's list of calls.
pub(super) fn call_ids(message: &Value) -> Vec<String> {
    listed(message).into_iter().filter_map(|call| call["id"].as_str()).map(str::to_owned).collect()
}

/// Ids of the calls whose results a message has in its content.
pub(super) fn result_ids(message: &Value) -> Vec<String> {
    let parts = message["content"].as_array().into_iter().flatten();
    let ids = parts.filter_map(|part| part["functionResponse"]["id"].as_str());
    ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// Indices of the results in a message's content that name no call.
pub(super) fn unnamed_results(message: &Value) -> impl Iterator<Item = usize> {
    let parts = message["content"].as_array().into_iter().flatten().enumerate();
    let is_unnamed = |part: &Value| {
        let response = &part["functionResponse"];
        response.is_object() && response["id"].as_str().is_none_or(str::is_empty)
    };
    parts.filter(move |(_, part)| is_unnamed(part)).map(|(at, _)| at)
}

/// Files with the whole outputs of a message's tools.
pub(super) fn output_paths(message: &Value) -> Vec<String> {
    listed(message).into_iter().filter_map(output_file).map(|file| file.path).collect()
}

/// File with the whole output of a call, if the record has only a part of it.
pub(super) fn output_file(call: &Value) -> Option<PreviewedFile> {
    let responses = || tool_input::items(&call["result"]).into_iter().map(|part| &part["functionResponse"]["response"]);
    let of_result = || responses().find_map(|response| named_file(response["output"].as_str()?));
    let of_content = || responses().find_map(|response| named_file(&content_text(&response["content"])));
    let of_display = || {
        let file = named_file(call["resultDisplay"].as_str()?)?;
        let returned = output(&serde_json::json!({"result": call["result"]})).len() as u64;
        Some(PreviewedFile { shown: file.shown.max(returned), ..file })
    };
    let recorded = call["outputFile"].as_str().map(|path| PreviewedFile { path: path.to_owned(), shown: 0 });
    recorded.or_else(of_result).or_else(of_content).or_else(of_display)
}

/// File that a preview names: in a line that begins as those of the versions do, and at the beginning or the end.
pub(super) fn named_file(text: &str) -> Option<PreviewedFile> {
    const NAMED_AFTER: [&str; 6] = [
        "For full output see: ",
        "Full output saved to: ",
        "The full output has been saved to: ",
        "Full output available at: ",
        "Full string saved to: ",
        "Output too long and was saved to: ",
    ];
    preview::file(text, false, |before, line| {
        let (start, path) = NAMED_AFTER.iter().find_map(|name| line.split_once(name))?;
        let is_cut = ["Output too large", "Output too long", "[", "... ["].iter().any(|own| start.starts_with(own));
        let is_below = || start.is_empty() && (before.is_empty() || before.contains("truncated"));
        let is_own = is_cut || is_below() || line.starts_with(NAMED_AFTER[5]);
        is_own.then(|| path.trim().trim_end_matches(']').to_owned())
    })
}

/// Text of a saved output, which may be the response as JSON.
pub(super) fn saved_text(saved: String) -> String {
    if !saved.starts_with("{\n  \"") {
        return saved;
    }
    let response = tolerant_json::value(saved.as_bytes()).map(|(response, _)| response);
    response.filter(Value::is_object).map_or(saved, |response| output_text(&response))
}

/// Status of a call.
pub(super) fn status(call: &Value) -> ToolStatus {
    match call.get("status").and_then(Value::as_str) {
        Some("success") if has_failed(call) => ToolStatus::Failed,
        Some("success") => ToolStatus::Done,
        Some("cancelled") if output(call).contains("did not allow tool call") => ToolStatus::Denied,
        Some("error") => ToolStatus::Failed,
        Some("cancelled") => ToolStatus::Interrupted,
        Some("executing") => ToolStatus::Running,
        // A state that this version does not know, of a call that has ended.
        _ if !call["result"].is_null() && has_failed(call) => ToolStatus::Failed,
        _ if !call["result"].is_null() => ToolStatus::Done,
        _ => ToolStatus::Pending,
    }
}

/// Returns true for a result that is an error, or an exit code other than 0, which Gemini counts as a success.
fn has_failed(call: &Value) -> bool {
    let is_error = |part: &Value| {
        let response = &part["functionResponse"]["response"];
        let code = ["exitCode", "exit_code"].iter().find_map(|name| response[*name].as_i64());
        let has_failed = response["error"].is_string() && response["output"].is_null();
        has_failed || response["isError"] == true || code.is_some_and(|code| code != 0)
    };
    let command_failed = || call["name"] == "run_shell_command" && has_failed_command(&output(call));
    tool_input::items(&call["result"]).into_iter().any(is_error) || command_failed()
}

/// Maps a tool call to an agent-neutral action.
pub(super) fn action(name: &str, args: &Value) -> ToolAction {
    tool_input::with_headline(known(name, args), args)
}

fn known(name: &str, args: &Value) -> ToolAction {
    let text = |name: &str| tool_input::optional(args, name);
    let owned = |names: &[&str]| tool_input::field(args, names);
    let path = || owned(&["file_path", "absolute_path", "path", "dir_path"]);
    match name {
        "run_shell_command" => ToolAction::Command { command: owned(&["command"]), exit_code: None },
        "read_file" => ToolAction::Read { path: path() },
        "read_many_files" => ToolAction::Read { path: owned(&["include", "paths"]) },
        "write_file" => edit(path(), ChangeKind::Write(owned(&["content"]))),
        "replace" | "edit" => edit(path(), ChangeKind::Replace(vec![(owned(&["old_string"]), owned(&["new_string"]))])),
        "glob" | "search_file_content" | "grep_search" => {
            ToolAction::Search { pattern: owned(&["pattern"]), path: text("dir_path").or(text("path")) }
        }
        "list_directory" => ToolAction::Search { pattern: String::new(), path: Some(path()) },
        "google_web_search" => ToolAction::Web { query: owned(&["query"]) },
        "web_fetch" => ToolAction::Web { query: owned(&["prompt", "url"]) },
        "write_todos" => ToolAction::Plan(todos(args)),
        "ask_user" => ToolAction::Question { question: owned(&["question"]), answer: None },
        "delegate_to_agent" | "invoke_agent" => {
            ToolAction::Task { description: owned(&["agent_name"]), prompt: owned(&["objective", "prompt", "query"]) }
        }
        _ => ToolAction::Other(tool_input::one_line(args)),
    }
}

fn edit(path: String, change: ChangeKind) -> ToolAction {
    ToolAction::Edit(vec![FileChange { path, kind: change }])
}

/// Replaces the bare texts of an edit with the diff that the program showed, which has line numbers and context.
fn patched(changes: Vec<FileChange>, call: &Value) -> ToolAction {
    let diff = call.pointer("/resultDisplay/fileDiff").and_then(Value::as_str);
    let is_new = call.pointer("/resultDisplay/isNewFile").and_then(Value::as_bool) == Some(true);
    match (diff, changes.into_iter().next()) {
        (Some(diff), Some(first)) if !is_new => edit(first.path, ChangeKind::Patch(diff.to_owned())),
        (_, first) => ToolAction::Edit(first.into_iter().collect()),
    }
}

fn todos(args: &Value) -> Vec<PlanItem> {
    let item = |item: &Value| {
        let status = match item.get("status").and_then(Value::as_str) {
            Some("completed") => PlanStatus::Done,
            Some("in_progress") => PlanStatus::Active,
            Some("cancelled") => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        };
        Some(PlanItem { text: item.get("description").or(item.get("content"))?.as_str()?.to_owned(), status })
    };
    args.get("todos").and_then(Value::as_array).into_iter().flatten().filter_map(item).collect()
}

/// Output that the tool returned to the model; else the output that the program showed.
fn output(call: &Value) -> String {
    let one = |part: &Value| {
        let response = part.pointer("/functionResponse/response");
        response.map_or_else(|| content_text(part), output_text)
    };
    let result = match call.get("result") {
        Some(Value::String(text)) => text.clone(),
        Some(parts) => {
            let texts = tool_input::items(parts).into_iter().map(one).filter(|text| !text.is_empty());
            texts.collect::<Vec<_>>().join("\n")
        }
        None => String::new(),
    };
    let inner = result.strip_prefix("<untrusted_context>\n");
    let inner = inner.and_then(|text| text.strip_suffix("\n</untrusted_context>")).map(str::to_owned);
    let result = inner.unwrap_or(result);
    let shown = display::text(call.get("resultDisplay").unwrap_or(&Value::Null), &call["args"], &result);
    match (result.trim(), shown.trim()) {
        (_, shown) if shown.is_empty() || result.contains(shown) => result.clone(),
        (result, shown) if result.is_empty() || shown.contains(result) => shown.to_owned(),
        (result, shown) => format!("{result}\n\n{shown}"),
    }
}

/// Text of a response: its output, or what it has in its place.
fn output_text(response: &Value) -> String {
    let text = ["output", "error", "content"].iter().find_map(|name| response.get(*name)?.as_str());
    text.map_or_else(|| response_text(response), str::to_owned)
}

/// Text of a response that has no output: the content of an MCP result with its structured one, or its fields.
fn response_text(response: &Value) -> String {
    let text = content_text(&response["content"]);
    if text.is_empty() {
        return tool_input::lines(response);
    }
    tool_input::with_structured(text, &response["structuredContent"])
}

/// True for the output of a command that names an exit code other than 0, or the signal that ended it.
pub(crate) fn has_failed_command(output: &str) -> bool {
    let signal = output.lines().find_map(|line| line.strip_prefix("Signal: "));
    let is_signal = signal.is_some_and(|signal| !matches!(signal.trim(), "" | "(none)" | "none" | "0"));
    is_signal || exit_code(output).is_some_and(|code| code != 0)
}

/// Exit code that the output of a command names.
pub(crate) fn exit_code(output: &str) -> Option<i32> {
    output.lines().find_map(|line| line.strip_prefix("Exit Code: ")?.trim().parse().ok())
}
