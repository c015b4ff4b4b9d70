//! The frame around the text: the prompt of the turn, the position, the scrollbar, labels.

use salon::app::Action;
use salon::app::msg::Target;
use salon::config::theme::{Colour, ThemeStyle};
use salon::domain::transcript::{ChangeKind, EntryKind, FileChange, ToolAction, ToolStatus};
use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use salon::domain::{Agent, Session, SessionKey, SessionState};

use super::sample::{ReaderHarness, command, entry, long, tool};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

/// One prompt with a long answer, then another one.
fn two_turns() -> ReaderHarness {
    let mut entries = vec![entry("p1", EntryKind::Prompt, 0, "Explain the webhook\nwith all its states")];
    entries.extend((0..60).map(|nth| entry(&format!("a{nth}"), EntryKind::Text, nth, &format!("answer {nth}"))));
    entries.push(entry("p2", EntryKind::Prompt, 70, "And now fix it"));
    entries.extend((60..120).map(|nth| entry(&format!("b{nth}"), EntryKind::Text, nth, &format!("answer {nth}"))));
    ReaderHarness::new(entries, (80, 24))
}

/// Returns a row of the screen.
fn row(harness: &ReaderHarness, at: usize) -> String {
    harness.text().lines().nth(at).unwrap_or_default().to_owned()
}

/// Returns the column of the scrollbar, from top to bottom.
fn bar(harness: &ReaderHarness) -> String {
    let area = harness.buffer.area;
    (1..area.height - 1).map(|y| harness.buffer[(area.width - 2, y)].symbol()).collect()
}

#[test]
fn the_prompt_of_the_turn_stays_on_the_screen() {
    for size in SIZES {
        let mut harness = two_turns();
        harness.size = size;
        harness.draw_until_loaded();
        assert_eq!(harness.drawn.prompt, Some(61), "{}", harness.screen());
        assert!(row(&harness, 1).contains("And now fix it"), "{}", harness.screen());
        harness.act(Action::PreviousPrompt);
        assert_eq!(harness.drawn.prompt, None, "it is on the screen itself: {}", harness.screen());
        harness.act(Action::Up);
        harness.act(Action::Up);
        assert_eq!(harness.drawn.prompt, Some(0), "the rows above belong to the first turn");
        assert!(row(&harness, 1).contains("❯"), "{}", harness.screen());
        assert!(row(&harness, 1).contains("Explain the webhook with a"), "{}", harness.screen());
        harness.act(Action::First);
        assert_eq!(harness.drawn.prompt, None);
    }
}

#[test]
fn a_jump_leads_below_the_prompt_of_the_turn_and_a_page_skips_nothing() {
    let mut harness = two_turns();
    harness.act(Action::First);
    for _ in 0..30 {
        harness.act(Action::NextEntry);
    }
    assert_eq!((harness.drawn.cursor, harness.drawn.cursor_row), (30, 1), "{}", harness.screen());
    let last = (1..23).rev().map(|at| row(&harness, at)).find(|row| row.contains("answer")).expect("an answer");
    let last = last.split("  ").last().unwrap_or_default().to_owned();
    harness.act(Action::PageDown);
    let first = (2..23).map(|at| row(&harness, at)).find(|row| row.contains("answer")).expect("an answer");
    assert!(first.ends_with(&last), "{last} comes first, and is not covered\n{}", harness.screen());
}

#[test]
fn a_failed_call_is_not_covered_by_the_prompt_of_its_turn() {
    let mut entries = vec![entry("p1", EntryKind::Prompt, 0, "Explain the webhook")];
    entries.extend((0..40).map(|nth| entry(&format!("a{nth}"), EntryKind::Text, nth, "answer")));
    let mut failed = command("f", 41, "make all", "no rule");
    failed.tool.as_mut().expect("a tool").status = ToolStatus::Failed;
    entries.push(failed);
    entries.extend((40..80).map(|nth| entry(&format!("a{nth}"), EntryKind::Text, nth, "answer")));
    let mut harness = ReaderHarness::new(entries, (80, 24));
    harness.act(Action::First);
    harness.act(Action::NextError);
    assert_eq!((harness.drawn.cursor, harness.drawn.cursor_row), (41, 1), "{}", harness.screen());
    assert!(row(&harness, 1).contains("Explain the webhook") && row(&harness, 2).contains("make all"));
}

