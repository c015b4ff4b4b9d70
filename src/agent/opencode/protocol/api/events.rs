//! Decodes the server's events, of this session and of its sub-agents. Those of a step are in [`super::steps`].

use memchr::memmem;
use serde_json::Value;

use super::codec::{ApiCodec, MessagesReason};
use super::inputs::input_id;
use super::requests::{self, ApiRequestKind, OpenRequest};
use super::steps;
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::approval::Approval;
use crate::domain::run::{Activity, SubagentProgress, TurnOutcome};
use crate::domain::{EntryKey, Event, EventBody, Time};
use crate::stdx::text::first_chars;

/// Events that do not concern the conversation, or whose content others have.
const WITHOUT_CONTENT: [&str; 14] = [
    "created",
    "updated",
    "deleted",
    "renamed",
    "moved",
    "forked",
    "diff",
    "agent.selected",
    "agent.switched",
    "instructions.updated",
    "idle",
    "status",
    "viewed",
    "compaction.delta",
];

impl ApiCodec {
    pub(super) fn apply_server_event(&mut self, data: &[u8], now: Time, step: &mut CodecStep) {
        // Most events are of other sessions, and searching for an id is faster than parsing JSON.
        let session_ids = self.session.iter().chain(&self.children);
        if !session_ids.into_iter().any(|id| memmem::find(data, id.as_bytes()).is_some()) {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
        let data = &event["data"];
        let data = if data["form"].is_object() { &data["form"] } else { data };
        let session = data["sessionID"].as_str();
        let own = session.is_some() && session == self.session.as_deref();
        let child = !own && self.is_child(session);
        let kind = event["type"].as_str().unwrap_or_default();
        let of_session = kind.strip_prefix("session.").map(|kind| kind.strip_prefix("next.").unwrap_or(kind));
        match (of_session, kind) {
            (Some("created" | "forked"), _) if !own => self.register_child(data),
            (Some(kind), _) if own => self.apply_session_event(kind, &event, data, now, step),
            (Some("tool.called"), _) if child => self.subagent_called(data, step),
            (Some("tool.success" | "tool.failed"), _) if child => self.subagent_done(data, step),
            (None, "permission.v2.asked" | "permission.asked") if own || child => {
                self.request_permission(data, now, step);
            }
            (None, "question.v2.asked" | "question.asked") if own || child => self.request_question(data, now, step),
            (None, "form.created") if own || child => self.request_form(data, now, step),
            (
                None,
                "permission.v2.replied"
                | "permission.replied"
                | "question.v2.replied"
                | "question.replied"
                | "question.v2.rejected"
                | "question.rejected"
                | "form.replied"
                | "form.cancelled",
            ) if own || child => {
                let id = data["requestID"].as_str().or_else(|| data["id"].as_str());
                if let Some((call, since)) = id.and_then(|id| self.waiting_calls.remove(id)) {
                    self.rows.call_waited(call, now.since(since));
                }
                if let Some((id, _)) = id.and_then(|id| self.approvals.remove_entry(id)) {
                    step.signals.push(ProtocolSignal::ApprovalGone(id));
                }
            }
            _ => {}
        }
    }

    fn apply_session_event(&mut self, kind: &str, event: &Value, data: &Value, now: Time, step: &mut CodecStep) {
        match kind {
            "prompt.admitted" | "input.admitted" => self.inputs.admit(data),
            "prompted" | "input.promoted" => self.promoted(data, now, step),
            "execution.started" => {
                self.dialect.reports_execution = true;
                self.began(step);
            }
            "execution.succeeded" => self.execution_ended(TurnOutcome::Done, step),
            "execution.failed" => {
                self.execution_ended(TurnOutcome::Failed(steps::failure(&data["error"], now)), step);
            }
            "execution.interrupted" => self.execution_ended(TurnOutcome::Interrupted, step),
            "usage.updated" => self.session_usage(data, step),
            "model.selected" | "model.switched" => self.settings.use_reported(&data["model"], &Value::Null, step),
            "retry.scheduled" => self.retry_scheduled(data, step),
            "compaction.started" => {
                self.began(step);
                step.signals.push(ProtocolSignal::Activity(Activity::Compacting));
            }
            "compaction.ended" | "compaction.failed" => {
                step.signals.push(ProtocolSignal::Activity(Activity::Answering));
                // The summary is a message of its own.
                self.request_messages(MessagesReason::Missing, step);
            }
            "compaction.admitted" => {}
            kind if WITHOUT_CONTENT.contains(&kind) || kind.starts_with("revert.") => {}
            kind if self.apply_step_event(kind, data, now, step) => {}
            kind => {
                let id = event["id"].as_str().unwrap_or(kind);
                let body = EventBody::Other(first_chars(&format!("{kind} {data}"), 2000).to_owned());
                step.signals.push(ProtocolSignal::Event(Event { key: EntryKey::new(id, 0), time: Some(now), body }));
            }
        }
    }

    /// Handles a sign that the session works: of the open turn, or of one that another client prompted.
    pub(super) fn began(&mut self, step: &mut CodecStep) {
        if self.turn.is_none() {
            self.start_foreign_turn(step);
        }
        self.checks = 0;
        let Some(turn) = &mut self.turn else { return };
        turn.begin();
        if turn.accepted && std::mem::take(&mut turn.abort_pending) {
            self.send_interrupt(step);
        }
    }

    /// Handles a prompt that became a message.
    fn promoted(&mut self, data: &Value, now: Time, step: &mut CodecStep) {
        let Some(id) = input_id(data) else { return };
        self.began(step);
        let row = self.inputs.promote(data);
        if let Some(turn) = &mut self.turn {
            turn.message.get_or_insert_with(|| id.to_owned());
            if turn.message.as_deref() == Some(id) {
                // The event may precede the response.
                self.announce_accepted(step);
            }
        }
        let Some(mut row) = row else { return };
        if row["time"]["created"].is_null() {
            row["time"]["created"] = now.millis().into();
        }
        let mut events = Vec::new();
        self.rows.put(id, "user", row, &mut events);
        step.signals.extend(events.into_iter().map(ProtocolSignal::Event));
    }

    fn execution_ended(&mut self, outcome: TurnOutcome, step: &mut CodecStep) {
        self.dialect.reports_execution = true;
        let Some(turn) = &mut self.turn else { return };
        // The end of an execution before this turn is of no importance.
        let is_stopped = turn.interrupted && turn.accepted;
        if !turn.began && !is_stopped {
            return;
        }
        let outcome = match outcome {
            _ if turn.interrupted => TurnOutcome::Interrupted,
            TurnOutcome::Failed(failure) => turn.error.take().unwrap_or(TurnOutcome::Failed(failure)),
            outcome => outcome,
        };
        self.end_turn(outcome, step);
    }

    fn retry_scheduled(&mut self, data: &Value, step: &mut CodecStep) {
        self.began(step);
        if let Some(turn) = &mut self.turn {
            turn.retrying = true;
        }
        let attempt = data["attempt"].as_u64().and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or(1);
        let reason = data["error"]["message"].as_str().unwrap_or("the model did not answer").to_owned();
        let at = data["at"].as_i64().map(Time::from_millis);
        step.signals.push(ProtocolSignal::Activity(Activity::Retrying { attempt, at, reason }));
    }

    pub(super) fn request_permission(&mut self, request: &Value, now: Time, step: &mut CodecStep) {
        let source = &request["source"];
        let call = self.rows.call(source["messageID"].as_str().unwrap_or_default(), source["callID"].as_str());
        let approval = requests::permission(request, call, now);
        self.request_approval(request, approval, ApiRequestKind::Permission, now, step);
    }

    pub(super) fn request_question(&mut self, request: &Value, now: Time, step: &mut CodecStep) {
        let approval = super::super::approvals::question(request, now);
        self.request_approval(request, approval, ApiRequestKind::Question, now, step);
    }

    pub(super) fn request_form(&mut self, form: &Value, now: Time, step: &mut CodecStep) {
        if let Some((approval, fields)) = requests::form(form, now) {
            self.request_approval(form, Some(approval), ApiRequestKind::Form(fields), now, step);
        }
    }

    fn request_approval(
        &mut self,
        request: &Value,
        approval: Option<Approval>,
        kind: ApiRequestKind,
        now: Time,
        step: &mut CodecStep,
    ) {
        let session = request["sessionID"].as_str();
        let known = self.session.iter().chain(&self.children).find(|id| session == Some(id)).cloned();
        let (Some(session), Some(approval)) = (known, approval) else { return };
        let waiting_call = approval.tool_id.clone().filter(|_| matches!(kind, ApiRequestKind::Permission));
        let open = OpenRequest { session, kind };
        if self.approvals.insert(approval.id.clone(), open).is_none() {
            self.waiting_calls.extend(waiting_call.map(|call| (approval.id.clone(), (call, now))));
            step.signals.push(ProtocolSignal::Approval(approval));
        }
    }

    fn register_child(&mut self, data: &Value) {
        let info = if data["info"].is_object() { &data["info"] } else { data };
        let parent = info["parentID"].as_str();
        let is_descendant = parent.is_some() && (parent == self.session.as_deref() || self.is_child(parent));
        let id = info["id"].as_str().or_else(|| data["sessionID"].as_str());
        if let Some(id) = id.filter(|id| is_descendant && !self.is_child(Some(id))) {
            self.children.push(id.into());
        }
    }

    pub(super) fn is_child(&self, id: Option<&str>) -> bool {
        self.children.iter().any(|child| Some(&**child) == id)
    }

    /// Reports the tool of a sub-agent. One whose call is not known yet is reported with its next tool.
    fn subagent_called(&mut self, data: &Value, step: &mut CodecStep) {
        let session = data["sessionID"].as_str().unwrap_or_default();
        let Some(progress) = self.subagents.get_mut(session) else { return };
        let name = data["tool"].as_str().or_else(|| data["name"].as_str()).unwrap_or("tool");
        let state = serde_json::json!({"input": data["input"]});
        progress.called(name, &crate::agent::opencode::action::action(name, &state).headline());
        step.signals.push(ProtocolSignal::Subagent(progress.clone()));
    }

    fn subagent_done(&mut self, data: &Value, step: &mut CodecStep) {
        let session = data["sessionID"].as_str().unwrap_or_default();
        let Some(progress) = self.subagents.get_mut(session) else { return };
        progress.tool = None;
        step.signals.push(ProtocolSignal::Subagent(progress.clone()));
    }

    /// Registers the session of a sub-agent that a call started.
    pub(super) fn register_subagent(&mut self, call: &str, metadata: &Value) {
        let child = metadata["sessionID"].as_str().or_else(|| metadata["sessionId"].as_str());
        let Some(child) = child.filter(|child| Some(*child) != self.session.as_deref()) else { return };
        if !self.is_child(Some(child)) {
            self.children.push(child.into());
        }
        let new = || SubagentProgress::new(call, Some(child));
        self.subagents.entry(child.into()).or_insert_with(new).call = call.into();
    }
}
