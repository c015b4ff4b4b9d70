//! Work that prevents the removal of a worktree: each kind alone is found, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use salon::domain::worktree::{IgnoredFile, RemovalObstacle as Obstacle};
use salon::git::{Git, Repository, obstacles};

use super::repo::{self, Repo};

fn found(repo: &Repo, worktree: &Path, initial: &[IgnoredFile]) -> Vec<Obstacle> {
    let opened = Repository::open(&repo.program(), worktree).expect("a repository");
    obstacles::obstacles(&opened, initial)
}

/// A pushed worktree whose branch has one commit of its own.
fn pushed() -> (Repo, PathBuf) {
    let repo = Repo::with_remote();
    let tree = repo.pushed_worktree("topic");
    repo::write(&tree.join("work"), "done\n");
    repo.commit_in(&tree, "work");
    repo.git_in(&tree, &["push", "--quiet"]);
    (repo, tree)
}

#[test]
fn e19_a_clean_and_pushed_worktree_has_no_obstacle() {
    let (repo, tree) = pushed();
    assert_eq!(found(&repo, &tree, &[]), []);
}

#[test]
fn e19_changed_files_are_obstacles_of_their_own() {
    let (repo, tree) = pushed();
    repo::write(&tree.join("work"), "changed\n");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Modified(1)]);
    repo.git_in(&tree, &["add", "work"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Staged(1)]);
    repo::write(&tree.join("work"), "again\n");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Modified(1), Obstacle::Staged(1)]);
    repo.git_in(&tree, &["reset", "--quiet", "--hard"]);
    repo::write(&tree.join("new/a"), "");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Untracked(1)]);
}

#[test]
fn e19_changes_that_git_does_not_look_for_are_obstacles() {
    let (repo, tree) = pushed();
    repo.git_in(&tree, &["update-index", "--assume-unchanged", "work"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Unwatched(1)]);
    repo.git_in(&tree, &["update-index", "--no-assume-unchanged", "work"]);
    repo.git_in(&tree, &["update-index", "--skip-worktree", "work"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Unwatched(1)]);
}

#[test]
fn e19_ignored_files_count_unless_they_were_there_at_the_start() {
    let (repo, tree) = pushed();
    repo::write(&repo.path().join(".git/info/exclude"), ".env\ntarget/\n");
    repo::write(&tree.join(".env"), "A=1\n");
    let opened = Repository::open(&repo.program(), &tree).expect("a repository");
    let initial = opened.ignored_files().expect("a status");
    assert_eq!(found(&repo, &tree, &initial), []);
    repo::write(&tree.join(".env"), "A=1\nB=2\n");
    assert_eq!(found(&repo, &tree, &initial), [Obstacle::Ignored(vec![".env".to_owned()])]);
    let initial = opened.ignored_files().expect("a status");
    repo::write(&tree.join("target/x"), "");
    assert_eq!(found(&repo, &tree, &initial), [Obstacle::Ignored(vec!["target/".to_owned()])]);
}

#[test]
fn e19_commits_count_with_and_without_an_upstream() {
    let (repo, tree) = pushed();
    repo.commit_in(&tree, "more");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Unpushed(1)]);
    repo.git_in(&tree, &["branch", "--unset-upstream"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Unpushed(1)]);
    // An upstream that is a local branch proves nothing.
    repo.git_in(&tree, &["branch", "--quiet", "copy"]);
    repo.git_in(&tree, &["branch", "--quiet", "--set-upstream-to=copy"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Unpushed(1)]);
}

#[test]
fn e19_a_detached_head_with_own_commits_is_an_obstacle() {
    let (repo, tree) = pushed();
    repo.git_in(&tree, &["checkout", "--quiet", "--detach"]);
    assert_eq!(found(&repo, &tree, &[]), []);
    repo.commit_in(&tree, "nowhere");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Detached(1)]);
}

#[test]
fn e19_a_stash_of_the_branch_is_an_obstacle_and_one_of_another_is_not() {
    let (repo, tree) = pushed();
    repo.write("readme", "main's\n").git(&["stash", "--quiet"]);
    assert_eq!(found(&repo, &tree, &[]), []);
    repo::write(&tree.join("work"), "kept\n");
    repo.git_in(&tree, &["stash", "--quiet"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Stashes(1)]);
}

