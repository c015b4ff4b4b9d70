//! A hostile repository: whatever its configuration names writes a file when it runs. Looking at it never does.

use std::fs;
use std::path::PathBuf;

use salon::git::obstacles;
use salon::git::own_repository::OwnRepository;
use salon::git::status::IgnoredFiles;

use super::repo::{self, Repo};

/// Creates a repository in which everything that can be configured runs a program, and the path of what that writes.
fn hostile() -> (Repo, PathBuf) {
    let repo = Repo::with_remote();
    let (program, ran) = (repo.outside().join("program"), repo.outside().join("ran"));
    repo.write(".gitattributes", "* filter=evil diff=evil merge=evil\nreadme filter=a=b\n").commit("attributes");
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    repo.write("readme", "other\ntwo\nthree\n").commit("other").git(&["checkout", "--quiet", "main"]);
    repo.write("readme", "main\ntwo\nthree\n").commit("main");
    repo::executable(&program, &format!("#!/bin/sh\necho \"$0 $@\" >> {}\ncat\n", ran.display()));
    let program = program.to_str().expect("text");
    for hook in ["post-checkout", "pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman"] {
        repo::executable(&repo.path().join(".git/hooks").join(hook), &format!("#!/bin/sh\n{program} {hook}\n"));
    }
    let settings = [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "core.askPass",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "merge.evil.driver",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "filter.a=b.clean",
        "credential.helper",
        "gpg.program",
        "pager.status",
        "pager.log",
        "core.alternateRefsCommand",
    ];
    for name in settings {
        repo.git(&["config", name, program]);
    }
    for (name, value) in [
        ("filter.evil.required", "true"),
        ("log.showSignature", "true"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", "ssh://nowhere.invalid/x"),
        ("protocol.allow", "always"),
        ("status.showUntrackedFiles", "no"),
    ] {
        repo.git(&["config", name, value]);
    }
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    (repo, ran)
}

#[test]
fn looking_at_a_hostile_repository_runs_nothing() {
    let (repo, ran) = hostile();
    // The index cannot know these, so that each filter and comparison would have to run.
    repo.write("readme", "uno\ntwo\nthree\n").write("new", "x\n");
    fs::remove_file(&ran).ok();
    let opened = repo.open();
    let status = opened.status(IgnoredFiles::Listed).expect("a status");
    assert!(status.changes.len() >= 2, "settings cannot hide files: {status:?}");
    opened.worktrees().expect("a list");
    opened.commit("HEAD").expect("a commit");
    opened.own_commits(&status).expect("commits");
    obstacles::obstacles(&opened, &[]);
    let own = OwnRepository::open(&repo.program(), &repo.outside().join("own"), &opened.common_dir).expect("opened");
    let snapshot = own.snapshot(&opened).expect("a snapshot");
    own.diff(&opened.commit("HEAD").expect("a commit"), &snapshot).expect("a diff");
    opened.commit("refs/heads/none").expect_err("unknown");
    opened.remotes().expect("remotes");
    assert!(opened.is_ancestor("HEAD", "other").is_ok() && opened.merge_base("HEAD", "other").is_ok());
    let [main, other] = ["main", "other"].map(|name| opened.commit(name).expect("a commit"));
    assert_eq!(own.merge_conflicts(&main, &other).expect("tried"), ["readme"]);
    // An object that is missing would be fetched from the promisor.
    assert!(opened.read("cat-file").args(["-p", &"1".repeat(40)]).run().is_err());
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap_or_default());
}

#[test]
fn the_programs_of_the_hostile_repository_do_run_by_hand() {
    let (repo, ran) = hostile();
    repo.write("readme", "uno\ntwo\nthree\n");
    fs::remove_file(&ran).ok();
    // Without this, the other test would prove nothing.
    repo.command(repo.path(), &["status"]).output().expect("git");
    let first = fs::read_to_string(&ran).expect("it ran");
    repo.command(repo.path(), &["diff"]).output().expect("git");
    assert!(fs::read_to_string(&ran).expect("it ran").len() > first.len());
}
