//! Codex's app-server as salon drives it: captured streams folded into entries and compared with the rollout of the
//! same thread, and each thing that it may say.

mod approvals;
mod fake;
mod noise;
mod turns;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use salon::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, ProtocolCommand, ProtocolSignal, RunSetting, RunStart,
};
use salon::agent::{TextLimit, format, protocol};
use salon::domain::approval::{Approval, ApprovalAnswer, ChoiceKind};
use salon::domain::event::NoticeLevel;
use salon::domain::prompt::PromptId;
use salon::domain::run::{Capabilities, RunFailure, TurnOutcome};
use salon::domain::transcript::{ToolAction, Transcript};
use salon::domain::{Agent, Entry, EntryKind, Time, ToolStatus};
use serde_json::{Value, json};

use crate::support::{Home, fixtures};

const NOW: Time = Time::from_millis(16);
const THREAD: &str = "01a1fd83-7a72-7993-9298-251f6d2281ca";

/// A codec with all that it said.
struct Driven {
    codec: Box<dyn Codec>,
    signals: Vec<ProtocolSignal>,
    sent: Vec<Value>,
    transcript: Transcript,
}

impl Driven {
    fn new() -> Self {
        let codec = protocol(Agent::Codex).expect("codex is driven").codec();
        Self { codec, signals: Vec::new(), sent: Vec::new(), transcript: Transcript::default() }
    }

    /// With a thread that is loaded, and nothing of how it came to be.
    fn ready() -> Self {
        let mut driven = Self::opened(Conversation::New { id: None });
        driven.respond("thread/start", &loaded(THREAD));
        driven.signals.clear();
        driven
    }

    /// With the handshake behind it.
    fn opened(conversation: Conversation) -> Self {
        let mut driven = Self::new();
        driven.command(ProtocolCommand::Open(opening(conversation)));
        driven.respond("initialize", &json!({"userAgent": "salon/0.169.0 (Linux; x86_64)"}));
        driven
    }

    /// With a turn that is open.
    fn working() -> Self {
        let mut driven = Self::ready();
        driven.prompt(1, "hello");
        driven.respond("turn/start", &json!({"turn": {"id": "turn-1"}}));
        driven
    }

    fn take(&mut self, step: CodecStep) {
        for signal in &step.signals {
            if let ProtocolSignal::Event(event) = signal {
                self.transcript.apply(event.clone());
            }
        }
        self.signals.extend(step.signals);
        self.sent.extend(step.outgoing.into_iter().map(|outgoing| match outgoing {
            Outgoing::Line(line) => serde_json::from_slice(&line).expect("JSON"),
            Outgoing::Request { .. } | Outgoing::File { .. } | Outgoing::Terminal { .. } => {
                panic!("app-server has no HTTP, reads files and runs commands itself")
            }
        }));
    }

    fn command(&mut self, command: ProtocolCommand) {
        let step = self.codec.command(command, NOW);
        self.take(step);
    }

    fn prompt(&mut self, id: i64, text: &str) {
        self.command(ProtocolCommand::Prompt { id: PromptId(id), text: text.to_owned(), images: Vec::new() });
    }

    fn hear(&mut self, line: &Value) {
        self.hear_bytes(line.to_string().as_bytes());
    }

    fn hear_bytes(&mut self, line: &[u8]) {
        let step = self.codec.decode(Incoming::Line(line), NOW);
        self.take(step);
    }

    fn tell(&mut self, method: &str, params: &Value) {
        let mut params = params.clone();
        params["threadId"] = params.get("threadId").cloned().unwrap_or(json!(THREAD));
        self.hear(&json!({"method": method, "params": params}));
    }

    /// The last request of that method.
    fn asked(&self, method: &str) -> &Value {
        let asked = self.sent.iter().rev().find(|sent| sent["method"] == method);
        asked.unwrap_or_else(|| panic!("{method} was not asked: {:?}", self.sent))
    }

    fn respond(&mut self, method: &str, result: &Value) {
        let id = self.asked(method)["id"].clone();
        self.hear(&json!({"id": id, "result": result}));
    }

    fn refuse(&mut self, method: &str, message: &str) {
        let id = self.asked(method)["id"].clone();
        self.hear(&json!({"id": id, "error": {"code": -32600, "message": message}}));
    }

    fn end(&mut self, turn: &str, status: &str, error: &Value) {
        self.tell("turn/completed", &json!({"turn": {"id": turn, "status": status, "error": error}}));
    }

    fn ends(&self) -> Vec<TurnOutcome> {
        let ends = self.signals.iter().filter_map(|signal| match signal {
            ProtocolSignal::TurnEnded(outcome) => Some(outcome.clone()),
            _ => None,
        });
        ends.collect()
    }

