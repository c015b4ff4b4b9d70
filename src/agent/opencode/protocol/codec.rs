//! One conversation at the server: what it is about, what was asked, and what the user wants of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::asks::{self, Ask};
use super::ids;
use super::offers::{self, ModelName, Models};
use super::talk::Talk;
use super::turn::Turn;
use crate::agent::protocol::{Codec, Command, Conversation, Incoming, Opening, Outgoing, Setting, Signal, Step};
use crate::domain::approval::Answer;
use crate::domain::event::Level;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Offers, Outcome};
use crate::domain::{Body, Event, Key, Time, Tokens};

/// What a request asked for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// The session to begin with.
    Session(Conversation),
    /// What is offered.
    Models,
    /// Agents, which are OpenCode's modes.
    Agents,
    /// Slash commands.
    Commands,
    /// Its version.
    Version,
    /// That a prompt be taken; these return at once.
    Prompt(u64),
    /// That a command be done; these return at its end.
    Work(u64),
    /// That the turn be stopped.
    Abort(u64),
    /// That an answer be taken.
    Answer,
    /// Which sessions are busy, and why that is asked.
    Status(Why),
    /// The messages. What is known to be over by now: this turn.
    Messages {
        /// The turn that was idle before the messages were asked for.
        over: Option<u64>,
    },
    /// Permissions that wait.
    Permissions,
    /// Questions that wait.
    Questions,
}

/// Why it is asked whether the session is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// This turn seems to be over.
    Over(u64),
    /// Events were missed; this turn was open and accepted.
    Gap(Option<u64>),
}

/// A conversation.
#[derive(Debug, Default)]
pub struct SessionCodec {
    pub(super) directory: PathBuf,
    pub(super) session: Option<Arc<str>>,
    /// Sessions of its sub-agents.
    pub(super) children: Vec<Arc<str>>,
    asked: HashMap<u64, Asked>,
    requests: u64,
    /// Answers that are still wanted before it counts as ready.
    pub(super) wanted: u32,
    /// What the next prompts ask for; none: what the session or the agent's settings say.
    pub(super) model: Option<ModelName>,
    pub(super) mode: Option<String>,
    pub(super) effort: Option<String>,
    /// What the last message was answered by.
    pub(super) in_use: Option<ModelName>,
    pub(super) models: Models,
    pub(super) offers: Offers,
    pub(super) turn: Option<Turn>,
    /// Counts the turns, so that a late answer is not taken for another's.
    pub(super) turns: u64,
    pub(super) talk: Talk,
    /// The newest message of a user that was told of.
    pub(super) newest: String,
    pub(super) asks: HashMap<Arc<str>, Ask>,
    /// An error was told that will be told again.
    pub(super) explained: bool,
    /// The last turn was interrupted, the error of which may still be told.
    pub(super) stopped: bool,
    /// The usage that was told last.
    pub(super) used: (Option<Tokens>, Option<f64>, Option<(u64, u64)>),
}

impl Codec for SessionCodec {
    fn command(&mut self, command: Command, now: Time) -> Step {
        let mut step = Step::default();
        match command {
            Command::Open(opening) => self.open(opening, now, &mut step),
            Command::Prompt { id, text } => self.prompt(id, &text, now, &mut step),
            // At its end too: the server lives on, and a turn that nobody looks at any more must not.
            Command::Interrupt | Command::Close => self.interrupt(&mut step),
            Command::Answer { id, answer } => self.answer(&id, &answer, &mut step),
            Command::Set(setting) => self.set(setting, now, &mut step),
        }
        step
    }

    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> Step {
        let mut step = Step::default();
        match incoming {
            Incoming::ServerEvent(data) => self.told(data, now, &mut step),
            Incoming::Response { id, status, body } => {
                if let Some(asked) = self.asked.remove(&id) {
                    self.replied(asked, status, body, now, &mut step);
                }
            }
            Incoming::Resumed => self.catch_up(&mut step),
            Incoming::Line(_) => {}
        }
        step
    }
}

