//! Runs of another machine: they belong to its background process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use salon::domain::Agent;
use salon::domain::remote::RemoteState;
use salon::domain::run::{Conversation, Phase, RunId, RunInfo, RunStart};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::domain::run_request::RunRequest;
use salon::live::LiveEvent;
use salon::remote::{RemoteEvent, Remotes};
use salon::serve::message::{Call, Reply};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Peer, options};
use crate::support::{Agents, Home, TIMEOUT};
use crate::terminal::Terminal;

/// A machine with scripted agents and a project.
pub(super) struct Machine {
    pub(super) peer: Peer,
    pub(super) agents: Agents,
}

impl Machine {
    pub(super) fn new() -> Self {
        let (peer, agents) = (Peer::of(&[]), Agents::of(&["claude"]));
        std::fs::create_dir_all(peer.home().join("project")).expect("a project");
        let path = format!("{}:/usr/bin:/bin", agents.path().display());
        let environment = format!("export PATH='{path}' FAKE_LOG='{}'\n", agents.log_file().display());
        std::fs::write(peer.dir.path().join("env"), environment).expect("written");
        Self { peer, agents }
    }

    pub(super) fn project(&self) -> PathBuf {
        self.peer.home().join("project")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let mut stop = std::process::Command::new(env!("CARGO_BIN_EXE_salon"));
        stop.args(["serve", "--stop"]).env_clear().env("HOME", self.peer.home());
        stop.env("SALON_RUNTIME_DIR", self.peer.home().join("run")).env("PATH", "/usr/bin:/bin");
        stop.stderr(std::process::Stdio::null()).status().expect("salon");
    }
}

