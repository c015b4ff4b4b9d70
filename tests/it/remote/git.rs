//! Worktrees and commands of git of another machine: it runs them itself, in this terminal where they ask something.

use std::path::Path;

use serde_json::Value;

use super::runs::Machine;
use super::screen::window;
use super::{Peer, json, run};
use crate::changes::Transcript;
use crate::git::repo::Repo;
use crate::support::Home;

fn names(list: &Value) -> Vec<&str> {
    let worktrees = list["worktrees"].as_array().expect("worktrees").iter();
    worktrees.map(|worktree| worktree["name"].as_str().expect("a name")).collect()
}

#[test]
fn worktrees_of_a_machine_are_created_listed_and_removed_there() {
    let (home, peer, repo) = (Home::empty(), Peer::of(&[]), Repo::new());
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let dir = format!("box:{}", repo.path().display());
    let created = json(&home, &peer, &["worktree", "new", "fix-login", "--dir", &dir, "--json"]);
    let worktree = &created["worktree"];
    assert_eq!((&worktree["host"], &worktree["branch"]), (&"box".into(), &"fix-login".into()), "{created}");
    let path = Path::new(worktree["path"].as_str().expect("a path"));
    assert!(path.starts_with(peer.home()) && path.join("readme").exists(), "{created}");
    assert!(json(&home, &peer, &["worktree", "list", "--json"])["worktrees"].as_array().expect("none").is_empty());
    let listed = json(&home, &peer, &["worktree", "list", "--host", "box", "--json"]);
    assert_eq!((names(&listed), &listed["worktrees"][0]["host"]), (vec!["fix-login"], &"box".into()));
    let shown = json(&home, &peer, &["worktree", "show", "box:fix-login", "--json"]);
    assert_eq!(shown["worktree"]["name"], "fix-login");
    // What is said about work in it is said there.
    std::fs::write(path.join("new"), "work").expect("written");
    let refused = run(&home, &peer, &["worktree", "trash", "box:fix-login"]);
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(refused.status.code() == Some(1) && text.contains("refused"), "{refused:?}");
    let unknown = run(&home, &peer, &["worktree", "list", "--host", "nowhere"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no machine is named \"nowhere\""), "{unknown:?}");
    let mixed = run(&home, &peer, &["worktree", "trash", "box:fix-login", "fix-login"]);
    assert_eq!(mixed.status.code(), Some(2));
}

#[test]
fn a_command_for_a_machine_without_salon_says_so() {
    let (home, peer, repo) = (Home::empty(), Peer::of(&["claude/2.1.329"]).without_salon(), Repo::new());
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let dir = format!("box:{}", repo.path().display());
    let id = "box:claude:0eb326a8-825c-4422-af12-0fa163f5428a";
    for args in [&["worktree", "new", "x", "--dir", &*dir][..], &["diff", id], &["export", id], &["send", id, "hello"]]
    {
        let refused = run(&home, &peer, args);
        let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            refused.status.code() == Some(1) && reason.contains("salon is not installed on box"),
            "{args:?}: {refused:?}"
        );
        assert!(reason.contains("salon source install box"), "{reason}");
    }
}

