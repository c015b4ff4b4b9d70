//! Records that share an id, and calls that do: each has an entry of its own, at which a search opens it.

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};
use super::families::with;

fn after(record: Value, parent: &str) -> Value {
    with(record, &json!({"parentUuid": parent}))
}

fn text(uuid: &str, text: &str) -> Value {
    answer(uuid, &json!([{"type": "text", "text": text}]), &json!({}))
}

/// Asserts that each word is found at the entry that shows it, without the index and with it.
#[track_caller]
fn assert_each_opens(case: &Case, words: &[&str]) {
    for word in words.iter().chain(words) {
        let found = case.json(&["search", word]);
        let snippets = found["hits"][0]["snippets"].as_array().unwrap_or_else(|| panic!("{word} is not found"));
        for snippet in snippets {
            let branch = snippet["branch"].as_u64().map(|branch| branch.to_string());
            let args = branch.as_ref().map_or(vec!["show", ID], |branch| vec!["show", ID, "--branch", branch]);
            let entries = case.json(&args)["entries"].clone();
            let entries = entries.as_array().expect("entries");
            let entry = entries.iter().find(|entry| entry["n"] == snippet["entry"]);
            assert!(entry.is_some_and(|entry| entry.to_string().contains(word)), "{word}: {snippet} in {entries:#?}");
        }
    }
}

#[test]
fn a_search_opens_the_right_one_of_records_with_one_id() {
    let case = session_of(&[
        prompt(),
        text("a", "the first kakaneedle"),
        after(text("a", "the second keaneedle"), "a"),
        after(text("b", "between"), "a"),
        after(text("c", "also between"), "b"),
        after(text("d", "one more"), "c"),
        after(text("e", "the last"), "d"),
        after(text("f", "the very last"), "e"),
        // Far from the first one.
        after(text("a", "the third wekaneedle"), "f"),
    ]);
    assert_each_opens(&case, &["kakaneedle", "keaneedle", "wekaneedle"]);
    let lines = case.lines(ID);
    for word in ["kakaneedle", "keaneedle", "wekaneedle"] {
        assert_eq!(lines.iter().filter(|line| line.contains(word)).count(), 1, "{word}: {lines:#?}");
    }
}

#[test]
fn a_search_opens_the_right_one_of_blocks_with_one_number() {
    let block = |uuid: &str, text: &str| {
        let record = answer(uuid, &json!([{"type": "text", "text": text}]), &json!({}));
        with(record, &json!({"apiBlockIndex": 0}))
    };
    let mut second = after(block("b", "the second keaneedle"), "a");
    second["message"]["id"] = json!("a");
    let case = session_of(&[prompt(), block("a", "the first kakaneedle"), second]);
    assert_each_opens(&case, &["kakaneedle", "keaneedle"]);
    assert_eq!(case.lines(ID), ["prompt: begin", "text: the first kakaneedle", "text: the second keaneedle"]);
}

#[test]
fn a_search_opens_the_right_one_of_calls_with_one_id() {
    let call = |uuid: &str, command: &str| {
        answer(
            uuid,
            &json!([{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": command}}]),
            &json!({}),
        )
    };
    let result = |uuid: &str, parent: &str, output: &str| {
        json!({"type": "user", "uuid": uuid, "parentUuid": parent, "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
            "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": output}]}})
    };
    let case = session_of(&[
        prompt(),
        call("a", "ls"),
        result("r1", "a", "printed kakaneedle"),
        after(call("b", "ls -a"), "r1"),
        result("r2", "b", "printed keaneedle"),
    ]);
    assert_each_opens(&case, &["kakaneedle", "keaneedle"]);
}

#[test]
fn a_prompt_that_was_queued_and_sent_is_found_at_its_entry_only() {
    let queue = |operation: &str, content: Value| {
        json!({"type": "queue-operation", "operation": operation, "content": content, "sessionId": ID,
            "timestamp": "2026-09-10T10:00:00.000Z"})
    };
    let sent = with(prompt(), &json!({"message": {"role": "user", "content": "please look at kakaneedle"}}));
    let records = [queue("enqueue", json!("please look at kakaneedle")), queue("dequeue", Value::Null), sent];
    let case = session_of(&[&records[..], &[text("a", "an answer")]].concat());
    for _ in 0..2 {
        let found = case.json(&["search", "kakaneedle"]);
        let snippets = found["hits"][0]["snippets"].as_array().expect("snippets");
        let of_entries: Vec<&Value> = snippets.iter().filter(|snippet| snippet["kind"] != "title").collect();
        assert!(!of_entries.is_empty() && of_entries.iter().all(|snippet| snippet["entry"] == 1), "{found}");
    }
}

#[test]
fn a_search_opens_the_right_one_of_messages_of_gemini_with_one_id() {
    let session = "aaaa0001-1111-4222-8333-444444444444";
    let message = |id: &str, kind: &str, text: &str| json!({"id": id, "timestamp": "2026-02-02T03:04:01.000Z", "type": kind, "content": text});
    let messages = [
        message("1", "user", "begin"),
        message("2", "gemini", "one kakaneedle"),
        message("2", "gemini", "two keaneedle"),
    ];
    let document = json!({"sessionId": session, "startTime": "2026-02-02T03:04:00.000Z", "messages": messages});
    let case = Case::empty();
    let folder = case.path().join(".gemini/tmp/p/chats");
    std::fs::create_dir_all(&folder).expect("created");
    std::fs::write(folder.join("session-2026-02-02T03-04-aaaa0001.json"), document.to_string()).expect("written");
    ["kakaneedle", "keaneedle", "kakaneedle", "keaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}
