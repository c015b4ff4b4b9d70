//! Claude Code's records in less usual forms: denials by their kind, usage in nested objects, cited sources.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use crate::support::Home;

/// The only session of these homes.
pub const ID: &str = "11111111-2222-4333-8444-000000000077";

/// A home with one session of these records.
pub fn session_of(records: &[Value]) -> Case {
    let case = Case { home: Home::empty(), variables: Vec::new() };
    let folder = case.path().join(".claude/projects/-home-dev-shop");
    fs::create_dir_all(&folder).expect("created");
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(folder.join(format!("{ID}.jsonl")), lines).expect("written");
    case
}

/// The first prompt.
pub fn prompt() -> Value {
    json!({"type": "user", "uuid": "p", "parentUuid": null, "sessionId": ID, "cwd": "/home/dev/shop",
        "timestamp": "2026-09-10T10:00:00.000Z", "message": {"role": "user", "content": "begin"}})
}

/// An answer to the first prompt.
pub fn answer(uuid: &str, content: &Value, usage: &Value) -> Value {
    json!({"type": "assistant", "uuid": uuid, "parentUuid": "p", "sessionId": ID, "timestamp": "2026-09-10T10:00:01.000Z",
        "message": {"id": uuid, "role": "assistant", "model": "m", "content": content, "usage": usage}})
}

#[test]
fn a_denied_call_is_an_error_whoever_denied_it() {
    for (kind, text, is_error) in [
        ("user-rejected", "The user doesn't want to proceed with this tool use.", true),
        ("permission-rule", "Not here", true),
        ("auto-mode", "Permission for this action has been denied. Reason: it deletes files", true),
        ("auto-mode-classifier", "Blocked by the classifier", false),
    ] {
        let call = json!([{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "rm -r x"}}]);
        let result = json!({"type": "user", "uuid": "r", "parentUuid": "a", "sessionId": ID, "toolDenialKind": kind,
            "timestamp": "2026-09-10T10:00:02.000Z", "toolUseResult": format!("Error: {text}"), "message": {"role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "is_error": is_error, "content": text}]}});
        let case = session_of(&[prompt(), answer("a", &call, &json!({})), result]);
        assert_eq!(case.lines(ID)[1], "Bash denied: rm -r x", "{kind}");
        for _ in 0..2 {
            assert_eq!(case.json(&["search", "has:error"])["total"], 1, "{kind}");
        }
    }
}

#[test]
fn usage_in_nested_objects_counts() {
    let text = json!([{"type": "text", "text": "done"}]);
    let nested = json!({"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 1}});
    let both = json!({"input_tokens": 10, "output_tokens": 10, "cache_creation_input_tokens": 10,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 0},
        "iterations": [{"input_tokens": 10, "output_tokens": 10}]});
    let only_iterations =
        json!({"iterations": [{"input_tokens": 100, "output_tokens": 1}, {"input_tokens": 100, "output_tokens": 1}]});
    let case = session_of(&[
        prompt(),
        answer("a", &text, &nested),
        answer("b", &text, &both),
        answer("c", &text, &only_iterations),
    ]);
    assert_eq!(case.session(ID)["tokens"], json!({"input": 213, "output": 16, "cache_read": 5, "cache_write": 17}));
}

#[test]
fn cited_sources_follow_the_answer() {
    let citations = json!([
        {"type": "web_search_result_location", "url": "https://example.org/a", "title": "A page", "cited_text": "the dugongneedle"},
        {"type": "web_search_result_location", "url": "https://example.org/a", "title": "A page", "cited_text": "the dugongneedle"},
        {"type": "char_location", "document_title": "notes.txt", "cited_text": "two\nlines"},
    ]);
    let content = json!([{"type": "text", "text": "It is so.", "citations": citations}]);
    let case = session_of(&[prompt(), answer("a", &content, &json!({}))]);
    let expected = "text: It is so.||- [A page](https://example.org/a): the dugongneedle|- notes.txt: two lines";
    assert_eq!(case.lines(ID)[1], expected);
    for _ in 0..2 {
        case.assert_shown_and_found("dugongneedle");
    }
}
