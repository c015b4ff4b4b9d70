//! Opening, scrolling and stable positions.

use proptest::prelude::*;
use salon::app::reader::{AnchorBase, Fold, LoadError};
use salon::app::{Action, Effect};
use salon::domain::run::{TurnNumber, TurnOutcome};
use salon::domain::run_event::{RunEvent, RunEventKind};
use salon::domain::transcript::EntryKind;
use salon::domain::transcript_event::TranscriptEvent;
use salon::domain::{Delta, EntryKey, Event, EventBody, Time};

use super::sample::{ReaderHarness, command, entry, long};

#[test]
fn opens_at_its_end() {
    let harness = ReaderHarness::new(long(100), (80, 24));
    assert!(harness.drawn.at_end, "{}", harness.screen());
    assert!(harness.screen().contains("answer 99"), "{}", harness.screen());
}

#[test]
fn a7_five_thousand_entries_scroll_to_the_first() {
    let mut harness = ReaderHarness::new(long(5_000), (80, 24));
    for _ in 0..100_000 {
        if harness.drawn.at_start {
            break;
        }
        harness.act(Action::PageUp);
    }
    assert_eq!(harness.drawn.entry, 0);
    assert!(harness.screen().contains("prompt 0: what of it?"), "{}", harness.screen());
    harness.act(Action::Last);
    assert!(harness.drawn.at_end);
    harness.act(Action::First);
    assert!(harness.drawn.at_start);
}

#[test]
fn a16_loaded_entries_are_bounded() {
    let big = "a line of a log that is long enough to weigh something\n".repeat(4_000);
    let mut harness =
        ReaderHarness::new((0..400).map(|nth| command(&format!("c{nth}"), nth, "make", &big)).collect(), (80, 24));
    harness.act(Action::Tools);
    let mut most = 0;
    for _ in 0..400 {
        harness.act(Action::PageUp);
        most = most.max(harness.reader.loaded_bytes());
    }
    // A page of entries of 200 KB each on both sides of the screen, plus four megabytes.
    assert!(most < 24 << 20, "{most}");
    assert!(harness.cache.line_count() < 20_000, "{}", harness.cache.line_count());
}

#[test]
fn no_entry_is_requested_twice_while_a_request_is_pending() {
    let mut harness = ReaderHarness::unopened(long(300), (80, 24));
    harness.tell(TranscriptEvent::Opened(harness.opened()));
    for _ in 0..3 {
        harness.draw();
        harness.press(Action::PageUp);
    }
    let mut asked = harness.asked.clone();
    asked.sort_by_key(|range| range.start);
    let count = asked.len();
    asked.dedup();
    assert_eq!(count, asked.len(), "{asked:?}");
}

#[test]
fn an_empty_page_is_not_requested_repeatedly() {
    let mut harness = ReaderHarness::new(long(10), (80, 24));
    let mut opened = harness.opened();
    opened.len = 40;
    harness.tell(TranscriptEvent::Grown { from: 10, opened });
    harness.draw_until_loaded();
    assert!(harness.screen().contains('…'), "{}", harness.screen());
}

