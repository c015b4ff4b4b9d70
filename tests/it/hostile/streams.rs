//! Damaged messages of running agents: no decoder panics or recurses without a limit, and what it emits is bounded.
//!
//! `PROPTEST_CASES` sets the number of cases; the seeds of failures are kept beside this file.

use std::sync::mpsc::channel;
use std::time::Duration;

use proptest::prelude::*;
use salon::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, ProtocolCommand, ProtocolSignal, RunStart, Transport,
};
use salon::agent::{self, Protocol};
use salon::domain::approval::ApprovalAnswer;
use salon::domain::prompt::PromptId;
use salon::domain::run::RunFailure;
use salon::domain::transcript::Transcript;
use salon::domain::{Agent, Time};
use serde_json::Value;

use super::damage::{Damage, config, damage};
use crate::support::fixtures;

/// Seeds of failures.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hostile/streams.seeds");

/// Captured streams.
const STREAMS: [(Agent, &str); 10] = [
    (Agent::Claude, "claude/2.1.329/streams/tour.io.jsonl"),
    (Agent::Claude, "claude/2.1.329/streams/d2_queue.io.jsonl"),
    (Agent::Claude, "claude/2.1.329/streams/d2_ERR429.io.jsonl"),
    (Agent::Claude, "claude/2.1.329/streams/p4_task.stream.jsonl"),
    (Agent::Codex, "codex/0.169.0/streams/appserver.io.jsonl"),
    (Agent::Codex, "codex/0.169.0/streams/changes.io.jsonl"),
    (Agent::Codex, "codex/0.169.0/streams/question.io.jsonl"),
    (Agent::Codex, "codex/0.169.0/streams/limits.io.jsonl"),
    (Agent::OpenCode, "opencode/1.18.33/streams/events2.sse.jsonl"),
    (Agent::OpenCode, API),
];

/// Stream of OpenCode's other interface.
const API: &str = "opencode/1.18.34/streams/api.sse.jsonl";

/// Protocol of a captured stream.
fn protocol_of((agent, stream): (Agent, &str)) -> &'static dyn Protocol {
    let usual = agent::protocol(agent).expect("a protocol");
    let other = usual.fallback(&RunFailure::UnsupportedVersion(String::new())).filter(|_| stream == API);
    other.unwrap_or(usual)
}

/// Maximum messages of one case.
const MESSAGES: usize = 60;

/// Maximum time of one case.
const PATIENCE: Duration = Duration::from_mins(1);

/// Messages of a captured stream, from the agent only.
fn messages(stream: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(fixtures().join(stream)).expect("a stream");
    let message = |line: &str| {
        let record: Value = serde_json::from_str(line).ok()?;
        let message = match (record["dir"].as_str(), record.get("ev")) {
            (_, Some(event)) => event.clone(),
            (Some("out"), None) => record["line"].clone(),
            (None, None) => record,
            (Some(_), None) => return None,
        };
        Some(message.as_str().map_or_else(|| message.to_string(), str::to_owned).into_bytes())
    };
    text.lines().filter_map(message).collect()
}

/// A codec, and all that it emitted.
struct Driven {
    codec: Box<dyn Codec>,
    transcript: Transcript,
    signals: usize,
    sent: usize,
    approvals: Vec<std::sync::Arc<str>>,
}

impl Driven {
    fn apply(&mut self, step: CodecStep) {
        self.sent += step.outgoing.len();
        for signal in step.signals {
            self.signals += 1;
            match signal {
                ProtocolSignal::Event(event) => drop(self.transcript.apply(event)),
                ProtocolSignal::Approval(approval) => {
                    let _shown = (approval.line(), approval.headline());
                    self.approvals.push(approval.id);
                }
                _ => {}
            }
        }
    }

    fn command(&mut self, command: ProtocolCommand) {
        let step = self.codec.command(command, NOW);
        self.apply(step);
    }

    fn decode(&mut self, incoming: Incoming<'_>) {
        let step = self.codec.decode(incoming, NOW);
        self.apply(step);
    }
}

const NOW: Time = Time::from_millis(1_795_254_101_509);

