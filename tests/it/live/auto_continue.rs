//! Turns that a rate limit ended go on by themselves, if the user asked for it.

use salon::domain::Time;
use salon::domain::prompt::PromptState;
use salon::domain::run::{RunFailure, RunInfo, TurnOutcome};
use salon::store::outbox;

use super::harness::Harness;
use crate::support::clock;

/// A run whose turn a rate limit has ended, with the end of the limit.
async fn limited(harness: &Harness) -> (salon::domain::run::RunId, Time) {
    let run = harness.begin("say begun\nfail 429 slow down").await;
    let info = harness.done(&run, 1).await;
    (run, end_of(&info))
}

fn end_of(info: &RunInfo) -> Time {
    match &info.failure {
        Some(RunFailure::RateLimited { until: Some(until), .. }) => *until,
        other => panic!("no limit with an end: {other:?}"),
    }
}

#[tokio::test]
async fn a_continuation_waits_in_front_of_the_queue_and_can_be_cancelled() {
    let harness = Harness::new();
    let (run, until) = limited(&harness).await;
    harness.live.continue_at_reset(&run).expect("sent");
    harness.live.continue_at_reset(&run).expect("sent");
    harness.until(&run, |info| info.continues_at.is_some() && info.queued == 1).await;
    harness.submit(&run, "say later").await;
    let info = harness.until(&run, |info| info.continues_at.is_some() && info.queued == 2).await;
    assert_eq!((info.continues_at, info.paused), (Some(until), false));
    let queue = harness.live.queue(&run).await.expect("the queue");
    assert_eq!((queue[0].not_before, queue[0].text.as_str()), (Some(until), "Continue where you stopped."));
    assert_eq!(queue.len(), 2, "it was asked for twice and is there once");
    harness.live.cancel_prompt(queue[0].id).await.expect("cancelled");
    let info = harness.until(&run, |info| info.continues_at.is_none()).await;
    assert!(info.paused, "the prompt behind it waits for the user");
    assert_eq!(harness.sandbox.prompts().len(), 1);
}

#[tokio::test]
async fn a_continuation_is_sent_once_when_its_time_has_come() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    let soon = Time::from_millis(clock().millis() + 300);
    let id = run.clone();
    harness.store.with(|db| outbox::enqueue_first(db, &id, "say continued", soon, clock())).expect("queued");
    harness.live.resume_queue(&run).await.expect("sent");
    harness.until(&run, |info| info.continues_at == Some(soon)).await;
    let info = harness.done(&run, 2).await;
    assert!(clock() >= soon);
    assert_eq!((info.last_outcome.clone(), info.continues_at), (Some(TurnOutcome::Done), None));
    assert_eq!(harness.sandbox.prompts(), ["say one", "say continued"]);
}

#[test]
fn a_prompt_is_not_claimed_before_its_time_also_after_a_crash() {
    let sandbox = super::harness::Sandbox::new();
    let store = sandbox.store();
    let run = salon::domain::run::RunId("waits".into());
    let later = Time::from_millis(clock().millis() + 60_000);
    let claimed = store.with(|db| {
        outbox::enqueue_first(db, &run, "go on", later, clock())?;
        assert!(!outbox::has_next(db, &run, clock())?);
        let early = outbox::claim(db, &run, clock())?;
        outbox::hold_leftovers(db, &run)?;
        Ok((early, outbox::queue(db, &run)?, outbox::claim(db, &run, later)?))
    });
    let (early, queue, after) = claimed.expect("the outbox");
    assert!(early.is_none());
    assert_eq!((queue[0].state, queue[0].not_before), (PromptState::Pending, Some(later)));
    assert_eq!(after.map(|prompt| prompt.text).as_deref(), Some("go on"));
}

#[tokio::test]
async fn without_a_limit_there_is_nothing_to_continue() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    harness.live.continue_at_reset(&run).expect("sent");
    harness.until_text(&run, "No rate limit").await;
    assert!(harness.live.queue(&run).await.expect("the queue").is_empty());
}
