//! Claude Code driven by stream-json on stdin and stdout (2.1.329): one process for many turns.
//!
//! What is finished (a block of an answer, a tool's result, a boundary) comes as the record that is also written to the
//! transcript; it is handed to the transcript's own reader, so that both tell the same entries under the same keys.
//! Only the pieces before that are read here. No IO, no clock.
//!
//! Versions before 2.1 do not keep an answer's block number: what streams could not be known again on disk. Of them
//! only whole blocks are told.

mod approvals;
mod decode;
mod ending;
mod identity;
mod offers;
mod stream;
mod told;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::words::{Said, said};
use crate::agent::protocol::{
    Codec, Command, Conversation, Incoming, Opening, Outgoing, Protocol, Setting, Signal, Step, Wire,
};
use crate::domain::event::{Body, Level};
use crate::domain::launch::Launch;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Activity, Failure, Offers};
use crate::domain::{Event, Key, Time};

use approvals::Approvals;
use ending::Turns;
use identity::Identity;
use stream::Blocks;

/// How Claude Code is driven.
#[derive(Debug)]
pub struct Stream;

impl Protocol for Stream {
    fn wire(&self) -> Wire {
        Wire::Lines
    }

    fn launch(&self, opening: &Opening) -> Launch {
        let mut args: Vec<String> = [
            "-p",
            "--input-format=stream-json",
            "--output-format=stream-json",
            "--verbose",
            "--include-partial-messages",
            "--replay-user-messages",
            "--permission-prompt-tool=stdio",
        ]
        .map(String::from)
        .to_vec();
        // Joined by `=`, so that no value can be taken for an option.
        let mut option = |name: &str, value: &str| args.push(format!("--{name}={value}"));
        if let Some(model) = &opening.model {
            option("model", model);
        }
        if let Some(mode) = &opening.mode {
            option("permission-mode", mode);
        }
        if let Some(effort) = &opening.effort {
            option("effort", effort);
        }
        match &opening.conversation {
            Conversation::New { id: Some(id) } => option("session-id", id),
            Conversation::New { id: None } => {}
            Conversation::Resume(id) => option("resume", id),
            Conversation::Fork(id) => {
                option("resume", id);
                args.push("--fork-session".into());
            }
        }
        args.extend(opening.extra.iter().cloned());
        Launch { program: "claude".into(), args, cwd: opening.cwd.clone() }
    }

    /// Its transcripts say by whom it was started: without this they look like a script's, which are hidden.
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("CLAUDE_CODE_ENTRYPOINT", "salon".to_owned())]
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(StreamCodec::default())
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> Failure {
        ending::refusal(stderr).unwrap_or_else(|| Failure::Crashed { code, stderr: stderr.to_owned() })
    }
}

/// What a control request of ours asked for.
#[derive(Clone, Debug)]
enum Asked {
    Initialize,
    Interrupt,
    Model,
    Mode(String),
    Effort(String),
}

/// One process's conversation.
#[derive(Debug, Default)]
struct StreamCodec {
    /// Ids of our control requests, and what each asked for.
    asked: HashMap<String, Asked>,
    requests: u64,
    turns: Turns,
    approvals: Approvals,
    blocks: Blocks,
    identity: Identity,
    /// What it offers, and the names of its commands with all their other names.
    offers: Offers,
    commands: HashSet<String>,
    /// Calls that were told and have no result.
    calls: HashSet<String>,
    /// Calls whose sub-agent's session was told.
    tasks: HashSet<String>,
    /// The summary of a compaction comes next.
    condensed: bool,
    /// The turn was said to be about something else than answering.
    detour: bool,
}

