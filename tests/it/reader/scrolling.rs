//! Opening, scrolling and keeping the place.

use proptest::prelude::*;
use salon::app::msg::TranscriptMsg;
use salon::app::reader::{Base, Trouble};
use salon::app::{Action, Effect};
use salon::domain::transcript::EntryKind;

use super::sample::{Stand, command, entry, long};

#[test]
fn opens_at_its_end() {
    let stand = Stand::new(long(100), (80, 24));
    assert!(stand.drawn.at_end, "{}", stand.screen());
    assert!(stand.screen().contains("answer 99"), "{}", stand.screen());
}

#[test]
fn a7_five_thousand_entries_scroll_to_the_first() {
    let mut stand = Stand::new(long(5_000), (80, 24));
    for _ in 0..100_000 {
        if stand.drawn.at_start {
            break;
        }
        stand.act(Action::PageUp);
    }
    assert_eq!(stand.drawn.entry, 0);
    assert!(stand.screen().contains("prompt 0: what of it?"), "{}", stand.screen());
    stand.act(Action::Last);
    assert!(stand.drawn.at_end);
    stand.act(Action::First);
    assert!(stand.drawn.at_start);
}

#[test]
fn a16_what_is_held_is_bounded() {
    let big = "a line of a log that is long enough to weigh something\n".repeat(4_000);
    let mut stand = Stand::new((0..400).map(|nth| command(&format!("c{nth}"), nth, "make", &big)).collect(), (80, 24));
    stand.act(Action::Tools);
    let mut most = 0;
    for _ in 0..400 {
        stand.act(Action::PageUp);
        most = most.max(stand.reader.bytes_held());
    }
    // A page of entries of 200 KB each on both sides of the screen, and the four megabytes beside.
    assert!(most < 24 << 20, "{most}");
    assert!(stand.cache.kept() < 20_000, "{}", stand.cache.kept());
}

#[test]
fn nothing_is_asked_for_twice_while_it_is_under_way() {
    let mut stand = Stand::unopened(long(300), (80, 24));
    stand.tell(TranscriptMsg::Opened(stand.opened()));
    for _ in 0..3 {
        stand.draw();
        stand.press(Action::PageUp);
    }
    let mut asked = stand.asked.clone();
    asked.sort_by_key(|range| range.start);
    let count = asked.len();
    asked.dedup();
    assert_eq!(count, asked.len(), "{asked:?}");
}

#[test]
fn a_page_that_comes_back_empty_is_not_asked_for_again_and_again() {
    let mut stand = Stand::new(long(10), (80, 24));
    let mut opened = stand.opened();
    opened.len = 40;
    stand.tell(TranscriptMsg::Grown { from: 10, opened });
    stand.settle();
    assert!(stand.screen().contains('…'), "{}", stand.screen());
}

#[test]
fn a6_the_newest_entries_are_shown_before_the_whole_is_known() {
    let entries = long(300);
    let mut stand = Stand::unopened(entries, (80, 24));
    let tail = stand.entries[290..].to_vec();
    stand.tell(TranscriptMsg::Tail(tail));
    stand.draw();
    stand.press(Action::Up);
    stand.press(Action::Up);
    stand.draw();
    let before = stand.screen();
    assert!(before.contains("answer 299"), "{before}");
    stand.tell(TranscriptMsg::Opened(stand.opened()));
    stand.draw();
    let text = |screen: &str| screen.lines().skip(1).take(20).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(text(&before), text(&stand.screen()), "when the whole is known");
    stand.answer();
    stand.settle();
    assert_eq!(text(&before), text(&stand.screen()), "when the pages are here");
}

#[test]
fn the_place_follows_identities_when_the_tail_was_not_the_end() {
    let mut stand = Stand::unopened(long(300), (80, 24));
    // Three entries were added between the reading of the tail and that of the whole.
    let tail = stand.entries[280..297].to_vec();
    stand.tell(TranscriptMsg::Tail(tail));
    stand.draw();
    for _ in 0..8 {
        stand.press(Action::Up);
    }
    stand.draw();
    let before = stand.screen();
    stand.tell(TranscriptMsg::Opened(stand.opened()));
    stand.settle();
    let text = |screen: &str| screen.lines().skip(1).take(20).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(text(&before), text(&stand.screen()));
}

