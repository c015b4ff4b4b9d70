//! Decisions that depend on time.

use std::time::Duration;

use proptest::prelude::*;
use salon::domain::run::Failure;
use salon::live::decide::*;

const SECOND: Duration = Duration::from_secs(1);

fn idle(seconds: u64) -> Idleness {
    Idleness {
        idle: SECOND * u32::try_from(seconds).expect("short"),
        busy: false,
        watched: false,
        queued: false,
        asking: false,
    }
}

fn limits(idle: u32, runs: usize) -> Limits {
    Limits { idle: SECOND * idle, runs, ..Limits::default() }
}

#[test]
fn who_is_idle_for_long_goes_and_of_too_many_the_oldest() {
    assert_eq!(evict(&[idle(10), idle(99), idle(100)], limits(100, 8)), [2]);
    assert_eq!(evict(&[idle(10), idle(30), idle(20)], limits(100, 1)), [1, 2]);
    let busy = Idleness { busy: true, ..idle(500) };
    assert_eq!(evict(&[busy, idle(1), idle(2)], limits(100, 2)), [2], "a busy one counts and stays");
}

#[test]
fn the_next_look_is_due_when_the_first_has_been_idle_for_long() {
    assert_eq!(next_eviction(&[idle(10), idle(40)], limits(100, 8)), Some(SECOND * 60));
    let watched = Idleness { watched: true, ..idle(99) };
    assert_eq!(next_eviction(&[watched], limits(100, 8)), None, "no timer for one that may not go");
    assert_eq!(next_eviction(&[], limits(100, 8)), None);
}

#[test]
fn h25_ten_starts_a_minute_and_no_more() {
    let within = vec![SECOND * 30; STARTS - 1];
    assert!(may_start(&within));
    assert!(!may_start(&[within.as_slice(), &[SECOND]].concat()));
    assert!(may_start(&vec![START_WINDOW; STARTS]), "they are forgotten");
}

#[test]
fn d12_only_what_was_not_written_is_tried_again() {
    let limits = Limits { back_off: SECOND, ..Limits::default() };
    assert_eq!(unsent(true, 1, limits), Unsent::Hold);
    assert_eq!(unsent(false, 1, limits), Unsent::Retry(SECOND));
    assert_eq!(unsent(false, 2, limits), Unsent::Retry(SECOND * 2));
    assert_eq!(unsent(false, 3, limits), Unsent::Fail);
}

#[test]
fn d12_d14_only_a_crash_is_tried_again() {
    let limits = Limits { back_off: SECOND, ..Limits::default() };
    let crash = Failure::Crashed { code: Some(1), stderr: String::new() };
    assert_eq!(not_ready(&crash, 2, limits), NotReady::Retry(SECOND * 2));
    assert_eq!(not_ready(&crash, 3, limits), NotReady::Fail);
    for failure in [Failure::NotInstalled, Failure::NotLoggedIn("x".into()), Failure::UnknownSession("x".into())] {
        assert_eq!(not_ready(&failure, 1, limits), NotReady::Pause);
    }
}

#[test]
fn h24_who_waits_for_the_user_may_be_silent() {
    let limits = Limits { first_response: SECOND, silence: SECOND * 9, ..Limits::default() };
    assert_eq!(patience(false, false, limits), Some(SECOND));
    assert_eq!(patience(true, false, limits), Some(SECOND * 9));
    assert_eq!(patience(true, true, limits), None);
    assert_eq!(patience(false, true, limits), None);
}

fn anyone() -> impl Strategy<Value = Idleness> {
    (0u64..200, any::<[bool; 4]>()).prop_map(|(seconds, [busy, watched, queued, asking])| Idleness {
        busy,
        watched,
        queued,
        asking,
        ..idle(seconds)
    })
}

proptest! {
    /// Whoever is needed stays; after it, nobody is left who had to go, and the next look comes no later than needed.
    #[test]
    fn eviction_spares_whom_it_must(runs in prop::collection::vec(anyone(), 0..20), most in 1usize..10) {
        let limits = limits(100, most);
        let goes = evict(&runs, limits);
        for &at in &goes {
            prop_assert!(!(runs[at].busy || runs[at].watched || runs[at].queued || runs[at].asking));
        }
        let stay: Vec<_> = (0..runs.len()).filter(|at| !goes.contains(at)).map(|at| runs[at]).collect();
        prop_assert!(evict(&stay, limits).is_empty());
        if let Some(wait) = next_eviction(&stay, limits) {
            let later: Vec<_> = stay.iter().map(|run| Idleness { idle: run.idle + wait, ..*run }).collect();
            prop_assert!(!evict(&later, limits).is_empty());
        }
    }
}
