//! Sub-agents and forks: their origins, and that nothing is shown or counted twice.

mod labels;

use salon::agent::{Format, SourceSessions, TextLimit};
use salon::domain::catalog::{Catalog, CatalogChange};
use salon::domain::lineage;
use salon::domain::transcript::ToolAction;
use salon::domain::{Agent, Entry, EntryKind, Session, SessionKey};
use salon::index::{Collected, IndexOptions, Refresh, collect};

use crate::support::Home;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn claude() -> &'static dyn Format {
    salon::agent::format(Agent::Claude)
}

fn summarise_all(home: &Home) -> Vec<Session> {
    let roots = claude().roots(&home.environment());
    let sources = roots.iter().flat_map(|root| claude().discover(root).sources);
    let sessions = sources.flat_map(|source| match claude().summarise(&source, None).sessions {
        SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. } => sessions,
    });
    sessions.collect()
}

fn read(session: &Session) -> Vec<Entry> {
    let mut reading = claude().open(session).expect("opens");
    let len = reading.len();
    reading.read(0..len, TextLimit::NONE)
}

#[test]
fn h4_a_sub_agent_inside_its_parents_file_is_a_session_of_its_own() {
    let home = Home::of(&["claude/1.0.128"]);
    let sessions = summarise_all(&home);
    let [parent, child] = &sessions[..] else { panic!("two sessions: {sessions:?}") };
    assert_eq!(&*child.key.id, "agent-4c22fbe1-9deb-4e79-ae87-833d95546cf0");
    assert!(child.flags.subagent && !parent.flags.subagent);
    assert_eq!(child.parent.as_ref(), Some(&parent.key.id));
    assert_eq!((&*child.title.text, child.turns, child.messages), ("Look around", 1, 2));
    let entries = read(child);
    assert_eq!(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [EntryKind::Prompt, EntryKind::Text]);
    assert_eq!((&*entries[0].text, &*entries[1].text), ("look around", "Mock answer. You said: look around"));
    let shown = read(parent);
    assert!(shown.iter().all(|entry| entry.text != "Mock answer. You said: look around"), "words of another session");
    let task = shown
        .iter()
        .filter_map(|entry| entry.tool.as_deref())
        .find(|tool| matches!(tool.action, ToolAction::Task { .. }));
    assert_eq!(task.expect("a task").subagent.as_ref(), Some(&child.key.id));
    assert_eq!(
        claude().tail(child, 1).expect("tail").last().map(|entry| entry.key),
        entries.last().map(|entry| entry.key)
    );
    assert!(claude().resume_refusal(child).is_some_and(|reason| reason.contains(&*parent.key.id)));
}

const ORIGIN: &str = "143b81a6-05d8-46ab-96c8-d1c2291634d1";
const COPY: &str = "00000000-1111-4222-8333-444444444444";

/// Scans a home with a cache in it.
fn scan(home: &Home) -> Collected {
    let options = IndexOptions::new(home.environment(), Instant::now);
    collect(&IndexOptions { cache_dir: Some(home.path().join("cache")), ..options }, Refresh::Changed)
}

fn row(found: &Collected, id: &str) -> Session {
    let session = found.session(&SessionKey::new(Agent::Claude, id));
    Session::clone(session.unwrap_or_else(|| panic!("no {id}")))
}

/// Path of a session of the fixture.
fn transcript(home: &Home, id: &str) -> PathBuf {
    home.path().join(format!(".claude/projects/-home-dev-shop-api/{id}.jsonl"))
}

/// Copies the first records of a session into another file, with their ids and without a reference to the origin.
fn copy_records(home: &Home, from: &str, to: &str, count: usize) -> PathBuf {
    let text = std::fs::read_to_string(transcript(home, from)).expect("reads");
    let records = text.lines().filter(|line| line.contains("\"parentUuid\"")).take(count);
    let copied: String = records.map(|line| format!("{}\n", line.replace(from, to))).collect();
    let path = transcript(home, to);
    std::fs::write(&path, copied).expect("writes");
    path
}

