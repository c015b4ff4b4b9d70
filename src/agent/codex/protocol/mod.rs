//! Protocol of `codex app-server` on stdin and stdout (0.169.0): one process for one thread and its sub-agents.
//!
//! This file encodes commands; [`responses`] decodes the agent's responses, [`notifications`] its notifications,
//! [`approvals`] its requests. No IO and no clock. A thread that cannot be resumed is never replaced by a new one.

mod approvals;
mod capabilities;
mod errors;
mod forms;
mod items;
mod modes;
mod notifications;
mod responses;
mod rpc;
mod turn;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use self::approvals::CodexApproval;
use self::capabilities::CodexCapabilities;
use self::errors::RateLimits;
use self::modes::CodexMode;
use self::turn::CodexTurn;
use super::dialect::OUR_PROMPTS;
use crate::agent::json_rpc::RpcMessage;
use crate::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Protocol, ProtocolCommand, ProtocolSignal, RunSetting, RunStart,
    Transport, UntrustedProject,
};
use crate::domain::approval::ApprovalAnswer;
use crate::domain::event::{EventBody, NoticeLevel};
use crate::domain::launch::Launch;
use crate::domain::prompt::{PromptId, PromptImage};
use crate::domain::run::{Capabilities, RunFailure, SubagentProgress};
use crate::domain::transcript::ToolAction;
use crate::domain::{EntryKey, Event, Time};

/// Protocol of Codex's app server.
#[derive(Debug)]
pub(crate) struct AppServer;

impl Protocol for AppServer {
    fn transport(&self) -> Transport {
        Transport::Lines
    }

    fn launch(&self, opening: &RunStart) -> Launch {
        let args = std::iter::once("app-server".to_owned()).chain(opening.extra.iter().cloned()).collect();
        Launch { program: "codex".into(), args, cwd: opening.cwd.clone() }
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> RunFailure {
        // Versions before the app server reject its name as a command.
        let unknown = |line: &&str| line.contains("unrecognized subcommand") || line.contains("unexpected argument");
        match stderr.lines().find(unknown) {
            Some(line) => RunFailure::UnsupportedVersion(format!("This version of Codex is too old for salon: {line}")),
            None => RunFailure::Crashed { code, stderr: stderr.to_owned() },
        }
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::known()
    }

    fn can_steer(&self) -> bool {
        true
    }

    fn prompt_key(&self, _session: &str, id: PromptId, sent: Time) -> Option<EntryKey> {
        Some(EntryKey::new(&client_id(id, sent), 0))
    }

    fn untrusted_project(&self, vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
        super::trust::untrusted_project(vars, cwd)
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(ThreadCodec::default())
    }
}

/// Purpose of a request that salon sent.
#[derive(Clone, Debug)]
enum PendingRequest {
    Initialize,
    Thread,
    Models,
    Account,
    /// Use of the account's limits.
    Limits,
    /// A turn: a prompt, or a command that starts one.
    Turn(PromptId),
    Interrupt,
    /// A prompt that joins the open turn.
    Steer(PromptId),
    /// Text that the user added to an answer.
    FollowUp,
}

/// Id, text and images of a prompt.
type UserPrompt = (PromptId, String, Vec<PromptImage>);

/// Settings to send with the next turn.
#[derive(Debug, Default)]
struct PendingSettings {
    model: Option<String>,
    mode: Option<CodexMode>,
    effort: Option<String>,
}

/// Codec of one process's conversation.
#[derive(Debug, Default)]
struct ThreadCodec {
    pending: HashMap<u64, PendingRequest>,
    requests: u64,
    opening: Option<RunStart>,
    /// Thread id, once the agent has loaded the thread.
    id: Option<Arc<str>>,
    /// True if the thread's id was reported. A new thread has a rollout only from its first turn on; before that it
    /// cannot be resumed.
    announced: bool,
    /// Prompts that arrived before the thread was loaded.
    early: Vec<UserPrompt>,
    /// Prompts that were sent into the open turn, with their events.
    steered: Vec<(PromptId, ProtocolSignal)>,
    turn: CodexTurn,
    pending_settings: PendingSettings,
    model: Option<Arc<str>>,
    capabilities: CodexCapabilities,
    limits: RateLimits,
    /// Requests of the agent that wait for the user, by approval id.
    approvals: HashMap<Arc<str>, CodexApproval>,
    /// Progress of sub-agents, by their threads.
    subagents: HashMap<String, SubagentProgress>,
    /// Running calls, with their actions.
    calls: HashMap<Arc<str>, ToolAction>,
    /// Calls that the user denied in order to stop: their status is interrupted, not denied.
    stopped: Vec<Arc<str>>,
    /// Text of the last prompt until the agent has echoed it, for versions that echo no client id.
    echo: Option<String>,
    /// True after a retry or a compaction was reported, until other output follows.
    is_paused: bool,
    /// Warnings already reported; Codex repeats some with each turn.
    warned: HashSet<String>,
    /// Counter for keys of entries without an id.
    unnamed: u32,
}

impl Codec for ThreadCodec {
    fn command(&mut self, command: ProtocolCommand, now: Time) -> CodecStep {
        let mut step = CodecStep::default();
        match command {
            ProtocolCommand::Open(opening) => self.open(opening, &mut step),
            ProtocolCommand::Prompt { id, text, images } => self.prompt((id, text, images), now, &mut step),
            ProtocolCommand::Steer { id, text, images } => self.steer((id, text, images), now, &mut step),
            ProtocolCommand::Interrupt => self.interrupt(&mut step),
            ProtocolCommand::Answer { id, answer } => self.answer(&id, &answer, &mut step),
            ProtocolCommand::Set(setting) => self.set(setting, &mut step),
            // The agent ends when its stdin closes, and it reports no background tasks.
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
        let record = serde_json::from_str::<Value>(&text).unwrap_or(Value::Null);
        let time = record["emittedAtMs"].as_i64().map_or(now, Time::from_millis);
        match RpcMessage::of(&record) {
            Some(RpcMessage::Response(id, result)) => self.apply_response(id, result, now, &mut step),
            Some(RpcMessage::Request(id, method, params)) => self.apply_request(id, method, params, now, &mut step),
            Some(RpcMessage::Notification(method, params)) => self.apply_notification(method, params, time, &mut step),
            None => self.unknown_message(&text, now, &mut step),
        }
        step
    }
}

impl ThreadCodec {
    fn send_request(&mut self, pending: PendingRequest, method: &str, params: &Value, step: &mut CodecStep) {
        self.requests += 1;
        rpc::request(self.requests, method, params, step);
        self.pending.insert(self.requests, pending);
    }