#[test]
fn e19_operations_in_progress_are_obstacles() {
    let (repo, tree) = pushed();
    let head = repo.git_in(&tree, &["rev-parse", "HEAD"]);
    repo.git_in(&tree, &["bisect", "start"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Operation("a bisect")]);
    repo.git_in(&tree, &["bisect", "reset"]);
    for (args, name) in [
        (["rebase", "--quiet", "conflict"], "a rebase"),
        (["merge", "--quiet", "conflict"], "a merge"),
        (["cherry-pick", "--quit", "conflict"], "a cherry-pick"),
    ] {
        repo.git_in(&tree, &["branch", "--force", "conflict", "main"]);
        let other = repo.outside().join("other");
        repo.git(&["worktree", "add", "--quiet", other.to_str().expect("text"), "conflict"]);
        repo::write(&other.join("work"), "not the same\n");
        repo.commit_in(&other, "conflict");
        repo.git(&["worktree", "remove", other.to_str().expect("text")]);
        let args: Vec<_> = args.into_iter().filter(|arg| *arg != "--quit").collect();
        let conflict = repo.command(&tree, &args).output().expect("git");
        assert!(!conflict.status.success(), "{args:?}");
        let obstacles = found(&repo, &tree, &[]);
        assert!(obstacles.contains(&Obstacle::Operation(name)), "{args:?}: {obstacles:?}");
        repo.git_in(&tree, &[args[0], "--abort"]);
        assert_eq!(repo.git_in(&tree, &["rev-parse", "HEAD"]), head);
    }
}

#[test]
fn e19_a_lock_is_an_obstacle() {
    let (repo, tree) = pushed();
    repo.git(&["worktree", "lock", tree.to_str().expect("text")]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Locked]);
}

#[test]
fn e19_work_in_a_submodule_is_an_obstacle() {
    let (repo, tree) = pushed();
    let library = Repo::with_remote();
    let url = library.path().to_str().expect("text");
    repo.git_in(&tree, &["submodule", "--quiet", "add", url, "lib"]);
    repo.commit_in(&tree, "a submodule");
    repo.git_in(&tree, &["push", "--quiet"]);
    assert_eq!(found(&repo, &tree, &[]), []);
    let lib = tree.join("lib");
    repo::write(&lib.join("readme"), "changed\n");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Submodules(vec!["lib".to_owned()])]);
    repo.git_in(&lib, &["stash", "--quiet"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Submodules(vec!["lib".to_owned()])]);
    repo.git_in(&lib, &["stash", "drop", "--quiet"]);
    repo.git_in(&lib, &["checkout", "--quiet", "-b", "own"]);
    repo.commit_in(&lib, "own");
    repo.git_in(&lib, &["checkout", "--quiet", "main"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Submodules(vec!["lib".to_owned()])]);
}

#[test]
fn e19_commits_of_a_submodule_that_is_not_checked_out_any_more_are_an_obstacle() {
    let (repo, tree) = pushed();
    let library = Repo::with_remote();
    let url = library.path().to_str().expect("text");
    repo.git_in(&tree, &["submodule", "--quiet", "add", url, "libs/lib"]);
    repo.commit_in(&tree, "a submodule");
    repo.git_in(&tree, &["push", "--quiet"]);
    let lib = tree.join("libs/lib");
    let recorded = repo.git_in(&lib, &["rev-parse", "HEAD"]);
    repo.git_in(&tree, &["submodule", "--quiet", "deinit", "libs/lib"]);
    assert_eq!(found(&repo, &tree, &[]), []);
    repo.git_in(&tree, &["submodule", "--quiet", "update", "--init"]);
    repo.git_in(&lib, &["checkout", "--quiet", "-b", "own"]);
    repo.commit_in(&lib, "own");
    repo.git_in(&lib, &["checkout", "--quiet", &recorded]);
    repo.git_in(&tree, &["submodule", "--quiet", "deinit", "libs/lib"]);
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Submodules(vec!["libs/lib".to_owned()])]);
}

#[test]
fn e19_every_change_within_an_ignored_directory_is_an_obstacle() {
    let (repo, tree) = pushed();
    repo::write(&repo.path().join(".git/info/exclude"), "local/\n");
    let file = tree.join("local/a/b");
    repo::write(&file, "one\n");
    let opened = Repository::open(&repo.program(), &tree).expect("a repository");
    let initial = opened.ignored_files().expect("a status");
    let changed = [Obstacle::Ignored(vec!["local/".to_owned()])];
    assert_eq!(found(&repo, &tree, &initial), []);
    let written = fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("a time");
    let set_time = |time| fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(time));
    fs::write(&file, "two\n").expect("written");
    set_time(written + Duration::from_secs(1)).expect("set");
    assert_eq!(found(&repo, &tree, &initial), changed, "of the same size");
    fs::write(&file, "one\n").expect("written");
    set_time(written).expect("set");
    assert_eq!(found(&repo, &tree, &initial), []);
    fs::rename(&file, tree.join("local/a/c")).expect("renamed");
    assert_eq!(found(&repo, &tree, &initial), changed, "another name");
    fs::rename(tree.join("local/a/c"), &file).expect("renamed back");
    fs::create_dir(tree.join("local/empty")).expect("created");
    assert_eq!(found(&repo, &tree, &initial), changed, "a folder more");
    fs::remove_dir(tree.join("local/empty")).expect("removed");
    // A record of an older salon says nothing about what was in the directory.
    let old: Vec<IgnoredFile> =
        serde_json::from_str(r#"[{"path":"local/","bytes":0,"modified":0}]"#).expect("an old record");
    assert_eq!(found(&repo, &tree, &old), changed);
}

