//! Decodes the server's responses.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::super::capabilities::{self, OpenCodeModels};
use super::super::errors;
use super::super::notice::notice;
use super::codec::{ActiveReason, ApiCodec, ApiPrompt, ApiPurpose, MessagesReason};
use super::requests;
use super::steps;
use crate::agent::opencode::record::{self, OpenCodeUsage};
use crate::agent::protocol::{CodecStep, Conversation, ProtocolSignal};
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::PromptId;
use crate::domain::run::{RunFailure, TurnOutcome};
use crate::domain::{Event, Time, Tokens};

/// Maximum messages to read again after a gap, enough for one turn.
const RESYNC_MESSAGES: u32 = 100;

/// Maximum empty lists of models before a session counts as ready.
const MAX_EMPTY_LISTS: u32 = 20;

/// Maximum requests of the active sessions at the end of a turn, of a server that does not report it.
const MAX_CHECKS: u32 = 200;

impl ApiCodec {
    pub(super) fn apply_response(
        &mut self,
        purpose: ApiPurpose,
        status: u16,
        body: &[u8],
        now: Time,
        step: &mut CodecStep,
    ) {
        let is_success = (200..300).contains(&status);
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        match purpose {
            ApiPurpose::Session(conversation) => self.session_opened(&conversation, status, body, step),
            ApiPurpose::Record if is_success => self.session_record(&value["data"], step),
            ApiPurpose::Record => {}
            ApiPurpose::Models(before) => self.models_received(before, is_success, body, step),
            ApiPurpose::Agents => {
                if is_success {
                    self.settings.capabilities.modes = capabilities::modes(value["data"].to_string().as_bytes());
                }
                self.setup_step_done(step);
            }
            ApiPurpose::Commands => {
                let list = if is_success { value["data"].to_string() } else { String::new() };
                self.settings.capabilities.commands = capabilities::commands(list.as_bytes());
                self.setup_step_done(step);
            }
            ApiPurpose::Version => {
                self.settings.capabilities.version = value["version"].as_str().map(str::to_owned);
                self.setup_step_done(step);
            }
            ApiPurpose::Setting(action) => self.setting_answered(action, status, body, now, step),
            ApiPurpose::Prompt(turn, prompt) if turn == self.turns => {
                self.prompt_answered(prompt, status, body, now, step);
            }
            ApiPurpose::Steer(id, prompt) => self.steer_answered(id, prompt, status, body, step),
            ApiPurpose::Command(turn, action) if turn == self.turns => {
                self.command_answered(&action, status, body, step);
            }
            ApiPurpose::Interrupt(turn) if turn == self.turns => self.interrupt_answered(&value, step),
            ApiPurpose::Prompt(..) | ApiPurpose::Command(..) | ApiPurpose::Interrupt(_) => {}
            ApiPurpose::Answer(may_end) => self.answer_delivered(may_end, status, body, now, step),
            ApiPurpose::Active(reason) => self.active_received(reason, status, body, step),
            ApiPurpose::Messages(reason) => self.messages_received(reason, &value["data"], now, step),
            ApiPurpose::Permissions | ApiPurpose::Questions | ApiPurpose::Forms => {
                let open = is_success && self.turn.is_some();
                for request in value["data"].as_array().into_iter().flatten().filter(|_| open) {
                    match purpose {
                        ApiPurpose::Permissions => self.request_permission(request, now, step),
                        ApiPurpose::Questions => self.request_question(request, now, step),
                        _ => self.request_form(request, now, step),
                    }
                }
            }
        }
    }