#[test]
fn the_prompt_of_a_turn_is_known_far_from_it() {
    let mut entries = vec![entry("p1", EntryKind::Prompt, 0, "Explain the webhook")];
    let big = "a line of a log that is long enough to weigh something\n".repeat(4_000);
    entries.extend((0..200).map(|nth| command(&format!("c{nth}"), nth, "make", &big)));
    let harness = ReaderHarness::new(entries, (80, 24));
    assert!(harness.reader.entry(0).is_none(), "it is not loaded");
    assert!(row(&harness, 1).contains("Explain the webhook"), "{}", harness.screen());
}

#[test]
fn a_click_on_the_prompt_leads_to_it() {
    let mut harness = two_turns();
    let target = harness.regions.iter().rev().find(|(area, _)| area.contains(20, 1)).map(|(_, target)| target.clone());
    assert_eq!(target, Some(Target::Jump(61)));
    harness.reader.click(&Target::Jump(61));
    harness.draw_until_loaded();
    assert_eq!((harness.drawn.cursor, harness.drawn.cursor_row), (61, 0));
}

#[test]
fn the_position_is_shown_in_percent() {
    for size in SIZES {
        let mut harness = two_turns();
        harness.size = size;
        harness.draw_until_loaded();
        assert!(harness.screen().contains(" of 122 · 100%"), "{}", harness.screen());
        harness.act(Action::First);
        let percent =
            harness.screen().rsplit(" · ").next().and_then(|text| text.strip_suffix('%')?.parse::<u32>().ok());
        assert!(percent.is_some_and(|percent| (1..25).contains(&percent)), "{}", harness.screen());
    }
}

#[test]
fn the_scrollbar_shows_the_position_and_is_left_out_without_room() {
    let mut harness = two_turns();
    let at_end = bar(&harness);
    assert!(at_end.ends_with('█') && !at_end.starts_with('█'), "{at_end}");
    harness.act(Action::First);
    let at_start = bar(&harness);
    assert!(!at_start.ends_with('█'), "{at_start}");
    assert_eq!(harness.buffer[(79, 5)].symbol(), " ", "nothing touches the last column");
    harness.size = (40, 10);
    harness.draw_until_loaded();
    assert!(!harness.screen().contains('█'), "{}", harness.screen());
    let harness = ReaderHarness::new(long(3), (120, 60));
    assert!(!harness.screen().contains('█') && !harness.screen().contains('┊'), "all of it is on the screen");
}

#[test]
fn ticks_of_the_scrollbar_differ_by_colour_and_by_mark() {
    let mut entries: Vec<_> = (0..200).map(|nth| entry(&format!("a{nth}"), EntryKind::Text, nth, "answer")).collect();
    entries[10] = entry("p", EntryKind::Prompt, 10, "Explain");
    let mut failed = command("f", 60, "make", "no rule");
    failed.tool.as_mut().expect("a tool").status = ToolStatus::Failed;
    entries[60] = failed;
    let change = FileChange { path: "src/a.rs".into(), kind: ChangeKind::Write("fn a() {}".into()) };
    entries[110] = tool("e", 110, "Edit", ToolAction::Edit(vec![change]), "");
    entries[150].text = "a needle".into();
    let mut harness = ReaderHarness::new(entries, (80, 42));
    let fg = |index| ThemeStyle { fg: Some(Colour::Ansi(index)), ..ThemeStyle::default() };
    (harness.theme.error, harness.theme.success) = (fg(1), fg(2));
    harness.act(Action::Find);
    harness.reader.paste_in_find("needle");
    let found = salon::domain::transcript_event::EntryMatches { entry: 150, count: 1 };
    harness.tell(TranscriptEvent::Found { query: "needle".into(), entries: vec![found], complete: true });
    harness.act(Action::First);
    let bar = bar(&harness);
    let at = |mark: char| bar.chars().position(|found| found == mark);
    // 40 rows for 200 entries.
    assert_eq!((at('❯'), at('✗'), at('±'), at('◆')), (Some(2), Some(12), Some(22), Some(30)), "{bar}");
    let colour = |row: u16| harness.buffer[(78, 1 + row)].fg;
    assert_ne!(colour(12), colour(22), "an error is not as green as an edit");
    let target = harness.regions.iter().find(|(area, _)| area.contains(78, 1 + 20)).map(|(_, target)| target.clone());
    assert_eq!(target, Some(Target::Jump(100)), "a click leads there");
}

