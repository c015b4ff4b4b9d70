//! Decodes the server's responses.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::super::record::{self, OpenCodeUsage};
use super::capabilities::{self, OpenCodeModels};
use super::codec::{RequestPurpose, SessionCodec, StatusReason};
use super::errors;
use super::messages::PartOrigin;
use super::notice::notice;
use super::turn::OpenCodeTurn;
use crate::agent::protocol::{CodecStep, Conversation, ProtocolSignal};
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::PromptId;
use crate::domain::run::{RunFailure, TurnOutcome};
use crate::domain::{Time, Tokens};

/// Maximum messages to read again after a gap, enough for one turn.
const RESYNC_MESSAGES: u32 = 100;

impl SessionCodec {
    pub(super) fn apply_response(
        &mut self,
        purpose: RequestPurpose,
        status: u16,
        body: &[u8],
        now: Time,
        step: &mut CodecStep,
    ) {
        let is_success = (200..300).contains(&status);
        match purpose {
            RequestPurpose::Session(conversation) => self.session_opened(&conversation, status, body, step),
            RequestPurpose::Models => {
                if let Some(models) = OpenCodeModels::read(body).filter(|_| is_success) {
                    self.settings.models = models;
                }
                self.setup_step_done(step);
            }
            RequestPurpose::Agents => {
                if is_success {
                    self.settings.capabilities.modes = capabilities::modes(body);
                }
                self.setup_step_done(step);
            }
            RequestPurpose::Commands => {
                self.settings.capabilities.commands = capabilities::commands(if is_success { body } else { b"[]" });
                self.setup_step_done(step);
            }
            RequestPurpose::Version => {
                let value: Value = serde_json::from_slice(body).unwrap_or_default();
                self.settings.capabilities.version = value["version"].as_str().map(str::to_owned);
                self.setup_step_done(step);
            }
            RequestPurpose::Prompt(turn) | RequestPurpose::Command(turn) if turn == self.turns => {
                self.prompt_answered(matches!(purpose, RequestPurpose::Command(_)), status, body, now, step);
            }
            RequestPurpose::Abort(turn) if turn == self.turns && self.turn.is_some() => {
                self.request_status(StatusReason::TurnEnd(turn), step);
            }
            RequestPurpose::Prompt(_) | RequestPurpose::Command(_) | RequestPurpose::Abort(_) => {}
            RequestPurpose::Steer(id) => self.steer_answered(id, status, body, step),
            RequestPurpose::Answer if is_success => {}
            RequestPurpose::Answer => {
                let text =
                    format!("The answer was not delivered to OpenCode: {}", errors::rejection_text(status, body));
                step.signals.push(notice(&format!("answer {}", now.millis()), NoticeLevel::Warning, text));
            }
            RequestPurpose::Status(reason) => self.status_received(reason, status, body, step),
            RequestPurpose::Messages { over } => self.messages_received(over, is_success, body, now, step),
            RequestPurpose::Permissions | RequestPurpose::Questions => {
                // The list may keep requests of an aborted turn for ever.
                let open = is_success && self.turn.is_some();
                let value: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
                for request in value.iter().filter(|_| open) {
                    self.request_approval(request, matches!(purpose, RequestPurpose::Questions), now, step);
                }
            }
        }
    }

    fn session_opened(&mut self, conversation: &Conversation, status: u16, body: &[u8], step: &mut CodecStep) {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(id) = value["id"].as_str().filter(|_| status == 200) else {
            step.signals.push(ProtocolSignal::Fatal(open_failure(conversation, status, body)));
            return;
        };
        // A session keeps its own directory, regardless of the directory of this request.
        if let Some(directory) = value["directory"].as_str().filter(|directory| !directory.is_empty()) {
            self.directory = PathBuf::from(directory);
        }
        let id: Arc<str> = id.into();
        self.session = Some(id.clone());
        step.signals.push(ProtocolSignal::Session(id));
        self.session_info(&value, step);
        self.pending_setup = 4;
        self.get_shared(RequestPurpose::Models, "/config/providers", step);
        self.get_shared(RequestPurpose::Agents, "/agent", step);
        self.get_shared(RequestPurpose::Commands, "/command", step);
        self.get_shared(RequestPurpose::Version, "/global/health", step);
        if matches!(conversation, Conversation::Resume(_)) {
            // Another client may use the session, at a server that salon did not start.
            self.pending_setup += 1;
            self.request_status(StatusReason::Resync(None), step);
        }
    }

