//! Codec of one conversation over `/api`: its state, and the requests that it sends.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::settings::OpenCodeSettings;
use super::super::turn::OpenCodeTurn;
use super::inputs::AdmittedInputs;
use super::requests::OpenRequest;
use super::rows::ApiRows;
use crate::agent::protocol::{Codec, CodecStep, Conversation, Incoming, Outgoing, ProtocolCommand, ProtocolSignal};
use crate::domain::prompt::PromptId;
use crate::domain::run::{RunFailure, SubagentProgress, TurnOutcome};
use crate::domain::{Time, Tokens};

/// Time before a request is repeated for the first time, because a server answers within milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Maximum time before a request is repeated.
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// Purpose of a request.
#[derive(Clone, Debug)]
pub(super) enum ApiPurpose {
    /// Opens the session.
    Session(Conversation),
    /// Reads the session's record again.
    Record,
    /// Lists the models; contains the number of empty lists before.
    Models(u32),
    /// Lists the agents, which are OpenCode's modes.
    Agents,
    Commands,
    Version,
    /// Changes the model or the agent of the session.
    Setting(&'static str),
    /// Sends a prompt of this turn.
    Prompt(u64, ApiPrompt),
    /// Sends a prompt into the open turn.
    Steer(PromptId, ApiPrompt),
    /// Runs a command of this turn, with its name.
    Command(u64, String),
    /// Interrupts this turn.
    Interrupt(u64),
    /// Sends an answer. True if the answer may end the turn.
    Answer(bool),
    /// Lists the active sessions.
    Active(ActiveReason),
    /// Lists the newest messages.
    Messages(MessagesReason),
    Permissions,
    Questions,
    Forms,
}

/// A prompt with its path, so that it can be sent again under the same id.
#[derive(Clone, Debug)]
pub(super) struct ApiPrompt {
    pub path: String,
    pub id: String,
    /// Text and files.
    pub content: Value,
    /// True if it was sent a second time.
    pub is_repeated: bool,
}

/// Reason for a request of the active sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActiveReason {
    /// This turn seems to have ended.
    TurnEnd(u64),
    /// Events were missed; contains the turn that was open and accepted.
    Resync(Option<u64>),
}

/// Reason for a request of the newest messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessagesReason {
    /// Some may be missing.
    Missing,
    /// Events were missed; this turn was inactive before the request.
    Inactive(u64),
    /// This turn has ended, and its last events may be late.
    Ended(u64),
}

/// Properties of the server's version, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ApiDialect {
    /// True if it reports the start and the end of an execution.
    pub reports_execution: bool,
    /// True if it expects the text of a prompt one level deeper, as 1.18 does.
    pub nests_prompt: bool,
}

/// Codec of a session.
#[derive(Debug, Default)]
pub(super) struct ApiCodec {
    pub(super) directory: PathBuf,
    pub(super) session: Option<Arc<str>>,
    /// Sessions of its sub-agents.
    pub(super) children: Vec<Arc<str>>,
    pub(super) subagents: HashMap<Arc<str>, SubagentProgress>,
    pub(super) dialect: ApiDialect,
    pending: HashMap<u64, ApiPurpose>,
    requests: u64,
    /// Responses that are missing until the session is ready.
    pub(super) pending_setup: u32,
    /// Changes of settings without a response. Prompts wait for them.
    pub(super) pending_settings: u32,
    held: Vec<(ApiPurpose, String, Value)>,
    pub(super) settings: OpenCodeSettings,
    pub(super) turn: Option<OpenCodeTurn>,
    /// True if a prompt of salon opened the turn.
    pub(super) is_own_turn: bool,
    /// Number of the turn, so that a late response is not attributed to another one.
    pub(super) turns: u64,
    /// Requests of the active sessions since the turn seems to have ended.
    pub(super) checks: u32,
    /// Time to wait before the next request.
    pause: Duration,
    pub(super) rows: ApiRows,
    /// Rows of the turn before, whose last events may be late.
    pub(super) last_rows: ApiRows,
    pub(super) inputs: AdmittedInputs,
    pub(super) approvals: HashMap<Arc<str>, OpenRequest>,
    /// Calls that wait for a permission, and since when, by the request.
    pub(super) waiting_calls: HashMap<Arc<str>, (Arc<str>, Time)>,
    /// Usage as last reported.
    pub(super) usage: (Option<Tokens>, Option<f64>, Option<(u64, u64)>),
}

