//! Ends of lines and of records: carriage returns, no end at all, records over several lines.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt};
use crate::fidelity::shown::ShownHome;

const CODEX: &str = "019f0000-0000-7000-8000-000000000021";
const GEMINI: &str = "aaaa1111-0000-4000-8000-000000000021";
const QWEN: &str = "cccc1111-0000-4000-8000-000000000003";
const GOOSE: &str = "20250101_1";

/// A session of each agent that writes lines: its id, its file, and its records with the texts of its three entries.
fn sessions() -> Vec<(&'static str, String, Vec<Value>)> {
    let user = |text: &str| {
        json!({"type": "user", "uuid": "u2", "parentUuid": "a", "sessionId": ID,
        "timestamp": "2026-09-10T10:00:05.000Z", "message": {"role": "user", "content": text}})
    };
    let claude = vec![
        prompt(),
        answer("a", &json!([{"type": "text", "text": "the ruruneedle"}]), &json!({})),
        user("a tuineedle"),
    ];
    let line =
        |kind: &str, payload: Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let codex = vec![
        line("session_meta", json!({"id": CODEX, "timestamp": "2026-02-02T03:04:05.000Z", "cwd": "/home/dev/p"})),
        line("event_msg", json!({"type": "user_message", "message": "begin"})),
        line("event_msg", json!({"type": "agent_message", "message": "the ruruneedle"})),
        line("event_msg", json!({"type": "user_message", "message": "a tuineedle"})),
    ];
    let message = |number: u32, kind: &str, text: &str| json!({"id": number.to_string(), "timestamp": format!("2026-02-02T03:04:0{number}Z"), "type": kind, "content": text});
    let gemini = vec![
        json!({"sessionId": GEMINI, "projectHash": "x", "startTime": "2026-02-02T03:04:00Z"}),
        message(1, "user", "begin"),
        message(2, "gemini", "the ruruneedle"),
        message(3, "user", "a tuineedle"),
    ];
    let record = |number: u32, kind: &str, text: &str| {
        json!({"uuid": format!("q{number}"), "parentUuid": (number > 1).then(|| format!("q{}", number - 1)),
            "sessionId": QWEN, "timestamp": "2026-09-10T10:00:04.000Z", "type": kind, "cwd": "/home/dev/shop",
            "message": {"parts": [{"text": text}]}})
    };
    let qwen =
        vec![record(1, "user", "begin"), record(2, "assistant", "the ruruneedle"), record(3, "user", "a tuineedle")];
    let said = |number: u32, role: &str, text: &str| json!({"role": role, "created": 1_770_000_000 + number, "content": [{"type": "text", "text": text}]});
    let goose = vec![
        json!({"working_dir": "/home/dev/p", "description": "d"}),
        said(1, "user", "begin"),
        said(2, "assistant", "the ruruneedle"),
        said(3, "user", "a tuineedle"),
    ];
    vec![
        (ID, format!(".claude/projects/-home-dev-shop/{ID}.jsonl"), claude),
        (CODEX, format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{CODEX}.jsonl"), codex),
        (GEMINI, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl".to_owned(), gemini),
        (QWEN, format!(".qwen/projects/-home-dev-shop/chats/{QWEN}.jsonl"), qwen),
        (GOOSE, format!(".local/share/goose/sessions/{GOOSE}.jsonl"), goose),
    ]
}

/// Asserts that each agent's session is read and found, if `text` makes its file from its records.
#[track_caller]
pub fn assert_read<T: AsRef<[u8]>>(text: impl Fn(&[Value]) -> T) {
    let case = Case::empty();
    let sessions = sessions();
    for (_, file, records) in &sessions {
        let path = case.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text(records)).expect("written");
    }
    for (id, file, _) in &sessions {
        let entries = case.entries(id);
        let texts: Vec<&str> = entries.iter().filter_map(|entry| entry["text"].as_str()).collect();
        assert_eq!(texts, ["begin", "the ruruneedle", "a tuineedle"], "{file}");
    }
    for word in ["ruruneedle", "tuineedle"] {
        let found = case.json(&["search", word]);
        let hits = found["hits"].as_array().expect("hits");
        let opened = |id: &str| {
            let hit = hits.iter().find(|hit| hit["session"]["id"] == *id);
            let snippets = hit.and_then(|hit| hit["snippets"].as_array()).into_iter().flatten();
            snippets.into_iter().any(|snippet| snippet["entry"].is_u64())
        };
        let lost: Vec<&str> = sessions.iter().map(|(id, _, _)| *id).filter(|id| !opened(id)).collect();
        assert!(lost.is_empty(), "{word} is not found in {lost:?}: {found}");
    }
}

pub fn joined(records: &[Value], end: &str) -> String {
    records.iter().map(|record| format!("{record}{end}")).collect()
}

/// Records as a program prints them without indents: each value is a line, and so is each brace.
fn printed(records: &[Value]) -> Vec<String> {
    let unindented = |record: &Value| {
        let text = serde_json::to_string_pretty(record).expect("JSON");
        text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
    };
    records.iter().map(unindented).collect()
}

#[test]
fn lines_end_with_carriage_returns_or_with_both() {
    assert_read(|records| joined(records, "\r"));
    assert_read(|records| joined(records, "\r\n"));
}

#[test]
fn the_last_record_needs_no_end_of_its_line() {
    assert_read(|records| joined(records, "\n").trim_end().to_owned());
    assert_read(|records| joined(records, "\r").trim_end().to_owned());
}

#[test]
fn records_in_one_line_without_an_end_are_split() {
    assert_read(|records| joined(records, ""));
    assert_read(|records| joined(records, " \t"));
}

#[test]
fn records_in_one_line_with_other_text_between_are_split() {
    for between in [" | ", ";", "\u{85}", " and then "] {
        assert_read(|records| joined(records, between).trim_end_matches(between).to_owned() + "\n");
    }
}

#[test]
fn records_over_several_lines_may_have_braces_at_the_beginnings_of_lines() {
    assert_read(|records| printed(records).join("\n") + "\n");
    assert_read(|records| printed(records).join("\n"));
    assert_read(|records| printed(records).join("\r").replace('\n', "\r"));
    assert_read(|records| format!("\u{feff}{}\n", printed(records).join("\n")));
}

#[test]
fn a_line_break_inside_a_text_may_precede_a_brace() {
    let case = Case::empty();
    let text = json!({"type": "user", "uuid": "u", "parentUuid": null, "sessionId": ID,
        "timestamp": "2026-09-10T10:00:05.000Z", "message": {"role": "user", "content": "fn f() BREAK{ wekaneedle }BREAK{}BREAKend"}});
    let lines = format!("{}\n{}\n", prompt(), text.to_string().replace("BREAK", "\n"));
    let path = case.path().join(format!(".claude/projects/-home-dev-shop/{ID}.jsonl"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, lines).expect("written");
    assert_eq!(case.lines(ID), ["prompt: begin", "prompt: fn f() |{ wekaneedle }|{}|end"]);
    case.assert_shown_and_found("wekaneedle");
}

#[test]
fn a_record_of_several_lines_without_an_end_is_an_issue_until_it_ends() {
    for (id, path, records) in sessions() {
        let case = Case::empty();
        let path = case.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        let (last, whole) = records.split_last().expect("records");
        let lines: String = whole.iter().map(|record| format!("{record}\n")).collect();
        let printed = serde_json::to_string_pretty(last).expect("printed");
        let half = printed.match_indices('\n').nth(1).map_or(0, |(at, _)| at + 1);
        let reasons = ["record over several lines without an end", "torn record at the end of the file"];
        for (torn, reason) in [
            (&printed[..2], reasons[0]),
            (&printed[..half], reasons[0]),
            (&printed[..half + 4], reasons[0]),
            (&printed[..1], reasons[1]),
        ] {
            fs::write(&path, format!("{lines}{torn}")).expect("written");
            let issues = case.json(&["doctor"])["issues"].clone();
            assert_eq!(issues[0]["reason"], reason, "{id} {torn:?}: {issues}");
            let is_unreadable = case.session(id)["flags"].to_string().contains("unreadable");
            assert_eq!(is_unreadable, reason == reasons[0], "{id} {torn:?}");
        }
        fs::write(&path, format!("{lines}{printed}\n")).expect("written");
        let issues = case.json(&["doctor"])["issues"].to_string();
        assert!(!issues.contains("without an end"), "{issues}");
        case.assert_shown_and_found("tuineedle");
    }
}

#[test]
fn a_torn_last_line_is_an_issue_until_it_ends() {
    for (id, path, records) in sessions() {
        let case = Case::empty();
        let path = case.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        let (last, whole) = records.split_last().expect("records");
        let (whole, last) = (joined(whole, "\n"), last.to_string());
        for rest in [&last.as_bytes()[..last.len() - 1], &last.as_bytes()[..9], &[0; 64]] {
            fs::write(&path, [whole.as_bytes(), rest].concat()).expect("written");
            // Once read, and once from the cache.
            for issues in [&case.json(&["list"])["issues"], &case.json(&["doctor"])["issues"]] {
                let line = json!(records.len());
                assert_eq!(
                    (&issues[0]["reason"], &issues[0]["line"]),
                    (&json!("torn record at the end of the file"), &line),
                    "{id}: {issues}"
                );
            }
        }
        fs::write(&path, format!("{whole}{last}\n")).expect("written");
        assert_eq!(case.json(&["doctor"])["issues"], json!([]), "{id}");
        case.assert_shown_and_found("tuineedle");
    }
}

#[test]
fn a_torn_record_loses_only_what_is_after_the_tear() {
    /// Distance of the tears that are tried.
    const STEP: usize = 3;
    let (case, mut words, mut number) = (Case::empty(), Vec::new(), 0);
    for (id, file, records) in sessions() {
        let (torn, last) = (records.len() - 2, records.len() - 1);
        let whole = records[torn].to_string();
        // A program that was stopped goes on in the same line, or in the next one.
        let tears = (1..whole.len()).step_by(STEP).chain([whole.len() - 2, whole.len() - 1]);
        for (end, tear) in ["", "\n"].into_iter().flat_map(|end| tears.clone().map(move |tear| (end, tear))) {
            // In the place of a value, a record in the same line is the value.
            if end.is_empty() && whole[..tear].ends_with(':') {
                continue;
            }
            number += 1;
            let own_id = if id == GOOSE { format!("20250101_{number}") } else { format!("{number:08x}") };
            let own = |text: &str| {
                let named =
                    text.replace("ruru", &format!("ruru{number:05}")).replace("tui", &format!("tui{number:05}"));
                named.replace(if id == GOOSE { id } else { &id[..8] }, &own_id)
            };
            let mut text = joined(&records[..torn], "\n") + &whole[..tear] + end;
            text += &joined(&records[last..], "\n");
            let path = case.path().join(own(&file));
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(path, own(&text)).expect("written");
            words.push((id, end, tear, own("tuineedle")));
            if whole[..tear].contains("ruruneedle") {
                words.push((id, end, tear, own("ruruneedle")));
            }
        }
    }
    let shown = ShownHome::read(&case.home, &case.home.environment());
    let lost: Vec<_> = words.iter().filter(|(.., word)| !shown.contains(word)).collect();
    assert!(lost.is_empty(), "{} of {}: {lost:?}", lost.len(), words.len());
}

#[test]
fn a_record_of_another_kind_in_the_line_of_a_torn_one_is_shown() {
    let other = json!({"type": "user", "uuid": "u2", "parentUuid": "p", "sessionId": ID,
        "timestamp": "2026-09-10T10:00:06.000Z", "message": {"role": "user", "content": "a wekaneedle"}});
    let queued = json!({"type": "queue-operation", "operation": "enqueue", "sessionId": ID,
        "timestamp": "2026-09-10T10:00:07.000Z", "content": "a kakaneedle"});
    for torn in
        [r#"{"parentUuid":null,"#, r#"{"parentUuid":null,"message":"#, r#"{"parentUuid":null,"message":{"content":["#]
    {
        let case = Case::empty();
        let path = case.path().join(format!(".claude/projects/-home-dev-shop/{ID}.jsonl"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, format!("{}\n{torn}{other}\n{torn}{queued}\n", prompt())).expect("written");
        case.assert_shown_and_found("wekaneedle");
        case.assert_shown_and_found("kakaneedle");
    }
}

#[test]
fn queued_prompts_in_the_line_of_another_record_are_found() {
    let queued = |text: &str| {
        json!({"type": "queue-operation", "operation": "enqueue", "sessionId": ID,
            "timestamp": "2026-09-10T10:00:07.000Z", "content": text})
    };
    let said = answer("a", &json!([{"type": "text", "text": "a ruruneedle"}]), &json!({}));
    for records in [
        [said.clone(), queued("a kakaneedle"), queued("a keaneedle")],
        [queued("a kakaneedle"), queued("a keaneedle"), said],
    ] {
        let case = Case::empty();
        let path = case.path().join(format!(".claude/projects/-home-dev-shop/{ID}.jsonl"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, format!("{}\n{}\n", prompt(), joined(&records, ""))).expect("written");
        ["kakaneedle", "keaneedle", "ruruneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    }
}

#[test]
fn a_torn_message_of_gemini_keeps_its_calls() {
    let call = |id: &str| json!({"id": id, "name": "shell", "args": {"command": "make"}, "result": []}).to_string();
    let (first, second) = (call("c1"), call("c2"));
    // The end of the second call, its middle, and the end of the first one.
    for (torn, calls) in [(second.len(), 2), (second.len() - 4, 2), (0, 1)] {
        let (case, (_, file, records)) = (Case::empty(), sessions().swap_remove(2));
        let between = if torn > 0 { "," } else { "" };
        let message = r#"{"id":"m1","timestamp":"2026-02-02T03:04:02Z","type":"gemini","content":"x","toolCalls":["#;
        let message = format!("{message}{first}{between}{}", &second[..torn]);
        let path = case.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, format!("{}{message}\n{}\n", joined(&records[..2], "\n"), records[3])).expect("written");
        let entries = case.entries(GEMINI);
        let shown = entries.iter().filter(|entry| entry["tool"].is_object()).count();
        assert_eq!(shown, calls, "{torn}: {entries:?}");
    }
}
