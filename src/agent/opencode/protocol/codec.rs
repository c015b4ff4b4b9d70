//! Codec of one conversation: its state, its pending requests, and the encoding of commands.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::approvals::{self, ApprovalKind};
use super::capabilities;
use super::ids;
use super::messages::TurnMessages;
use super::settings::{OpenCodeSettings, take_settings};
use super::turn::OpenCodeTurn;
use crate::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, ProtocolCommand, ProtocolSignal, RunSetting, RunStart,
};
use crate::domain::approval::ApprovalAnswer;
use crate::domain::prompt::{PromptId, PromptImage};
use crate::domain::run::{SubagentProgress, TurnOutcome};
use crate::domain::{EntryKey, Event, EventBody, Time, Tokens};

/// Purpose of a request.
#[derive(Clone, Debug)]
pub(super) enum RequestPurpose {
    /// Opens the session.
    Session(Conversation),
    /// Lists the models.
    Models,
    /// Lists the agents, which are OpenCode's modes.
    Agents,
    /// Lists slash commands.
    Commands,
    Version,
    /// Sends a prompt of this turn; the response arrives at once.
    Prompt(u64),
    /// Sends a prompt into the open turn.
    Steer(PromptId),
    /// Runs a command of this turn; the response arrives at its end.
    Command(u64),
    /// Aborts this turn.
    Abort(u64),
    /// Sends an answer.
    Answer,
    /// Lists the busy sessions.
    Status(StatusReason),
    /// Lists the newest messages.
    Messages {
        /// Turn that was idle before this request.
        over: Option<u64>,
    },
    /// Lists pending permissions.
    Permissions,
    /// Lists pending questions.
    Questions,
}

/// Reason for a status request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusReason {
    /// This turn seems to have ended.
    TurnEnd(u64),
    /// Events were missed; contains the turn that was open and accepted.
    Resync(Option<u64>),
}

/// Id, text and images of a prompt.
type UserPrompt<'a> = (PromptId, &'a str, &'a [PromptImage]);

/// Codec of a session.
#[derive(Debug, Default)]
pub(super) struct SessionCodec {
    pub(super) directory: PathBuf,
    pub(super) session: Option<Arc<str>>,
    /// Sessions of its sub-agents.
    pub(super) children: Vec<Arc<str>>,
    /// Progress of sub-agents, by their sessions.
    pub(super) subagents: HashMap<Arc<str>, SubagentProgress>,
    pending: HashMap<u64, RequestPurpose>,
    requests: u64,
    /// Responses that are missing until the session is ready.
    pub(super) pending_setup: u32,
    pub(super) settings: OpenCodeSettings,
    pub(super) turn: Option<OpenCodeTurn>,
    /// Number of the turn, so that a late response is not attributed to another one.
    pub(super) turns: u64,
    pub(super) messages: TurnMessages,
    /// Prompts that were sent into the open turn, by their message ids, until the server has stored them.
    pub(super) steered: Vec<(String, PromptId)>,
    /// Id of the newest known message of a user.
    pub(super) newest_prompt: String,
    pub(super) approvals: HashMap<Arc<str>, ApprovalKind>,
    /// Calls that wait for a permission, and since when, by the request.
    pub(super) waiting_calls: HashMap<Arc<str>, (Arc<str>, Time)>,
    /// True if the server will send the last error a second time.
    pub(super) duplicate_error_expected: bool,
    /// True if the last turn was interrupted; its error may still arrive.
    pub(super) last_was_interrupted: bool,
    /// Usage as last reported.
    pub(super) usage: (Option<Tokens>, Option<f64>, Option<(u64, u64)>),
}

impl Codec for SessionCodec {
    fn command(&mut self, command: ProtocolCommand, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        match command {
            ProtocolCommand::Open(opening) => self.open(opening, now, &mut step),
            ProtocolCommand::Prompt { id, text, images } => self.prompt((id, &text, &images), now, &mut step),
            ProtocolCommand::Steer { id, text, images } => self.steer((id, &text, &images), now, &mut step),
            // Closing interrupts too: the server outlives the conversation, and a turn without a viewer must end.
            ProtocolCommand::Interrupt | ProtocolCommand::Close => self.interrupt(&mut step),
            ProtocolCommand::Answer { id, answer } => self.answer(&id, &answer, &mut step),
            ProtocolCommand::Set(setting) => self.set(setting, now, &mut step),
            // The server reports no background tasks.
            ProtocolCommand::StopTask(_) => {}
        }
        step
    }

    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        match incoming {
            Incoming::ServerEvent(data) => self.apply_server_event(data, now, &mut step),
            Incoming::Response { id, status, body } => {
                if let Some(purpose) = self.pending.remove(&id) {
                    self.apply_response(purpose, status, body, now, &mut step);
                }
            }
            Incoming::Resumed => self.resync(&mut step),
            Incoming::Line(_) | Incoming::File { .. } | Incoming::Terminal { .. } => {}
        }
        step
    }
}

