//! What the agent says, message by message. What no version is known to say is kept as *other*.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Asked, StreamCodec, ending, notice, offers, other, send, told};
use crate::agent::protocol::{Signal, Step};
use crate::domain::event::{Body, Level};
use crate::domain::run::{Activity, Failure, Offers};
use crate::domain::transcript::ToolStatus;
use crate::domain::{Event, Key, Time};

/// Messages that tell nothing that is shown.
const NOISE: [&str; 6] =
    ["keep_alive", "tool_progress", "autocompact_state", "tool_use_summary", "prompt_suggestion", "auth_status"];

impl StreamCodec {
    /// A message.
    pub(super) fn record(&mut self, record: &Value, now: Time, step: &mut Step) {
        // A sub-agent's own traffic stands in its own transcript; the call that started it leads there.
        if let Some(call) = record["parent_tool_use_id"].as_str() {
            if let Some(agent) = record["agent_id"].as_str() {
                self.task(call, agent, step);
            }
            return;
        }
        let time = record["timestamp"].as_str().and_then(Time::parse).or(Some(now));
        match record["type"].as_str().unwrap_or_default() {
            "system" => self.system(record, now, step),
            "stream_event" => self.streamed(record, time, step),
            "assistant" => self.assistant(record, step),
            "user" => self.user(record, step),
            "control_request" => self.requested(record, now, step),
            "control_cancel_request" => {
                self.approvals.gone(record["request_id"].as_str().unwrap_or_default(), step);
            }
            "control_response" => self.responded(&record["response"], step),
            "command_lifecycle" => {
                step.signals.extend(self.turns.named(record["command_uuid"].as_str().unwrap_or_default()));
            }
            "rate_limit_event" => self.limited(record, step),
            "conversation_reset" => self.identity.reset(),
            "result" => self.result(record, step),
            kind if NOISE.contains(&kind) => {}
            _ => {
                let text = record.to_string();
                step.signals.push(other(record["uuid"].as_str().unwrap_or(&text), &text, now));
            }
        }
    }

    fn system(&mut self, record: &Value, now: Time, step: &mut Step) {
        let uuid = record["uuid"].as_str().unwrap_or("system");
        let content = record["content"].as_str().unwrap_or_default();
        match record["subtype"].as_str().unwrap_or_default() {
            "init" => self.begun(record, step),
            "status" => self.status(record, step),
            "api_retry" => self.detour(retrying(record, now), step),
            "compact_boundary" => {
                self.condensed = true;
                step.signals.extend(told::events(&told::boundary(record)).into_iter().map(Signal::Event));
            }
            "task_started" => {
                if let (Some(call), Some(task)) = (record["tool_use_id"].as_str(), record["task_id"].as_str()) {
                    self.task(call, task, step);
                }
            }
            "model_fallback" | "model_refusal_fallback" => {
                let told = format!("{} answers instead.", record["fallback_model"].as_str().unwrap_or("Another model"));
                step.signals.push(notice(uuid, Level::Warning, if content.is_empty() { told } else { content.into() }));
            }
            "commands_changed" => {
                self.offers.commands = offers::commands(&record["commands"]);
                self.commands = offers::names(&record["commands"]);
                step.signals.push(Signal::Ready(self.offers.clone()));
            }
            "informational" if record["level"] == "warning" => {
                step.signals.push(notice(uuid, Level::Warning, content));
            }
            // Dozens more tell of hooks, tasks and the agent's own screen.
            _ => {}
        }
    }

    fn begun(&mut self, record: &Value, step: &mut Step) {
        let word = |name: &str| record[name].as_str().map(Arc::from);
        step.signals.extend(record["session_id"].as_str().and_then(|id| self.identity.heard(id)).map(Signal::Session));
        self.check_version(record["claude_code_version"].as_str(), step);
        self.turns.begun();
        step.signals.push(Signal::TurnStarted);
        step.signals.push(Signal::Settings { model: word("model"), mode: word("permissionMode"), effort: None });
    }

