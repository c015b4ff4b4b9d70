//! What snapshots know of files beside their contents: modes, files that are too large, submodules.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use salon::domain::Time;
use salon::domain::changes::{FileDiff, FileDiffStatus, Restoration};
use salon::runtime::rewind::{self, NOT_KEPT};

use super::own;
use crate::git::repo::{self, Repo};

fn mode(repo: &Repo, name: &str) -> u32 {
    fs::metadata(repo.path().join(name)).expect("a file").permissions().mode() & 0o777
}

fn set_mode(repo: &Repo, name: &str, mode: u32) {
    fs::set_permissions(repo.path().join(name), Permissions::from_mode(mode)).expect("set");
}

#[test]
fn a_deleted_file_comes_back_with_its_mode() {
    let repo = Repo::new();
    repo.write("tracked", "secret\n").commit("files").write("new \"one\"", "secret\n").write("tool", "x\n");
    let modes = [("tracked", 0o600), ("new \"one\"", 0o640), ("tool", 0o700), ("readme", 0o444)];
    modes.iter().for_each(|(name, mode)| set_mode(&repo, name, *mode));
    let (own, opened) = (own(&repo), repo.open());
    let before = own.snapshot(&opened).expect("a snapshot");
    modes.iter().for_each(|(name, _)| fs::remove_file(repo.path().join(name)).expect("removed"));
    // Git gives it a usual mode.
    repo.write("readme", "changed\n");
    let current = own.snapshot(&opened).expect("a snapshot");
    let checked = own.check(&opened.root, own.restorations(&current, &before).expect("a list")).expect("checked");
    own.restore(&opened.root, &before, &checked.safe).expect("checked").expect("restored");
    let restored = modes.map(|(name, _)| (name, mode(&repo, name)));
    assert_eq!(restored, modes);
    assert_eq!(own.snapshot(&opened).expect("a snapshot"), before);
}

#[test]
fn files_that_are_too_large_are_named_as_such() {
    let repo = Repo::new();
    repo.write("a", "a\n").commit("a");
    let grow = |name: &str| fs::File::create(repo.path().join(name)).and_then(|file| file.set_len(101 << 20));
    let (own, opened) = (own(&repo), repo.open());
    let head = opened.commit("HEAD").expect("a commit");
    grow("readme").expect("large");
    let before = own.snapshot(&opened).expect("a snapshot");
    grow("new").expect("large");
    repo.write("z", "z\n");
    let after = own.snapshot(&opened).expect("a snapshot");
    let large = |files: &[FileDiff]| -> Vec<(String, FileDiffStatus, bool)> {
        files.iter().map(|file| (file.path.clone(), file.status, file.is_large)).collect()
    };
    let named = |name: &str, status, is_large| (name.to_owned(), status, is_large);
    let since = own.diff(&head, &after).expect("a diff");
    let (added, modified) = (FileDiffStatus::Added, FileDiffStatus::Modified);
    let all = [named("new", added, true), named("readme", modified, true), named("z", added, false)];
    assert_eq!(large(&since), all);
    let of_turn = own.diff(&before, &after).expect("a diff");
    assert_eq!(large(&of_turn), [named("new", added, true), named("z", added, false)]);
    fs::remove_file(repo.path().join("new")).expect("removed");
    let gone = own.snapshot(&opened).expect("a snapshot");
    assert_eq!(large(&own.diff(&after, &gone).expect("a diff")), [named("new", FileDiffStatus::Deleted, true)]);
    let restoration = Restoration::File(since[1].clone(), head);
    let (program, folder) = (repo.program(), repo.outside().join("own"));
    let refused = rewind::restore((&program, &folder), repo.path(), &restoration, Time::from_millis(0));
    assert_eq!(refused.expect_err("no snapshot has it"), format!("readme is left as it is: {NOT_KEPT}"));
}

#[test]
fn the_commit_of_a_submodule_is_part_of_the_changes_and_is_never_taken_back() {
    let repo = Repo::new();
    let inner = Repo::new();
    repo.git(&["submodule", "--quiet", "add", inner.path().to_str().expect("text"), "inner"]);
    repo.commit("a submodule");
    let place = repo.path().join("inner");
    repo::write(&place.join("more"), "m\n");
    repo.commit_in(&place, "more");
    let (own, opened) = (own(&repo), repo.open());
    let head = opened.commit("HEAD").expect("a commit");
    let snapshot = own.snapshot(&opened).expect("a snapshot");
    let changed = own.diff(&head, &snapshot).expect("a diff");
    let [file] = &changed[..] else { panic!("{changed:?}") };
    let commit = repo.git_in(&place, &["rev-parse", "HEAD"]);
    assert_eq!((file.path.as_str(), file.is_large), ("inner", false));
    assert_eq!(file.hunks[0].lines[1], format!("+Subproject commit {commit}"));
    assert_eq!(own.restorations(&snapshot, &head).expect("a list"), []);
    let restoration = Restoration::File(file.clone(), head);
    let (program, folder) = (repo.program(), repo.outside().join("own"));
    rewind::restore((&program, &folder), repo.path(), &restoration, Time::from_millis(0)).expect_err("not a file");
    assert_eq!(repo.git_in(&place, &["rev-parse", "HEAD"]), commit);
    // A repository within, of which git knows nothing, is left out.
    repo.git(&["init", "--quiet", "other"]);
    repo::write(&repo.path().join("other/x"), "x\n");
    repo.commit_in(&repo.path().join("other"), "x");
    assert_eq!(own.snapshot(&opened).expect("a snapshot"), snapshot);
}

#[test]
fn an_empty_directory_where_a_file_was_is_no_file() {
    let repo = Repo::new();
    fs::remove_file(repo.path().join("readme")).expect("removed");
    fs::create_dir(repo.path().join("readme")).expect("created");
    let (own, opened) = (own(&repo), repo.open());
    let snapshot = own.snapshot(&opened).expect("a snapshot");
    let changed = own.diff(&opened.commit("HEAD").expect("a commit"), &snapshot).expect("a diff");
    assert_eq!((changed.len(), changed[0].status), (1, FileDiffStatus::Deleted));
}