#[test]
#[cfg(target_os = "linux")]
fn e19_a_process_with_its_directory_inside_is_an_obstacle() {
    let (repo, tree) = pushed();
    let inside = tree.join("sub");
    fs::create_dir(&inside).expect("created");
    let mut child = Command::new("cat").current_dir(&inside).stdin(Stdio::piped()).spawn().expect("a process");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Processes(vec![child.id()])]);
    child.kill().expect("killed");
    child.wait().expect("reaped");
    assert_eq!(found(&repo, &tree, &[]), []);
}

#[test]
fn e19_a_check_that_fails_or_hangs_is_an_obstacle() {
    let (repo, tree) = pushed();
    let opened = Repository::open(&repo.program(), &tree).expect("a repository");
    fs::write(opened.git_dir.join("index"), "damaged").expect("written");
    let obstacles = obstacles::obstacles(&opened, &[]);
    assert!(obstacles.iter().all(|obstacle| obstacle.code() == "unknown") && !obstacles.is_empty(), "{obstacles:?}");
    // A git that finds the repository, and hangs afterwards.
    let real = repo.git(&["--exec-path"]);
    let script =
        format!("#!/bin/sh\ncase \" $* \" in *\" status \"*) exec sleep 1000;; esac\nexec {real}/git \"$@\"\n");
    repo::executable(&repo.outside().join("bin/git"), &script);
    let path = format!("{}:{}", repo.outside().join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let slow = Git::new([("PATH".to_owned(), path)]).with_limit(Duration::from_secs(1));
    let hanging = Repository::open(&slow, repo.path()).expect("a repository");
    let obstacles = obstacles::obstacles(&hanging, &[]);
    assert!(obstacles.iter().any(|obstacle| obstacle.to_string().contains("did not end within 1 s")), "{obstacles:?}");
}

#[test]
fn e20_a_squash_merged_branch_counts_as_pushed_until_it_has_another_commit() {
    let (repo, tree) = pushed();
    repo::write(&tree.join("work"), "done\nmore\n");
    repo.commit_in(&tree, "second");
    repo.git_in(&tree, &["push", "--quiet"]);
    // The squash lands with other commits around it, and the remote branch is deleted.
    repo.write("other", "1\n").commit("before");
    repo.git(&["merge", "--quiet", "--squash", "topic"]);
    repo.commit("squashed").write("other", "2\n").commit("after").git(&["push", "--quiet", "origin", "main"]);
    repo.git(&["push", "--quiet", "origin", "--delete", "topic"]);
    repo.git(&["fetch", "--quiet", "--prune"]);
    assert_eq!(found(&repo, &tree, &[]), []);
    repo::write(&tree.join("work"), "done\nmore\nand more\n");
    repo.commit_in(&tree, "third");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Unpushed(3)]);
}

#[test]
fn e20_a_rebased_branch_counts_as_pushed() {
    let (repo, tree) = pushed();
    repo.write("other", "1\n").commit("before");
    repo.git(&["cherry-pick", "topic"]);
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo.git(&["push", "--quiet", "origin", "--delete", "topic"]);
    assert_eq!(found(&repo, &tree, &[]), []);
}

#[test]
fn without_a_remote_a_commit_that_another_branch_has_is_no_obstacle() {
    let repo = Repo::new();
    let tree = repo.outside().join("topic");
    repo.git(&["worktree", "add", "--quiet", "-b", "topic", tree.to_str().expect("text")]);
    assert_eq!(found(&repo, &tree, &[]), []);
    repo.commit_in(&tree, "own");
    assert_eq!(found(&repo, &tree, &[]), [Obstacle::Unpushed(1)]);
    repo.git(&["merge", "--quiet", "topic"]);
    assert_eq!(found(&repo, &tree, &[]), []);
}