#[test]
fn a_session_starts_in_a_new_worktree_of_its_machine() {
    let machine = Machine::new();
    let (home, repo) = (Home::empty(), Repo::new());
    json(&home, &machine.peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let dir = format!("box:{}", repo.path().display());
    // Without a terminal the whole command runs there; its prompt is no argument.
    let turn = run(&home, &machine.peer, &["new", "say from the worktree", "--dir", &dir, "--worktree"]);
    let answer = String::from_utf8_lossy(&turn.stdout).into_owned();
    assert!(turn.status.success() && answer.contains("from the worktree"), "{turn:?}");
    assert!(!machine.peer.calls().contains("say from the worktree"), "{}", machine.peer.calls());
    let listed = json(&home, &machine.peer, &["worktree", "list", "--host", "box", "--json"]);
    assert_eq!(names(&listed), ["say-from-the-worktree"]);
    // On the screen, the form creates it there too.
    let mut window = window(&home, &machine.peer);
    window.wait_for_text("from the worktree");
    window.send("n");
    window.wait_for_text("New session");
    window.send("say once more\x1b[A\x1b[A\x1b[A ");
    window.wait_for_text("say-once-more");
    window.send("\r");
    window.wait_for("the answer", |screen| screen.contents().matches("once more").count() >= 2);
    let listed = json(&home, &machine.peer, &["worktree", "list", "--host", "box", "--json"]);
    assert!(names(&listed).contains(&"say-once-more"), "{listed}");
    let worktrees = repo.git(&["worktree", "list"]);
    assert!(worktrees.contains("say-once-more"), "{worktrees}");
    assert_eq!(machine.agents.prompts(), ["say from the worktree", "say once more"]);
}

#[test]
fn models_and_modes_of_a_new_session_are_those_of_its_machine() {
    let machine = Machine::new();
    let home = Home::empty();
    json(&home, &machine.peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let mut window = window(&home, &machine.peer);
    window.wait_for_text("n new session");
    window.send("n");
    window.wait_for_text("New session");
    // Claude Code is not installed here, and nothing says so once the directory is there.
    window.wait_for_text("(not installed)");
    window.send("\x1b[A\x1b[A\x1b[A\x1b[A\x15box:/\t\t\t");
    window.wait_for("it is no matter what is installed here", |screen| !screen.contents().contains("(not installed)"));
    window.wait_for_text("acceptEdits");
    assert!(machine.peer.home().join("run/serve.sock").exists(), "it was asked for its models");
}

#[test]
fn changes_of_a_machine_are_committed_there_in_this_terminal() {
    let (home, peer, repo) = (Home::empty(), Peer::of(&[]), Repo::new());
    let transcript = Transcript::new("aaaa", repo.path()).prompt("Shout the second line");
    let transcript = transcript.edit(&repo.path().join("readme"), "two\n", "TWO\n");
    transcript.write_below(&peer.home());
    repo.write("readme", "one\nTWO\nthree\n");
    let drafts = peer.dir.path().join("tmp");
    std::fs::create_dir(&drafts).expect("created");
    let environment = format!(
        "export GIT_EDITOR=true GIT_AUTHOR_NAME=Zoe GIT_AUTHOR_EMAIL=z@box GIT_COMMITTER_NAME=Zoe \
         GIT_COMMITTER_EMAIL=z@box SHELL=/bin/sh TMPDIR='{}'\n",
        drafts.display()
    );
    std::fs::write(peer.dir.path().join("env"), environment).expect("written");
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let mut window = window(&home, &peer);
    window.wait_for_text("Shout the second line");
    window.send("c");
    window.wait_for_text("+ TWO");
    window.send("s");
    window.wait_for_text("git commit --edit --file");
    window.wait_for_text("box: ");
    let choice = window.contents();
    let line = choice.lines().find(|line| line.contains("git commit --edit")).expect("the choice").to_owned();
    let before = &line[..line.find("git ").expect("the command")];
    let number: String = before.chars().rev().find(char::is_ascii_digit).expect("a number").into();
    window.send(&number);
    window.wait_for_text("Committed");
    let log = repo.git(&["log", "-1", "--format=%an %s"]);
    assert_eq!(log.trim(), "Zoe Shout the second line");
    assert!(repo.git(&["status", "--porcelain"]).is_empty());
    let calls = peer.calls();
    assert!(!calls.contains("Shout"), "no argument contains the message: {calls}");
    let left: Vec<_> = std::fs::read_dir(&drafts).expect("drafts").flatten().map(|item| item.path()).collect();
    assert!(!left.iter().any(|file| file.extension().is_some_and(|kind| kind == "md")), "{left:?}");
}