/// Waits for an event.
async fn event<T>(events: &mut mpsc::Receiver<RemoteEvent>, mut pick: impl FnMut(RemoteEvent) -> Option<T>) -> T {
    let wait = async {
        loop {
            let event = events.recv().await.expect("the sources run");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    };
    timeout(TIMEOUT, wait).await.expect("the event comes")
}

async fn state(events: &mut mpsc::Receiver<RemoteEvent>, run: &RunId, is_it: impl Fn(&RunInfo) -> bool) {
    event(events, |event| match event {
        RemoteEvent::Live(LiveEvent::Run(info)) if info.id == *run && is_it(&info) => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_run_goes_on_during_a_loss_and_its_viewer_returns_without_a_gap() {
    let machine = Machine::new();
    let (remotes, mut events) = Remotes::start(&[machine.peer.source("box")], &options(None));
    let start = RunStart::new(Conversation::New { id: None }, machine.project());
    event(&mut events, |event| match event {
        RemoteEvent::Sessions { complete: true, .. } => Some(()),
        _ => None,
    })
    .await;
    let call = Call::OpenRun { agent: Agent::Claude, start, prompt: Some("ask make install".to_owned()) };
    let Ok(Reply::Run(there)) = remotes.call("box", call).await else { panic!("a run") };
    let run = there.on("box");
    assert_eq!(run.split_host(), Some(("box", there.clone())));
    state(&mut events, &run, |info| !info.approvals.is_empty()).await;
    remotes.call_without_reply("box", Call::Watch { run: there.clone(), cursor: RingCursor::default() });
    let (mut seen, mut next) = (0, RingCursor::default());
    event(&mut events, |event| match event {
        RemoteEvent::Replay(of, replay) if of == run => {
            seen += replay.events.len();
            next = replay.cursor;
            Some(())
        }
        _ => None,
    })
    .await;
    assert!(seen > 0);
    machine.peer.kill();
    // The approval still waits when the connection is back, and the viewer gets only what is new.
    state(&mut events, &run, |info| !info.approvals.is_empty()).await;
    let refused = remotes.call("box", Call::Request(RunRequest::Interrupt(there.clone()))).await;
    assert!(refused.is_ok(), "{refused:?}");
    let mut events_since = Vec::new();
    event(&mut events, |event| match event {
        RemoteEvent::Replay(of, replay) if of == run => {
            assert_eq!(replay.missed, 0);
            assert!(replay.cursor.next >= next.next);
            let has_ended = replay.events.iter().any(|item| matches!(item.value.kind, RunEventKind::TurnEnded { .. }));
            events_since.extend(replay.events);
            has_ended.then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(machine.agents.prompts(), ["ask make install"], "nothing was sent again");
    drop(events);
    remotes.stop();
}

#[tokio::test]
async fn a_run_whose_process_ended_during_the_loss_is_reported_gone() {
    let machine = Machine::new();
    let (remotes, mut events) = Remotes::start(&[machine.peer.source("box")], &options(None));
    event(&mut events, |event| matches!(event, RemoteEvent::Sessions { complete: true, .. }).then_some(())).await;
    let start = RunStart::new(Conversation::New { id: None }, machine.project());
    let call = Call::OpenRun { agent: Agent::Claude, start, prompt: Some("hang".to_owned()) };
    let Ok(Reply::Run(there)) = remotes.call("box", call).await else { panic!("a run") };
    let run = there.on("box");
    state(&mut events, &run, |info| matches!(info.phase, Phase::Working { .. })).await;
    // The background process ends, which closes the connection; the next one knows nothing of the run.
    let socket = machine.peer.home().join("run/serve.sock");
    remotes.call_without_reply("box", Call::Shutdown);
    event(&mut events, |event| match event {
        RemoteEvent::Live(LiveEvent::Gone(gone)) if gone == run => Some(()),
        _ => None,
    })
    .await;
    assert!(!socket.exists(), "nothing started it again");
    machine.agents.assert_all_exited();
    drop(events);
    remotes.stop();
}

#[test]
fn a_session_of_another_machine_is_continued_in_the_chat_here() {
    let machine = Machine::new();
    let home = Home::empty();
    let id = "22222222-0000-4000-8000-000000000001";
    let record = json!({"type": "user", "uuid": "11111111-0000-4000-8000-000000000001", "parentUuid": null,
        "sessionId": id, "cwd": machine.project(), "timestamp": "2026-11-20T10:00:00.000Z", "version": "2.1.329",
        "message": {"role": "user", "content": "The session over there"}});
    let file = machine.peer.home().join(format!(".claude/projects/-project/{id}.jsonl"));
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("created");
    std::fs::write(&file, format!("{record}\n")).expect("written");
    super::json(&home, &machine.peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let variables = [
        ("HOME", home.path().to_string_lossy().into_owned()),
        ("PATH", machine.peer.search_path()),
        ("SALON_RUNTIME_DIR", home.path().join("run").to_string_lossy().into_owned()),
        ("TERM", "xterm-256color".to_owned()),
        ("COLORFGBG", "15;0".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
    ];
    let environment: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value)).into();
    let mut window = Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), &[], home.path(), &environment);
    window.wait_for_text("The session over there");
    window.send("r");
    window.wait_for_text("continues with your next prompt");
    // A command of the user would run here, in another directory of the same name.
    window.send("!touch there\r");
    window.wait_for_text("the session is on box");
    window.send("\x15say hello from here\r");
    window.wait_for("the answer", |screen| screen.contents().matches("hello from here").count() >= 2);
    assert_eq!(machine.agents.prompts(), ["say hello from here"]);
    // The agent of this machine was not needed, and the run belongs to the other one.
    assert!(machine.peer.home().join("run/serve.sock").exists());
    assert!(!home.path().join("run/serve.sock").exists());
    window.send("\x03");
    std::thread::park_timeout(Duration::from_millis(200));
}

#[tokio::test]
async fn a_call_whose_reply_is_lost_is_executed_once() {
    let machine = Machine::new();
    let (remotes, mut events) = Remotes::start(&[machine.peer.source("box")], &options(None));
    event(&mut events, |event| matches!(event, RemoteEvent::Sessions { complete: true, .. }).then_some(())).await;
    let start = RunStart::new(Conversation::New { id: None }, machine.project());
    let call = Call::OpenRun { agent: Agent::Claude, start, prompt: Some("say one".to_owned()) };
    let Ok(Reply::Run(there)) = remotes.call("box", call).await else { panic!("a run") };
    let run = there.on("box");
    state(&mut events, &run, |info| info.turn.0 >= 1 && info.phase == Phase::Idle).await;
    // The prompts are on their way when the connection is killed, again and again.
    let mut replies = Vec::new();
    for number in 0..6 {
        let call = Call::Request(RunRequest::Submit { run: there.clone(), text: format!("say number {number}") });
        replies.push(tokio::spawn(remotes.call("box", call)));
        tokio::time::sleep(Duration::from_millis(number * 3)).await;
        machine.peer.kill_if_alive();
        event(&mut events, |event| match event {
            RemoteEvent::State(status) if status.state == RemoteState::Connected => Some(()),
            _ => None,
        })
        .await;
    }
    for reply in replies {
        let reply = loop {
            tokio::select! {
                _ = events.recv() => {}
                () = tokio::time::sleep(Duration::from_millis(20)), if reply.is_finished() => break reply.await,
            }
        };
        assert!(matches!(reply.expect("the task ends"), Ok(Reply::Done)));
    }
    let expected: Vec<_> = (0..6).map(|number| format!("say number {number}")).collect();
    while machine.agents.prompts().len() < 7 {
        timeout(TIMEOUT, events.recv()).await.expect("the turns go on");
    }
    let mut prompts = machine.agents.prompts().split_off(1);
    prompts.sort();
    assert_eq!(prompts, expected, "each once");
    drop(events);
    remotes.stop();
}
