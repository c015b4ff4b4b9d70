//! Records that take several lines, and files in another encoding, in each agent that writes lines: all of it is shown and
//! found, and what was repaired is reported.

use serde_json::{Value, json};

use super::Case;

const ID: &str = "dddd0001-0000-4000-8000-000000000061";
const THREAD: &str = "019f0000-0000-7000-8000-000000000061";

/// An agent's file with a prompt and an answer.
struct Lines {
    path: String,
    records: Vec<Value>,
}

fn all() -> Vec<Lines> {
    let claude = |number: u32, kind: &str, content: &str| {
        json!({"type": kind, "uuid": format!("u{number}"), "parentUuid": (number > 1).then(|| format!("u{}", number - 1)),
            "sessionId": ID, "timestamp": "2026-09-10T10:00:01.000Z", "cwd": "/home/dev/p",
            "message": {"role": kind, "content": content}})
    };
    let codex =
        |kind: &str, payload: Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let event = |kind: &str, text: &str| codex("event_msg", json!({"type": kind, "message": text}));
    let gemini = |id: u32, kind: &str, text: &str| json!({"id": id.to_string(), "timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "content": text});
    let qwen = |number: u32, kind: &str, text: &str| {
        json!({"uuid": format!("q{number}"), "parentUuid": (number > 1).then(|| format!("q{}", number - 1)), "sessionId": ID,
            "timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "cwd": "/home/dev/p", "message": {"parts": [{"text": text}]}})
    };
    let goose = |role: &str, text: &str| json!({"role": role, "created": 1_735_732_800, "content": [{"type": "text", "text": text}]});
    let (asked, answered) = ("a prompt kiwineedle", "first MARK second kakaneedle");
    vec![
        Lines {
            path: format!(".claude/projects/-home-dev-p/{ID}.jsonl"),
            records: vec![claude(1, "user", asked), claude(2, "assistant", answered), claude(3, "user", "last")],
        },
        Lines {
            path: format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{THREAD}.jsonl"),
            records: vec![
                codex("session_meta", json!({"id": THREAD, "cwd": "/home/dev/p"})),
                event("user_message", asked),
                event("agent_message", answered),
                event("user_message", "last"),
            ],
        },
        Lines {
            path: ".gemini/tmp/p/chats/session-2026-02-02T03-04-dddd0001.jsonl".into(),
            records: vec![
                json!({"sessionId": ID, "kind": "main"}),
                gemini(1, "user", asked),
                gemini(2, "gemini", answered),
                gemini(3, "user", "last"),
            ],
        },
        Lines {
            path: format!(".qwen/projects/-home-dev-p/chats/{ID}.jsonl"),
            records: vec![qwen(1, "user", asked), qwen(2, "assistant", answered), qwen(3, "user", "last")],
        },
        Lines {
            path: ".local/share/goose/sessions/20250101_120000.jsonl".into(),
            records: vec![
                json!({"working_dir": "/home/dev/p", "description": ""}),
                goose("user", asked),
                goose("assistant", answered),
                goose("user", "last"),
            ],
        },
    ]
}

/// Asserts that all of a file is shown and found, twice: before and after it is indexed.
#[track_caller]
fn assert_read(path: &str, bytes: &[u8], answer: &str) -> Case {
    let case = Case::empty();
    let file = case.path().join(path);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("created");
    std::fs::write(file, bytes).expect("written");
    let id = case.only_session()["id"].as_str().expect("an id").to_owned();
    assert_eq!(case.lines(&id), ["prompt: a prompt kiwineedle", &format!("text: {answer}"), "prompt: last"], "{path}");
    for _ in 0..2 {
        ["kiwineedle", "kakaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    }
    case
}

#[test]
fn a_line_break_within_a_text_loses_nothing() {
    for Lines { path, records } in all() {
        let text: String = records.iter().map(|record| format!("{record}\n")).collect();
        let case = assert_read(&path, text.replace("MARK", "\n").as_bytes(), "first | second kakaneedle");
        assert!(!case.json(&["doctor"])["issues"].as_array().expect("issues").is_empty(), "{path}: it is reported");
    }
}

#[test]
fn records_with_indents_are_read() {
    for Lines { path, records } in all() {
        let pretty = |record: &Value| serde_json::to_string_pretty(record).expect("JSON") + "\n";
        let text: String = records.iter().map(pretty).collect();
        assert_read(&path, text.as_bytes(), "first MARK second kakaneedle");
    }
}

#[test]
fn files_in_utf_16_are_read() {
    for Lines { path, records } in all() {
        let text: String = records.iter().map(|record| format!("{record}\r\n")).collect();
        let little: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_read(&path, &little, "first MARK second kakaneedle");
        let big: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        assert_read(&path, &big, "first MARK second kakaneedle");
    }
}

#[test]
fn text_after_a_record_and_bytes_of_another_encoding_are_reported() {
    for Lines { path, records } in all() {
        let text: String = records.iter().map(|record| format!("{record} and more\n")).collect();
        let case = assert_read(&path, text.as_bytes(), "first MARK second kakaneedle");
        assert!(!case.json(&["doctor"])["issues"].as_array().expect("issues").is_empty(), "{path}");
        let text: String = records.iter().map(|record| format!("{record}\n")).collect();
        let latin: Vec<u8> =
            text.replace("MARK", "é").chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin 1")).collect();
        let case = assert_read(&path, &latin, "first \u{fffd} second kakaneedle");
        assert!(!case.json(&["doctor"])["issues"].as_array().expect("issues").is_empty(), "{path}");
    }
}

#[test]
fn a_torn_record_does_not_swallow_what_follows() {
    for Lines { path, records } in all() {
        let at = records.len() - 2;
        let torn = records[at].to_string();
        let torn = torn.split("second").next().expect("a part");
        let mut lines: Vec<String> = records.iter().map(Value::to_string).collect();
        torn.clone_into(&mut lines[at]);
        let case = Case::empty();
        let file = case.path().join(&path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("created");
        std::fs::write(file, lines.join("\n") + "\n").expect("written");
        let session = case.only_session();
        let shown = case.lines(session["id"].as_str().expect("an id"));
        assert_eq!(
            (shown.first().map(String::as_str), shown.last().map(String::as_str)),
            (Some("prompt: a prompt kiwineedle"), Some("prompt: last")),
            "{path}"
        );
        assert_eq!(session["flags"], json!(["unreadable"]), "{path}");
    }
}

#[test]
fn a_repaired_copy_has_each_record_in_one_line() {
    let Lines { path, records } = all().remove(0);
    let pretty = |record: &Value| serde_json::to_string_pretty(record).expect("JSON") + "\n";
    let case =
        assert_read(&path, records.iter().map(pretty).collect::<String>().as_bytes(), "first MARK second kakaneedle");
    let copy = case.path().join("copy.jsonl");
    let report = case.json(&["repair", ID, "--output", copy.to_str().expect("a path")]);
    assert_eq!((&report["records"], &report["joined"]), (&json!(3), &json!(3)), "{report}");
    let lines = std::fs::read_to_string(copy).expect("written");
    let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(read, records);
}