impl Codec for StreamCodec {
    fn command(&mut self, command: Command, now: Time) -> Step {
        let mut step = Step::default();
        match command {
            Command::Open(opening) => self.open(opening, &mut step),
            Command::Prompt { id, text } => self.prompt(id, &text, now, &mut step),
            Command::Interrupt => self.ask(Asked::Interrupt, &json!({"subtype": "interrupt"}), &mut step),
            Command::Answer { id, answer } => self.approvals.answer(&id, &answer, &mut step),
            Command::Set(Setting::Model(model)) => {
                self.ask(Asked::Model, &json!({"subtype": "set_model", "model": model}), &mut step);
            }
            Command::Set(Setting::Mode(mode)) => {
                let request = json!({"subtype": "set_permission_mode", "mode": mode});
                self.ask(Asked::Mode(mode), &request, &mut step);
            }
            Command::Set(Setting::Effort(effort)) => {
                let request = json!({"subtype": "apply_flag_settings", "settings": {"effortLevel": effort}});
                self.ask(Asked::Effort(effort), &request, &mut step);
            }
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
        match serde_json::from_str::<Value>(&text) {
            Ok(record) if record.is_object() => self.record(&record, now, &mut step),
            Ok(_) | Err(_) => step.signals.push(other(&text, &text, now)),
        }
        step
    }
}

impl StreamCodec {
    fn open(&mut self, opening: Opening, step: &mut Step) {
        self.identity = Identity::new(opening.conversation);
        if opening.model.is_some() || opening.mode.is_some() || opening.effort.is_some() {
            let word = |text: Option<String>| text.map(Into::into);
            step.signals.push(Signal::Settings {
                model: word(opening.model),
                mode: word(opening.mode),
                effort: word(opening.effort),
            });
        }
        self.ask(Asked::Initialize, &json!({"subtype": "initialize", "hooks": null}), step);
    }

    fn ask(&mut self, asked: Asked, request: &Value, step: &mut Step) {
        self.requests += 1;
        let id = format!("salon-{}", self.requests);
        send(&json!({"type": "control_request", "request_id": id, "request": request}), step);
        self.asked.insert(id, asked);
    }

    fn prompt(&mut self, id: PromptId, text: &str, now: Time, step: &mut Step) {
        let uuid = uuid_of(id, now);
        send(&json!({"type": "user", "message": {"role": "user", "content": text}, "uuid": uuid}), step);
        // As the transcript's reader will tell it.
        let body = match said(text) {
            Said::Prompt(text) if self.is_command(&text) => {
                Body::Notice { level: Level::Info, text: text.trim_ascii_end().to_owned() }
            }
            Said::Prompt(text) => Body::Prompt(text.into_owned()),
            Said::Notice(level, text) => Body::Notice { level, text: text.into_owned() },
            Said::Nothing => Body::Prompt(text.to_owned()),
        };
        step.signals.push(Signal::Event(Event { key: Key::new(&uuid, 0), time: Some(now), body }));
        self.turns.prompted(uuid, id, text);
    }

    /// Whether the agent takes a prompt for one of its commands.
    fn is_command(&self, text: &str) -> bool {
        let name = text.strip_prefix('/').and_then(|rest| rest.split_ascii_whitespace().next());
        name.is_some_and(|name| self.commands.contains(name))
    }

    /// The agent answers again, after something else.
    fn answering(&mut self, step: &mut Step) {
        if std::mem::take(&mut self.detour) {
            step.signals.push(Signal::Activity(Activity::Answering));
        }
    }

    fn detour(&mut self, activity: Activity, step: &mut Step) {
        self.detour = true;
        step.signals.push(Signal::Activity(activity));
    }
}

/// What no version that is known says, kept as it came.
fn other(id: &str, text: &str, now: Time) -> Signal {
    let body = Body::Other(crate::stdx::text::first_chars(text, 2000).to_owned());
    Signal::Event(Event { key: Key::new(id, 0), time: Some(now), body })
}

fn notice(id: &str, level: Level, text: impl Into<String>) -> Signal {
    let body = Body::Notice { level, text: text.into() };
    Signal::Event(Event { key: Key::new(id, 0), time: None, body })
}

fn send(message: &Value, step: &mut Step) {
    step.outgoing.push(Outgoing::Line(message.to_string().into_bytes()));
}

/// A uuid that names a prompt: unique for the prompt and the moment, which is all that the agent asks of it.
fn uuid_of(id: PromptId, now: Time) -> String {
    let (id, now) = (id.0.cast_unsigned(), now.millis().cast_unsigned());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        now >> 16 & 0xffff_ffff,
        now & 0xffff,
        id >> 48 & 0xfff,
        id >> 36 & 0xfff,
        id & 0xf_ffff_ffff
    )
}
