//! Codec of one conversation: its state, commands and messages.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use agent_client_protocol_schema::v1::PermissionOption;
use serde::Serialize;
use serde_json::{Value, json};

use super::calls::AcpCalls;
use super::profile::AcpAgent;
use super::rpc;
use super::settings::AcpSettings;
use super::state::AcpSessionState;
use super::turn::{AcpTurn, EntryKeys};
use super::usage::AcpUsage;
use crate::agent::json_rpc::RpcMessage;
use crate::agent::protocol::{Codec, CodecStep, Incoming, ProtocolCommand, ProtocolSignal, RunSetting, RunStart};
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::PromptId;
use crate::domain::{EntryKey, Event, EventBody, Time, Tokens};

/// Purpose of a request that salon sent.
#[derive(Clone, Debug)]
pub(super) enum AcpRequest {
    /// The handshake.
    Initialize,
    /// A session to open.
    Session,
    /// A prompt, whose response ends its turn.
    Prompt(PromptId),
    /// A setting that the user chose before the session was opened: without it no prompt is sent.
    FirstSetting(RunSetting),
    /// A setting to change.
    Setting(RunSetting),
    /// A page of the agent's list of sessions.
    List,
    /// The end of the session.
    Close,
}

/// A request for permission that waits for the user.
#[derive(Debug)]
pub(super) struct PermissionRequest {
    /// JSON-RPC id.
    pub id: Value,
    /// Call that the request is about.
    pub call: Arc<str>,
    /// The agent's options.
    pub options: Vec<PermissionOption>,
}

/// A request for a file that is being executed.
#[derive(Debug)]
pub(super) struct PendingFile {
    /// JSON-RPC id.
    pub id: Value,
    /// True for a read, false for a write.
    pub is_read: bool,
}

/// Codec of one process and its conversation.
#[derive(Debug)]
pub(super) struct AcpCodec {
    pub(super) agent: AcpAgent,
    pending: HashMap<u64, AcpRequest>,
    requests: u64,
    pub(super) opening: Option<RunStart>,
    pub(super) state: AcpSessionState,
    /// The agent's id of the session, once it is open.
    pub(super) session: Option<Arc<str>>,
    pub(super) settings: AcpSettings,
    /// Slash commands with their descriptions.
    pub(super) commands: Vec<(String, String)>,
    /// Version of the agent.
    pub(super) version: Option<String>,
    /// Prompts that wait for the session, or for the end of a turn.
    pub(super) early: VecDeque<(PromptId, String)>,
    pub(super) turn: Option<AcpTurn>,
    pub(super) keys: EntryKeys,
    pub(super) calls: AcpCalls,
    pub(super) usage: AcpUsage,
    /// Requests for permission that wait for the user, by approval id.
    pub(super) permissions: HashMap<Arc<str>, PermissionRequest>,
    /// Requests for files that are being executed.
    pub(super) files: HashMap<u64, PendingFile>,
    /// JSON-RPC ids of requests for commands that are being executed.
    pub(super) terminals: HashMap<u64, Value>,
    pub(super) client_requests: u64,
    /// Kinds of unknown messages that were reported.
    reported: HashSet<String>,
}

impl AcpCodec {
    /// Creates the codec of an agent.
    pub(super) fn new(agent: AcpAgent) -> Self {
        Self {
            agent,
            pending: HashMap::new(),
            requests: 0,
            opening: None,
            state: AcpSessionState::default(),
            session: None,
            settings: AcpSettings::default(),
            commands: Vec::new(),
            version: None,
            early: VecDeque::new(),
            turn: None,
            keys: EntryKeys::default(),
            calls: AcpCalls::default(),
            usage: AcpUsage::default(),
            permissions: HashMap::new(),
            files: HashMap::new(),
            terminals: HashMap::new(),
            client_requests: 0,
            reported: HashSet::new(),
        }
    }

    pub(super) fn send_request(
        &mut self,
        pending: AcpRequest,
        method: &str,
        params: &impl Serialize,
        step: &mut CodecStep,
    ) {
        self.requests += 1;
        rpc::request(self.requests, method, params, step);
        self.pending.insert(self.requests, pending);
    }

    pub(super) fn notice(&mut self, level: NoticeLevel, text: String, now: Time, step: &mut CodecStep) {
        let key = self.keys.next();
        event(key, now, EventBody::Notice { level, text }, step);
    }

    /// Reports a message of an unknown kind, once per kind.
    pub(super) fn unknown(&mut self, kind: &str, message: &str, now: Time, step: &mut CodecStep) {
        if self.reported.insert(kind.to_owned()) {
            let excerpt = crate::stdx::text::first_chars(message, 2000).to_owned();
            let key = self.keys.next();
            event(key, now, EventBody::Other(excerpt), step);
        }
    }

