//! OpenCode's codec of `/api`: what a real 1.18.34 sent, folded, against what the same session's database holds.

use std::path::Path;

use salon::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, ProtocolCommand, ProtocolSignal, RunStart,
};
use salon::agent::{Protocol, SourceSessions, TextLimit, format, protocol};
use salon::domain::run::{RunFailure, TurnOutcome};
use salon::domain::transcript::Transcript;
use salon::domain::{Agent, Entry, EntryKind, Time, ToolStatus};
use serde_json::{Value, json};

use crate::support::{Home, fixtures};

const MAIN: &str = "ses_ddca0177bffe0T2r45F9oP4j8M";
const NOW: Time = Time::from_millis(1_795_889_817_815);

fn api() -> &'static dyn Protocol {
    let usual = protocol(Agent::OpenCode).expect("OpenCode is driven");
    usual.fallback(&RunFailure::UnsupportedVersion(String::new())).expect("another protocol")
}

/// A codec that is open on a session, and the id of its request of the active sessions.
fn opened() -> (Box<dyn Codec>, u64) {
    let mut codec = api().codec();
    let opening = RunStart::new(Conversation::Resume(MAIN.into()), Path::new("/home/dev/shop-api").into());
    codec.command(ProtocolCommand::Open(opening), NOW);
    let body = json!({"data": {"id": MAIN, "location": {"directory": "/home/dev/shop-api"}}}).to_string();
    let step = codec.decode(Incoming::Response { id: 1, status: 200, body: body.as_bytes() }, NOW);
    (codec, sent(&step.outgoing, "/api/session/active").expect("a request"))
}

/// Id of the request of a path.
fn sent(outgoing: &[Outgoing], wanted: &str) -> Option<u64> {
    outgoing.iter().find_map(|sent| match sent {
        Outgoing::Request { id, path, .. } => path.contains(wanted).then_some(*id),
        _ => None,
    })
}

