//! Discarding of what a turn changed: from the difference of its snapshots, in the files as they are now.

use std::fs;
use std::sync::Arc;

use salon::app::{Effect, Msg};
use salon::domain::Time;
use salon::domain::changes::{Changes, ComparedStates, FileDiff, Restoration};
use salon::runtime::rewind;

use super::own;
use super::rewind::files;
use super::screen::{changes, open};
use crate::git::repo::Repo;

#[test]
fn a_file_of_a_turn_is_discarded_unless_it_changed_since() {
    let repo = Repo::new();
    repo.write("readme", "by hand before\n");
    let held = files(repo.path());
    let own = own(&repo);
    let before = own.snapshot(&repo.open()).expect("a snapshot");
    fs::remove_file(repo.path().join("readme")).expect("removed");
    repo.write("made", "x\n");
    let after = own.snapshot(&repo.open()).expect("a snapshot");
    let turn = own.diff(&before, &after).expect("a diff");
    let discard = |file: &FileDiff| {
        let restoration = Restoration::FileOfTurn(file.clone(), before.clone(), after.clone());
        let (program, folder) = (repo.program(), repo.outside().join("own"));
        rewind::restore((&program, &folder), repo.path(), &restoration, Time::from_millis(0))
    };
    repo.write("made", "x\nby hand after\n");
    let refused = discard(&turn[0]).expect_err("it changed");
    assert_eq!(refused, "made has changed since the turn; only its hunks can be discarded");
    assert_eq!(fs::read_to_string(repo.path().join("made")).expect("a file"), "x\nby hand after\n");
    repo.write("made", "x\n");
    turn.iter().for_each(|file| drop(discard(file).expect("discarded")));
    assert_eq!(files(repo.path()), held, "what was there before the turn stays");
}

#[test]
fn changes_of_a_turn_are_discarded_by_hunk_and_by_file() {
    let mut all = changes();
    all.files[0].hunks.truncate(1);
    let of_turn = Changes { base: Some("b".to_owned()), until: Some("a".to_owned()), ..all.clone() };
    let (mut stage, ticket) = open(120, 40);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(of_turn))));
    let mut requested = |keys: &str| {
        stage.keys(keys);
        let found = stage.take_effects().into_iter().find_map(|effect| match effect {
            Effect::RestoreFiles { ticket, restoration, .. } => Some((ticket, restoration)),
            _ => None,
        });
        let (ticket, restoration) = found.expect("a request");
        stage.send(Msg::FilesRestored(ticket, Err("no".to_owned())));
        restoration
    };
    // The file may have changed since, so that its only hunk is not the whole difference.
    let states = ComparedStates { base: "b".to_owned(), until: Some("a".to_owned()) };
    assert_eq!(requested("x"), Restoration::Hunk(all.files[0].clone(), all.files[0].hunks[0].clone(), states));
    assert_eq!(requested("X"), Restoration::FileOfTurn(all.files[0].clone(), "b".to_owned(), "a".to_owned()));
    assert_eq!(requested("} x"), Restoration::FileOfTurn(all.files[1].clone(), "b".to_owned(), "a".to_owned()));
}