    fn check_version(&mut self, version: Option<&str>, step: &mut Step) {
        let Some(old) = version.filter(|version| !offers::numbers_blocks(version)) else { return };
        if self.blocks.are_numbered() {
            self.blocks.only_whole();
            let text = format!("Claude Code {old} is shown paragraph by paragraph; a newer version streams.");
            step.signals.push(notice("old-version", Level::Info, text));
        }
    }

    fn status(&mut self, record: &Value, step: &mut Step) {
        if let Some(mode) = record["permissionMode"].as_str() {
            step.signals.push(Signal::Settings { model: None, mode: Some(mode.into()), effort: None });
        }
        for uuid in record["user_message_uuids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            step.signals.extend(self.turns.named(uuid));
        }
        match record["status"].as_str() {
            Some("compacting") => self.detour(Activity::Compacting, step),
            Some(_) | None => self.answering(step),
        }
        if let Some(error) = record["compact_error"].as_str() {
            step.signals.push(notice(error, Level::Error, format!("The conversation was not compacted: {error}")));
        }
    }

    /// A sub-agent is at work for a call.
    fn task(&mut self, call: &str, agent: &str, step: &mut Step) {
        if self.tasks.insert(call.to_owned()) {
            let subagent = Some(format!("agent-{agent}").into());
            step.signals.push(tool(call, None, subagent));
        }
    }

    /// A piece of the model's answer.
    fn streamed(&mut self, record: &Value, time: Option<Time>, step: &mut Step) {
        self.answering(step);
        let event = &record["event"];
        step.signals.extend(self.blocks.streamed(event, record["api_message_id"].as_str(), time));
        match event["type"].as_str() {
            Some("message_start") => step.signals.extend(self.turns.holds(&event["message"]["usage"])),
            Some("message_delta") => step.signals.extend(self.turns.holds(&event["usage"])),
            _ => {}
        }
    }

    /// A finished block: the whole of what was streamed, or the first that is heard of it.
    fn assistant(&mut self, record: &Value, step: &mut Step) {
        self.answering(step);
        if told::failed(record) {
            self.turns.failed(&record["error"]);
        }
        let message = record["message"]["id"].as_str().unwrap_or_default();
        let numbered = self.blocks.are_numbered() && !message.is_empty() && !told::failed(record);
        let block = numbered.then(|| self.blocks.finished(message));
        for event in told::events(&told::answer(record, block)) {
            let call = match &event.body {
                Body::ToolCall { id, name, input, .. } => {
                    self.approvals.called(id, name, input);
                    self.calls.insert(id.to_string());
                    Some(id.clone())
                }
                _ => None,
            };
            step.signals.push(Signal::Event(event));
            step.signals.extend(call.map(|id| tool(&id, Some(ToolStatus::Running), None)));
        }
    }

    fn user(&mut self, record: &Value, step: &mut Step) {
        let uuid = record["uuid"].as_str().unwrap_or_default();
        if record["isReplay"] == true {
            step.signals.extend(self.turns.named(uuid));
            // A prompt is shown already, unless the agent made a command of it.
            let content = &record["message"]["content"];
            if self.turns.sent(uuid).is_some_and(|sent| content.as_str().is_none_or(|content| content == sent)) {
                return;
            }
        }
        let summary = record["isSynthetic"] == true && std::mem::take(&mut self.condensed);
        for event in told::events(&told::user(record, summary)) {
            if let Body::ToolUpdate { id, .. } = &event.body {
                self.calls.remove(&**id);
            }
            step.signals.push(Signal::Event(event));
        }
    }

    fn requested(&mut self, record: &Value, now: Time, step: &mut Step) {
        let Some(id) = record["request_id"].as_str() else { return };
        let request = &record["request"];
        if request["subtype"] == "can_use_tool" {
            self.approvals.asked(id, request, now, step);
        } else {
            let error = json!({"subtype": "error", "request_id": id, "error": "salon does not know this request"});
            send(&json!({"type": "control_response", "response": error}), step);
        }
    }

