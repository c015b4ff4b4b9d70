//! Codex driven by `codex app-server` on stdin and stdout (0.169.0): one process for one thread and its sub-agents.
//!
//! Here are the commands; [`replies`] reads what is answered to them, [`hear`] what the agent tells on its own,
//! [`approvals`] what it asks. No IO and no clock. A thread that cannot be taken up again is never replaced by a new one.

mod approvals;
mod failures;
mod forms;
mod hear;
mod items;
mod models;
mod modes;
mod replies;
mod turn;
mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use self::approvals::Waiting;
use self::failures::Limits;
use self::models::Catalogue;
use self::modes::Mode;
use self::turn::Turn;
use self::wire::Message;
use super::dialect::OUR_PROMPTS;
use crate::agent::protocol::{Codec, Command, Conversation, Incoming, Opening, Protocol, Setting, Signal, Step, Wire};
use crate::domain::approval::Answer;
use crate::domain::event::{Body, Level};
use crate::domain::launch::Launch;
use crate::domain::prompt::PromptId;
use crate::domain::run::Failure;
use crate::domain::transcript::Action;
use crate::domain::{Event, Key, Time};

/// How Codex is driven.
#[derive(Debug)]
pub struct AppServer;

impl Protocol for AppServer {
    fn wire(&self) -> Wire {
        Wire::Lines
    }

    fn launch(&self, opening: &Opening) -> Launch {
        let args = std::iter::once("app-server".to_owned()).chain(opening.extra.iter().cloned()).collect();
        Launch { program: "codex".into(), args, cwd: opening.cwd.clone() }
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> Failure {
        // Before there was an app-server, its name was no command.
        let unknown = |line: &&str| line.contains("unrecognized subcommand") || line.contains("unexpected argument");
        match stderr.lines().find(unknown) {
            Some(line) => Failure::Other(format!("This version of Codex is too old to be driven: {line}")),
            None => Failure::Crashed { code, stderr: stderr.to_owned() },
        }
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(Thread::default())
    }
}

/// What a request of ours asked for.
#[derive(Clone, Debug)]
enum Asked {
    Initialize,
    Thread,
    Models,
    Account,
    /// A turn: a prompt, or a command that makes one.
    Turn(PromptId),
    Interrupt,
    /// What the user said besides an answer.
    Remark,
}

/// Settings that the next turn takes with it.
#[derive(Debug, Default)]
struct Wanted {
    model: Option<String>,
    mode: Option<Mode>,
    effort: Option<String>,
}

/// One process's conversation.
#[derive(Debug, Default)]
struct Thread {
    asked: HashMap<u64, Asked>,
    requests: u64,
    opening: Option<Opening>,
    /// The thread, once the agent has it loaded.
    id: Option<Arc<str>>,
    /// A new thread has a rollout only from its first turn on; before that nobody could take it up again.
    announced: bool,
    /// Prompts that came before the thread did.
    early: Vec<(PromptId, String)>,
    turn: Turn,
    wanted: Wanted,
    model: Option<Arc<str>>,
    catalogue: Catalogue,
    limits: Limits,
    /// Requests of the agent that wait for the user, by the approval's id.
    waiting: HashMap<Arc<str>, Waiting>,
    /// Calls that are under way, with what they do.
    calls: HashMap<Arc<str>, Action>,
    /// Calls that the user refused in order to stop: they count as stopped, not as refused.
    stopped: Vec<Arc<str>>,
    /// The text of our last prompt, until the agent has echoed it; versions that do not echo our id echo the text.
    echo: Option<String>,
    /// A retry or a compaction was announced and nothing came since.
    apart: bool,
    /// Warnings that were told: some come with each turn.
    warned: HashSet<String>,
    /// Counts what has no id of its own.
    nameless: u32,
}

impl Codec for Thread {
    fn command(&mut self, command: Command, now: Time) -> Step {
        let mut step = Step::default();
        match command {
            Command::Open(opening) => self.open(opening, &mut step),
            Command::Prompt { id, text } => self.prompt(id, text, now, &mut step),
            Command::Interrupt => self.interrupt(&mut step),
            Command::Answer { id, answer } => self.answer(&id, &answer, &mut step),
            Command::Set(setting) => self.set(setting, &mut step),
            // The end of its stdin is what it takes for the end.
            Command::Close => {}
        }
        step
    }

    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> Step {
        let mut step = Step::default();
        let Incoming::Line(line) = incoming else { return step };
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return step;
        }
        let record = serde_json::from_str::<Value>(&text).unwrap_or(Value::Null);
        let time = record["emittedAtMs"].as_i64().map_or(now, Time::from_millis);
        match Message::of(&record) {
            Some(Message::Response(id, result)) => self.responded(id, result, now, &mut step),
            Some(Message::Request(id, method, params)) => self.requested(id, method, params, now, &mut step),
            Some(Message::Notification(method, params)) => self.notified(method, params, time, &mut step),
            None => self.other(&text, now, &mut step),
        }
        step
    }
}