impl Codec for ApiCodec {
    fn command(&mut self, command: ProtocolCommand, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        match command {
            ProtocolCommand::Open(opening) => self.open(opening, now, &mut step),
            ProtocolCommand::Prompt { id, text, images } => self.prompt(id, &text, &images, now, &mut step),
            ProtocolCommand::Steer { id, text, images } => self.steer(id, &text, &images, now, &mut step),
            ProtocolCommand::Interrupt => self.interrupt(&mut step),
            // The server outlives the conversation, and a turn without a viewer must end. Another client's turn has one.
            ProtocolCommand::Close if self.is_own_turn => self.interrupt(&mut step),
            ProtocolCommand::Answer { id, answer } => self.answer(&id, &answer, &mut step),
            ProtocolCommand::Set(setting) => self.set(setting, now, &mut step),
            // The server reports no background tasks.
            ProtocolCommand::Close | ProtocolCommand::StopTask(_) => {}
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

impl ApiCodec {
    /// Requests the current state after missed events; first the active sessions, to learn if the turn is still running.
    fn resync(&mut self, step: &mut CodecStep) {
        if self.session.is_some() {
            let accepted = self.turn.as_ref().is_some_and(|turn| turn.accepted || turn.began);
            self.request_active(ActiveReason::Resync(accepted.then_some(self.turns)), step);
        }
    }

    pub(super) fn request_active(&mut self, reason: ActiveReason, step: &mut CodecStep) {
        self.get(ApiPurpose::Active(reason), "/api/session/active".into(), step);
    }

    /// Asks if the open turn has ended.
    pub(super) fn check_end(&mut self, step: &mut CodecStep) {
        self.request_active(ActiveReason::TurnEnd(self.turns), step);
    }

    /// Lets the next request wait, which asks again for the `count`th time.
    pub(super) fn pause_before(&mut self, count: u32) {
        self.pause = (FIRST_PAUSE * count).min(MAX_PAUSE);
    }

    /// Ends the open turn, once.
    pub(super) fn end_turn(&mut self, outcome: TurnOutcome, step: &mut CodecStep) {
        if self.turn.take().is_none() {
            return;
        }
        self.is_own_turn = false;
        self.waiting_calls.clear();
        for (purpose, ..) in std::mem::take(&mut self.held) {
            if let ApiPurpose::Steer(id, _) = purpose {
                step.signals.push(ProtocolSignal::SteerRefused { id, reason: "the turn has ended".to_owned() });
            }
        }
        for (id, _) in self.approvals.drain() {
            step.signals.push(ProtocolSignal::ApprovalGone(id));
        }
        step.signals.push(ProtocolSignal::TurnEnded(outcome));
        // The record has the usage of the whole session.
        if let Some(path) = self.session_path("") {
            self.get(ApiPurpose::Record, path, step);
        }
    }

    /// Ends the open turn with a failure.
    pub(super) fn fail_turn(&mut self, failure: RunFailure, step: &mut CodecStep) {
        self.end_turn(TurnOutcome::Failed(failure), step);
    }

    /// Starts a turn that another client prompted.
    pub(super) fn start_foreign_turn(&mut self, step: &mut CodecStep) {
        self.begin_turn(OpenCodeTurn::foreign());
        self.is_own_turn = false;
        step.signals.push(ProtocolSignal::TurnStarted);
    }

    pub(super) fn begin_turn(&mut self, turn: OpenCodeTurn) {
        self.turns += 1;
        self.checks = 0;
        self.last_rows = std::mem::take(&mut self.rows);
        self.turn = Some(turn);
        self.is_own_turn = true;
    }

    /// Reports, once, that the server accepted the prompt. It stores a prompt before it answers.
    pub(super) fn announce_accepted(&mut self, step: &mut CodecStep) {
        let Some(turn) = &mut self.turn else { return };
        turn.accepted = true;
        let (accepted, recorded) = (turn.prompt.take(), turn.unrecorded.take());
        step.signals.extend(accepted.map(|id| ProtocolSignal::PromptAccepted { id }));
        step.signals.extend(recorded.map(|id| ProtocolSignal::PromptRecorded { id }));
    }

    /// Path of the session, with a suffix.
    pub(super) fn session_path(&self, suffix: &str) -> Option<String> {
        self.session.as_ref().map(|session| format!("/api/session/{session}{suffix}"))
    }

    /// Describes what the version of the server cannot do.
    pub(super) fn cannot(&self, action: &str, reason: &str) -> String {
        let version = self.settings.capabilities.version.as_deref().unwrap_or("of this version");
        format!("OpenCode {version} cannot {action}: {reason}")
    }

    pub(super) fn get(&mut self, purpose: ApiPurpose, path: String, step: &mut CodecStep) {
        self.request(purpose, "GET", path, None, false, step);
    }

    pub(super) fn get_shared(&mut self, purpose: ApiPurpose, path: String, step: &mut CodecStep) {
        self.request(purpose, "GET", path, None, true, step);
    }

    pub(super) fn post(&mut self, purpose: ApiPurpose, path: String, body: &Value, step: &mut CodecStep) {
        self.request(purpose, "POST", path, Some(body.to_string().into_bytes()), false, step);
    }

    /// Sends a request once the server has the chosen settings.
    pub(super) fn post_after_settings(&mut self, purpose: ApiPurpose, path: String, body: Value, step: &mut CodecStep) {
        if self.pending_settings == 0 {
            self.post(purpose, path, &body, step);
        } else {
            self.held.push((purpose, path, body));
        }
    }

    /// Sends what waited for the settings.
    pub(super) fn send_held(&mut self, step: &mut CodecStep) {
        for (purpose, path, body) in std::mem::take(&mut self.held) {
            self.post(purpose, path, &body, step);
        }
    }

    /// Sends a prompt, in the form that the version expects.
    pub(super) fn post_prompt(
        &mut self,
        purpose: impl FnOnce(ApiPrompt) -> ApiPurpose,
        prompt: ApiPrompt,
        step: &mut CodecStep,
    ) {
        let mut body =
            if self.dialect.nests_prompt { json!({"prompt": prompt.content}) } else { prompt.content.clone() };
        body["id"] = prompt.id.as_str().into();
        let path = prompt.path.clone();
        self.post_after_settings(purpose(prompt), path, body, step);
    }

    fn request(
        &mut self,
        purpose: ApiPurpose,
        method: &'static str,
        path: String,
        body: Option<Vec<u8>>,
        shared: bool,
        step: &mut CodecStep,
    ) {
        self.requests += 1;
        let pause = std::mem::take(&mut self.pause);
        step.outgoing.push(Outgoing::Request {
            id: self.requests,
            method,
            path,
            headers: Vec::new(),
            body,
            shared,
            pause,
        });
        self.pending.insert(self.requests, purpose);
    }
}
