//! What Codex's tools do, in agent-neutral terms: names and arguments of calls, and what their outputs tell.
//!
//! Pure functions of one record's fields. Must not fail: what is not understood becomes [`Action::Other`].

use serde_json::Value;

use super::patch;
use crate::domain::ToolStatus;
use crate::domain::transcript::{Action, PlanItem, PlanStatus};

/// What a call of the tool `name` does. Arguments are an object, or the text of a custom tool.
pub fn action(name: &str, arguments: &Value) -> Action {
    let text = |field: &str| arguments.get(field).and_then(Value::as_str);
    match name {
        "shell" | "container.exec" | "local_shell" | "shell_command" | "exec_command" | "unified_exec" => {
            shell(arguments.get("command").or_else(|| arguments.get("cmd")).unwrap_or(&Value::Null))
        }
        "apply_patch" => patch::action(arguments.as_str().or_else(|| text("input")).unwrap_or_default()),
        "update_plan" => Action::Plan(plan(arguments.get("plan").unwrap_or(&Value::Null))),
        "view_image" => Action::Read { path: text("path").unwrap_or_default().into() },
        "read_file" => Action::Read { path: text("file_path").or(text("path")).unwrap_or_default().into() },
        "list_dir" => Action::Search { pattern: String::new(), path: text("dir_path").map(Into::into) },
        "grep_files" => {
            Action::Search { pattern: text("pattern").unwrap_or_default().into(), path: text("path").map(Into::into) }
        }
        "web_search" | "web_search_call" => web(arguments),
        "spawn_agent" => task(text("message").or(text("prompt")).unwrap_or_default()),
        "request_user_input" => Action::Question { question: question(arguments) },
        _ => other(arguments),
    }
}

/// A sub-agent's task; its first line describes it.
pub fn task(prompt: &str) -> Action {
    let first = prompt.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Action::Task { description: crate::stdx::text::first_chars(first, 200).to_owned(), prompt: prompt.to_owned() }
}

/// A shell command, given as a line or as an argument list; patches that are applied through a shell are edits.
pub fn shell(command: &Value) -> Action {
    let command = command_line(command);
    let edit = command.contains("*** Begin Patch").then(|| patch::action(&command));
    match edit {
        Some(Action::Edit(changes)) if !changes.is_empty() => Action::Edit(changes),
        _ => Action::Command { command, exit_code: None },
    }
}

/// The line that a person would type: `["bash", "-lc", "ls"]` is `ls`.
pub fn command_line(command: &Value) -> String {
    let Some(words) = command.as_array() else { return command.as_str().unwrap_or_default().to_owned() };
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    match words[..] {
        [shell, "-lc" | "-c", script] if is_shell(shell) => script.to_owned(),
        _ => words.iter().map(|word| crate::domain::launch::quote(word)).collect::<Vec<_>>().join(" "),
    }
}

fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("bash" | "sh" | "zsh" | "dash" | "fish"))
}