impl Thread {
    fn ask(&mut self, asked: Asked, method: &str, params: &Value, step: &mut Step) {
        self.requests += 1;
        wire::request(self.requests, method, params, step);
        self.asked.insert(self.requests, asked);
    }

    fn open(&mut self, opening: Opening, step: &mut Step) {
        self.wanted.effort.clone_from(&opening.effort);
        self.opening = Some(opening);
        let client = json!({"name": "salon", "title": "salon", "version": env!("CARGO_PKG_VERSION")});
        let params =
            json!({"clientInfo": client, "capabilities": {"experimentalApi": true, "requestAttestation": false}});
        self.ask(Asked::Initialize, "initialize", &params, step);
    }

    /// The handshake is done: the conversation, and what is on offer.
    fn begin(&mut self, step: &mut Step) {
        wire::notify("initialized", step);
        let Some(opening) = &self.opening else { return };
        let mut params = json!({"cwd": opening.cwd});
        if let Some(model) = &opening.model {
            params["model"] = json!(model);
        }
        if let Some(name) = &opening.mode {
            match Mode::named(name) {
                Some(mode) => {
                    params["approvalPolicy"] = json!(mode.approval);
                    params["sandbox"] = json!(mode.sandbox);
                }
                None => step.signals.push(unknown_mode(name)),
            }
        }
        let method = match &opening.conversation {
            // Codex chooses the ids of its threads itself.
            Conversation::New { .. } => "thread/start",
            Conversation::Resume(id) | Conversation::Fork(id) => {
                params["threadId"] = json!(&**id);
                // What was said stands in the rollout.
                params["excludeTurns"] = json!(true);
                let fork = matches!(opening.conversation, Conversation::Fork(_));
                if fork { "thread/fork" } else { "thread/resume" }
            }
        };
        self.ask(Asked::Thread, method, &params, step);
        self.ask(Asked::Models, "model/list", &json!({}), step);
        self.ask(Asked::Account, "account/read", &json!({"refreshToken": false}), step);
    }

    fn prompt(&mut self, id: PromptId, text: String, now: Time, step: &mut Step) {
        let Some(thread) = self.id.clone() else {
            self.early.push((id, text));
            return;
        };
        let client = format!("{OUR_PROMPTS}{}-{:x}", id.0, now.millis());
        step.signals.push(event(Key::new(&client, 0), now, Body::Prompt(text.clone())));
        self.turn.ask();
        let word = text.trim();
        if word == "/compact" {
            self.ask(Asked::Turn(id), "thread/compact/start", &json!({"threadId": &*thread}), step);
            return;
        }
        if let Some(what) =
            word.strip_prefix("/review").filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        {
            let target = match what.trim() {
                "" => json!({"type": "uncommittedChanges"}),
                what => json!({"type": "custom", "instructions": what}),
            };
            self.ask(Asked::Turn(id), "review/start", &json!({"threadId": &*thread, "target": target}), step);
            return;
        }
        let mut params = json!({"threadId": &*thread, "clientUserMessageId": client, "input": input(&text)});
        self.settings(&mut params);
        self.echo = Some(text);
        self.ask(Asked::Turn(id), "turn/start", &params, step);
    }

    /// Settings that were chosen since the last turn. They stick.
    fn settings(&mut self, params: &mut Value) {
        let wanted = std::mem::take(&mut self.wanted);
        if let Some(model) = wanted.model {
            params["model"] = json!(model);
        }
        if let Some(effort) = wanted.effort {
            params["effort"] = json!(effort);
        }
        if let Some(mode) = wanted.mode {
            params["sandboxPolicy"] = mode.policy();
            params["approvalPolicy"] = json!(mode.approval);
        }
    }