impl SessionCodec {
    fn open(&mut self, opening: Opening, now: Time, step: &mut Step) {
        self.directory = opening.cwd;
        for (setting, value) in [
            (Setting::Model as fn(String) -> Setting, opening.model),
            (Setting::Mode, opening.mode),
            (Setting::Effort, opening.effort),
        ] {
            if let Some(value) = value {
                self.set(setting(value), now, step);
            }
        }
        if !opening.extra.is_empty() {
            let words =
                format!("One server serves all of OpenCode's sessions: {} is not passed on.", opening.extra.join(" "));
            step.signals.push(notice(&format!("extra {}", now.millis()), Level::Warning, words));
        }
        let asked = Asked::Session(opening.conversation.clone());
        match opening.conversation {
            Conversation::New { .. } => self.post(asked, "/session".into(), &json!({}), step),
            Conversation::Resume(id) => self.get(asked, format!("/session/{}", escaped(&id)), step),
            Conversation::Fork(id) => self.post(asked, format!("/session/{}/fork", escaped(&id)), &json!({}), step),
        }
    }

    fn set(&mut self, setting: Setting, now: Time, step: &mut Step) {
        let (mut model, mut mode, mut effort) = (None, None, None);
        match setting {
            Setting::Model(name) => {
                self.model = ModelName::parse(&name);
                if self.model.is_none() {
                    step.signals.push(notice(
                        &format!("model {name} {}", now.millis()),
                        Level::Warning,
                        format!(
                            "OpenCode names models provider/model; {name} names no provider, so its default model \
                             answers. Choose another with the model picker."
                        ),
                    ));
                    return;
                }
                model = Some(name.into());
                if self.wanted == 0 && self.session.is_some() {
                    self.ready(step);
                }
            }
            Setting::Mode(name) => {
                mode = Some(name.as_str().into());
                self.mode = Some(name);
            }
            Setting::Effort(name) => {
                effort = Some(name.as_str().into());
                self.effort = Some(name);
            }
        }
        step.signals.push(Signal::Settings { model, mode, effort });
    }

    /// It can take prompts, or what it offers changed.
    pub(super) fn ready(&mut self, step: &mut Step) {
        self.offers.models = self.models.names();
        self.offers.efforts = self.models.efforts(self.model.as_ref().or(self.in_use.as_ref()));
        step.signals.push(Signal::Ready(self.offers.clone()));
    }

    fn prompt(&mut self, id: PromptId, text: &str, now: Time, step: &mut Step) {
        let Some(session) = self.session.clone() else {
            step.signals.push(Signal::TurnEnded(Outcome::Failed(crate::domain::run::Failure::Other(
                "the session is not open yet".into(),
            ))));
            return;
        };
        self.turns += 1;
        self.talk.clear();
        let (message, part) = ids::of_prompt(&session, id, now);
        match offers::called(text, &self.offers) {
            Some(("compact", _)) => self.compact(id, &session, step),
            Some((name, arguments)) => {
                let mut body = json!({"messageID": message, "command": name, "arguments": arguments});
                if let Some(model) = &self.model {
                    body["model"] = model.to_string().into();
                }
                self.finish_body(&mut body);
                self.turn = Some(Turn::of_prompt(id, Some(message)));
                self.post(Asked::Work(self.turns), format!("/session/{session}/command"), &body, step);
            }
            None => {
                let parts = json!([{"id": part, "type": "text", "text": text}]);
                let mut body = json!({"messageID": message, "parts": parts});
                if let Some(model) = &self.model {
                    body["model"] = json!({"providerID": model.provider, "modelID": model.model});
                }
                self.finish_body(&mut body);
                let event = Event { key: Key::new(&part, 0), time: Some(now), body: Body::Prompt(text.to_owned()) };
                step.signals.push(Signal::Event(event));
                self.talk.prompt(&message, &part, text);
                self.turn = Some(Turn::of_prompt(id, Some(message)));
                self.post(Asked::Prompt(self.turns), format!("/session/{session}/prompt_async"), &body, step);
            }
        }
    }

