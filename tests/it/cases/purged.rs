//! Sessions that their agents have deleted, and of which the prompts are left in another file.

use std::fs;
use std::time::Instant;

use salon::agent::format;
use salon::domain::Session;
use salon::index::{IndexOptions, Refresh, collect};
use serde_json::{Value, json};

use super::Case;

const GONE: &str = "aaaa1111-0000-7000-8000-000000000001";
const KEPT: &str = "bbbb1111-0000-7000-8000-000000000002";

fn put(case: &Case, path: &str, text: &str) {
    let path = case.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
}

/// A file of prompts: of a deleted session, of one with a transcript, and half a record.
struct Prompts {
    agent: &'static str,
    path: &'static str,
    text: String,
    directory: Value,
}

fn prompts() -> [Prompts; 4] {
    let line =
        |session: &str, at: u32, text: &str| json!({"session_id": session, "ts": 1_789_034_400 + at, "text": text});
    let typed = |session: &str, at: u32, text: &str| {
        json!({"display": text, "pastedContents": {}, "timestamp": 1_789_034_400_000_u64 + u64::from(at) * 1000,
            "project": "/home/dev/shop", "sessionId": session})
    };
    let item = |session: &str, at: u32, text: &str| {
        json!({"sessionId": session, "messageId": at, "type": "user", "message": text,
            "timestamp": format!("2026-09-10T10:00:0{at}.000Z")})
    };
    let records = |record: &dyn Fn(&str, u32, &str) -> Value| {
        let records = [
            record(GONE, 0, "/model"),
            record(KEPT, 1, "kept"),
            record(GONE, 2, "one kakaponeedle"),
            record(GONE, 3, "two\nkeaneedle"),
        ];
        records.map(|record| record.to_string())
    };
    let document = format!("[\n{}\n]", records(&item).join(",\n"));
    let log = |agent, path, directory| Prompts { agent, path, text: document.clone(), directory };
    [
        Prompts {
            agent: "codex",
            path: ".codex/history.jsonl",
            text: records(&line).join("\n") + "\n",
            directory: Value::Null,
        },
        Prompts {
            agent: "claude",
            path: ".claude/history.jsonl",
            text: records(&typed).join("\n") + "\n",
            directory: json!("/home/dev/shop"),
        },
        log("gemini", ".gemini/tmp/shop/logs.json", json!("/home/dev/shop")),
        log("qwen", ".qwen/tmp/1cbc9d9d/logs.json", Value::Null),
    ]
}

/// A home with the prompts, and with the transcript of one of the sessions.
fn case(prompts: &Prompts) -> Case {
    let case = Case::empty();
    put(&case, prompts.path, &prompts.text);
    put(&case, ".gemini/tmp/shop/.project_root", "/home/dev/shop");
    let (path, records) = match prompts.agent {
        "codex" => (
            format!(".codex/sessions/2026/09/10/rollout-2026-09-10T10-00-00-{KEPT}.jsonl"),
            vec![
                json!({"timestamp": "2026-09-10T10:00:00.000Z", "type": "session_meta", "payload": {"id": KEPT, "cwd": "/home/dev/shop"}}),
                json!({"timestamp": "2026-09-10T10:00:01.000Z", "type": "event_msg", "payload": {"type": "user_message", "message": "kept"}}),
            ],
        ),
        "claude" => (
            format!(".claude/projects/-home-dev-shop/{KEPT}.jsonl"),
            vec![json!({"type": "user", "uuid": "u", "parentUuid": null, "sessionId": KEPT, "cwd": "/home/dev/shop",
                "timestamp": "2026-09-10T10:00:01.000Z", "message": {"role": "user", "content": "kept"}})],
        ),
        "gemini" => (
            ".gemini/tmp/shop/chats/session-2026-09-10T10-00-bbbb1111.jsonl".to_owned(),
            vec![json!({"sessionId": KEPT, "kind": "main"}), json!({"id": "1", "type": "user", "content": "kept"})],
        ),
        _ => (
            format!(".qwen/projects/-home-dev-shop/chats/{KEPT}.jsonl"),
            vec![
                json!({"uuid": "1", "parentUuid": null, "sessionId": KEPT, "timestamp": "2026-09-10T10:00:01.000Z", "type": "user",
                "cwd": "/home/dev/shop", "message": {"role": "user", "parts": [{"text": "kept"}]}}),
            ],
        ),
    };
    put(&case, &path, &records.iter().map(|record| format!("{record}\n")).collect::<String>());
    case
}

