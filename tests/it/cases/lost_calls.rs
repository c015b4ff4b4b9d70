//! Codex's events of the ends of calls: each describes its call, which may have no other record.

use std::fs;

use serde_json::{Value, json};

use super::Case;

const THREAD: &str = "019f1a9f-6beb-70cd-8d73-3c8ce38c6f01";

fn rollout(records: &[Value]) -> Case {
    let line = |(kind, payload): (&str, &Value)| {
        json!({"timestamp": "2026-06-01T10:00:00.000Z", "type": kind, "payload": payload}).to_string() + "\n"
    };
    let head = json!({"id": THREAD, "timestamp": "2026-06-01T10:00:00.000Z", "cwd": "/home/dev/shop", "source": "cli"});
    let prompt = json!({"type": "user_message", "message": "begin"});
    let kind = |record: &Value| {
        let kind = record["type"].as_str().expect("a type");
        if (kind.ends_with("_call") && kind != "view_image_tool_call") || kind.ends_with("_output") {
            "response_item"
        } else {
            "event_msg"
        }
    };
    let mut text = line(("session_meta", &head)) + &line(("event_msg", &prompt));
    records.iter().for_each(|record| text.push_str(&line((kind(record), record))));
    let case = Case::empty();
    let path = case.path().join(format!(".codex/sessions/2026/06/01/rollout-2026-06-01T10-00-00-{THREAD}.jsonl"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
    case
}

/// Events of the ends of calls, each with the texts of its call and of its result.
fn ends() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (
            json!({"type": "exec_command_end", "call_id": "call_1", "command": ["bash", "-lc", "echo kakaneedle"],
                "cwd": "/home/dev/shop", "aggregated_output": "a tuineedle", "exit_code": 0}),
            &["kakaneedle", "tuineedle"],
        ),
        (
            json!({"type": "mcp_tool_call_end", "call_id": "call_1",
                "invocation": {"server": "keaneedle", "tool": "wekaneedle", "arguments": {"q": "kakaneedle"}},
                "result": {"Ok": {"content": [{"type": "text", "text": "a tuineedle"}]}}}),
            &["keaneedle", "wekaneedle", "kakaneedle", "tuineedle"],
        ),
        (
            json!({"type": "patch_apply_end", "call_id": "call_1", "stdout": "a tuineedle", "success": true,
                "changes": {"/home/dev/kakaneedle": {"type": "add", "content": "the wekaneedle\n"}}}),
            &["kakaneedle", "wekaneedle", "tuineedle"],
        ),
        (
            json!({"type": "web_search_end", "call_id": "ws_1", "query": "kakaneedle",
                "action": {"type": "search", "query": "kakaneedle", "queries": ["kakaneedle", "wekaneedle"]}}),
            &["kakaneedle", "wekaneedle"],
        ),
        (
            json!({"type": "view_image_tool_call", "call_id": "call_1", "path": "/home/dev/kakaneedle.png"}),
            &["kakaneedle"],
        ),
        (
            json!({"type": "image_generation_end", "call_id": "ig_1", "status": "completed", "result": "",
                "revised_prompt": "a kakaneedle", "saved_path": "/home/dev/tuineedle.png"}),
            &["kakaneedle", "tuineedle"],
        ),
        (
            json!({"type": "dynamic_tool_call_response", "call_id": "call_1", "tool": "wekaneedle",
                "arguments": {"a": "kakaneedle"}, "content_items": [{"type": "inputText", "text": "a tuineedle"}],
                "success": true}),
            &["wekaneedle", "kakaneedle", "tuineedle"],
        ),
        (
            json!({"type": "collab_agent_spawn_end", "call_id": "call_1", "new_thread_id": "n", "prompt": "a kakaneedle",
                "status": "pending_init"}),
            &["kakaneedle"],
        ),
        (
            json!({"type": "collab_waiting_end", "call_id": "call_1", "statuses": {"n": {"completed": "a tuineedle"}}}),
            &["tuineedle"],
        ),
    ]
}

#[test]
fn the_end_of_a_call_without_a_record_is_a_call_with_its_result() {
    for (end, words) in ends() {
        let case = rollout(std::slice::from_ref(&end));
        let entries = case.entries(THREAD);
        assert_eq!((entries.len(), &entries[1]["kind"]), (2, &json!("tool")), "{end}: {entries:#?}");
        // Without an index and with one.
        words.iter().chain(words).for_each(|word| case.assert_shown_and_found(word));
    }
}

#[test]
fn the_end_of_a_call_with_a_record_adds_no_entry() {
    let call = |name: &str, arguments: &str| json!({"type": "function_call", "name": name, "call_id": "call_1", "arguments": arguments});
    for (end, _) in ends() {
        let search =
            |id: Value| json!({"type": "web_search_call", "id": id, "status": "completed", "action": end["action"]});
        let calls = match end["type"].as_str().expect("a type") {
            // Not all versions record the id.
            "web_search_end" => vec![search(json!("ws_1")), search(Value::Null)],
            "image_generation_end" => {
                vec![json!({"type": "image_generation_call", "id": "ig_1", "status": "completed"})]
            }
            _ => vec![call("a_tool", r#"{"x": "moaneedle"}"#)],
        };
        for call in calls {
            let case = rollout(&[call.clone(), end.clone()]);
            let entries = case.entries(THREAD);
            assert_eq!((entries.len(), &entries[1]["kind"]), (2, &json!("tool")), "{call} {end}: {entries:#?}");
            if call["type"] == "function_call" && end["type"] == "exec_command_end" {
                let restated = json!({"type": "function_call", "name": "shell", "call_id": "call_1",
                    "arguments": r#"{"command": ["bash", "-lc", "echo kakaneedle"]}"#});
                let found = rollout(&[restated, end.clone()]).json(&["search", "kakaneedle"]);
                assert_eq!(found["hits"][0]["count"], 1, "{found}");
            }
            if call["type"] == "function_call" {
                assert_eq!(entries[1]["tool"]["input"]["x"], "moaneedle", "{end}");
                case.assert_shown_and_found("moaneedle");
            }
        }
    }
}
