//! A turn that waits for the end of a rate limit goes on although salon was restarted meanwhile: once, and not too late.

use std::sync::Arc;
use std::time::Duration;

use salon::domain::Time;
use salon::domain::prompt::PromptState;
use salon::domain::run::{RunId, TurnOutcome};
use salon::live::LiveEvent;
use salon::live::continuations::{ContinuationAction, continuation_action};
use salon::live::{Live, LiveOptions};
use salon::store::{Store, outbox, registry};

use super::harness::Harness;
use crate::support::{TIMEOUT, clock};

const MINUTE: i64 = 60_000;

#[test]
fn a_continuation_begins_within_an_hour_of_its_time_and_is_held_later() {
    let at = |now: i64| continuation_action(Time::from_millis(600 * MINUTE), Time::from_millis(now));
    assert_eq!(at(599 * MINUTE + 30_000), ContinuationAction::Wait(Duration::from_secs(30)));
    assert_eq!(at(0), ContinuationAction::Wait(Duration::from_mins(1)), "another salon may end meanwhile");
    assert_eq!(at(600 * MINUTE), ContinuationAction::Continue);
    assert_eq!(at(660 * MINUTE), ContinuationAction::Continue);
    assert_eq!(at(660 * MINUTE + 1), ContinuationAction::Hold);
}

/// Ends the runs of a harness after a continuation was queued for `not_before`, with another prompt behind it.
async fn left(not_before: Time) -> (Harness, RunId) {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    let id = run.clone();
    let queued = harness.store.with(|db| {
        outbox::enqueue(db, &id, "say behind", clock())?;
        outbox::enqueue_first(db, &id, "say continued", not_before, clock())
    });
    queued.expect("queued");
    harness.live.clone().shutdown().await;
    (harness, run)
}

/// Options of the next salon in the same place.
fn next(harness: &Harness) -> LiveOptions {
    let mut options = harness.sandbox.options();
    options.continues = true;
    options
}

fn states(store: &Arc<Store>, run: &RunId) -> Vec<(String, PromptState)> {
    let queue = store.with(|db| outbox::queue(db, run)).expect("the queue");
    queue.into_iter().map(|prompt| (prompt.text, prompt.state)).collect()
}

#[tokio::test]
async fn a_continuation_outlives_salon_and_is_sent_once_by_one_of_two_later_ones() {
    let soon = Time::from_millis(clock().millis() + 400);
    let (harness, run) = left(soon).await;
    let kept = states(&harness.store, &run);
    let expected = [("say continued".into(), PromptState::Pending), ("say behind".into(), PromptState::Held)];
    assert_eq!(kept, expected, "only the continuation was asked for");
    let (first, mut events) = Live::start(next(&harness));
    let (second, mut others) = Live::start(next(&harness));
    let ended = async {
        loop {
            tokio::select! {
                Some(event) = events.recv() => if is_done(&event) { return },
                Some(event) = others.recv() => if is_done(&event) { return },
            }
        }
    };
    tokio::time::timeout(TIMEOUT, ended).await.expect("it went on by itself");
    assert!(clock() >= soon);
    assert_eq!(harness.sandbox.prompts(), ["say one", "say continued"], "once, and nothing else");
    first.shutdown().await;
    second.shutdown().await;
    assert_eq!(states(&harness.store, &run), [("say behind".into(), PromptState::Held)]);
}

fn is_done(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::Run(info) if info.last_outcome == Some(TurnOutcome::Done) && info.queued == 0)
}

#[tokio::test]
async fn a_continuation_is_shown_and_can_be_cancelled_before_any_agent_runs() {
    let later = Time::from_millis(clock().millis() + 5 * MINUTE);
    let (harness, run) = left(later).await;
    let (live, mut events) = Live::start(next(&harness));
    let shown = async {
        loop {
            match events.recv().await.expect("the runs") {
                LiveEvent::Run(info) if info.id == run => return info.continues_at,
                _ => {}
            }
        }
    };
    assert_eq!(tokio::time::timeout(TIMEOUT, shown).await.expect("shown"), Some(later));
    let queue = live.queue(&run).await.expect("the queue");
    live.cancel_prompt(queue[0].id).await.expect("cancelled");
    let waiting = harness.store.with(|db| outbox::waiting_for_time(db)).expect("read");
    assert!(waiting.is_empty());
    live.shutdown().await;
    assert_eq!(harness.sandbox.agents.starts().len(), 1, "no agent was started");
}

#[tokio::test]
async fn a_continuation_whose_time_passed_long_ago_is_held() {
    let (harness, run) = left(Time::from_millis(clock().millis() - 61 * MINUTE)).await;
    let (live, _events) = Live::start(next(&harness));
    let held = async {
        while states(&harness.store, &run)[0].1 != PromptState::Held {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, held).await.expect("it is held");
    live.shutdown().await;
    assert_eq!(harness.sandbox.prompts(), ["say one"]);
}

#[tokio::test]
async fn a_continuation_of_a_living_salon_is_left_to_it() {
    let (harness, run) = left(clock()).await;
    let this = salon::live::this_process();
    let record = harness.store.with(|db| registry::find(db, &run)).expect("read").expect("a record");
    let other = registry::ProcessId { pid: std::os::unix::process::parent_id(), ..this };
    let other = salon::live::identity::identify(other.pid).expect("the parent lives");
    harness.store.with(|db| registry::acquire(db, &record, other, |_| true)).expect("written").expect("leased");
    let (live, _events) = Live::start(next(&harness));
    // Requests wait for the recovery, after which continuations are looked for.
    let refused = live.resume_queue(&run).await;
    assert!(refused.is_err(), "another process has the run");
    live.shutdown().await;
    assert_eq!(harness.sandbox.prompts(), ["say one"]);
}