    /// The answer to a request of ours. Our own answers come back too, under ids that are not ours.
    fn responded(&mut self, response: &Value, step: &mut Step) {
        let Some(asked) = response["request_id"].as_str().and_then(|id| self.asked.remove(id)) else { return };
        if response["subtype"] == "success" {
            self.granted(asked, &response["response"], step);
        } else {
            refused(&asked, response["error"].as_str().unwrap_or("it did not say why"), step);
        }
    }

    fn granted(&mut self, asked: Asked, told: &Value, step: &mut Step) {
        let (mut model, mut mode, mut effort) = (None, None, None);
        match asked {
            Asked::Initialize => {
                self.offers = offers::offers(told);
                self.commands = offers::names(&told["commands"]);
                self.check_version(told["claude_code_version"].as_str(), step);
                step.signals.push(Signal::Ready(self.offers.clone()));
                mode = told["current_permission_mode"].as_str().map(Arc::from);
            }
            Asked::Interrupt => return,
            Asked::Model => model = told["model"].as_str().map(Arc::from),
            Asked::Mode(wanted) => mode = Some(told["mode"].as_str().map_or(wanted.into(), Arc::from)),
            Asked::Effort(wanted) => effort = Some(wanted.into()),
        }
        if model.is_some() || mode.is_some() || effort.is_some() {
            step.signals.push(Signal::Settings { model, mode, effort });
        }
    }

    fn limited(&mut self, record: &Value, step: &mut Step) {
        let info = &record["rate_limit_info"];
        self.turns.limited(info);
        if info["status"] == "allowed_warning"
            && let Some(used) = info["utilization"].as_f64()
        {
            let limit = info["rateLimitType"].as_str().unwrap_or("usage").replace('_', "-");
            let text = format!("{:.0} % of the {limit} limit is used.", used * 100.0);
            step.signals.push(notice(record["uuid"].as_str().unwrap_or("limit"), Level::Warning, text));
        }
    }

    fn result(&mut self, record: &Value, step: &mut Step) {
        let refused = record["is_error"] == true && record["result"].is_null();
        let refusal = refused.then(|| ending::refusal(&ending::message(record))).flatten();
        if let Some(failure @ Failure::UnknownSession(_)) = refusal {
            step.signals.push(Signal::Fatal(failure));
            return;
        }
        let signals = self.turns.result(record);
        if signals.iter().any(|signal| matches!(signal, Signal::TurnEnded(_))) {
            self.answering(step);
            // Calls without a result never get one.
            let left = self.calls.drain().map(|call| tool(&call, Some(ToolStatus::Interrupted), None));
            step.signals.extend(left);
            self.approvals.clear();
            self.blocks.clear();
        }
        step.signals.extend(signals);
    }
}

fn refused(asked: &Asked, error: &str, step: &mut Step) {
    let text = match asked {
        Asked::Initialize => {
            // An older version works all the same; it only does not say what it offers.
            step.signals.push(Signal::Ready(Offers::default()));
            format!("This version of Claude Code does not say what it offers: {error}")
        }
        Asked::Interrupt => format!("Claude Code could not be interrupted: {error}"),
        Asked::Model => format!("The model stays as it is: {error}"),
        Asked::Mode(mode) => format!("The mode was not changed to {mode}: {error}"),
        Asked::Effort(effort) => {
            format!("This version of Claude Code takes an effort only at its start; {effort} applies from then on.")
        }
    };
    step.signals.push(notice(&text, Level::Warning, text.as_str()));
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

fn tool(id: &str, status: Option<ToolStatus>, subagent: Option<Arc<str>>) -> Signal {
    let body = Body::ToolUpdate { id: id.into(), status, output: None, duration_ms: None, subagent, action: None };
    Signal::Event(Event { key: Key::new(id, 0), time: None, body })
}