/// Events and responses of the server, as they were captured.
fn captured() -> Vec<Value> {
    let path = fixtures().join("opencode/1.18.34/streams/api.sse.jsonl");
    let text = std::fs::read_to_string(path).expect("the stream");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn on_disk() -> Vec<Entry> {
    let home = Home::of(&["opencode/1.18.34"]);
    let opencode = format(Agent::OpenCode);
    let root = opencode.roots(&home.environment()).remove(0);
    let units = opencode.discover(&root).sources;
    let sessions = units.iter().flat_map(|unit| match opencode.summarise(unit, None).sessions {
        SourceSessions::All(sessions) => sessions,
        SourceSessions::Changed { .. } => panic!("all sessions were expected"),
    });
    let session = sessions.into_iter().find(|session| &*session.key.id == MAIN).expect("the session");
    let mut reading = opencode.open(&session).expect("a reading");
    let len = reading.len();
    let mut entries = reading.read(0..len, TextLimit::NONE);
    // A prompt that the agent never took is no message, and has a notice of its own.
    let queued = entries.split_off(len - 2);
    assert_eq!(queued[0].text, "queued one");
    entries
}

/// Key, kind and text of an entry, with the state and output of its tool.
type Essence = (u64, EntryKind, String, Option<(ToolStatus, String)>);

fn essence(entries: &[Entry]) -> Vec<Essence> {
    let tool = |entry: &Entry| entry.tool.as_ref().map(|tool| (tool.status, tool.output.clone()));
    entries.iter().map(|entry| (entry.key.raw(), entry.kind, entry.text.clone(), tool(entry))).collect()
}

#[test]
fn e28_the_events_of_api_give_the_entries_of_the_database() {
    let (mut codec, _) = opened();
    let mut transcript = Transcript::default();
    let mut checks = 0;
    for event in captured().iter().filter(|message| message["type"].is_string()) {
        let step = codec.decode(Incoming::ServerEvent(event.to_string().as_bytes()), NOW);
        for signal in step.signals {
            if let ProtocolSignal::Event(event) = signal {
                transcript.apply(event);
            }
        }
        checks += usize::from(sent(&step.outgoing, "/api/session/active").is_some());
    }
    assert_eq!(essence(transcript.entries()), essence(&on_disk()));
    assert_eq!(checks, 4, "the end of a turn is asked for, once per turn that ended");
}

#[test]
fn a_list_of_messages_gives_the_entries_of_the_database() {
    let (mut codec, active_id) = opened();
    let rows: Vec<Value> =
        captured().into_iter().filter_map(|message| message["data"].as_array().cloned()).flatten().collect();
    let mut seen = std::collections::BTreeSet::new();
    let mut rows: Vec<Value> = rows.into_iter().filter(|row| seen.insert(row["id"].to_string())).collect();
    rows.sort_by_key(|row| row["id"].as_str().map(str::to_owned));
    let count = rows.iter().filter(|row| row["type"] == "user").count();
    assert!(count >= 4, "{count}");
    // Another client's turn is running, and the list follows.
    let active = json!({"data": {MAIN: {"type": "running"}}}).to_string();
    let step = codec.decode(Incoming::Response { id: active_id, status: 200, body: active.as_bytes() }, NOW);
    let list = sent(&step.outgoing, "/message?");
    let newest: Vec<Value> = rows.iter().rev().cloned().collect();
    let body = json!({"data": newest}).to_string();
    let step = codec.decode(Incoming::Response { id: list.expect("a list"), status: 200, body: body.as_bytes() }, NOW);
    let mut transcript = Transcript::default();
    for signal in step.signals {
        if let ProtocolSignal::Event(event) = signal {
            transcript.apply(event);
        }
    }
    let stored = essence(&on_disk());
    let shown = essence(transcript.entries());
    assert!(!shown.is_empty() && stored.ends_with(&shown), "{shown:?}\n{stored:?}");
}

#[test]
fn requests_that_repeat_each_other_have_pauses_that_grow() {
    let (mut codec, active_id) = opened();
    let active = json!({"data": {MAIN: {"type": "running"}}}).to_string();
    codec.decode(Incoming::Response { id: active_id, status: 200, body: active.as_bytes() }, NOW);
    let mut events = captured().into_iter().filter(|message| message["type"].is_string());
    let check = |step: &CodecStep| {
        step.outgoing.iter().find_map(|sent| match sent {
            Outgoing::Request { id, path, pause, .. } if path.contains("/active") => Some((*id, pause.as_millis())),
            _ => None,
        })
    };
    let first = events.find_map(|event| check(&codec.decode(Incoming::ServerEvent(event.to_string().as_bytes()), NOW)));
    let (mut id, mut pauses) = first.map(|(id, pause)| (id, vec![pause])).expect("the end is checked");
    for _ in 0..20 {
        let step = codec.decode(Incoming::Response { id, status: 200, body: active.as_bytes() }, NOW);
        let (next, pause) = check(&step).expect("it is asked again");
        id = next;
        pauses.push(pause);
    }
    assert_eq!((&pauses[..4], pauses[20]), (&[0, 20, 40, 60][..], 250), "{pauses:?}");
    // Other requests do not wait.
    let step = codec.command(ProtocolCommand::Interrupt, NOW);
    let Some(Outgoing::Request { pause, .. }) = step.outgoing.first() else { panic!("a request: {step:?}") };
    assert!(pause.is_zero());
}

#[test]
fn events_of_other_sessions_and_of_no_turn_are_ignored() {
    let (mut codec, _) = opened();
    let mut told = |event: Value| codec.decode(Incoming::ServerEvent(event.to_string().as_bytes()), NOW).signals;
    let other = json!({"type": "session.text.delta", "data": {"sessionID": "ses_other", "note": MAIN, "delta": "x"}});
    assert!(told(other).is_empty());
    let end = json!({"type": "session.execution.succeeded", "data": {"sessionID": MAIN}});
    assert!(told(end).is_empty(), "the end of no turn");
    let start = json!({"type": "session.execution.started", "data": {"sessionID": MAIN}});
    assert!(matches!(told(start.clone())[..], [ProtocolSignal::TurnStarted]));
    let failed = json!({"type": "session.execution.failed", "data": {"sessionID": MAIN,
        "error": {"type": "provider.auth", "message": "no key"}}});
    let signals = told(failed);
    assert!(
        matches!(&signals[..], [ProtocolSignal::TurnEnded(TurnOutcome::Failed(RunFailure::NotLoggedIn(_)))]),
        "{signals:?}"
    );
}