/// What a web search asked for: a query, several queries, or a page that was opened.
pub fn web(call: &Value) -> Action {
    let action = call.get("action").unwrap_or(call);
    let text = |field: &str| action.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let several = || {
        let queries = action.get("queries")?.as_array()?;
        Some(queries.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
    };
    let asked = text("query").or(text("url")).or(call.get("query").and_then(Value::as_str)).map(str::to_owned);
    Action::Web { query: asked.or_else(several).unwrap_or_default() }
}

/// The items of a plan: `[{"step", "status"}]`.
pub fn plan(items: &Value) -> Vec<PlanItem> {
    let item = |item: &Value| {
        let text = item.get("step").or_else(|| item.get("text"))?.as_str()?.to_owned();
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

/// One line that sums up an input that is not understood: its texts, in the order in which they stand.
fn other(arguments: &Value) -> Action {
    Action::Other(match arguments {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value)| match value {
                Value::String(text) => format!("{name}: {text}"),
                value => format!("{name}: {value}"),
            };
            fields.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    })
}

/// What a call's output tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the tool printed.
    pub output: String,
    /// How it ended.
    pub status: ToolStatus,
    /// Its exit code, where it is a command.
    pub exit_code: Option<i32>,
    /// How long it ran, in ms.
    pub duration_ms: Option<u64>,
}

/// Reads the `output` of a `function_call_output` or `custom_tool_call_output`, in all the shapes it has had.
pub fn outcome(output: &Value) -> Outcome {
    let failed = output.get("success").and_then(Value::as_bool) == Some(false);
    let text = content_text(output);
    let mut outcome = wrapped(&text).or_else(|| headed(&text)).unwrap_or_else(|| plain(text));
    if failed && outcome.status == ToolStatus::Done {
        outcome.status = ToolStatus::Failed;
    }
    outcome
}

/// Text of an output: a string, a list of parts, or an object around either.
pub fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(part_text).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => fields
            .get("content")
            .or_else(|| fields.get("content_items"))
            .map_or_else(|| content.to_string(), content_text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn part_text(part: &Value) -> String {
    let text = part.get("text").and_then(Value::as_str).map(str::to_owned);
    text.unwrap_or_else(|| format!("[{}]", part.get("type").and_then(Value::as_str).unwrap_or("part")))
}

/// `{"output":"…","metadata":{"exit_code":0,"duration_seconds":0.0}}`, as 0.39 wrote it and custom tools still do.
fn wrapped(text: &str) -> Option<Outcome> {
    let value: Value = text.starts_with("{\"output\":").then(|| serde_json::from_str(text).ok())??;
    let metadata = value.get("metadata");
    let exit_code = metadata.and_then(|m| m.get("exit_code")?.as_i64()).and_then(|code| i32::try_from(code).ok());
    let seconds = metadata.and_then(|m| m.get("duration_seconds")?.as_f64());
    let output = value.get("output")?.as_str()?.to_owned();
    let status = ended(exit_code, &output);
    Some(Outcome { output, status, exit_code, duration_ms: seconds.and_then(millis) })
}

/// Header lines (`Chunk ID`, `Wall time`, `Process exited with code`), then `Output:` and the output itself.
fn headed(text: &str) -> Option<Outcome> {
    if !["Chunk ID:", "Wall time:", "Exit code:"].iter().any(|head| text.starts_with(head)) {
        return None;
    }
    let (head, output) = match text.split_once("\nOutput:\n") {
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
    // What is left of the header says how it ended when it did not exit: still running, aborted.
    let rest = rest.join("\n");
    let status = ended(exit_code, &rest);
    let output = if output.is_empty() { rest } else { output.to_owned() };
    Some(Outcome { output, status, exit_code, duration_ms })
}

fn plain(output: String) -> Outcome {
    let status = ended(None, &output);
    Outcome { output, status, exit_code: None, duration_ms: None }
}

fn ended(exit_code: Option<i32>, words: &str) -> ToolStatus {
    if let Some(code) = exit_code {
        return if code == 0 { ToolStatus::Done } else { ToolStatus::Failed };
    }
    let short = crate::stdx::text::first_chars(words, 400);
    if short.contains("rejected by user") || short.contains("Rejected(") || short.contains("denied by") {
        ToolStatus::Denied
    } else if short == "aborted" || short.contains("aborted by user") {
        ToolStatus::Interrupted
    } else if [
        "exec_command failed",
        "apply_patch verification failed",
        "failed to parse function arguments",
        "unsupported call",
    ]
    .iter()
    .any(|start| short.starts_with(start))
    {
        ToolStatus::Failed
    } else {
        ToolStatus::Done
    }
}

/// Milliseconds of a number of seconds that is none too large and not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
pub fn millis(seconds: f64) -> Option<u64> {
    let millis = (seconds * 1000.0).round();
    (0.0..1e15).contains(&millis).then_some(millis as u64)
}