    fn open(&mut self, opening: RunStart, step: &mut CodecStep) {
        self.pending_settings.effort.clone_from(&opening.effort);
        self.opening = Some(opening);
        let client = json!({"name": "salon", "title": "salon", "version": env!("CARGO_PKG_VERSION")});
        let params =
            json!({"clientInfo": client, "capabilities": {"experimentalApi": true, "requestAttestation": false}});
        self.send_request(PendingRequest::Initialize, "initialize", &params, step);
    }

    /// Opens the conversation after the handshake, and requests models and account.
    fn begin(&mut self, step: &mut CodecStep) {
        rpc::notify("initialized", step);
        let Some(opening) = &self.opening else { return };
        let mut params = json!({"cwd": opening.cwd});
        if let Some(model) = &opening.model {
            params["model"] = json!(model);
        }
        if let Some(name) = &opening.mode {
            match CodexMode::named(name) {
                Some(mode) => {
                    params["approvalPolicy"] = json!(mode.approval);
                    // Codex records a folder as trusted, and runs what its settings contain, when a thread is opened with a
                    // sandbox that may write. The first turn sets the sandbox without that.
                    if mode.is_read_only() {
                        params["sandbox"] = json!(mode.sandbox);
                    } else {
                        self.pending_settings.mode = Some(mode);
                    }
                }
                None => step.signals.push(unknown_mode(name)),
            }
        }
        let method = match &opening.conversation {
            // Codex chooses thread ids itself.
            Conversation::New { .. } => "thread/start",
            Conversation::Resume(id) | Conversation::Fork(id) => {
                params["threadId"] = json!(&**id);
                // The rollout contains the earlier turns.
                params["excludeTurns"] = json!(true);
                let fork = matches!(opening.conversation, Conversation::Fork(_));
                if let Some(turn) = opening.fork_at.as_ref().filter(|_| fork) {
                    params["lastTurnId"] = json!(&**turn);
                }
                if fork { "thread/fork" } else { "thread/resume" }
            }
        };
        self.send_request(PendingRequest::Thread, method, &params, step);
        self.send_request(PendingRequest::Models, "model/list", &json!({}), step);
        self.send_request(PendingRequest::Account, "account/read", &json!({"refreshToken": false}), step);
    }