impl SessionCodec {
    fn open(&mut self, mut opening: RunStart, now: Time, step: &mut CodecStep) {
        for setting in take_settings(&mut opening, now, step) {
            self.set(setting, now, step);
        }
        self.directory = opening.cwd;
        let purpose = RequestPurpose::Session(opening.conversation.clone());
        match opening.conversation {
            Conversation::New { .. } => self.post(purpose, "/session".into(), &json!({}), step),
            Conversation::Resume(id) => self.get(purpose, format!("/session/{}", escaped(&id)), step),
            Conversation::Fork(id) => {
                let body = opening.fork_at.map_or_else(|| json!({}), |prompt| json!({"messageID": &*prompt}));
                self.post(purpose, format!("/session/{}/fork", escaped(&id)), &body, step);
            }
        }
    }

    fn set(&mut self, setting: RunSetting, now: Time, step: &mut CodecStep) {
        let is_model = matches!(setting, RunSetting::Model(_));
        let is_open = self.pending_setup == 0 && self.session.is_some();
        if self.settings.choose(setting, now, step) && is_model && is_open {
            self.settings.report_capabilities(step);
        }
    }

    fn prompt(&mut self, prompt: UserPrompt<'_>, now: Time, step: &mut CodecStep) {
        let (id, text, _) = prompt;
        let Some(session) = self.session.clone() else {
            step.signals.push(ProtocolSignal::TurnEnded(TurnOutcome::Failed(crate::domain::run::RunFailure::Other(
                "the session is not open yet".into(),
            ))));
            return;
        };
        self.turns += 1;
        self.messages.clear();
        let (message, _) = ids::of_prompt(&session, id, now);
        match capabilities::parse_command(text, &self.settings.capabilities) {
            Some(("compact", _)) => {
                // Messages of the last turn may still arrive; that of the compaction is newer.
                self.newest_prompt = ids::first_message(now).max(std::mem::take(&mut self.newest_prompt));
                self.compact(id, &session, step);
            }
            Some((name, arguments)) => {
                let mut body = json!({"messageID": message, "command": name, "arguments": arguments});
                if let Some(model) = &self.settings.model {
                    body["model"] = model.to_string().into();
                }
                self.finish_body(&mut body);
                self.turn = Some(OpenCodeTurn::of_prompt(id, Some(message)));
                self.post(RequestPurpose::Command(self.turns), format!("/session/{session}/command"), &body, step);
            }
            None => {
                self.turn = Some(OpenCodeTurn::of_prompt(id, Some(message)));
                self.send_prompt(RequestPurpose::Prompt(self.turns), &session, prompt, now, step);
            }
        }
    }

    /// Sends a prompt into the open turn: the server adds it to the session, and the model reads it with its next step.
    fn steer(&mut self, prompt: UserPrompt<'_>, now: Time, step: &mut CodecStep) {
        let (id, text, _) = prompt;
        let command = capabilities::parse_command(text, &self.settings.capabilities).is_some();
        let Some(session) = self.session.clone().filter(|_| self.turn.is_some() && !command) else {
            let reason = if command { "a command cannot join a turn" } else { "no turn is open" };
            step.signals.push(ProtocolSignal::SteerRefused { id, reason: reason.to_owned() });
            return;
        };
        self.steered.push((ids::of_prompt(&session, id, now).0, id));
        self.send_prompt(RequestPurpose::Steer(id), &session, prompt, now, step);
    }

    fn send_prompt(
        &mut self,
        purpose: RequestPurpose,
        session: &str,
        (id, text, images): UserPrompt<'_>,
        now: Time,
        step: &mut CodecStep,
    ) {
        let (message, part) = ids::of_prompt(session, id, now);
        let mut parts = vec![json!({"id": part, "type": "text", "text": text})];
        parts.extend(images.iter().map(|image| {
            let name = image.path.file_name().map(|name| name.to_string_lossy());
            let url = format!("file://{}", super::encoded(&image.path));
            json!({"type": "file", "mime": image.media_type, "filename": name, "url": url})
        }));
        let mut body = json!({"messageID": message, "parts": parts});
        if let Some(model) = &self.settings.model {
            body["model"] = json!({"providerID": model.provider, "modelID": model.model});
        }
        self.finish_body(&mut body);
        let event = Event { key: EntryKey::new(&part, 0), time: Some(now), body: EventBody::Prompt(text.to_owned()) };
        step.signals.push(ProtocolSignal::Event(event));
        self.messages.prompt(&message, &part, text);
        self.post(purpose, format!("/session/{session}/prompt_async"), &body, step);
    }

