//! Tool calls: what the agent reports of each, piece by piece, as agent-neutral operations.
//!
//! Agents differ in what they report: a call without its input, an update without the call, a permission request before
//! either. The state of a call is merged from all of them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use agent_client_protocol_schema::v1::{
    ContentBlock, ToolCall, ToolCallContent, ToolCallStatus, ToolCallUpdate, ToolCallUpdateFields, ToolKind,
};
use serde_json::Value;

use super::profile::AcpAgent;
use crate::domain::transcript::{ChangeKind, FileChange, ToolAction};
use crate::domain::{Delta, EventBody, ToolStatus};

/// Merged reports of a call.
#[derive(Clone, Debug, Default)]
struct CallState {
    name: Option<String>,
    kind: ToolKind,
    title: String,
    input: Value,
    content: Vec<ToolCallContent>,
    path: Option<String>,
    status: Option<ToolStatus>,
}

/// Calls of a session, by id.
#[derive(Debug, Default)]
pub(super) struct AcpCalls {
    calls: HashMap<Arc<str>, CallState>,
    /// Calls without an end, in their order.
    open: Vec<Arc<str>>,
}

/// A call that a permission request is about.
#[derive(Debug)]
pub(super) struct RequestedCall {
    /// Name of the tool.
    pub tool: Arc<str>,
    /// Operation.
    pub action: ToolAction,
    /// Complete input; what the agent reported instead, if it reported no input.
    pub input: Value,
    /// Explanation of the agent.
    pub reason: Option<String>,
}

impl AcpCalls {
    /// Events of a new call.
    pub(super) fn begin(&mut self, call: ToolCall, agent: &AcpAgent) -> Vec<EventBody> {
        let fields = ToolCallUpdateFields::new()
            .kind(call.kind)
            .status(call.status)
            .title(call.title)
            .name(call.name)
            .content(call.content)
            .locations(call.locations)
            .raw_input(call.raw_input)
            .raw_output(call.raw_output);
        let mut update = ToolCallUpdate::new(call.tool_call_id, fields);
        update.meta = call.meta;
        self.update(update, agent)
    }

    /// Events of an update; the first mention of a call may be one.
    pub(super) fn update(&mut self, update: ToolCallUpdate, agent: &AcpAgent) -> Vec<EventBody> {
        let id: Arc<str> = update.tool_call_id.0.clone();
        let is_new = !self.calls.contains_key(&id);
        if is_new {
            self.open.push(id.clone());
        }
        let call = self.calls.entry(id.clone()).or_default();
        let update = call.with_streamed_input(update);
        // The content of a call that has not ended when it is first mentioned explains it.
        let output =
            output(&update.fields).filter(|_| !is_new || update.fields.status.is_some_and(|s| is_end(status_of(s))));
        let exit_code = exit_code(&update.fields);
        let reported = call.merge(update);
        let mut bodies = Vec::new();
        if is_new || reported.describes {
            bodies.push(call.body(&id, agent));
        }
        if let Some(status) = reported.status {
            // The reply to a denial is a failure of the tool.
            let is_denied = call.status == Some(ToolStatus::Denied);
            call.status = Some(if is_denied { ToolStatus::Denied } else { status });
            if is_end(status) {
                self.open.retain(|open| *open != id);
            }
        }
        let failed = exit_code.is_some_and(|code| code != 0);
        let status = match reported.status.and(call.status) {
            Some(ToolStatus::Done) if failed => Some(ToolStatus::Failed),
            status => status,
        };
        if status.is_some() || output.is_some() {
            let action = exit_code.map(|code| ToolAction::Command { command: String::new(), exit_code: Some(code) });
            bodies.push(progress(id, status, output.map(Delta::Replace), action));
        }
        bodies
    }

    /// Call of a permission request, after it was merged by [`update`](Self::update).
    pub(super) fn requested(&self, id: &str, agent: &AcpAgent) -> Option<RequestedCall> {
        let call = self.calls.get(id)?;
        let texts: Vec<&str> = call.content.iter().filter_map(text_of).collect();
        let has_input = call.input.as_object().is_some_and(|input| !input.is_empty());
        let input = if has_input {
            call.input.clone()
        } else {
            serde_json::json!({"title": call.title, "content": serde_json::to_value(&call.content).unwrap_or_default()})
        };
        let reason = texts.join("\n");
        Some(RequestedCall {
            tool: call.name(id, agent).into(),
            action: call.action(id, agent),
            input,
            reason: (!reason.trim().is_empty()).then_some(reason),
        })
    }

    /// Output of a command that a call shows.
    pub(super) fn terminal_output(&self, terminal: &str, text: &str) -> Option<EventBody> {
        let shows = |content: &ToolCallContent| match content {
            ToolCallContent::Terminal(shown) => *shown.terminal_id.0 == *terminal,
            _ => false,
        };
        let (id, _) = self.calls.iter().find(|(_, call)| call.content.iter().any(shows))?;
        Some(progress(id.clone(), None, Some(Delta::Replace(text.to_owned())), None))
    }

