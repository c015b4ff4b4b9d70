//! Maps Codex tool calls to agent-neutral actions: names and arguments of calls, and the fields of their outputs.
//!
//! Pure functions of one record's fields. They must not fail: unrecognised input becomes [`ToolAction::Other`].

use serde_json::Value;

use super::patch;
use crate::agent::tool_input;
use crate::domain::ToolStatus;
use crate::domain::transcript::{PlanItem, PlanStatus, ToolAction};

/// Maps a call of the tool `name` to an action. Arguments are an object, or the text of a custom tool.
pub(super) fn action(name: &str, arguments: &Value) -> ToolAction {
    tool_input::with_headline(known(name, arguments), arguments)
}

fn known(name: &str, arguments: &Value) -> ToolAction {
    let text = |field: &str| tool_input::optional(arguments, field);
    match name {
        "shell" | "container.exec" | "local_shell" | "shell_command" | "exec_command" | "unified_exec" => {
            shell(arguments.get("command").or_else(|| arguments.get("cmd")).unwrap_or(&Value::Null))
        }
        "apply_patch" => {
            patch::action(&arguments.as_str().map(str::to_owned).or_else(|| text("input")).unwrap_or_default())
        }
        "update_plan" => ToolAction::Plan(plan(arguments.get("plan").unwrap_or(&Value::Null))),
        "view_image" => ToolAction::Read { path: text("path").unwrap_or_default() },
        "read_file" => ToolAction::Read { path: text("file_path").or(text("path")).unwrap_or_default() },
        "list_dir" => ToolAction::Search { pattern: String::new(), path: text("dir_path") },
        "grep_files" => ToolAction::Search { pattern: text("pattern").unwrap_or_default(), path: text("path") },
        "web_search" | "web_search_call" => web(arguments),
        "spawn_agent" => task(&text("message").or(text("prompt")).unwrap_or_default()),
        "request_user_input" => ToolAction::Question { question: question(arguments), answer: None },
        _ => ToolAction::Other(tool_input::one_line(arguments)),
    }
}

/// Action of a sub-agent's task; the first line of the prompt is its description.
pub(super) fn task(prompt: &str) -> ToolAction {
    let first = prompt.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ToolAction::Task { description: crate::stdx::text::first_chars(first, 200).to_owned(), prompt: prompt.to_owned() }
}

/// Action of a shell command, given as a line or as an argument list. A patch applied through a shell is an edit.
pub(super) fn shell(command: &Value) -> ToolAction {
    let command = command_line(command);
    let edit = command.contains("*** Begin Patch").then(|| patch::action(&command));
    match edit {
        Some(ToolAction::Edit(changes)) if !changes.is_empty() => ToolAction::Edit(changes),
        _ => ToolAction::Command { command, exit_code: None },
    }
}

/// Command line as typed in a shell: `["bash", "-lc", "ls"]` is `ls`.
pub(super) fn command_line(command: &Value) -> String {
    let Some(argv) = command.as_array() else { return tool_input::flat(command) };
    if !argv.iter().all(Value::is_string) {
        return tool_input::flat(command);
    }
    let argv: Vec<&str> = argv.iter().filter_map(Value::as_str).collect();
    match argv[..] {
        [shell, "-lc" | "-c", script] if is_shell(shell) => script.to_owned(),
        _ => argv.iter().map(|word| crate::domain::launch::quote(word)).collect::<Vec<_>>().join(" "),
    }
}

fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("bash" | "sh" | "zsh" | "dash" | "fish"))
}

