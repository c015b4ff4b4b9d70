//! Streams captured from the real agents: each conversation is driven again, and its entries are compared.

use std::collections::{HashMap, VecDeque};

use salon::agent::protocol::{ProtocolCommand, RunStart};
use salon::domain::Agent;
use salon::domain::approval::ApprovalAnswer;
use serde_json::{Value, json};

use super::{Driven, new_session, resumed};
use crate::support::fixtures;

/// One conversation of a stream, driven by the codec as the recorded client drove it.
struct Replayed {
    driven: Driven,
    session: Option<String>,
    /// Ids of the recorded client's prompts that the codec has not sent yet.
    waiting: VecDeque<u64>,
    /// Ids of the codec's requests, by those of the recorded client.
    ids: HashMap<u64, u64>,
    seen: usize,
}

impl Replayed {
    fn new(agent: Agent, opening: RunStart, initialize: &Value, id: u64) -> Self {
        let mut driven = Driven::new(agent);
        driven.command(ProtocolCommand::Open(opening));
        driven.respond("initialize", initialize);
        let opened = driven.sent.last().and_then(|sent| sent["id"].as_u64()).expect("a session is requested");
        let seen = driven.sent.len();
        Self { driven, session: None, waiting: VecDeque::new(), ids: HashMap::from([(id, opened)]), seen }
    }

    /// Pairs new prompts of the codec with those of the recorded client, and confirms settings, which that client did not
    /// send.
    fn pair(&mut self) {
        while let Some(sent) = self.driven.sent.get(self.seen).cloned() {
            self.seen += 1;
            match sent["method"].as_str() {
                Some("session/prompt") => {
                    let recorded = self.waiting.pop_front().expect("a recorded prompt");
                    self.ids.insert(recorded, sent["id"].as_u64().expect("an id"));
                }
                Some("session/set_mode" | "session/set_model" | "session/set_config_option") => {
                    self.driven.decode(&json!({"jsonrpc": "2.0", "id": sent["id"], "result": {}}));
                }
                _ => {}
            }
        }
    }

    fn sent(&mut self, message: &Value) {
        match (message["method"].as_str(), message["id"].as_u64()) {
            (Some("session/prompt"), Some(id)) => {
                self.waiting.push_back(id);
                let text = message["params"]["prompt"][0]["text"].as_str().expect("a text");
                self.driven.prompt(i64::try_from(id).expect("small"), text);
            }
            (Some("session/cancel"), _) => self.driven.command(ProtocolCommand::Interrupt),
            (None, _) => {
                let token = message["result"]["outcome"]["optionId"].as_str().unwrap_or("neither");
                let answer = ApprovalAnswer::Choice { token: token.into(), reason: None };
                self.driven.command(ProtocolCommand::Answer { id: message["id"].to_string().into(), answer });
            }
            _ => {}
        }
        self.pair();
    }

    fn received(&mut self, message: &Value) {
        let mut message = message.clone();
        if message["method"].is_null() {
            let Some(id) = message["id"].as_u64().and_then(|id| self.ids.get(&id)) else { return };
            message["id"] = json!(id);
        }
        if let Some(id) = message["result"]["sessionId"].as_str() {
            self.session = Some(id.to_owned());
        }
        self.driven.decode(&message);
        self.pair();
    }
}

/// Drives all conversations of a stream again.
fn replay(agent: Agent, file: &str) -> Vec<Replayed> {
    let text = std::fs::read_to_string(fixtures().join(file)).expect("the stream");
    let mut initialize = Value::Null;
    let mut conversations: Vec<Replayed> = Vec::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let message = &record["line"];
        let session = message["params"]["sessionId"].as_str();
        let of = |conversation: &Replayed| session.is_none() || conversation.session.as_deref() == session;
        let at = conversations.iter().rposition(of).or_else(|| conversations.len().checked_sub(1));
        match (record["dir"].as_str(), message["method"].as_str()) {
            (Some("in"), Some("session/new")) => {
                let id = message["id"].as_u64().expect("an id");
                conversations.push(Replayed::new(agent, new_session(), &initialize, id));
            }
            (Some("in"), Some("session/load")) if conversations.is_empty() => {
                let mut opening = resumed();
                opening.conversation = salon::agent::protocol::Conversation::Resume(session.expect("a session").into());
                let id = message["id"].as_u64().expect("an id");
                let mut replayed = Replayed::new(agent, opening, &initialize, id);
                replayed.session = session.map(str::to_owned);
                conversations.push(replayed);
            }
            (Some("in"), _) => {
                if let Some(at) = at {
                    conversations[at].sent(message);
                }
            }
            (Some("out"), _) if message["result"]["agentCapabilities"].is_object() => {
                initialize = message["result"].clone();
            }
            (Some("out"), _) => {
                let answered = message["id"].as_u64().filter(|_| message["method"].is_null());
                let asked = answered.and_then(|id| conversations.iter().position(|known| known.ids.contains_key(&id)));
                if let Some(at) = asked.or(at.filter(|_| answered.is_none())) {
                    conversations[at].received(message);
                }
            }
            _ => {}
        }
    }
    conversations
}

/// Entries and outcomes of all conversations.
fn folded(agent: Agent, file: &str) -> String {
    let conversations = replay(agent, file);
    let one = |replayed: &Replayed| {
        let outcomes: Vec<_> = replayed.driven.ends().iter().map(|outcome| format!("{outcome:?}")).collect();
        assert!(replayed.waiting.is_empty(), "a prompt was never sent");
        format!("{}\n-- {}\n", replayed.driven.lines().join("\n"), outcomes.join("\n-- "))
    };
    conversations.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn e28_a_stream_of_gemini_gives_entries_and_outcomes() {
    insta::assert_snapshot!(folded(Agent::Gemini, "gemini/0.61.0/streams/acp.io.jsonl"));
}

#[test]
fn e28_a_stream_of_qwen_gives_entries_and_outcomes() {
    insta::assert_snapshot!(folded(Agent::Qwen, "qwen/0.24.4/streams/acp.io.jsonl"));
}

#[test]
fn e28_a_stream_of_goose_gives_entries_and_outcomes() {
    insta::assert_snapshot!(folded(Agent::Goose, "goose/1.34.0/streams/acp.io.jsonl"));
}

#[test]
fn e28_permissions_of_goose_give_entries_and_outcomes() {
    insta::assert_snapshot!(folded(Agent::Goose, "goose/1.34.0/streams/acp_perm.io.jsonl"));
}

#[test]
fn a_loaded_session_of_gemini_shows_nothing_of_its_replay() {
    let conversations = replay(Agent::Gemini, "gemini/0.61.0/streams/acp_load_ok.io.jsonl");
    let lines = conversations[0].driven.lines();
    assert_eq!(lines[..2], ["prompt: \"after load\"", "text: \"Mock answer. You said: after load\""], "{lines:?}");
}