#[test]
fn keys_before_the_whole_is_known_are_not_lost() {
    let mut stand = Stand::unopened(long(300), (80, 24));
    let tail = stand.entries[290..].to_vec();
    stand.tell(TranscriptMsg::Tail(tail));
    stand.draw();
    stand.press(Action::First);
    stand.draw();
    stand.tell(TranscriptMsg::Opened(stand.opened()));
    stand.settle();
    assert!(stand.screen().contains("prompt 0"), "{}", stand.screen());
}

#[test]
fn h41_growth_is_followed_only_at_the_end() {
    let mut stand = Stand::new(long(100), (80, 24));
    grow(&mut stand, 3);
    assert!(stand.drawn.at_end && stand.reader.is_following());
    stand.act(Action::PageUp);
    let (place, screen) = (stand.place(), stand.screen());
    grow(&mut stand, 5);
    assert_eq!(place, stand.place());
    let text = |screen: &str| screen.lines().take(20).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(text(&screen), text(&stand.screen()));
    assert!(stand.screen().contains("5 new"), "{}", stand.screen());
    stand.act(Action::Follow);
    assert!(stand.drawn.at_end && !stand.screen().contains(" new"));
    stand.act(Action::Follow);
    let place = stand.place();
    grow(&mut stand, 2);
    assert_eq!(place, stand.place(), "not followed when switched off");
}

#[test]
fn h41_the_current_entry_stays_where_it_is_when_tools_fold() {
    let mut stand = Stand::new(long(100), (80, 40));
    for _ in 0..5 {
        stand.act(Action::HalfUp);
    }
    stand.act(Action::NextPrompt);
    for _ in 0..10 {
        stand.act(Action::Up);
    }
    let (cursor, row) = (stand.drawn.cursor, stand.drawn.cursor_row);
    assert!(row > 0);
    for _ in 0..8 {
        stand.act(Action::Tools);
        assert_eq!((stand.drawn.cursor, stand.drawn.cursor_row), (cursor, row), "{}", stand.screen());
        stand.act(Action::Thinking);
        assert_eq!((stand.drawn.cursor, stand.drawn.cursor_row), (cursor, row), "{}", stand.screen());
    }
}

#[test]
fn h41_the_entry_at_the_top_stays_when_the_width_changes() {
    let mut stand = Stand::new(long(100), (120, 30));
    for _ in 0..4 {
        stand.act(Action::PageUp);
    }
    let entry = stand.drawn.anchor;
    for width in [80, 60, 33, 20, 100, 120] {
        stand.size.0 = width;
        stand.settle();
        assert_eq!(stand.drawn.anchor, entry, "at {width} columns");
    }
}

#[test]
fn jumps_go_to_entries_prompts_and_errors() {
    let mut entries = long(60);
    for index in [13, 41] {
        let tool = entries[index].tool.as_mut().expect("a command");
        tool.status = salon::domain::ToolStatus::Failed;
    }
    let mut stand = Stand::new(entries, (80, 24));
    stand.act(Action::PreviousError);
    assert_eq!(stand.drawn.cursor, 41);
    assert!(stand.screen().contains("one line of output"), "an error shows what was printed");
    stand.act(Action::PreviousError);
    assert_eq!(stand.drawn.cursor, 13);
    stand.act(Action::NextPrompt);
    assert_eq!((stand.drawn.cursor, stand.drawn.cursor_row), (16, 0));
    stand.act(Action::PreviousPrompt);
    assert_eq!(stand.drawn.cursor, 12);
    stand.act(Action::NextEntry);
    assert_eq!(stand.drawn.cursor, 13);
    stand.act(Action::Tools);
    stand.act(Action::Tools);
    stand.act(Action::Tools);
    stand.act(Action::NextEntry);
    stand.act(Action::PreviousEntry);
    assert_ne!(stand.drawn.cursor, 13, "what is hidden is stepped over");
}

#[test]
fn enter_unfolds_one_entry_and_a_sub_agent_is_named() {
    let mut stand = Stand::new(long(30), (80, 24));
    stand.act(Action::First);
    stand.act(Action::NextEntry);
    assert!(!stand.screen().contains("one line of output"));
    stand.act(Action::Expand);
    assert!(stand.screen().contains("one line of output"));
    stand.act(Action::Expand);
    assert!(!stand.screen().contains("one line of output"));
    assert_eq!(stand.reader.subagent(), None);

    let stand = Stand::new(super::screens::each_kind()[..11].to_vec(), (80, 24));
    assert_eq!(stand.reader.subagent().map(|key| key.to_string()), Some("claude:agent-1".to_owned()));
}

