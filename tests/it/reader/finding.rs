//! Finding in a transcript.

use salon::app::msg::TranscriptMsg;
use salon::app::reader::{Find, Reader};
use salon::app::{Action, Effect};
use salon::config::key::{Key, KeyCode};
use salon::domain::transcript::EntryKind;

use super::sample::{Stand, command, entry};

fn stand() -> Stand {
    let mut entries: Vec<_> =
        (0..40).map(|nth| entry(&format!("x{nth}"), EntryKind::Text, nth, "nothing here")).collect();
    entries[5].text = "The Needle lies here".into();
    entries[20] =
        command("c20", 20, "grep", &format!("{}a needle\n{}a needle again\n", "hay\n".repeat(60), "hay\n".repeat(60)));
    entries[30].text = "one needle, two needles".into();
    let mut stand = Stand::new(entries, (80, 24));
    stand.act(Action::First);
    stand
}

fn press(stand: &mut Stand, code: KeyCode) {
    let effects = stand.reader.key(Key { code, ctrl: false, alt: false, shift: false });
    stand.effects.extend(effects);
}

/// Types a query and answers it as the index would.
fn search(stand: &mut Stand, query: &str) {
    stand.act(Action::Find);
    for c in query.chars() {
        press(stand, KeyCode::Char(c));
    }
    assert_eq!(stand.effects.last(), Some(&Effect::FindInTranscript(stand.reader.ticket, query.to_owned())));
    answer(stand, query);
    press(stand, KeyCode::Enter);
    stand.settle();
}

fn answer(stand: &mut Stand, query: &str) {
    let smart = query.chars().any(char::is_uppercase);
    let matches = |text: &str| if smart { text.contains(query) } else { text.to_lowercase().contains(query) };
    let all = stand.entries.iter().enumerate();
    let found =
        all.filter(|(_, entry)| matches(&entry.text) || entry.tool.as_ref().is_some_and(|tool| matches(&tool.output)));
    let entries = found.map(|(index, _)| index).collect();
    stand.tell(TranscriptMsg::Found { query: query.to_owned(), entries, complete: true });
    stand.settle();
}

/// Rows with a hit, and whether each is of the current entry.
fn marked(stand: &Stand) -> Vec<(u16, bool)> {
    let area = stand.buffer.area;
    let background = |x, y| stand.buffer[(x, y)].bg;
    let rows = (0..area.height).filter_map(|y| {
        let hit = (0..area.width).map(|x| background(x, y)).find(|colour| *colour != ratatui::style::Color::Reset)?;
        Some((y, hit == ratatui::style::Color::Indexed(11)))
    });
    rows.collect()
}

#[test]
fn hits_are_marked_and_counted_and_stepped_through() {
    let mut stand = stand();
    search(&mut stand, "needle");
    assert_eq!(stand.drawn.cursor, 5);
    assert!(stand.screen().contains("/needle  1 of 3"), "{}", stand.screen());
    assert_eq!(marked(&stand).len(), 1, "{}", stand.screen());

    stand.act(Action::NextHit);
    assert_eq!(stand.drawn.cursor, 20);
    assert!(stand.screen().contains("a needle") && !stand.screen().contains("needle again"), "{}", stand.screen());
    stand.act(Action::NextHit);
    assert!(stand.screen().contains("a needle again"), "a further line of the same entry\n{}", stand.screen());
    stand.act(Action::NextHit);
    assert_eq!(stand.drawn.cursor, 30);
    stand.act(Action::NextHit);
    assert_eq!(stand.drawn.cursor, 5, "from the last to the first");
    stand.act(Action::PreviousHit);
    assert_eq!(stand.drawn.cursor, 30);
    stand.act(Action::PreviousHit);
    assert!(stand.screen().contains("needle again"), "the last line of the entry first\n{}", stand.screen());
    stand.act(Action::PreviousHit);
    assert!(!stand.screen().contains("needle again"), "{}", stand.screen());
}

#[test]
fn an_upper_case_letter_makes_case_matter() {
    let mut stand = stand();
    search(&mut stand, "Needle");
    assert!(stand.screen().contains("/Needle  1 of 1"), "{}", stand.screen());
}