    fn finish_body(&self, body: &mut Value) {
        if let Some(mode) = &self.settings.mode {
            body["agent"] = mode.as_str().into();
        }
        if let Some(effort) = &self.settings.effort {
            body["variant"] = effort.as_str().into();
        }
    }

    fn compact(&mut self, id: PromptId, session: &str, step: &mut CodecStep) {
        self.turn = Some(OpenCodeTurn::of_prompt(id, None));
        let Some(model) = self.settings.next_model() else {
            let text = "choose a model first: OpenCode needs one to compact the conversation";
            self.end_turn(TurnOutcome::Failed(crate::domain::run::RunFailure::Other(text.into())), step);
            return;
        };
        let body = json!({"providerID": model.provider, "modelID": model.model});
        self.post(RequestPurpose::Command(self.turns), format!("/session/{session}/summarize"), &body, step);
    }

    fn interrupt(&mut self, step: &mut CodecStep) {
        let Some(turn) = &mut self.turn else { return };
        turn.interrupted = true;
        if turn.accepted || turn.began {
            self.send_abort(step);
        } else {
            turn.abort_pending = true;
        }
    }

    pub(super) fn send_abort(&mut self, step: &mut CodecStep) {
        let Some(session) = self.session.clone() else { return };
        self.post(RequestPurpose::Abort(self.turns), format!("/session/{session}/abort"), &json!({}), step);
    }

    fn answer(&mut self, id: &Arc<str>, answer: &ApprovalAnswer, step: &mut CodecStep) {
        let Some(kind) = self.approvals.remove(id) else { return };
        let (path, body) = approvals::answer(id, kind, answer);
        self.post(RequestPurpose::Answer, path, &body, step);
        step.signals.push(ProtocolSignal::ApprovalGone(id.clone()));
    }

    /// Ends the open turn, once.
    pub(super) fn end_turn(&mut self, outcome: TurnOutcome, step: &mut CodecStep) {
        let Some(turn) = self.turn.take() else { return };
        self.last_was_interrupted = turn.interrupted;
        self.waiting_calls.clear();
        for (id, _) in self.approvals.drain() {
            step.signals.push(ProtocolSignal::ApprovalGone(id));
        }
        step.signals.push(ProtocolSignal::TurnEnded(outcome));
    }

    /// Requests the current state after missed events; first the status, to learn if the turn is still running.
    fn resync(&mut self, step: &mut CodecStep) {
        if self.session.is_some() {
            let accepted = self.turn.as_ref().is_some_and(|turn| turn.accepted || turn.began);
            self.request_status(StatusReason::Resync(accepted.then_some(self.turns)), step);
        }
    }

    pub(super) fn request_status(&mut self, reason: StatusReason, step: &mut CodecStep) {
        self.get(RequestPurpose::Status(reason), "/session/status".into(), step);
    }

    pub(super) fn get(&mut self, purpose: RequestPurpose, path: String, step: &mut CodecStep) {
        self.request(purpose, "GET", path, None, false, step);
    }

    pub(super) fn get_shared(&mut self, purpose: RequestPurpose, path: &str, step: &mut CodecStep) {
        self.request(purpose, "GET", path.to_owned(), None, true, step);
    }

    fn post(&mut self, purpose: RequestPurpose, path: String, body: &Value, step: &mut CodecStep) {
        self.request(purpose, "POST", path, Some(body.to_string().into_bytes()), false, step);
    }

    fn request(
        &mut self,
        purpose: RequestPurpose,
        method: &'static str,
        path: String,
        body: Option<Vec<u8>>,
        shared: bool,
        step: &mut CodecStep,
    ) {
        self.requests += 1;
        let headers = vec![("x-opencode-directory", super::encoded(&self.directory))];
        step.outgoing.push(Outgoing::Request {
            id: self.requests,
            method,
            path,
            headers,
            body,
            shared,
            pause: Duration::ZERO,
        });
        self.pending.insert(self.requests, purpose);
    }
}

/// Escapes an external id for one path segment, so that it cannot name another path.
pub(super) fn escaped(id: &str) -> String {
    super::encoded(std::path::Path::new(id)).replace('/', "%2F")
}
