//! Protocol of Claude Code: stream-json on stdin and stdout (version 2.1.329), one process for many turns.
//!
//! Finished items (a block of an answer, a tool's result, a boundary) arrive as the records that are also written to the
//! transcript. The transcript's dialect decodes them, so that stream and file yield the same entries under the same keys.
//! Only deltas are decoded here. No IO, no clock.
//!
//! Versions before 2.1 do not store block numbers, so streamed keys would not match those on disk. For these versions
//! only finished blocks are reported.

mod approvals;
mod capabilities;
mod decode;
mod errors;
mod identity;
mod messages;
mod stream;
mod turns;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use base64::Engine as _;
use serde_json::{Value, json};

use super::content;
use super::task_list::TaskList;
use super::user_markup::{UserText, classify};
use crate::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, Protocol, ProtocolCommand, ProtocolSignal, RunSetting,
    RunStart, Transport, UntrustedProject,
};
use crate::domain::event::{EventBody, NoticeLevel};
use crate::domain::launch::Launch;
use crate::domain::prompt::{PromptId, PromptImage};
use crate::domain::run::{Activity, Capabilities, RunFailure, SubagentProgress};
use crate::domain::{EntryKey, Event, Time};

use approvals::Approvals;
use identity::SessionIdentity;
use stream::BlockStream;
use turns::Turns;

/// Claude Code's stream-json protocol.
#[derive(Debug)]
pub(crate) struct Stream;

impl Protocol for Stream {
    fn transport(&self) -> Transport {
        Transport::Lines
    }

    fn launch(&self, opening: &RunStart) -> Launch {
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
        // Joined by `=`, so that no value can be parsed as an option.
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
                if let Some(reply) = &opening.fork_at {
                    option("resume-session-at", reply);
                }
                args.push("--fork-session".into());
            }
        }
        args.extend(opening.extra.iter().cloned());
        Launch { program: "claude".into(), args, cwd: opening.cwd.clone() }
    }

    /// Sets the entrypoint that transcripts record; without it they look like a script's, which are hidden.
    fn environment(&self) -> Vec<(String, String)> {
        vec![("CLAUDE_CODE_ENTRYPOINT".to_owned(), "salon".to_owned())]
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::known()
    }

    /// Claude Code queues a message on stdin and reads it at the next tool call of the turn, else after the turn.
    fn can_steer(&self) -> bool {
        true
    }

    fn changes_tasks_by_id(&self) -> bool {
        true
    }

    fn prompt_key(&self, _session: &str, id: PromptId, sent: Time) -> Option<EntryKey> {
        Some(EntryKey::new(&uuid_of(id, sent), 0))
    }

    fn untrusted_project(&self, vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
        super::trust::untrusted_project(vars, cwd)
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(StreamCodec::default())
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> RunFailure {
        errors::refusal(stderr).unwrap_or_else(|| RunFailure::Crashed { code, stderr: stderr.to_owned() })
    }
}

/// A control request of salon.
#[derive(Clone, Debug)]
enum ControlRequest {
    Initialize,
    Interrupt,
    Model,
    Mode(String),
    Effort(String),
    StopTask,
}

/// Codec of one process's conversation.
#[derive(Debug, Default)]
struct StreamCodec {
    /// Control requests without a response, by id.
    pending: HashMap<String, ControlRequest>,
    requests: u64,
    turns: Turns,
    approvals: Approvals,
    blocks: BlockStream,
    identity: SessionIdentity,
    capabilities: Capabilities,
    /// Names and aliases of its commands.
    commands: HashSet<String>,
    /// Calls without a result.
    calls: HashSet<String>,
    /// Calls whose sub-agent's session was reported.
    tasks: HashSet<String>,
    task_list: TaskList,
    /// Progress of sub-agents, by the call that started each.
    subagents: HashMap<String, SubagentProgress>,
    /// True if the next user record is the summary of a compaction.
    is_compacted: bool,
    /// True if the last reported activity is not answering.
    is_not_answering: bool,
}

impl Codec for StreamCodec {
    fn command(&mut self, command: ProtocolCommand, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        match command {
            ProtocolCommand::Open(opening) => self.open(opening, &mut step),
            ProtocolCommand::Prompt { id, text, images } => {
                let uuid = self.send_prompt((id, &text, &images), now, &mut step);
                self.turns.prompt_sent(uuid, id, &text);
            }
            ProtocolCommand::Steer { id, text, images } => {
                let uuid = self.send_prompt((id, &text, &images), now, &mut step);
                self.turns.steered(uuid, id, &text);
            }
            ProtocolCommand::Interrupt => {
                self.request(ControlRequest::Interrupt, &json!({"subtype": "interrupt"}), &mut step);
            }
            ProtocolCommand::Answer { id, answer } => self.approvals.answer(&id, &answer, &mut step),
            ProtocolCommand::Set(RunSetting::Model(model)) => {
                self.request(ControlRequest::Model, &json!({"subtype": "set_model", "model": model}), &mut step);
            }
            ProtocolCommand::Set(RunSetting::Mode(mode)) => {
                let request = json!({"subtype": "set_permission_mode", "mode": mode});
                self.request(ControlRequest::Mode(mode), &request, &mut step);
            }
            ProtocolCommand::Set(RunSetting::Effort(effort)) => {
                let request = json!({"subtype": "apply_flag_settings", "settings": {"effortLevel": effort}});
                self.request(ControlRequest::Effort(effort), &request, &mut step);
            }
            ProtocolCommand::StopTask(task) => {
                self.request(ControlRequest::StopTask, &json!({"subtype": "stop_task", "task_id": task}), &mut step);
            }
            ProtocolCommand::Close => {}
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
            Ok(record) if record.is_object() => self.record(&record, now, &mut step),
            Ok(_) | Err(_) => step.signals.push(other(&text, &text, now)),
        }
        step
    }
}