#[test]
fn escape_clears_the_find_and_stays_where_it_led() {
    let mut stand = stand();
    search(&mut stand, "needles");
    let cursor = stand.drawn.cursor;
    stand.act(Action::Back);
    assert_eq!(stand.reader.find, None);
    assert_eq!(stand.effects.last(), Some(&Effect::FindInTranscript(stand.reader.ticket, String::new())));
    assert_eq!(stand.drawn.cursor, cursor);
    assert!(marked(&stand).is_empty());
    assert_eq!(Reader::act(&mut stand.reader, Action::Back), None, "then it is no business of the reader");
}

#[test]
fn late_answers_to_an_older_query_are_ignored() {
    let mut stand = stand();
    stand.act(Action::Find);
    press(&mut stand, KeyCode::Char('n'));
    press(&mut stand, KeyCode::Char('e'));
    answer(&mut stand, "n");
    assert_eq!(stand.reader.find.as_ref().and_then(Find::entry), None);
    answer(&mut stand, "ne");
    assert!(stand.reader.find.as_ref().and_then(Find::entry).is_some());
}

#[test]
fn what_is_not_found_is_said() {
    let mut stand = stand();
    search(&mut stand, "nowhere");
    assert!(stand.screen().contains("nothing found"), "{}", stand.screen());
    stand.act(Action::Back);
    search(&mut stand, "agnet:x");
    let screen = stand.screen();
    assert!(screen.contains("/agnet:x  no such filter; is `agent:` meant?"), "{screen}");
    assert!(!screen.contains("nothing found"), "nothing was looked for: {screen}");
}

#[test]
fn hits_that_arrive_in_parts_keep_the_one_one_stands_on() {
    let mut find = Find { query: "x".into(), from: 10, ..Find::default() };
    assert!(!find.found(vec![2, 4], false), "the next hit may still come");
    assert!(find.found(vec![2, 4, 12], false));
    assert!(!find.found(vec![2, 4, 12, 15], true));
    assert_eq!((find.entry(), find.current), (Some(12), Some(2)));
    let mut find = Find { from: 10, ..Find::default() };
    assert!(find.found(vec![2], true), "from the beginning again");
    assert_eq!(find.entry(), Some(2));
}

#[test]
fn the_next_hit_is_waited_for_while_it_is_searched_for() {
    for given in [false, true] {
        let mut find = Find { query: "x".into(), given, ..Find::default() };
        find.found(vec![2, 5], false);
        assert_eq!(find.next(2, 1), Some((5, 0)));
        assert_eq!(find.next(5, 1), None, "it may lie further down, so one does not begin anew");
        assert!(!find.found(vec![2, 5], false));
        assert!(find.found(vec![2, 5, 9], false));
        assert_eq!((find.entry(), find.awaited), (Some(9), None));
        assert_eq!(find.next(9, 1), None);
        find.found(vec![2, 5, 9], true);
        assert_eq!(find.entry(), (!given).then_some(2), "a search of all sessions goes on in the next one");
    }
}

#[test]
fn a_hit_that_lies_far_from_what_is_held_is_reached() {
    let mut entries: Vec<_> = (0..600).map(|nth| entry(&format!("x{nth}"), EntryKind::Text, nth, "nothing")).collect();
    for hit in [2, 300] {
        entries[hit].text = "a needle".into();
    }
    // Drawn before the entries come, or only once they are here.
    for drawn_before in [true, false] {
        let mut stand = Stand::new(entries.clone(), (80, 24));
        stand.act(Action::First);
        search(&mut stand, "needle");
        assert_eq!(stand.drawn.cursor, 2);
        stand.press(Action::NextHit);
        if drawn_before {
            stand.draw();
        }
        stand.tell(TranscriptMsg::Page { from: 0, entries: stand.entries[..32].to_vec() });
        stand.settle();
        assert_eq!((stand.reader.cursor(), stand.drawn.cursor), (300, 300), "drawn before: {drawn_before}");
    }
}
