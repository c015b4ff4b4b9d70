//! Commands beside other clients of a server: each minds its own prompt, and none ends or answers the turn of another.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use salon::domain::Agent;
use salon::domain::run::{Conversation, Phase, RunId, RunStart};
use salon::domain::run_request::RunRequest;
use salon::serve::RunHost;
use serde_json::{Value, json};

use super::{Server, Stage};
use crate::support::{is_alive, wait_until};

/// Another client of the server, with a run of its own.
struct Other {
    host: RunHost,
    run: RunId,
    /// Id of its session.
    session: String,
    _server: Server,
}

impl Other {
    /// Runs a first turn to its end.
    async fn new(stage: &Stage) -> Self {
        let server = stage.serve();
        let (client, mut events) = server.connect().await;
        // Only the calls are of interest.
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let host = RunHost::Served(client);
        let start = RunStart::new(Conversation::New { id: None }, stage.project());
        let run = host.open_run(Agent::Claude, start, Some("say first".to_owned())).await.expect("a run");
        let mut other = Self { host, run, session: String::new(), _server: server };
        let info = other.reach(|phase| *phase == Phase::Idle).await;
        other.session = info.expect("a session");
        other
    }

    /// Waits until the run is in a phase. Returns the id of its session.
    async fn reach(&self, is_reached: impl Fn(&Phase) -> bool) -> Option<String> {
        let mut viewer = self.host.view(&self.run).await.expect("a viewer");
        let reached = async {
            while !(is_reached(&viewer.info().phase) && viewer.info().session.is_some()) {
                assert!(viewer.changed().await, "the server goes on");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("reached in time");
        viewer.info().session.as_ref().map(|key| key.id.to_string())
    }

    /// Begins a turn that stays open.
    async fn work(&self, prompt: &str) {
        self.host.submit(&self.run, prompt.to_owned()).await.expect("accepted");
        self.reach(|phase| matches!(phase, Phase::Working { .. })).await;
    }

    async fn execute(&self, request: RunRequest) {
        self.host.execute(request).await.expect("executed");
    }
}

/// A `salon send` in the background.
fn send(stage: &Stage, args: &[&str]) -> Child {
    let mut command = stage.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("salon send")
}

/// Ids and states of the queue.
fn queue(stage: &Stage) -> Vec<(String, String)> {
    let queue: Value = serde_json::from_str(&stage.run(&["queue", "--json"])).expect("JSON");
    let prompts = queue["prompts"].as_array().expect("prompts").iter();
    prompts.map(|prompt| (prompt["id"].to_string(), prompt["state"].as_str().unwrap_or_default().to_owned())).collect()
}

fn wait_for_pending(stage: &Stage) -> String {
    wait_until("the prompt is in the queue", || queue(stage).iter().any(|(_, state)| state == "pending"));
    queue(stage).pop().expect("a prompt").0
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn finish(child: Child) -> Output {
    child.wait_with_output().expect("salon send")
}

#[tokio::test(flavor = "multi_thread")]
async fn send_resumes_a_paused_queue_and_says_what_it_sends() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    other.work("say a\nhang").await;
    other.host.submit(&other.run, "say earlier".to_owned()).await.expect("accepted");
    other.execute(RunRequest::Interrupt(other.run.clone())).await;
    other.reach(|phase| *phase == Phase::Idle).await;
    assert_eq!(queue(&stage).len(), 1, "the interrupt paused the queue");
    let output = finish(send(&stage, &["send", &other.session, "say mine"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).ends_with("mine\n"), "{output:?}");
    assert!(text(&output.stderr).contains("sending earlier prompt") && text(&output.stderr).contains("say earlier"));
    assert_eq!(stage.agents.prompts(), ["say first", "say a\nhang", "say earlier", "say mine"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn send_starts_an_agent_that_was_stopped() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    for round in 0..8 {
        other.execute(RunRequest::Stop(other.run.clone())).await;
        other.reach(|phase| matches!(phase, Phase::Stopped(_))).await;
        let output = finish(send(&stage, &["send", &other.session, &format!("say round {round}")]));
        assert_eq!(text(&output.stdout), format!("round {round}\n"), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_another_process_cancels_is_no_success() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    other.work("say a\nhang").await;
    let waiting = send(&stage, &["send", "--json", &other.session, "say mine"]);
    let id = wait_for_pending(&stage);
    stage.run(&["queue", "--cancel", &id]);
    let queue = other.host.queue(&other.run).await.expect("a queue");
    assert!(queue.is_empty(), "{queue:?}");
    let mut viewer = other.host.view(&other.run).await.expect("a viewer");
    while viewer.info().queued > 0 {
        assert!(viewer.changed().await, "the server knows of it");
    }
    let output = finish(waiting);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("the prompt was cancelled before it was delivered"), "{output:?}");
    assert!(matches!(viewer.info().phase, Phase::Working { .. }), "the turn of the other client goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_takes_back_a_prompt_that_waits_and_leaves_the_turn_of_another() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    other.work("say a\nhang").await;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let waiting = send(&stage, &["send", &other.session, "say mine"]);
        wait_for_pending(&stage);
        // The prompt is in the queue before the command watches the run, but after it has its handlers.
        kill_process(Pid::from_child(&waiting), signal).expect("signalled");
        let output = finish(waiting);
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert!(text(&output.stderr).contains("the prompt was not delivered"), "{output:?}");
        assert_eq!(queue(&stage), [], "it is not sent later");
    }
    let viewer = other.host.view(&other.run).await.expect("a viewer");
    assert!(matches!(viewer.info().phase, Phase::Working { .. }), "{:?}", viewer.info().phase);
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_of_another_turn_are_not_answered_and_its_text_is_not_printed() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    other.work("wait 1500\nask make install\nsay theirs").await;
    let waiting = send(&stage, &["send", &other.session, "ask make check\nsay mine"]);
    let mut viewer = other.host.view(&other.run).await.expect("a viewer");
    while viewer.info().approvals.is_empty() {
        assert!(viewer.changed().await, "the agent asks");
    }
    // The command has seen the approval once it reacts to something later.
    let approval = viewer.info().approvals[0].clone();
    assert_eq!(queue(&stage).len(), 1, "the prompt of the command waits");
    let choice = approval.choices.first().expect("a choice").token.clone();
    let answer = salon::domain::approval::ApprovalAnswer::Choice { token: choice, reason: None };
    other.execute(RunRequest::Answer { run: other.run.clone(), id: approval.id.as_ref().into(), answer }).await;
    let output = finish(waiting);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "mine\n", "{output:?}");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("denied: Bash: make check") && !stderr.contains("make install"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_at_once_are_sent_once_each_and_print_their_own_answers() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    let names: Vec<_> = (0..12).map(|n| format!("answer {n}")).collect();
    for names in names.chunks(4) {
        let prompts: Vec<_> = names.iter().map(|name| format!("wait 20\nsay {name}")).collect();
        let sent: Vec<_> = prompts.iter().map(|prompt| send(&stage, &["send", &other.session, prompt])).collect();
        for (name, child) in names.iter().zip(sent) {
            let output = finish(child);
            assert_eq!(text(&output.stdout), format!("{name}\n"), "{output:?}");
        }
        let received = stage.agents.prompts();
        assert!(prompts.iter().all(|prompt| received.iter().filter(|text| *text == prompt).count() == 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_says_what_it_stopped_once_it_has_ended() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    let agent = stage.agents.started()[0];
    let stopped: Value = serde_json::from_str(&stage.run(&["stop", "--json", &other.session])).expect("JSON");
    assert_eq!(stopped["ended"], json!([agent]));
    assert!(!is_alive(agent));
    assert!(stage.run(&["stop", &other.session]).contains("not running"));
    let output = finish(send(&stage, &["send", &other.session, "say again"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stage.run(&["stop", &other.session]).contains("stopped its agent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_prompt_of_a_server_is_sent_at_once() {
    let stage = Stage::new();
    let other = Other::new(&stage).await;
    let db = rusqlite::Connection::open(stage.home.path().join(".local/share/salon/state.db")).expect("state.db");
    other.work("say a\nhang").await;
    let id = other.host.submit(&other.run, "say held".to_owned()).await.expect("accepted");
    db.execute("UPDATE prompts SET state = 'held' WHERE id = ?1", [id.0]).expect("held");
    other.execute(RunRequest::Interrupt(other.run.clone())).await;
    other.reach(|phase| *phase == Phase::Idle).await;
    stage.run(&["queue", "--release", &id.0.to_string()]);
    wait_until("it was sent", || stage.agents.prompts().iter().any(|prompt| prompt == "say held"));
}

#[test]
fn every_signal_to_a_server_of_one_client_ends_its_agents() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let stage = Stage::new();
        let mut serve = stage.command(&["serve", "--stdio"]);
        let piped = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = piped.spawn().expect("salon serve");
        let mut stdin = child.stdin.take().expect("stdin");
        let start = json!({"conversation": {"new": {"id": null}}, "cwd": stage.project(), "model": null, "mode": null,
            "effort": null, "extra": []});
        for (id, call) in [
            json!({"hello": {"protocol": 5, "version": "0"}}),
            json!({"open_run": {"agent": "claude", "start": start, "prompt": "grandchild\nhang"}}),
        ]
        .into_iter()
        .enumerate()
        {
            writeln!(stdin, "{}", json!({"id": id, "call": call})).expect("written");
        }
        wait_until("a grandchild", || !stage.agents.grandchildren().is_empty());
        kill_process(Pid::from_child(&child), signal).expect("signalled");
        assert!(child.wait().expect("reaped").success(), "{signal:?}");
        stage.agents.assert_all_exited();
    }
}

#[test]
fn a_server_whose_client_no_longer_reads_ends() {
    let stage = Stage::new();
    let mut serve = stage.command(&["serve", "--stdio"]);
    let piped = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = piped.spawn().expect("salon serve");
    let mut stdin = child.stdin.take().expect("stdin");
    writeln!(stdin, "{}", json!({"id": 0, "call": {"hello": {"protocol": 5, "version": "0"}}})).expect("written");
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
    stdout.read_line(&mut String::new()).expect("a line");
    drop(stdout);
    wait_until("it has ended, although its input is open", || {
        // An error means that it has ended.
        writeln!(stdin, "{}", json!({"id": 1, "call": "backends"})).ok();
        matches!(child.try_wait(), Ok(Some(_)))
    });
}

#[test]
fn a_server_that_does_not_start_in_the_background_says_why() {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.runtime().join("serve.sock/full")).expect("a directory in its place");
    let output = stage.command(&["serve", "--detach"]).output().expect("salon serve");
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("it ended at once") && stderr.contains("s a directory"), "{stderr}");
}

#[test]
fn a_runtime_directory_whose_path_is_too_long_is_named_as_such() {
    let stage = Stage::new();
    let long = stage.home.path().join("l".repeat(120));
    for args in [&["serve"][..], &["serve", "--detach"], &["serve", "--stop"]] {
        let output = stage.command(args).env("SALON_RUNTIME_DIR", &long).output().expect("salon serve");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("too long for a socket; SALON_RUNTIME_DIR"), "{args:?}: {output:?}");
    }
}
