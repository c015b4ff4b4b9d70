//! Decodes Codex's notifications: turns, streamed items, usage, rate limits and errors.

use std::sync::Arc;

use serde_json::Value;

use super::super::dialect::turn_key;
use super::super::line::ItemKind;
use super::approvals::CodexApproval;
use super::modes::CodexMode;
use super::{ThreadCodec, errors, event, items, rpc};
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::event::{Delta, EventBody, NoticeLevel};
use crate::domain::run::{Activity, RunFailure, SubagentProgress, TurnOutcome};
use crate::domain::transcript::{ToolAction, ToolStatus};
use crate::domain::{EntryKey, Event, Time, Tokens};

/// Notifications for other clients, or with data that other messages contain too.
const IGNORED: [&str; 30] = [
    "account/login/completed",
    "account/updated",
    "app/list/updated",
    "deprecationNotice",
    "hook/completed",
    "hook/started",
    "item/autoApprovalReview/completed",
    "item/autoApprovalReview/started",
    "item/commandExecution/terminalInteraction",
    "mcpServer/startupStatus/updated",
    "model/safetyBuffering/updated",
    "model/verification",
    "project/changed",
    "rawResponse/completed",
    "rawResponseItem/completed",
    "remoteControl/status/changed",
    "skills/changed",
    "thread/closed",
    "thread/environment/connected",
    "thread/environment/disconnected",
    "thread/goal/cleared",
    "thread/goal/updated",
    "thread/name/updated",
    "thread/prediction/updated",
    "thread/queue/changed",
    "thread/readState/changed",
    "thread/section/changed",
    "thread/started",
    "thread/status/changed",
    "turn/diff/updated",
];

impl ThreadCodec {
    pub(super) fn apply_notification(&mut self, method: &str, params: &Value, time: Time, step: &mut CodecStep) {
        match method {
            "account/rateLimits/updated" => return self.limits_updated(&params["rateLimits"], step),
            "serverRequest/resolved" => return self.request_resolved(&params["requestId"], step),
            _ if self.is_other_thread(params) => return self.subagent_notification(method, params, step),
            _ => {}
        }
        match method {
            "turn/started" => self.turn_started(&params["turn"], step),
            "turn/completed" => self.turn_completed(&params["turn"], time, step),
            "turn/plan/updated" => self.plan_updated(params, time, step),
            "item/started" => self.item(params, false, time, step),
            "item/completed" => self.item(params, true, time, step),
            "thread/tokenUsage/updated" => step.signals.push(usage(&params["tokenUsage"])),
            "thread/settings/updated" => self.settings_updated(&params["threadSettings"], step),
            "thread/compacted" => self.compacted(params["turnId"].as_str().unwrap_or_default(), time, step),
            "model/rerouted" => self.model_rerouted(params, time, step),
            "error" => self.error_reported(params, time, step),
            "warning" | "guardianWarning" => {
                self.warn(rpc::message(params).to_owned(), NoticeLevel::Warning, time, step);
            }
            "configWarning" => self.warn(summary(params), NoticeLevel::Info, time, step),
            _ if IGNORED.contains(&method) => {}
            _ => self.apply_delta(method, params, time, step),
        }
    }

    /// Records a report of the account's limits.
    pub(super) fn limits_updated(&mut self, snapshot: &Value, step: &mut CodecStep) {
        self.limits.update(snapshot);
        step.signals.extend(self.limits.quota().map(ProtocolSignal::Quota));
    }

    /// True for another thread: a sub-agent's, which has a transcript of its own.
    fn is_other_thread(&self, params: &Value) -> bool {
        match (&self.id, params["threadId"].as_str()) {
            (Some(own_thread), Some(thread)) => **own_thread != *thread,
            _ => false,
        }
    }

    /// Decodes a notification of a sub-agent's thread: its progress only.
    fn subagent_notification(&mut self, method: &str, params: &Value, step: &mut CodecStep) {
        let (Some(thread), "item/started" | "item/completed") = (params["threadId"].as_str(), method) else { return };
        // A thread whose call is not known yet is none of this turn's.
        let Some(progress) = self.subagents.get_mut(thread) else { return };
        let (kind, stored) = items::stored(&params["item"]);
        if kind != ItemKind::Tool {
            return;
        }
        if method == "item/started" {
            if let Some(EventBody::ToolCall { name, action, .. }) = super::super::items::tool(&stored).first() {
                progress.called(name, &action.headline());
            }
        } else {
            progress.tool = None;
        }
        step.signals.push(ProtocolSignal::Subagent(progress.clone()));
    }

