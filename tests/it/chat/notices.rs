//! Notices and states in a chat: each once, in its place, in words that say what to do.

use salon::domain::Time;
use salon::domain::event::NoticeLevel;
use salon::domain::run::{Activity, Phase, RunFailure, TurnOutcome};

use crate::screens::chat_harness::{ChatHarness, delta, ended, notice, on_disk, prompt};

const COMPACTED: &str = "Conversation compacted.";

fn count(harness: &ChatHarness, text: &str) -> usize {
    harness.shown().iter().filter(|shown| shown.starts_with(text)).count()
}

#[test]
fn a_kept_notice_is_shown_once_and_stays_in_its_place() {
    let first = || vec![prompt("p1", "one"), delta("a1", "answer one")];
    let failed = || vec![prompt("p2", "two"), notice("n", NoticeLevel::Error, "API error 529")];
    let third = || vec![prompt("p3", "three"), delta("a3", "answer three")];
    let mut harness = ChatHarness::of(80, 24, on_disk(first()));
    harness.working(true);
    harness.happen(2, [failed(), vec![ended()]].concat());
    harness.written(on_disk(failed()[..1].to_vec()));
    assert_eq!(count(&harness, "API error 529"), 1, "{:?}", harness.shown());
    harness.written(on_disk(failed()[1..].to_vec()));
    assert_eq!(harness.shown(), ["one", "answer one", "two", "API error 529"]);
    harness.happen(3, [third(), vec![ended()]].concat());
    harness.written(on_disk(third()));
    assert_eq!(harness.shown(), ["one", "answer one", "two", "API error 529", "three", "answer three"]);
}

#[test]
fn a_compaction_is_not_below_its_own_summary() {
    let mut harness = ChatHarness::of(80, 24, on_disk(vec![prompt("p1", "one"), delta("a1", "answer one")]));
    harness.working(true);
    harness.happen(
        2,
        vec![prompt("p2", "go on"), notice("live", NoticeLevel::Boundary, COMPACTED), delta("a2", "gone on"), ended()],
    );
    let summary = notice("disk", NoticeLevel::Boundary, "Conversation compacted.\n\nThey said one.");
    harness.written(on_disk(vec![prompt("p2", "go on"), summary, delta("a2", "gone on")]));
    assert_eq!(count(&harness, COMPACTED), 1, "{:?}", harness.shown());
    let screen = harness.screen();
    assert!(screen.contains("▸ Conversation compacted.") && !screen.contains("They said one."), "{screen}");
}

#[test]
fn a_paste_is_cut_and_a_typed_prompt_is_not() {
    let paste = (0..200).map(|line| format!("line {line}\n")).collect::<String>();
    let mut harness = ChatHarness::of(80, 24, on_disk(vec![prompt("p1", &paste), delta("a1", "read")]));
    let screen = harness.screen();
    assert!(screen.contains("… more (Enter)") && screen.contains("line 7") && !screen.contains("line 8"), "{screen}");
    let typed = (0..12).map(|line| format!("line {line}\n")).collect::<String>();
    let mut harness = ChatHarness::of(80, 24, on_disk(vec![prompt("p1", &typed), delta("a1", "read")]));
    assert!(harness.screen().contains("line 11"));
}

#[test]
fn the_state_says_when_and_how_it_goes_on() {
    let mut harness = ChatHarness::new(120, 24);
    let now = harness.stage.app.now;
    let later = |millis: i64| Time::from_millis(now.millis() + millis);
    for (wait, shown) in [(5_000, "in 5 s"), (720_000, "in 12 min"), (5_392_000, "in 1 h 29 min")] {
        let activity = Activity::Retrying { attempt: 2, at: Some(later(wait)), reason: "overloaded".into() };
        harness.changed(|info| info.phase = Phase::Working { since: now, activity });
        assert!(harness.screen().contains(&format!("retrying {shown}")), "{}", harness.screen());
    }
    harness.changed(|info| {
        info.phase = Phase::Working { since: later(-400_000), activity: Activity::Answering };
        info.silent_since = Some(later(-300_000));
    });
    assert!(harness.screen().contains("no activity for 5 min"), "{}", harness.screen());
    harness.changed(|info| info.silent_since = Some(later(-10_000)));
    assert!(harness.screen().contains("no response yet"), "{}", harness.screen());
    harness.changed(|info| {
        (info.phase, info.silent_since) = (Phase::Idle, None);
        info.last_outcome = Some(TurnOutcome::Failed(RunFailure::NotLoggedIn("API Error: 401".into())));
    });
    let screen = harness.screen();
    assert!(screen.contains("run \"claude /login\"") && !screen.contains("API Error: 401"), "{screen}");
}
