//! Opened transcripts: their events and the order of these.

use std::collections::BTreeSet;

use salon::domain::transcript_event::TranscriptEvent;
use salon::domain::transcript_event::TranscriptEvent::{
    Failed, ForkPoint, Found, Gone, Grown, Opened, Outline, Page, Positions, Tail,
};
use salon::domain::{Entry, EntryKey, EntryKind, Role};
use salon::index::matches;

use super::live::Running;
use super::*;

fn texts(event: &TranscriptEvent) -> Vec<&str> {
    match event {
        Tail(entries) | Page { entries, .. } => entries.iter().map(|entry| entry.text.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Waits for an event of a ticket, and drops all events before it.
fn next(running: &mut Running, ticket: u64, which: fn(&TranscriptEvent) -> bool) -> TranscriptEvent {
    let is = |(of, event): &(u64, TranscriptEvent)| *of == ticket && which(event);
    running.until("an event of the transcript", |running| running.transcripts.iter().any(is));
    let at = running.transcripts.iter().position(is).expect("it came");
    running.transcripts.drain(..=at).next_back().expect("it came").1
}

fn lines(count: usize) -> String {
    (0..count).fold(String::new(), |text, n| text + &format!("prompt {n} line {n}\n"))
}

#[test]
fn the_tail_comes_first_then_the_whole_then_requested_pages() {
    let home = Home::empty();
    write(&home, "a.log", &lines(5000));
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(1, key("a"));
    let tail = next(&mut running, 1, |_| true);
    assert_eq!((texts(&tail).len(), texts(&tail).last()), (100, Some(&"line 4999")));
    assert!(
        matches!(next(&mut running, 1, |_| true), Opened(opened) if opened.len == 5000 && opened.prompts.len() == 5000)
    );
    // A7: up to the first entry.
    running.index.read(1, 0..3);
    let Page { from: 0, entries } = next(&mut running, 1, |_| true) else { panic!("a page from 0") };
    assert_eq!(entries.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(), ["line 0", "line 1", "line 2"]);
}

#[test]
fn appends_are_reported_and_a_replaced_file_is_read_from_its_start() {
    let home = Home::empty();
    let path = write(&home, "a.log", &lines(3));
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(1, key("a"));
    next(&mut running, 1, |event| matches!(event, Opened(_)));
    append(&path, "prompt 9 more\n");
    let grown = next(&mut running, 1, |event| matches!(event, Grown { .. }));
    assert!(matches!(grown, Grown { from: 3, opened } if opened.len == 4));
    fs::write(&path, "prompt 1 other\n").expect("rewrite");
    let grown = next(&mut running, 1, |event| matches!(event, Grown { opened, .. } if opened.len == 1));
    assert!(matches!(grown, Grown { from: 0, .. }));
}

#[test]
fn a_search_returns_all_matches_and_a_newer_one_cancels_it() {
    let home = Home::empty();
    write(&home, "a.log", &lines(3000));
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(1, key("a"));
    running.index.find(1, "nothing like that".into());
    running.index.find(1, "LINE 7".into());
    running.index.find(1, "\"line 77\"".into());
    let found =
        next(&mut running, 1, |event| matches!(event, Found { query, complete: true, .. } if query == "\"line 77\""));
    let Found { entries, .. } = found else { panic!("found") };
    let expected: Vec<_> = (0..3000).filter(|n: &usize| n.to_string().starts_with("77")).collect();
    assert_eq!(entries.iter().map(|found| found.entry).collect::<Vec<_>>(), expected);
    assert!(entries.iter().all(|found| found.count == 1), "{entries:?}");
}

#[test]
fn case_counts_only_where_the_query_has_capitals() {
    let entry = |text: &str| Entry {
        text: text.into(),
        ..Entry::new(EntryKey::new("k", 0), EntryKind::Text, Role::User, None)
    };
    assert!(matches("größe", &entry("die GRÖSSE? nein: Größe")) && matches("a.b", &entry("xA.Bx")));
    assert!(
        !matches("Größe", &entry("größe")) && !matches("a.b", &entry("axb")) && matches("$(rm)", &entry("a $(rm)"))
    );
}

#[test]
fn c7_h19_evicted_transcripts_are_reopened_on_request() {
    let home = Home::empty();
    (0..12).for_each(|n| drop(write(&home, &format!("s{n}.log"), &format!("prompt 1 of {n}\n"))));
    let mut running = Running::complete_and_watched(options(&home));
    for n in 0..12 {
        running.index.open(n, key(&format!("s{n}")));
    }
    for n in 0..12 {
        running.index.read(n, 0..1);
        let page = next(&mut running, n, |event| matches!(event, Page { .. }));
        assert_eq!(texts(&page), [format!("of {n}")]);
    }
}

#[test]
fn a_failed_open_reports_its_reason() {
    let home = Home::empty();
    write(&home, "many.base", "x prompt 10 of x\n");
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(1, key("nobody"));
    assert!(matches!(next(&mut running, 1, |_| true), Failed(reason) if reason.contains("nobody")));
}

#[test]
fn a_transcript_that_moved_is_opened_where_it_is_now() {
    let home = Home::empty();
    let path = write(&home, "a.log", &lines(2));
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(1, key("a"));
    next(&mut running, 1, |event| matches!(event, Opened(_)));
    fs::create_dir_all(path.with_file_name("archive")).expect("create");
    fs::rename(&path, path.with_file_name("archive").join("a.log")).expect("move");
    running.until("moved", |running| running.session("a").is_some_and(|session| session.path != path));
    append(&path.with_file_name("archive").join("a.log"), "prompt 3 more\n");
    next(&mut running, 1, |event| matches!(event, Opened(whole) | Grown { opened: whole, .. } if whole.len == 3));
    let gone = running.transcripts.iter().any(|(_, event)| matches!(event, Gone));
    assert!(!gone, "it went on");
}

#[test]
fn a_text_in_a_file_of_its_own_that_grows_alone_is_read_again() {
    let home = Home::empty();
    let case = crate::support::fixtures().join("cases/60-claude-2.1.332-tool-results/home");
    crate::support::copy_tree(&case, home.path());
    let session = "b88c09f2-0a8e-4f3e-9d32-b7f1a4e0dcbf";
    let folder = home.path().join(".claude/projects/-home-dev-project-pa").join(session).join("tool-results");
    let output = fs::read_dir(folder).expect("a folder").flatten().next().expect("an output").path();
    let options = IndexOptions { formats: &salon::agent::FORMATS, ..options(&home) };
    let mut running = Running::complete_and_watched(options);
    running.index.open(1, key(session));
    let Opened(opened) = next(&mut running, 1, |event| matches!(event, Opened(_))) else { panic!("opened") };
    fs::write(&output, "all of it numbatneedle").expect("written");
    assert!(matches!(next(&mut running, 1, |event| matches!(event, Grown { .. })), Grown { from: 0, .. }));
    running.index.read(1, 0..opened.len);
    let Page { entries, .. } = next(&mut running, 1, |event| matches!(event, Page { .. })) else { panic!("a page") };
    let outputs = entries.iter().filter_map(|entry| Some(entry.tool.as_ref()?.output.as_str()));
    assert!(outputs.into_iter().any(|output| output == "all of it numbatneedle"));
}

#[test]
fn an_output_beside_a_database_or_a_chat_that_changes_alone_is_read_again() {
    let home = Home::of(&["opencode/1.18.33", "gemini/0.61.0"]);
    let data = home.path().join(".local/share/opencode");
    let chats = home.path().join(".gemini/tmp/shop-api");
    let options = IndexOptions { formats: &salon::agent::FORMATS, ..options(&home) };
    let mut running = Running::complete_and_watched(options);
    for (agent, folder) in [(Agent::OpenCode, data.join("tool-output")), (Agent::Gemini, chats.join("tool-outputs"))] {
        let is_beside = |session: &&std::sync::Arc<salon::domain::Session>| {
            session.key.agent == agent
                && session.messages > 0
                && session.path.starts_with(folder.parent().expect("a folder"))
        };
        let session = running.catalog.iter().find(is_beside).expect("a session").key.clone();
        running.index.open(1, session);
        next(&mut running, 1, |event| matches!(event, Opened(_)));
        fs::create_dir_all(&folder).expect("created");
        fs::write(folder.join("tool_1"), "all of it").expect("written");
        assert!(matches!(next(&mut running, 1, |event| matches!(event, Grown { .. })), Grown { from: 0, .. }));
        running.index.close(1);
    }
}

#[test]
fn the_outline_is_read_after_all_else_and_again_from_a_change_on() {
    let home = Home::empty();
    let path = write(&home, "a.log", &lines(3000));
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(1, key("a"));
    running.index.outline(1);
    running.index.read(1, 0..3);
    let is_last = |event: &TranscriptEvent| matches!(event, Outline { complete: true, .. });
    let mut entries = Vec::new();
    let mut pages = 0;
    while pages == 0 || entries.len() < 3000 {
        match next(&mut running, 1, |event| matches!(event, Outline { .. } | Page { .. })) {
            Outline { from, items, .. } => {
                assert_eq!(from, entries.len(), "each part follows the one before");
                entries.extend(items.into_iter().map(|item| item.entry));
            }
            _ => pages += 1,
        }
    }
    assert_eq!(entries, (0..3000).collect::<Vec<_>>(), "all are prompts");
    append(&path, "prompt 9 more\n");
    let Outline { from, items, .. } = next(&mut running, 1, is_last) else { panic!("an outline") };
    let items: Vec<_> = items.iter().map(|item| (item.entry, &*item.text)).collect();
    assert_eq!((from, items), (3000, vec![(3000, "more")]));
}

#[test]
fn a_search_covers_what_is_appended_later() {
    let home = Home::empty();
    let path = write(&home, "a.log", "prompt 1 a needle\nprompt 2 hay\n");
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(1, key("a"));
    running.index.find(1, "needle".into());
    let is_complete = |event: &TranscriptEvent| matches!(event, Found { complete: true, .. });
    next(&mut running, 1, is_complete);
    append(&path, "prompt 3 needle and needle\n");
    let Found { entries, .. } = next(&mut running, 1, is_complete) else { panic!("found") };
    assert_eq!(entries.iter().map(|found| (found.entry, found.count)).collect::<Vec<_>>(), [(0, 1), (2, 2)]);
}

#[test]
fn another_branch_is_shown_with_the_place_where_they_part() {
    let home = Home::empty();
    let case = crate::support::fixtures().join("cases/08-claude-retry-wrong-parent/home");
    crate::support::copy_tree(&case, home.path());
    let folder = home.path().join(".claude/projects/-home-dev-shop");
    let path = fs::read_dir(&folder).expect("a folder").flatten().map(|file| file.path());
    let path = path.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "jsonl")).expect("a file");
    let record = |id: &str, parent: &str, text: &str| {
        format!(
            r#"{{"parentUuid":"{parent}","isSidechain":false,"type":"user","uuid":"{id}","timestamp":"2026-09-10T11:00:00.000Z","message":{{"role":"user","content":"{text}"}}}}"#
        ) + "\n"
    };
    append(&path, &record("r1", "2b040e29-0d4e-90f5-500a-a869d74dedf4", "rewound"));
    let session = path.file_stem().and_then(|stem| stem.to_str()).expect("an id").to_owned();
    let mut running = Running::complete_and_watched(IndexOptions { formats: &salon::agent::FORMATS, ..options(&home) });
    running.index.open(1, key(&session));
    let Opened(opened) = next(&mut running, 1, |event| matches!(event, Opened(_))) else { panic!("opened") };
    assert_eq!((opened.branches, opened.branch), (2, 1));
    let [point] = &*opened.branch_points else { panic!("one point: {opened:?}") };
    assert_eq!(point.branches, [0, 1]);
    // A fork before the prompt ends with the reply before it.
    running.index.fork_point(1, point.entry);
    let ForkPoint { point: Some(reply), .. } = next(&mut running, 1, |event| matches!(event, ForkPoint { .. })) else {
        panic!("a place to fork")
    };
    let text = fs::read_to_string(&path).expect("readable");
    let record = text.lines().find(|line| line.contains(&format!("\"uuid\": \"{reply}\""))).expect("its record");
    assert!(record.contains("\"type\": \"assistant\""), "{record}");
    running.index.fork_point(1, 0);
    let first = next(&mut running, 1, |event| matches!(event, ForkPoint { .. }));
    assert!(matches!(first, ForkPoint { point: None, .. }), "nothing precedes the first prompt");
    running.index.positions(1, vec![EntryKey::new("r1", 0), EntryKey::new("elsewhere", 0)]);
    let positions = next(&mut running, 1, |event| matches!(event, Positions(_)));
    assert!(matches!(positions, Positions(found) if found == [(EntryKey::new("r1", 0), point.entry)]));
    running.index.show_branch(1, 0);
    let Grown { from: 0, opened: other } = next(&mut running, 1, |event| matches!(event, Grown { .. })) else {
        panic!("the other branch")
    };
    let [other_point] = &*other.branch_points else { panic!("one point: {other:?}") };
    assert_eq!((other.branch, other_point.entry), (0, point.entry), "they part at the same place");
    assert_eq!(
        (&point.heads[..], &other_point.heads[1]),
        (&["look".to_owned(), String::new()][..], &"rewound".to_owned())
    );
    assert_ne!(other.len, opened.len);
}

#[test]
fn the_last_entry_of_a_turn_has_the_totals_of_the_turn() {
    let home = Home::of(&["claude/2.1.329", "codex/0.169.0", "opencode/1.18.33"]);
    let mut running = Running::complete_and_watched(IndexOptions::new(home.environment(), Instant::now));
    let sessions: Vec<_> = running.catalog.iter().map(|session| session.key.clone()).collect();
    let (mut with_tokens, mut with_cost, mut with_time) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (ticket, key) in (1..).zip(sessions) {
        running.index.open(ticket, key.clone());
        let Opened(info) = next(&mut running, ticket, |event| matches!(event, Opened(_))) else { panic!("opened") };
        running.index.read(ticket, 0..info.len);
        let Page { entries, .. } = next(&mut running, ticket, |event| matches!(event, Page { .. })) else {
            panic!("a page")
        };
        let mut sum = salon::domain::Tokens::default();
        for (at, entry) in entries.iter().enumerate() {
            if info.prompts.contains(&at) {
                sum = salon::domain::Tokens::default();
            }
            sum += entry.tokens.unwrap_or_default();
            let Some(turn) = entry.turn else { continue };
            assert!(
                entry.kind != EntryKind::Prompt && (at + 1 == entries.len() || info.prompts.contains(&(at + 1))),
                "{key} {at}"
            );
            assert_eq!(turn.tokens, sum, "{key} {at}");
            with_tokens.extend((turn.tokens.total() > 0).then_some(key.agent.name()));
            with_cost.extend(turn.cost_usd.map(|_| key.agent.name()));
            with_time.extend((turn.duration_ms > 0).then_some(key.agent.name()));
        }
    }
    assert_eq!(with_tokens, BTreeSet::from(["claude", "codex", "opencode"]));
    assert_eq!(with_time, BTreeSet::from(["claude", "codex", "opencode"]));
    assert!(with_cost.iter().all(|agent| *agent == "opencode"), "{with_cost:?}");
}
