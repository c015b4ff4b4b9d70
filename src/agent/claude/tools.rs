//! Conversion of Claude Code's tool calls and results into agent-neutral actions and updates.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::user_markup::TOOL_ERROR;
use super::{content, outputs, user_markup};
use crate::agent::json;
use crate::agent::jsonl::patch;
use crate::agent::tool_input::{self, flat};
use crate::domain::event::{Delta, EventBody};
use crate::domain::transcript::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction, ToolStatus};

/// Converts a call into an action.
pub(super) fn action(name: &str, input: &Value) -> ToolAction {
    tool_input::with_headline(known(name, input), input)
}

fn known(name: &str, input: &Value) -> ToolAction {
    let field = |name: &str| flat(&input[name]);
    let maybe = |name: &str| tool_input::optional(input, name);
    match name {
        "Bash" | "PowerShell" => ToolAction::Command { command: field("command"), exit_code: None },
        "Read" | "NotebookRead" => {
            ToolAction::Read { path: maybe("file_path").unwrap_or_else(|| field("notebook_path")) }
        }
        "LS" => ToolAction::Read { path: field("path") },
        "Edit" => edit(field("file_path"), vec![(field("old_string"), field("new_string"))]),
        "MultiEdit" => {
            let edits = input["edits"].as_array().map(Vec::as_slice).unwrap_or_default();
            let text = |edit: &Value, name: &str| flat(&edit[name]);
            edit(
                field("file_path"),
                edits.iter().map(|edit| (text(edit, "old_string"), text(edit, "new_string"))).collect(),
            )
        }
        "Write" => write(field("file_path"), field("content")),
        "NotebookEdit" => write(field("notebook_path"), field("new_source")),
        "Grep" | "Glob" => ToolAction::Search { pattern: field("pattern"), path: maybe("path") },
        "WebFetch" => ToolAction::Web { query: field("url") },
        "WebSearch" | "web_search" => ToolAction::Web { query: field("query") },
        "Task" | "Agent" => ToolAction::Task { description: field("description"), prompt: field("prompt") },
        "TodoWrite" => ToolAction::Plan(todos(&input["todos"])),
        "TaskCreate" => ToolAction::Other(field("subject")),
        "TaskUpdate" => ToolAction::Other(task_change(input)),
        "ExitPlanMode" | "exit_plan_mode" => ToolAction::PlanText(field("plan")),
        "AskUserQuestion" => {
            let questions = input["questions"].as_array().map(Vec::as_slice).unwrap_or_default();
            let texts: Vec<&str> = questions.iter().filter_map(|question| question["question"].as_str()).collect();
            ToolAction::Question { question: texts.join("\n"), answer: None }
        }
        _ => ToolAction::Other(tool_input::one_line(input)),
    }
}

/// Describes a change of a task: `#2 completed`.
fn task_change(input: &Value) -> String {
    let parts = ["status", "subject", "owner"].map(|name| flat(&input[name]).replace('_', " "));
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("#{} {}", flat(&input["taskId"]), parts.join(", ")).trim_end().to_owned()
}

fn edit(path: String, edits: Vec<(String, String)>) -> ToolAction {
    ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Replace(edits) }])
}

fn write(path: String, content: String) -> ToolAction {
    ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Write(content) }])
}

fn todos(todos: &Value) -> Vec<PlanItem> {
    // Some models pass the list as a text.
    let parsed = todos.as_str().and_then(|text| json::parse(text.as_bytes()));
    let todos = parsed.as_ref().unwrap_or(todos).as_array().map(Vec::as_slice).unwrap_or_default();
    let item = |todo: &Value| PlanItem {
        text: if todo.is_object() { flat(&todo["content"]) } else { flat(todo) },
        status: match todo["status"].as_str().unwrap_or_default() {
            "in_progress" => PlanStatus::Active,
            "completed" => PlanStatus::Done,
            "cancelled" | "deleted" => PlanStatus::Cancelled,
            _ => PlanStatus::Pending,
        },
    };
    todos.iter().map(item).collect()
}

/// Converts a result block, and the structured result in the same record, into an update of the call.
pub(super) fn update(id: Arc<str>, block: &Value, record: &Value) -> EventBody {
    let result = &*own_result(record);
    let output = outputs::longest(content::text(&block["content"]), result);
    let status = Some(status(block, record, result, &output));
    let output = user_markup::shown_output(&output).to_owned();
    let structured = [&result["structuredContent"], &record["mcpMeta"]["structuredContent"]];
    let structured = structured.into_iter().find(|structured| structured.is_object() || structured.is_array());
    let output = match structured {
        Some(structured) => tool_input::with_structured(output, structured),
        None => output,
    };
    let output = with_changes(output, &result["bashEditDiff"]);
    let asked = answered(result);
    // The answer to the model usually has them.
    let output = if asked.is_some() { tool_input::with_structured(output, &result["answers"]) } else { output };
    let output = outputs::with_others(output, result);
    let subagent = result["agentId"].as_str().map(|agent| Arc::from(format!("agent-{agent}")));
    let duration_ms = json::count(&result["durationMs"]).or_else(|| json::count(&result["totalDurationMs"]));
    EventBody::ToolUpdate {
        id,
        status,
        output: Some(Delta::Replace(output)),
        duration_ms,
        subagent,
        action: change(result).or_else(|| plan(result, block)).or(asked),
    }
}