    fn set(&mut self, setting: RunSetting, now: Time, step: &mut CodecStep) {
        let setting = self.settings.resolve(setting);
        let request = self.ready_session().and_then(|session| self.settings.request(&session, &setting));
        if let Some((method, params)) = request {
            return self.send_request(AcpRequest::Setting(setting), method, &params, step);
        }
        let label = self.agent.agent.label();
        self.notice(NoticeLevel::Warning, format!("{label} has no such setting."), now, step);
    }

    /// Handles the response to a change of a setting.
    fn setting_changed(
        &mut self,
        setting: &RunSetting,
        result: Result<&Value, &Value>,
        now: Time,
        step: &mut CodecStep,
    ) {
        match result {
            Ok(result) => {
                self.settings.apply(setting);
                self.settings.read_options(&result["configOptions"]);
            }
            Err(error) => {
                let text = format!("The setting was not changed: {}", super::errors::text(error));
                self.notice(NoticeLevel::Warning, text, now, step);
            }
        }
        step.signals.push(self.settings.signal());
    }

    fn response(&mut self, id: u64, result: Result<&Value, &Value>, now: Time, step: &mut CodecStep) {
        // Responses to unknown requests are ignored.
        let Some(pending) = self.pending.remove(&id) else { return };
        match pending {
            AcpRequest::Initialize => self.initialized(result, now, step),
            AcpRequest::Session => self.session_opened(result, now, step),
            AcpRequest::Prompt(id) => self.prompt_ended(id, result, now, step),
            AcpRequest::FirstSetting(setting) | AcpRequest::Setting(setting)
                if self.retries_as_option(&setting, result) =>
            {
                self.set(setting, now, step);
            }
            AcpRequest::FirstSetting(setting) => self.first_setting(&setting, result, now, step),
            AcpRequest::List => self.listed(result, step),
            // The transport ends the process in any case.
            AcpRequest::Close => {}
            AcpRequest::Setting(setting) => self.setting_changed(&setting, result, now, step),
        }
    }

    fn request(&mut self, id: &Value, method: &str, params: &Value, now: Time, step: &mut CodecStep) {
        match method {
            "session/request_permission" => self.permission_requested(id, params, now, step),
            "fs/read_text_file" => self.read_requested(id, params, step),
            "fs/write_text_file" => self.write_requested(id, params, step),
            _ if self.terminal_requested(id, method, params, step) => {}
            _ => rpc::reject(id, rpc::METHOD_NOT_FOUND, &format!("Method not found: {method}"), step),
        }
    }
}

/// Emits an event of the conversation.
pub(super) fn event(key: EntryKey, time: Time, body: EventBody, step: &mut CodecStep) {
    step.signals.push(ProtocolSignal::Event(Event { key, time: Some(time), body }));
}

/// Reports the usage of the session so far.
pub(super) fn report_usage(tokens: Option<Tokens>, step: &mut CodecStep) {
    if tokens.is_some() {
        step.signals.push(ProtocolSignal::Usage { tokens, cost_usd: None, context: None });
    }
}

impl Codec for AcpCodec {
    fn command(&mut self, command: ProtocolCommand, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        match command {
            ProtocolCommand::Open(opening) => self.open(opening, &mut step),
            // The agents read the files that a prompt mentions themselves.
            ProtocolCommand::Prompt { id, text, images: _ } => self.prompt(id, text, now, &mut step),
            ProtocolCommand::Steer { id, .. } => {
                let reason = "the protocol has no prompts within a turn".to_owned();
                step.signals.push(ProtocolSignal::SteerRefused { id, reason });
            }
            ProtocolCommand::Interrupt => self.interrupt(&mut step),
            ProtocolCommand::Answer { id, answer } => self.answer(&id, &answer, now, &mut step),
            ProtocolCommand::Set(setting) => self.set(setting, now, &mut step),
            ProtocolCommand::Close => self.close(&mut step),
            // The agents report no background tasks.
            ProtocolCommand::StopTask(_) => {}
        }
        step
    }

    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        let line = match incoming {
            Incoming::Line(line) => line,
            Incoming::File { id, result } => {
                self.file_executed(id, result, &mut step);
                return step;
            }
            Incoming::Terminal { id, result } => {
                self.terminal_executed(id, result, now, &mut step);
                return step;
            }
            Incoming::Response { .. } | Incoming::ServerEvent(_) | Incoming::Resumed => return step,
        };
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return step;
        }
        let record = serde_json::from_str::<Value>(&text).unwrap_or(Value::Null);
        match RpcMessage::of(&record) {
            Some(RpcMessage::Response(id, result)) => self.response(id, result, now, &mut step),
            Some(RpcMessage::Request(id, method, params)) => self.request(id, method, params, now, &mut step),
            Some(RpcMessage::Notification("session/update", params)) => self.updated(params, now, &mut step),
            // Agents send notifications of their own, which have no place in a conversation.
            Some(RpcMessage::Notification(..)) => {}
            None => self.unknown(&json!(text).to_string(), &text, now, &mut step),
        }
        step
    }
}
