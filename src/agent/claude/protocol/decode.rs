//! Decoding of the agent's messages. A message of unknown type becomes an event of kind *other*.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::tools;
use super::{ControlRequest, StreamCodec, capabilities, errors, messages, notice, other, send};
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::event::{EventBody, NoticeLevel};
use crate::domain::run::{Activity, BackgroundTask, Capabilities, Quota, RunFailure, SubagentProgress};
use crate::domain::transcript::ToolStatus;
use crate::domain::{EntryKey, Event, Time};
use crate::stdx::text::first_chars;

/// Types of messages without shown content.
const IGNORED_TYPES: [&str; 6] =
    ["keep_alive", "tool_progress", "autocompact_state", "tool_use_summary", "prompt_suggestion", "auth_status"];

/// Maximum background tasks per run, because the list is part of each published state.
const MAX_TASKS: usize = 100;

impl StreamCodec {
    /// Decodes a message.
    pub(super) fn record(&mut self, record: &Value, now: Time, step: &mut CodecStep) {
        // A sub-agent's messages are in its own transcript; the call that started it links to that.
        if let Some(call) = record["parent_tool_use_id"].as_str() {
            if let Some(agent) = record["agent_id"].as_str() {
                self.task(call, agent, step);
            }
            return self.subagent_message(call, record, step);
        }
        let time = record["timestamp"].as_str().and_then(Time::parse).or(Some(now));
        match record["type"].as_str().unwrap_or_default() {
            "system" => self.system(record, now, step),
            "stream_event" => self.streamed(record, time, step),
            "assistant" => self.assistant(record, step),
            "user" => self.user(record, step),
            "control_request" => self.requested(record, now, step),
            "control_cancel_request" => {
                self.approvals.withdrawn(record["request_id"].as_str().unwrap_or_default(), step);
            }
            "control_response" => self.responded(&record["response"], step),
            "command_lifecycle" => {
                step.signals.extend(self.turns.acknowledged(record["command_uuid"].as_str().unwrap_or_default()));
            }
            "rate_limit_event" => self.limited(record, step),
            "conversation_reset" => self.identity.reset(),
            "result" => self.result(record, step),
            kind if IGNORED_TYPES.contains(&kind) => {}
            _ => {
                let text = record.to_string();
                step.signals.push(other(record["uuid"].as_str().unwrap_or(&text), &text, now));
            }
        }
    }

    fn system(&mut self, record: &Value, now: Time, step: &mut CodecStep) {
        let uuid = record["uuid"].as_str().unwrap_or("system");
        let content = record["content"].as_str().unwrap_or_default();
        match record["subtype"].as_str().unwrap_or_default() {
            "init" => self.initialized(record, step),
            "status" => self.status(record, step),
            "api_retry" => self.set_activity(retrying(record, now), step),
            "compact_boundary" => {
                self.is_compacted = true;
                step.signals
                    .extend(messages::events(&messages::boundary(record)).into_iter().map(ProtocolSignal::Event));
            }
            "task_started" => {
                if let (Some(call), Some(task)) = (record["tool_use_id"].as_str(), record["task_id"].as_str()) {
                    self.task(call, task, step);
                }
            }
            "background_tasks_changed" => step.signals.push(background_tasks(record)),
            "model_fallback" | "model_refusal_fallback" => {
                let fallback =
                    format!("{} answers instead.", record["fallback_model"].as_str().unwrap_or("Another model"));
                step.signals.push(notice(
                    uuid,
                    NoticeLevel::Warning,
                    if content.is_empty() { fallback } else { content.into() },
                ));
            }
            "commands_changed" => {
                self.capabilities.commands = capabilities::commands(&record["commands"]);
                self.commands = capabilities::command_names(&record["commands"]);
                step.signals.push(ProtocolSignal::Ready(self.capabilities.clone()));
            }
            "informational" if record["level"] == "warning" => {
                step.signals.push(notice(uuid, NoticeLevel::Warning, content));
            }
            // Dozens of other subtypes concern hooks, tasks and the agent's own screen.
            _ => {}
        }
    }

