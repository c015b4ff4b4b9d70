//! Find in a transcript.

use salon::app::reader::{Find, Reader};
use salon::app::{Action, Effect};
use salon::config::key::{Key, KeyCode};
use salon::domain::transcript::Entry;
use salon::domain::transcript::EntryKind;
use salon::domain::transcript_event::{EntryMatches, TranscriptEvent};

use super::sample::{ReaderHarness, command, entry};

fn harness() -> ReaderHarness {
    let mut entries: Vec<_> =
        (0..40).map(|nth| entry(&format!("x{nth}"), EntryKind::Text, nth, "nothing here")).collect();
    entries[5].text = "The Needle lies here".into();
    entries[20] =
        command("c20", 20, "grep", &format!("{}a needle\n{}a needle again\n", "hay\n".repeat(60), "hay\n".repeat(60)));
    entries[30].text = "one needle, two needles".into();
    let mut harness = ReaderHarness::new(entries, (80, 24));
    harness.act(Action::First);
    harness
}

fn press(harness: &mut ReaderHarness, code: KeyCode) {
    let effects = harness.reader.key_in_find(Key { code, ctrl: false, alt: false, shift: false });
    harness.effects.extend(effects);
}

/// Types a query and responds as the index would.
fn search(harness: &mut ReaderHarness, query: &str) {
    harness.act(Action::Find);
    for c in query.chars() {
        press(harness, KeyCode::Char(c));
    }
    assert_eq!(harness.effects.last(), Some(&Effect::FindInTranscript(harness.reader.ticket, query.to_owned())));
    answer(harness, query);
    press(harness, KeyCode::Enter);
    harness.draw_until_loaded();
}

fn answer(harness: &mut ReaderHarness, query: &str) {
    let smart = query.chars().any(char::is_uppercase);
    let count =
        |text: &str| if smart { text.matches(query).count() } else { text.to_lowercase().matches(query).count() };
    let count_in = |entry: &Entry| count(&entry.text) + entry.tool.as_ref().map_or(0, |tool| count(&tool.output));
    let all = harness.entries.iter().enumerate().map(|(entry, found)| EntryMatches { entry, count: count_in(found) });
    let entries = all.filter(|found| found.count > 0).collect();
    harness.tell(TranscriptEvent::Found { query: query.to_owned(), entries, complete: true });
    harness.draw_until_loaded();
}

/// Entries with one match each.
fn once(entries: &[usize]) -> Vec<EntryMatches> {
    entries.iter().map(|entry| EntryMatches { entry: *entry, count: 1 }).collect()
}

/// Text of the current match on the screen: all others have another colour.
fn current(harness: &ReaderHarness) -> String {
    let is_current = |cell: &&ratatui::buffer::Cell| cell.bg == ratatui::style::Color::Indexed(11);
    harness.buffer.content.iter().filter(is_current).map(ratatui::buffer::Cell::symbol).collect()
}

/// Rows with a match, each with true if it belongs to the current entry.
fn marked(harness: &ReaderHarness) -> Vec<(u16, bool)> {
    let area = harness.buffer.area;
    let background = |x, y| harness.buffer[(x, y)].bg;
    let rows = (0..area.height).filter_map(|y| {
        let hit = (0..area.width).map(|x| background(x, y)).find(|colour| *colour != ratatui::style::Color::Reset)?;
        Some((y, hit == ratatui::style::Color::Indexed(11)))
    });
    rows.collect()
}

#[test]
fn hits_are_marked_and_counted_and_stepped_through() {
    let mut harness = harness();
    search(&mut harness, "needle");
    assert_eq!(harness.drawn.cursor, 5);
    assert!(harness.screen().contains("/needle  match 1 of 5 in 3 entries"), "{}", harness.screen());
    harness.size = (40, 10);
    harness.draw_until_loaded();
    assert!(harness.screen().contains("/needle  match 1 of 5 "), "the number is not cut: {}", harness.screen());
    harness.size = (80, 24);
    harness.draw_until_loaded();
    assert_eq!(marked(&harness).len(), 1, "{}", harness.screen());

    harness.act(Action::NextHit);
    assert_eq!(harness.drawn.cursor, 20);
    assert!(
        harness.screen().contains("a needle") && !harness.screen().contains("needle again"),
        "{}",
        harness.screen()
    );
    harness.act(Action::NextHit);
    assert!(harness.screen().contains("a needle again"), "a further line of the same entry\n{}", harness.screen());
    harness.act(Action::NextHit);
    assert_eq!((harness.drawn.cursor, current(&harness).as_str()), (30, "needle"));
    assert!(harness.screen().contains("match 4 of 5"), "{}", harness.screen());
    let before = harness.buffer.clone();
    harness.act(Action::NextHit);
    assert_eq!((harness.drawn.cursor, current(&harness).as_str()), (30, "needle"), "two matches in one line");
    assert!(harness.screen().contains("match 5 of 5"), "{}", harness.screen());
    assert_ne!(before, harness.buffer, "another one is told apart");
    harness.act(Action::NextHit);
    assert_eq!(harness.drawn.cursor, 5, "from the last to the first");
    harness.act(Action::PreviousHit);
    harness.act(Action::PreviousHit);
    assert_eq!(harness.drawn.cursor, 30);
    assert!(harness.screen().contains("match 4 of 5"), "{}", harness.screen());
    harness.act(Action::PreviousHit);
    assert!(harness.screen().contains("needle again"), "the last line of the entry first\n{}", harness.screen());
    harness.act(Action::PreviousHit);
    assert!(!harness.screen().contains("needle again"), "{}", harness.screen());
}

