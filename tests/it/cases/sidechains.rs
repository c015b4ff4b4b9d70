//! Sub-agents of Claude Code in the file of their parent: each is a session of its own, in which its texts are found.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};
use super::families::with;

fn side(uuid: &str, parent: &Value, kind: &str, content: &Value) -> Value {
    json!({"parentUuid": parent, "isSidechain": true, "sessionId": ID, "cwd": "/home/dev/shop", "type": kind, "uuid": uuid,
        "timestamp": "2026-09-10T10:00:03.000Z", "message": {"role": kind, "content": content}})
}

fn task(id: &str, text: &str) -> Value {
    let input = json!({"description": format!("task {text}"), "prompt": text, "subagent_type": "general-purpose"});
    answer(id, &json!([{"type": "tool_use", "id": id, "name": "Task", "input": input}]), &json!({}))
}

/// Asserts that a word is found in one session only, at an entry of which the word is in the text.
#[track_caller]
fn assert_opens(case: &Case, word: &str, session: &str) {
    // Once without the index, and once with it.
    for _ in 0..2 {
        let found = case.json(&["search", word]);
        let hits = found["hits"].as_array().expect("hits");
        let sessions: Vec<&str> = hits.iter().filter_map(|hit| hit["session"]["id"].as_str()).collect();
        assert_eq!(sessions, [session], "{word}");
        let snippets = hits[0]["snippets"].as_array().expect("snippets");
        for snippet in snippets.iter().filter(|snippet| snippet["kind"] != "title") {
            let number = snippet["entry"].as_u64().unwrap_or_else(|| panic!("{word} has no entry: {snippet}"));
            let entry = case.entries(session)[usize::try_from(number).expect("a number") - 1].to_string();
            assert!(entry.contains(word), "{word} is not in {entry}");
        }
    }
}

#[test]
fn texts_of_a_sub_agent_in_its_parents_file_open_in_its_session() {
    let call = json!([{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls kiwineedle"}}]);
    let result = json!([{"type": "tool_result", "tool_use_id": "t1", "content": "a row\ntuineedle"}]);
    let last = answer("e", &json!([{"type": "text", "text": "both are done kakaneedle"}]), &json!({}));
    let case = session_of(&[
        prompt(),
        task("k1", "look at wekaneedle"),
        with(task("k2", "count mohoneedle"), &json!({"parentUuid": "k1"})),
        side("s1", &Value::Null, "user", &json!("look at wekaneedle")),
        side("z1", &Value::Null, "user", &json!("count mohoneedle")),
        side("s2", &json!("s1"), "assistant", &call),
        side("z2", &json!("z1"), "assistant", &json!([{"type": "thinking", "thinking": "hm ruruneedle"}])),
        side("s3", &json!("s2"), "user", &result),
        side("s4", &json!("s3"), "assistant", &json!([{"type": "text", "text": "done piponeedle"}])),
        with(last, &json!({"parentUuid": "k2"})),
    ]);
    for (word, session) in [
        ("kiwineedle", "agent-s1"),
        ("tuineedle", "agent-s1"),
        ("piponeedle", "agent-s1"),
        ("ruruneedle", "agent-z1"),
        ("kakaneedle", ID),
    ] {
        assert_opens(&case, word, session);
    }
    assert_eq!(case.json(&["search", "tuineedle is:subagent"])["total"], 1);
    assert_eq!(case.json(&["search", "tuineedle -is:subagent"])["total"], 0);
    let links: Vec<Value> = case.entries(ID).iter().map(|entry| entry["tool"]["subagent"].clone()).collect();
    assert_eq!(links, [Value::Null, json!("agent-s1"), json!("agent-z1"), Value::Null]);
}

#[test]
fn records_of_a_sub_agent_may_be_alone_and_in_any_form() {
    let first = side("s1", &json!("lost"), "user", &json!("look at wekaneedle"));
    let without_id = with(side("", &json!("s1"), "assistant", &json!("no id kiwineedle")), &json!({"uuid": null}));
    let without_parent = side("s3", &json!("gone"), "assistant", &json!("an orphan tuineedle"));
    let glued = side("s4", &json!("s3"), "assistant", &json!("glued mohoneedle"));
    let as_text = with(
        side("s5", &json!("s4"), "assistant", &json!("a flag as a text ruruneedle")),
        &json!({"isSidechain": "true"}),
    );
    let spaced = side("s6", &json!("s5"), "assistant", &json!("spaces piponeedle"));
    let spaced = spaced.to_string().replace(r#""isSidechain":"#, r#""isSidechain" : "#);
    let other = answer("a", &json!([{"type": "text", "text": "of the session kakaneedle"}]), &json!({}));
    let lines = [
        first.to_string(),
        side("s1", &Value::Null, "user", &json!("look at wekaneedle")).to_string(),
        without_id.to_string(),
        without_parent.to_string(),
        format!("{other}{glued}"),
        as_text.to_string(),
        spaced,
    ];
    let case = session_of(&[]);
    let file = case.path().join(format!(".claude/projects/-home-dev-shop/{ID}.jsonl"));
    fs::write(file, lines.map(|line| line + "\n").concat()).expect("written");
    for word in ["wekaneedle", "kiwineedle", "tuineedle", "mohoneedle", "ruruneedle", "piponeedle"] {
        case.assert_shown_and_found(word);
        assert!(case.lines("agent-s1").iter().any(|line| line.contains(word)), "{word}");
    }
    assert_opens(&case, "kakaneedle", ID);
    assert_eq!(case.lines(ID), ["text: of the session kakaneedle"]);
}

#[test]
fn records_that_are_appended_for_a_sub_agent_are_found_in_its_session() {
    let case = session_of(&[prompt(), side("s1", &Value::Null, "user", &json!("look at wekaneedle"))]);
    case.json(&["search", "wekaneedle"]);
    let later = side("s2", &json!("s1"), "assistant", &json!([{"type": "text", "text": "found tuineedle"}]));
    let file = format!(".claude/projects/-home-dev-shop/{ID}.jsonl");
    case.append(&file, &[&later.to_string()]);
    assert_opens(&case, "tuineedle", "agent-s1");
}