    fn setup_step_done(&mut self, step: &mut CodecStep) {
        self.pending_setup = self.pending_setup.saturating_sub(1);
        if self.pending_setup == 0 {
            self.settings.report_capabilities(step);
            let default = self.settings.models.only_default().cloned();
            self.settings.assume_defaults(default, step);
        }
    }

    /// Applies the response to a prompt. `done`: the response marks the end of the work.
    fn prompt_answered(&mut self, done: bool, status: u16, body: &[u8], now: Time, step: &mut CodecStep) {
        let turns = self.turns;
        let Some(turn) = &mut self.turn else { return };
        if (200..300).contains(&status) {
            turn.accepted = true;
            turn.done = done;
            let abort = std::mem::take(&mut turn.abort_pending);
            let end_uncertain = done || turn.error.is_some() && !turn.began;
            self.announce_accepted(step);
            if abort {
                self.send_abort(step);
            } else if end_uncertain {
                // An event reports the end, but it may have arrived already or been lost.
                self.request_status(StatusReason::TurnEnd(turns), step);
            }
            return;
        }
        // A broken connection does not say if the prompt arrived; a command's error does not say if the turn began.
        if status == 0 || turn.began {
            if status != 0 && turn.error.is_none() {
                turn.error = Some(TurnOutcome::Failed(RunFailure::Other(errors::rejection_text(status, body))));
            }
            turn.accepted = true;
            turn.done = true;
            self.request_status(StatusReason::TurnEnd(turns), step);
            return;
        }
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let failure = match status {
            401 => RunFailure::Other(errors::rejection_text(status, body)),
            404 => RunFailure::UnknownSession(errors::rejection_text(status, body)),
            _ if value["name"].is_string() => errors::failure(&value, now),
            _ => RunFailure::Other(errors::rejection_text(status, body)),
        };
        let outcome = turn.error.take().unwrap_or(TurnOutcome::Failed(failure));
        self.end_turn(outcome, step);
    }

    /// Applies the response to a prompt that was sent into the open turn.
    fn steer_answered(&mut self, id: PromptId, status: u16, body: &[u8], step: &mut CodecStep) {
        // A broken connection does not say if the prompt arrived.
        if (200..300).contains(&status) || status == 0 {
            step.signals.push(ProtocolSignal::PromptAccepted { id });
            return;
        }
        self.steered.retain(|(_, steered)| *steered != id);
        let reason = errors::rejection_text(status, body);
        step.signals.push(ProtocolSignal::SteerRefused { id, reason });
    }

    /// Reports, once, that the agent accepted the prompt.
    pub(super) fn announce_accepted(&mut self, step: &mut CodecStep) {
        if let Some(id) = self.turn.as_mut().and_then(|turn| turn.prompt.take()) {
            step.signals.push(ProtocolSignal::PromptAccepted { id });
        }
    }

    fn status_received(&mut self, reason: StatusReason, status: u16, body: &[u8], step: &mut CodecStep) {
        let value: Option<Value> = serde_json::from_slice(body).ok().filter(|_| status == 200);
        let busy = value.as_ref().is_none_or(|value| {
            let kind = self.session.as_deref().and_then(|session| value[session]["type"].as_str());
            !matches!(kind, None | Some("idle"))
        });
        match reason {
            StatusReason::TurnEnd(turn) if turn == self.turns => match (&mut self.turn, value.is_some()) {
                (Some(open), true) if !busy && open.may_have_ended() => {
                    let outcome = open.outcome();
                    self.end_turn(outcome, step);
                }
                (Some(_), false) => {
                    let text = format!("the outcome of the turn is unknown: {}", errors::rejection_text(status, body));
                    self.end_turn(TurnOutcome::Failed(RunFailure::Other(text)), step);
                }
                _ => {}
            },
            StatusReason::TurnEnd(_) => {}
            StatusReason::Resync(turn) => {
                if busy && value.is_some() && self.turn.is_none() {
                    self.start_foreign_turn(step);
                }
                if self.turn.is_some() {
                    let session = self.session.clone().unwrap_or_default();
                    let over = turn.filter(|_| !busy);
                    let path = format!("/session/{session}/message?limit={RESYNC_MESSAGES}");
                    self.get(RequestPurpose::Messages { over }, path, step);
                    self.get(RequestPurpose::Permissions, "/permission".into(), step);
                    self.get(RequestPurpose::Questions, "/question".into(), step);
                }
                if self.pending_setup > 0 {
                    self.setup_step_done(step);
                }
            }
        }
    }

