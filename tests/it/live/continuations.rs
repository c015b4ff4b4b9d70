//! A turn that waits for the end of a rate limit goes on although salon was restarted meanwhile: once, and not too late.

use std::sync::Arc;
use std::time::Duration;

use salon::domain::prompt::PromptState;
use salon::domain::run::{RunId, RunSetting, RunStart, TurnOutcome};
use salon::domain::{Agent, Time};
use salon::live::LiveEvent;
use salon::live::continuations::{ContinuationAction, continuation_action};
use salon::live::{Live, LiveOptions};
use salon::store::{Store, outbox, registry};
use tokio::sync::mpsc::UnboundedReceiver;

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

/// Gives a run to another living process.
fn lease_to_other(harness: &Harness, run: &RunId) {
    let record = harness.store.with(|db| registry::find(db, run)).expect("read").expect("a record");
    let other = salon::live::identity::identify(std::os::unix::process::parent_id()).expect("the parent lives");
    harness.store.with(|db| registry::acquire(db, &record, other, |_| true)).expect("written").expect("leased");
}

#[tokio::test]
async fn a_continuation_of_a_living_salon_is_left_to_it() {
    let harness = Harness::new();
    let (leased, free) = (harness.begin("say one").await, harness.begin("say two").await);
    for (run, text, before) in [(&leased, "say leased", 120), (&free, "say free", 1)] {
        harness.done(run, 1).await;
        // The one that is not to be taken comes first. It would be held, because its time passed long ago.
        let not_before = Time::from_millis(clock().millis() - before * MINUTE);
        let queued = harness.store.with(|db| outbox::enqueue_first(db, run, text, not_before, clock()));
        queued.expect("queued");
    }
    harness.live.clone().shutdown().await;
    lease_to_other(&harness, &leased);
    let (live, mut events) = Live::start(next(&harness));
    let ended = async { while !events.recv().await.is_some_and(|event| is_done(&event)) {} };
    tokio::time::timeout(TIMEOUT, ended).await.expect("the free one went on");
    assert_eq!(states(&harness.store, &leased), [("say leased".into(), PromptState::Pending)]);
    live.shutdown().await;
    assert!(!harness.sandbox.prompts().contains(&"say leased".to_owned()), "{:?}", harness.sandbox.prompts());
    assert!(harness.sandbox.prompts().contains(&"say free".to_owned()));
}

