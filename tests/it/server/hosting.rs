//! How the server comes and goes.

use std::time::Duration;

use salon::agent::protocol::{Conversation, Signal};
use salon::domain::run::Failure;
use salon::live::server::http::{Endpoint, Request, printed_address};
use salon::live::server::{ChildNews, Hosting, Phase, Server, Source};

use super::stage::{Pane, Stage, opencode, opening};
use crate::support::{LONG, fake_agent, lives};

const NEW: Conversation = Conversation::New { id: None };

/// Waits until the server is in a phase that is wanted.
async fn reaches(server: &Server, wanted: impl Fn(&Phase) -> bool) -> Phase {
    let mut condition = server.watch();
    let reached = tokio::time::timeout(LONG, condition.wait_for(|now| wanted(&now.phase))).await;
    reached.expect("the phase is reached").expect("the host lives").phase.clone()
}

#[tokio::test]
async fn c1_nothing_is_started_before_it_is_needed() {
    let stage = Stage::new();
    let server = stage.server();
    assert_eq!(server.condition().phase, Phase::NotStarted);
    server.shut_down().await;
    assert_eq!(stage.starts(), 0);
}

#[tokio::test]
async fn c2_five_sessions_share_one_server() {
    let stage = Stage::new();
    let server = stage.server();
    let project = stage.directory("project");
    let mut panes = Vec::new();
    for _ in 0..5 {
        let seat = server.seat().await.expect("a place");
        panes.push(Pane::begin(seat, opening(&project, NEW)));
    }
    let mut sessions = std::collections::BTreeSet::new();
    for (number, pane) in panes.iter_mut().enumerate() {
        pane.until("ready", |signal| matches!(signal, Signal::Ready(_))).await;
        pane.turn(&format!("say I am {number}")).await;
        assert_eq!(pane.texts(), [format!("say I am {number}"), format!("I am {number}")]);
        sessions.insert(pane.session());
    }
    assert_eq!((stage.starts(), sessions.len(), server.condition().seats), (1, 5, 5));
    server.shut_down().await;
}

#[tokio::test]
async fn c3_two_projects_have_one_server_and_each_its_directory() {
    let stage = Stage::new();
    let server = stage.server();
    let (one, other) = (stage.directory("shop-api"), stage.directory("My Café app 100%"));
    for directory in [&one, &other] {
        let mut pane = Pane::open(&server, opening(directory, NEW)).await;
        pane.turn("say here").await;
        let asked = stage.requests(&format!("POST /session/{}/prompt_async", pane.session()));
        assert_eq!(asked[0]["directory"], directory.to_string_lossy().as_ref());
    }
    assert_eq!(stage.starts(), 1);
    server.shut_down().await;
}

#[tokio::test]
async fn c9_what_is_asked_while_the_server_starts_is_kept() {
    let stage = Stage::new().with("FAKE_START", "wait 300");
    let server = stage.server();
    let seat = server.seat().await.expect("a place at once");
    assert_eq!(server.condition().phase, Phase::Starting);
    let mut pane = Pane::begin(seat, opening(&stage.directory("p"), NEW));
    pane.until("ready", |signal| matches!(signal, Signal::Ready(_))).await;
    pane.turn("say late but there").await;
    assert_eq!(pane.texts()[1], "late but there");
    server.shut_down().await;
}

#[tokio::test]
async fn c9_a_server_that_does_not_become_ready_is_given_up_with_the_reason() {
    let stage = Stage::new().with("FAKE_START", "wait 1000000");
    let hosting = stage.hosting();
    assert_eq!(hosting.patience, Duration::from_secs(30));
    let server = Server::new(Hosting { patience: Duration::from_millis(200), ..hosting });
    let mut pane = Pane::begin(server.seat().await.expect("a place"), opening(&stage.directory("p"), NEW));
    let pid = server.condition().pid.expect("a process");
    let exit = pane.gone().await;
    assert!(exit.stderr.ends_with("opencode serve did not become ready within 0 s"), "{}", exit.stderr);
    assert!(matches!(server.condition().phase, Phase::Failed(_)), "{:?}", server.condition());
    assert!(!lives(pid));
}

#[tokio::test]
async fn c10_when_the_server_crashes_every_run_is_told_and_the_next_starts_it_again() {
    let stage = Stage::new();
    let server = stage.server();
    let project = stage.directory("p");
    let mut one = Pane::open(&server, opening(&project, NEW)).await;
    let mut other = Pane::open(&server, opening(&project, NEW)).await;
    one.prompt("say so far so good\ncrash 3");
    for pane in [&mut one, &mut other] {
        let exit = pane.gone().await;
        assert_eq!(exit.code, Some(3));
        assert!(exit.stderr.contains("told to crash"), "{}", exit.stderr);
    }
    assert_eq!(server.condition().phase, Phase::Failed("opencode serve ended with code 3".into()));
    let mut again = Pane::open(&server, opening(&project, NEW)).await;
    again.turn("say back").await;
    assert_eq!((again.texts()[1].as_str(), stage.starts()), ("back", 2));
    server.shut_down().await;
}

