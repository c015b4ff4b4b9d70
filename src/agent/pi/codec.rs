//! Codec of one conversation with pi: its commands, the responses to them, and the open turn.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value, json};

use super::dialogs::Dialogs;
use crate::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, ProtocolCommand, ProtocolSignal, RunSetting, RunStart,
};
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::{PromptId, PromptImage};
use crate::domain::run::{Capabilities, RunFailure, TurnOutcome};
use crate::domain::{EntryKey, Event, EventBody, Time, Tokens, ToolStatus};

/// Purpose of a command, until its response.
#[derive(Clone, Debug)]
enum PendingCommand {
    /// State of the session, which opens the conversation.
    State,
    /// Models, the last answer before prompts are accepted.
    Models,
    Efforts,
    Commands,
    /// A setting that the user chose before the session was opened.
    FirstSetting(RunSetting),
    Setting(RunSetting),
    Prompt(PromptId),
    Steer(PromptId),
    ClearQueue,
    /// A response that says nothing.
    Other,
}

/// A prompt that pi keeps until it can join the turn.
#[derive(Debug)]
struct QueuedSteer {
    id: PromptId,
    text: String,
    key: EntryKey,
}

/// The open turn.
#[derive(Debug, Default)]
pub(super) struct PiTurn {
    /// Its prompt; `None` for a turn that pi began by itself.
    pub prompt: Option<PromptId>,
    /// True once the user interrupted it.
    pub interrupted: bool,
    /// Failure of its last reply.
    pub error: Option<String>,
}

/// Codec of one process and its conversation.
#[derive(Debug, Default)]
pub(super) struct PiCodec {
    pending: HashMap<String, PendingCommand>,
    commands: u64,
    opening: Option<RunStart>,
    session: Option<Arc<str>>,
    /// True once the session's id was reported: its file exists from the first prompt on.
    is_announced: bool,
    capabilities: Capabilities,
    pub(super) turn: Option<PiTurn>,
    /// Prompts that were sent into the turn, and that pi has not taken yet.
    steers: VecDeque<QueuedSteer>,
    pub(super) dialogs: Dialogs,
    /// Beginning of the keys of the turn's entries.
    pub(super) turn_key: String,
    /// Number of replies of the turn.
    pub(super) replies: u32,
    /// Blocks of the open reply of which text was streamed.
    pub(super) streamed: Vec<u64>,
    /// Calls without an end.
    pub(super) calls: Vec<Arc<str>>,
    pub(super) tokens: Tokens,
    pub(super) cost_usd: f64,
    pub(super) notices: u32,
    settings: [Option<Arc<str>>; 2],
}

impl PiCodec {
    fn send(&mut self, purpose: PendingCommand, mut command: Value, step: &mut CodecStep) {
        self.commands += 1;
        let id = format!("salon-{}", self.commands);
        command["id"] = id.as_str().into();
        self.pending.insert(id, purpose);
        step.outgoing.push(Outgoing::Line(command.to_string().into_bytes()));
    }

    fn open(&mut self, opening: RunStart, step: &mut CodecStep) {
        self.opening = Some(opening);
        self.send(PendingCommand::State, json!({"type": "get_state"}), step);
    }

    /// Handles the state of the session, and requests what it offers.
    fn opened(&mut self, data: &Value, step: &mut CodecStep) {
        let Some(id) = data["sessionId"].as_str() else {
            let failure = RunFailure::Other("pi did not report the id of its session.".to_owned());
            return step.signals.push(ProtocolSignal::Fatal(failure));
        };
        self.session = Some(id.into());
        self.capabilities.resumes = true;
        let model = model_name(&data["model"]);
        self.settings = [model.map(Into::into), data["thinkingLevel"].as_str().map(Into::into)];
        let Some(opening) = self.opening.take() else { return };
        if matches!(&opening.conversation, Conversation::Resume(resumed) if **resumed == *id) {
            self.announce(step);
        }
        let first = [opening.model.map(RunSetting::Model), opening.effort.map(RunSetting::Effort)];
        for setting in first.into_iter().flatten() {
            let command = setting_command(&setting);
            self.send(PendingCommand::FirstSetting(setting), command, step);
        }
        self.send(PendingCommand::Efforts, json!({"type": "get_available_thinking_levels"}), step);
        self.send(PendingCommand::Commands, json!({"type": "get_commands"}), step);
        self.send(PendingCommand::Models, json!({"type": "get_available_models"}), step);
    }

