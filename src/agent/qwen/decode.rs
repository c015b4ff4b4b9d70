//! Decoding of Qwen Code's records into events, only for the lines that are read.

use serde_json::Value;

use super::{display, shape};
use crate::agent::gemini::chat;
use crate::agent::jsonl::{EntryMark, patch};
use crate::agent::{json, tool_input, unknown_record};
use crate::domain::event::{Delta, EventBody, NoticeLevel};
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction, ToolStatus};
use crate::domain::{EntryKey, EntryKind, Event};

/// Decodes some entries of a line into events.
pub(super) fn entries(line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
    let Some(mut record) = json::parse(line) else { return };
    shape::conform(&mut record);
    let time = json::time(&record["timestamp"]);
    let (parts, is_message) = (parts(&record), is_message(&record));
    for mark in marks {
        let body = match (mark.kind, parts.get(mark.block as usize)) {
            (EntryKind::Notice, _) => notice(&record),
            (EntryKind::Other, part) if part.is_none() || !is_message => other(&record),
            (_, part) => part_body(part.unwrap_or(&Value::Null), mark.kind),
        };
        sink(Event { key: mark.key, time, body });
    }
}

/// Decodes the results in a line of tool calls in other lines.
pub(super) fn results(line: &[u8], sink: &mut dyn FnMut(Event)) {
    let Some(mut record) = json::parse(line) else { return };
    shape::conform(&mut record);
    let own_id = tool_input::flat(&record["toolCallResult"]["callId"]);
    let (responses, others): (Vec<Value>, Vec<Value>) =
        parts(&record).into_iter().partition(|part| part["functionResponse"].is_object());
    let texts: Vec<String> = others.iter().map(|part| tool_input::flat(&part["text"])).collect();
    let texts = texts.join("\n").trim().to_owned();
    for part in &responses {
        let response = &part["functionResponse"];
        let id = [tool_input::flat(&response["id"]), own_id.clone()].into_iter().find(|id| !id.is_empty());
        if let Some(id) = id {
            let body = update(&id, (response, &texts), &record["toolCallResult"]);
            sink(Event { key: EntryKey::new(&id, 0), time: None, body });
        }
    }
    if responses.is_empty() && !own_id.is_empty() {
        let body = update(&own_id, (&Value::Null, &texts), &record["toolCallResult"]);
        sink(Event { key: EntryKey::new(&own_id, 0), time: None, body });
    }
}

/// Parts of a message, whatever its shape: a list, one part, or a text.
pub(super) fn parts(record: &Value) -> Vec<Value> {
    let message = &record["message"];
    let mut parts = Vec::new();
    let fields = ["parts", "content", "text"].map(|name| &message[name]);
    let in_object = fields.into_iter().find(|value| !value.is_null()).unwrap_or(&Value::Null);
    flatten(if message.is_object() { in_object } else { message }, &mut parts);
    parts
}

fn flatten(value: &Value, parts: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, parts)),
        Value::String(text) => parts.push(serde_json::json!({ "text": text })),
        Value::Null => {}
        Value::Object(fields) if tool_input::has_numeric_names(fields) => {
            tool_input::items(value).into_iter().for_each(|item| flatten(item, parts));
        }
        part => parts.push(part.clone()),
    }
}

/// True for a prompt or an answer.
fn is_message(record: &Value) -> bool {
    let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match &*field(&record["type"]) {
        "" => matches!(&*field(&record["message"]["role"]), "user" | "model" | "assistant"),
        kind => matches!(kind, "user" | "assistant"),
    }
}