#[test]
fn an_upper_case_letter_makes_case_matter() {
    let mut harness = harness();
    search(&mut harness, "Needle");
    assert!(harness.screen().contains("/Needle  match 1 of 1"), "{}", harness.screen());
}

#[test]
fn escape_clears_the_find_and_stays_where_it_led() {
    let mut harness = harness();
    search(&mut harness, "needles");
    let cursor = harness.drawn.cursor;
    harness.act(Action::Back);
    assert_eq!(harness.reader.find, None);
    assert_eq!(harness.effects.last(), Some(&Effect::FindInTranscript(harness.reader.ticket, String::new())));
    assert_eq!(harness.drawn.cursor, cursor);
    assert!(marked(&harness).is_empty());
    assert_eq!(Reader::navigate(&mut harness.reader, Action::Back), None, "then it is no business of the reader");
}

#[test]
fn late_answers_to_an_older_query_are_ignored() {
    let mut harness = harness();
    harness.act(Action::Find);
    press(&mut harness, KeyCode::Char('n'));
    press(&mut harness, KeyCode::Char('e'));
    answer(&mut harness, "n");
    assert_eq!(harness.reader.find.as_ref().and_then(Find::entry), None);
    answer(&mut harness, "ne");
    assert!(harness.reader.find.as_ref().and_then(Find::entry).is_some());
}

#[test]
fn an_empty_result_is_reported() {
    let mut harness = harness();
    search(&mut harness, "nowhere");
    assert!(harness.screen().contains("no matches"), "{}", harness.screen());
    harness.act(Action::Back);
    search(&mut harness, "agnet:x");
    let screen = harness.screen();
    assert!(screen.contains("/agnet:x  unknown filter; did you mean `agent:`?"), "{screen}");
    assert!(!screen.contains("no matches"), "nothing was looked for: {screen}");
}

#[test]
fn the_find_line_has_a_cursor() {
    let mut harness = harness();
    harness.act(Action::Find);
    for c in "neele".chars() {
        press(&mut harness, KeyCode::Char(c));
    }
    press(&mut harness, KeyCode::Left);
    press(&mut harness, KeyCode::Left);
    let searches = harness.effects.len();
    harness.draw();
    assert!(harness.screen().contains("/nee▏le"), "{}", harness.screen());
    press(&mut harness, KeyCode::Char('d'));
    assert_eq!(harness.effects.len(), searches + 1, "moving does not search");
    harness.draw();
    assert!(harness.screen().contains("/need▏le"), "{}", harness.screen());
    assert_eq!(harness.effects.last(), Some(&Effect::FindInTranscript(harness.reader.ticket, "needle".to_owned())));
    press(&mut harness, KeyCode::Home);
    press(&mut harness, KeyCode::Delete);
    harness.draw();
    assert!(harness.screen().contains("/▏eedle"), "{}", harness.screen());
}

#[test]
fn matches_that_arrive_in_parts_keep_the_current_one() {
    let mut find = Find { input: "x".into(), from: 10, ..Find::default() };
    assert!(!find.set_matches(&once(&[2, 4]), false), "the next hit may still come");
    assert!(find.set_matches(&once(&[2, 4, 12]), false));
    assert!(!find.set_matches(&once(&[2, 4, 12, 15]), true));
    assert_eq!((find.entry(), find.number(), find.count()), (Some(12), Some(3), 4));
    let mut find = Find { from: 10, ..Find::default() };
    assert!(find.set_matches(&once(&[2]), true), "from the beginning again");
    assert_eq!(find.entry(), Some(2));
}

#[test]
fn the_next_match_is_pending_while_the_search_runs() {
    for given in [false, true] {
        let mut find = Find { input: "x".into(), from_search: given, ..Find::default() };
        find.set_matches(&once(&[2, 5]), false);
        assert_eq!(find.next(2, 1), Some((5, 0)));
        assert_eq!(find.next(5, 1), None, "it may lie further down, so one does not begin anew");
        assert!(!find.set_matches(&once(&[2, 5]), false));
        assert!(find.set_matches(&once(&[2, 5, 9]), false));
        assert_eq!((find.entry(), find.pending_from), (Some(9), None));
        assert_eq!(find.next(9, 1), None);
        find.set_matches(&once(&[2, 5, 9]), true);
        assert_eq!(find.entry(), (!given).then_some(2), "a search of all sessions goes on in the next one");
    }
}

#[test]
fn a_match_far_from_the_loaded_entries_is_reached() {
    let mut entries: Vec<_> = (0..600).map(|nth| entry(&format!("x{nth}"), EntryKind::Text, nth, "nothing")).collect();
    for hit in [2, 300] {
        entries[hit].text = "a needle".into();
    }
    // Drawn before the entries are loaded, or only afterwards.
    for drawn_before in [true, false] {
        let mut harness = ReaderHarness::new(entries.clone(), (80, 24));
        harness.act(Action::First);
        search(&mut harness, "needle");
        assert_eq!(harness.drawn.cursor, 2);
        harness.press(Action::NextHit);
        if drawn_before {
            harness.draw();
        }
        harness.tell(TranscriptEvent::Page { from: 0, entries: harness.entries[..32].to_vec() });
        harness.draw_until_loaded();
        assert_eq!((harness.reader.cursor(), harness.drawn.cursor), (300, 300), "drawn before: {drawn_before}");
    }
}
