//! What the server answered to what was asked.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::codec::{Asked, SessionCodec, Why, notice};
use super::faults;
use super::offers::{self, ModelName, Models};
use super::talk::From;
use super::turn::Turn;
use crate::agent::protocol::{Conversation, Signal, Step};
use crate::domain::event::Level;
use crate::domain::run::{Failure, Outcome};
use crate::domain::{Time, Tokens};

/// Messages that are read again after a gap.
const MESSAGES: u32 = 100;

impl SessionCodec {
    pub(super) fn replied(&mut self, asked: Asked, status: u16, body: &[u8], now: Time, step: &mut Step) {
        let fine = (200..300).contains(&status);
        match asked {
            Asked::Session(conversation) => self.opened(&conversation, status, body, step),
            Asked::Models => {
                if let Some(models) = Models::read(body).filter(|_| fine) {
                    self.models = models;
                }
                self.one_less(step);
            }
            Asked::Agents => {
                if fine {
                    self.offers.modes = offers::modes(body);
                }
                self.one_less(step);
            }
            Asked::Commands => {
                self.offers.commands = offers::commands(if fine { body } else { b"[]" });
                self.one_less(step);
            }
            Asked::Version => {
                let told: Value = serde_json::from_slice(body).unwrap_or_default();
                self.offers.version = told["version"].as_str().map(str::to_owned);
                self.one_less(step);
            }
            Asked::Prompt(turn) | Asked::Work(turn) if turn == self.turns => {
                self.taken(matches!(asked, Asked::Work(_)), status, body, now, step);
            }
            Asked::Abort(turn) if turn == self.turns && self.turn.is_some() => self.ask_status(Why::Over(turn), step),
            Asked::Prompt(_) | Asked::Work(_) | Asked::Abort(_) => {}
            Asked::Answer if fine => {}
            Asked::Answer => {
                let words = format!("The answer did not reach OpenCode: {}", faults::refusal(status, body));
                step.signals.push(notice(&format!("answer {}", now.millis()), Level::Warning, words));
            }
            Asked::Status(why) => self.status_known(why, status, body, step),
            Asked::Messages { over } => self.messages(over, fine, body, now, step),
            Asked::Permissions | Asked::Questions => {
                // Those of a turn that was stopped may stay in the list for ever.
                let open = fine && self.turn.is_some();
                let told: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
                for asked_for in told.iter().filter(|_| open) {
                    self.ask(asked_for, matches!(asked, Asked::Questions), now, step);
                }
            }
        }
    }

    fn opened(&mut self, conversation: &Conversation, status: u16, body: &[u8], step: &mut Step) {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(id) = told["id"].as_str().filter(|_| status == 200) else {
            step.signals.push(Signal::Fatal(refused(conversation, status, body)));
            return;
        };
        // A session keeps its own directory, wherever it is opened from.
        if let Some(directory) = told["directory"].as_str().filter(|directory| !directory.is_empty()) {
            self.directory = PathBuf::from(directory);
        }
        let id: Arc<str> = id.into();
        self.session = Some(id.clone());
        step.signals.push(Signal::Session(id));
        self.session_info(&told, step);
        self.wanted = 4;
        self.get_shared(Asked::Models, "/config/providers", step);
        self.get_shared(Asked::Agents, "/agent", step);
        self.get_shared(Asked::Commands, "/command", step);
        self.get_shared(Asked::Version, "/global/health", step);
        if matches!(conversation, Conversation::Resume(_)) {
            // Somebody else may be at it, at a server that was not started by us.
            self.wanted += 1;
            self.ask_status(Why::Gap(None), step);
        }
    }

    fn one_less(&mut self, step: &mut Step) {
        self.wanted = self.wanted.saturating_sub(1);
        if self.wanted == 0 {
            self.ready(step);
        }
    }

    /// A prompt was taken, or not. `done`: the answer came at the end of the work.
    fn taken(&mut self, done: bool, status: u16, body: &[u8], now: Time, step: &mut Step) {
        let turns = self.turns;
        let Some(turn) = &mut self.turn else { return };
        if (200..300).contains(&status) {
            turn.accepted = true;
            turn.done = done;
            let abort = std::mem::take(&mut turn.abort_waits);
            let doubtful = done || turn.fault.is_some() && !turn.begun;
            self.accepted(step);
            if abort {
                self.abort(step);
            } else if doubtful {
                // Its end is told by an event, which may have come already, or been lost.
                self.ask_status(Why::Over(turns), step);
            }
            return;
        }
        // A connection that broke says nothing about the prompt, nor does a command's end about its beginning.
        if status == 0 || turn.begun {
            if status != 0 && turn.fault.is_none() {
                turn.fault = Some(Outcome::Failed(Failure::Other(faults::refusal(status, body))));
            }
            turn.accepted = true;
            turn.done = true;
            self.ask_status(Why::Over(turns), step);
            return;
        }
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let failure = match status {
            401 => Failure::Other(faults::refusal(status, body)),
            404 => Failure::UnknownSession(faults::refusal(status, body)),
            _ if told["name"].is_string() => faults::failure(&told, now),
            _ => Failure::Other(faults::refusal(status, body)),
        };
        let outcome = turn.fault.take().unwrap_or(Outcome::Failed(failure));
        self.end_turn(outcome, step);
    }