/// Body of a record of an unknown kind.
fn other(record: &Value) -> EventBody {
    let kind =
        [&record["type"], &record["subtype"]].into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    let mut texts = [&record["message"], &record["systemPayload"]].map(unknown_record::all);
    if texts.iter().all(String::is_empty) {
        texts[0] = unknown_record::all(record);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    EventBody::Other(if texts.is_empty() { kind } else { format!("{kind}: {}", texts.join("\n")) })
}

fn part_body(part: &Value, kind: EntryKind) -> EventBody {
    let text = || tool_input::flat(&part["text"]);
    match kind {
        EntryKind::Prompt => EventBody::Prompt(without_context(&text()).to_owned()),
        EntryKind::Text => EventBody::Text(Delta::Replace(text())),
        EntryKind::Thinking => EventBody::Thinking(Delta::Replace(text())),
        EntryKind::Tool => {
            let call = &part["functionCall"];
            let name = call["name"].as_str().unwrap_or_default();
            let input = call["args"].clone();
            let action = action(name, &input);
            EventBody::ToolCall { id: tool_input::flat(&call["id"]).into(), name: name.into(), input, action }
        }
        EntryKind::Image => {
            let label = part.as_object().and_then(chat::attachment_label);
            EventBody::Image(label.unwrap_or_else(|| "[attachment]".to_owned()))
        }
        EntryKind::Notice | EntryKind::Plan | EntryKind::Other => {
            let name = part.as_object().and_then(|fields| fields.keys().next()).map_or("part", String::as_str);
            unknown_record::event(name, part)
        }
    }
}

fn notice(record: &Value) -> EventBody {
    let payload = &record["systemPayload"];
    let (level, text) = match record["subtype"].as_str().unwrap_or_default() {
        "chat_compression" => {
            let tokens = json::count(&payload["info"]["originalTokenCount"]);
            let before = tokens.map_or_else(String::new, |tokens| format!(" ({tokens} tokens before)"));
            // The first message of the new history is the summary.
            let summary = &payload["compressedHistory"][0]["parts"][0]["text"];
            let summary = summary.as_str().map_or_else(String::new, |summary| format!("\n\n{summary}"));
            (NoticeLevel::Boundary, format!("Conversation compacted{before}{summary}"))
        }
        "ui_telemetry" => {
            let event = &payload["uiEvent"];
            (NoticeLevel::Error, format!("Request failed: {}", event["error_message"].as_str().unwrap_or("no answer")))
        }
        "slash_command" if payload["phase"] == "result" => {
            let items = payload["outputHistoryItems"].as_array().into_iter().flatten();
            let text = |item: &'_ Value| {
                item["text"].as_str().or_else(|| unknown_record::longest_text(item)).map(str::to_owned)
            };
            let texts = items.filter_map(text).filter(|text| !text.trim().is_empty());
            (NoticeLevel::Info, texts.collect::<Vec<_>>().join("\n"))
        }
        "at_command" => {
            let is_error = payload["status"] == "error";
            // Only a prompt that was not sent is nowhere else.
            let typed = payload["userText"].as_str().filter(|_| is_error).unwrap_or_default();
            let texts = [typed, payload["message"].as_str().unwrap_or_default()];
            let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            (if is_error { NoticeLevel::Error } else { NoticeLevel::Info }, texts.join("\n\n"))
        }
        "slash_command" => (NoticeLevel::Info, payload["rawCommand"].as_str().unwrap_or("/").to_owned()),
        _ => {
            let texts: Vec<String> = parts(record).iter().map(|part| tool_input::flat(&part["text"])).collect();
            let text = Some(reported(&texts.join("\n"))).filter(|text| !text.trim().is_empty());
            let shown = payload["displayText"].as_str().map(str::to_owned);
            let text = text.filter(|text| !shown.as_ref().is_some_and(|shown| shown.contains(text.as_str())));
            let level = if payload["error"].is_null() { NoticeLevel::Info } else { NoticeLevel::Error };
            let of_payload = || Some(unknown_record::texts(payload).join("\n")).filter(|text| !text.is_empty());
            let all: Vec<String> = [shown, text].into_iter().flatten().collect();
            let all = Some(all.join("\n\n")).filter(|all| !all.is_empty()).or_else(of_payload);
            (level, all.unwrap_or_else(|| "A background agent ended.".to_owned()))
        }
    };
    EventBody::Notice { level, text }
}

/// Report in a notification of a background agent, without the elements around it.
fn reported(text: &str) -> String {
    if !text.trim_start().starts_with("<task-notification>") {
        return text.to_owned();
    }
    let report =
        text.split_once("<result>").map(|(_, rest)| rest.split_once("</result>").map_or(rest, |(inner, _)| inner));
    report.unwrap_or_default().trim().to_owned()
}

/// Text of a prompt without the elements before it, which the program adds for the model only.
pub(super) fn without_context(text: &str) -> &str {
    let mut rest = text;
    while let Some(tag) = rest.trim_ascii_start().strip_prefix('<').and_then(|after| after.split_once('>')) {
        let (tag, inner) = tag;
        let is_context = tag == "system-reminder" || (tag.starts_with("qwen:") && tag.ends_with("-context"));
        if !is_context {
            break;
        }
        rest = inner.split_once(&format!("</{tag}>")).map_or("", |(_, after)| after.trim_ascii_start());
    }
    rest
}

/// Converts a call into an action.
pub(super) fn action(name: &str, input: &Value) -> ToolAction {
    tool_input::with_headline(known(name, input), input)
}