#[test]
fn h16_a_page_of_the_old_length_does_not_blank_the_turn_that_lands_on_disk() {
    let entries = vec![entry("p", EntryKind::Prompt, 0, "the question"), entry("a", EntryKind::Text, 1, "the answer")];
    let live = |id: &str, body| RunEventKind::Event(Event { key: EntryKey::new(id, 0), time: None, body });
    let ended = RunEventKind::TurnEnded { outcome: TurnOutcome::Done, time: Time::default(), duration_ms: 1 };
    let answer = EventBody::Text(Delta::Append("the answer".into()));
    let kinds = [live("p", EventBody::Prompt("the question".into())), live("a", answer), ended];
    let mut harness = ReaderHarness::unopened(entries[..1].to_vec(), (80, 24));
    harness.tell(TranscriptEvent::Opened(harness.opened()));
    harness.draw();
    let _ = harness.reader.apply_events(0, kinds.map(|kind| RunEvent { turn: TurnNumber(1), kind }));
    let old = harness.entries.clone();
    harness.entries = entries.into_iter().map(std::sync::Arc::new).collect();
    harness.tell(TranscriptEvent::Grown { from: 1, opened: harness.opened() });
    // The response to the request for one entry arrives after the change.
    harness.tell(TranscriptEvent::Page { from: 0, entries: old });
    harness.draw();
    assert!(harness.screen().contains("the answer"), "{}", harness.screen());
    harness.draw_until_loaded();
    assert_eq!(harness.screen().matches("the answer").count(), 1, "{}", harness.screen());
    assert_eq!(harness.reader.live_entries(), 0, "it is on disk now");
}

#[test]
fn a6_the_newest_entries_are_shown_before_the_transcript_is_indexed() {
    let entries = long(300);
    let mut harness = ReaderHarness::unopened(entries, (80, 24));
    let tail = harness.entries[290..].to_vec();
    harness.tell(TranscriptEvent::Tail(tail));
    harness.draw();
    harness.press(Action::Up);
    harness.press(Action::Up);
    harness.draw();
    let before = harness.text();
    assert!(before.contains("answer 299"), "{before}");
    harness.tell(TranscriptEvent::Opened(harness.opened()));
    harness.draw();
    let text = |screen: &str| screen.lines().skip(1).take(20).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(text(&before), text(&harness.text()), "when the whole is known");
    harness.answer();
    harness.draw_until_loaded();
    assert_eq!(text(&before), text(&harness.text()), "when the pages are here");
}

#[test]
fn the_position_follows_identities_when_the_tail_was_not_the_end() {
    let mut harness = ReaderHarness::unopened(long(300), (80, 24));
    // Three entries were added between reading the newest entries and indexing the whole.
    let tail = harness.entries[280..297].to_vec();
    harness.tell(TranscriptEvent::Tail(tail));
    harness.draw();
    for _ in 0..8 {
        harness.press(Action::Up);
    }
    harness.draw();
    let before = harness.text();
    harness.tell(TranscriptEvent::Opened(harness.opened()));
    harness.draw_until_loaded();
    let text = |screen: &str| screen.lines().skip(1).take(20).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(text(&before), text(&harness.text()));
}

#[test]
fn keys_before_indexing_are_not_lost() {
    let mut harness = ReaderHarness::unopened(long(300), (80, 24));
    let tail = harness.entries[290..].to_vec();
    harness.tell(TranscriptEvent::Tail(tail));
    harness.draw();
    harness.press(Action::First);
    harness.draw();
    harness.tell(TranscriptEvent::Opened(harness.opened()));
    harness.draw_until_loaded();
    assert!(harness.screen().contains("prompt 0"), "{}", harness.screen());
}

#[test]
fn h41_growth_is_followed_only_at_the_end() {
    let mut harness = ReaderHarness::new(long(100), (80, 24));
    grow(&mut harness, 3);
    assert!(harness.drawn.at_end && harness.reader.is_following());
    harness.act(Action::PageUp);
    let (place, screen) = (harness.place(), harness.text());
    grow(&mut harness, 5);
    assert_eq!(place, harness.place());
    let text = |screen: &str| screen.lines().take(20).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(text(&screen), text(&harness.text()));
    assert!(harness.screen().contains("5 new"), "{}", harness.screen());
    harness.act(Action::Follow);
    assert!(harness.drawn.at_end && !harness.screen().contains(" new"));
    harness.act(Action::Follow);
    let place = harness.place();
    grow(&mut harness, 2);
    assert_eq!(place, harness.place(), "not followed when switched off");
}