#[test]
fn an_entry_is_copied_and_edited() {
    let mut stand =
        Stand::new(vec![entry("p", EntryKind::Prompt, 0, "do it"), command("c", 1, "ls", "a\nb")], (80, 24));
    stand.press(Action::CopyEntry);
    stand.press(Action::EditEntry);
    stand.press(Action::PreviousEntry);
    stand.press(Action::CopyEntry);
    let expected = [
        Effect::Copy("Bash ls\n\na\nb".into()),
        Effect::EditEntry(stand.reader.ticket, 1),
        Effect::Copy("do it".into()),
    ];
    assert_eq!(stand.effects, expected);
}

#[test]
fn a10_deleted_on_disk_is_said_and_what_was_read_stays() {
    let mut stand = Stand::new(long(20), (80, 24));
    stand.tell(TranscriptMsg::Gone);
    stand.settle();
    assert_eq!(stand.reader.trouble, Some(Trouble::Gone));
    let screen = stand.screen();
    assert!(screen.contains("deleted on disk") && screen.contains("answer 19"), "{screen}");
}

#[test]
fn what_cannot_be_opened_says_why() {
    let mut stand = Stand::unopened(Vec::new(), (80, 24));
    stand.tell(TranscriptMsg::Failed("permission denied".into()));
    stand.settle();
    assert!(stand.screen().contains("permission denied"), "{}", stand.screen());
}

#[test]
fn another_branch_keeps_the_entry_by_its_identity() {
    let mut stand = Stand::new(long(60), (80, 24));
    for _ in 0..3 {
        stand.act(Action::PageUp);
    }
    let key = stand.entries[stand.drawn.anchor].key;
    stand.entries.drain(..7);
    stand.tell(TranscriptMsg::Grown { from: 0, opened: stand.opened() });
    stand.settle();
    assert_eq!(stand.entries[stand.drawn.anchor].key, key);
}

/// More entries at the end.
fn grow(stand: &mut Stand, count: usize) {
    let len = stand.entries.len();
    stand.entries = long(len + count).into_iter().map(std::sync::Arc::new).collect();
    stand.tell(TranscriptMsg::Grown { from: len, opened: stand.opened() });
    stand.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scrolling_down_and_up_again_comes_back(start in 1usize..60, lines in 1i32..60, width in 20u16..130, height in 5u16..50) {
        let mut stand = Stand::new(long(80), (width, height));
        stand.reader.go_to(start);
        stand.settle();
        let place = stand.place();
        stand.reader.scroll(lines);
        stand.settle();
        prop_assume!(!stand.drawn.at_end);
        for _ in 0..lines {
            stand.reader.scroll(-1);
            stand.settle();
        }
        prop_assert_eq!(place, stand.place());
    }

    #[test]
    fn keys_between_two_frames_add_up(start in 1usize..60, steps in prop::collection::vec(-20i32..20, 1..12)) {
        let mut one = Stand::new(long(80), (80, 24));
        one.reader.go_to(start);
        one.settle();
        let mut other = Stand::new(long(80), (80, 24));
        other.reader.go_to(start);
        other.settle();
        let mut bounded = false;
        for step in &steps {
            one.reader.scroll(*step);
            one.settle();
            bounded |= one.drawn.at_start || one.drawn.at_end;
            other.reader.scroll(*step);
        }
        other.settle();
        prop_assume!(!bounded);
        prop_assert_eq!(one.place(), other.place());
    }

    #[test]
    fn any_keys_at_any_size_never_panic_and_leave_a_place(
        keys in prop::collection::vec(0usize..Action::ALL.len(), 1..40),
        sizes in prop::collection::vec((5u16..200, 3u16..60), 1..4),
    ) {
        let mut stand = Stand::new(super::screens::each_kind(), sizes[0]);
        for (nth, key) in keys.iter().enumerate() {
            stand.size = sizes[nth % sizes.len()];
            stand.act(Action::ALL[*key]);
            prop_assert!(stand.drawn.cursor < stand.entries.len());
            prop_assert!(stand.drawn.entry <= stand.drawn.last);
            if let Base::Line { entry, .. } = stand.reader.anchor().base {
                prop_assert!(entry < stand.entries.len());
            }
        }
    }
}
