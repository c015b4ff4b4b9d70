//! The protocol on the wire, and its two transports.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use salon::domain::changes::Restoration;
use salon::domain::event::{Delta, EventBody};
use salon::domain::run::{Conversation, Phase, RunId, RunStart};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::domain::run_request::RunRequest;
use salon::domain::{Agent, SessionKey};
use salon::live::{Live, LiveOptions};
use salon::serve::index_message::IndexCall;
use salon::serve::message::{Call, PROTOCOL, Reply};
use salon::serve::socket::ServeSocket;
use salon::serve::work_message::WorkCall;
use salon::serve::{Client, RunHost, ServedEvent, server};
use salon::store::Store;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Stage;
use crate::support::{TIMEOUT, clock};

/// Recorded session: lines of the client begin with `>`, those of the server with `<`.
const SESSION: &str = include_str!("../../protocol/session.txt");

/// Connection without the client of salon.
struct Raw {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Raw {
    fn connect(path: &std::path::Path) -> Self {
        let writer = UnixStream::connect(path).expect("connected");
        writer.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        Self { reader: BufReader::new(writer.try_clone().expect("a clone")), writer }
    }

    fn write(&mut self, line: &str) {
        self.writer.write_all(line.as_bytes()).and_then(|()| self.writer.write_all(b"\n")).expect("written");
    }

    fn read(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line");
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("JSON"))
    }
}

/// True if `actual` has all fields of `expected`, with equal values; `"*"` matches anything.
pub(crate) fn matches(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::String(any), _) if any == "*" => true,
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().all(|(name, value)| actual.get(name).is_some_and(|other| matches(value, other)))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(one, other)| matches(one, other))
        }
        _ => expected == actual,
    }
}

/// Reason with which a call of another machine is refused.
async fn refusal(client: &mut tokio::io::BufReader<tokio::io::DuplexStream>, id: u64) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
    let call = json!({"id": id, "call": {"queue": {"run": "r"}}});
    client.get_mut().write_all(format!("{call}\n").as_bytes()).await.expect("written");
    loop {
        let mut line = String::new();
        client.read_line(&mut line).await.expect("a line");
        let message: Value = serde_json::from_str(&line).expect("JSON");
        if message["reply"]["id"] == id {
            return message["reply"]["body"]["refused"].to_string();
        }
    }
}

#[tokio::test]
async fn a_machine_says_why_its_runs_are_not_reached_now_and_not_why_they_were_not_before() {
    use salon::serve::shared::{Work, serve_shared};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let home = crate::support::Home::empty();
    let (client, ours) = tokio::io::duplex(1 << 16);
    let attempts = std::sync::atomic::AtomicU32::new(0);
    // At first there is a background process of another version, later none.
    let connect = async |_starts: bool| {
        if attempts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 1 {
            return None;
        }
        let (stream, mut other) = tokio::net::UnixStream::pair().expect("a pair");
        other.write_all(b"{\"bye\":{\"reason\":\"too old\"}}\n").await.expect("written");
        tokio::spawn(async move { while other.read_u8().await.is_ok() {} });
        Some(stream)
    };
    let work: Work = Arc::new(|_, _| Err("nothing works".to_owned()));
    let options = salon::index::IndexOptions::new(home.environment(), std::time::Instant::now);
    let serving = serve_shared(options, tokio::io::split(ours), (connect, work));
    let asking = async {
        let mut client = tokio::io::BufReader::new(client);
        let hello = json!({"id": 0, "call": {"hello": {"protocol": PROTOCOL, "version": "1"}}});
        client.get_mut().write_all(format!("{hello}\n").as_bytes()).await.expect("written");
        (refusal(&mut client, 1).await, refusal(&mut client, 2).await)
    };
    let asked = tokio::select! {
        asked = asking => asked,
        () = serving => panic!("the service ended"),
    };
    assert!(asked.0.contains("too old"), "{asked:?}");
    assert!(asked.1.contains("the background process did not start"), "{asked:?}");
}