    /// Starts a turn that another client prompted.
    pub(super) fn start_foreign_turn(&mut self, step: &mut CodecStep) {
        self.turns += 1;
        self.messages.clear();
        self.turn = Some(OpenCodeTurn::foreign());
        step.signals.push(ProtocolSignal::TurnStarted);
    }

    /// Applies the newest messages after a gap: emits what is missing of the open turn.
    fn messages_received(&mut self, over: Option<u64>, is_success: bool, body: &[u8], now: Time, step: &mut CodecStep) {
        let value: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
        let first = self.first_of_turn(&value);
        for message in value.iter().skip(first).filter(|_| is_success) {
            self.message(&message["info"], now, step);
            for part in message["parts"].as_array().into_iter().flatten() {
                self.part(part, PartOrigin::List, step);
            }
        }
        let Some(open) = self.turn.as_ref().filter(|_| over == Some(self.turns)) else { return };
        if open.answered || open.error.is_some() {
            let outcome = open.outcome();
            self.end_turn(outcome, step);
        } else {
            // The turn may have begun after the status was idle.
            self.request_status(StatusReason::TurnEnd(self.turns), step);
        }
    }

    /// Index of the open turn's first message: its prompt, else the last message of a user.
    fn first_of_turn(&self, value: &[Value]) -> usize {
        let id = |message: &Value| message["info"]["id"].as_str().unwrap_or_default().to_owned();
        let opening = self.turn.as_ref().and_then(|turn| turn.message.clone());
        let known = opening.and_then(|opening| value.iter().position(|message| id(message) >= opening));
        let last = || value.iter().rposition(|message| message["info"]["role"] == "user");
        known.or_else(last).unwrap_or(value.len())
    }

    /// Applies the session's record: usage and model.
    pub(super) fn session_info(&mut self, info: &Value, step: &mut CodecStep) {
        self.settings.use_reported(&info["model"], &info["agent"], step);
        let data = serde_json::json!({"tokens": info["tokens"]}).to_string();
        let tokens = record::head(&data).and_then(|head| head.tokens).map(OpenCodeUsage::tokens);
        self.update_usage(tokens, info["cost"].as_f64(), None, step);
    }

    /// Reports usage if it changed.
    pub(super) fn update_usage(
        &mut self,
        tokens: Option<Tokens>,
        cost_usd: Option<f64>,
        context: Option<(u64, u64)>,
        step: &mut CodecStep,
    ) {
        let known = self.usage;
        self.usage = (tokens.or(known.0), cost_usd.or(known.1), context.or(known.2));
        if self.usage != known {
            step.signals.push(ProtocolSignal::Usage { tokens, cost_usd, context });
        }
    }
}

/// Failure of opening a session. An unknown session is never silently replaced by an empty one.
fn open_failure(conversation: &Conversation, status: u16, body: &[u8]) -> RunFailure {
    match (conversation, status) {
        (Conversation::Resume(id) | Conversation::Fork(id), 404) => RunFailure::UnknownSession(format!(
            "OpenCode's server has no session {id}: it was deleted, belongs to another data folder, or exists \
             only in the files of an older OpenCode. Its transcript can still be read; start a new session to continue."
        )),
        _ => RunFailure::Other(format!("OpenCode cannot open the session: {}", errors::rejection_text(status, body))),
    }
}
