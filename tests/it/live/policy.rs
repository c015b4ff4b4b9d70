//! Time-dependent policies.

use std::time::Duration;

use proptest::prelude::*;
use salon::domain::run::RunFailure;
use salon::live::policy::*;

const SECOND: Duration = Duration::from_secs(1);

fn idle(seconds: u64) -> EvictionCandidate {
    EvictionCandidate {
        idle: SECOND * u32::try_from(seconds).expect("short"),
        busy: false,
        stopping: false,
        watched: false,
        queued: false,
        awaiting_approval: false,
        drafted: false,
    }
}

fn limits(idle: u32, runs: usize) -> LiveLimits {
    LiveLimits { idle: SECOND * idle, runs, ..LiveLimits::default() }
}

#[test]
fn c6_long_idle_runs_are_evicted_and_the_oldest_above_the_limit() {
    assert_eq!(select_evictions(&[idle(10), idle(99), idle(100)], limits(100, 8)), [2]);
    assert_eq!(select_evictions(&[idle(10), idle(30), idle(20)], limits(100, 1)), [1, 2]);
    let busy = EvictionCandidate { busy: true, ..idle(500) };
    assert_eq!(select_evictions(&[busy, idle(1), idle(2)], limits(100, 2)), [2], "a busy one counts and stays");
    let stopping = EvictionCandidate { stopping: true, ..idle(500) };
    assert_eq!(
        select_evictions(&[stopping, idle(1), idle(2)], limits(100, 2)),
        [0; 0],
        "one that is ending does not count"
    );
}

#[test]
fn e10_only_a_run_that_nobody_waits_for_is_evicted_after_the_idle_time() {
    let limits = LiveLimits::default();
    let long = idle(limits.idle.as_secs());
    assert_eq!((limits.idle, limits.runs), (Duration::from_mins(15), 8), "the defaults");
    assert_eq!(select_evictions(&[long], limits), [0]);
    assert_eq!(select_evictions(&[idle(limits.idle.as_secs() - 1)], limits), [0; 0], "activity resets the clock");
    for (name, kept) in [
        ("busy", EvictionCandidate { busy: true, ..long }),
        ("watched", EvictionCandidate { watched: true, ..long }),
        ("queued", EvictionCandidate { queued: true, ..long }),
        ("awaiting an approval", EvictionCandidate { awaiting_approval: true, ..long }),
        ("with a draft", EvictionCandidate { drafted: true, ..long }),
        ("stopping", EvictionCandidate { stopping: true, ..long }),
    ] {
        assert_eq!(select_evictions(&[kept, kept], LiveLimits { runs: 1, ..limits }), [0; 0], "{name}");
    }
}

#[test]
fn e11_above_the_limit_the_least_recently_used_goes_and_a_busy_one_never() {
    assert_eq!(select_evictions(&[idle(4), idle(9), idle(2), idle(1)], limits(900, 3)), [1]);
    let busy = EvictionCandidate { busy: true, ..idle(9) };
    assert_eq!(select_evictions(&[busy; 4], limits(900, 3)), [0; 0]);
}

#[test]
fn the_next_check_is_due_when_the_first_run_reaches_the_idle_limit() {
    assert_eq!(next_eviction(&[idle(10), idle(40)], limits(100, 8)), Some(SECOND * 60));
    let watched = EvictionCandidate { watched: true, ..idle(99) };
    assert_eq!(next_eviction(&[watched], limits(100, 8)), None, "no timer for one that may not go");
    assert_eq!(next_eviction(&[], limits(100, 8)), None);
}

#[test]
fn h25_ten_starts_a_minute_and_no_more() {
    let within = vec![SECOND * 30; MAX_STARTS - 1];
    assert!(may_start(&within));
    assert!(!may_start(&[within.as_slice(), &[SECOND]].concat()));
    assert!(may_start(&[START_WINDOW; MAX_STARTS]), "they are forgotten");
}

#[test]
fn d12_only_unwritten_prompts_are_retried() {
    let limits = LiveLimits { back_off: SECOND, ..LiveLimits::default() };
    assert_eq!(unsent_action(true, 1, limits), UnsentAction::Hold);
    assert_eq!(unsent_action(false, 1, limits), UnsentAction::Retry(SECOND));
    assert_eq!(unsent_action(false, 2, limits), UnsentAction::Retry(SECOND * 2));
    assert_eq!(unsent_action(false, 3, limits), UnsentAction::Fail);
}

#[test]
fn d12_d14_only_crashes_are_retried() {
    let limits = LiveLimits { back_off: SECOND, ..LiveLimits::default() };
    let crash = RunFailure::Crashed { code: Some(1), stderr: String::new() };
    assert_eq!(start_failure_action(&crash, 2, limits), StartFailureAction::Retry(SECOND * 2));
    assert_eq!(start_failure_action(&crash, 3, limits), StartFailureAction::Fail);
    for failure in
        [RunFailure::NotInstalled, RunFailure::NotLoggedIn("x".into()), RunFailure::UnknownSession("x".into())]
    {
        assert_eq!(start_failure_action(&failure, 1, limits), StartFailureAction::Pause);
    }
}

#[test]
fn h24_no_silence_limit_while_waiting_for_the_user() {
    let limits = LiveLimits { first_response: SECOND, silence: SECOND * 9, ..LiveLimits::default() };
    assert_eq!(silence_limit(false, false, limits), Some(SECOND));
    assert_eq!(silence_limit(true, false, limits), Some(SECOND * 9));
    assert_eq!(silence_limit(true, true, limits), None);
    assert_eq!(silence_limit(false, true, limits), None);
}

fn any_candidate() -> impl Strategy<Value = EvictionCandidate> {
    (0u64..200, any::<[bool; 6]>()).prop_map(
        |(seconds, [busy, stopping, watched, queued, awaiting_approval, drafted])| EvictionCandidate {
            busy,
            stopping,
            watched,
            queued,
            awaiting_approval,
            drafted,
            ..idle(seconds)
        },
    )
}

proptest! {
    /// Busy runs are kept, no evictable run remains, and the next check is early enough.
    #[test]
    fn eviction_keeps_busy_runs(runs in prop::collection::vec(any_candidate(), 0..20), most in 1usize..10) {
        let limits = limits(100, most);
        let goes = select_evictions(&runs, limits);
        for &at in &goes {
            prop_assert!(!(runs[at].busy || runs[at].stopping || runs[at].watched || runs[at].queued || runs[at].awaiting_approval || runs[at].drafted));
        }
        let stay: Vec<_> = (0..runs.len()).filter(|at| !goes.contains(at)).map(|at| runs[at]).collect();
        prop_assert!(select_evictions(&stay, limits).is_empty());
        if let Some(wait) = next_eviction(&stay, limits) {
            let later: Vec<_> = stay.iter().map(|run| EvictionCandidate { idle: run.idle + wait, ..*run }).collect();
            prop_assert!(!select_evictions(&later, limits).is_empty());
        }
    }
}