    fn announce(&mut self, step: &mut CodecStep) {
        if let Some(id) = self.session.clone().filter(|_| !self.is_announced) {
            self.is_announced = true;
            step.signals.push(ProtocolSignal::Session(id));
        }
    }

    fn prompt(&mut self, (id, text, images): (PromptId, String, &[PromptImage]), now: Time, step: &mut CodecStep) {
        self.begin(format!("pi-{}-{:x}", id.0, now.millis()));
        let key = EntryKey::new(&self.turn_key, 0);
        event(key, now, EventBody::Prompt(text.clone()), step);
        self.turn = Some(PiTurn { prompt: Some(id), ..PiTurn::default() });
        let command = json!({"type": "prompt", "message": text, "images": encoded(images)});
        self.send(PendingCommand::Prompt(id), command, step);
    }

    fn steer(&mut self, (id, text, images): (PromptId, String, &[PromptImage]), now: Time, step: &mut CodecStep) {
        let key = EntryKey::new(&format!("pi-{}-{:x}", id.0, now.millis()), 0);
        let command = json!({"type": "steer", "message": text, "images": encoded(images)});
        self.send(PendingCommand::Steer(id), command, step);
        self.steers.push_back(QueuedSteer { id, text, key });
    }

    /// Handles a message of the user in the conversation: a prompt that was sent into the turn has joined it.
    pub(super) fn user_message(&mut self, text: &str, now: Time, step: &mut CodecStep) {
        let Some(at) = self.steers.iter().position(|steer| steer.text == text) else { return };
        let Some(QueuedSteer { id, text, key }) = self.steers.remove(at) else { return };
        event(key, now, EventBody::Prompt(text), step);
        step.signals.push(ProtocolSignal::PromptAccepted { id });
    }

    /// Handles the list of prompts that pi discarded before they joined the turn. pi may have expanded their texts.
    fn queue_cleared(&mut self, discarded: &[String], step: &mut CodecStep) {
        let all = self.steers.len() <= discarded.len();
        for steer in std::mem::take(&mut self.steers) {
            if all || discarded.contains(&steer.text) {
                let reason = "the turn was interrupted before the prompt joined it".to_owned();
                step.signals.push(ProtocolSignal::SteerRefused { id: steer.id, reason });
            } else {
                self.steers.push_back(steer);
            }
        }
    }

    /// Resets what belongs to a turn.
    pub(super) fn begin(&mut self, key: String) {
        self.turn_key = key;
        self.replies = 0;
        self.streamed.clear();
    }

    fn interrupt(&mut self, step: &mut CodecStep) {
        let Some(turn) = &mut self.turn else { return };
        turn.interrupted = true;
        self.dialogs.withdraw(step);
        // Without this, prompts that were to join the turn begin the next one.
        self.send(PendingCommand::ClearQueue, json!({"type": "clear_queue"}), step);
        self.send(PendingCommand::Other, json!({"type": "abort"}), step);
    }

    /// Ends the open turn, once.
    pub(super) fn end_turn(&mut self, aborted: bool, now: Time, step: &mut CodecStep) {
        let Some(turn) = self.turn.take() else { return };
        // A prompt that did not join is looked up in the record.
        self.steers.clear();
        let outcome = match turn.error {
            _ if turn.interrupted || aborted => TurnOutcome::Interrupted,
            Some(error) => TurnOutcome::Failed(super::errors::failure(error)),
            None => TurnOutcome::Done,
        };
        let status = if outcome == TurnOutcome::Done { ToolStatus::Done } else { ToolStatus::Interrupted };
        for id in std::mem::take(&mut self.calls) {
            event(EntryKey::new(&id, 0), now, super::tools::progress(id, Some(status), None), step);
        }
        self.dialogs.withdraw(step);
        match &outcome {
            TurnOutcome::Done => {}
            TurnOutcome::Interrupted => self.notice(NoticeLevel::Warning, "Interrupted.".to_owned(), now, step),
            TurnOutcome::Failed(failure) => self.notice(NoticeLevel::Error, failure.detail().to_owned(), now, step),
        }
        step.signals.push(ProtocolSignal::TurnEnded(outcome));
    }