    fn approval(&self) -> Approval {
        let asked = self.signals.iter().rev().find_map(|signal| match signal {
            ProtocolSignal::Approval(approval) => Some(approval.clone()),
            _ => None,
        });
        asked.expect("an approval")
    }

    fn choose(&mut self, kind: ChoiceKind, reason: Option<&str>) {
        let approval = self.approval();
        let choice = approval.choices.iter().find(|choice| choice.kind == kind).expect("a choice of that kind");
        let answer = ApprovalAnswer::Choice { token: choice.token.clone(), reason: reason.map(str::to_owned) };
        self.command(ProtocolCommand::Answer { id: approval.id, answer });
    }

    fn fatal(&self) -> Option<&RunFailure> {
        self.signals.iter().find_map(|signal| match signal {
            ProtocolSignal::Fatal(failure) => Some(failure),
            _ => None,
        })
    }

    fn sessions(&self) -> Vec<&str> {
        let told = self.signals.iter().filter_map(|signal| match signal {
            ProtocolSignal::Session(id) => Some(&**id),
            _ => None,
        });
        told.collect()
    }

    fn offers(&self) -> Vec<&Capabilities> {
        let told = self.signals.iter().filter_map(|signal| match signal {
            ProtocolSignal::Ready(offers) => Some(offers),
            _ => None,
        });
        told.collect()
    }

    fn entries(&self) -> &[Entry] {
        self.transcript.entries()
    }

    fn last(&self) -> &Entry {
        self.entries().last().expect("an entry")
    }
}

fn opening(conversation: Conversation) -> RunStart {
    RunStart::new(conversation, PathBuf::from("/home/dev/shop-api"))
}

fn loaded(thread: &str) -> Value {
    json!({"thread": {"id": thread}, "model": "gpt-5", "approvalPolicy": "on-request",
        "sandbox": {"type": "workspaceWrite"}, "reasoningEffort": "medium"})
}