    fn initialized(&mut self, record: &Value, step: &mut CodecStep) {
        let field = |name: &str| record[name].as_str().map(Arc::from);
        step.signals.extend(
            record["session_id"].as_str().and_then(|id| self.identity.observe(id)).map(ProtocolSignal::Session),
        );
        self.check_version(record["claude_code_version"].as_str(), step);
        self.turns.turn_began();
        step.signals.push(ProtocolSignal::TurnStarted);
        step.signals.push(ProtocolSignal::Settings {
            model: field("model"),
            mode: field("permissionMode"),
            effort: None,
        });
    }

    fn check_version(&mut self, version: Option<&str>, step: &mut CodecStep) {
        let Some(old) = version.filter(|version| !capabilities::stores_block_numbers(version)) else { return };
        if self.blocks.are_numbered() {
            self.blocks.drop_deltas();
            let text = format!("Claude Code {old} appears paragraph by paragraph; newer versions stream.");
            step.signals.push(notice("old-version", NoticeLevel::Info, text));
        }
    }

    fn status(&mut self, record: &Value, step: &mut CodecStep) {
        if let Some(mode) = record["permissionMode"].as_str() {
            step.signals.push(ProtocolSignal::Settings { model: None, mode: Some(mode.into()), effort: None });
        }
        for uuid in record["user_message_uuids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            step.signals.extend(self.turns.acknowledged(uuid));
        }
        match record["status"].as_str() {
            Some("compacting") => self.set_activity(Activity::Compacting, step),
            Some(_) | None => self.resume_answering(step),
        }
        if let Some(error) = record["compact_error"].as_str() {
            step.signals.push(notice(
                error,
                NoticeLevel::Error,
                format!("The conversation was not compacted: {error}"),
            ));
        }
    }

    /// Decodes a sub-agent's message: its progress only.
    fn subagent_message(&mut self, call: &str, record: &Value, step: &mut CodecStep) {
        let session = record["agent_id"].as_str().map(|agent| format!("agent-{agent}"));
        let new = || SubagentProgress::new(call, None);
        let progress = self.subagents.entry(call.to_owned()).or_insert_with(new);
        let before = progress.clone();
        progress.session = session.map(Arc::from).or(progress.session.take());
        for block in record["message"]["content"].as_array().into_iter().flatten() {
            match block["type"].as_str().unwrap_or_default() {
                "tool_use" => {
                    let name = block["name"].as_str().unwrap_or_default();
                    progress.called(name, &tools::action(name, &block["input"]).headline());
                }
                "tool_result" => progress.tool = None,
                _ => {}
            }
        }
        if *progress != before || progress.tools == 0 {
            step.signals.push(ProtocolSignal::Subagent(progress.clone()));
        }
    }

    /// Reports the sub-agent's session of a call.
    fn task(&mut self, call: &str, agent: &str, step: &mut CodecStep) {
        if self.tasks.insert(call.to_owned()) {
            let subagent = Some(format!("agent-{agent}").into());
            step.signals.push(tool(call, None, subagent));
        }
    }

    /// Decodes a delta of the model's answer.
    fn streamed(&mut self, record: &Value, time: Option<Time>, step: &mut CodecStep) {
        self.resume_answering(step);
        let event = &record["event"];
        step.signals.extend(self.blocks.streamed(event, record["api_message_id"].as_str(), time));
        match event["type"].as_str() {
            Some("message_start") => step.signals.extend(self.turns.context_usage(&event["message"]["usage"])),
            Some("message_delta") => step.signals.extend(self.turns.context_usage(&event["usage"])),
            _ => {}
        }
    }

