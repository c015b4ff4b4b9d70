//! `salon doctor`: files that no reader understands, and kinds that this version does not know.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use crate::support::{copy_tree, fixtures};

/// A home with sessions of all agents.
fn everything() -> Case {
    let case = Case::of("43-surrogates-other-agents");
    for name in ["claude/2.1.329", "codex/0.169.0", "gemini/0.61.0", "goose/1.34.0", "qwen/0.24.4", "gemini/0.24.5"] {
        copy_tree(&fixtures().join(name).join("home"), case.path());
    }
    case
}

fn unread(case: &Case) -> Vec<(String, String)> {
    let report = case.json(&["doctor"]);
    let issues = report["issues"].as_array().expect("issues").iter();
    let fact = |issue: &Value| {
        let path = issue["path"].as_str()?.rsplit('/').next()?.to_owned();
        Some((path, issue["reason"].as_str()?.strip_prefix("found, not read: ")?.to_owned()))
    };
    issues.filter_map(fact).collect()
}

#[test]
fn files_that_look_like_sessions_and_are_not_understood_are_named() {
    let case = everything();
    assert_eq!(unread(&case), [], "what the agents themselves wrote is known");
    let record =
        json!({"type": "user", "sessionId": "x", "message": {"role": "user", "content": "secret"}}).to_string();
    for path in [
        ".claude/projects/-home-dev/one.jsonl.bak",
        ".codex/sessions/2026/01/02/rollout-two.txt",
        ".gemini/tmp/p/chats/three.json",
        ".qwen/projects/-home-dev/chats/four.json",
        ".local/share/goose/sessions/five.old",
        ".local/share/opencode/storage/session/p/six.json",
        ".codex/conversations/2025/seven.json",
        ".claude/transcripts/eight.jsonl",
        ".gemini/nine.json",
    ] {
        let path = case.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, &record).expect("written");
    }
    // A saved chat, and a file whose beginning is long.
    let saved = json!([{"role": "user", "parts": [{"text": "secret"}]}]).to_string();
    fs::write(case.path().join(".gemini/tmp/p/checkpoint-ten.json"), saved).expect("written");
    let long = format!("\u{feff}{{\"note\": \"{}\", \"messages\": []}}", "x".repeat(8000));
    fs::write(case.path().join(".codex/sessions/eleven.json"), long).expect("written");
    let data = case.path().join(".local/share/opencode");
    fs::copy(data.join("opencode.db"), data.join("backup.sqlite")).expect("copied");
    let mut found: Vec<String> = unread(&case).into_iter().map(|(path, _)| path).collect();
    found.sort();
    let expected = [
        "backup.sqlite",
        "checkpoint-ten.json",
        "eight.jsonl",
        "eleven.json",
        "five.old",
        "four.json",
        "nine.json",
        "one.jsonl.bak",
        "rollout-two.txt",
        "seven.json",
        "six.json",
        "three.json",
    ];
    assert_eq!(found, expected);
    let printed = case.json(&["doctor"]).to_string();
    assert!(!printed.contains("secret"), "no content");
}

#[test]
fn unknown_kinds_and_fields_are_counted_without_their_content() {
    let case = everything();
    let unknown = |case: &Case| case.json(&["doctor", "--unknown"])["unknown"].as_array().expect("a list").clone();
    assert_eq!(unknown(&case), Vec::<Value>::new(), "the fixtures are known");
    let folder = case.path().join(".claude/projects/-home-dev-new");
    fs::create_dir_all(&folder).expect("created");
    let lines = [
        json!({"type": "hologram", "sessionId": "x", "beam": "secret"}),
        json!({"type": "hologram", "sessionId": "x", "beam": "secret"}),
        json!({"type": "user", "aNewField": "secret", "uuid": "u", "message": {"role": "user", "content": [
            {"type": "smell", "of": "secret"}]}}),
        json!({"type": "a secret that is a sentence\nand no name"}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("11111111-2222-4333-8444-000000000001.jsonl"), text).expect("written");
    let database = case.path().join(".local/share/opencode/opencode.db");
    let writer = rusqlite::Connection::open(database).expect("database");
    writer.execute(r#"update part set data = '{"type":"smell","x":"secret"}' where id = 'prt_0'"#, []).expect("update");
    let found = unknown(&case);
    let row = |agent: &str, kind: &str, field: Option<&str>, count: u32| json!({"agent": agent, "kind": kind, "field": field, "count": count});
    assert_eq!(
        found,
        [
            row("claude", "(not a name)", None, 1),
            row("claude", "content/smell", None, 1),
            row("claude", "hologram", None, 2),
            row("claude", "user", Some("aNewField"), 1),
            row("opencode", "part/smell", None, 1),
        ]
    );
}