/// Appends a prompt and a reply, later than all of the fixture.
fn append_turn(path: &Path, id: &str, output: u64) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("opens");
    let text = std::fs::read_to_string(path).expect("reads");
    let record_id = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(record["uuid"].as_str()?.to_owned())
    };
    let parent = text.lines().rev().find_map(record_id).expect("an id");
    writeln!(file, r#"{{"parentUuid":"{parent}","type":"user","uuid":"{id}-p","timestamp":"2026-11-21T12:00:00.000Z","message":{{"role":"user","content":"own {id}"}}}}"#).expect("writes");
    writeln!(file, r#"{{"parentUuid":"{id}-p","type":"assistant","uuid":"{id}-r","timestamp":"2026-11-21T12:00:01.000Z","message":{{"id":"msg-{id}","role":"assistant","content":[{{"type":"text","text":"yes"}}],"usage":{{"input_tokens":0,"output_tokens":{output}}}}}}}"#).expect("writes");
}

#[test]
fn h5_a_fork_without_a_trace_is_known_by_its_records_and_counts_only_its_own() {
    let home = Home::of(&["claude/2.1.329"]);
    let before = scan(&home);
    let path = copy_records(&home, ORIGIN, COPY, 20);
    append_turn(&path, "one", 1000);
    let found = scan(&home);
    let fork = row(&found, COPY);
    assert!(fork.flags.fork && fork.complete);
    assert_eq!((fork.forked_from.as_deref(), fork.tokens.total()), (Some(ORIGIN), 1000));
    assert_eq!(fork.messages as usize, read(&fork).len(), "what was copied is shown");
    assert_eq!(row(&found, ORIGIN), row(&before, ORIGIN), "the original stays what it was");

    append_turn(&path, "two", 300);
    assert_eq!(row(&scan(&home), COPY).tokens.total(), 1300, "what is appended is its own");
    let again = scan(&home);
    assert_eq!((again.counts.summaries, row(&again, COPY).forked_from.as_deref()), (0, Some(ORIGIN)));
}

#[test]
fn h5_a_copy_with_nothing_of_its_own_counts_nothing() {
    let home = Home::of(&["claude/2.1.329"]);
    copy_records(&home, ORIGIN, COPY, 12);
    let fork = row(&scan(&home), COPY);
    assert_eq!((fork.forked_from.as_deref(), fork.tokens.total(), fork.flags.fork), (Some(ORIGIN), 0, true));
}

#[test]
fn h5_of_many_copies_of_one_session_one_is_the_original() {
    let home = Home::of(&["claude/2.1.329"]);
    let copies = ["0", "1", "2", "e", "f"].map(|digit| COPY.replace('0', digit));
    for (at, copy) in copies.iter().enumerate() {
        let path = copy_records(&home, ORIGIN, copy, 20);
        append_turn(&path, copy, 10 * (at as u64 + 1));
    }
    let found = scan(&home);
    for (at, copy) in copies.iter().enumerate() {
        let fork = row(&found, copy);
        assert_eq!((fork.forked_from.as_deref(), fork.tokens.total()), (Some(ORIGIN), 10 * (at as u64 + 1)), "{copy}");
    }
    assert!(!row(&found, ORIGIN).flags.fork);
}

#[test]
fn h5_the_forks_of_all_fixtures_are_traced() {
    let home = Home::of(&["claude/2.1.329", "qwen/0.24.4", "codex/0.169.0"]);
    let found = scan(&home);
    let mut forks: Vec<_> = found.sessions.iter().filter_map(|session| session.forked_from.as_deref()).collect();
    forks.sort_unstable();
    let origins = [
        "01a1fd83-7a72-7993-9298-251f6d2281ca",
        "115cfb1d-973f-4402-9be2-cc96693de915",
        ORIGIN,
        "3ec5520e-1682-4254-bb9e-c8a3949e1a60",
    ];
    assert_eq!(forks, origins);
}

/// Ids of the sessions that another one contains, each with that one's.
fn contained(found: &Collected) -> Vec<(String, String)> {
    let mut catalog = Catalog::default();
    catalog.apply(CatalogChange { sessions: found.sessions.clone(), ..CatalogChange::default() });
    let contained = lineage::contained(&catalog, |_| true);
    let mut pairs: Vec<_> = contained.into_iter().map(|(a, b)| (a.id.to_string(), b.id.to_string())).collect();
    pairs.sort();
    pairs
}

#[test]
fn a_copy_without_entries_of_its_own_is_contained_in_its_origin() {
    let home = Home::of(&["claude/2.1.329"]);
    let before = contained(&scan(&home));
    let path = copy_records(&home, ORIGIN, COPY, 12);
    let added =
        |found: &Collected| contained(found).into_iter().filter(|pair| !before.contains(pair)).collect::<Vec<_>>();
    assert_eq!(added(&scan(&home)), [(COPY.to_owned(), ORIGIN.to_owned())]);
    append_turn(&path, "one", 10);
    assert_eq!(added(&scan(&home)), [], "both have entries that the other one lacks");
}

#[test]
fn an_origin_that_ends_where_its_fork_begins_is_contained_in_the_fork() {
    let home = Home::of(&["claude/2.1.329"]);
    let before = contained(&scan(&home));
    let path = copy_records(&home, ORIGIN, COPY, usize::MAX);
    append_turn(&path, "one", 10);
    let added =
        |found: &Collected| contained(found).into_iter().filter(|pair| !before.contains(pair)).collect::<Vec<_>>();
    assert_eq!(added(&scan(&home)), [(ORIGIN.to_owned(), COPY.to_owned())]);
    // A fork of the fork contains both.
    let (second, records) = (COPY.replace('0', "2"), std::fs::read_to_string(&path).expect("reads"));
    std::fs::write(transcript(&home, &second), records.replace(COPY, &second)).expect("writes");
    append_turn(&transcript(&home, &second), "two", 10);
    let found = added(&scan(&home));
    assert!(found.iter().any(|(inner, outer)| inner == ORIGIN && (*outer == second || outer == COPY)), "{found:?}");
    append_turn(&transcript(&home, ORIGIN), "three", 10);
    let rest = added(&scan(&home));
    assert!(rest.iter().all(|(inner, _)| inner != ORIGIN), "the origin went on: {rest:?}");
}
