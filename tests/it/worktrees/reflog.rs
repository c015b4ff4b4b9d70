//! Commits that only a worktree's own state has: a removal keeps them in salon's own repository.

use std::fs;
use std::path::Path;

use salon::runtime::worktrees::PruneOutcome;

use super::reaper::{WEEK, collect_garbage, own};
use super::stage::Scene;
use crate::git::repo::{self, Repo};

/// Commits a file in a clean and pushed worktree, lets `drop` make the commit unreachable, and removes the worktree. The
/// commit must be in salon's own repository although the user's has deleted it.
fn dropped_commit_is_kept(drop: impl Fn(&dyn Fn(&[&str]) -> String, &Path)) {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    let git = |args: &[&str]| scene.repo.git_in(&tree.path, args);
    repo::write(&tree.path.join("dropped"), "hours of work\n");
    scene.repo.commit_in(&tree.path, "dropped");
    let dropped = git(&["rev-parse", "HEAD"]);
    drop(&git, &tree.path);
    assert_eq!(scene.prune(2), [PruneOutcome::Trashed]);
    assert_eq!(scene.prune(3 + WEEK), [PruneOutcome::Removed]);
    collect_garbage(&scene.repo);
    let own = own(&scene, &tree);
    own.pack().expect("packed");
    fs::remove_file(own.path.join("objects/info/alternates")).expect("without the user's objects");
    let file = scene.repo.git_in(&own.path, &["cat-file", "-p", &format!("{dropped}:dropped")]);
    assert_eq!(file, "hours of work");
    // The commit is found from the name of the archive.
    let name = format!("refs/salon/archive/{}-reflog", tree.id);
    let reached = scene.repo.command(&own.path, &["rev-list", "--missing=allow-any", &name]).output().expect("git");
    assert!(String::from_utf8_lossy(&reached.stdout).contains(&dropped), "{reached:?}");
}

#[test]
fn h40_commits_that_were_reset_are_kept() {
    dropped_commit_is_kept(|git, _| drop(git(&["reset", "--quiet", "--hard", "HEAD~1"])));
}

#[test]
fn h40_a_commit_that_was_amended_is_kept() {
    dropped_commit_is_kept(|git, _| {
        git(&["rm", "--quiet", "dropped"]);
        git(&["commit", "--quiet", "--amend", "--allow-empty", "-m", "nothing"]);
        git(&["push", "--quiet"]);
    });
}

#[test]
fn h40_a_commit_of_a_deleted_branch_is_kept() {
    dropped_commit_is_kept(|git, _| {
        git(&["branch", "--quiet", "other"]);
        git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        git(&["reflog", "expire", "--expire-unreachable=now", "HEAD", "refs/heads/kept"]);
        git(&["switch", "--quiet", "other"]);
        git(&["switch", "--quiet", "kept"]);
        git(&["branch", "--quiet", "-D", "other"]);
    });
}

#[test]
fn h40_a_detached_commit_that_was_left_is_kept_and_so_is_one_without_a_reflog() {
    dropped_commit_is_kept(|git, _| {
        git(&["switch", "--quiet", "--detach"]);
        git(&["branch", "--quiet", "--force", "kept", "HEAD~1"]);
        git(&["switch", "--quiet", "kept"]);
    });
    dropped_commit_is_kept(|git, path| {
        git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        let log = path.join(git(&["rev-parse", "--git-path", "logs/HEAD"]));
        fs::remove_file(log).expect("only ORIG_HEAD is left");
    });
}

#[test]
fn h40_a_worktree_that_is_gone_keeps_what_its_reflog_has() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("gone");
    repo::write(&tree.path.join("dropped"), "hours of work\n");
    scene.repo.commit_in(&tree.path, "dropped");
    let dropped = scene.repo.git_in(&tree.path, &["rev-parse", "HEAD"]);
    scene.repo.git_in(&tree.path, &["reset", "--quiet", "--hard", "HEAD~1"]);
    fs::remove_dir_all(&tree.path).expect("removed");
    scene.prune(0);
    scene.prune(WEEK + 1);
    collect_garbage(&scene.repo);
    let own = own(&scene, &tree);
    own.pack().expect("packed");
    let file = scene.repo.git_in(&own.path, &["cat-file", "-p", &format!("{dropped}:dropped")]);
    assert_eq!(file, "hours of work");
}

#[test]
fn h40_a_removed_worktree_comes_back_with_the_command_that_is_printed() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("back");
    let head = scene.repo.git_in(&tree.path, &["rev-parse", "HEAD"]);
    assert_eq!(scene.prune(2), [PruneOutcome::Trashed]);
    assert_eq!(scene.prune(3 + WEEK), [PruneOutcome::Removed]);
    let words = scene.worktrees.fetch_command(&tree).expect("a command");
    scene.repo.git(&words[1..].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(scene.repo.git(&["rev-parse", "FETCH_HEAD^"]), head);
    assert_eq!(scene.repo.git(&["show", "FETCH_HEAD:work"]), "done");
}

#[test]
fn h40_the_command_that_is_printed_brings_back_dropped_commits_too() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("back");
    repo::write(&tree.path.join("dropped"), "hours of work\n");
    scene.repo.commit_in(&tree.path, "dropped");
    let dropped = scene.repo.git_in(&tree.path, &["rev-parse", "HEAD"]);
    scene.repo.git_in(&tree.path, &["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(scene.prune(2), [PruneOutcome::Trashed]);
    assert_eq!(scene.prune(3 + WEEK), [PruneOutcome::Removed]);
    collect_garbage(&scene.repo);
    let words = scene.worktrees.fetch_command(&tree).expect("a command");
    scene.repo.git(&words[1..].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(scene.repo.git(&["show", &format!("{dropped}:dropped")]), "hours of work");
    assert_eq!(scene.repo.git(&["show", "FETCH_HEAD:work"]), "done", "the files come first");
}

#[test]
fn h40_a_worktree_of_a_shallow_clone_is_archived_and_removed() {
    let repo = Repo::with_remote();
    repo.write("second", "2\n").commit("second").write("third", "3\n").commit("third");
    repo.git(&["push", "--quiet"]);
    // The first commits go, as in a shallow clone.
    repo.git(&["fetch", "--quiet", "--depth=1"]);
    collect_garbage(&repo);
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "1");
    let scene = Scene::new(repo);
    let tree = scene.pushed("shallow");
    repo::write(&tree.path.join("dropped"), "hours of work\n");
    scene.repo.commit_in(&tree.path, "dropped");
    let dropped = scene.repo.git_in(&tree.path, &["rev-parse", "HEAD"]);
    scene.repo.git_in(&tree.path, &["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(scene.prune(2), [PruneOutcome::Trashed]);
    assert_eq!(scene.prune(3 + WEEK), [PruneOutcome::Removed]);
    collect_garbage(&scene.repo);
    let own = own(&scene, &tree);
    let file = scene.repo.git_in(&own.path, &["cat-file", "-p", &format!("{dropped}:dropped")]);
    assert_eq!(file, "hours of work");
}

#[test]
fn h40_an_archive_of_a_worktree_without_dropped_commits_is_one_reference() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("plain");
    assert_eq!(scene.prune(2), [PruneOutcome::Trashed]);
    assert_eq!(scene.prune(3 + WEEK), [PruneOutcome::Removed]);
    let refs = own(&scene, &tree).refs("refs/salon/archive").expect("listed");
    assert_eq!(refs, [format!("refs/salon/archive/{}", tree.id)]);
}
