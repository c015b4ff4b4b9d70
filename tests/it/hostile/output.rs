//! Output of commands for hostile sessions: JSON and Markdown stay valid, and cannot affect a terminal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::Home;

fn salon(home: &Home, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_salon"))
        .args(args)
        .env_clear()
        .envs([("HOME", home.path().as_os_str()), ("PATH", "/usr/bin:/bin".as_ref())])
        .output()
        .expect("salon runs")
}

fn session(home: &Home, folder: &OsStr, name: &OsStr, text: &str) {
    let folder = home.path().join(".claude/projects").join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let record = json!({"type": "user", "uuid": "11111111-1111-4111-8111-111111111111", "parentUuid": null,
        "sessionId": "s", "cwd": "/work", "timestamp": "2026-11-21T09:00:00.000Z",
        "message": {"role": "user", "content": text}});
    std::fs::write(folder.join(name), format!("{record}\n")).expect("a transcript");
}

#[test]
fn f13_a_path_that_is_not_utf_8_does_not_break_json() {
    let home = Home::empty();
    session(&home, OsStr::from_bytes(b"bad\xff"), OsStr::new("aaaaaaaa.jsonl"), "one");
    session(&home, OsStr::new("good"), OsStr::new("bbbbbbbb.jsonl"), "two");
    std::fs::create_dir(home.path().join(".claude/projects").join(OsStr::from_bytes(b"x\xfe.jsonl")))
        .expect("a folder");
    for args in [&["list", "--json", "--hidden"][..], &["show", "aaaaaaaa", "--json"], &["search", "one", "--json"]] {
        let output = salon(&home, args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(shown.to_string().contains("bad\u{fffd}"), "{shown}");
    }
    assert!(salon(&home, &["doctor", "--json"]).status.success());
}

#[test]
fn f11_json_escapes_what_affects_a_terminal() {
    let home = Home::empty();
    let text = "del\u{7f} c1\u{9b}31m bidi\u{202e} line\u{2028}";
    session(&home, OsStr::new("p"), OsStr::new("aaaaaaaa.jsonl"), text);
    let output = salon(&home, &["show", "aaaaaaaa", "--json"]).stdout;
    let written = String::from_utf8(output.clone()).expect("UTF-8");
    assert!(!written.chars().any(|c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{202e}' | '\u{2028}')), "{written}");
    let shown: Value = serde_json::from_slice(&output).expect("JSON");
    assert_eq!(shown["entries"][0]["text"], text);
}

#[test]
fn f11_an_id_cannot_become_an_option_or_affect_a_terminal() {
    let home = Home::empty();
    let names: [&[u8]; 3] = [b"--dangerously-skip-permissions.jsonl", b"evil\x1b[201~id.jsonl", b"a`b id.jsonl"];
    for name in names {
        session(&home, OsStr::new("p"), OsStr::from_bytes(name), "hello");
        let id = String::from_utf8_lossy(name.strip_suffix(b".jsonl").expect("an ending")).into_owned();
        let id = format!("claude:{id}");
        for args in [vec!["resume", "--print", "--", &*id], vec!["resume", "--print", &*id]] {
            let output = salon(&home, &args);
            assert!(!output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
            assert!(output.stdout.is_empty());
            assert!(!output.stderr.contains(&0x1b), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let markdown = salon(&home, &["show", "--markdown", &id]);
        assert!(markdown.status.success(), "{}", String::from_utf8_lossy(&markdown.stderr));
        assert!(!markdown.stdout.contains(&0x1b), "{}", String::from_utf8_lossy(&markdown.stdout));
        std::fs::remove_dir_all(home.path().join(".claude/projects/p")).expect("a folder");
    }
    session(&home, OsStr::new("p"), OsStr::new("aaaaaaaa-1.jsonl"), "hello");
    let printed = salon(&home, &["resume", "--print", "aaaaaaaa-1"]).stdout;
    assert_eq!(String::from_utf8_lossy(&printed), "cd /work && claude --resume=aaaaaaaa-1\n");
}

#[test]
fn f17_equal_first_records_of_two_agents_are_two_sessions() {
    let home = Home::empty();
    session(&home, OsStr::new("p"), OsStr::new("aaaaaaaa-1.jsonl"), "one");
    let chats = home.path().join(".qwen/projects/p/chats");
    std::fs::create_dir_all(&chats).expect("a folder");
    let record = json!({"type": "user", "uuid": "11111111-1111-4111-8111-111111111111", "parentUuid": null,
        "sessionId": "bbbbbbbb-2", "cwd": "/work", "timestamp": "2026-11-21T09:00:00.000Z",
        "message": {"role": "user", "parts": [{"text": "two"}]}});
    std::fs::write(chats.join("bbbbbbbb-2.jsonl"), format!("{record}\n")).expect("a transcript");
    for _ in 0..2 {
        let list: Value = serde_json::from_slice(&salon(&home, &["list", "--json", "--hidden"]).stdout).expect("JSON");
        let sessions = list["sessions"].as_array().expect("sessions");
        let mut rows: Vec<_> =
            sessions.iter().map(|row| (row["agent"].as_str(), row["id"].as_str(), &row["forked_from"])).collect();
        rows.sort_by_key(|(agent, ..)| *agent);
        let expected =
            [(Some("claude"), Some("aaaaaaaa-1"), &Value::Null), (Some("qwen"), Some("bbbbbbbb-2"), &Value::Null)];
        assert_eq!(rows, expected);
    }
}