fn known(name: &str, input: &Value) -> ToolAction {
    let field = |name: &str| tool_input::flat(&input[name]);
    let maybe = |name: &str| tool_input::optional(input, name);
    match name {
        "run_shell_command" => ToolAction::Command { command: field("command"), exit_code: None },
        "read_file" => ToolAction::Read { path: tool_input::field(input, &["file_path", "absolute_path", "path"]) },
        "list_directory" => ToolAction::Read { path: field("path") },
        "edit" | "replace" => {
            let change = ChangeKind::Replace(vec![(field("old_string"), field("new_string"))]);
            ToolAction::Edit(vec![FileChange { path: field("file_path"), kind: change }])
        }
        "write_file" => {
            ToolAction::Edit(vec![FileChange { path: field("file_path"), kind: ChangeKind::Write(field("content")) }])
        }
        "grep_search" | "search_file_content" | "glob" => {
            ToolAction::Search { pattern: field("pattern"), path: maybe("path") }
        }
        "web_fetch" => ToolAction::Web { query: maybe("url").unwrap_or_else(|| field("prompt")) },
        "web_search" | "google_web_search" => ToolAction::Web { query: field("query") },
        "agent" | "task" => ToolAction::Task { description: field("description"), prompt: field("prompt") },
        "todo_write" => ToolAction::Plan(todos(&input["todos"])),
        "exit_plan_mode" => ToolAction::PlanText(field("plan")),
        _ => ToolAction::Other(tool_input::one_line(input)),
    }
}

fn todos(todos: &Value) -> Vec<PlanItem> {
    let item = |todo: &Value| PlanItem {
        text: todo["content"].as_str().unwrap_or_default().to_owned(),
        status: match todo["status"].as_str().unwrap_or_default() {
            "in_progress" => PlanStatus::Active,
            "completed" => PlanStatus::Done,
            "cancelled" => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        },
    };
    todos.as_array().into_iter().flatten().map(item).collect()
}

/// Decodes the result of a call: the response to the model, with the `texts` beside it. `result` is the program's structured
/// result.
fn update(id: &str, (response, texts): (&Value, &str), result: &Value) -> EventBody {
    let answer = &response["response"];
    let shown = &result["resultDisplay"];
    let content = Some(tool_input::flat(&answer["content"])).filter(|content| !content.is_empty());
    let answered = answer["error"].as_str().or_else(|| answer["output"].as_str()).or(content.as_deref());
    let mut output = shown["output"].as_str().or(answered).map_or_else(|| tool_input::lines(answer), str::to_owned);
    // The response may have more than what was shown, which is cut.
    let answered = answered.map(|answered| display::unshown_lines(answered, &output)).unwrap_or_default();
    let texts = Value::String(texts.to_owned());
    // A sub-agent's report, an edit that the user changed, the reason of a failure, what the program showed.
    for more in [&Value::String(answered), &texts, &result["error"]["message"], &result["error"], shown] {
        display::append(&mut output, more);
    }
    output = tool_input::with_structured(output, &answer["structuredContent"]);
    let is_command = response["name"] == "run_shell_command";
    let printed = if is_command { chat::exit_code(&output) } else { None };
    let was_killed = is_command && chat::has_failed_command(&output);
    let code = shown["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok()).or(printed);
    let status = match result["status"].as_str() {
        Some("cancelled") => ToolStatus::Denied,
        Some("error") => ToolStatus::Failed,
        None if answer["error"].is_string() => ToolStatus::Failed,
        // Qwen Code counts a command that failed as a success.
        Some(_) | None if was_killed || answer["isError"] == true => ToolStatus::Failed,
        Some(_) | None if code.is_some_and(|code| code != 0) => ToolStatus::Failed,
        Some(_) | None => ToolStatus::Done,
    };
    let duration_ms = json::count(&result["durationMs"]);
    let (status, output) = (Some(status), Some(Delta::Replace(output)));
    EventBody::ToolUpdate {
        id: id.into(),
        status,
        output,
        duration_ms,
        subagent: None,
        action: action_done(code, shown),
    }
}

/// Action with the facts of the result: an exit code (with an empty command line), or the applied patch.
fn action_done(code: Option<i32>, shown: &Value) -> Option<ToolAction> {
    let command = code.map(|code| ToolAction::Command { command: String::new(), exit_code: Some(code) });
    command.or_else(|| change(shown))
}

/// The applied patch.
fn change(shown: &Value) -> Option<ToolAction> {
    let path = shown["filePath"].as_str().or_else(|| shown["fileName"].as_str())?.to_owned();
    let diff = match (&shown["fileDiff"], &shown["structuredPatch"]) {
        (Value::String(diff), _) => diff.clone(),
        (_, Value::Array(hunks)) => patch::unified(hunks),
        _ => return None,
    };
    Some(ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Patch(diff) }]))
}