    /// Records the threads of the sub-agents that a call started.
    fn subagents_started(&mut self, call: &str, item: &Value, step: &mut CodecStep) {
        if item["type"] != "collabAgentToolCall" {
            return;
        }
        for thread in item["receiverThreadIds"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !self.subagents.contains_key(thread) {
                let progress = SubagentProgress::new(call, Some(thread));
                step.signals.push(ProtocolSignal::Subagent(progress.clone()));
                self.subagents.insert(thread.to_owned(), progress);
            }
        }
    }

    fn turn_started(&mut self, turn: &Value, step: &mut CodecStep) {
        if self.turn.begin(turn["id"].as_str().unwrap_or_default()) {
            self.announce_turn(step);
            if std::mem::take(&mut self.turn.interrupt) {
                self.interrupt(step);
            }
        }
    }

    fn turn_completed(&mut self, turn: &Value, time: Time, step: &mut CodecStep) {
        let id = turn["id"].as_str().unwrap_or_default();
        let error = &turn["error"];
        let outcome = match turn["status"].as_str() {
            Some("interrupted") => TurnOutcome::Interrupted,
            _ if !error.is_null() => TurnOutcome::Failed(errors::of_turn(error, &self.limits)),
            Some("failed") => {
                TurnOutcome::Failed(RunFailure::Other("Codex reported a failure without a reason".into()))
            }
            _ => TurnOutcome::Done,
        };
        if self.turn.matches_end(id, &outcome) {
            self.end_turn(outcome, time, step);
        }
    }

    /// Ends the open turn: its calls stop, and its approvals are withdrawn.
    pub(super) fn end_turn(&mut self, outcome: TurnOutcome, time: Time, step: &mut CodecStep) {
        let key = turn_key(self.turn.id().map_or("", |name| name));
        let calls: Vec<Arc<str>> = self.calls.drain().map(|(id, _)| id).collect();
        let status = if outcome == TurnOutcome::Done { ToolStatus::Done } else { ToolStatus::Interrupted };
        step.signals.extend(calls.into_iter().map(|id| update(id, Some(status), None, time)));
        let stopped = std::mem::take(&mut self.stopped).into_iter();
        step.signals.extend(stopped.map(|id| update(id, Some(ToolStatus::Interrupted), None, time)));
        match &outcome {
            TurnOutcome::Done => {}
            TurnOutcome::Interrupted => {
                step.signals.push(notice(key, NoticeLevel::Warning, "Interrupted.".into(), time));
            }
            TurnOutcome::Failed(failure) => {
                step.signals.push(notice(key, NoticeLevel::Error, failure_text(failure), time));
            }
        }
        let own_thread = self.id.clone().unwrap_or_default();
        self.approvals.retain(|id, pending| {
            let stays = pending.thread != own_thread;
            if !stays {
                step.signals.push(ProtocolSignal::ApprovalGone(id.clone()));
            }
            stays
        });
        self.turn.close();
        self.echo = None;
        self.is_paused = false;
        step.signals.push(ProtocolSignal::TurnEnded(outcome));
        // Sub-agents outlive the turn that started them, and so do their requests.
        step.signals.extend(self.approvals.values().map(|pending| ProtocolSignal::Approval(pending.approval.clone())));
    }

    fn request_resolved(&mut self, request: &Value, step: &mut CodecStep) {
        let id: Arc<str> = request.to_string().into();
        if self.approvals.remove(&id).is_some() {
            step.signals.push(ProtocolSignal::ApprovalGone(id));
        }
    }

    fn item(&mut self, params: &Value, complete: bool, time: Time, step: &mut CodecStep) {
        let item = &params["item"];
        let (kind, stored) = items::stored(item);
        let began = item["startedAtMs"].as_i64().map_or(time, Time::from_millis);
        if kind != ItemKind::Ignored {
            self.resume_answering(step);
        }
        match kind {
            ItemKind::Tool => self.tool(params, &stored, complete, began, step),
            ItemKind::Ignored => self.apply_hidden_item(item, complete, time, step),
            ItemKind::User if self.is_echo(item) => {}
            ItemKind::User
            | ItemKind::Agent
            | ItemKind::Reasoning
            | ItemKind::Plan
            | ItemKind::Review
            | ItemKind::Unknown => {
                if complete && let Some(body) = items::message_body(kind, &stored) {
                    step.signals.push(event(items::key(item), began, body));
                }
            }
        }
    }

    /// True if a prompt is the echo of one that salon sent, whose entry exists already.
    fn is_echo(&mut self, item: &Value) -> bool {
        if item["clientId"].is_string() {
            return item["clientId"].as_str().is_some_and(|id| id.starts_with(super::OUR_PROMPTS));
        }
        let text = item["content"].as_array().and_then(|parts| parts.first()?["text"].as_str());
        // The echo arrives twice: when the item starts and when it is complete.
        self.echo.is_some() && self.echo.as_deref() == text
    }

