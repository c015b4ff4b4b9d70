//! Sub-agents and forks: where a thread comes from.

use std::fs;

use salon::agent::{MarkKind, RefreshOutcome, SummaryNote, TextLimit};
use salon::domain::event::NoticeLevel;
use salon::domain::{EntryKind, Tokens};

use super::{CHILD, FORK, PARENT, TOUR, all, append, codex, read, sessions, texts, unit, units};
use crate::support::Home;

#[test]
fn h4_a_sub_agent_knows_its_parent_and_its_parent_knows_it() {
    let home = Home::of(&["codex/0.169.0"]);
    let unit = units(&home).into_iter().find(|unit| unit.path.to_string_lossy().contains(CHILD)).expect("the child");
    let child = codex().summarise(&unit, None);
    let tokens = Tokens { input: 3895, output: 3, cache_read: 3895, cache_write: 0 };
    assert_eq!(child.notes, [SummaryNote::Usage { id: PARENT.into(), tokens }]);
    let child = all(child).remove(0);
    assert!(child.flags.subagent && !child.flags.headless);
    assert_eq!(child.parent.as_deref(), Some(PARENT));
    let parent = read(&sessions(&home)[PARENT]);
    let started: Vec<_> = parent.iter().filter_map(|entry| entry.tool.as_ref()?.subagent.as_deref()).collect();
    assert_eq!(started, [CHILD]);
}

#[test]
fn h5_a_fork_shows_the_history_that_it_was_made_from() {
    let home = Home::of(&["codex/0.169.0"]);
    let sessions = sessions(&home);
    let (fork, tour) = (&sessions[FORK], &sessions[TOUR]);
    assert!(fork.flags.fork && !fork.flags.empty);
    assert_eq!(fork.forked_from.as_deref(), Some(TOUR));
    assert_eq!(fork.title, tour.title);
    assert_eq!(fork.tokens, Tokens::default(), "usage that was copied is counted once");
    let (fork, tour) = (read(fork), read(tour));
    assert_eq!(fork.len(), 35);
    assert_eq!(texts(&fork), texts(&tour[..35]));
}

#[test]
fn h5_a_fork_without_its_parent_says_so() {
    let home = Home::of(&["codex/0.169.0"]);
    let paths = sessions(&home);
    fs::remove_file(&paths[TOUR].path).expect("remove");
    let summarised = codex().summarise(&unit(&home, &paths[FORK].path), None);
    assert!(summarised.issues[0].reason.contains(TOUR), "{:?}", summarised.issues);
    let fork = all(summarised).remove(0);
    let mut reading = codex().open(&fork).expect("opens");
    assert_eq!((fork.messages, reading.len(), reading.issues().len()), (1, 1, 1));
    let notice = reading.read(0..9, TextLimit::NONE).remove(0);
    assert_eq!((notice.kind, notice.level), (EntryKind::Notice, NoticeLevel::Warning));
    assert!(notice.text.contains(TOUR));
}

#[test]
fn h5_a_fork_of_a_fork_goes_all_the_way_back() {
    let home = Home::of(&["codex/0.169.0"]);
    let fork = sessions(&home)[FORK].clone();
    let own = r#"{"timestamp":"2026-11-21T09:55:00.000Z","ordinal":145,"type":"event_msg","payload":{"type":"item_completed","item":{"type":"UserMessage","id":"u1","content":[{"type":"text","text":"in the fork"}]}}}"#;
    append(&fork.path, format!("{own}\n").as_bytes());
    let third = "01a1fd83-9192-7b71-8f87-000000000003";
    let text = fs::read_to_string(&fork.path).expect("fork");
    let meta = text.lines().next().expect("meta").replace(TOUR, "PARENT").replace(FORK, third).replace("PARENT", FORK);
    let meta = meta.replace(r#""end_ordinal_exclusive":143"#, r#""end_ordinal_exclusive":146"#);
    let path = fork.path.with_file_name(format!("rollout-2026-11-21T09-56-00-{third}.jsonl"));
    fs::write(&path, format!("{meta}\n{}\n", own.replace("u1", "u2").replace("in the fork", "in the third")))
        .expect("write");
    let session = &sessions(&home)[third];
    let entries = read(session);
    assert_eq!((session.messages, session.turns, entries.len()), (37, 16, 37));
    assert_eq!((&*entries[35].text, &*entries[36].text), ("in the fork", "in the third"));
    let mut reading = codex().open(session).expect("opens");
    assert_eq!(reading.marks(MarkKind::Prompts).last(), Some(&36));
    assert_eq!(codex().tail(session, 5).expect("tail").len(), 5);
    append(&path, own.replace("u1", "u3").as_bytes());
    append(&path, b"\n");
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 37 });
    assert!(String::from_utf8(reading.raw(36)).expect("text").contains("in the third"));
}
