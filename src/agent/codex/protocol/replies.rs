//! What is answered to the requests of ours: the handshake, the thread, models, turns that begin or are refused.

use std::sync::Arc;

use serde_json::{Value, json};

use super::modes::Mode;
use super::{Asked, Thread, failures, wire};
use crate::agent::protocol::{Conversation, Signal, Step};
use crate::domain::Time;
use crate::domain::event::Level;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Failure, Outcome};

impl Thread {
    pub(super) fn responded(&mut self, id: u64, result: Result<&Value, &Value>, now: Time, step: &mut Step) {
        // An answer to what was never asked says nothing.
        let Some(asked) = self.asked.remove(&id) else { return };
        match (asked, result) {
            (Asked::Initialize, Ok(told)) => {
                self.catalogue.learn_version(&told["userAgent"]);
                self.begin(step);
            }
            (Asked::Initialize, Err(error)) => fatal(Failure::Other(wire::message(error).to_owned()), step),
            (Asked::Thread, Ok(told)) => self.loaded(told, now, step),
            (Asked::Thread, Err(error)) => fatal(failures::of_thread(error), step),
            (Asked::Models, Ok(page)) => self.listed(page, step),
            (Asked::Models, Err(error)) => self.missing("It does not tell which models there are", error, now, step),
            (Asked::Account, Ok(told)) if told["account"].is_null() && told["requiresOpenaiAuth"] == true => {
                self.warn("Codex is not logged in. Run: codex login".into(), Level::Warning, now, step);
            }
            (Asked::Account, _) | (Asked::Interrupt | Asked::Remark, Ok(_)) => {}
            (Asked::Turn(prompt), Ok(told)) => self.accepted(prompt, told, now, step),
            (Asked::Turn(_), Err(error)) => self.turn_refused(error, now, step),
            (Asked::Interrupt, Err(error)) => self.missing("It could not be interrupted", error, now, step),
            (Asked::Remark, Err(error)) => self.missing("What you said did not reach it", error, now, step),
        }
    }

    /// The thread is there.
    fn loaded(&mut self, told: &Value, now: Time, step: &mut Step) {
        let Some(id) = told["thread"]["id"].as_str() else {
            return fatal(Failure::Other("Codex told no thread".into()), step);
        };
        let conversation = self.opening.as_ref().map(|opening| &opening.conversation);
        if let Some(Conversation::Resume(wanted)) = conversation
            && **wanted != *id
        {
            return fatal(Failure::UnknownSession(format!("Codex gave thread {id} instead of {wanted}")), step);
        }
        let new = matches!(conversation, Some(Conversation::New { .. }) | None);
        self.id = Some(id.into());
        if !new {
            self.announce(step);
        }
        let word = |name: &str| told[name].as_str().map(Arc::from);
        let mode = Mode::told(&told["approvalPolicy"], &told["sandbox"]).map(|mode| mode.name().into());
        let effort = self.wanted.effort.as_deref().map(Arc::from).or_else(|| word("reasoningEffort"));
        self.model = word("model");
        step.signals.push(Signal::Settings { model: self.model.clone(), mode, effort });
        self.ready(step);
        for (id, text) in std::mem::take(&mut self.early) {
            self.prompt(id, text, now, step);
        }
    }

    /// Tells the thread's id, once.
    fn announce(&mut self, step: &mut Step) {
        if let Some(id) = self.id.as_ref().filter(|_| !self.announced) {
            step.signals.push(Signal::Session(id.clone()));
            self.announced = true;
        }
    }

    fn listed(&mut self, page: &Value, step: &mut Step) {
        if let Some(cursor) = self.catalogue.learn_models(page) {
            self.ask(Asked::Models, "model/list", &json!({"cursor": cursor}), step);
        }
        if self.id.is_some() {
            self.ready(step);
        }
    }

    /// The agent has a prompt.
    fn accepted(&mut self, prompt: PromptId, told: &Value, now: Time, step: &mut Step) {
        step.signals.push(Signal::PromptAccepted { id: prompt });
        let early = self.turn.answered(told["turn"]["id"].as_str());
        self.started(step);
        if let Some(outcome) = early {
            self.ended(outcome, now, step);
        } else if self.turn.interrupt && self.turn.name().is_some() {
            self.turn.interrupt = false;
            self.interrupt(step);
        }
    }

    /// The turn has a name.
    pub(super) fn started(&mut self, step: &mut Step) {
        if self.turn.name().is_some() && self.turn.tell() {
            self.announce(step);
            step.signals.push(Signal::TurnStarted);
        }
    }

    /// There is no turn, and the agent does not have the prompt.
    fn turn_refused(&mut self, error: &Value, now: Time, step: &mut Step) {
        self.echo = None;
        let failure = match failures::of_thread(error) {
            Failure::Other(_) => failures::of_turn(error, &self.limits),
            failure => failure,
        };
        self.missing("The prompt was refused", error, now, step);
        self.turn.answered(None);
        // It was to become a part of a turn that goes on.
        if self.turn.name().is_some() {
            return;
        }
        self.turn.close();
        step.signals.push(Signal::TurnEnded(Outcome::Failed(failure)));
    }

    /// Something that this version cannot do, or would not.
    fn missing(&mut self, what: &str, error: &Value, now: Time, step: &mut Step) {
        let why = if wire::unknown_method(error) { "this version is too old" } else { wire::message(error) };
        self.warn(format!("{what}: {why}."), Level::Warning, now, step);
    }
}

fn fatal(failure: Failure, step: &mut Step) {
    step.signals.push(Signal::Fatal(failure));
}
