//! Health of the server: when it is probed and restarted.

use std::time::Duration;

use salon::domain::run::TurnOutcome;
use salon::live::server::health::{HealthDecision, HealthLimits, ServerHealth};
use salon::live::server::{ServerConfig, ServerHandle, ServerPhase};
use tokio::time::Instant;

use super::harness::{Client, ServerHarness, opening};
use crate::support::{Agents, Home, is_alive, wait_until};
use salon::domain::run::Conversation;

/// A step of the table: seconds since the start, and what happens.
enum Step {
    Fail(u64),
    Succeed(u64),
    Event,
}

fn after(steps: &[Step], busy: bool, at: u64) -> HealthDecision {
    let start = Instant::now();
    let mut health = ServerHealth::new(HealthLimits::default());
    for step in steps {
        match step {
            Step::Fail(second) => health.probed(false, start + Duration::from_secs(*second)),
            Step::Succeed(second) => health.probed(true, start + Duration::from_secs(*second)),
            Step::Event => health.alive(),
        }
        let now = match step {
            Step::Fail(second) | Step::Succeed(second) => start + Duration::from_secs(*second),
            Step::Event => start,
        };
        health.decide(busy, now);
    }
    health.decide(busy, start + Duration::from_secs(at))
}

fn failures(count: u64) -> Vec<Step> {
    (0..count).map(|at| Step::Fail(at * 15)).collect()
}

#[test]
fn e13_the_table_of_health_decides_about_a_restart() {
    let with = |mut steps: Vec<Step>, step: Step| {
        steps.push(step);
        steps
    };
    let burst = (0..60).map(Step::Fail).collect::<Vec<_>>();
    let last = 19 * 15;
    for (name, steps, busy, at, decision) in [
        ("19 failures", failures(19), false, last, HealthDecision::Keep),
        ("20 failures of an idle server", failures(20), false, last, HealthDecision::Restart),
        ("20 failures of a busy server", failures(20), true, last, HealthDecision::WaitForIdle),
        ("a busy server within the grace", failures(20), true, last + 119, HealthDecision::WaitForIdle),
        ("a busy server after the grace", failures(20), true, last + 120, HealthDecision::Restart),
        ("a success resets", with(failures(20), Step::Succeed(300)), false, 300, HealthDecision::Keep),
        (
            "a failure after a success",
            with(with(failures(20), Step::Succeed(300)), Step::Fail(315)),
            false,
            315,
            HealthDecision::Keep,
        ),
        ("failures within one interval count once", burst, false, 60, HealthDecision::Keep),
        ("an event of the server resets", with(failures(20), Step::Event), false, last, HealthDecision::Keep),
    ] {
        assert_eq!(after(&steps, busy, at), decision, "{name}");
    }
}

#[test]
fn e13_a_fresh_result_is_reused() {
    let start = Instant::now();
    let mut health = ServerHealth::new(HealthLimits::default());
    assert!(health.needs_probe(start));
    health.probed(true, start);
    assert!(!health.needs_probe(start + Duration::from_millis(749)));
    assert!(health.needs_probe(start + Duration::from_millis(750)));
}

#[test]
fn e14_a_server_that_sends_events_for_four_minutes_is_not_restarted() {
    let start = Instant::now();
    let mut health = ServerHealth::new(HealthLimits { failures: 2, ..HealthLimits::default() });
    for second in 0..240 {
        let now = start + Duration::from_secs(second);
        if second % 15 == 0 {
            health.probed(false, now);
        }
        assert_eq!(health.decide(true, now), HealthDecision::Keep, "second {second}");
        health.alive();
    }
}

/// A configuration whose checks are quick.
fn quick(harness: &ServerHarness) -> ServerConfig {
    let health = HealthLimits {
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(50),
        fresh: Duration::from_millis(1),
        failures: 4,
        busy_grace: Duration::from_millis(200),
    };
    ServerConfig { health, ..harness.config() }
}

#[tokio::test]
async fn e15_a_server_that_does_not_respond_is_restarted_once_and_its_turn_is_interrupted() {
    let harness = ServerHarness::new();
    let directory = harness.directory("project");
    let harness = harness.with("FAKE_SESSIONS", &format!("ses_1={}", directory.display()));
    let server = ServerHandle::new(quick(&harness));
    let again = opening(&directory, Conversation::Resume("ses_1".into()));
    let mut client = Client::open(&server, again.clone()).await;
    assert_eq!(client.turn("say one").await, TurnOutcome::Done);
    let (pid, address) = (server.status().pid.expect("a pid"), server.status().address.expect("an address"));
    client.set_busy();
    ServerHarness::freeze(pid);
    let exit = client.gone().await;
    assert!(exit.unresponsive, "{exit:?}");
    let mut status = server.watch();
    status.wait_for(|status| matches!(status.phase, ServerPhase::Failed(_))).await.expect("the server");
    assert!(!is_alive(pid), "the old process is gone");
    assert!(std::net::TcpStream::connect(address).is_err(), "its port is free");
    let clients = (0..10).map(|_| server.open_session());
    for opened in clients.collect::<Vec<_>>() {
        opened.await.expect("a session");
    }
    let mut client = Client::open(&server, again).await;
    assert_eq!(client.turn("say two").await, TurnOutcome::Done, "events flow from the new process");
    assert_eq!(harness.starts(), 2, "one restart for all that asked for it");
    assert_eq!(
        harness
            .requests("POST /session/")
            .iter()
            .filter(|request| request["body"].to_string().contains("say one"))
            .count(),
        1
    );
}

#[tokio::test]
async fn e16_a_server_of_the_user_is_neither_used_nor_ended() {
    let home = Home::empty();
    let agents = Agents::of(&["opencode"]);
    let foreign = agents.spawn(&home, "opencode", &["serve".to_owned()], &[]);
    let printed = String::from_utf8(foreign.read_line()).expect("a line");
    assert!(printed.contains("listening on"), "{printed}");
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client =
        Client::open(&server, opening(&harness.directory("project"), Conversation::New { id: None })).await;
    assert_eq!(client.turn("say mine").await, TurnOutcome::Done);
    assert!(agents.prompts().is_empty(), "the foreign server got no prompt");
    assert!(!printed.contains(&server.status().address.expect("an address").to_string()));
    server.shut_down().await;
    let pid = agents.started()[0];
    wait_until("our server has ended", || harness.all_ended());
    assert!(is_alive(pid), "the foreign server runs");
}