    fn tool(&mut self, params: &Value, stored: &Value, complete: bool, time: Time, step: &mut CodecStep) {
        let id: Arc<str> = stored["id"].as_str().unwrap_or_default().into();
        let key = items::tool_key(params["turnId"].as_str().unwrap_or_default(), &id);
        let bodies = super::super::items::tool(stored);
        if complete {
            self.calls.remove(&id);
        } else if let Some(EventBody::ToolCall { action, .. }) = bodies.first() {
            self.calls.insert(id, action.clone());
        }
        step.signals.extend(bodies.into_iter().map(|body| event(key, time, body)));
        self.subagents_started(stored["id"].as_str().unwrap_or_default(), &params["item"], step);
    }

    fn apply_hidden_item(&mut self, item: &Value, complete: bool, time: Time, step: &mut CodecStep) {
        if item["type"] != "contextCompaction" {
            return;
        }
        if complete {
            self.compacted(item["id"].as_str().unwrap_or_default(), time, step);
        } else {
            self.is_paused = true;
            step.signals.push(ProtocolSignal::Activity(Activity::Compacting));
        }
    }

    fn compacted(&mut self, id: &str, time: Time, step: &mut CodecStep) {
        step.signals.push(notice(EntryKey::new(id, 1), NoticeLevel::Boundary, "Conversation compacted.".into(), time));
        self.is_paused = true;
        self.resume_answering(step);
    }

    /// Reports that the agent answers again after a retry or a compaction.
    fn resume_answering(&mut self, step: &mut CodecStep) {
        if std::mem::take(&mut self.is_paused) {
            step.signals.push(ProtocolSignal::Activity(Activity::Answering));
        }
    }

    /// Decodes a delta of an item.
    fn apply_delta(&mut self, method: &str, params: &Value, time: Time, step: &mut CodecStep) {
        let id = params["itemId"].as_str().unwrap_or_default();
        let delta = || Delta::Append(params["delta"].as_str().unwrap_or_default().to_owned());
        let body = match method {
            "item/agentMessage/delta" | "item/plan/delta" => EventBody::Text(delta()),
            "item/reasoning/summaryTextDelta" | "item/reasoning/textDelta" => EventBody::Thinking(delta()),
            "item/reasoning/summaryPartAdded" if params["summaryIndex"].as_u64().unwrap_or(0) > 0 => {
                EventBody::Thinking(Delta::Append("\n".into()))
            }
            "item/reasoning/summaryPartAdded" => return,
            "item/commandExecution/outputDelta" | "item/fileChange/outputDelta" => output(id, delta()),
            "item/mcpToolCall/progress" => output(id, Delta::Append(format!("{}\n", rpc::message(params)))),
            "item/fileChange/patchUpdated" => {
                let action = items::edit(&params["changes"]);
                self.calls.insert(id.into(), action.clone());
                return step.signals.push(ProtocolSignal::Event(Event {
                    key: items::tool_key("", id),
                    time: Some(time),
                    body: EventBody::ToolUpdate {
                        id: id.into(),
                        status: None,
                        output: None,
                        duration_ms: None,
                        subagent: None,
                        action: Some(action),
                    },
                }));
            }
            _ => return self.unknown_message(&format!("{method} {params}"), time, step),
        };
        self.resume_answering(step);
        step.signals.push(event(EntryKey::new(id, 0), time, body));
    }

    fn plan_updated(&mut self, params: &Value, time: Time, step: &mut CodecStep) {
        self.resume_answering(step);
        self.unnamed += 1;
        let key = EntryKey::new(&format!("plan of {}", params["turnId"].as_str().unwrap_or_default()), self.unnamed);
        step.signals.push(event(key, time, EventBody::Plan(super::super::calls::plan(&params["plan"]))));
    }

    fn settings_updated(&mut self, params: &Value, step: &mut CodecStep) {
        let text = |name: &str| params[name].as_str().map(Arc::from);
        let mode = CodexMode::from_settings(&params["approvalPolicy"], &params["sandboxPolicy"])
            .map(|mode| mode.name().into());
        self.apply_settings(text("model"), mode, text("effort"), step);
    }

    fn model_rerouted(&mut self, params: &Value, time: Time, step: &mut CodecStep) {
        let model = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
        let (from, to) = (model("fromModel"), model("toModel"));
        self.warn(format!("{from} was not used: {to} answers instead."), NoticeLevel::Warning, time, step);
        self.apply_settings(Some(to.into()), None, None, step);
    }