fn stream(name: &str) -> Vec<Value> {
    let path = fixtures().join("codex/0.169.0/streams").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Plays a captured stream: what went in is done by commands, what came out is heard. Requests that salon does not make
/// are answered all the same, to nobody.
fn played(name: &str, conversation: &Conversation) -> Driven {
    let mut driven = Driven::new();
    let mut names: HashMap<u64, u64> = HashMap::new();
    let mut prompts = 0;
    for record in stream(name) {
        let line = &record["line"];
        match record["dir"].as_str() {
            Some("in") => {
                done(&mut driven, line, conversation, &mut prompts);
                let ours = driven.sent.iter().rev().find(|sent| sent["method"] == line["method"]);
                if let (Some(theirs), Some(ours)) = (line["id"].as_u64(), ours.and_then(|sent| sent["id"].as_u64()))
                    && line["method"].is_string()
                    && !names.values().any(|known| *known == ours)
                {
                    names.insert(theirs, ours);
                }
            }
            Some("out") if line.is_object() => {
                let mut line = line.clone();
                if !line["method"].is_string() {
                    let theirs = line["id"].as_u64().expect("an id");
                    line["id"] = json!(names.get(&theirs).copied().unwrap_or(9000 + theirs));
                }
                driven.hear(&line);
            }
            _ => {}
        }
    }
    driven
}

/// Does what the captured client did.
fn done(driven: &mut Driven, line: &Value, conversation: &Conversation, prompts: &mut i64) {
    match line["method"].as_str() {
        Some("initialize") => driven.command(ProtocolCommand::Open(opening(conversation.clone()))),
        Some("turn/start") => {
            if let Some(model) = line["params"]["model"].as_str() {
                driven.command(ProtocolCommand::Set(RunSetting::Model(model.to_owned())));
            }
            *prompts += 1;
            driven.prompt(*prompts, line["params"]["input"][0]["text"].as_str().expect("a text"));
        }
        Some("thread/compact/start") => driven.prompt(100, "/compact"),
        Some("review/start") => driven.prompt(101, "/review look at it"),
        Some("turn/interrupt") => driven.command(ProtocolCommand::Interrupt),
        None if line["result"]["decision"].is_string() => driven.choose(
            match line["result"]["decision"].as_str() {
                Some("accept") => ChoiceKind::AllowOnce,
                Some("acceptForSession") => ChoiceKind::AllowAlways,
                Some("decline") => ChoiceKind::Deny,
                _ => ChoiceKind::DenyAndStop,
            },
            None,
        ),
        None if line["result"]["answers"].is_object() => {
            let id = driven.approval().id;
            driven.command(ProtocolCommand::Answer { id, answer: ApprovalAnswer::Answers(vec![vec!["B".to_owned()]]) });
        }
        _ => {}
    }
}

/// What the reader makes of the thread's rollout, which may lie among the streams.
fn stored(home: &Home, rollout: Option<(&str, &str)>) -> Vec<Entry> {
    if let Some((name, thread)) = rollout {
        let dir = home.path().join(".codex/sessions/2026/11/21");
        fs::create_dir_all(&dir).expect("directory");
        let from = fixtures().join("codex/0.169.0/streams").join(name);
        fs::copy(from, dir.join(format!("rollout-2026-11-21T15-53-03-{thread}.jsonl"))).expect("copied");
    }
    stored_in(home, rollout.map_or(THREAD, |(_, thread)| thread))
}

fn stored_in(home: &Home, thread: &str) -> Vec<Entry> {
    let codex = format(Agent::Codex);
    let units: Vec<_> = codex.roots(&home.environment()).iter().flat_map(|root| codex.discover(root).sources).collect();
    let unit = units.iter().find(|unit| unit.path.to_string_lossy().contains(thread)).expect("the rollout");
    let sessions = codex.peek(unit);
    let mut reading = codex.open(&sessions[0]).expect("opens");
    reading.read(0..reading.len(), TextLimit::NONE)
}

/// What must be the same of an entry, whether it streamed or was read.
fn told(entry: &Entry) -> (EntryKind, String, Option<(ToolStatus, Arc<str>, Option<Arc<str>>, ToolAction)>) {
    let tool = entry.tool.as_ref();
    let tool = tool.map(|tool| (tool.status, tool.id.clone(), tool.subagent.clone(), tool.action.clone()));
    // Compaction's summary stands in the rollout only.
    let first = entry.text.split("\n\nAnother language model").next().unwrap_or_default();
    (entry.kind, first.to_owned(), tool)
}

/// Of the stream alone are warnings, salon's own commands, and half an answer that was interrupted.
fn is_stored(entry: &Entry) -> bool {
    match entry.kind {
        EntryKind::Notice => {
            matches!(entry.level, NoticeLevel::Boundary | NoticeLevel::Error) || entry.text == "Interrupted."
        }
        EntryKind::Prompt => !entry.text.starts_with('/'),
        _ => !entry.text.starts_with("chunk00"),
    }
}

fn kept(entries: &[Entry]) -> Vec<&Entry> {
    entries.iter().filter(|entry| is_stored(entry)).collect()
}

#[test]
fn h16_a_streamed_tour_says_what_its_rollout_says() {
    let driven = played("appserver.io.jsonl", &Conversation::New { id: None });
    let (live, disk) = (kept(driven.entries()), stored(&Home::of(&["codex/0.169.0"]), None));
    let disk = kept(&disk);
    let same = disk.iter().position(|entry| entry.text.starts_with("Conversation compacted.")).expect("compaction");
    assert_eq!(same, 35);
    for (live, disk) in live.iter().zip(&disk).take(same) {
        assert_eq!(told(live), told(disk));
        // This client gave its prompts no ids.
        assert!(live.kind == EntryKind::Prompt || live.key == disk.key, "{live:?}");
    }
    // Twelve prompts and a compaction, during which a prompt was refused.
    assert_eq!((driven.ends().len(), driven.ends().last()), (13, Some(&TurnOutcome::Done)));
    assert_eq!(driven.sessions(), [THREAD]);
}

#[test]
fn h16_prompts_of_salon_have_the_key_that_the_rollout_gives_them() {
    let thread = "01a1fecf-a480-7cc2-a43d-44fd1d2f6fd0";
    let driven = played("changes.io.jsonl", &Conversation::New { id: None });
    let disk = stored(&Home::empty(), Some(("changes.rollout.jsonl", thread)));
    let (live, disk) = (kept(driven.entries()), kept(&disk));
    assert_eq!(
        live.iter().map(|entry| told(entry)).collect::<Vec<_>>(),
        disk.iter().map(|entry| told(entry)).collect::<Vec<_>>()
    );
    assert_eq!(
        live.iter().map(|entry| entry.key).collect::<Vec<_>>(),
        disk.iter().map(|entry| entry.key).collect::<Vec<_>>()
    );
}

#[test]
fn h16_a_question_is_a_call_with_its_answer() {
    let thread = "01a1fecf-5360-71c1-a9b2-ed2ad5f582e8";
    let driven = played("question.io.jsonl", &Conversation::New { id: None });
    let disk = stored(&Home::empty(), Some(("question.rollout.jsonl", thread)));
    let question = |entries: &[Entry]| {
        let entry = entries.iter().find(|entry| entry.kind == EntryKind::Tool).cloned().expect("a question");
        let output = entry.tool.as_ref().map(|tool| tool.output.clone());
        (entry.key, told(&entry), output)
    };
    assert_eq!(question(driven.entries()), question(&disk));
}
