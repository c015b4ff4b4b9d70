//! Commands of the user: open, prompt, interrupt, answer, settings.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::capabilities::{self, ModelName};
use super::super::codec::escaped;
use super::super::ids;
use super::super::settings::take_settings;
use super::super::turn::OpenCodeTurn;
use super::codec::{ApiCodec, ApiPrompt, ApiPurpose};
use super::requests;
use super::rows::first_part;
use crate::agent::protocol::{CodecStep, Conversation, ProtocolSignal, RunSetting, RunStart};
use crate::domain::approval::ApprovalAnswer;
use crate::domain::prompt::{PromptId, PromptImage};
use crate::domain::run::RunFailure;
use crate::domain::{EntryKey, Event, EventBody, Time};

impl ApiCodec {
    pub(super) fn open(&mut self, mut opening: RunStart, now: Time, step: &mut CodecStep) {
        for setting in take_settings(&mut opening, now, step) {
            self.set(setting, now, step);
        }
        self.directory = opening.cwd;
        let purpose = ApiPurpose::Session(opening.conversation.clone());
        match opening.conversation {
            Conversation::New { .. } => {
                let mut body = json!({"location": {"directory": self.directory.to_string_lossy()}});
                if let Some(mode) = &self.settings.mode {
                    body["agent"] = mode.as_str().into();
                }
                if let Some(model) = &self.settings.model {
                    body["model"] = self.model_ref(model);
                }
                self.post(purpose, "/api/session".into(), &body, step);
            }
            Conversation::Resume(id) => self.get(purpose, format!("/api/session/{}", escaped(&id)), step),
            Conversation::Fork(id) => {
                let body = opening.fork_at.map_or_else(|| json!({}), |prompt| json!({"before": &*prompt}));
                self.post(purpose, format!("/api/session/{}/fork", escaped(&id)), &body, step);
            }
        }
    }

    fn model_ref(&self, model: &ModelName) -> Value {
        let mut reference = json!({"id": model.model, "providerID": model.provider});
        if let Some(effort) = &self.settings.effort {
            reference["variant"] = effort.as_str().into();
        }
        reference
    }

    pub(super) fn set(&mut self, setting: RunSetting, now: Time, step: &mut CodecStep) {
        let is_mode = matches!(setting, RunSetting::Mode(_));
        if !self.settings.choose(setting, now, step) {
            return;
        }
        if is_mode {
            self.send_mode(step);
        } else {
            self.send_model(step);
        }
        if self.pending_setup == 0 && self.session.is_some() {
            self.settings.report_capabilities(step);
        }
    }

    /// Sets the chosen model and effort of the session, once it is open.
    pub(super) fn send_model(&mut self, step: &mut CodecStep) {
        let (Some(path), Some(model)) = (self.session_path("/model"), self.settings.next_model()) else {
            return;
        };
        let body = json!({"model": self.model_ref(model)});
        self.pending_settings += 1;
        self.post(ApiPurpose::Setting("change the model"), path, &body, step);
    }

    /// Sets the chosen agent of the session, once it is open.
    pub(super) fn send_mode(&mut self, step: &mut CodecStep) {
        let (Some(path), Some(mode)) = (self.session_path("/agent"), &self.settings.mode) else { return };
        let body = json!({"agent": mode});
        self.pending_settings += 1;
        self.post(ApiPurpose::Setting("change the agent"), path, &body, step);
    }

