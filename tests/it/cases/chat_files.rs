//! Chats of Gemini CLI: several files of one session, messages that a later record replaces, lists of other shapes.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::Case;

const ID: &str = "aaaa1111-0000-4000-8000-000000000021";

fn put(case: &Case, path: &str, text: &str) {
    let path = case.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
}

fn head() -> Value {
    json!({"sessionId": ID, "projectHash": "x", "startTime": "2026-02-02T03:04:00Z", "lastUpdated": "2026-02-02T03:04:00Z"})
}

/// A message of the first minute, second by second.
fn message(second: u32, kind: &str, text: &str) -> Value {
    json!({"id": format!("m{second}"), "timestamp": format!("2026-02-02T03:04:{second:02}Z"), "type": kind, "content": text})
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

#[test]
fn a_session_in_the_folders_of_two_projects_is_one_with_both_parts_in_order() {
    let case = Case::empty();
    let first =
        [head(), message(1, "user", "one"), message(2, "gemini", "two"), message(9, "user", "a late kakaneedle")];
    let second = [head(), message(2, "gemini", "two"), message(4, "user", "from elsewhere kokoneedle")];
    put(&case, ".gemini/tmp/shop/chats/session-2026-02-02T03-04-aaaa1111.jsonl", &lines(&first));
    put(&case, ".gemini/tmp/shop-1/chats/session-2026-02-03T03-04-aaaa1111.jsonl", &lines(&second));
    let document = json!({"sessionId": ID, "messages": [message(0, "user", "in a document")]});
    let hash = "b".repeat(64);
    put(&case, &format!(".gemini/tmp/{hash}/chats/session-2026-02-01T03-04-aaaa1111.json"), &document.to_string());
    let expected = [
        "prompt: in a document",
        "prompt: one",
        "text: two",
        "prompt: from elsewhere kokoneedle",
        "prompt: a late kakaneedle",
    ];
    assert_eq!(case.only_session()["messages"], 5);
    assert_eq!(case.lines(ID), expected);
    ["kokoneedle", "kakaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    case.append(
        ".gemini/tmp/shop-1/chats/session-2026-02-03T03-04-aaaa1111.jsonl",
        &[&message(12, "user", "the last mohoneedle").to_string()],
    );
    assert_eq!(case.only_session()["messages"], 6);
    case.assert_shown_and_found("mohoneedle");
}

#[test]
fn each_of_many_files_of_a_session_is_read() {
    let case = Case::empty();
    for number in 0..300 {
        let text = if number == 299 { "the last pekaneedle" } else { "another" };
        let mut own = message(number % 60, "user", text);
        own["id"] = json!(format!("m{number}"));
        let name = format!("session-2026-02-02T{:02}-{:02}-aaaa1111.jsonl", number / 60, number % 60);
        put(&case, &format!(".gemini/tmp/p/chats/{name}"), &lines(&[head(), own]));
    }
    assert_eq!(case.only_session()["messages"], 300);
    case.assert_shown_and_found("pekaneedle");
}

#[test]
fn a_message_that_a_later_record_replaces_is_kept_as_a_branch() {
    let case = Case::empty();
    let with_thoughts = |text: &str, thoughts: Value| {
        let mut record = message(2, "gemini", text);
        record["thoughts"] = thoughts;
        record
    };
    let records = [
        head(),
        message(1, "user", "begin"),
        with_thoughts("", json!([{"subject": "a plan", "description": "to begin"}])),
        with_thoughts("a first wordoneneedle", json!([{"subject": "a plan", "description": "to begin"}])),
        with_thoughts("another answer", json!([{"subject": "a plan", "description": "to begin"}])),
        with_thoughts("another answer that goes on", json!([{"subject": "a plan", "description": "to begin"}])),
        message(3, "user", "the end"),
    ];
    put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", &lines(&records));
    let shown =
        ["prompt: begin", "thinking: **a plan**||to begin", "text: another answer that goes on", "prompt: the end"];
    assert_eq!(case.lines(ID), shown);
    let report = case.json(&["show", ID]);
    assert_eq!(report["branches"], 2, "what goes on replaces nothing: {report}");
    let first = case.json(&["show", ID, "--branch", "1"]);
    assert!(first.to_string().contains("wordoneneedle"), "{first}");
    let found = case.json(&["search", "wordoneneedle"]);
    assert!(found["hits"][0]["snippets"][0]["entry"].is_u64(), "{found}");
    let tokens = |count: u32| {
        let mut record = message(2, "gemini", "another answer that goes on");
        record["tokens"] = json!({"input": count, "output": 1});
        record.to_string()
    };
    case.append(".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", &[&tokens(5), &tokens(7)]);
    assert_eq!(case.session(ID)["tokens"]["input"], 7, "the last version counts");
}

#[test]
fn a_list_that_replaces_texts_keeps_them_as_a_branch() {
    let case = Case::empty();
    let records = [
        head(),
        message(1, "user", "begin"),
        message(2, "gemini", "an old hihineedle"),
        json!({"$set": {"messages": [message(1, "user", "begin"), message(2, "gemini", "a new answer")]}}),
    ];
    put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", &lines(&records));
    assert_eq!(case.lines(ID), ["prompt: begin", "text: a new answer"]);
    let found = case.json(&["search", "hihineedle"]);
    assert!(found["hits"][0]["snippets"][0]["entry"].is_u64(), "{found}");
}

#[test]
fn calls_thoughts_and_parts_may_be_maps() {
    let call = |id: &str, command: &str| {
        json!({"id": id, "name": "run_shell_command", "args": {"command": command}, "status": "success",
        "result": {"0": {"functionResponse": {"id": id, "response": {"output": format!("out of {command}")}}}}})
    };
    let shapes = [
        json!({"0": call("t1", "make"), "1": call("t2", "test")}),
        json!({"t1": call("t1", "make"), "t2": call("t2", "test")}),
        json!([call("t1", "make"), call("t2", "test")]),
    ];
    for calls in shapes {
        let mut answer = message(2, "gemini", "");
        answer["content"] = json!({"0": {"text": "in a map"}, "1": {"text": "and more"}});
        answer["thoughts"] = json!({"0": {"subject": "s", "description": "thought"}});
        answer["toolCalls"] = calls;
        let case = Case::empty();
        let records = [head(), message(1, "user", "begin"), answer];
        put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", &lines(&records));
        let shown = [
            "prompt: begin",
            "thinking: **s**||thought",
            "text: in a map|and more",
            "run_shell_command done: make",
            "run_shell_command done: test",
        ];
        assert_eq!(case.lines(ID), shown);
        let mut outputs = String::new();
        for entry in case.entries(ID) {
            write!(outputs, "{} ", entry["tool"]["output"].as_str().unwrap_or("-")).expect("written");
        }
        assert_eq!(outputs, "- - - out of make out of test ");
    }
}

#[test]
fn a_message_without_a_time_keeps_its_place_behind_the_one_before_it() {
    let case = Case::empty();
    let untimed = |id: &str, text: &str| json!({"id": id, "type": "user", "content": text});
    let first = [head(), message(1, "user", "one"), message(2, "gemini", "two"), message(9, "user", "nine")];
    let second = [
        head(),
        message(1, "user", "one"),
        untimed("x1", "behind one"),
        message(4, "user", "four"),
        untimed("x2", "behind four"),
        message(6, "user", "six"),
    ];
    // Begins without a time.
    let third = [head(), untimed("x3", "before five"), message(5, "user", "five"), untimed("x5", "behind five")];
    let fourth = [head(), untimed("x4", "at no time")];
    for (number, records) in [&first[..], &second, &third, &fourth].into_iter().enumerate() {
        put(&case, &format!(".gemini/tmp/p{number}/chats/session-2026-02-02T03-04-aaaa1111.jsonl"), &lines(records));
    }
    let expected = [
        "prompt: one",
        "prompt: behind one",
        "text: two",
        "prompt: four",
        "prompt: behind four",
        "prompt: before five",
        "prompt: five",
        "prompt: behind five",
        "prompt: six",
        "prompt: nine",
        "prompt: at no time",
    ];
    assert_eq!(case.lines(ID), expected);
}
