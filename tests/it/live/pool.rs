//! The pool of running agents: contexts of their own, the limit, and the race of a prompt with an eviction.

use std::time::Duration;

use salon::domain::Agent;
use salon::domain::EventBody;
use salon::domain::backend::BackendState;
use salon::domain::run::{Phase, RunId, StopReason, TurnOutcome};
use salon::domain::run_event::RunEventKind;
use salon::live::LiveEvent;

use super::harness::Harness;

/// Number of messages of a method that the agents received.
fn received(harness: &Harness, method: &str) -> usize {
    harness.sandbox.agents.log().iter().filter(|record| record["received"]["method"] == method).count()
}

#[tokio::test]
async fn e2_two_conversations_in_one_directory_are_two_contexts() {
    let harness = Harness::new();
    let one = harness.begin_with(Agent::Gemini, "say one").await;
    let two = harness.begin_with(Agent::Gemini, "say two").await;
    let (first, second) = (harness.done(&one, 1).await, harness.done(&two, 1).await);
    assert_ne!((&first.session, first.pid), (&second.session, second.pid));
    assert_eq!(received(&harness, "session/new"), 2);
    harness.live.dispose(&one).await.expect("disposed");
    harness.submit(&two, "say on").await;
    let info = harness.done(&two, 2).await;
    assert_eq!((info.pid, info.last_outcome.clone()), (second.pid, Some(TurnOutcome::Done)));
}

#[tokio::test]
async fn e3_another_agent_in_the_same_directory_has_a_session_of_its_own() {
    let harness = Harness::new();
    let one = harness.begin_with(Agent::Gemini, "say one").await;
    let first = harness.done(&one, 1).await;
    let other = harness.begin_with(Agent::Qwen, "say other").await;
    harness.done(&other, 1).await;
    harness.submit(&one, "say back").await;
    let back = harness.done(&one, 2).await;
    assert_eq!((&back.session, back.pid), (&first.session, first.pid), "the first one goes on");
    assert_eq!(received(&harness, "session/new"), 2);
}

#[tokio::test]
async fn e12_a_prompt_that_meets_an_eviction_is_served_once() {
    let harness = Harness::with(|options| options.limits.idle = Duration::from_millis(1));
    let run = harness.begin_with(Agent::Qwen, "say turn 0").await;
    for turn in 1..20 {
        harness.done(&run, turn).await;
        harness.submit(&run, &format!("say turn {turn}")).await;
    }
    harness.done(&run, 20).await;
    let wanted: Vec<_> = (0..20).map(|turn| format!("say turn {turn}")).collect();
    assert_eq!(harness.sandbox.agents.prompts(), wanted);
}

/// Notices of a run.
async fn notices(harness: &Harness, run: &RunId) -> Vec<String> {
    let events = harness.history(run).await.into_iter();
    events
        .filter_map(|event| match event {
            RunEventKind::Event(event) => match event.body {
                EventBody::Notice { text, .. } => Some(text),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn e11_a_run_above_the_limit_waits_and_says_why() {
    let harness = Harness::with(|options| options.limits.runs = 2);
    let mut busy = Vec::new();
    for _ in 0..2 {
        let run = harness.begin_with(Agent::Qwen, "say begun\nhang").await;
        harness.working(&run).await;
        busy.push(run);
    }
    let third = harness.begin_with(Agent::Qwen, "say third").await;
    harness.until(&third, |info| info.phase == Phase::Starting).await;
    let texts = notices(&harness, &third).await;
    assert!(texts[0].contains("2 agents run, which is the maximum"), "{texts:?}");
    assert_eq!(harness.sandbox.agents.starts().len(), 2, "it is not started");
    harness.live.interrupt(&busy[0]).expect("sent");
    // The interrupted run is idle, so that it is evicted for the one that waits.
    assert_eq!(harness.done(&third, 1).await.last_outcome, Some(TurnOutcome::Done));
    let first = harness.until(&busy[0], |info| matches!(info.phase, Phase::Stopped(_))).await;
    assert_eq!(first.phase, Phase::Stopped(StopReason::Evicted));
}

#[tokio::test]
async fn e10_a_run_with_a_draft_stays_until_the_draft_is_gone() {
    let mut harness = Harness::with(|options| options.limits.idle = Duration::from_millis(30));
    let run = harness.begin_with(Agent::Qwen, "say one").await;
    harness.live.set_drafted(&run, true);
    let other = harness.begin_with(Agent::Qwen, "say two").await;
    // A run that is watched would not be evicted.
    let evicted = |event: &LiveEvent| match event {
        LiveEvent::Run(info) if info.phase == Phase::Stopped(StopReason::Evicted) => Some(info.id.clone()),
        _ => None,
    };
    assert_eq!(harness.event(evicted).await, other);
    assert_eq!(harness.info(&run).phase, Phase::Idle);
    harness.live.set_drafted(&run, false);
    assert_eq!(harness.event(evicted).await, run);
}

#[tokio::test]
async fn an_opencode_without_a_known_interface_is_driven_over_the_client_protocol() {
    let version = "2.0.0-other";
    let harness = Harness::with(|options| options.vars.push(("FAKE_VERSION".into(), version.into())));
    let run = harness.begin_with(Agent::OpenCode, "say hello").await;
    let info = harness.done(&run, 1).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done), "{info:?}");
    let texts = notices(&harness, &run).await;
    assert!(texts[0].contains(&format!("version {version} has an interface")), "{texts:?}");
    assert!(texts[0].contains("driven over its client protocol"), "{texts:?}");
    let args: Vec<_> = harness.sandbox.agents.starts().iter().map(|start| start["args"][0].clone()).collect();
    assert_eq!(args, ["serve", "acp"]);
    let other = harness.begin_with(Agent::OpenCode, "say again").await;
    harness.done(&other, 1).await;
    assert_eq!(harness.sandbox.agents.starts().len(), 3, "the server is not tried again");
}

#[tokio::test]
async fn e29_the_list_of_backends_has_states_and_reasons_and_no_secrets() {
    let harness = Harness::new();
    let run = harness.begin_with(Agent::Qwen, "say one").await;
    harness.done(&run, 1).await;
    let backends = harness.live.backends();
    assert_eq!((backends.len(), backends[0].state, backends[0].generation), (1, BackendState::Idle, 1));
    let states: Vec<_> = backends[0].changes.iter().map(|change| change.state).collect();
    assert!(states.ends_with(&[BackendState::Working, BackendState::Idle]), "{states:?}");
    harness.submit(&run, "fail 429 Authorization: Bearer sk-secret-12345678").await;
    harness.done(&run, 2).await;
    let backend = harness.live.backends().remove(0);
    let reason = backend.reason.unwrap_or_default();
    assert_eq!(backend.state, BackendState::RateLimited);
    assert!(reason.contains("too many requests") && !reason.contains("secret"), "{reason}");
    harness.submit(&run, "crash 3").await;
    harness.live.resume_queue(&run).await.expect("sent");
    harness.gone(&run).await;
    assert_eq!(harness.live.backends()[0].state, BackendState::Crashed);
}
