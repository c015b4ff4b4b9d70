//! Agents that speak the agent client protocol: captured streams folded into entries, and each deviation of an agent.

mod captured;
mod deviations;
mod files;
mod permissions;
mod sessions;

use std::sync::Arc;

use salon::agent::protocol;
use salon::agent::protocol::{
    Codec, CodecStep, Conversation, FileRequest, Incoming, Outgoing, ProtocolCommand, ProtocolSignal, RunStart,
};
use salon::domain::approval::{Approval, ApprovalAnswer, ChoiceKind};
use salon::domain::prompt::PromptId;
use salon::domain::run::{Capabilities, RunFailure, TurnOutcome};
use salon::domain::transcript::Transcript;
use salon::domain::{Agent, Entry, Time};
use serde_json::{Value, json};

const NOW: Time = Time::from_millis(16);
const SESSION: &str = "d3ca7803-ef04-4db2-88b7-38f0530a8c68";

/// A codec with all that it signalled and sent.
struct Driven {
    codec: Box<dyn Codec>,
    signals: Vec<ProtocolSignal>,
    sent: Vec<Value>,
    files: Vec<(u64, FileRequest)>,
    transcript: Transcript,
}

impl Driven {
    fn new(agent: Agent) -> Self {
        let codec = protocol(agent).expect("salon runs it").codec();
        Self { codec, signals: Vec::new(), sent: Vec::new(), files: Vec::new(), transcript: Transcript::default() }
    }

    /// With the handshake answered by these capabilities.
    fn opened(agent: Agent, opening: RunStart, capabilities: &Value) -> Self {
        let mut driven = Self::new(agent);
        driven.command(ProtocolCommand::Open(opening));
        driven.respond("initialize", &json!({"protocolVersion": 1, "agentCapabilities": capabilities}));
        driven
    }

    /// With a new session that has no settings.
    fn ready(agent: Agent) -> Self {
        let mut driven = Self::opened(agent, new_session(), &json!({}));
        driven.respond("session/new", &json!({"sessionId": SESSION}));
        driven.signals.clear();
        driven
    }

    /// With a turn that is open.
    fn working(agent: Agent) -> Self {
        let mut driven = Self::ready(agent);
        driven.prompt(1, "hello");
        driven
    }

    fn take(&mut self, step: CodecStep) {
        for signal in &step.signals {
            if let ProtocolSignal::Event(event) = signal {
                self.transcript.apply(event.clone());
            }
        }
        self.signals.extend(step.signals);
        for outgoing in step.outgoing {
            match outgoing {
                Outgoing::Line(line) => self.sent.push(serde_json::from_slice(&line).expect("JSON")),
                Outgoing::File { id, request } => self.files.push((id, request)),
                Outgoing::Terminal { .. } | Outgoing::Request { .. } => panic!("not expected: {outgoing:?}"),
            }
        }
    }

    fn command(&mut self, command: ProtocolCommand) {
        let step = self.codec.command(command, NOW);
        self.take(step);
    }

    fn prompt(&mut self, id: i64, text: &str) {
        self.command(ProtocolCommand::Prompt { id: PromptId(id), text: text.to_owned(), images: Vec::new() });
    }

    fn decode(&mut self, line: &Value) {
        let step = self.codec.decode(Incoming::Line(line.to_string().as_bytes()), NOW);
        self.take(step);
    }

    fn update(&mut self, update: &Value) {
        let params = json!({"sessionId": SESSION, "update": update});
        self.decode(&json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
    }

    fn say(&mut self, text: &str) {
        self.update(&json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}));
    }

    /// Sends a request of the agent.
    fn request(&mut self, id: &Value, method: &str, params: &Value) {
        self.decode(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    /// Requests of a method, in order.
    fn requests(&self, method: &str) -> Vec<&Value> {
        self.sent.iter().filter(|sent| sent["method"] == method).collect()
    }

    fn last(&self, method: &str) -> &Value {
        let requests = self.requests(method);
        requests.last().copied().unwrap_or_else(|| panic!("no {method} was sent: {:?}", self.sent))
    }

    /// Response of salon to a request of the agent.
    fn answer_to(&self, id: &Value) -> &Value {
        let answer = self.sent.iter().find(|sent| sent["method"].is_null() && sent["id"] == *id);
        answer.unwrap_or_else(|| panic!("{id} was not answered: {:?}", self.sent))
    }

    fn respond(&mut self, method: &str, result: &Value) {
        let id = self.last(method)["id"].clone();
        self.decode(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    fn refuse(&mut self, method: &str, code: i64, message: &str) {
        let id = self.last(method)["id"].clone();
        self.decode(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}));
    }

    fn end(&mut self, reason: &str) {
        self.respond("session/prompt", &json!({"stopReason": reason}));
    }

    fn ends(&self) -> Vec<TurnOutcome> {
        let ends = self.signals.iter().filter_map(|signal| match signal {
            ProtocolSignal::TurnEnded(outcome) => Some(outcome.clone()),
            _ => None,
        });
        ends.collect()
    }

    fn accepted(&self) -> Vec<PromptId> {
        let accepted = self.signals.iter().filter_map(|signal| match signal {
            ProtocolSignal::PromptAccepted { id } => Some(*id),
            _ => None,
        });
        accepted.collect()
    }

    fn approval(&self) -> Approval {
        let approval = self.signals.iter().rev().find_map(|signal| match signal {
            ProtocolSignal::Approval(approval) => Some(approval.clone()),
            _ => None,
        });
        approval.expect("an approval")
    }

    fn gone(&self) -> Vec<Arc<str>> {
        let gone = self.signals.iter().filter_map(|signal| match signal {
            ProtocolSignal::ApprovalGone(id) => Some(id.clone()),
            _ => None,
        });
        gone.collect()
    }

    fn choose(&mut self, kind: ChoiceKind) {
        let approval = self.approval();
        let choice = approval.choices.iter().find(|choice| choice.kind == kind).expect("a choice of that kind");
        let answer = ApprovalAnswer::Choice { token: choice.token.clone(), reason: None };
        self.command(ProtocolCommand::Answer { id: approval.id, answer });
    }

    fn fatal(&self) -> Option<&RunFailure> {
        self.signals.iter().find_map(|signal| match signal {
            ProtocolSignal::Fatal(failure) => Some(failure),
            _ => None,
        })
    }

    fn capabilities(&self) -> Option<&Capabilities> {
        self.signals.iter().rev().find_map(|signal| match signal {
            ProtocolSignal::Ready(capabilities) => Some(capabilities),
            _ => None,
        })
    }

    /// Ids of the session that were reported.
    fn sessions(&self) -> Vec<Arc<str>> {
        let sessions = self.signals.iter().filter_map(|signal| match signal {
            ProtocolSignal::Session(id) => Some(id.clone()),
            _ => None,
        });
        sessions.collect()
    }

    fn lines(&self) -> Vec<String> {
        self.transcript.entries().iter().map(line).collect()
    }
}

fn new_session() -> RunStart {
    RunStart::new(Conversation::New { id: None }, "/home/dev/shop-api".into())
}

fn resumed() -> RunStart {
    RunStart::new(Conversation::Resume(SESSION.into()), "/home/dev/shop-api".into())
}

/// An entry in one line.
fn line(entry: &Entry) -> String {
    let tool = entry.tool.as_ref().map(|tool| {
        let (name, status, action) = (&tool.name, tool.status.name(), tool.action.text());
        format!(" [{name}, {status}: {action:?} -> {:?}]", tool.output)
    });
    format!("{}: {:?}{}", entry.kind.name(), entry.text, tool.unwrap_or_default())
}