#[test]
fn the_recorded_session_is_spoken() {
    let stage = Stage::new();
    let server = stage.serve();
    let mut raw = Raw::connect(&server.socket);
    let mut run = None;
    for line in SESSION.lines() {
        let (direction, text) = line.split_at_checked(2).unwrap_or((line, ""));
        let text = text.replace("$PROJECT", &stage.project().to_string_lossy());
        let text = text.replace("$RUN", run.as_deref().unwrap_or("*"));
        match direction {
            "> " => raw.write(&text),
            "< " => {
                let expected: Value = serde_json::from_str(&text).expect("JSON");
                loop {
                    let message = raw.read().unwrap_or_else(|| panic!("the connection ended before {text}"));
                    if matches(&expected, &message) {
                        run = message["reply"]["body"]["run"].as_str().map(str::to_owned).or(run);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    // What the stopped agents report may still arrive; the end of the connection is the end of the server.
    while raw.read().is_some() {}
}

/// Version of the protocol in which a call came. A new call, or another shape of one, needs the next version.
fn introduced(call: &Call) -> u32 {
    match call {
        Call::Hello { .. } | Call::Watch { .. } | Call::Unwatch { .. } | Call::Since { .. } | Call::Shutdown => 1,
        Call::OpenRun { .. } | Call::OpenRecorded { .. } | Call::Submit { .. } | Call::Request(_) => 1,
        Call::Queue { .. } | Call::Backends | Call::DraftChanged { .. } | Call::Models { .. } => 1,
        Call::Index(IndexCall::Label { .. } | IndexCall::LocateSnippets { .. }) => 4,
        Call::Index(_) => 2,
        Call::Work(call) => match call {
            WorkCall::Restore { .. } => 5,
            WorkCall::Changes { .. } | WorkCall::PlanRewind { .. } => 3,
            WorkCall::RevertConversation { .. } => 4,
            WorkCall::CreateWorktree { .. } | WorkCall::GitMenu { .. } | WorkCall::WriteDraft { .. } => 4,
            WorkCall::Rewind { .. } | WorkCall::Remarks { .. } | WorkCall::Trash { .. } | WorkCall::Untrash { .. } => 3,
        },
    }
}

#[test]
fn the_protocol_has_the_version_of_its_newest_call() {
    let restoration = Restoration::Snapshot(String::new());
    let newest = Call::Work(WorkCall::Restore { key: SessionKey::new(Agent::Claude, ""), restoration });
    assert_eq!(introduced(&newest), PROTOCOL, "an older peer must refuse a connection rather than a call");
}

#[test]
fn another_protocol_version_is_refused_with_both_versions() {
    let stage = Stage::new();
    let server = stage.serve();
    let mut raw = Raw::connect(&server.socket);
    raw.write(&json!({"id": 1, "call": {"hello": {"protocol": 99, "version": "9.9.9"}}}).to_string());
    let hello = raw.read().expect("a hello");
    assert_eq!(hello["hello"]["protocol"], 5);
    assert_eq!(hello["hello"]["pid"], server.child.id());
    let bye = raw.read().expect("a reason");
    let reason = bye["bye"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("9.9.9 speaks protocol 99") && reason.contains("speaks protocol 5"), "{reason}");
    assert!(raw.read().is_none());
}

#[test]
fn garbage_closes_the_connection_with_a_reason() {
    let stage = Stage::new();
    let server = stage.serve();
    for garbage in ["", "{}", "not json", "{\"id\":1,\"call\":\"shutdown\"}", "\u{0}\u{1b}[2J"] {
        let mut raw = Raw::connect(&server.socket);
        raw.write(garbage);
        let bye = raw.read().expect("a reason");
        assert!(bye["bye"]["reason"].is_string(), "{garbage:?}: {bye}");
        assert!(raw.read().is_none());
    }
    let mut raw = Raw::connect(&server.socket);
    raw.write(&json!({"id": 1, "call": {"hello": {"protocol": 5, "version": "0"}}}).to_string());
    assert!(raw.read().expect("a hello")["hello"].is_object(), "the server goes on");
}

#[test]
fn stdin_and_stdout_speak_the_same_protocol() {
    let stage = Stage::new();
    let mut serve = stage.command(&["serve", "--stdio"]);
    let mut child = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("salon");
    let mut stdin = child.stdin.take().expect("stdin");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines().map(|line| line.expect("a line"));
    let mut wait_for = |what: &str| lines.find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what}"));
    let mut write = |message: Value| writeln!(stdin, "{message}").expect("written");
    write(json!({"id": 0, "call": {"hello": {"protocol": 5, "version": "0"}}}));
    wait_for("hello");
    wait_for("ready");
    let start = json!({"conversation": {"new": {"id": null}}, "cwd": stage.project(), "model": null, "mode": null,
        "effort": null, "extra": []});
    write(json!({"id": 1, "call": {"open_run": {"agent": "claude", "start": start, "prompt": "say over stdio"}}}));
    let opened: Value = serde_json::from_str(&wait_for("\"id\":1")).expect("JSON");
    let run = opened["reply"]["body"]["run"].as_str().expect("a run").to_owned();
    write(json!({"id": 2, "call": {"watch": {"run": run, "cursor": {"epoch": 0, "next": 0}}}}));
    wait_for("turn_ended");
    drop(stdin);
    assert!(child.wait().expect("reaped").success());
    stage.agents.assert_all_exited();
}

/// Opens a run with a prompt.
async fn open(client: &Client, stage: &Stage, prompt: &str) -> RunId {
    let start = RunStart::new(Conversation::New { id: None }, stage.project());
    let host = RunHost::Served(client.clone());
    host.open_run(Agent::Claude, start, Some(prompt.to_owned())).await.expect("a run")
}

/// Text of the answers that a client receives until the turn ends.
async fn answer(events: &mut mpsc::Receiver<ServedEvent>) -> String {
    let mut text = String::new();
    let turn = async {
        while let Some(event) = events.recv().await {
            let ServedEvent::Replay(_, replay) = event else { continue };
            for item in replay.events {
                match item.value.kind {
                    RunEventKind::Event(event) => {
                        if let EventBody::Text(Delta::Append(part)) = event.body {
                            text.push_str(&part);
                        }
                    }
                    RunEventKind::TurnEnded { .. } => return,
                    RunEventKind::Approval(_) | RunEventKind::ApprovalGone(_) => {}
                }
            }
        }
    };
    tokio::time::timeout(TIMEOUT, turn).await.expect("the turn ends");
    text
}

#[tokio::test]
async fn fifty_viewers_see_the_same_whenever_they_attach() {
    let stage = Stage::new();
    let server = stage.serve();
    let (client, _events) = server.connect().await;
    let run = open(&client, &stage, "flood 2000\nwait 300\nsay the end").await;
    let mut viewers = Vec::new();
    for _ in 0..50 {
        let (viewer, mut events) = server.connect().await;
        viewer.send(Call::Watch { run: run.clone(), cursor: RingCursor::default() });
        viewers.push(tokio::spawn(async move {
            let text = answer(&mut events).await;
            drop(viewer);
            text
        }));
    }
    let mut texts = Vec::new();
    for viewer in viewers {
        texts.push(viewer.await.expect("a viewer"));
    }
    assert!(texts[0].ends_with("the end"), "{:?}", texts[0].get(texts[0].len().saturating_sub(40)..));
    assert!(texts.iter().all(|text| *text == texts[0]));
}

#[tokio::test]
async fn calls_of_two_clients_reach_the_same_run() {
    let stage = Stage::new();
    let server = stage.serve();
    let (first, _one) = server.connect().await;
    let (second, _two) = server.connect().await;
    let run = open(&first, &stage, "hang").await;
    let host = RunHost::Served(second);
    let mut viewer = host.view(&run).await.expect("the run");
    let working = async {
        while !matches!(viewer.info().phase, Phase::Working { .. }) {
            assert!(viewer.changed().await);
        }
    };
    tokio::time::timeout(TIMEOUT, working).await.expect("it works");
    host.submit(&run, "say queued".to_owned()).await.expect("accepted");
    let Ok(Reply::Queue(queue)) = first.call(Call::Queue { run: run.clone() }).await else { panic!("a queue") };
    // The first prompt may still be awaited in the record of its agent.
    assert_eq!(queue.last().map(|prompt| prompt.text.as_str()), Some("say queued"));
    host.execute(RunRequest::Interrupt(run.clone())).await.expect("interrupted");
    let interrupted = async {
        while !matches!(viewer.info().phase, Phase::Idle) {
            assert!(viewer.changed().await);
        }
    };
    tokio::time::timeout(TIMEOUT, interrupted).await.expect("it is idle");
    assert!(viewer.info().paused, "the queue waits after an interrupt, for every client");
}

#[tokio::test]
async fn an_unused_server_ends_and_a_client_keeps_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(&dir.path().join("state.db"), clock()).expect("a store").store;
    let options = LiveOptions::new(Arc::new(store), Vec::new(), clock, salon::live::this_process());
    let (live, events) = Live::start(options);
    let socket = ServeSocket::listen(dir.path()).expect("a socket");
    let grace = Duration::from_secs(2);
    let path = socket.path().to_owned();
    let client = async {
        // The wait of a server without clients has begun.
        tokio::time::sleep(grace / 4).await;
        let connected = Client::connect(&path).await.expect("connected");
        tokio::time::sleep(grace + grace / 2).await;
        drop(connected);
        tokio::time::Instant::now()
    };
    let serving = async {
        server::listen(live, events, &socket, Some(grace), std::future::pending()).await;
        tokio::time::Instant::now()
    };
    let (disconnected, ended) = tokio::join!(client, serving);
    assert!(ended >= disconnected + grace, "it ends after the grace period, not before");
}