impl StreamCodec {
    fn open(&mut self, opening: RunStart, step: &mut CodecStep) {
        self.identity = SessionIdentity::new(opening.conversation);
        self.task_list = TaskList::new(opening.tasks.into_vec());
        if opening.model.is_some() || opening.mode.is_some() || opening.effort.is_some() {
            let shared = |text: Option<String>| text.map(Into::into);
            step.signals.push(ProtocolSignal::Settings {
                model: shared(opening.model),
                mode: shared(opening.mode),
                effort: shared(opening.effort),
            });
        }
        // With a stop for each task, an interrupt of the turn leaves background tasks running.
        let request = json!({"subtype": "initialize", "hooks": null, "perTaskStopAffordance": true});
        self.request(ControlRequest::Initialize, &request, step);
    }

    fn request(&mut self, kind: ControlRequest, request: &Value, step: &mut CodecStep) {
        self.requests += 1;
        let id = format!("salon-{}", self.requests);
        send(&json!({"type": "control_request", "request_id": id, "request": request}), step);
        self.pending.insert(id, kind);
    }

    /// Sends a prompt with its images. Returns its uuid.
    fn send_prompt(
        &self,
        (id, text, images): (PromptId, &str, &[PromptImage]),
        now: Time,
        step: &mut CodecStep,
    ) -> String {
        let uuid = uuid_of(id, now);
        let blocks: Vec<Value> = images.iter().map(image_block).collect();
        let content = if blocks.is_empty() {
            json!(text)
        } else {
            // The text comes first, so that the prompt's entry has the same key with and without images.
            Value::Array(std::iter::once(json!({"type": "text", "text": text})).chain(blocks.iter().cloned()).collect())
        };
        send(&json!({"type": "user", "message": {"role": "user", "content": content}, "uuid": uuid}), step);
        // The transcript's reader yields the same event for the stored prompt.
        let body = match classify(text) {
            UserText::Prompt(text) if self.is_command(&text) => {
                EventBody::Notice { level: NoticeLevel::Info, text: text.trim_ascii_end().to_owned() }
            }
            UserText::Prompt(text) => EventBody::Prompt(text.into_owned()),
            UserText::Notice(level, text) => EventBody::Notice { level, text: text.into_owned() },
            UserText::Nothing => EventBody::Prompt(text.to_owned()),
        };
        step.signals.push(ProtocolSignal::Event(Event { key: EntryKey::new(&uuid, 0), time: Some(now), body }));
        for (block, at) in blocks.iter().zip(1..) {
            let body = EventBody::Image(content::placeholder(block));
            step.signals.push(ProtocolSignal::Event(Event { key: EntryKey::new(&uuid, at), time: Some(now), body }));
        }
        uuid
    }

    /// True if the agent treats a prompt as one of its commands.
    fn is_command(&self, text: &str) -> bool {
        let name = text.strip_prefix('/').and_then(|rest| rest.split_ascii_whitespace().next());
        name.is_some_and(|name| self.commands.contains(name))
    }

    /// Reports that the agent answers again, after another activity.
    fn resume_answering(&mut self, step: &mut CodecStep) {
        if std::mem::take(&mut self.is_not_answering) {
            step.signals.push(ProtocolSignal::Activity(Activity::Answering));
        }
    }

    fn set_activity(&mut self, activity: Activity, step: &mut CodecStep) {
        self.is_not_answering = true;
        step.signals.push(ProtocolSignal::Activity(activity));
    }
}

/// Content block of an image.
fn image_block(image: &PromptImage) -> Value {
    let data = base64::engine::general_purpose::STANDARD.encode(&image.bytes);
    json!({"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": data}})
}

/// Event for a message of unknown type, with its text.
fn other(id: &str, text: &str, now: Time) -> ProtocolSignal {
    let body = EventBody::Other(crate::stdx::text::first_chars(text, 2000).to_owned());
    ProtocolSignal::Event(Event { key: EntryKey::new(id, 0), time: Some(now), body })
}

fn notice(id: &str, level: NoticeLevel, text: impl Into<String>) -> ProtocolSignal {
    let body = EventBody::Notice { level, text: text.into() };
    ProtocolSignal::Event(Event { key: EntryKey::new(id, 0), time: None, body })
}

fn send(message: &Value, step: &mut CodecStep) {
    step.outgoing.push(Outgoing::Line(message.to_string().into_bytes()));
}

/// Creates a prompt's uuid from its id and the time, which makes it unique as the agent requires.
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
