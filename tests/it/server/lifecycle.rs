//! Life cycle of the server.

use std::time::Duration;

use salon::agent::protocol::{Conversation, ProtocolSignal};
use salon::domain::run::RunFailure;
use salon::live::server::http::{Endpoint, HttpRequest, printed_address};
use salon::live::server::{ServerConfig, ServerHandle, ServerPhase, ServerProcessEvent, ServerSource};

use super::harness::{Client, ServerHarness, opencode, opening};
use crate::support::{TIMEOUT, fake_agent, is_alive};

const NEW: Conversation = Conversation::New { id: None };

/// Waits until the server is in a matching phase.
async fn reaches(server: &ServerHandle, wanted: impl Fn(&ServerPhase) -> bool) -> ServerPhase {
    let mut status = server.watch();
    let reached = tokio::time::timeout(TIMEOUT, status.wait_for(|now| wanted(&now.phase))).await;
    reached.expect("the phase is reached").expect("the host lives").phase.clone()
}

#[tokio::test]
async fn c1_nothing_is_started_before_it_is_needed() {
    let harness = ServerHarness::new();
    let server = harness.server();
    assert_eq!(server.status().phase, ServerPhase::NotStarted);
    server.shut_down().await;
    assert_eq!(harness.starts(), 0);
}

#[tokio::test]
async fn c2_five_sessions_share_one_server() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let project = harness.directory("project");
    let mut clients = Vec::new();
    for _ in 0..5 {
        let session = server.open_session().await.expect("a place");
        clients.push(Client::begin(session, opening(&project, NEW)));
    }
    let mut sessions = std::collections::BTreeSet::new();
    for (number, client) in clients.iter_mut().enumerate() {
        client.until("ready", |signal| matches!(signal, ProtocolSignal::Ready(_))).await;
        client.turn(&format!("say I am {number}")).await;
        assert_eq!(client.texts(), [format!("say I am {number}"), format!("I am {number}")]);
        sessions.insert(client.session());
    }
    assert_eq!((harness.starts(), sessions.len(), server.status().sessions), (1, 5, 5));
    server.shut_down().await;
}

#[tokio::test]
async fn c3_two_projects_have_one_server_and_each_its_directory() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let (one, other) = (harness.directory("shop-api"), harness.directory("My Café app 100%"));
    for directory in [&one, &other] {
        let mut client = Client::open(&server, opening(directory, NEW)).await;
        client.turn("say here").await;
        let asked = harness.requests(&format!("POST /session/{}/prompt_async", client.session()));
        assert_eq!(asked[0]["directory"], directory.to_string_lossy().as_ref());
    }
    assert_eq!(harness.starts(), 1);
    server.shut_down().await;
}

#[tokio::test]
async fn c9_requests_during_the_start_are_queued() {
    let harness = ServerHarness::new().with("FAKE_START", "wait 300");
    let server = harness.server();
    let session = server.open_session().await.expect("a place at once");
    assert_eq!(server.status().phase, ServerPhase::Starting);
    let mut client = Client::begin(session, opening(&harness.directory("p"), NEW));
    client.until("ready", |signal| matches!(signal, ProtocolSignal::Ready(_))).await;
    client.turn("say late but there").await;
    assert_eq!(client.texts()[1], "late but there");
    server.shut_down().await;
}

#[tokio::test]
async fn c9_a_server_that_does_not_become_ready_is_stopped_with_the_reason() {
    let harness = ServerHarness::new().with("FAKE_START", "wait 1000000");
    let config = harness.config();
    assert_eq!(config.ready_timeout, Duration::from_secs(30));
    let server = ServerHandle::new(ServerConfig { ready_timeout: Duration::from_millis(200), ..config });
    let mut client =
        Client::begin(server.open_session().await.expect("a place"), opening(&harness.directory("p"), NEW));
    let pid = server.status().pid.expect("a process");
    let exit = client.gone().await;
    assert!(exit.stderr.ends_with("opencode serve did not become ready within 0 s"), "{}", exit.stderr);
    assert!(matches!(server.status().phase, ServerPhase::Failed(_)), "{:?}", server.status());
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn c10_a_crash_of_the_server_reaches_every_run_and_the_next_one_restarts_it() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let project = harness.directory("p");
    let mut one = Client::open(&server, opening(&project, NEW)).await;
    let mut other = Client::open(&server, opening(&project, NEW)).await;
    one.prompt("say so far so good\ncrash 3");
    for client in [&mut one, &mut other] {
        let exit = client.gone().await;
        assert_eq!(exit.code, Some(3));
        assert!(exit.stderr.contains("told to crash"), "{}", exit.stderr);
    }
    assert_eq!(server.status().phase, ServerPhase::Failed("opencode serve ended with code 3".into()));
    let mut again = Client::open(&server, opening(&project, NEW)).await;
    again.turn("say back").await;
    assert_eq!((again.texts()[1].as_str(), harness.starts()), ("back", 2));
    server.shut_down().await;
}

