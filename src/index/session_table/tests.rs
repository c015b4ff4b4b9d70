//! Tests of the table's own choices.

use super::*;
use crate::domain::annotation::Annotation;

fn source(name: &str) -> Source {
    Source { agent: Agent::Codex, path: Path::new(name).to_owned(), stamp: FileStamp::default(), kind: 0 }
}

#[test]
fn a_session_whose_file_is_still_to_be_read_is_not_purged() {
    let key = SessionKey::new(Agent::Codex, "a");
    let mut peeked = Session::new(key.clone(), "/rollout".into());
    peeked.flags.empty = true;
    let mut purged = Session::new(key.clone(), "/history".into());
    (purged.complete, purged.flags.purged, purged.messages) = (true, true, 3);
    let contents = |session| SourceContents {
        sessions: SourceSessions::All(vec![session]),
        notes: Vec::new(),
        issues: Vec::new(),
    };
    let mut table = SessionTable::default();
    table.add_peeked(&source("/rollout"), vec![peeked]);
    table.add_summary(&source("/history"), contents(purged));
    table.take_change(usize::MAX);
    assert!(!table.session(&key).expect("a row").flags.purged);
    table.remove(Path::new("/rollout"));
    table.take_change(usize::MAX);
    assert!(table.session(&key).expect("a row").flags.purged, "its file is gone");
}

#[test]
fn a_row_is_sent_again_once_on_request() {
    let key = SessionKey::new(Agent::Codex, "a");
    let gone = SessionKey::new(Agent::Codex, "gone");
    let there = SessionKey::new(Agent::Codex, "b").on(&"there".into());
    let mut table = SessionTable::default();
    table.add_peeked(&source("/rollout"), vec![Session::new(key.clone(), "/rollout".into())]);
    let remote = Arc::new(Session::new(there.clone(), "/rollout".into()));
    table.apply_remote(CatalogChange { sessions: vec![remote], ..CatalogChange::default() });
    table.take_change(usize::MAX);
    let keys = [key.clone(), gone, there];
    assert_eq!(table.paths_of(&keys), [Path::new("/rollout")], "of this machine");
    table.resend(&keys);
    let change = table.take_change(usize::MAX);
    assert_eq!((change.sessions.len(), change.removed.len()), (2, 0), "those that exist");
    table.resend(&keys[..1]);
    table.remove(Path::new("/rollout"));
    let change = table.take_change(usize::MAX);
    assert_eq!((change.sessions.len(), change.removed), (0, vec![key]));
    assert!(table.resent.is_empty());
}

/// Table with a labelled session `a` and its fork `b`, of which `c` is one, each in its own source.
fn forks() -> SessionTable {
    let mut table = SessionTable::default();
    let starred = Annotation { starred: true, ..Annotation::default() };
    table.set_annotations(HashMap::from([(SessionKey::new(Agent::Codex, "a"), Arc::new(starred))]));
    for (id, origin) in [("a", None), ("b", Some("a")), ("c", Some("b"))] {
        add_fork(&mut table, id, origin, 1);
    }
    table.take_change(usize::MAX);
    table
}

fn add_fork(table: &mut SessionTable, id: &str, origin: Option<&str>, messages: u32) {
    let mut session = Session::new(SessionKey::new(Agent::Codex, id), id.into());
    (session.complete, session.forked_from, session.messages) = (true, origin.map(Into::into), messages);
    let sessions = SourceSessions::All(vec![session]);
    table.add_summary(&source(id), SourceContents { sessions, notes: Vec::new(), issues: Vec::new() });
}

fn is_starred(table: &SessionTable, id: &str) -> bool {
    table.session(&SessionKey::new(Agent::Codex, id)).expect("a row").is_starred()
}

#[test]
fn forks_are_looked_for_only_below_a_new_or_changed_origin() {
    let mut table = forks();
    assert!(is_starred(&table, "c"));
    for messages in [1, 2] {
        add_fork(&mut table, "b", Some("a"), messages);
        assert!(table.relabelled.is_empty(), "its origin is the same");
        table.take_change(usize::MAX);
    }
    add_fork(&mut table, "b", None, 2);
    table.take_change(usize::MAX);
    assert!(!is_starred(&table, "b") && !is_starred(&table, "c"), "it is no fork any more");
}

#[test]
fn labels_do_not_go_on_below_a_removed_fork() {
    let mut table = forks();
    table.remove(Path::new("b"));
    table.take_change(usize::MAX);
    assert!(!is_starred(&table, "c"), "as after a start without it");
    add_fork(&mut table, "b", Some("a"), 1);
    table.take_change(usize::MAX);
    assert!(is_starred(&table, "c"));
}
