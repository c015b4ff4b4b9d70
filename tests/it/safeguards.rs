//! What holds for the program as a whole: without agents, with private files, and with records of its own only where
//! they are needed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::Home;

const ALL: [&str; 6] =
    ["claude/2.1.329", "codex/0.169.0", "gemini/0.61.0", "goose/1.34.0", "opencode/1.18.33", "qwen/0.24.4"];

fn run(home: &Home, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(args).env_clear().current_dir(home.path()).stdin(Stdio::null());
    command.env("HOME", home.path()).env("PATH", "/nowhere").env("SALON_NOW", "2026-11-21T12:00:00Z").env("TZ", "UTC");
    command.env("SALON_LOG", "trace").output().expect("salon runs")
}

fn json(home: &Home, args: &[&str]) -> Value {
    let output = run(home, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("one object")
}

fn sessions(home: &Home) -> Vec<Value> {
    json(home, &["list", "--json", "--hidden"])["sessions"].as_array().expect("sessions").clone()
}

fn name(session: &Value) -> String {
    format!("{}:{}", session["agent"].as_str().expect("agent"), session["id"].as_str().expect("id"))
}

fn data_dir(home: &Home) -> PathBuf {
    home.path().join(".local/share/salon")
}

/// All files and directories below a directory, and the directory.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let below = below.flat_map(|path| if path.is_dir() { tree(&path) } else { vec![path] });
    std::iter::once(dir.to_owned()).chain(below).collect()
}

#[test]
fn c17_h48_every_session_is_read_without_any_agent_or_server() {
    let home = Home::of(&ALL);
    let sessions = sessions(&home);
    for agent in ["claude", "codex", "gemini", "goose", "opencode", "qwen"] {
        let longest = sessions.iter().filter(|session| session["agent"] == agent);
        let longest = longest.max_by_key(|session| session["messages"].as_u64()).expect(agent);
        let shown = json(&home, &["show", &name(longest), "--json"]);
        assert_eq!(shown["total"], longest["messages"], "{agent}");
        assert!(shown["entries"].as_array().is_some_and(|entries| !entries.is_empty()), "{agent}");
    }
    let doctor = json(&home, &["doctor", "--json"]);
    let versions = doctor["agents"].as_array().expect("agents").iter().map(|agent| &agent["version"]);
    assert!(versions.into_iter().all(Value::is_null), "an agent was found: {doctor}");
}

#[test]
fn c23_thinking_is_an_entry_of_its_own_and_no_part_of_an_answer() {
    let home = Home::of(&ALL);
    let mut seen = 0;
    for session in sessions(&home) {
        let shown = json(&home, &["show", &name(&session), "--json"]);
        let entries = shown["entries"].as_array().expect("entries").clone();
        let texts = |kind: &str| {
            let of_kind = entries.iter().filter(move |entry| entry["kind"] == kind);
            of_kind.map(|entry| entry["text"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        let answers = texts("text");
        for thought in texts("thinking").into_iter().filter(|thought| thought.len() > 20) {
            assert!(!answers.iter().any(|answer| answer.contains(&thought)), "{}: {thought}", name(&session));
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen} thoughts in the fixtures");
}

#[test]
fn d27_a_title_that_changes_on_disk_replaces_the_cached_one() {
    let home = Home::of(&ALL[..1]);
    let before = sessions(&home);
    let session = before.iter().find(|session| session["path"].as_str().is_some_and(|path| path.contains(".jsonl")));
    let session = session.expect("a session");
    let record = serde_json::json!({"type": "custom-title", "customTitle": "Named anew", "sessionId": session["id"]});
    let path = session["path"].as_str().expect("path");
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("open");
    writeln!(file, "{record}").expect("append");
    let after = sessions(&home);
    let renamed = after.iter().find(|other| other["id"] == session["id"]).expect("still there");
    assert_eq!((&renamed["title"], &renamed["title_source"]), (&"Named anew".into(), &"user".into()));
}

#[test]
fn h32_listing_reading_and_searching_record_no_session() {
    let home = Home::of(&ALL);
    let first = sessions(&home);
    run(&home, &["show", &name(&first[0])]);
    run(&home, &["search", "the"]);
    sessions(&home);
    let state = data_dir(&home).join("state.db");
    if state.exists() {
        let db = Connection::open(state).expect("open");
        let runs: i64 = db.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).expect("count");
        assert_eq!(runs, 0);
    }
}

#[test]
fn h33_own_files_are_private_and_the_log_contains_no_text_of_a_session() {
    let home = Home::of(&ALL);
    let sessions = sessions(&home);
    for session in sessions.iter().take(8) {
        run(&home, &["show", &name(session)]);
    }
    run(&home, &["search", "hello"]);
    let own = [data_dir(&home), home.path().join(".cache/salon")];
    let mut files = 0;
    for path in own.iter().flat_map(|dir| tree(dir)) {
        let metadata = fs::metadata(&path).expect("metadata");
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, expected, "{}", path.display());
        files += usize::from(metadata.is_file());
    }
    assert!(files > 2, "{files} files");
    let log = fs::read_to_string(data_dir(&home).join("salon.log")).expect("a log");
    let titles = sessions.iter().filter_map(|session| session["title"].as_str()).filter(|title| title.len() > 8);
    for title in titles {
        assert!(!log.contains(title), "the log contains \"{title}\"");
    }
}