    /// Records that the user denied a call, and that its permission request is over.
    pub(super) fn deny(&mut self, id: &str) -> Option<EventBody> {
        let (id, _) = self.calls.get_key_value(id)?;
        let id = id.clone();
        self.open.retain(|open| *open != id);
        self.calls.get_mut(&id)?.status = Some(ToolStatus::Denied);
        Some(progress(id, Some(ToolStatus::Denied), None, None))
    }

    /// Ends the calls of which the agent did not report the end.
    pub(super) fn end_open(&mut self, status: ToolStatus) -> Vec<EventBody> {
        let open = std::mem::take(&mut self.open);
        for id in &open {
            if let Some(call) = self.calls.get_mut(id) {
                call.status = Some(status);
            }
        }
        open.into_iter().map(|id| progress(id, Some(status), None, None)).collect()
    }
}

/// Effect of an update on a call.
struct ReportedChange {
    /// True if the operation may have changed.
    describes: bool,
    status: Option<ToolStatus>,
}

impl CallState {
    /// Moves an input that the agent reports as text, piece by piece, to its place; it is no output of the call.
    fn with_streamed_input(&self, mut update: ToolCallUpdate) -> ToolCallUpdate {
        let fields = &mut update.fields;
        let text = match fields.content.as_deref() {
            Some([content]) => text_of(content).filter(|text| text.starts_with('{')),
            _ => None,
        };
        let has_ended = fields.status.is_some_and(|status| is_end(status_of(status)));
        let Some(text) = text.filter(|_| !has_ended && fields.raw_output.is_none()) else { return update };
        let parsed = serde_json::from_str::<Value>(text).ok();
        let is_input = match (&fields.raw_input, &parsed) {
            (Some(input), parsed) => parsed.as_ref() == Some(input),
            (None, _) => self.input.is_null() || parsed.as_ref() == Some(&self.input),
        };
        if is_input {
            fields.raw_input = fields.raw_input.take().or(parsed);
            fields.content = None;
        }
        update
    }

    fn merge(&mut self, update: ToolCallUpdate) -> ReportedChange {
        let ToolCallUpdateFields { kind, status, title, name, content, locations, raw_input, .. } = update.fields;
        let named = name.or_else(|| update.meta.as_ref().and_then(|meta| tool_name(&Value::Object(meta.clone()))));
        let mut describes = false;
        let mut set = |known: &mut Option<String>, new: Option<String>| {
            if new.is_some() && *known != new {
                describes = true;
                *known = new;
            }
        };
        set(&mut self.name, named);
        set(&mut self.path, locations.and_then(|list| list.first().map(|place| text_path(&place.path))));
        if let Some(input) = raw_input.filter(|input| !input.is_null() && *input != self.input) {
            describes |= input.as_object().is_none_or(|fields| !fields.is_empty());
            self.input = input;
        }
        if let Some(kind) = kind.filter(|kind| *kind != self.kind) {
            describes = true;
            self.kind = kind;
        }
        // A later title may be a summary that a model wrote.
        if let Some(title) = title.filter(|_| self.title.is_empty() || status.is_some()) {
            describes |= self.title != title;
            self.title = title;
        }
        if let Some(content) = content {
            describes |= content.iter().any(|item| matches!(item, ToolCallContent::Diff(_)));
            // An end without a diff keeps the one that the user allowed.
            if !content.is_empty() {
                self.content = content;
            }
        }
        ReportedChange { describes, status: status.map(status_of) }
    }

    fn name(&self, id: &str, agent: &AcpAgent) -> String {
        let in_id = || id.split_once("__").filter(|_| agent.named_ids).map(|(name, _)| name.to_owned());
        self.name.clone().or_else(in_id).unwrap_or_else(|| kind_name(self.kind).to_owned())
    }

    fn body(&self, id: &Arc<str>, agent: &AcpAgent) -> EventBody {
        EventBody::ToolCall {
            id: id.clone(),
            name: self.name(id, agent).into(),
            input: self.input.clone(),
            action: self.action(id, agent),
        }
    }