/// The program's own result in a record, which may be a text with its JSON. The output of a tool may be JSON too.
fn own_result(record: &Value) -> Cow<'_, Value> {
    const NAMES: [&str; 11] = [
        "stdout",
        "interrupted",
        "agentId",
        "durationMs",
        "totalDurationMs",
        "structuredPatch",
        "bashEditDiff",
        "isAgent",
        "hasTaskTool",
        "oldTodos",
        "structuredContent",
    ];
    let result = &record["toolUseResult"];
    let text = result.as_str().filter(|text| text.trim_start().starts_with('{'));
    let is_own = |object: &Value| answered(object).is_some() || NAMES.iter().any(|name| object.get(*name).is_some());
    let object =
        text.and_then(|text| json::parse(text.as_bytes())).filter(|object| object.is_object() && is_own(object));
    object.map_or(Cow::Borrowed(result), Cow::Owned)
}

fn status(block: &Value, record: &Value, result: &Value, output: &str) -> ToolStatus {
    if result["interrupted"] == true || output.starts_with("[Request interrupted by user") {
        return ToolStatus::Interrupted;
    }
    // `user-rejected`, `permission-rule`, or the auto mode's own.
    let kind = record["toolDenialKind"].as_str().filter(|kind| !kind.is_empty());
    let decision = record["permissionDecision"]["decision"].as_str();
    if kind.is_some() || matches!(decision, Some("reject" | "deny")) {
        return ToolStatus::Denied;
    }
    if content::is_error(&block["content"]) {
        return ToolStatus::Failed;
    }
    if block["is_error"] != true {
        return if has_failed(result, output) { ToolStatus::Failed } else { ToolStatus::Done };
    }
    let refused = *result == "User rejected tool use"
        || output.starts_with("The user doesn't want to proceed")
        || output.starts_with("Permission to use ")
        || output.starts_with("Permission for this action ")
        || output.starts_with("Claude requested permissions ");
    if refused { ToolStatus::Denied } else { ToolStatus::Failed }
}

/// True for a failure that only the structured result, or the text of the output, shows.
fn has_failed(result: &Value, output: &str) -> bool {
    let code = ["exitCode", "returnCode"].iter().find_map(|name| result[*name].as_i64());
    result["isError"] == true
        || code.is_some_and(|code| code != 0)
        || result.as_str().is_some_and(|text| text.starts_with("Error: "))
        || output.starts_with(TOOL_ERROR)
}

/// The plan of a result: newer versions write it only there, or after a heading in the answer to the model.
fn plan(result: &Value, block: &Value) -> Option<ToolAction> {
    const HEADING: &str = "## Approved Plan:\n";
    let approved = || {
        let output = block["content"].as_str()?;
        Some(output.split_once(HEADING)?.1.to_owned())
    };
    let is_plan = result["isAgent"].is_boolean() || result.get("hasTaskTool").is_some();
    let written = result["plan"].as_str().filter(|_| is_plan || result["filePath"].is_string()).map(str::to_owned);
    written.or_else(approved).filter(|plan| !plan.trim().is_empty()).map(ToolAction::PlanText)
}

/// The questions of a result with the user's answers.
fn answered(result: &Value) -> Option<ToolAction> {
    let (questions, answers) = (result["questions"].as_array()?, result["answers"].as_object()?);
    let texts: Vec<&str> = questions.iter().filter_map(|question| question["question"].as_str()).collect();
    let given = texts.iter().filter_map(|text| answers.get(*text)).map(flat).collect::<Vec<_>>().join("; ");
    Some(ToolAction::Question { question: texts.join("\n"), answer: Some(given).filter(|given| !given.is_empty()) })
}

/// Appends the changes that a command made to files, as a diff. From 2.1.332 on.
fn with_changes(output: String, changes: &Value) -> String {
    if !changes.is_object() {
        return output;
    }
    let files = tool_input::items(&changes["files"]);
    let diff = |file: &&Value| {
        let path = flat(&file["filePath"]);
        let hunks = file["hunks"].as_array().map(|hunks| patch::unified(hunks)).unwrap_or_default();
        (!path.is_empty() || !hunks.is_empty()).then(|| format!("--- {path}\n{hunks}").trim_end().to_owned())
    };
    let mut diffs: Vec<String> = files.iter().filter_map(diff).collect();
    let others = changes["changedFiles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    diffs.extend(
        others.filter(|path| !files.iter().any(|file| file["filePath"] == **path)).map(|path| format!("--- {path}")),
    );
    let parts = [output].into_iter().chain(diffs).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n\n")
}

/// The applied change, if the agent stored its patch.
fn change(result: &Value) -> Option<ToolAction> {
    let path = result["filePath"].as_str()?.to_owned();
    let hunks = result["structuredPatch"].as_array().filter(|hunks| !hunks.is_empty())?;
    Some(ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Patch(patch::unified(hunks)) }]))
}
