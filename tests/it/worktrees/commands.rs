//! `salon worktree` and `salon new --worktree`, from the view of a script.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use salon::store::{Store, registry, turn_snapshots};
use serde_json::Value;

use crate::cli::{code, json};
use crate::git::repo::{self, Repo};
use crate::support::Home;

/// Runs salon in a directory, with a home of its own.
fn salon(home: &Home, dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(args).current_dir(dir).env_clear().env("HOME", home.path()).env("SALON_NOW", "2026-11-21T12:00:00Z");
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    for name in ["CONFIG", "DATA", "CACHE", "RUNTIME"] {
        command.env(format!("SALON_{name}_DIR"), home.path().join(name.to_lowercase()));
    }
    command.stdin(Stdio::null()).output().expect("salon")
}

#[test]
fn worktrees_are_created_listed_moved_to_the_trash_and_restored() {
    let (home, repo) = (Home::empty(), Repo::with_remote());
    let run = |args: &[&str]| salon(&home, repo.path(), args);
    let created = json(&run(&["worktree", "new", "Fix the login", "--json"]));
    assert_eq!((&created["worktree"]["branch"], &created["failure"]), (&Value::from("fix-the-login"), &Value::Null));
    let path = created["worktree"]["path"].as_str().expect("a path").to_owned();
    let printed = run(&["worktree", "new", "second"]);
    assert!(String::from_utf8_lossy(&printed.stdout).trim_end().ends_with("/shop/second"));
    repo::write(&Path::new(&path).join("new"), "");
    let listed = json(&run(&["worktree", "list", "--json"]));
    let rows = listed["worktrees"].as_array().expect("rows");
    let first = rows.iter().find(|row| row["name"] == "fix-the-login").expect("listed");
    assert_eq!((&first["status"]["changed"], &first["phase"]), (&Value::from(1), &Value::from("ready")));
    let refused = run(&["worktree", "trash", "fix-the-login", "--json"]);
    assert_eq!(code(&refused), 1);
    let reason = json(&refused)["worktrees"][0]["reasons"][0].clone();
    assert_eq!((&reason["code"], &reason["message"]), (&Value::from("untracked"), &Value::from("1 untracked file")));
    std::fs::remove_file(Path::new(&path).join("new")).expect("removed");
    assert_eq!(code(&run(&["worktree", "trash", "fix-the-login"])), 0);
    assert_eq!(code(&run(&["worktree", "restore", &path])), 0);
    assert_eq!(code(&run(&["worktree", "restore", &path])), 1, "not in the trash any more");
    assert_eq!(code(&run(&["worktree", "trash", "none"])), 1);
    let planned = json(&run(&["worktree", "prune", "--dry-run", "--json"]));
    assert_eq!(planned["worktrees"].as_array().map(Vec::len), Some(0), "{planned}");
}

#[test]
fn a_directory_without_a_repository_is_an_error_with_a_reason() {
    let (home, repo) = (Home::empty(), Repo::new());
    let failed = salon(&home, &repo.outside(), &["worktree", "new", "--json"]);
    assert_eq!(code(&failed), 1);
    let message = json(&failed)["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.ends_with("is not in a git repository"), "{message}");
}

#[test]
fn a_session_starts_in_a_worktree_of_its_own() {
    let (home, repo) = (Home::empty(), Repo::with_remote());
    repo.write("sub/x", "").commit("a folder");
    let agents = crate::support::Agents::of(&["claude"]);
    let path = format!("{}:{}", agents.search_path(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(["new", "Fix the login", "--worktree", "--json"]).current_dir(repo.path().join("sub"));
    command.stdin(Stdio::null());
    command.env_clear().env("HOME", home.path()).env("PATH", path).env("FAKE_LOG", agents.log_file());
    for name in ["CONFIG", "DATA", "CACHE", "RUNTIME"] {
        command.env(format!("SALON_{name}_DIR"), home.path().join(name.to_lowercase()));
    }
    let output = command.output().expect("salon");
    assert!(String::from_utf8_lossy(&output.stderr).contains("on the new branch fix-the-login"), "{output:?}");
    let store = Store::open(&home.path().join("data/state.db"), crate::support::clock()).expect("open").store;
    let runs = store.with(|db| registry::runs(db)).expect("runs");
    assert!(runs[0].cwd.ends_with("/worktrees/shop/fix-the-login/sub"), "{}", runs[0].cwd);
    let snapshots = store.with(|db| turn_snapshots::of_run(db, &runs[0].id)).expect("snapshots");
    assert_eq!(snapshots.len(), 1, "the files before and after the turn");
    assert_eq!(snapshots[0].after.as_ref(), Some(&snapshots[0].before), "the agent changed nothing");
}

#[test]
fn the_output_of_the_setup_is_printed_later_too() {
    let (home, repo) = (Home::empty(), Repo::with_remote());
    let config =
        format!("[workspaces.\"{}\"]\nsetup = [\"sh -c 'echo port $SALON_PORT; exit 3'\"]\n", repo.path().display());
    repo::write(&home.path().join("config/config.toml"), &config);
    let run = |args: &[&str]| salon(&home, repo.path(), args);
    assert_eq!(code(&run(&["worktree", "new", "fix"])), 1, "the setup failed");
    let shown = json(&run(&["worktree", "show", "fix", "--json"]));
    let port = shown["worktree"]["port"].as_u64().expect("a port");
    assert_eq!(shown["setup"][0]["output"], format!("port {port}\n"));
    assert_eq!(shown["setup"][0]["exit_code"], 3);
    let text = String::from_utf8(run(&["worktree", "show", "fix"]).stdout).expect("text");
    assert!(text.contains("\n$ sh -c ") && text.contains("failed: exit status: 3\n"), "{text}");
    assert_eq!(code(&run(&["worktree", "show", "none"])), 1);
}

#[test]
fn a_prune_with_nothing_due_does_not_say_that_there_are_no_worktrees() {
    let (home, repo) = (Home::empty(), Repo::with_remote());
    let run = |args: &[&str]| salon(&home, repo.path(), args);
    let said = |output: Output| String::from_utf8(output.stderr).expect("text");
    assert!(said(run(&["worktree", "prune", "--dry-run"])).contains("there is no worktree of salon"));
    run(&["worktree", "new", "mine"]);
    let said = said(run(&["worktree", "prune", "--dry-run"]));
    assert!(said.contains("no worktree is due: each was used within the last hour"), "{said}");
}

#[test]
fn setup_commands_that_cannot_be_read_are_named_when_a_worktree_is_created() {
    let (home, repo) = (Home::empty(), Repo::with_remote());
    let table = format!("[workspaces.\"{}\"]\nsetup = [[\"npm\", \"install\"]]\n", repo.path().display());
    repo::write(&home.path().join("config/config.toml"), &table);
    let created = salon(&home, repo.path(), &["worktree", "new", "mine"]);
    let said = String::from_utf8(created.stderr).expect("text");
    assert!(said.contains(".setup: [\"npm\", \"install\"] is not a command line"), "{said}");
}