    fn finish_body(&self, body: &mut Value) {
        if let Some(mode) = &self.mode {
            body["agent"] = mode.as_str().into();
        }
        if let Some(effort) = &self.effort {
            body["variant"] = effort.as_str().into();
        }
    }

    fn compact(&mut self, id: PromptId, session: &str, step: &mut Step) {
        self.turn = Some(Turn::of_prompt(id, None));
        let Some(model) = self.model.as_ref().or(self.in_use.as_ref()) else {
            let words = "OpenCode must be told which model condenses the conversation: choose one first";
            self.end_turn(Outcome::Failed(crate::domain::run::Failure::Other(words.into())), step);
            return;
        };
        let body = json!({"providerID": model.provider, "modelID": model.model});
        self.post(Asked::Work(self.turns), format!("/session/{session}/summarize"), &body, step);
    }

    fn interrupt(&mut self, step: &mut Step) {
        let Some(turn) = &mut self.turn else { return };
        turn.interrupted = true;
        if turn.accepted || turn.begun {
            self.abort(step);
        } else {
            turn.abort_waits = true;
        }
    }

    pub(super) fn abort(&mut self, step: &mut Step) {
        let Some(session) = self.session.clone() else { return };
        self.post(Asked::Abort(self.turns), format!("/session/{session}/abort"), &json!({}), step);
    }

    fn answer(&mut self, id: &Arc<str>, answer: &Answer, step: &mut Step) {
        let Some(ask) = self.asks.remove(id) else { return };
        let (path, body) = asks::answer(id, ask, answer);
        self.post(Asked::Answer, path, &body, step);
        step.signals.push(Signal::ApprovalGone(id.clone()));
    }

    /// Ends the open turn, once.
    pub(super) fn end_turn(&mut self, outcome: Outcome, step: &mut Step) {
        let Some(turn) = self.turn.take() else { return };
        self.stopped = turn.interrupted;
        for (id, _) in self.asks.drain() {
            step.signals.push(Signal::ApprovalGone(id));
        }
        step.signals.push(Signal::TurnEnded(outcome));
    }

    /// Events were missed: what is the case now is asked for, first whether the turn goes on at all.
    fn catch_up(&mut self, step: &mut Step) {
        if self.session.is_some() {
            let accepted = self.turn.as_ref().is_some_and(|turn| turn.accepted || turn.begun);
            self.ask_status(Why::Gap(accepted.then_some(self.turns)), step);
        }
    }

    pub(super) fn ask_status(&mut self, why: Why, step: &mut Step) {
        self.get(Asked::Status(why), "/session/status".into(), step);
    }

    pub(super) fn get(&mut self, asked: Asked, path: String, step: &mut Step) {
        self.request(asked, "GET", path, None, false, step);
    }

    pub(super) fn get_shared(&mut self, asked: Asked, path: &str, step: &mut Step) {
        self.request(asked, "GET", path.to_owned(), None, true, step);
    }

    fn post(&mut self, asked: Asked, path: String, body: &Value, step: &mut Step) {
        self.request(asked, "POST", path, Some(body.to_string().into_bytes()), false, step);
    }

    fn request(
        &mut self,
        asked: Asked,
        method: &'static str,
        path: String,
        body: Option<Vec<u8>>,
        shared: bool,
        step: &mut Step,
    ) {
        self.requests += 1;
        let headers = vec![("x-opencode-directory", super::encoded(&self.directory))];
        step.outgoing.push(Outgoing::Request { id: self.requests, method, path, headers, body, shared });
        self.asked.insert(self.requests, asked);
    }
}

/// A notice that no transcript has.
pub fn notice(id: &str, level: Level, text: String) -> Signal {
    Signal::Event(Event { key: Key::new(id, 0), time: None, body: Body::Notice { level, text } })
}

/// An id from outside as a piece of a path: nothing that could name another path.
fn escaped(id: &str) -> String {
    super::encoded(std::path::Path::new(id)).replace('/', "%2F")
}