    /// Decodes a finished block, which may have been streamed before.
    fn assistant(&mut self, record: &Value, step: &mut CodecStep) {
        self.resume_answering(step);
        if messages::is_error(record) {
            self.turns.error_code(&record["error"]);
        }
        let message = record["message"]["id"].as_str().unwrap_or_default();
        let numbered = self.blocks.are_numbered() && !message.is_empty() && !messages::is_synthetic(record);
        let block = numbered.then(|| self.blocks.finished(message));
        for event in messages::events(&messages::answer(record, block)) {
            let call = match &event.body {
                EventBody::ToolCall { id, name, input, .. } => {
                    self.approvals.record_call(id, name, input);
                    self.calls.insert(id.to_string());
                    self.task_list.called(id, name, input);
                    Some(id.clone())
                }
                _ => None,
            };
            step.signals.push(ProtocolSignal::Event(event));
            step.signals.extend(call.map(|id| tool(&id, Some(ToolStatus::Running), None)));
        }
    }

    fn user(&mut self, record: &Value, step: &mut CodecStep) {
        let uuid = record["uuid"].as_str().unwrap_or_default();
        if record["isReplay"] == true {
            step.signals.extend(self.turns.acknowledged(uuid));
            // The prompt was shown when it was sent, unless the agent expanded it as a command.
            let content = &record["message"]["content"];
            if self.turns.sent_text(uuid).is_some_and(|sent| content.as_str().is_none_or(|content| content == sent)) {
                return;
            }
        }
        let summary = record["isSynthetic"] == true && std::mem::take(&mut self.is_compacted);
        for event in messages::events(&messages::user(record, summary)) {
            if let EventBody::ToolUpdate { id, status, .. } = &event.body {
                self.calls.remove(&**id);
                let list = self.task_list.ended(id, *status == Some(ToolStatus::Done), &record["tool_use_result"]);
                step.signals.extend(list.map(ProtocolSignal::Plan));
            }
            step.signals.push(ProtocolSignal::Event(event));
        }
    }

    fn requested(&mut self, record: &Value, now: Time, step: &mut CodecStep) {
        let Some(id) = record["request_id"].as_str() else { return };
        let request = &record["request"];
        if request["subtype"] == "can_use_tool" {
            self.approvals.requested(id, request, now, step);
        } else {
            let error = json!({"subtype": "error", "request_id": id, "error": "salon does not support this request"});
            send(&json!({"type": "control_response", "response": error}), step);
        }
    }

    /// Decodes the response to a request of salon. Ignores salon's own responses, which the agent echoes under its ids.
    fn responded(&mut self, response: &Value, step: &mut CodecStep) {
        let Some(request) = response["request_id"].as_str().and_then(|id| self.pending.remove(id)) else { return };
        if response["subtype"] == "success" {
            self.succeeded(request, &response["response"], step);
        } else {
            refused(&request, response["error"].as_str().unwrap_or("no reason given"), step);
        }
    }

    fn succeeded(&mut self, request: ControlRequest, response: &Value, step: &mut CodecStep) {
        let (mut model, mut mode, mut effort) = (None, None, None);
        match request {
            ControlRequest::Initialize => {
                self.capabilities = capabilities::parse(response);
                self.commands = capabilities::command_names(&response["commands"]);
                self.check_version(response["claude_code_version"].as_str(), step);
                step.signals.push(ProtocolSignal::Ready(self.capabilities.clone()));
                mode = response["current_permission_mode"].as_str().map(Arc::from);
            }
            ControlRequest::Interrupt | ControlRequest::StopTask => return,
            ControlRequest::Model => model = response["model"].as_str().map(Arc::from),
            ControlRequest::Mode(wanted) => mode = Some(response["mode"].as_str().map_or(wanted.into(), Arc::from)),
            ControlRequest::Effort(wanted) => effort = Some(wanted.into()),
        }
        if model.is_some() || mode.is_some() || effort.is_some() {
            step.signals.push(ProtocolSignal::Settings { model, mode, effort });
        }
    }