    fn session_opened(&mut self, conversation: &Conversation, status: u16, body: &[u8], step: &mut CodecStep) {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let record = &value["data"];
        let Some(id) = record["id"].as_str().filter(|_| status == 200) else {
            step.signals.push(ProtocolSignal::Fatal(self.open_failure(conversation, status, body)));
            return;
        };
        // A session keeps its own directory, regardless of the directory of this request.
        if let Some(directory) = record["location"]["directory"].as_str().filter(|directory| !directory.is_empty()) {
            self.directory = PathBuf::from(directory);
        }
        let id: Arc<str> = id.into();
        self.session = Some(id.clone());
        step.signals.push(ProtocolSignal::Session(id));
        self.session_record(record, step);
        let is_new = matches!(conversation, Conversation::New { .. });
        if !is_new && self.settings.model.is_some()
            || self.settings.effort.is_some() && !(is_new && self.settings.model.is_some())
        {
            self.send_model(step);
        }
        if !is_new {
            self.send_mode(step);
        }
        self.pending_setup = 2;
        self.get_shared(ApiPurpose::Models(0), requests::at("/api/model", &self.directory), step);
        self.get_shared(ApiPurpose::Version, "/api/info".into(), step);
        if matches!(conversation, Conversation::Resume(_)) {
            // Another client may use the session, at a server that salon did not start.
            self.pending_setup += 1;
            self.request_active(ActiveReason::Resync(None), step);
        }
    }

    /// Applies the list of models. A server that has just loaded the directory lists none at first, and would not answer a
    /// prompt then.
    fn models_received(&mut self, before: u32, is_success: bool, body: &[u8], step: &mut CodecStep) {
        let models = OpenCodeModels::read_list(body).filter(|_| is_success);
        if before < MAX_EMPTY_LISTS && models.as_ref().is_some_and(OpenCodeModels::is_empty) {
            let path = requests::at("/api/model", &self.directory);
            self.pause_before(before + 1);
            return self.get(ApiPurpose::Models(before + 1), path, step);
        }
        self.settings.models = models.unwrap_or_default();
        self.pending_setup += 2;
        self.get_shared(ApiPurpose::Agents, requests::at("/api/agent", &self.directory), step);
        self.get_shared(ApiPurpose::Commands, requests::at("/api/command", &self.directory), step);
        self.setup_step_done(step);
    }

    /// Failure of opening a session. An unknown session is never silently replaced by an empty one.
    fn open_failure(&self, conversation: &Conversation, status: u16, body: &[u8]) -> RunFailure {
        let text = errors::rejection_text(status, body);
        let is_unknown =
            serde_json::from_slice::<Value>(body).is_ok_and(|error| error["_tag"] == "SessionNotFoundError");
        match conversation {
            Conversation::Resume(id) | Conversation::Fork(id) if is_unknown => RunFailure::UnknownSession(format!(
                "OpenCode's server has no session {id}: it was deleted, belongs to another data folder, or is one of a \
                 version before 2.0 that was not imported. Its transcript can still be read; start a new session to \
                 continue."
            )),
            // Where the path is unknown, some versions serve their web page.
            Conversation::Fork(_) if matches!(status, 200 | 404 | 501 | 503) => {
                RunFailure::Other(self.cannot("fork a session", &text))
            }
            _ => RunFailure::Other(format!("OpenCode cannot open the session: {text}")),
        }
    }

    fn setup_step_done(&mut self, step: &mut CodecStep) {
        self.pending_setup = self.pending_setup.saturating_sub(1);
        if self.pending_setup == 0 {
            self.settings.report_capabilities(step);
            self.settings.assume_defaults(None, step);
        }
    }

    fn setting_answered(&mut self, action: &str, status: u16, body: &[u8], now: Time, step: &mut CodecStep) {
        self.pending_settings = self.pending_settings.saturating_sub(1);
        if !(200..300).contains(&status) {
            let text = self.cannot(action, &errors::rejection_text(status, body));
            step.signals.push(notice(&format!("{action} {}", now.millis()), NoticeLevel::Warning, text));
        }
        if self.pending_settings == 0 {
            self.send_held(step);
        }
    }

    /// Applies the response to a prompt. The server has stored it if it accepts it.
    fn prompt_answered(&mut self, prompt: ApiPrompt, status: u16, body: &[u8], now: Time, step: &mut CodecStep) {
        let Some(turn) = &mut self.turn else { return };
        if (200..300).contains(&status) {
            let interrupt = std::mem::take(&mut turn.abort_pending);
            self.announce_accepted(step);
            if interrupt {
                self.send_interrupt(step);
            }
            return;
        }
        let turn = self.turns;
        if let Some(again) = self.repeated(prompt, status, body) {
            return self.post_prompt(|prompt| ApiPurpose::Prompt(turn, prompt), again, step);
        }
        let text = errors::rejection_text(status, body);
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        self.fail_turn(
            match status {
                404 => RunFailure::UnknownSession(text),
                _ if value["type"].is_string() => steps::failure(&value, now),
                _ => RunFailure::Other(text),
            },
            step,
        );
    }