    pub(super) fn prompt(&mut self, id: PromptId, text: &str, images: &[PromptImage], now: Time, step: &mut CodecStep) {
        let Some(session) = self.session.clone() else {
            let failure = RunFailure::Other("the session is not open yet".into());
            step.signals.push(ProtocolSignal::TurnEnded(crate::domain::run::TurnOutcome::Failed(failure)));
            return;
        };
        if let Some((name, arguments)) = capabilities::parse_command(text, &self.settings.capabilities) {
            let (name, arguments) = (name.to_owned(), arguments.to_owned());
            self.begin_turn(OpenCodeTurn::of_prompt(id, None));
            let purpose = ApiPurpose::Command(self.turns, format!("run /{name}"));
            if name == "compact" {
                let path = format!("/api/session/{session}/compact");
                return self.post_after_settings(purpose, path, json!({}), step);
            }
            let body = json!({"name": name, "text": arguments});
            self.post_after_settings(purpose, format!("/api/session/{session}/command"), body, step);
        } else {
            let message = ids::of_prompt(&session, id, now).0;
            self.begin_turn(OpenCodeTurn::of_prompt(id, Some(message.clone())));
            let prompt = self.show_prompt(&session, message, text, images, now, step);
            let turn = self.turns;
            self.post_prompt(|prompt| ApiPurpose::Prompt(turn, prompt), prompt, step);
        }
    }

    /// Sends a prompt into the open turn: the server adds it to the session, and the model reads it with its next step.
    pub(super) fn steer(&mut self, id: PromptId, text: &str, images: &[PromptImage], now: Time, step: &mut CodecStep) {
        let command = capabilities::parse_command(text, &self.settings.capabilities).is_some();
        let Some(session) = self.session.clone().filter(|_| self.turn.is_some() && !command) else {
            let reason = if command { "a command cannot join a turn" } else { "no turn is open" };
            step.signals.push(ProtocolSignal::SteerRefused { id, reason: reason.to_owned() });
            return;
        };
        let message = ids::of_prompt(&session, id, now).0;
        let prompt = self.show_prompt(&session, message, text, images, now, step);
        self.post_prompt(|prompt| ApiPurpose::Steer(id, prompt), prompt, step);
    }

    /// Reports the event of a prompt, and returns its request.
    fn show_prompt(
        &mut self,
        session: &str,
        message: String,
        text: &str,
        images: &[PromptImage],
        now: Time,
        step: &mut CodecStep,
    ) -> ApiPrompt {
        let key = EntryKey::new(&first_part(&message), 0);
        let event = Event { key, time: Some(now), body: EventBody::Prompt(text.to_owned()) };
        step.signals.push(ProtocolSignal::Event(event));
        self.rows.prompt(&message, text);
        let mut content = json!({"text": text});
        if !images.is_empty() {
            content["files"] = images.iter().map(file).collect();
        }
        ApiPrompt { path: format!("/api/session/{session}/prompt"), id: message, content, is_repeated: false }
    }

    pub(super) fn interrupt(&mut self, step: &mut CodecStep) {
        let Some(turn) = &mut self.turn else { return };
        turn.interrupted = true;
        if turn.accepted || turn.began {
            self.send_interrupt(step);
        } else {
            turn.abort_pending = true;
        }
    }

    pub(super) fn send_interrupt(&mut self, step: &mut CodecStep) {
        let Some(path) = self.session_path("/interrupt") else { return };
        self.post(ApiPurpose::Interrupt(self.turns), path, &json!({}), step);
    }

    pub(super) fn answer(&mut self, id: &Arc<str>, answer: &ApprovalAnswer, step: &mut CodecStep) {
        let Some(request) = self.approvals.remove(id) else { return };
        let (path, body) = requests::answer(id, &request, answer);
        let is_dismissed = path.ends_with("/reject") || path.ends_with("/cancel");
        let may_end = is_dismissed || body["reply"] == "reject" && body["message"].is_null();
        self.post(ApiPurpose::Answer(may_end), path, &body, step);
        step.signals.push(ProtocolSignal::ApprovalGone(id.clone()));
    }
}

/// An image as an attached file.
fn file(image: &PromptImage) -> Value {
    let name = image.path.file_name().map(|name| name.to_string_lossy());
    let path = escaped(&image.path.to_string_lossy()).replace("%2F", "/");
    json!({"uri": format!("file://{path}"), "name": name, "mime": image.media_type})
}