#[test]
fn prompts_of_deleted_sessions_are_shown_and_found() {
    for prompts in prompts() {
        let case = case(&prompts);
        let (agent, listed) = (prompts.agent, case.json(&["list"]));
        assert_eq!((&listed["total"], &listed["hidden"]["purged"]), (&json!(1), &json!(1)), "{agent}");
        for _ in 0..2 {
            let gone = case.session(GONE);
            assert_eq!(
                (&gone["agent"], &gone["flags"], &gone["cwd"]),
                (&json!(agent), &json!(["purged"]), &json!(prompts.directory))
            );
            let facts = (&gone["title"], &gone["turns"], &gone["messages"], &gone["last_activity"]);
            assert_eq!(
                facts,
                (&json!("one kakaponeedle"), &json!(3), &json!(3), &json!("2026-09-10T10:00:03.000Z")),
                "{agent}"
            );
            assert_eq!(case.lines(GONE), ["prompt: /model", "prompt: one kakaponeedle", "prompt: two|keaneedle"]);
            ["kakaponeedle", "keaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
        }
        assert_eq!(
            (case.session(KEPT)["flags"].clone(), case.lines(KEPT)),
            (json!([]), vec!["prompt: kept".to_owned()])
        );
        assert_eq!(case.json(&["doctor"])["issues"], json!([]), "{agent}");
        assert_eq!(case.json(&["resume", "--print", GONE])["error"]["code"], "unavailable", "{agent}");
        // What is torn is said, and loses nothing else.
        put(&case, prompts.path, &prompts.text.replace("\"two", "two"));
        assert_eq!(case.lines(GONE)[..2], ["prompt: /model", "prompt: one kakaponeedle"].map(str::to_owned), "{agent}");
        assert_eq!(case.json(&["doctor"])["issues"].as_array().map(Vec::is_empty), Some(false), "{agent}");
    }
}

#[test]
fn the_prompts_of_all_deleted_sessions_are_read_at_once() {
    for prompts in prompts() {
        let case = case(&prompts);
        let text = prompts.text.replace(KEPT, "cccc1111-0000-7000-8000-000000000003");
        put(&case, prompts.path, &text);
        let options = IndexOptions::new(case.home.environment(), Instant::now);
        let sessions = collect(&options, Refresh::Everything).sessions;
        let purged: Vec<&Session> =
            sessions.iter().map(|session| &**session).filter(|session| session.flags.purged).collect();
        let mut read = Vec::new();
        format(purged[0].key.agent).open_each(&purged, &mut |_, opened| {
            let transcript = opened.expect("opened");
            read.push((transcript.len(), transcript.bytes_read()));
        });
        read.sort_unstable();
        assert_eq!(read, [(1, 0), (3, 0)], "{}", prompts.agent);
    }
}

#[test]
fn prompts_of_claude_in_one_line_are_all_shown() {
    let prompt =
        |text: &str| json!({"display": text, "timestamp": 1_789_034_400_000_u64, "project": "/p", "sessionId": GONE});
    let case = Case::empty();
    let lines = format!("{}{}\nno record\n{{\"display\":\"x", prompt("a kakaponeedle"), prompt("a keaneedle"));
    put(&case, ".claude/history.jsonl", &lines);
    assert_eq!(case.lines(GONE), ["prompt: a kakaponeedle", "prompt: a keaneedle"]);
    ["kakaponeedle", "keaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    let issues = case.json(&["doctor"])["issues"].clone();
    let lines: Vec<u64> =
        issues.as_array().expect("issues").iter().filter_map(|issue| issue["line"].as_u64()).collect();
    assert_eq!(lines, [2, 3], "{issues}");
}