    fn set(&mut self, setting: Setting, step: &mut Step) {
        let (mut model, mut mode, mut effort) = (None, None, None);
        match setting {
            Setting::Model(name) => {
                model = Some(name.as_str().into());
                self.wanted.model = Some(name);
            }
            Setting::Effort(name) => {
                effort = Some(name.as_str().into());
                self.wanted.effort = Some(name);
            }
            Setting::Mode(name) => {
                let Some(named) = Mode::named(&name) else {
                    step.signals.push(unknown_mode(&name));
                    return;
                };
                mode = Some(named.name().into());
                self.wanted.mode = Some(named);
            }
        }
        self.told_settings(model, mode, effort, step);
    }

    /// Tells the settings in use; with another model other efforts are on offer.
    fn told_settings(
        &mut self,
        model: Option<Arc<str>>,
        mode: Option<Arc<str>>,
        effort: Option<Arc<str>>,
        step: &mut Step,
    ) {
        let other = model.is_some() && model != self.model;
        self.model = model.clone().or(self.model.take());
        step.signals.push(Signal::Settings { model, mode, effort });
        if other && self.id.is_some() {
            self.ready(step);
        }
    }

    fn ready(&self, step: &mut Step) {
        step.signals.push(Signal::Ready(self.catalogue.offers(self.model.as_deref())));
    }

    fn interrupt(&mut self, step: &mut Step) {
        if !self.turn.is_open() {
            return;
        }
        let (Some(thread), Some(turn)) = (self.id.clone(), self.turn.name().cloned()) else {
            self.turn.interrupt = true;
            return;
        };
        self.stop(&thread, &turn, step);
    }

    fn stop(&mut self, thread: &str, turn: &str, step: &mut Step) {
        self.ask(Asked::Interrupt, "turn/interrupt", &json!({"threadId": thread, "turnId": turn}), step);
    }

    fn answer(&mut self, id: &Arc<str>, answer: &Answer, step: &mut Step) {
        let Some(waiting) = self.waiting.remove(id) else { return };
        let answered = waiting.answer(answer);
        if answered.stops {
            self.stopped.extend(waiting.approval.tool_id.clone());
        }
        wire::respond(&waiting.id, &answered.result, step);
        step.signals.push(Signal::ApprovalGone(id.clone()));
        self.question_answered(&waiting, &answered.result, step);
        if answered.interrupt {
            self.stop(&waiting.thread, &waiting.turn, step);
        }
        if let Some(remark) = answered.remark {
            let params =
                json!({"threadId": &*waiting.thread, "expectedTurnId": &*waiting.turn, "input": input(&remark)});
            self.ask(Asked::Remark, "turn/steer", &params, step);
        }
    }

    fn requested(&mut self, id: &Value, method: &str, params: &Value, now: Time, step: &mut Step) {
        let item = params["itemId"].as_str().unwrap_or_default();
        let Some(mut waiting) = approvals::asked(id, method, params, self.calls.get(item), now) else {
            wire::refuse(id, method, step);
            return;
        };
        if self.id.as_deref().is_some_and(|ours| *ours != *waiting.thread) {
            let reason = waiting.approval.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            waiting.approval.reason = Some(format!("asked by a sub-agent{reason}"));
        }
        self.question_asked(&waiting, now, step);
        step.signals.push(Signal::Approval(waiting.approval.clone()));
        self.waiting.insert(waiting.approval.id.clone(), waiting);
    }
}

/// A prompt as a turn takes it, word for word.
fn input(text: &str) -> Value {
    json!([{"type": "text", "text": text, "text_elements": []}])
}

fn event(key: Key, time: Time, body: Body) -> Signal {
    Signal::Event(Event { key, time: Some(time), body })
}

fn unknown_mode(name: &str) -> Signal {
    let text = format!("Codex has no mode {name}; there are {}.", Mode::offered().join(", "));
    let body = Body::Notice { level: Level::Warning, text };
    Signal::Event(Event { key: Key::new(&format!("mode {name}"), 0), time: None, body })
}
