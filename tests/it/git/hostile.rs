//! A hostile repository: whatever its configuration names writes a file when it runs. Looking at it never does.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use salon::git::obstacles;
use salon::git::own_repository::OwnRepository;
use salon::git::status::IgnoredFiles;

use super::repo::{self, Repo};
use crate::changes::Transcript;
use crate::support::Home;

/// Creates a repository in which everything that can be configured runs a program, and the path of what that writes.
fn hostile() -> (Repo, PathBuf) {
    let repo = Repo::with_remote();
    let ran = make_hostile(&repo);
    (repo, ran)
}

/// Makes a repository with a remote and a pushed commit hostile. Returns the path of what its programs write.
fn make_hostile(repo: &Repo) -> PathBuf {
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
        "core.gitProxy",
        "gpg.ssh.program",
        "interactive.diffFilter",
        "sequence.editor",
        "uploadpack.packObjectsHook",
        "remote.origin.uploadpack",
    ];
    for name in settings {
        repo.git(&["config", name, program]);
    }
    let included = repo.outside().join("included");
    let sections = ["filter \"evil\"", "diff \"evil\"", "filter \"more\""];
    let text =
        |section| format!("[{section}]\n\tclean = {program} a\n\tsmudge = {program} b\n\ttextconv = {program} c\n");
    repo::write(&included, &sections.map(text).concat());
    repo.git(&["config", "include.path", included.to_str().expect("text")]);
    for alias in ["status", "rev-parse", "diff-tree", "for-each-ref"] {
        repo.git(&["config", &format!("alias.{alias}"), &format!("!{program} alias")]);
    }
    for (name, value) in [
        ("filter.evil.required", "true"),
        ("log.showSignature", "true"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", "ssh://nowhere.invalid/x"),
        ("protocol.allow", "always"),
        ("protocol.ext.allow", "always"),
        ("remote.other.url", format!("ext::{program} %S").as_str()),
        ("remote.other.promisor", "true"),
        ("status.showUntrackedFiles", "no"),
    ] {
        repo.git(&["config", name, value]);
    }
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    ran
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

#[test]
fn commands_in_a_hostile_repository_run_nothing() {
    let (home, repo) = (Home::empty(), Repo::with_remote());
    let salon = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
        command.args(args).current_dir(repo.path()).env_clear().env("HOME", home.path());
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        let output = command.stdin(Stdio::null()).output().expect("salon");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (_, path) = salon(&["worktree", "new", "mine"]);
    let tree = PathBuf::from(path.trim());
    let ran = make_hostile(&repo);
    // A worktree may have a configuration of its own.
    repo.git(&["config", "extensions.worktreeConfig", "true"]);
    let program = repo.outside().join("program");
    for name in ["core.fsmonitor", "filter.own.clean", "filter.own.process", "diff.external"] {
        repo.git_in(&tree, &["config", "--worktree", name, program.to_str().expect("text")]);
    }
    repo::write(&tree.join(".gitattributes"), "* filter=own diff=evil\n*.more filter=more\n");
    repo::write(&tree.join("readme"), "changed\n");
    repo::write(&tree.join("new.more"), "new\n");
    let session = Transcript::new("aaaa", &tree).prompt("p").edit(&tree.join("readme"), "two\n", "TWO\n");
    session.write_below(home.path());
    fs::remove_file(&ran).ok();
    let commands: [&[&str]; 6] = [
        &["list"],
        &["diff", &session.id],
        &["diff", &session.id, "--since", "HEAD"],
        &["worktree", "list"],
        &["worktree", "show", "mine"],
        &["worktree", "prune", "--dry-run"],
    ];
    for args in commands {
        assert!(salon(args).0, "{args:?}");
        assert!(!ran.exists(), "{args:?}: {}", fs::read_to_string(&ran).unwrap_or_default());
    }
    assert!(salon(&["diff", &session.id, "--since", "HEAD"]).1.contains("+changed"));
    let (is_moved, said) = salon(&["worktree", "trash", "mine"]);
    assert!(!is_moved && said.contains("modified"), "{said}");
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap_or_default());
    // Without this, the test would prove nothing.
    repo.command(&tree, &["status"]).output().expect("git");
    assert!(ran.exists());
}