    /// Reports a retry, or an error outside a turn. An error that ends the turn is reported by the turn's end.
    fn error_reported(&mut self, params: &Value, time: Time, step: &mut CodecStep) {
        let error = &params["error"];
        if params["willRetry"] == true {
            let message = rpc::message(error);
            // `Reconnecting... 2/5`
            let attempt = message.rsplit(' ').next().and_then(|word| word.split('/').next()?.parse().ok()).unwrap_or(1);
            let reason = error["additionalDetails"].as_str().unwrap_or(message).to_owned();
            self.is_paused = true;
            step.signals.push(ProtocolSignal::Activity(Activity::Retrying { attempt, at: None, reason }));
        } else if !self.turn.is_open() {
            let text = failure_text(&errors::of_turn(error, &self.limits));
            self.warn(text, NoticeLevel::Error, time, step);
        }
    }

    /// Emits a notice once, because Codex repeats its warnings with each turn.
    pub(super) fn warn(&mut self, text: String, level: NoticeLevel, time: Time, step: &mut CodecStep) {
        if self.warned.insert(text.clone()) {
            step.signals.push(notice(EntryKey::new(&text, 2), level, text, time));
        }
    }

    /// Emits an unknown message as it is.
    pub(super) fn unknown_message(&mut self, text: &str, time: Time, step: &mut CodecStep) {
        self.unnamed += 1;
        let excerpt = crate::stdx::text::first_chars(text, 2000).to_owned();
        step.signals.push(event(EntryKey::new(&excerpt, self.unnamed), time, EventBody::Other(excerpt)));
    }

    /// Emits the call of a question. Codex's own tool makes a call in the transcript but sends no item for it.
    pub(super) fn question_started(&mut self, pending: &CodexApproval, time: Time, step: &mut CodecStep) {
        let approval = &pending.approval;
        let (Some(id), "request_user_input") = (&approval.tool_id, &*approval.tool) else { return };
        if self.id.as_ref() != Some(&pending.thread) {
            return;
        }
        let (input, action) = (approval.input.clone(), approval.action.clone());
        let body = EventBody::ToolCall { id: id.clone(), name: approval.tool.clone(), input, action };
        step.signals.push(event(items::tool_key(&pending.turn, id), time, body));
        self.calls.insert(id.clone(), approval.action.clone());
    }

    pub(super) fn question_ended(&mut self, pending: &CodexApproval, result: &Value, step: &mut CodecStep) {
        let Some(id) = pending.approval.tool_id.as_ref().filter(|_| &*pending.approval.tool == "request_user_input")
        else {
            return;
        };
        if self.calls.remove(id).is_some() {
            let body = EventBody::ToolUpdate {
                id: id.clone(),
                status: Some(ToolStatus::Done),
                output: Some(Delta::Replace(result.to_string())),
                duration_ms: None,
                subagent: None,
                action: super::super::calls::answer(&result.to_string()),
            };
            step.signals.push(ProtocolSignal::Event(Event {
                key: items::tool_key(&pending.turn, id),
                time: None,
                body,
            }));
        }
    }
}

fn usage(params: &Value) -> ProtocolSignal {
    let count = |part: &str, name: &str| params[part][name].as_u64().unwrap_or(0);
    let (cache_read, cache_write) = (count("total", "cachedInputTokens"), count("total", "cacheWriteInputTokens"));
    let input = count("total", "inputTokens").saturating_sub(cache_read).saturating_sub(cache_write);
    let tokens = Tokens { input, output: count("total", "outputTokens"), cache_read, cache_write };
    ProtocolSignal::Usage {
        tokens: Some(tokens),
        cost_usd: None,
        // An interrupted request has no usage, which says nothing about the context.
        context: params["modelContextWindow"]
            .as_u64()
            .map(|window| (count("last", "totalTokens"), window))
            .filter(|(used, _)| *used > 0),
    }
}

fn summary(params: &Value) -> String {
    let text = |name: &str| params[name].as_str().unwrap_or_default();
    format!("{}\n{}", text("summary"), text("details")).trim().to_owned()
}

/// Message of a failure, without the prefix that the interface adds.
fn failure_text(failure: &RunFailure) -> String {
    match failure {
        RunFailure::NotInstalled => "Codex is not installed.".into(),
        failure => failure.detail().to_owned(),
    }
}

fn notice(key: EntryKey, level: NoticeLevel, text: String, time: Time) -> ProtocolSignal {
    event(key, time, EventBody::Notice { level, text })
}

fn output(id: &str, piece: Delta) -> EventBody {
    EventBody::ToolUpdate {
        id: id.into(),
        status: None,
        output: Some(piece),
        duration_ms: None,
        subagent: None,
        action: None,
    }
}

fn update(id: Arc<str>, status: Option<ToolStatus>, action: Option<ToolAction>, time: Time) -> ProtocolSignal {
    let key = EntryKey::new(&id, 0);
    let body = EventBody::ToolUpdate { id, status, output: None, duration_ms: None, subagent: None, action };
    event(key, time, body)
}