    /// Returns the prompt to send again: in the other form after a rejection of its form, or under its id after a broken
    /// connection, which makes it the same prompt.
    fn repeated(&mut self, prompt: ApiPrompt, status: u16, body: &[u8]) -> Option<ApiPrompt> {
        let text = String::from_utf8_lossy(body);
        let other_form = status == 400 && !self.dialect.nests_prompt && text.contains("\\\"prompt\\\"");
        self.dialect.nests_prompt |= other_form;
        let again = other_form || status == 0 && !prompt.is_repeated;
        again.then_some(ApiPrompt { is_repeated: true, ..prompt })
    }

    /// Applies the response to a prompt that was sent into the open turn.
    fn steer_answered(&mut self, id: PromptId, prompt: ApiPrompt, status: u16, body: &[u8], step: &mut CodecStep) {
        if (200..300).contains(&status) {
            step.signals.push(ProtocolSignal::PromptAccepted { id });
            step.signals.push(ProtocolSignal::PromptRecorded { id });
            return;
        }
        if let Some(again) = self.repeated(prompt, status, body) {
            self.post_prompt(|prompt| ApiPurpose::Steer(id, prompt), again, step);
        } else {
            let reason = errors::rejection_text(status, body);
            step.signals.push(ProtocolSignal::SteerRefused { id, reason });
        }
    }

    /// Applies the response to a command. What it makes the agent do follows as events.
    fn command_answered(&mut self, action: &str, status: u16, body: &[u8], step: &mut CodecStep) {
        let is_json = body.is_empty() || serde_json::from_slice::<Value>(body).is_ok();
        if !(200..300).contains(&status) || !is_json {
            let reason = errors::rejection_text(status, body);
            return self.fail_turn(RunFailure::Other(self.cannot(action, &reason)), step);
        }
        self.announce_accepted(step);
        let Some(turn) = &mut self.turn else { return };
        turn.done = true;
        if std::mem::take(&mut turn.abort_pending) {
            self.send_interrupt(step);
        } else {
            // A command may do nothing that takes time.
            self.check_end(step);
        }
    }

    fn interrupt_answered(&mut self, value: &Value, step: &mut CodecStep) {
        let Some(turn) = &mut self.turn else { return };
        if value["interrupted"] == false && !turn.began {
            // The execution has not begun yet.
            turn.abort_pending = true;
        }
        self.check_end(step);
    }

    fn answer_delivered(&mut self, may_end: bool, status: u16, body: &[u8], now: Time, step: &mut CodecStep) {
        if !(200..300).contains(&status) {
            let text = format!("The answer was not delivered to OpenCode: {}", errors::rejection_text(status, body));
            step.signals.push(notice(&format!("answer {}", now.millis()), NoticeLevel::Warning, text));
        } else if may_end && !self.dialect.reports_execution && self.turn.is_some() {
            self.checks = 0;
            self.check_end(step);
        }
    }

    fn active_received(&mut self, reason: ActiveReason, status: u16, body: &[u8], step: &mut CodecStep) {
        let value: Option<Value> = serde_json::from_slice(body).ok().filter(|_| status == 200);
        let running = value
            .as_ref()
            .is_none_or(|value| self.session.as_deref().is_some_and(|session| !value["data"][session].is_null()));
        match reason {
            ActiveReason::TurnEnd(turn) if turn == self.turns => match &self.turn {
                Some(_) if value.is_none() => {
                    let text = format!("the outcome of the turn is unknown: {}", errors::rejection_text(status, body));
                    self.fail_turn(RunFailure::Other(text), step);
                }
                Some(open) if !running && open.may_have_ended() && !open.abort_pending => {
                    if self.dialect.reports_execution {
                        let outcome = open.outcome();
                        self.end_turn(outcome, step);
                    } else {
                        // The last events may arrive after this response.
                        self.request_messages(MessagesReason::Ended(turn), step);
                    }
                }
                Some(_) if running && !self.dialect.reports_execution && self.checks < MAX_CHECKS => {
                    self.checks += 1;
                    self.pause_before(self.checks);
                    self.check_end(step);
                }
                _ => {}
            },
            ActiveReason::TurnEnd(_) => {}
            ActiveReason::Resync(turn) => self.resynced(turn, running, value.is_some(), step),
        }
    }

