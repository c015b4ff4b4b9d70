//! Opening of the conversation: handshake, new, resumed or loaded session, and the settings that the user chose.

use std::sync::Arc;

use agent_client_protocol_schema::ProtocolVersion;
use agent_client_protocol_schema::v1::{
    ClientCapabilities, FileSystemCapabilities, Implementation, InitializeRequest, InitializeResponse,
    LoadSessionRequest, NewSessionRequest, ResumeSessionRequest, SessionId,
};
use serde_json::{Value, json};

use super::codec::{AcpCodec, AcpRequest};
use super::errors;
use super::profile::ReplayEnd;
use super::state::OpeningStage;
use crate::agent::protocol::{CodecStep, Conversation, ListedSession, ProtocolSignal, RunSetting, RunStart};
use crate::domain::event::NoticeLevel;
use crate::domain::run::{Capabilities, RunFailure};
use crate::domain::{Agent, Time};

/// Maximum pages of an agent's list, because a cursor may lead back to an earlier page.
const MAX_PAGES: u32 = 20;

impl AcpCodec {
    pub(super) fn open(&mut self, opening: RunStart, step: &mut CodecStep) {
        self.opening = Some(opening);
        let client = Implementation::new("salon", env!("CARGO_PKG_VERSION")).title("salon".to_owned());
        let files = FileSystemCapabilities::new().read_text_file(true).write_text_file(true);
        let request = InitializeRequest::new(ProtocolVersion::V1)
            .client_capabilities(ClientCapabilities::new().fs(files).terminal(true))
            .client_info(client);
        self.send_request(AcpRequest::Initialize, "initialize", &request, step);
    }

    pub(super) fn initialized(&mut self, result: Result<&Value, &Value>, now: Time, step: &mut CodecStep) {
        let result = match result {
            Ok(result) => result,
            Err(error) => return fatal(errors::of_session(error, self.agent.login), step),
        };
        let label = self.agent.agent.label();
        let response = match serde_json::from_value::<InitializeResponse>(result.clone()) {
            Ok(response) if response.protocol_version == ProtocolVersion::V1 => response,
            Ok(response) => {
                let version = response.protocol_version;
                let text = format!("{label} speaks version {version} of the agent client protocol; salon speaks 1.");
                return fatal(RunFailure::Other(text), step);
            }
            Err(error) => return fatal(RunFailure::Other(format!("{label} answered the handshake: {error}")), step),
        };
        self.version = response.agent_info.map(|info| info.version);
        let sessions = &result["agentCapabilities"]["sessionCapabilities"];
        let has = |name: &str| sessions[name].is_object();
        let loads = response.agent_capabilities.load_session;
        self.state.lists = has("list");
        self.state.resumes = loads || has("resume");
        self.state.closes = has("close");
        let Some(opening) = self.opening.clone() else { return };
        let cwd = opening.cwd;
        match opening.conversation {
            Conversation::New { .. } => self.open_new(cwd, step),
            Conversation::Resume(id) if has("resume") && !(opening.needs_history && loads) => {
                let request = ResumeSessionRequest::new(SessionId::new(id), cwd);
                self.send_request(AcpRequest::Session, "session/resume", &request, step);
            }
            Conversation::Resume(id) if loads => {
                self.state.loads = true;
                self.state.keeps_replay = opening.needs_history;
                let request = LoadSessionRequest::new(SessionId::new(id), cwd);
                self.send_request(AcpRequest::Session, "session/load", &request, step);
            }
            Conversation::Resume(_) => {
                let text = format!("{label} cannot continue a session: it does not know the earlier conversation.");
                self.notice(NoticeLevel::Boundary, text, now, step);
                self.open_new(cwd, step);
            }
            Conversation::Fork(_) if opening.fork_at.is_some() => {
                let text = format!("{label} can fork only whole sessions.");
                fatal(RunFailure::Other(text), step);
            }
            Conversation::Fork(id) if has("fork") => {
                let params = json!({"sessionId": &*id, "cwd": cwd, "mcpServers": []});
                self.send_request(AcpRequest::Session, "session/fork", &params, step);
            }
            Conversation::Fork(_) => fatal(RunFailure::Other(format!("{label} cannot fork a session.")), step),
        }
    }