    fn prompt(&mut self, prompt: UserPrompt, now: Time, step: &mut CodecStep) {
        let Some(thread) = self.id.clone() else {
            self.early.push(prompt);
            return;
        };
        let (id, text, images) = prompt;
        let (client, input) = (client_id(id, now), input(&text, &images));
        step.signals.push(prompt_event(&client, &input, now));
        self.turn.request_start();
        let trimmed = text.trim();
        if trimmed == "/compact" {
            self.send_request(PendingRequest::Turn(id), "thread/compact/start", &json!({"threadId": &*thread}), step);
            return;
        }
        if let Some(what) =
            trimmed.strip_prefix("/review").filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        {
            let target = match what.trim() {
                "" => json!({"type": "uncommittedChanges"}),
                what => json!({"type": "custom", "instructions": what}),
            };
            self.send_request(
                PendingRequest::Turn(id),
                "review/start",
                &json!({"threadId": &*thread, "target": target}),
                step,
            );
            return;
        }
        let mut params = json!({"threadId": &*thread, "clientUserMessageId": client, "input": input});
        self.settings(&mut params);
        self.echo = Some(text);
        self.send_request(PendingRequest::Turn(id), "turn/start", &params, step);
    }

    /// Sends a prompt into the open turn.
    fn steer(&mut self, (id, text, images): UserPrompt, now: Time, step: &mut CodecStep) {
        let (Some(thread), Some(turn)) = (self.id.clone(), self.turn.id().cloned()) else {
            let reason = "Codex has not started the turn yet".to_owned();
            step.signals.push(ProtocolSignal::SteerRefused { id, reason });
            return;
        };
        let (client, input) = (client_id(id, now), input(&text, &images));
        let params =
            json!({"threadId": &*thread, "expectedTurnId": &*turn, "clientUserMessageId": client, "input": input});
        self.send_request(PendingRequest::Steer(id), "turn/steer", &params, step);
        self.steered.push((id, prompt_event(&client, &input, now)));
        self.echo = Some(text);
    }

    /// Adds the settings that changed since the last turn; the agent keeps them for later turns.
    fn settings(&mut self, params: &mut Value) {
        let pending_settings = std::mem::take(&mut self.pending_settings);
        if let Some(model) = pending_settings.model {
            params["model"] = json!(model);
        }
        if let Some(effort) = pending_settings.effort {
            params["effort"] = json!(effort);
        }
        if let Some(mode) = pending_settings.mode {
            params["sandboxPolicy"] = mode.policy();
            params["approvalPolicy"] = json!(mode.approval);
        }
    }

    fn set(&mut self, setting: RunSetting, step: &mut CodecStep) {
        let (mut model, mut mode, mut effort) = (None, None, None);
        match setting {
            RunSetting::Model(name) => {
                model = Some(name.as_str().into());
                self.pending_settings.model = Some(name);
            }
            RunSetting::Effort(name) => {
                effort = Some(name.as_str().into());
                self.pending_settings.effort = Some(name);
            }
            RunSetting::Mode(name) => {
                let Some(named) = CodexMode::named(&name) else {
                    step.signals.push(unknown_mode(&name));
                    return;
                };
                mode = Some(named.name().into());
                self.pending_settings.mode = Some(named);
            }
        }
        self.apply_settings(model, mode, effort, step);
    }

