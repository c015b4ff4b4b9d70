//! Decodes the server's events, of this session and of its sub-agents.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::approvals::{self, ApprovalKind};
use super::capabilities::ModelName;
use super::codec::{SessionCodec, StatusReason};
use super::errors;
use super::messages::PartOrigin;
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::run::{Activity, SubagentProgress, TurnOutcome};
use crate::domain::{EntryKey, Event, EventBody, Time};
use crate::stdx::text::first_chars;

/// An event, from the stream of all directories or of one.
#[derive(Deserialize)]
struct ServerEvent<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, borrow)]
    properties: Option<&'a RawValue>,
    #[serde(default, borrow)]
    payload: Option<Box<ServerEvent<'a>>>,
}

impl SessionCodec {
    pub(super) fn apply_server_event(&mut self, data: &[u8], now: Time, step: &mut CodecStep) {
        // Most events are of other sessions, and searching for an id is faster than parsing JSON.
        let session_ids = self.session.iter().chain(&self.children);
        if !session_ids.into_iter().any(|id| memmem::find(data, id.as_bytes()).is_some()) {
            return;
        }
        let text = String::from_utf8_lossy(data);
        let Ok(event) = serde_json::from_str::<ServerEvent<'_>>(&text) else { return };
        let event = match event {
            ServerEvent { payload: Some(inner), .. } => *inner,
            event => event,
        };
        let properties: Value =
            event.properties.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        self.apply_event(&event, &properties, now, step);
    }

    fn apply_event(&mut self, event: &ServerEvent<'_>, properties: &Value, now: Time, step: &mut CodecStep) {
        let session = properties["sessionID"].as_str().or_else(|| properties["info"]["id"].as_str());
        let own = session.is_some() && session == self.session.as_deref();
        let child = !own && self.children.iter().any(|id| session == Some(id));
        match event.kind.as_str() {
            "permission.asked" if own || child => self.request_approval(properties, false, now, step),
            "question.asked" if own || child => self.request_approval(properties, true, now, step),
            "permission.replied" | "question.replied" | "question.rejected" if own || child => {
                let id = properties["requestID"].as_str().or_else(|| properties["permissionID"].as_str());
                if let Some((call, since)) = id.and_then(|id| self.waiting_calls.remove(id)) {
                    self.messages.call_waited(call, now.since(since));
                }
                if let Some((id, _)) = id.and_then(|id| self.approvals.remove_entry(id)) {
                    step.signals.push(ProtocolSignal::ApprovalGone(id));
                }
            }
            "session.created" | "session.updated" if !own => self.register_child(&properties["info"]),
            "session.updated" if own => self.session_info(&properties["info"], step),
            "message.part.updated" if child => self.subagent_part(&properties["part"], step),
            _ if !own => {}
            "message.updated" => self.message(&properties["info"], now, step),
            "message.part.updated" => self.part(&properties["part"], PartOrigin::Stream, step),
            "message.part.delta" => self.delta(properties, step),
            "session.status" => self.status(&properties["status"], step),
            "session.error" => self.session_error(&properties["error"], now, step),
            "session.idle" => self.session_idle(step),
            // Parts contain this already, or it does not concern the conversation.
            "session.created"
            | "session.deleted"
            | "session.diff"
            | "session.compacted"
            | "todo.updated"
            | "message.removed"
            | "message.part.removed"
            | "command.executed"
            | "sync" => {}
            kind => {
                let id = event.id.as_deref().unwrap_or(kind);
                let body = EventBody::Other(first_chars(&format!("{kind} {properties}"), 2000).to_owned());
                step.signals.push(ProtocolSignal::Event(Event { key: EntryKey::new(id, 0), time: Some(now), body }));
            }
        }
    }

    fn register_child(&mut self, info: &Value) {
        let parent = info["parentID"].as_str();
        let is_descendant = parent.is_some() && (parent == self.session.as_deref() || self.is_child(parent));
        if let Some(id) = info["id"].as_str().filter(|id| is_descendant && !self.is_child(Some(id))) {
            self.children.push(id.into());
        }
    }

    fn is_child(&self, id: Option<&str>) -> bool {
        self.children.iter().any(|child| Some(&**child) == id)
    }

    pub(super) fn request_approval(&mut self, request: &Value, question: bool, now: Time, step: &mut CodecStep) {
        let session = request["sessionID"].as_str();
        if session.is_none() || session != self.session.as_deref() && !self.is_child(session) {
            return;
        }
        let approval = if question {
            approvals::question(request, now)
        } else {
            let tool = &request["tool"];
            let call = self.messages.call(tool["messageID"].as_str().unwrap_or_default(), tool["callID"].as_str());
            approvals::permission(request, call, now)
        };
        let Some(approval) = approval else { return };
        let kind = if question { ApprovalKind::Question } else { ApprovalKind::Permission };
        if self.approvals.insert(approval.id.clone(), kind).is_none() {
            if let Some(call) = approval.tool_id.clone().filter(|_| !question) {
                self.waiting_calls.insert(approval.id.clone(), (call, now));
            }
            step.signals.push(ProtocolSignal::Approval(approval));
        }
    }

