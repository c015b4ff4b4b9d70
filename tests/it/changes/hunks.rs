//! Discarding of a hunk that is not where it was, or not there any more.

use std::fs;

use salon::domain::Time;
use salon::domain::changes::{ComparedStates, FileDiff, Restoration};
use salon::runtime::rewind;

use super::own;
use crate::git::repo::Repo;

/// Lines with the same change at two places.
const TWINS: &str = "a\nb\nc\nnew\nd\ne\nf\na\nb\nc\nnew\nd\ne\nf\n";

/// A repository whose file got the same line twice, the states before and after, and their difference.
fn twins() -> (Repo, ComparedStates, FileDiff) {
    let repo = Repo::new();
    repo.write("file", &TWINS.replace("new\n", "")).commit("before");
    let before = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    repo.write("file", TWINS);
    let after = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    let mut changes = own(&repo).diff(&before, &after).expect("a diff");
    // One hunk per line, as if they were far from each other.
    let file = FileDiff { hunks: single_hunks(&changes.remove(0)), ..changes_file() };
    (repo, ComparedStates { base: before, until: Some(after) }, file)
}

fn changes_file() -> FileDiff {
    let status = salon::domain::changes::FileDiffStatus::Modified;
    FileDiff { path: "file".to_owned(), status, is_binary: false, is_large: false, hunks: Vec::new() }
}

fn single_hunks(file: &FileDiff) -> Vec<salon::domain::changes::DiffHunk> {
    let [whole] = &file.hunks[..] else { panic!("{file:?}") };
    let first = salon::domain::changes::DiffHunk { lines: whole.lines[..7].to_vec(), ..whole.clone() };
    let second = salon::domain::changes::DiffHunk {
        old_start: whole.old_start.map(|start| start + 6),
        new_start: whole.new_start.map(|start| start + 7),
        lines: whole.lines[7..].to_vec(),
        ..whole.clone()
    };
    vec![first, second]
}

fn discard(repo: &Repo, file: &FileDiff, hunk: usize, states: &ComparedStates) -> Result<String, String> {
    let restoration = Restoration::Hunk(file.clone(), file.hunks[hunk].clone(), states.clone());
    let (program, folder) = (repo.program(), repo.outside().join("own"));
    rewind::restore((&program, &folder), repo.path(), &restoration, Time::from_millis(0))
}

fn text(repo: &Repo) -> String {
    fs::read_to_string(repo.path().join("file")).expect("a file")
}

#[test]
fn a_hunk_that_was_discarded_is_not_taken_from_another_place_with_the_same_lines() {
    let (repo, states, file) = twins();
    discard(&repo, &file, 0, &states).expect("discarded");
    let once = TWINS.replacen("new\n", "", 1);
    assert_eq!(text(&repo), once);
    let refused = discard(&repo, &file, 0, &states).expect_err("gone");
    assert_eq!(refused, "file does not have this change any more, or has changed there since");
    assert_eq!(text(&repo), once, "the other one stays");
    discard(&repo, &file, 1, &states).expect("discarded");
    assert_eq!(text(&repo), TWINS.replace("new\n", ""));
}

#[test]
fn a_hunk_that_moved_is_discarded_where_it_is() {
    let (repo, states, file) = twins();
    let above = "1\n2\n3\n4\n5\n6\n7\n".repeat(3);
    repo.write("file", &format!("{above}{TWINS}"));
    discard(&repo, &file, 1, &states).expect("discarded");
    let (first, second) = TWINS.split_at(TWINS.len() / 2);
    assert_eq!(text(&repo), format!("{above}{first}{}", second.replace("new\n", "")));
    repo.write("file", &TWINS.replacen("b\n", "B\n", 1));
    discard(&repo, &file, 0, &states).expect_err("its lines changed");
}

#[test]
fn a_hunk_since_a_commit_is_discarded_only_as_it_was_shown() {
    let (repo, states, _) = twins();
    let states = ComparedStates { until: None, ..states };
    let far = "1\n2\n3\n4\n5\n6\n7\n".repeat(3);
    repo.write("file", &format!("a\nb\nc\nd\ne\nf\n{far}a\nb\nc\nd\ne\nf\n")).commit("far from each other");
    let states = ComparedStates { base: repo.git(&["rev-parse", "HEAD"]), ..states };
    let both = format!("a\nb\nc\nnew\nd\ne\nf\n{far}a\nb\nc\nnew\nd\ne\nf\n");
    repo.write("file", &both);
    let shown = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    let file = own(&repo).diff(&states.base, &shown).expect("a diff").remove(0);
    assert_eq!(file.hunks.len(), 2);
    discard(&repo, &file, 0, &states).expect("discarded");
    let once = both.replacen("new\n", "", 1);
    assert_eq!(text(&repo), once);
    discard(&repo, &file, 0, &states).expect_err("gone");
    assert_eq!(text(&repo), once);
    discard(&repo, &file, 1, &states).expect("its lines moved up");
    assert_eq!(text(&repo), both.replace("new\n", ""));
}