    /// Reports the settings in use. Another model may have other efforts, so the capabilities follow.
    fn apply_settings(
        &mut self,
        model: Option<Arc<str>>,
        mode: Option<Arc<str>>,
        effort: Option<Arc<str>>,
        step: &mut CodecStep,
    ) {
        let other = model.is_some() && model != self.model;
        self.model = model.clone().or(self.model.take());
        step.signals.push(ProtocolSignal::Settings { model, mode, effort });
        if other && self.id.is_some() {
            self.send_capabilities(step);
        }
    }

    fn send_capabilities(&self, step: &mut CodecStep) {
        step.signals.push(ProtocolSignal::Ready(self.capabilities.current(self.model.as_deref())));
    }

    fn interrupt(&mut self, step: &mut CodecStep) {
        if !self.turn.is_open() {
            return;
        }
        let (Some(thread), Some(turn)) = (self.id.clone(), self.turn.id().cloned()) else {
            self.turn.interrupt = true;
            return;
        };
        self.stop(&thread, &turn, step);
    }

    fn stop(&mut self, thread: &str, turn: &str, step: &mut CodecStep) {
        self.send_request(
            PendingRequest::Interrupt,
            "turn/interrupt",
            &json!({"threadId": thread, "turnId": turn}),
            step,
        );
    }

    fn answer(&mut self, id: &Arc<str>, answer: &ApprovalAnswer, step: &mut CodecStep) {
        let Some(request) = self.approvals.remove(id) else { return };
        let effect = request.answer(answer);
        if effect.denies_and_stops {
            self.stopped.extend(request.approval.tool_id.clone());
        }
        rpc::respond(&request.id, &effect.result, step);
        step.signals.push(ProtocolSignal::ApprovalGone(id.clone()));
        self.question_ended(&request, &effect.result, step);
        if effect.interrupt {
            self.stop(&request.thread, &request.turn, step);
        }
        if let Some(follow_up) = effect.follow_up {
            let input = input(&follow_up, &[]);
            let params = json!({"threadId": &*request.thread, "expectedTurnId": &*request.turn, "input": input});
            self.send_request(PendingRequest::FollowUp, "turn/steer", &params, step);
        }
    }

    fn apply_request(&mut self, id: &Value, method: &str, params: &Value, now: Time, step: &mut CodecStep) {
        let item = params["itemId"].as_str().unwrap_or_default();
        let Some(mut request) = approvals::parse_request(id, method, params, self.calls.get(item), now) else {
            rpc::refuse(id, method, step);
            return;
        };
        if self.id.as_deref().is_some_and(|own_thread| *own_thread != *request.thread) {
            let reason = request.approval.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            request.approval.reason = Some(format!("requested by a sub-agent{reason}"));
        }
        self.question_started(&request, now, step);
        step.signals.push(ProtocolSignal::Approval(request.approval.clone()));
        self.approvals.insert(request.approval.id.clone(), request);
    }
}

/// Creates the client id of a prompt, which Codex stores with it.
fn client_id(id: PromptId, sent: Time) -> String {
    format!("{OUR_PROMPTS}{}-{:x}", id.0, sent.millis())
}

/// Encodes a prompt verbatim as a turn's input, with the paths of its images.
fn input(text: &str, images: &[PromptImage]) -> Value {
    let text = json!({"type": "text", "text": text, "text_elements": []});
    let images = images.iter().map(|image| json!({"type": "localImage", "path": image.path}));
    Value::Array(std::iter::once(text).chain(images).collect())
}

/// Event of a prompt. The rollout's reader yields the same text for the stored prompt.
fn prompt_event(client: &str, input: &Value, now: Time) -> ProtocolSignal {
    event(EntryKey::new(client, 0), now, EventBody::Prompt(super::items::join_parts(input)))
}

fn event(key: EntryKey, time: Time, body: EventBody) -> ProtocolSignal {
    ProtocolSignal::Event(Event { key, time: Some(time), body })
}

fn unknown_mode(name: &str) -> ProtocolSignal {
    let text = format!("Codex has no mode {name}; choose one of {}.", CodexMode::offered().join(", "));
    let body = EventBody::Notice { level: NoticeLevel::Warning, text };
    ProtocolSignal::Event(Event { key: EntryKey::new(&format!("mode {name}"), 0), time: None, body })
}