    fn resynced(&mut self, turn: Option<u64>, running: bool, is_known: bool, step: &mut CodecStep) {
        if running && is_known && self.turn.is_none() {
            self.start_foreign_turn(step);
        }
        if self.turn.is_some() {
            let over = turn.filter(|_| !running);
            self.request_messages(over.map_or(MessagesReason::Missing, MessagesReason::Inactive), step);
            for (purpose, path) in [
                (ApiPurpose::Permissions, "/permission"),
                (ApiPurpose::Questions, "/question"),
                (ApiPurpose::Forms, "/form"),
            ] {
                if let Some(path) = self.session_path(path) {
                    self.get(purpose, path, step);
                }
            }
        }
        if self.pending_setup > 0 {
            self.setup_step_done(step);
        }
    }

    pub(super) fn request_messages(&mut self, reason: MessagesReason, step: &mut CodecStep) {
        if let Some(path) = self.session_path(&format!("/message?limit={RESYNC_MESSAGES}&order=desc")) {
            self.get(ApiPurpose::Messages(reason), path, step);
        }
    }

    /// Applies the newest messages: emits what is missing of the open turn.
    fn messages_received(&mut self, reason: MessagesReason, list: &Value, now: Time, step: &mut CodecStep) {
        let mut rows: Vec<&Value> = list.as_array().into_iter().flatten().collect();
        rows.reverse();
        let opening = self.turn.as_ref().and_then(|turn| turn.message.clone());
        let began = self.turn.as_ref().is_some_and(|turn| turn.began);
        let last = || rows.iter().rposition(|row| row["type"] == "user" || row["type"] == "compaction");
        let first = match opening {
            Some(opening) => match rows.iter().position(|row| row["id"] == opening.as_str()) {
                Some(at) => at,
                // The prompt is so long ago that the list lacks it, or it is no message yet.
                None if began || self.rows.has(&opening) => 0,
                None => rows.len(),
            },
            None => last().unwrap_or(0),
        };
        let mut events: Vec<Event> = Vec::new();
        for row in &rows[first..] {
            let (Some(id), Some(kind)) = (row["id"].as_str(), row["type"].as_str()) else { continue };
            if self.last_rows.has(id) && !self.rows.has(id) {
                continue;
            }
            self.rows.put(id, kind, (*row).clone(), &mut events);
            let Some(turn) = self.turn.as_mut().filter(|_| kind == "assistant") else { continue };
            turn.answered = row["time"]["completed"].is_number();
            if row["error"].is_object() {
                turn.error = Some(TurnOutcome::Failed(steps::failure(&row["error"], now)));
            }
        }
        step.signals.extend(events.into_iter().map(ProtocolSignal::Event));
        let (MessagesReason::Inactive(over) | MessagesReason::Ended(over)) = reason else { return };
        let Some(open) = self.turn.as_ref().filter(|_| over == self.turns) else { return };
        let is_over = open.answered || open.interrupted || open.error.is_some();
        if is_over || matches!(reason, MessagesReason::Ended(_)) {
            let outcome = open.outcome();
            self.end_turn(outcome, step);
        } else {
            // The turn may have begun after the session was inactive.
            self.check_end(step);
        }
    }

    /// Applies the session's record: usage, model and agent.
    pub(super) fn session_record(&mut self, record: &Value, step: &mut CodecStep) {
        self.settings.use_reported(&record["model"], &record["agent"], step);
        self.session_usage(record, step);
    }

    pub(super) fn session_usage(&mut self, record: &Value, step: &mut CodecStep) {
        let data = serde_json::json!({"tokens": record["tokens"]}).to_string();
        let tokens = record::head(&data).and_then(|head| head.tokens).map(OpenCodeUsage::tokens);
        self.update_usage(tokens, record["cost"].as_f64(), None, step);
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