    fn limited(&mut self, record: &Value, step: &mut CodecStep) {
        let info = &record["rate_limit_info"];
        self.turns.rate_limit(info);
        if let Some(used) = info["utilization"].as_f64() {
            let resets_at = info["resetsAt"].as_i64().map(Time::from_secs);
            #[expect(clippy::cast_possible_truncation, reason = "a percentage needs no more digits")]
            step.signals.push(ProtocolSignal::Quota(Quota { percent: (used * 100.0) as f32, resets_at }));
        }
        if info["status"] == "allowed_warning"
            && let Some(used) = info["utilization"].as_f64()
        {
            let limit = info["rateLimitType"].as_str().unwrap_or("usage").replace('_', "-");
            let text = format!("{:.0}% of the {limit} limit is used.", used * 100.0);
            step.signals.push(notice(record["uuid"].as_str().unwrap_or("limit"), NoticeLevel::Warning, text));
        }
    }

    fn result(&mut self, record: &Value, step: &mut CodecStep) {
        let refused = record["is_error"] == true && record["result"].is_null();
        let refusal = refused.then(|| errors::refusal(&errors::message(record))).flatten();
        if let Some(failure @ RunFailure::UnknownSession(_)) = refusal {
            step.signals.push(ProtocolSignal::Fatal(failure));
            return;
        }
        let signals = self.turns.result(record);
        if signals.iter().any(|signal| matches!(signal, ProtocolSignal::TurnEnded(_))) {
            self.resume_answering(step);
            // Calls without a result at the end of the turn never get one.
            let unfinished = self.calls.drain().map(|call| tool(&call, Some(ToolStatus::Interrupted), None));
            step.signals.extend(unfinished);
            self.approvals.clear();
            self.subagents.clear();
            self.blocks.clear();
        }
        step.signals.extend(signals);
    }
}

fn refused(request: &ControlRequest, error: &str, step: &mut CodecStep) {
    let text = match request {
        ControlRequest::Initialize => {
            // An early version works as well, but does not list its models and commands.
            step.signals.push(ProtocolSignal::Ready(Capabilities::default()));
            format!("This version of Claude Code does not list its models and commands: {error}")
        }
        ControlRequest::StopTask => format!("The background task was not stopped: {error}"),
        ControlRequest::Interrupt => format!("Claude Code could not be interrupted: {error}"),
        ControlRequest::Model => format!("The model was not changed: {error}"),
        ControlRequest::Mode(mode) => format!("The mode was not changed to {mode}: {error}"),
        ControlRequest::Effort(effort) => {
            format!(
                "This version of Claude Code sets the effort only at start; {effort} applies from the next start on."
            )
        }
    };
    step.signals.push(notice(&text, NoticeLevel::Warning, text.as_str()));
}

fn retrying(record: &Value, now: Time) -> Activity {
    let attempt = record["attempt"].as_u64().and_then(|at| u32::try_from(at).ok()).unwrap_or(1);
    let at = record["retry_delay_ms"].as_f64().map(|delay| {
        #[expect(clippy::cast_possible_truncation, reason = "a delay in ms")]
        let delay = delay.clamp(0.0, 1e12) as i64;
        Time::from_millis(now.millis() + delay)
    });
    let error = record["error"].as_str().unwrap_or("error").replace('_', " ");
    let reason = record["error_status"].as_u64().map_or(error.clone(), |status| format!("{error} ({status})"));
    Activity::Retrying { attempt, at, reason }
}

/// All background tasks after a change, without the agent's own housekeeping.
fn background_tasks(record: &Value) -> ProtocolSignal {
    let tasks = record["tasks"].as_array().into_iter().flatten().filter(|task| task["ambient"] != true);
    let task = |task: &Value| {
        let (id, description) = (task["task_id"].as_str()?, task["description"].as_str().unwrap_or_default());
        let description =
            if description.is_empty() { task["task_type"].as_str().unwrap_or("task") } else { description };
        Some(BackgroundTask { id: id.into(), description: first_chars(description, 200).to_owned() })
    };
    ProtocolSignal::BackgroundTasks(tasks.take(MAX_TASKS).filter_map(task).collect())
}

fn tool(id: &str, status: Option<ToolStatus>, subagent: Option<Arc<str>>) -> ProtocolSignal {
    let body = EventBody::ToolUpdate { id: id.into(), status, output: None, duration_ms: None, subagent, action: None };
    ProtocolSignal::Event(Event { key: EntryKey::new(id, 0), time: None, body })
}