    fn open_new(&mut self, cwd: std::path::PathBuf, step: &mut CodecStep) {
        self.send_request(AcpRequest::Session, "session/new", &NewSessionRequest::new(cwd), step);
    }

    pub(super) fn session_opened(&mut self, result: Result<&Value, &Value>, now: Time, step: &mut CodecStep) {
        let result = match result {
            Ok(result) => result,
            Err(error) => return fatal(errors::of_session(error, self.agent.login), step),
        };
        let resumed = match self.opening.as_ref().map(|opening| &opening.conversation) {
            Some(Conversation::Resume(id)) => Some(id.clone()),
            Some(Conversation::New { .. } | Conversation::Fork(_)) | None => None,
        };
        // The response to a resumed session has no id.
        let Some(id) = result["sessionId"].as_str().map(Arc::from).or_else(|| resumed.clone()) else {
            let text = format!("{} did not report a session id.", self.agent.agent.label());
            return fatal(RunFailure::Other(text), step);
        };
        self.session = Some(id.clone());
        self.settings.read(result);
        self.choose_first_settings();
        if resumed.as_ref() == Some(&id) {
            self.announce(step);
        }
        if self.state.loads && self.agent.replay_end == ReplayEnd::Commands {
            self.state.stage = OpeningStage::Replaying;
        } else {
            self.configure(now, step);
        }
    }

    /// Lists the settings to send before the first prompt, and the mode that the agent needs in order to ask.
    fn choose_first_settings(&mut self) {
        let Some(opening) = &self.opening else { return };
        let (model, effort) = (opening.model.clone(), opening.effort.clone());
        let modes = self.settings.modes();
        let asking = self.agent.asking_mode.map(str::to_owned);
        let asking = asking.filter(|mode| modes.contains(mode) && self.settings.mode() != Some(mode));
        let mode = opening.mode.clone().or(asking);
        let settings = [mode.map(RunSetting::Mode), model.map(RunSetting::Model), effort.map(RunSetting::Effort)];
        self.state.first_settings = settings.into_iter().flatten().collect();
    }

    /// Handles the list of commands, which ends the replay of some agents.
    pub(super) fn commands_listed(&mut self, now: Time, step: &mut CodecStep) {
        match self.state.stage {
            OpeningStage::Replaying => self.configure(now, step),
            OpeningStage::Ready => self.report_capabilities(step),
            OpeningStage::Opening | OpeningStage::Configuring => {}
        }
    }

    /// Requests the agent's list of sessions, if nothing else shows them; the next page from a cursor on.
    pub(super) fn list_sessions(&mut self, cursor: Option<&str>, step: &mut CodecStep) {
        let is_listed = !matches!(self.agent.agent, Agent::Configured(_));
        if is_listed || !self.state.lists {
            return;
        }
        let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
        self.send_request(AcpRequest::List, "session/list", &params, step);
    }

    /// Handles a page of the agent's list of sessions. A failure is of no importance to the conversation.
    pub(super) fn listed(&mut self, result: Result<&Value, &Value>, step: &mut CodecStep) {
        let Ok(result) = result else { return };
        let sessions: Vec<ListedSession> =
            result["sessions"].as_array().into_iter().flatten().filter_map(listed).collect();
        if sessions.is_empty() {
            return;
        }
        step.signals.push(ProtocolSignal::Listed(sessions));
        self.state.pages += 1;
        if let Some(cursor) = result["nextCursor"].as_str().filter(|_| self.state.pages < MAX_PAGES) {
            self.list_sessions(Some(cursor), step);
        }
    }

    /// Sends the next of the user's settings; the session is ready after the last one.
    fn configure(&mut self, now: Time, step: &mut CodecStep) {
        self.state.stage = OpeningStage::Configuring;
        while let Some(setting) = self.state.first_settings.pop_front() {
            let setting = self.settings.resolve(setting);
            if self.settings.is_unknown(&setting) {
                return fatal(unknown_setting(&setting, &self.settings_text(&setting)), step);
            }
            let request = self.session.as_ref().and_then(|session| self.settings.request(session, &setting));
            if let Some((method, params)) = request {
                return self.send_request(AcpRequest::FirstSetting(setting), method, &params, step);
            }
            let text = format!("{} has no such setting: {}", self.agent.agent.label(), value_of(&setting));
            self.notice(NoticeLevel::Warning, text, now, step);
        }
        self.state.stage = OpeningStage::Ready;
        self.list_sessions(None, step);
        step.signals.push(self.settings.signal());
        self.report_capabilities(step);
        if let Some((id, text)) = self.early.pop_front() {
            self.prompt(id, text, now, step);
        }
    }