    pub(super) fn message(&mut self, info: &Value, now: Time, step: &mut CodecStep) {
        let id = info["id"].as_str().unwrap_or_default();
        let user = info["role"] == "user";
        self.match_turn(info, id, user, step);
        let mut events = Vec::new();
        self.messages.message(info, &mut events);
        step.signals.extend(events.into_iter().map(ProtocolSignal::Event));
        if !user {
            self.reply(info, now, step);
        }
        if user {
            self.prompt_stored(id, step);
            self.settings.use_reported(&info["model"], &info["agent"], step);
        }
        if user && id > self.newest_prompt.as_str() {
            id.clone_into(&mut self.newest_prompt);
        }
    }

    /// Reports that the server stored a prompt that was sent into the open turn.
    fn prompt_stored(&mut self, message: &str, step: &mut CodecStep) {
        if let Some(at) = self.steered.iter().position(|(steered, _)| steered == message) {
            let (_, id) = self.steered.remove(at);
            step.signals.push(ProtocolSignal::PromptAccepted { id });
            step.signals.push(ProtocolSignal::PromptRecorded { id });
        }
    }

    /// Detects that a message belongs to the open turn, and marks the turn as begun.
    fn match_turn(&mut self, info: &Value, id: &str, user: bool, step: &mut CodecStep) {
        let newest_prompt = &self.newest_prompt;
        let Some(turn) = &mut self.turn else { return };
        let opening = if user { Some(id) } else { info["parentID"].as_str() };
        let belongs = match &turn.message {
            Some(message) => opening == Some(message),
            // The message of a compaction, or of another client's turn, is not known in advance: it is a new one, or
            // the newest.
            None if user => id > newest_prompt.as_str(),
            None => turn.began && opening == Some(newest_prompt),
        };
        if !belongs {
            return;
        }
        turn.message = opening.map(str::to_owned);
        turn.begin();
        turn.accepted = true;
        let abort = std::mem::take(&mut turn.abort_pending);
        // The server stores a message before it sends the event.
        let recorded = turn.unrecorded.take();
        self.announce_accepted(step);
        step.signals.extend(recorded.map(|id| ProtocolSignal::PromptRecorded { id }));
        if abort {
            self.send_abort(step);
        }
    }

    /// Reads the record of a reply: progress, model and cost.
    fn reply(&mut self, info: &Value, now: Time, step: &mut CodecStep) {
        self.update_model(info, step);
        let over = info["time"]["completed"].is_number() || info["error"].is_object();
        let compacting = info["summary"] == true || info["mode"] == "compaction";
        let Some(turn) = &mut self.turn else { return };
        let parent = info["parentID"].as_str();
        if over && parent.is_some() && parent == turn.message.as_deref() {
            turn.answered = true;
            if info["error"].is_object() && turn.error.is_none() {
                turn.error = Some(errors::outcome(&info["error"], now));
            }
        }
        let compacting = compacting && !over;
        if turn.compacting != compacting {
            turn.compacting = compacting;
            let activity = if compacting { Activity::Compacting } else { Activity::Answering };
            step.signals.push(ProtocolSignal::Activity(activity));
        }
    }

    /// Reports the model of a reply, and the usage of its context window.
    fn update_model(&mut self, info: &Value, step: &mut CodecStep) {
        let Some(model) = ModelName::read(info) else { return };
        let tokens = &info["tokens"];
        let sum = |paths: &[&str]| {
            let counts = paths.iter().filter_map(|path| tokens.pointer(path).and_then(Value::as_u64));
            counts.fold(0, u64::saturating_add)
        };
        let input = sum(&["/input", "/cache/read", "/cache/write"]);
        let used = input.saturating_add(sum(&["/output", "/reasoning"]));
        // An interrupted reply may have no input, which says nothing about the context.
        if let Some(size) = self.settings.models.context(Some(&model)).filter(|_| input > 0) {
            self.update_usage(None, None, Some((used, size)), step);
        }
        // The agents of compactions and titles are not the session's.
        let is_summary = info["summary"] == true || info["mode"] == "compaction" || info["agent"] == "compaction";
        if !is_summary {
            let mode = info["mode"].as_str().filter(|_| self.settings.mode.is_none()).map(Into::into);
            let shown = [Some(model.to_string().into()), mode, None];
            self.settings.report(shown, step);
            self.settings.in_use = Some(model);
        }
    }