/// Action of a web search: a query, several queries, or the URL of an opened page.
pub(super) fn web(call: &Value) -> ToolAction {
    let action = call.get("action").unwrap_or(call);
    let text = |field: &str| action.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let joined_queries = || {
        let queries = action.get("queries")?.as_array()?;
        Some(queries.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
    };
    let query = text("query").or(text("url")).or(call.get("query").and_then(Value::as_str)).map(str::to_owned);
    ToolAction::Web { query: query.or_else(joined_queries).unwrap_or_default() }
}

/// Items of a plan: `[{"step", "status"}]`.
pub(super) fn plan(items: &Value) -> Vec<PlanItem> {
    let item = |item: &Value| {
        let text =
            tool_input::flat(if item.is_object() { item.get("step").or_else(|| item.get("text"))? } else { item });
        let status = match item.get("status").and_then(Value::as_str) {
            Some("completed") => PlanStatus::Done,
            Some("in_progress" | "inProgress") => PlanStatus::Active,
            Some("cancelled") => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        };
        Some(PlanItem { text, status })
    };
    items.as_array().into_iter().flatten().filter_map(item).collect()
}

fn question(arguments: &Value) -> String {
    let questions = arguments.get("questions").and_then(Value::as_array);
    let texts = questions.into_iter().flatten().filter_map(|question| question.get("question")?.as_str());
    texts.collect::<Vec<_>>().join(" ")
}

/// Answers in the output of a question: `{"answers":{"id":{"answers":["A"]}}}`. The question itself is in the call.
pub(super) fn answer(output: &str) -> Option<ToolAction> {
    let value: Value = output.starts_with("{\"answers\":").then(|| serde_json::from_str(output).ok())??;
    let given = value.get("answers")?.as_object()?.values().map(|answer| match answer.get("answers") {
        Some(Value::Array(chosen)) => chosen.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    });
    let given: Vec<String> = given.filter(|answer| !answer.is_empty()).collect();
    (!given.is_empty()).then(|| ToolAction::Question { question: String::new(), answer: Some(given.join("; ")) })
}

/// Parsed output of a tool call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CallResult {
    /// Text that the tool printed.
    pub output: String,
    pub status: ToolStatus,
    /// Exit code of a command.
    pub exit_code: Option<i32>,
    /// Duration in ms.
    pub duration_ms: Option<u64>,
}

/// Parses the `output` of a `function_call_output` or `custom_tool_call_output`, in every shape that Codex has used.
pub(super) fn parse_output(output: &Value) -> CallResult {
    let failed = output.get("success").and_then(Value::as_bool) == Some(false);
    let text = content_text(output);
    // The content of an MCP result, as JSON in a string.
    let parts = text.starts_with("[{\"").then(|| serde_json::from_str::<Value>(&text).ok()).flatten();
    let is_content =
        |parts: &Value| parts.as_array().is_some_and(|parts| parts.iter().all(|part| part["type"].is_string()));
    let text = parts.filter(is_content).map_or(text, |parts| content_text(&parts));
    let mut result =
        parse_json_output(&text).or_else(|| parse_header_output(&text)).unwrap_or_else(|| parse_plain_output(text));
    if failed && result.status == ToolStatus::Done {
        result.status = ToolStatus::Failed;
    }
    result
}