    /// Operation: from the tool's name and input if both are known, else from the kind of the call.
    fn action(&self, id: &str, agent: &AcpAgent) -> ToolAction {
        let changes: Vec<FileChange> = self.content.iter().filter_map(change_of).collect();
        if !changes.is_empty() {
            return ToolAction::Edit(changes);
        }
        let has_input = self.input.as_object().is_some_and(|input| !input.is_empty());
        if has_input {
            let action = (agent.action)(&self.name(id, agent), &self.input);
            if !matches!(action, ToolAction::Other(_)) {
                return action;
            }
        }
        let text = |names: &[&str]| names.iter().find_map(|name| self.input[*name].as_str()).map(str::to_owned);
        let path = || text(&["path", "file_path", "filePath"]).or_else(|| self.path.clone());
        match self.kind {
            ToolKind::Execute => {
                let command = command_of(&self.input["command"]).unwrap_or_else(|| self.title.clone());
                ToolAction::Command { command, exit_code: None }
            }
            ToolKind::Read => ToolAction::Read { path: path().unwrap_or_else(|| self.title.clone()) },
            ToolKind::Search => ToolAction::Search {
                pattern: text(&["pattern", "query"]).unwrap_or_else(|| self.title.clone()),
                path: None,
            },
            ToolKind::Fetch => ToolAction::Web { query: text(&["url", "query"]).unwrap_or_else(|| self.title.clone()) },
            ToolKind::Delete if self.path.is_some() => {
                let path = self.path.clone().unwrap_or_default();
                ToolAction::Edit(vec![FileChange { path, kind: ChangeKind::Delete }])
            }
            _ => ToolAction::Other(self.title.clone()),
        }
    }
}

fn progress(id: Arc<str>, status: Option<ToolStatus>, output: Option<Delta>, action: Option<ToolAction>) -> EventBody {
    EventBody::ToolUpdate { id, status, output, duration_ms: None, subagent: None, action }
}

fn is_end(status: ToolStatus) -> bool {
    match status {
        ToolStatus::Pending | ToolStatus::Running => false,
        ToolStatus::Done | ToolStatus::Failed | ToolStatus::Denied | ToolStatus::Interrupted => true,
    }
}

fn status_of(status: ToolCallStatus) -> ToolStatus {
    match status {
        ToolCallStatus::InProgress => ToolStatus::Running,
        ToolCallStatus::Completed => ToolStatus::Done,
        ToolCallStatus::Failed => ToolStatus::Failed,
        _ => ToolStatus::Pending,
    }
}

/// Name of a call's tool in the metadata of agents that report it.
fn tool_name(meta: &Value) -> Option<String> {
    let pointers = ["/toolName", "/goose/toolCall/toolName", "/claudeCode/toolName"];
    pointers.iter().find_map(|pointer| meta.pointer(pointer)?.as_str()).map(str::to_owned)
}

fn kind_name(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::Read => "read",
        ToolKind::Edit => "edit",
        ToolKind::Delete => "delete",
        ToolKind::Move => "move",
        ToolKind::Search => "search",
        ToolKind::Execute => "execute",
        ToolKind::Think => "think",
        ToolKind::Fetch => "fetch",
        ToolKind::SwitchMode => "switch mode",
        _ => "tool",
    }
}

/// Command line of an input: a text, or a list of arguments.
fn command_of(command: &Value) -> Option<String> {
    let list = || {
        let words: Vec<&str> = command.as_array()?.iter().filter_map(Value::as_str).collect();
        Some(words.iter().map(|word| crate::domain::launch::quote(word)).collect::<Vec<_>>().join(" "))
    };
    command.as_str().map(str::to_owned).or_else(list)
}

fn change_of(content: &ToolCallContent) -> Option<FileChange> {
    let ToolCallContent::Diff(diff) = content else { return None };
    let kind = match &diff.old_text {
        Some(old) if !old.is_empty() => ChangeKind::Replace(vec![(old.clone(), diff.new_text.clone())]),
        _ => ChangeKind::Write(diff.new_text.clone()),
    };
    Some(FileChange { path: text_path(&diff.path), kind })
}

fn text_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn text_of(content: &ToolCallContent) -> Option<&str> {
    match content {
        ToolCallContent::Content(content) => match &content.content {
            ContentBlock::Text(text) => Some(&text.text),
            _ => None,
        },
        _ => None,
    }
}

/// Output of an update: its texts, else the raw output.
fn output(fields: &ToolCallUpdateFields) -> Option<String> {
    // Until the call runs, its content explains it.
    if matches!(fields.status, Some(ToolCallStatus::Pending)) {
        return None;
    }
    let texts: Vec<&str> = fields.content.iter().flatten().filter_map(text_of).collect();
    if !texts.is_empty() {
        return Some(texts.join("\n"));
    }
    let raw = fields.raw_output.as_ref()?;
    let printed = ["output", "stdout", "stderr", "error"].iter().filter_map(|name| raw[*name].as_str());
    let printed: Vec<&str> = printed.filter(|text| !text.is_empty()).collect();
    match raw {
        Value::String(text) => Some(text.clone()),
        Value::Object(_) if !printed.is_empty() => Some(printed.join("\n")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn exit_code(fields: &ToolCallUpdateFields) -> Option<i32> {
    let raw = fields.raw_output.as_ref()?;
    let code = raw["exit_code"].as_i64().or_else(|| raw["exitCode"].as_i64())?;
    i32::try_from(code).ok()
}