    pub(super) fn notice(&mut self, level: NoticeLevel, text: String, now: Time, step: &mut CodecStep) {
        self.notices += 1;
        let key = EntryKey::new(&format!("pi-notice-{}-{:x}", self.notices, now.millis()), 0);
        event(key, now, EventBody::Notice { level, text }, step);
    }

    fn response(&mut self, response: &Value, now: Time, step: &mut CodecStep) {
        // Responses to unknown commands are ignored.
        let Some(pending) = response["id"].as_str().and_then(|id| self.pending.remove(id)) else { return };
        let (data, error) = (&response["data"], response["error"].as_str());
        let failed = response["success"] == false;
        match pending {
            PendingCommand::State => self.opened(data, step),
            PendingCommand::Efforts => self.capabilities.efforts = texts(&data["levels"]),
            PendingCommand::Commands => {
                let listed = data["commands"].as_array().into_iter().flatten();
                self.capabilities.commands = listed
                    .filter_map(|command| {
                        let description = command["description"].as_str().unwrap_or_default().to_owned();
                        Some((format!("/{}", command["name"].as_str()?), description))
                    })
                    .collect();
            }
            PendingCommand::Models => {
                let listed = data["models"].as_array().into_iter().flatten();
                self.capabilities.models = listed
                    .filter_map(|model| {
                        let name = model["name"].as_str().unwrap_or_default().to_owned();
                        Some((model_name(model)?, name))
                    })
                    .collect();
                self.report_settings(step);
                step.signals.push(ProtocolSignal::Ready(self.capabilities.clone()));
            }
            PendingCommand::FirstSetting(setting) if failed => {
                let reason = error.unwrap_or("it was refused");
                let failure = match setting {
                    RunSetting::Model(model) => RunFailure::UnknownModel(format!("{model}: {reason}")),
                    RunSetting::Mode(value) | RunSetting::Effort(value) => {
                        RunFailure::Other(format!("{value} could not be set: {reason}"))
                    }
                };
                step.signals.push(ProtocolSignal::Fatal(failure));
            }
            PendingCommand::Setting(_) if failed => {
                let text = format!("The setting was not changed: {}", error.unwrap_or("pi refused it"));
                self.notice(NoticeLevel::Warning, text, now, step);
                self.report_settings(step);
            }
            PendingCommand::FirstSetting(setting) | PendingCommand::Setting(setting) => self.set_to(setting, step),
            PendingCommand::Prompt(id) => self.prompted(id, data, error.filter(|_| failed), now, step),
            PendingCommand::Steer(id) if failed => {
                let reason = error.unwrap_or("pi refused it").to_owned();
                self.steers.retain(|steer| steer.id != id);
                step.signals.push(ProtocolSignal::SteerRefused { id, reason });
            }
            PendingCommand::ClearQueue => self.queue_cleared(&texts(&data["steering"]), step),
            // pi has only queued the prompt.
            PendingCommand::Steer(_) | PendingCommand::Other => {}
        }
    }

    /// Handles the response to a prompt: pi has it, has handled it as a command of its own, or refuses it.
    fn prompted(&mut self, id: PromptId, data: &Value, error: Option<&str>, now: Time, step: &mut CodecStep) {
        if let Some(error) = error {
            if self.turn.take_if(|turn| turn.prompt == Some(id)).is_some() {
                self.notice(NoticeLevel::Error, error.to_owned(), now, step);
                let failure = RunFailure::Other(error.to_owned());
                step.signals.push(ProtocolSignal::TurnEnded(TurnOutcome::Failed(failure)));
            }
            return;
        }
        self.announce(step);
        step.signals.push(ProtocolSignal::PromptAccepted { id });
        step.signals.push(ProtocolSignal::TurnStarted);
        if data["disposition"] == "handled" {
            self.end_turn(false, now, step);
        }
    }