#[tokio::test]
async fn c19_the_server_ends_when_nobody_needs_it_and_comes_back_when_somebody_does() {
    let stage = Stage::new();
    let server = Server::new(Hosting { idle: Duration::from_millis(50), ..stage.hosting() });
    let mut pane = Pane::open(&server, opening(&stage.directory("p"), NEW)).await;
    let pid = server.condition().pid.expect("a process");
    pane.leave();
    assert_eq!(pane.gone().await.code, Some(0));
    reaches(&server, |phase| *phase == Phase::Stopped).await;
    assert!(!lives(pid));
    Pane::open(&server, opening(&stage.directory("p"), NEW)).await;
    assert_eq!(stage.starts(), 2);
    let phases: Vec<_> = server.condition().log.into_iter().map(|(_, phase)| phase).collect();
    let expected = [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped, Phase::Starting];
    assert_eq!(phases[..5], expected);
}

#[tokio::test]
async fn c19_a_server_of_ours_ends_with_its_handle_and_is_on_record_until_then() {
    let stage = Stage::new();
    let (children, mut news) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(Hosting { children: Some(children), ..stage.hosting() });
    let pane = Pane::open(&server, opening(&stage.directory("p"), NEW)).await;
    let pid = server.condition().pid.expect("a process");
    assert_eq!(news.recv().await, Some(ChildNews::Started { pid, program: "opencode".into() }));
    drop((server, pane));
    assert_eq!(news.recv().await, Some(ChildNews::Reaped { pid }));
    assert!(!lives(pid));
}

#[tokio::test]
async fn c19_shutting_down_tells_all_and_takes_nobody_in() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = Pane::open(&server, opening(&stage.directory("p"), NEW)).await;
    pane.prompt("deaf\nhang");
    pane.until("acceptance", |signal| matches!(signal, Signal::PromptAccepted { .. })).await;
    let pid = server.condition().pid.expect("a process");
    server.shut_down().await;
    assert!(!lives(pid));
    pane.gone().await;
    assert!(server.seat().await.is_err());
}

#[tokio::test]
async fn c19_a_server_that_ran_already_is_never_ended() {
    let stage = Stage::new();
    // It is what its name says; a shell gives it that.
    let mut child = tokio::process::Command::new("bash")
        .args(["-c", "exec -a opencode \"$0\""])
        .arg(fake_agent())
        .env("OPENCODE_SERVER_PASSWORD", "known")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a server");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(child.stdout.take().expect("stdout")));
    let line = lines.next_line().await.expect("a line").expect("a line");
    let address = printed_address(&line).expect("an address");
    let attached = |password: &str| {
        let source = Source::Attached { address, password: password.into() };
        Server::new(Hosting { idle: Duration::ZERO, ..Hosting::new(source, opencode().server().expect("a server")) })
    };

    let stranger = attached("guessed");
    let mut refused = Pane::begin(stranger.seat().await.expect("a place"), opening(&stage.directory("p"), NEW));
    let exit = refused.gone().await;
    assert!(exit.stderr.contains("refuses the password"), "{}", exit.stderr);

    let server = attached("known");
    let mut pane = Pane::open(&server, opening(&stage.directory("p"), NEW)).await;
    pane.turn("say hello").await;
    pane.leave();
    pane.gone().await;
    server.shut_down().await;
    assert!(lives(child.id().expect("its id")));
    child.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_at_once() {
    let stage = Stage::new().with("PATH", "/nowhere");
    assert_eq!(stage.server().seat().await.err(), Some(Failure::NotInstalled));
}

#[tokio::test]
async fn nobody_without_the_password_is_let_in() {
    let stage = Stage::new();
    let server = stage.server();
    let _pane = Pane::open(&server, opening(&stage.directory("p"), NEW)).await;
    let address = server.condition().address.expect("an address");
    assert!(address.ip().is_loopback());
    let stranger = Endpoint::new(address, "opencode", "").expect("on loopback");
    let reply = stranger.exchange(Request::get("/session/status")).await.expect("an answer");
    assert_eq!(reply.status, 401);
    assert!(Endpoint::new("192.0.2.1:4096".parse().expect("an address"), "opencode", "x").is_err());
}

#[test]
fn only_what_runs_not_is_started_and_what_ended_is_not_ready() {
    use Phase::{Degraded, Failed, NotStarted, Ready, Starting, Stopped, Stopping};
    let failed = || Failed("why".into());
    let may = [
        (NotStarted, Starting),
        (Starting, Ready),
        (Ready, Degraded),
        (Degraded, Ready),
        (Ready, Stopping),
        (Stopping, Stopped),
        (Stopped, Starting),
        (failed(), Starting),
        (Ready, failed()),
    ];
    for (from, to) in may {
        assert!(from.may_become(&to), "{from:?} to {to:?}");
    }
    for (from, to) in [(Ready, Starting), (Stopped, Ready), (failed(), Ready), (NotStarted, Ready), (Stopping, Ready)] {
        assert!(!from.may_become(&to), "{from:?} to {to:?}");
    }
}

#[test]
fn addresses_are_read_from_what_servers_print() {
    let port = |line: &str| printed_address(line).map(|address| address.port());
    assert_eq!(port("opencode server listening on http://127.0.0.1:4096"), Some(4096));
    assert_eq!(port("listening on http://localhost:81/ now"), Some(81));
    assert_eq!(port("Warning: no password"), None);
    assert_eq!(port("http://nowhere"), None);
}