    /// Tells, once, that the agent has the prompt.
    pub(super) fn accepted(&mut self, step: &mut Step) {
        if let Some(id) = self.turn.as_mut().and_then(|turn| turn.prompt.take()) {
            step.signals.push(Signal::PromptAccepted { id });
        }
    }

    fn status_known(&mut self, why: Why, status: u16, body: &[u8], step: &mut Step) {
        let told: Option<Value> = serde_json::from_slice(body).ok().filter(|_| status == 200);
        let busy = told.as_ref().is_none_or(|told| {
            let kind = self.session.as_deref().and_then(|session| told[session]["type"].as_str());
            !matches!(kind, None | Some("idle"))
        });
        match why {
            Why::Over(turn) if turn == self.turns => match (&mut self.turn, told.is_some()) {
                (Some(open), true) if !busy && open.may_be_over() => {
                    let outcome = open.outcome();
                    self.end_turn(outcome, step);
                }
                (Some(_), false) => {
                    let words = format!("the end of the turn is not known: {}", faults::refusal(status, body));
                    self.end_turn(Outcome::Failed(Failure::Other(words)), step);
                }
                _ => {}
            },
            Why::Over(_) => {}
            Why::Gap(turn) => {
                if busy && told.is_some() && self.turn.is_none() {
                    self.others_turn(step);
                }
                if self.turn.is_some() {
                    let session = self.session.clone().unwrap_or_default();
                    let over = turn.filter(|_| !busy);
                    let path = format!("/session/{session}/message?limit={MESSAGES}");
                    self.get(Asked::Messages { over }, path, step);
                    self.get(Asked::Permissions, "/permission".into(), step);
                    self.get(Asked::Questions, "/question".into(), step);
                }
                if self.wanted > 0 {
                    self.one_less(step);
                }
            }
        }
    }

    /// Somebody else prompted.
    pub(super) fn others_turn(&mut self, step: &mut Step) {
        self.turns += 1;
        self.talk.clear();
        self.turn = Some(Turn::of_others());
        step.signals.push(Signal::TurnStarted);
    }

    /// The newest messages, after a gap: those of the open turn are told, as far as they were not.
    fn messages(&mut self, over: Option<u64>, fine: bool, body: &[u8], now: Time, step: &mut Step) {
        let told: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
        let first = self.first_of_turn(&told);
        for message in told.iter().skip(first).filter(|_| fine) {
            self.message(&message["info"], now, step);
            for part in message["parts"].as_array().into_iter().flatten() {
                self.part(part, From::List, step);
            }
        }
        let Some(open) = self.turn.as_ref().filter(|_| over == Some(self.turns)) else { return };
        if open.answered || open.fault.is_some() {
            let outcome = open.outcome();
            self.end_turn(outcome, step);
        } else {
            // It may have begun after it was found idle.
            self.ask_status(Why::Over(self.turns), step);
        }
    }

    /// Where the open turn begins in a list: at its message, else at the last that a user sent.
    fn first_of_turn(&self, told: &[Value]) -> usize {
        let id = |message: &Value| message["info"]["id"].as_str().unwrap_or_default().to_owned();
        let opening = self.turn.as_ref().and_then(|turn| turn.message.clone());
        let known = opening.and_then(|opening| told.iter().position(|message| id(message) >= opening));
        let last = || told.iter().rposition(|message| message["info"]["role"] == "user");
        known.or_else(last).unwrap_or(told.len())
    }

    /// The session's own record: usage, and who answers.
    pub(super) fn session_info(&mut self, info: &Value, step: &mut Step) {
        if let Some(model) = ModelName::read(&info["model"]) {
            self.in_use.get_or_insert(model);
        }
        let data = serde_json::json!({"tokens": info["tokens"]}).to_string();
        let tokens = super::super::record::head(&data).and_then(|head| head.tokens).map(|usage| usage.tokens());
        self.used(tokens, info["cost"].as_f64(), None, step);
    }

    /// Tells usage where it changed.
    pub(super) fn used(
        &mut self,
        tokens: Option<Tokens>,
        cost_usd: Option<f64>,
        context: Option<(u64, u64)>,
        step: &mut Step,
    ) {
        let known = self.used;
        self.used = (tokens.or(known.0), cost_usd.or(known.1), context.or(known.2));
        if self.used != known {
            step.signals.push(Signal::Usage { tokens, cost_usd, context });
        }
    }
}

/// Why a session cannot be opened. An unknown one is never replaced by an empty one behind the user's back.
fn refused(conversation: &Conversation, status: u16, body: &[u8]) -> Failure {
    match (conversation, status) {
        (Conversation::Resume(id) | Conversation::Fork(id), 404) => Failure::UnknownSession(format!(
            "OpenCode's server does not know the session {id}: it was deleted, belongs to another data folder, or lies \
             only in the files of an older OpenCode. Its transcript can still be read; start a new session to go on."
        )),
        _ => Failure::Other(format!("OpenCode cannot open the session: {}", faults::refusal(status, body))),
    }
}