    pub(super) fn part(&mut self, part: &Value, from: PartOrigin, step: &mut CodecStep) {
        let child = part["state"]["metadata"]["sessionId"].as_str().filter(|_| part["tool"] == "task");
        if let Some(child) = child {
            if !self.is_child(Some(child)) {
                self.children.push(child.into());
            }
            let call = part["callID"].as_str().unwrap_or_default();
            let new = || SubagentProgress::new(call, Some(child));
            self.subagents.entry(child.into()).or_insert_with(new).call = call.into();
        }
        let mut events = Vec::new();
        self.messages.part(part, from, &mut events);
        step.signals.extend(events.into_iter().map(ProtocolSignal::Event));
    }

    /// Decodes a part of a sub-agent: its progress only.
    fn subagent_part(&mut self, part: &Value, step: &mut CodecStep) {
        let session = part["sessionID"].as_str().unwrap_or_default();
        // A sub-agent whose call is not known yet is reported with its next part.
        let Some(progress) = self.subagents.get_mut(session).filter(|_| part["type"] == "tool") else { return };
        let name = part["tool"].as_str().unwrap_or_default();
        match part["state"]["status"].as_str() {
            Some("running") if progress.tool.is_none() => {
                progress.called(name, &super::super::action::action(name, &part["state"]).headline());
            }
            Some("completed" | "error") => progress.tool = None,
            _ => return,
        }
        step.signals.push(ProtocolSignal::Subagent(progress.clone()));
    }

    fn delta(&mut self, properties: &Value, step: &mut CodecStep) {
        let (Some(part), Some(more)) = (properties["partID"].as_str(), properties["delta"].as_str()) else { return };
        if properties["field"] != "text" {
            return;
        }
        self.resume_answering(step);
        let mut events = Vec::new();
        self.messages.delta(part, more, &mut events);
        step.signals.extend(events.into_iter().map(ProtocolSignal::Event));
    }

    fn status(&mut self, status: &Value, step: &mut CodecStep) {
        match status["type"].as_str() {
            Some("busy") if self.turn.is_none() => self.start_foreign_turn(step),
            Some("retry") => {
                if self.turn.is_none() {
                    self.start_foreign_turn(step);
                }
                if let Some(turn) = &mut self.turn {
                    turn.retrying = true;
                }
                let attempt = status["attempt"].as_u64().and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or(1);
                let reason = status["message"].as_str().unwrap_or("the model did not answer").to_owned();
                let at = super::super::record::moment(status["next"].as_f64());
                step.signals.push(ProtocolSignal::Activity(Activity::Retrying { attempt, at, reason }));
            }
            // `session.idle` ends a turn; the server also reports "busy" between two attempts.
            _ => {}
        }
    }

    /// Reports that the model answers again after a retry.
    fn resume_answering(&mut self, step: &mut CodecStep) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.retrying) {
            turn.retrying = false;
            step.signals.push(ProtocolSignal::Activity(Activity::Answering));
        }
    }

    fn session_error(&mut self, error: &Value, now: Time, step: &mut CodecStep) {
        let turns = self.turns;
        // The server sends an error that stops a prompt twice: the second one has a stack trace and may arrive during
        // the next turn.
        let again = error["data"]["message"].as_str().is_some_and(|message| message.contains("\n    at "));
        if again && std::mem::take(&mut self.duplicate_error_expected) {
            return;
        }
        self.duplicate_error_expected = error["name"] == "UnknownError" && !again;
        let Some(turn) = &mut self.turn else { return };
        let outcome = errors::outcome(error, now);
        // The last turn's error, late: a turn that has not begun cannot have been interrupted.
        if self.last_was_interrupted && outcome == TurnOutcome::Interrupted && !turn.began && !turn.interrupted {
            return;
        }
        turn.error.get_or_insert(outcome);
        // If a prompt fails before its first message, no end follows.
        if !turn.began && turn.accepted {
            self.request_status(StatusReason::TurnEnd(turns), step);
        }
    }

    /// Ends the turn when the session becomes idle, if the event is about this turn.
    ///
    /// An interrupted turn sends it twice, and the second one may arrive during the next turn.
    fn session_idle(&mut self, step: &mut CodecStep) {
        let turns = self.turns;
        let Some(turn) = &self.turn else { return };
        let turn_over = turn.began && (turn.answered || turn.error.is_some());
        if turn_over || turn.interrupted && turn.accepted {
            let outcome = turn.outcome();
            self.end_turn(outcome, step);
        } else if turn.accepted {
            self.request_status(StatusReason::TurnEnd(turns), step);
        }
    }
}