#[test]
fn h41_the_current_entry_stays_where_it_is_when_tools_fold() {
    let mut harness = ReaderHarness::new(long(100), (80, 40));
    for _ in 0..5 {
        harness.act(Action::HalfUp);
    }
    harness.act(Action::NextPrompt);
    for _ in 0..10 {
        harness.act(Action::Up);
    }
    let (cursor, row) = (harness.drawn.cursor, harness.drawn.cursor_row);
    assert!(row > 0);
    for _ in 0..8 {
        harness.act(Action::Tools);
        assert_eq!((harness.drawn.cursor, harness.drawn.cursor_row), (cursor, row), "{}", harness.screen());
        harness.act(Action::Thinking);
        assert_eq!((harness.drawn.cursor, harness.drawn.cursor_row), (cursor, row), "{}", harness.screen());
    }
}

#[test]
fn h41_the_entry_at_the_top_stays_when_the_width_changes() {
    let mut harness = ReaderHarness::new(long(100), (120, 30));
    for _ in 0..4 {
        harness.act(Action::PageUp);
    }
    let entry = harness.drawn.anchor;
    for width in [80, 60, 33, 20, 100, 120] {
        harness.size.0 = width;
        harness.draw_until_loaded();
        assert_eq!(harness.drawn.anchor, entry, "at {width} columns");
    }
}

#[test]
fn jumps_go_to_entries_prompts_and_errors() {
    let mut entries = long(60);
    for index in [13, 41] {
        let tool = entries[index].tool.as_mut().expect("a command");
        tool.status = salon::domain::ToolStatus::Failed;
    }
    let mut harness = ReaderHarness::new(entries, (80, 24));
    harness.act(Action::PreviousError);
    assert_eq!(harness.drawn.cursor, 41);
    assert!(harness.screen().contains("one line of output"), "an error shows what was printed");
    harness.act(Action::PreviousError);
    assert_eq!(harness.drawn.cursor, 13);
    harness.act(Action::NextPrompt);
    assert_eq!((harness.drawn.cursor, harness.drawn.cursor_row), (16, 0));
    harness.act(Action::PreviousPrompt);
    assert_eq!(harness.drawn.cursor, 12);
    harness.act(Action::NextEntry);
    assert_eq!(harness.drawn.cursor, 13);
    harness.act(Action::Tools);
    harness.act(Action::Tools);
    harness.act(Action::Tools);
    harness.act(Action::NextEntry);
    harness.act(Action::PreviousEntry);
    assert_ne!(harness.drawn.cursor, 13, "what is hidden is stepped over");
}

#[test]
fn enter_unfolds_one_entry_and_a_sub_agent_is_named() {
    let mut harness = ReaderHarness::new(long(30), (80, 24));
    harness.reader.folds.tools = Fold::Line;
    harness.act(Action::First);
    harness.act(Action::NextEntry);
    assert!(!harness.screen().contains("one line of output"));
    harness.act(Action::Expand);
    assert!(harness.screen().contains("one line of output"));
    harness.act(Action::Expand);
    assert!(!harness.screen().contains("one line of output"));
    assert_eq!(harness.reader.subagent(), None);

    let harness = ReaderHarness::new(super::screens::each_kind()[..11].to_vec(), (80, 24));
    assert_eq!(harness.reader.subagent().map(|key| key.to_string()), Some("claude:agent-1".to_owned()));
}

#[test]
fn an_entry_is_copied_and_edited() {
    let mut harness =
        ReaderHarness::new(vec![entry("p", EntryKind::Prompt, 0, "do it"), command("c", 1, "ls", "a\nb")], (80, 24));
    assert_eq!(harness.reader.entry_text().as_deref(), Some("Bash ls\n\na\nb"));
    harness.press(Action::EditEntry);
    assert_eq!(harness.effects, [Effect::EditEntry(harness.reader.ticket, 1)]);
    harness.press(Action::PreviousEntry);
    assert_eq!(harness.reader.entry_text().as_deref(), Some("do it"));
}