fn drive(protocol: &dyn Protocol, messages: &[Vec<u8>]) -> (usize, usize) {
    let (codec, transcript) = (protocol.codec(), Transcript::default());
    let mut driven = Driven { codec, transcript, signals: 0, sent: 0, approvals: Vec::new() };
    driven.command(ProtocolCommand::Open(RunStart::new(Conversation::New { id: None }, "/home/dev".into())));
    let prompt = |id| ProtocolCommand::Prompt { id: PromptId(id), text: "hello".into(), images: Vec::new() };
    let is_server = protocol.transport() == Transport::Server;
    if is_server {
        let session = br#"{"id":"ses_e028459faffe4snF1akhbh1TTT","directory":"/home/dev/shop-api",
            "data":{"id":"ses_ddca0177bffe0T2r45F9oP4j8M","location":{"directory":"/home/dev/shop-api"}}}"#;
        driven.decode(Incoming::Response { id: 1, status: 200, body: session });
    }
    driven.command(prompt(1));
    for (at, message) in messages.iter().enumerate() {
        if is_server {
            let id = u64::try_from(at).unwrap_or(0) + 2;
            driven.decode(Incoming::ServerEvent(message));
            driven.decode(Incoming::Response { id, status: if at % 3 == 0 { 500 } else { 200 }, body: message });
        } else {
            driven.decode(Incoming::Line(message));
        }
    }
    driven.decode(Incoming::Resumed);
    for id in std::mem::take(&mut driven.approvals) {
        driven.command(ProtocolCommand::Answer { id, answer: ApprovalAnswer::Answers(vec![vec!["A".into()]]) });
    }
    driven.command(ProtocolCommand::Steer { id: PromptId(2), text: "more".into(), images: Vec::new() });
    driven.command(ProtocolCommand::Interrupt);
    driven.command(prompt(3));
    driven.command(ProtocolCommand::Close);
    (driven.signals, driven.sent)
}

/// Drives a codec in a thread with the stack of a worker, within [`PATIENCE`].
fn drive_bounded(protocol: &'static dyn Protocol, messages: Vec<Vec<u8>>) -> (usize, usize) {
    let (done, result) = channel();
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let emitted = drive(protocol, &messages);
        let _ = done.send(());
        emitted
    });
    let thread = thread.expect("a thread");
    let waited = result.recv_timeout(PATIENCE);
    assert!(waited.is_ok() || thread.is_finished(), "a decoder does not end");
    thread.join().expect("a decoder panicked")
}

proptest! {
    #![proptest_config(config(48, SEEDS))]

    #[test]
    fn f5_no_damage_ends_a_decoder(
        stream in proptest::sample::select(STREAMS.to_vec()),
        from in any::<usize>(),
        order in proptest::collection::vec((any::<usize>(), any::<usize>()), 0..4),
        damages in proptest::collection::vec((any::<usize>(), damage()), 1..8),
    ) {
        let all = messages(stream.1);
        let from = from % all.len();
        let mut chosen: Vec<Vec<u8>> = all.into_iter().skip(from).take(MESSAGES).collect();
        let count = chosen.len();
        order.into_iter().for_each(|(one, other)| chosen.swap(one % count, other % count));
        for (at, damage) in &damages {
            damage.apply(&mut chosen[at % count]);
        }
        let (signals, sent) = drive_bounded(protocol_of(stream), chosen);
        prop_assert!(signals < 100 * (MESSAGES + 10) && sent < 20 * (MESSAGES + 10), "{} and {}", signals, sent);
    }
}

#[test]
fn f5_deeply_nested_messages_are_survived() {
    let nested = ["[".repeat(20_000) + &"]".repeat(20_000), "{\"a\":".repeat(20_000) + "1" + &"}".repeat(20_000)];
    for (agent, stream) in STREAMS {
        let mut messages = messages(stream);
        messages.truncate(MESSAGES);
        for (message, nested) in messages.iter_mut().zip(nested.iter().cycle()) {
            let at = message.iter().rposition(|byte| *byte == b'}').unwrap_or(0);
            Damage::Insert(at, format!(",\"deep\":{nested}").into_bytes()).apply(message);
        }
        messages.extend(nested.iter().map(|nested| nested.clone().into_bytes()));
        drive_bounded(protocol_of((agent, stream)), messages);
    }
}