#[test]
fn a_million_entries_cost_no_more_than_the_screen() {
    let mut harness = ReaderHarness::unopened(long(40), (120, 40));
    let info = TranscriptInfo {
        len: 1_000_000,
        branches: 1,
        prompts: (0..1_000_000).step_by(7).collect(),
        errors: (0..1_000_000).step_by(250_000).collect(),
        ..TranscriptInfo::default()
    };
    harness.tell(TranscriptEvent::Opened(info));
    for _ in 0..200 {
        harness.press(Action::PageUp);
        harness.draw();
    }
    harness.press(Action::First);
    harness.draw();
    assert!(bar(&harness).contains('✗') && bar(&harness).contains('❯'), "{}", harness.screen());
}

#[test]
fn an_open_call_of_a_session_elsewhere_waits_or_runs() {
    let open = |id: &str, line: &str| {
        let mut call = command(id, 0, line, "");
        call.tool.as_mut().expect("a tool").status = ToolStatus::Pending;
        call
    };
    let entries = vec![
        entry("p1", EntryKind::Prompt, 0, "Build it"),
        open("c1", "make old"),
        entry("p2", EntryKind::Prompt, 0, "Again"),
        open("c2", "make new"),
    ];
    let mut harness = ReaderHarness::new(entries, (80, 24));
    let session = |state| Some(Session { state, ..Session::new(SessionKey::new(Agent::Claude, "s"), "/x".into()) });
    for (state, shown) in [
        (SessionState::NeedsYou, "! waiting"),
        (SessionState::Working, "… running"),
        (SessionState::Idle, "… no result"),
        (SessionState::Past, "… no result"),
    ] {
        harness.session = session(state);
        harness.draw();
        let screen = harness.screen();
        assert!(screen.contains(&format!("make new  {shown}")), "{screen}");
        assert!(screen.contains("make old  … no result"), "{screen}");
    }
}

#[test]
fn only_what_may_grow_is_followed() {
    let header = |harness: &ReaderHarness| row(harness, 0);
    let mut harness = ReaderHarness::new(long(40), (100, 24));
    let session = |state| Some(Session { state, ..Session::new(SessionKey::new(Agent::Claude, "s"), "/x".into()) });
    harness.session = session(SessionState::Past);
    harness.draw();
    assert!(!header(&harness).contains("following"), "{}", header(&harness));
    harness.session = session(SessionState::Idle);
    harness.draw();
    assert!(harness.screen().contains("following"), "{}", harness.screen());
    harness.act(Action::PageUp);
    assert!(!harness.screen().contains("following"), "not at the end");
    harness.session = session(SessionState::Past);
    harness.act(Action::Last);
    harness.entries = long(42).into_iter().map(std::sync::Arc::new).collect();
    harness.tell(TranscriptEvent::Grown { from: 40, opened: harness.opened() });
    harness.draw_until_loaded();
    assert!(harness.screen().contains("following"), "it grows: {}", harness.screen());
}

#[test]
fn labels_of_toggles_say_what_the_key_will_do() {
    let mut harness = ReaderHarness::new(long(30), (80, 24));
    let mut labels = Vec::new();
    for _ in 0..5 {
        labels.extend(harness.reader.label(Action::Tools));
        harness.act(Action::Tools);
    }
    assert_eq!(labels, ["more output", "all output", "hide tools", "show tools", "show output"]);
    assert_eq!(harness.reader.label(Action::Thinking), Some("unfold thinking"));
    harness.act(Action::Thinking);
    assert_eq!(harness.reader.label(Action::Thinking), Some("fold thinking"));
    harness.act(Action::First);
    harness.act(Action::NextEntry);
    assert_eq!(harness.reader.label(Action::Expand), Some("unfold"));
    harness.act(Action::Expand);
    assert_eq!(harness.reader.label(Action::Expand), Some("fold"));
}