#[test]
fn a10_c13_deletion_is_reported_and_loaded_entries_stay() {
    let mut harness = ReaderHarness::new(long(20), (80, 24));
    harness.tell(TranscriptEvent::Gone);
    harness.draw_until_loaded();
    assert_eq!(harness.reader.load_error, Some(LoadError::Gone));
    let screen = harness.screen();
    assert!(screen.contains("deleted on disk") && screen.contains("answer 19"), "{screen}");
}

#[test]
fn a_failed_opening_shows_the_reason() {
    let mut harness = ReaderHarness::unopened(Vec::new(), (80, 24));
    harness.tell(TranscriptEvent::Failed("permission denied".into()));
    harness.draw_until_loaded();
    assert!(harness.screen().contains("permission denied"), "{}", harness.screen());
}

#[test]
fn another_branch_keeps_the_entry_by_its_identity() {
    let mut harness = ReaderHarness::new(long(60), (80, 24));
    harness.reader.folds.tools = Fold::Line;
    for _ in 0..3 {
        harness.act(Action::PageUp);
    }
    let key = harness.entries[harness.drawn.anchor].key;
    harness.entries.drain(..7);
    harness.tell(TranscriptEvent::Grown { from: 0, opened: harness.opened() });
    harness.draw_until_loaded();
    assert_eq!(harness.entries[harness.drawn.anchor].key, key);
}

/// Appends entries.
fn grow(harness: &mut ReaderHarness, count: usize) {
    let len = harness.entries.len();
    harness.entries = long(len + count).into_iter().map(std::sync::Arc::new).collect();
    harness.tell(TranscriptEvent::Grown { from: len, opened: harness.opened() });
    harness.draw_until_loaded();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scrolling_down_and_up_again_comes_back(start in 1usize..60, lines in 1i32..60, width in 20u16..130, height in 5u16..50) {
        let mut harness = ReaderHarness::new(long(80), (width, height));
        harness.reader.go_to(start);
        harness.draw_until_loaded();
        let place = harness.place();
        harness.reader.scroll(lines);
        harness.draw_until_loaded();
        prop_assume!(!harness.drawn.at_end);
        for _ in 0..lines {
            harness.reader.scroll(-1);
            harness.draw_until_loaded();
        }
        prop_assert_eq!(place, harness.place());
    }

    #[test]
    fn keys_between_two_frames_add_up(start in 1usize..60, steps in prop::collection::vec(-20i32..20, 1..12)) {
        let mut one = ReaderHarness::new(long(80), (80, 24));
        one.reader.go_to(start);
        one.draw_until_loaded();
        let mut other = ReaderHarness::new(long(80), (80, 24));
        other.reader.go_to(start);
        other.draw_until_loaded();
        let mut bounded = false;
        for step in &steps {
            one.reader.scroll(*step);
            one.draw_until_loaded();
            bounded |= one.drawn.at_start || one.drawn.at_end;
            other.reader.scroll(*step);
        }
        other.draw_until_loaded();
        prop_assume!(!bounded);
        prop_assert_eq!(one.place(), other.place());
    }

    #[test]
    fn any_keys_at_any_size_never_panic_and_leave_a_position(
        keys in prop::collection::vec(0usize..Action::ALL.len(), 1..40),
        sizes in prop::collection::vec((5u16..200, 3u16..60), 1..4),
    ) {
        let mut harness = ReaderHarness::new(super::screens::each_kind(), sizes[0]);
        for (nth, key) in keys.iter().enumerate() {
            harness.size = sizes[nth % sizes.len()];
            harness.act(Action::ALL[*key]);
            prop_assert!(harness.drawn.cursor < harness.entries.len());
            prop_assert!(harness.drawn.entry <= harness.drawn.last);
            if let AnchorBase::Line { entry, .. } = harness.reader.anchor().base {
                prop_assert!(entry < harness.entries.len());
            }
        }
    }
}