#[tokio::test]
async fn c19_the_server_stops_when_idle_and_restarts_on_demand() {
    let harness = ServerHarness::new();
    let server = ServerHandle::new(ServerConfig { idle_timeout: Duration::from_millis(50), ..harness.config() });
    let mut client = Client::open(&server, opening(&harness.directory("p"), NEW)).await;
    let pid = server.status().pid.expect("a process");
    client.leave();
    assert_eq!(client.gone().await.code, Some(0));
    reaches(&server, |phase| *phase == ServerPhase::Stopped).await;
    assert!(!is_alive(pid));
    Client::open(&server, opening(&harness.directory("p"), NEW)).await;
    assert_eq!(harness.starts(), 2);
    let phases: Vec<_> = server.status().log.into_iter().map(|(_, phase)| phase).collect();
    let expected =
        [ServerPhase::Starting, ServerPhase::Ready, ServerPhase::Stopping, ServerPhase::Stopped, ServerPhase::Starting];
    assert_eq!(phases[..5], expected);
}

#[tokio::test]
async fn c19_our_server_ends_with_its_handle_and_is_recorded_until_then() {
    let harness = ServerHarness::new();
    let (children, mut news) = tokio::sync::mpsc::unbounded_channel();
    let server = ServerHandle::new(ServerConfig { process_events: Some(children), ..harness.config() });
    let client = Client::open(&server, opening(&harness.directory("p"), NEW)).await;
    let pid = server.status().pid.expect("a process");
    assert_eq!(news.recv().await, Some(ServerProcessEvent::Started { pid, program: "opencode".into() }));
    drop((server, client));
    assert_eq!(news.recv().await, Some(ServerProcessEvent::Reaped { pid }));
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn c19_shutdown_closes_all_sessions_and_opens_no_more() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = Client::open(&server, opening(&harness.directory("p"), NEW)).await;
    client.prompt("deaf\nhang");
    client.until("acceptance", |signal| matches!(signal, ProtocolSignal::PromptAccepted { .. })).await;
    let pid = server.status().pid.expect("a process");
    server.shut_down().await;
    assert!(!is_alive(pid));
    client.gone().await;
    assert!(server.open_session().await.is_err());
}

#[tokio::test]
async fn c19_an_attached_server_is_never_stopped() {
    let harness = ServerHarness::new();
    // The shell sets the process name.
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
        let source = ServerSource::Attached { address, password: password.into() };
        ServerHandle::new(ServerConfig {
            idle_timeout: Duration::ZERO,
            ..ServerConfig::new(source, opencode().server().expect("a server"))
        })
    };

    let stranger = attached("guessed");
    let mut refused =
        Client::begin(stranger.open_session().await.expect("a place"), opening(&harness.directory("p"), NEW));
    let exit = refused.gone().await;
    assert!(exit.stderr.contains("rejected the password"), "{}", exit.stderr);

    let server = attached("known");
    let mut client = Client::open(&server, opening(&harness.directory("p"), NEW)).await;
    client.turn("say hello").await;
    client.leave();
    client.gone().await;
    server.shut_down().await;
    assert!(is_alive(child.id().expect("its id")));
    child.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_missing_program_is_reported_at_once() {
    let harness = ServerHarness::new().with("PATH", "/nowhere");
    assert_eq!(harness.server().open_session().await.err(), Some(RunFailure::NotInstalled));
}

#[tokio::test]
async fn access_requires_the_password() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let _pane = Client::open(&server, opening(&harness.directory("p"), NEW)).await;
    let address = server.status().address.expect("an address");
    assert!(address.ip().is_loopback());
    let stranger = Endpoint::new(address, "opencode", "").expect("on loopback");
    let reply = stranger.exchange(HttpRequest::get("/session/status")).await.expect("an answer");
    assert_eq!(reply.status, 401);
    assert!(Endpoint::new("192.0.2.1:4096".parse().expect("an address"), "opencode", "x").is_err());
}

#[test]
fn only_a_stopped_server_can_start_and_an_ended_one_is_not_ready() {
    use ServerPhase::{Degraded, Failed, NotStarted, Ready, Starting, Stopped, Stopping};
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
fn addresses_are_parsed_from_startup_lines() {
    let port = |line: &str| printed_address(line).map(|address| address.port());
    assert_eq!(port("opencode server listening on http://127.0.0.1:4096"), Some(4096));
    assert_eq!(port("listening on http://localhost:81/ now"), Some(81));
    assert_eq!(port("Warning: no password"), None);
    assert_eq!(port("http://nowhere"), None);
}
