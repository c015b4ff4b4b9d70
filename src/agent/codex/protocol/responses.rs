//! Decodes responses to salon's requests: handshake, thread, models, and accepted or rejected turns.

use std::sync::Arc;

use serde_json::{Value, json};

use super::modes::CodexMode;
use super::{PendingRequest, ThreadCodec, errors, rpc};
use crate::agent::protocol::{CodecStep, Conversation, ProtocolSignal};
use crate::domain::Time;
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::PromptId;
use crate::domain::run::{RunFailure, TurnOutcome};

impl ThreadCodec {
    pub(super) fn apply_response(&mut self, id: u64, result: Result<&Value, &Value>, now: Time, step: &mut CodecStep) {
        // Responses to unknown requests are ignored.
        let Some(pending) = self.pending.remove(&id) else { return };
        match (pending, result) {
            (PendingRequest::Initialize, Ok(result)) => {
                self.capabilities.set_version(&result["userAgent"]);
                self.begin(step);
            }
            (PendingRequest::Initialize, Err(error)) => fatal(RunFailure::Other(rpc::message(error).to_owned()), step),
            (PendingRequest::Thread, Ok(result)) => self.thread_loaded(result, now, step),
            (PendingRequest::Thread, Err(error)) => fatal(errors::of_thread(error), step),
            (PendingRequest::Models, Ok(page)) => self.models_listed(page, step),
            (PendingRequest::Models, Err(error)) => {
                self.warn_unavailable("The list of models is not available", error, now, step);
            }
            (PendingRequest::Account, Ok(result))
                if result["account"].is_null() && result["requiresOpenaiAuth"] == true =>
            {
                self.warn("Codex is not logged in. Run: codex login".into(), NoticeLevel::Warning, now, step);
            }
            // An account without a subscription has no limits.
            (PendingRequest::Account, Ok(result)) if result["account"]["type"] == "chatgpt" => {
                self.send_request(PendingRequest::Limits, "account/rateLimits/read", &Value::Null, step);
            }
            (PendingRequest::Limits, Ok(result)) => self.limits_updated(&result["rateLimits"], step),
            (PendingRequest::Account | PendingRequest::Limits, _)
            | (PendingRequest::Interrupt | PendingRequest::FollowUp, Ok(_)) => {}
            (PendingRequest::Steer(prompt), Ok(_)) => self.steer_accepted(prompt, step),
            (PendingRequest::Steer(prompt), Err(error)) => {
                self.steered.retain(|(id, _)| *id != prompt);
                let reason = rpc::message(error).to_owned();
                step.signals.push(ProtocolSignal::SteerRefused { id: prompt, reason });
            }
            (PendingRequest::Turn(prompt), Ok(result)) => self.turn_accepted(prompt, result, now, step),
            (PendingRequest::Turn(_), Err(error)) => self.turn_rejected(error, now, step),
            (PendingRequest::Interrupt, Err(error)) => {
                self.warn_unavailable("The turn could not be interrupted", error, now, step);
            }
            (PendingRequest::FollowUp, Err(error)) => {
                self.warn_unavailable("Your message was not delivered", error, now, step);
            }
        }
    }

    fn thread_loaded(&mut self, result: &Value, now: Time, step: &mut CodecStep) {
        let Some(id) = result["thread"]["id"].as_str() else {
            return fatal(RunFailure::Other("Codex did not report a thread id".into()), step);
        };
        let conversation = self.opening.as_ref().map(|opening| &opening.conversation);
        if let Some(Conversation::Resume(requested)) = conversation
            && **requested != *id
        {
            return fatal(RunFailure::UnknownSession(format!("Codex opened thread {id} instead of {requested}")), step);
        }
        let new = matches!(conversation, Some(Conversation::New { .. }) | None);
        self.id = Some(id.into());
        if !new {
            self.announce_thread(step);
        }
        let text = |name: &str| result[name].as_str().map(Arc::from);
        let reported = CodexMode::from_settings(&result["approvalPolicy"], &result["sandbox"]);
        let mode = self.pending_settings.mode.as_ref().or(reported.as_ref()).map(|mode| mode.name().into());
        let effort = self.pending_settings.effort.as_deref().map(Arc::from).or_else(|| text("reasoningEffort"));
        self.model = text("model");
        step.signals.push(ProtocolSignal::Settings { model: self.model.clone(), mode, effort });
        self.send_capabilities(step);
        for prompt in std::mem::take(&mut self.early) {
            self.prompt(prompt, now, step);
        }
    }

    /// Reports the thread's id, once.
    fn announce_thread(&mut self, step: &mut CodecStep) {
        if let Some(id) = self.id.as_ref().filter(|_| !self.announced) {
            step.signals.push(ProtocolSignal::Session(id.clone()));
            self.announced = true;
        }
    }

    fn models_listed(&mut self, page: &Value, step: &mut CodecStep) {
        if let Some(cursor) = self.capabilities.add_models(page) {
            self.send_request(PendingRequest::Models, "model/list", &json!({"cursor": cursor}), step);
        }
        if self.id.is_some() {
            self.send_capabilities(step);
        }
    }

    fn turn_accepted(&mut self, prompt: PromptId, result: &Value, now: Time, step: &mut CodecStep) {
        step.signals.push(ProtocolSignal::PromptAccepted { id: prompt });
        let early_end = self.turn.confirm_start(result["turn"]["id"].as_str());
        self.announce_turn(step);
        if let Some(outcome) = early_end {
            self.end_turn(outcome, now, step);
        } else if self.turn.interrupt && self.turn.id().is_some() {
            self.turn.interrupt = false;
            self.interrupt(step);
        }
    }

    /// Reports that a prompt joined the open turn.
    fn steer_accepted(&mut self, prompt: PromptId, step: &mut CodecStep) {
        let accepted = self.steered.iter().position(|(id, _)| *id == prompt).map(|at| self.steered.remove(at).1);
        step.signals.extend(accepted);
        step.signals.push(ProtocolSignal::PromptAccepted { id: prompt });
    }

    /// Reports the start of a turn, once its id is known.
    pub(super) fn announce_turn(&mut self, step: &mut CodecStep) {
        if self.turn.id().is_some() && self.turn.announce() {
            self.announce_thread(step);
            step.signals.push(ProtocolSignal::TurnStarted);
        }
    }

    /// Ends the turn that the agent rejected; the agent does not have the prompt.
    fn turn_rejected(&mut self, error: &Value, now: Time, step: &mut CodecStep) {
        self.echo = None;
        let failure = match errors::of_thread(error) {
            RunFailure::Other(_) => errors::of_turn(error, &self.limits),
            failure => failure,
        };
        self.turn.confirm_start(None);
        // The prompt was to join a turn that is still running.
        if self.turn.id().is_some() {
            self.warn_unavailable("The prompt was refused", error, now, step);
            return;
        }
        self.turn.close();
        step.signals.push(ProtocolSignal::TurnEnded(TurnOutcome::Failed(failure)));
    }

    /// Warns about a request that this version does not support, or that it rejected.
    fn warn_unavailable(&mut self, what: &str, error: &Value, now: Time, step: &mut CodecStep) {
        let why = if rpc::unknown_method(error) { "this version is too old" } else { rpc::message(error) };
        self.warn(format!("{what}: {why}."), NoticeLevel::Warning, now, step);
    }
}

fn fatal(failure: RunFailure, step: &mut CodecStep) {
    step.signals.push(ProtocolSignal::Fatal(failure));
}
