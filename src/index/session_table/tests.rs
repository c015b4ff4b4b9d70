//! Tests of the table's own choices.

use super::*;

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