/// Text of an output: a string, a list of parts, or an object around either.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(part_text).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) if tool_input::has_numeric_names(fields) => {
            tool_input::items(content).into_iter().map(part_text).collect::<Vec<_>>().join("\n")
        }
        Value::Object(fields) => fields
            .get("content")
            .or_else(|| fields.get("content_items"))
            .or_else(|| fields.get("text"))
            .or_else(|| fields.get("value"))
            .map_or_else(|| tool_input::lines(content), content_text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn part_text(part: &Value) -> String {
    if part.is_array() {
        return content_text(part);
    }
    let field = |name: &str| part.get(name).and_then(Value::as_str);
    if let (Some(title), Some(url)) = (field("title"), field("url")) {
        let excerpts = ["text", "snippet", "summary", "description", "content"].iter().filter_map(|name| field(name));
        let lines = [format!("[{title}]({url})")].into_iter().chain(excerpts.map(str::to_owned));
        return lines.collect::<Vec<_>>().join("\n");
    }
    match (field("text").or(part.as_str()), tool_input::optional(part, "name")) {
        (Some(text), _) => text.to_owned(),
        // A tool that a search found.
        (None, Some(name)) => match tool_input::optional(part, "description") {
            Some(description) => format!("{name}: {description}"),
            None => name,
        },
        (None, None) => match crate::agent::unknown_record::longest_text(part) {
            Some(text) if part.get("type").is_none_or(|kind| kind != text) => text.to_owned(),
            _ => format!("[{}]", field("type").unwrap_or("part")),
        },
    }
}

/// Parses `{"output":"…","metadata":{"exit_code":0,"duration_seconds":0.0}}`, written by 0.39 and still by custom
/// tools.
fn parse_json_output(text: &str) -> Option<CallResult> {
    let value: Value = text.starts_with("{\"output\":").then(|| serde_json::from_str(text).ok())??;
    let metadata = value.get("metadata");
    let exit_code = metadata.and_then(|m| m.get("exit_code")?.as_i64()).and_then(|code| i32::try_from(code).ok());
    let seconds = metadata.and_then(|m| m.get("duration_seconds")?.as_f64());
    let output = value.get("output")?.as_str()?.to_owned();
    let status = status_of(exit_code, &output);
    Some(CallResult { output, status, exit_code, duration_ms: seconds.and_then(millis) })
}

/// Beginnings of an output's header.
pub(super) const HEADERS: [&str; 4] = ["Chunk ID:", "Wall time:", "Exit code:", "Process exited with code "];

/// Parses header lines (`Chunk ID`, `Wall time`, `Process exited with code`), then `Output:` and the output itself.
fn parse_header_output(text: &str) -> Option<CallResult> {
    if !HEADERS.iter().any(|head| text.starts_with(head)) {
        return None;
    }
    let (head, output) = match text.split_once("\nOutput:\n").or_else(|| text.split_once("\nFinal output:\n")) {
        Some((head, output)) => (head, output.strip_prefix('\n').unwrap_or(output)),
        None => (text, ""),
    };
    let (mut exit_code, mut duration_ms, mut rest) = (None, None, Vec::new());
    for line in head.lines() {
        let code = line.strip_prefix("Process exited with code ").or(line.strip_prefix("Exit code: "));
        if let Some(code) = code {
            exit_code = code.trim().parse().ok();
        } else if let Some(time) = line.strip_prefix("Wall time: ") {
            duration_ms = time.split(' ').next().and_then(|seconds| seconds.parse().ok()).and_then(millis);
        } else if !line.starts_with("Chunk ID:") && !line.starts_with("Original token count:") {
            rest.push(line);
        }
    }
    // Without an exit code, the rest of the header gives the status: still running, or aborted.
    let rest = rest.join("\n");
    let status = status_of(exit_code, &rest);
    let output = if output.is_empty() { rest } else { output.to_owned() };
    Some(CallResult { output, status, exit_code, duration_ms })
}

fn parse_plain_output(output: String) -> CallResult {
    let status = status_of(None, &output);
    CallResult { output, status, exit_code: None, duration_ms: None }
}

fn status_of(exit_code: Option<i32>, text: &str) -> ToolStatus {
    if let Some(code) = exit_code {
        return if code == 0 { ToolStatus::Done } else { ToolStatus::Failed };
    }
    let start = crate::stdx::text::first_chars(text, 400);
    if start.contains("rejected by user") || start.contains("Rejected(") || start.contains("denied by") {
        ToolStatus::Denied
    } else if start == "aborted" || start.contains("aborted by user") {
        ToolStatus::Interrupted
    } else if [
        "exec_command failed",
        "apply_patch verification failed",
        "failed to parse function arguments",
        "unsupported call",
    ]
    .iter()
    .any(|prefix| start.starts_with(prefix))
    {
        ToolStatus::Failed
    } else {
        ToolStatus::Done
    }
}

/// Converts seconds to milliseconds; `None` for negative or implausibly large values.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
pub(super) fn millis(seconds: f64) -> Option<u64> {
    let millis = (seconds * 1000.0).round();
    (0.0..1e15).contains(&millis).then_some(millis as u64)
}