    fn set(&mut self, setting: RunSetting, now: Time, step: &mut CodecStep) {
        if let RunSetting::Mode(_) = setting {
            return self.notice(NoticeLevel::Warning, "pi has no modes.".to_owned(), now, step);
        }
        let setting = self.resolve(setting);
        let command = setting_command(&setting);
        self.send(PendingCommand::Setting(setting), command, step);
    }

    /// Full name of a model that the user named by its id or display name alone.
    fn resolve(&self, setting: RunSetting) -> RunSetting {
        let RunSetting::Model(named) = setting else { return setting };
        let is_it = |(id, name): &&(String, String)| {
            *id == named || *name == named || id.split_once('/').is_some_and(|(_, own)| own == named)
        };
        RunSetting::Model(self.capabilities.models.iter().find(is_it).map_or(named, |(id, _)| id.clone()))
    }

    fn set_to(&mut self, setting: RunSetting, step: &mut CodecStep) {
        match setting {
            RunSetting::Model(model) => self.settings[0] = Some(model.into()),
            RunSetting::Effort(effort) => self.settings[1] = Some(effort.into()),
            RunSetting::Mode(_) => {}
        }
        self.report_settings(step);
    }

    /// Records the effort that pi reports.
    pub(super) fn effort_changed(&mut self, effort: &str, step: &mut CodecStep) {
        self.set_to(RunSetting::Effort(effort.to_owned()), step);
    }

    fn report_settings(&self, step: &mut CodecStep) {
        let [model, effort] = self.settings.clone();
        step.signals.push(ProtocolSignal::Settings { model, mode: None, effort });
    }
}

impl Codec for PiCodec {
    fn command(&mut self, command: ProtocolCommand, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        match command {
            ProtocolCommand::Open(opening) => self.open(opening, &mut step),
            ProtocolCommand::Prompt { id, text, images } => self.prompt((id, text, &images), now, &mut step),
            ProtocolCommand::Steer { id, text, images } => self.steer((id, text, &images), now, &mut step),
            ProtocolCommand::Interrupt => self.interrupt(&mut step),
            ProtocolCommand::Answer { id, answer } => self.dialogs.answer(&id, &answer, &mut step),
            ProtocolCommand::Set(setting) => self.set(setting, now, &mut step),
            // pi ends with its stdin, and has no background tasks.
            ProtocolCommand::Close | ProtocolCommand::StopTask(_) => {}
        }
        step
    }

    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        let Incoming::Line(line) = incoming else { return step };
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return step;
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(record) if record["type"] == "response" => self.response(&record, now, &mut step),
            Ok(record) if record["type"].is_string() => self.event(&record, now, &mut step),
            Ok(_) | Err(_) => {
                let excerpt = crate::stdx::text::first_chars(&text, 2000).to_owned();
                event(EntryKey::new(&text, 0), now, EventBody::Other(excerpt), &mut step);
            }
        }
        step
    }
}

/// Emits an event of the conversation.
pub(super) fn event(key: EntryKey, time: Time, body: EventBody, step: &mut CodecStep) {
    step.signals.push(ProtocolSignal::Event(Event { key, time: Some(time), body }));
}

/// Name of a model as salon writes it: provider and id.
fn model_name(model: &Value) -> Option<String> {
    Some(format!("{}/{}", model["provider"].as_str()?, model["id"].as_str()?))
}

fn setting_command(setting: &RunSetting) -> Value {
    match setting {
        RunSetting::Model(model) => {
            let (provider, id) = model.split_once('/').unwrap_or(("", model));
            json!({"type": "set_model", "provider": provider, "modelId": id})
        }
        RunSetting::Mode(level) | RunSetting::Effort(level) => json!({"type": "set_thinking_level", "level": level}),
    }
}

fn encoded(images: &[PromptImage]) -> Value {
    let image = |image: &PromptImage| {
        let data = base64::engine::general_purpose::STANDARD.encode(&image.bytes);
        json!({"type": "image", "data": data, "mimeType": image.media_type})
    };
    images.iter().map(image).collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
