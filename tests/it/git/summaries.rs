//! States of work trees in lists.

use std::sync::mpsc::channel;
use std::time::Duration;

use salon::app::{Effect, Msg};
use salon::domain::Agent;
use salon::domain::worktree::WorkTreeSummary;
use salon::runtime::work_tree_reader;

use super::repo::Repo;
use crate::screens::stage::{Stage, change, session};
use crate::support::TIMEOUT;

#[test]
fn a_work_tree_is_read_once_for_several_requests_and_a_slow_one_once_a_minute() {
    let repo = Repo::with_remote();
    repo.write("readme", "changed\n").write("new", "").commit("ahead").write("readme", "again\n");
    let (answers, answered) = channel();
    let requests =
        work_tree_reader::start(repo.program(), move |directory, summary| answers.send((directory, summary)).is_ok());
    let (root, outside) = (repo.path().to_string_lossy().into_owned(), repo.outside().to_string_lossy().into_owned());
    for _ in 0..5 {
        requests.send(vec![root.as_str().into()]).expect("sent");
    }
    requests.send(vec![outside.as_str().into()]).expect("sent");
    let first = answered.recv_timeout(TIMEOUT).expect("an answer");
    let summary = WorkTreeSummary { branch: Some("main".to_owned()), changed: 1, ahead: 1, behind: 0 };
    let mut all = vec![first, answered.recv_timeout(TIMEOUT).expect("an answer")];
    all.sort_by_key(|(directory, _)| **directory != *root);
    assert_eq!(all, [(root.as_str().into(), Some(summary)), (outside.as_str().into(), None)]);
    drop(requests);
    assert!(answered.recv_timeout(TIMEOUT).is_err(), "one answer each, and the thread ends");
    assert_eq!(work_tree_reader::interval(Duration::from_millis(1)), Duration::from_secs(3));
    assert_eq!(work_tree_reader::interval(Duration::from_secs(1)), Duration::from_mins(1));
}

#[test]
fn a_change_right_after_a_read_is_read_once_the_interval_is_over() {
    let repo = Repo::with_remote();
    let (answers, answered) = channel();
    let requests = work_tree_reader::start(repo.program(), move |_, summary| answers.send(summary).is_ok());
    let changed = || answered.recv_timeout(TIMEOUT).expect("an answer").map(|summary: WorkTreeSummary| summary.changed);
    let root: std::sync::Arc<str> = repo.path().to_string_lossy().into();
    requests.send(vec![root.clone()]).expect("sent");
    assert_eq!(changed(), Some(0));
    repo.write("new", "x\n");
    requests.send(vec![root]).expect("sent");
    assert_eq!(changed(), Some(1));
}

#[test]
fn work_trees_are_read_when_a_transcript_goes_on_and_when_the_terminal_gets_the_focus() {
    let mut stage = Stage::new(200, 24);
    let requested = |stage: &mut Stage| {
        let effects = stage.take_effects();
        effects.contains(&Effect::ReadWorkTrees(vec!["/home/ann/shop-api".into()]))
    };
    let (shown, other) = (session(Agent::Claude, "a", "Here", 5), session(Agent::Claude, "b", "There", 9));
    stage.send(Msg::Catalog(change(vec![shown.clone(), other.clone()])));
    assert!(!requested(&mut stage), "new sessions are many");
    stage.send(Msg::Catalog(change(vec![other])));
    assert!(!requested(&mut stage));
    stage.send(Msg::Catalog(change(vec![shown])));
    assert!(requested(&mut stage));
    stage.send(Msg::Focus(false));
    assert!(!requested(&mut stage));
    stage.send(Msg::Focus(true));
    assert!(requested(&mut stage));
}

#[test]
fn rows_and_the_preview_show_the_state_of_the_work_tree_on_the_same_branch() {
    let mut stage = Stage::new(200, 24);
    let other = {
        let mut other = session(Agent::Claude, "b", "Elsewhere", 9);
        (other.cwd, other.branch) = ("/home/ann/other".into(), Some("topic".into()));
        other
    };
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "a", "Here", 5), other])));
    let ticket = stage.take_effects().iter().find_map(|effect| match effect {
        Effect::Debounce(ticket, _) => Some(*ticket),
        _ => None,
    });
    stage.send(Msg::DebounceElapsed(ticket.expect("the selection")));
    assert!(stage.take_effects().contains(&Effect::ReadWorkTrees(vec!["/home/ann/shop-api".into()])));
    let summary = |branch: &str| WorkTreeSummary { branch: Some(branch.to_owned()), changed: 3, ahead: 1, behind: 2 };
    stage.send(Msg::WorkTree("/home/ann/shop-api".into(), Some(summary("main"))));
    stage.send(Msg::WorkTree("/home/ann/other".into(), Some(summary("main"))));
    let screen = stage.screen();
    assert_eq!(screen.matches("main ±3 ↑1 ↓2").count(), 1, "the preview: {screen}");
    stage.keys("p");
    let screen = stage.screen();
    assert_eq!(screen.matches("main ±3 ↑1 ↓2").count(), 1, "the row: {screen}");
    assert!(screen.contains("topic"), "another branch is checked out meanwhile: {screen}");
    stage.send(Msg::WorkTree("/home/ann/shop-api".into(), None));
    assert!(!stage.screen().contains('±'), "{}", stage.screen());
    let detached = WorkTreeSummary { changed: 0, ..WorkTreeSummary::default() };
    assert_eq!(detached.text(), "detached");
}