    /// Handles the response to one of the user's settings. A session with another mode might do what was not allowed.
    pub(super) fn first_setting(
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
                self.configure(now, step);
            }
            Err(error) => fatal(unknown_setting(setting, &errors::text(error)), step),
        }
    }

    /// True if a setting is to be sent again as a configuration option, because the agent lacks its method.
    pub(super) fn retries_as_option(&mut self, setting: &RunSetting, result: Result<&Value, &Value>) -> bool {
        let session = self.session.clone().unwrap_or_default();
        let lacks = result.is_err_and(errors::is_unknown_method);
        let by_method = self.settings.request(&session, setting).map(|(method, _)| method);
        if lacks && by_method.is_some_and(|method| method != "session/set_config_option") {
            self.settings.without_method(setting);
            return self.settings.request(&session, setting).is_some();
        }
        false
    }

    /// Closes the session, if the agent can: it then saves what it has, and ends what the session started.
    pub(super) fn close(&mut self, step: &mut CodecStep) {
        let Some(id) = self.ready_session().filter(|_| self.state.closes) else { return };
        self.send_request(AcpRequest::Close, "session/close", &json!({"sessionId": id}), step);
    }

    /// Id of the session once prompts are accepted.
    pub(super) fn ready_session(&self) -> Option<Arc<str>> {
        self.session.clone().filter(|_| self.state.stage == OpeningStage::Ready)
    }

    /// Reports the session's id, once.
    pub(super) fn announce(&mut self, step: &mut CodecStep) {
        if let Some(id) = self.session.as_ref().filter(|_| !self.state.announced) {
            step.signals.push(ProtocolSignal::Session(id.clone()));
            self.state.announced = true;
        }
    }

    pub(super) fn report_capabilities(&self, step: &mut CodecStep) {
        step.signals.push(ProtocolSignal::Ready(Capabilities {
            models: self.settings.models(),
            modes: self.settings.modes(),
            efforts: self.settings.efforts(),
            commands: self.commands.clone(),
            version: self.version.clone(),
            resumes: self.state.resumes,
        }));
    }

    fn settings_text(&self, setting: &RunSetting) -> String {
        let known = match setting {
            RunSetting::Model(_) => self.settings.models().into_iter().map(|(id, _)| id).collect(),
            RunSetting::Mode(_) => self.settings.modes(),
            RunSetting::Effort(_) => self.settings.efforts(),
        };
        format!("{} knows: {}", self.agent.agent.label(), known.join(", "))
    }
}

fn unknown_setting(setting: &RunSetting, text: &str) -> RunFailure {
    match setting {
        RunSetting::Model(model) => RunFailure::UnknownModel(format!("{model}: {text}")),
        RunSetting::Mode(mode) => RunFailure::Other(format!("The mode {mode} could not be set. {text}")),
        RunSetting::Effort(effort) => RunFailure::Other(format!("The effort {effort} could not be set. {text}")),
    }
}

fn listed(session: &Value) -> Option<ListedSession> {
    Some(ListedSession {
        id: session["sessionId"].as_str().filter(|id| !id.is_empty())?.into(),
        cwd: session["cwd"].as_str().unwrap_or_default().to_owned(),
        title: session["title"].as_str().unwrap_or_default().to_owned(),
        updated: session["updatedAt"].as_str().and_then(Time::parse),
    })
}

fn value_of(setting: &RunSetting) -> &str {
    match setting {
        RunSetting::Model(value) | RunSetting::Mode(value) | RunSetting::Effort(value) => value,
    }
}

pub(super) fn fatal(failure: RunFailure, step: &mut CodecStep) {
    step.signals.push(ProtocolSignal::Fatal(failure));
}