/// Waits for a matching event, in the time of the runtime, which may be paused.
async fn event<T>(events: &mut UnboundedReceiver<LiveEvent>, find: impl Fn(&LiveEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            let event = events.recv().await.expect("the runs");
            if let Some(found) = find(&event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(30), found).await.expect("the event never came")
}

/// Time at which a run goes on, and its held prompts, from an event about it.
fn leftover(run: &RunId) -> impl Fn(&LiveEvent) -> Option<(Option<Time>, usize)> {
    move |event| match event {
        LiveEvent::Run(info) if info.id == *run => Some((info.continues_at, info.held)),
        _ => None,
    }
}

#[tokio::test]
async fn a_continuation_that_is_held_no_longer_keeps_the_background_process() {
    let past = Time::from_millis(clock().millis() - 61 * MINUTE);
    let (harness, run) = left(past).await;
    tokio::time::pause();
    let (live, mut events) = Live::start(next(&harness));
    assert_eq!(event(&mut events, leftover(&run)).await, (Some(past), 1));
    assert_eq!(event(&mut events, leftover(&run)).await, (None, 2));
    live.shutdown().await;
}

#[tokio::test]
async fn a_continuation_that_is_cancelled_no_longer_keeps_the_background_process() {
    let later = Time::from_millis(clock().millis() + 20 * MINUTE);
    let (harness, run) = left(later).await;
    tokio::time::pause();
    let (live, mut events) = Live::start(next(&harness));
    assert_eq!(event(&mut events, leftover(&run)).await, (Some(later), 1));
    let queue = live.queue(&run).await.expect("the queue");
    live.cancel_prompt(queue[0].id).await.expect("cancelled");
    assert_eq!(event(&mut events, leftover(&run)).await, (None, 1));
    live.shutdown().await;
}

#[tokio::test]
async fn a_continuation_that_another_process_cancels_or_takes_over_no_longer_keeps_the_background_process() {
    let later = Time::from_millis(clock().millis() + 20 * MINUTE);
    for is_cancelled in [true, false] {
        let (harness, run) = left(later).await;
        tokio::time::pause();
        let (live, mut events) = Live::start(next(&harness));
        assert_eq!(event(&mut events, leftover(&run)).await, (Some(later), 1));
        if is_cancelled {
            let id = harness.store.with(|db| outbox::queue(db, &run)).expect("read")[0].id;
            let cancelled = PromptState::Cancelled;
            let done = harness.store.with(|db| outbox::advance(db, id, &[PromptState::Pending], cancelled, None));
            assert!(done.expect("written"));
            assert_eq!(event(&mut events, leftover(&run)).await, (None, 1));
        } else {
            lease_to_other(&harness, &run);
            event(&mut events, |event| matches!(event, LiveEvent::Gone(gone) if *gone == run).then_some(())).await;
        }
        live.shutdown().await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_run_that_was_ended_does_not_come_back_as_a_leftover() {
    let later = Time::from_millis(clock().millis() + 20 * MINUTE);
    let (harness, run) = left(later).await;
    let (live, mut events) = Live::start(next(&harness));
    assert_eq!(event(&mut events, leftover(&run)).await, (Some(later), 1));
    live.resume_queue(&run).await.expect("the run exists again");
    live.dispose(&run).await.expect("ended");
    event(&mut events, |event| matches!(event, LiveEvent::Gone(gone) if *gone == run).then_some(())).await;
    // The next looks at what waits find that the continuation was cancelled.
    tokio::time::pause();
    let back = async {
        while let Some(event) = events.recv().await {
            if matches!(&event, LiveEvent::Run(info) if info.id == run) {
                return event;
            }
        }
        unreachable!("the supervisor lives")
    };
    let back = tokio::time::timeout(Duration::from_mins(5), back).await;
    assert!(back.is_err(), "{back:?}");
    live.shutdown().await;
}

#[tokio::test]
async fn a_lasting_refusal_is_reported_once() {
    let (harness, _run) = left(clock()).await;
    std::fs::remove_dir_all(harness.sandbox.project()).expect("removed");
    tokio::time::pause();
    let (live, mut events) = Live::start(next(&harness));
    let mut notices = Vec::new();
    let reported = async {
        while let Some(event) = events.recv().await {
            if let LiveEvent::Notice { run: Some(_), text, .. } = event {
                notices.push(text);
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(10), reported).await.is_err(), "ten attempts");
    assert!(matches!(notices.as_slice(), [only] if only.contains("does not exist")), "{notices:?}");
    live.shutdown().await;
}

#[tokio::test]
async fn a_continuation_goes_on_with_the_mode_and_the_arguments_of_its_turn() {
    let (harness, run) = continued(false).await;
    let starts = harness.sandbox.agents.starts();
    // A start by the user is one with the mode that he chooses.
    let next_start = Live::start(harness.sandbox.options()).0;
    next_start.submit(&run, "say later".into()).await.expect("accepted");
    let later = async {
        while harness.sandbox.agents.starts().len() == starts.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, later).await.expect("started");
    next_start.shutdown().await;
    let last = harness.sandbox.agents.starts().last().expect("a start").to_string();
    assert!(!last.contains("acceptEdits"), "{last}");
}

#[tokio::test]
async fn a_prompt_that_reopens_a_waiting_run_keeps_its_mode_and_arguments() {
    continued(true).await;
}

/// Goes on with a turn at the end of its rate limit, in a later salon: by its timer, or `reopened` by another prompt.
async fn continued(reopened: bool) -> (Harness, RunId) {
    let harness = Harness::new();
    let start = RunStart {
        mode: Some("plan".into()),
        extra: vec!["--add-dir".into(), "/tmp".into()],
        ..harness.sandbox.opening()
    };
    let prompt = "say begun\nfail 429 slow down".to_owned();
    let run = harness.live.open_run(Agent::Claude, start, Some(prompt)).await.expect("a run");
    harness.done(&run, 1).await;
    harness.live.continue_at_reset(&run).expect("sent");
    harness.until(&run, |info| info.continues_at.is_some() && info.queued == 1).await;
    harness.live.set(&run, RunSetting::Mode("acceptEdits".into())).expect("sent");
    harness.live.set(&run, RunSetting::Model("opus".into())).expect("sent");
    harness.until(&run, |info| info.mode.as_deref() == Some("acceptEdits")).await;
    harness.live.clone().shutdown().await;
    let (id, now) = (run.clone(), clock().millis());
    let sql = "UPDATE prompts SET not_before = ?1, text = 'say continued' WHERE run = ?2 AND state = 'pending'";
    assert_eq!(harness.store.with(|db| db.execute(sql, (now, &*id.0))).expect("written"), 1);
    let (live, mut events) = Live::start(if reopened { harness.sandbox.options() } else { next(&harness) });
    if reopened {
        live.submit(&run, "say behind".into()).await.expect("accepted");
    }
    event(&mut events, |event| is_done(event).then_some(())).await;
    live.shutdown().await;
    let starts = harness.sandbox.agents.starts();
    let last = starts.last().expect("a start").to_string();
    for words in ["--permission-mode=acceptEdits", r#""--add-dir","/tmp""#, "--model=opus"] {
        assert!(last.contains(words), "{words}: {last}");
    }
    (harness, run)
}
