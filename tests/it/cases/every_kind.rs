//! Texts of kinds that are rare, new or unknown: each is shown, and found with an entry that shows it.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};

const THREAD: &str = "019f0000-0000-7000-8000-000000000051";

/// A thread with these lines after its prompt.
fn thread(lines: &[(&str, Value)]) -> Case {
    let line = |(kind, payload): &(&str, Value)| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let head = json!({"id": THREAD, "timestamp": "2026-02-02T03:04:05.000Z", "cwd": "/home/dev/p"});
    let begin = [("session_meta", head), ("event_msg", json!({"type": "user_message", "message": "begin"}))];
    let text: String = begin.iter().chain(lines).map(|record| format!("{}\n", line(record))).collect();
    let case = Case::empty();
    let folder = case.path().join(".codex/sessions/2026/02/02");
    fs::create_dir_all(&folder).expect("created");
    fs::write(folder.join(format!("rollout-2026-02-02T03-04-05-{THREAD}.jsonl")), text).expect("written");
    case
}

#[test]
fn payloads_of_codex_may_be_lists() {
    let message = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]});
    let case = thread(&[
        ("event_msg", json!([{"type": "agent_message", "message": "in a list kakaneedle"}])),
        ("event_msg", json!(["a text kokoneedle", {"note": "another mohoneedle"}])),
        ("response_item", json!([message, {"type": "message", "note": "of two ruruneedle"}])),
        ("mystery", json!(["alone tuineedle"])),
    ]);
    assert_eq!(case.lines(THREAD)[1], "text: in a list kakaneedle");
    ["kakaneedle", "kokoneedle", "mohoneedle", "ruruneedle", "tuineedle"]
        .iter()
        .for_each(|word| case.assert_shown_and_found(word));
    assert_eq!(case.json(&["doctor"])["issues"], json!([]), "nothing is lost");
}

#[test]
fn items_of_codex_without_a_call_are_found_with_their_entries() {
    let item = |item: Value| ("event_msg", json!({"type": "item_completed", "turn_id": "t", "item": item}));
    let case = thread(&[
        item(json!({"type": "McpToolCall", "id": "item_1", "server": "weather", "tool": "kakaneedle",
            "arguments": {"city": "kokoneedle"}, "status": "completed", "result": {"content": [{"type": "text", "text": "mohoneedle"}]}})),
        item(json!({"type": "FileChange", "id": "item_2", "status": "completed",
            "changes": {"/a.rs": {"type": "update", "unified_diff": "@@\n-one\n+ruruneedle"}}})),
        item(
            json!({"type": "CollabAgentToolCall", "id": "item_3", "tool": "spawn_agent", "prompt": "look at tuineedle",
            "status": "completed", "receiver_thread_ids": []}),
        ),
        item(json!({"type": "Extension", "id": "item_4", "kind": "web_search.run", "query": "hihineedle",
            "results": [{"title": "a page pekaneedle", "url": "https://example.invalid/p"}], "status": "completed"})),
    ]);
    let words = ["kakaneedle", "kokoneedle", "mohoneedle", "ruruneedle", "tuineedle", "hihineedle", "pekaneedle"];
    words.iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn events_of_codex_that_say_something_are_shown() {
    let case = thread(&[
        ("realtime_item", json!({"type": "handoff", "text": "over to kakaneedle"})),
        ("realtime_item", json!({"type": "realtime_session_started", "realtime_session_id": "r"})),
        ("event_msg", json!({"type": "realtime_conversation_realtime", "payload": {"text": "spoken kokoneedle"}})),
        ("event_msg", json!({"type": "background_event", "message": "waits for mohoneedle"})),
        (
            "event_msg",
            json!({"type": "hook_completed", "run": {"entries": [{"kind": "error", "text": "hook ruruneedle"}]}}),
        ),
        ("event_msg", json!({"type": "hook_started", "run": {"entries": []}})),
        (
            "event_msg",
            json!({"type": "entered_review_mode", "user_facing_hint": "changes",
            "target": {"type": "custom", "instructions": "mind the tuineedle"}}),
        ),
    ]);
    assert_eq!(case.entries(THREAD).len(), 6);
    ["kakaneedle", "kokoneedle", "mohoneedle", "ruruneedle", "tuineedle"]
        .iter()
        .for_each(|word| case.assert_shown_and_found(word));
}

fn record(number: u32, more: &Value) -> Value {
    let mut record = json!({"uuid": format!("n{number}"), "parentUuid": "p", "sessionId": ID,
        "timestamp": format!("2026-09-10T10:00:{number:02}.000Z")});
    record.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
    record
}

#[test]
fn attachments_of_claude_that_are_no_context_are_shown() {
    let attached = |number, attachment: Value| record(number, &json!({"type": "attachment", "attachment": attachment}));
    let case = session_of(&[
        prompt(),
        attached(
            3,
            json!({"type": "teammate_mailbox", "messages": [{"from": "ana", "text": "the kakaneedle is done"}]}),
        ),
        attached(
            4,
            json!({"type": "task_status", "description": "tests", "status": "running", "deltaSummary": "half kokoneedle"}),
        ),
        attached(5, json!({"type": "novelty", "words": "a new mohoneedle"})),
        attached(6, json!({"type": "async_hook_response", "hookName": "Stop", "stdout": "a hook says ruruneedle"})),
        attached(7, json!({"type": "todo_reminder", "content": "a reminder"})),
    ]);
    let shown = [
        "prompt: begin",
        "notice: Message from ana||the kakaneedle is done",
        "notice: tests: running|half kokoneedle",
        "other: [novelty] a new mohoneedle",
        "notice: Hook Stop: a hook says ruruneedle",
    ];
    assert_eq!(case.lines(ID), shown);
    ["kakaneedle", "kokoneedle", "mohoneedle", "ruruneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn records_of_claude_beside_the_conversation_are_shown_if_their_kind_is_unknown() {
    let case = session_of(&[
        prompt(),
        json!({"type": "pr-link", "sessionId": ID, "prNumber": 3, "prUrl": "https://example.invalid/kakaneedle"}),
        json!({"type": "novelty", "sessionId": ID, "words": "a new kokoneedle"}),
        json!({"type": "agent-color", "sessionId": ID, "agentColor": "green"}),
    ]);
    let shown =
        ["prompt: begin", "other: [pr-link] https://example.invalid/kakaneedle", "other: [novelty] a new kokoneedle"];
    assert_eq!(case.lines(ID), shown);
    ["kakaneedle", "kokoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn structured_results_of_claude_add_to_the_text() {
    let call = |id: &str, parent: &str| {
        let input = json!([{"type": "tool_use", "id": id, "name": "mcp__rows__list", "input": {}}]);
        let mut call = answer(id, &input, &json!({}));
        call["parentUuid"] = json!(parent);
        call
    };
    let result = |number, id: &str, more: &Value| {
        let content =
            json!([{"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": "2 rows"}]}]);
        let message = json!({"role": "user", "content": content});
        let mut result = record(number, &json!({"type": "user", "parentUuid": id, "message": message}));
        result.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        result
    };
    let case = session_of(&[
        prompt(),
        call("t1", "p"),
        result(3, "t1", &json!({"toolUseResult": {"structuredContent": {"rows": ["kakaneedle", "one"]}}})),
        call("t2", "n3"),
        result(5, "t2", &json!({"mcpMeta": {"structuredContent": {"rows": ["kokoneedle"]}}})),
        call("t3", "n5"),
        result(7, "t3", &json!({"mcpMeta": {"structuredContent": {"rows": "2 rows"}}})),
    ]);
    let outputs: Vec<Value> = case.entries(ID)[1..].iter().map(|entry| entry["tool"]["output"].clone()).collect();
    assert_eq!(outputs, ["2 rows\nrows: kakaneedle one", "2 rows\nrows: kokoneedle", "2 rows"]);
    ["kakaneedle", "kokoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

const QWEN: &str = "cccc1111-0000-4000-8000-000000000051";

#[test]
fn words_of_programs_in_a_session_of_qwen_are_shown() {
    let record = |number: u32, kind: &str, more: &Value| {
        let mut record = json!({"uuid": format!("q{number}"), "parentUuid": (number > 1).then(|| format!("q{}", number - 1)),
            "sessionId": QWEN, "timestamp": format!("2026-09-10T10:00:{number:02}.000Z"), "type": kind, "cwd": "/home/dev/p"});
        record.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        record
    };
    let said = |provenance: &str, text: &str| json!({"provenance": provenance, "message": {"parts": [{"text": text}]}});
    let call = json!({"message": {"parts": [{"functionCall": {"id": "c1", "name": "list_rows", "args": {}}}]}});
    let response = json!({"id": "c1", "name": "list_rows", "response": {"output": "two rows", "structuredContent": {"row": "mohoneedle"}}});
    let result = json!({"message": {"parts": [{"functionResponse": response}]},
        "toolCallResult": {"callId": "c1", "status": "success", "resultDisplay": "what is shown ruruneedle"}});
    let printed = json!({"subtype": "slash_command", "systemPayload": {"phase": "result",
        "outputHistoryItems": [{"type": "stats", "content": "all of the tuineedle"}]}});
    let completed = json!({"subtype": "background_task_completed", "systemPayload": {"description": "a long task",
        "result": "it has found the hihineedle"}});
    let records = [
        record(1, "user", &said("real_user", "begin")),
        record(2, "user", &said("hook", "a hook says kakaneedle")),
        record(3, "user", &said("channel", "from a channel kokoneedle")),
        record(4, "user", &said("system", "for the model only")),
        record(5, "assistant", &call),
        record(6, "tool_result", &result),
        record(7, "system", &printed),
        record(8, "system", &completed),
    ];
    let case = Case::empty();
    let folder = case.path().join(".qwen/projects/-home-dev-p/chats");
    fs::create_dir_all(&folder).expect("created");
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(folder.join(format!("{QWEN}.jsonl")), text).expect("written");
    let shown = [
        "prompt: begin",
        "notice: a hook says kakaneedle",
        "prompt: from a channel kokoneedle",
        "list_rows done: ",
        "notice: all of the tuineedle",
        "notice: a long task|it has found the hihineedle",
    ];
    assert_eq!(case.lines(QWEN), shown);
    let output = &case.entries(QWEN)[3]["tool"]["output"];
    assert_eq!(output, "two rows\n\nwhat is shown ruruneedle\nrow: mohoneedle");
    ["kakaneedle", "kokoneedle", "mohoneedle", "ruruneedle", "tuineedle", "hihineedle"]
        .iter()
        .for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn what_a_tool_of_opencode_printed_before_it_failed_is_shown() {
    let session = "ses_1aaaaaaaaaaaaaaaaaaaaaaaaa";
    let case = Case::of("34-opencode-parts");
    let path = case.path().join(".local/share/opencode/opencode.db");
    let database = rusqlite::Connection::open(path).expect("a database");
    let states = [
        json!({"status": "error", "input": {"command": "make"}, "error": "it was killed", "metadata": {"output": "a line kakaneedle"}}),
        json!({"status": "pending", "input": {}, "raw": "{\"command\": \"make kokoneedle"}),
    ];
    for (number, state) in states.iter().enumerate() {
        let part = json!({"type": "tool", "tool": "bash", "callID": format!("z{number}"), "state": state}).to_string();
        let sql = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
                   VALUES (?1, 'msg_0004', ?2, 1770000000000, 1770000000000, ?3)";
        database.execute(sql, [&format!("prt_z{number}"), session, &part]).expect("inserted");
    }
    ["kakaneedle", "kokoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    let entries = case.entries(session);
    let output = entries.iter().find_map(|entry| {
        let output = entry["tool"]["output"].as_str()?;
        output.starts_with("it was killed").then_some(output)
    });
    assert_eq!(output, Some("it was killed\n\na line kakaneedle"));
}

#[test]
fn texts_of_claude_in_other_shapes_are_shown() {
    let thinking = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "a thought kakaneedle"}]},
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make"}}]);
    let result =
        json!({"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": ["out kokoneedle"]}]});
    let message = json!({"role": "user", "content": result});
    let case = session_of(&[
        prompt(),
        answer("a", &thinking, &json!({})),
        record(3, &json!({"type": "user", "parentUuid": "a", "message": message})),
    ]);
    assert_eq!(case.lines(ID), ["prompt: begin", "thinking: a thought kakaneedle", "Bash done: make"]);
    ["kakaneedle", "kokoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn texts_of_codex_in_other_shapes_are_shown() {
    let case = thread(&[("compacted", json!({"message": [{"type": "text", "text": "a summary kakaneedle"}]}))]);
    case.assert_shown_and_found("kakaneedle");
    let case = thread(&[]);
    let line = |kind: &str, payload: Value| {
        json!({"timestamp": "2026-02-02T03:04:06.000Z", "type": kind, "payload": payload}).to_string()
    };
    let head = json!({"id": THREAD, "timestamp": "2026-02-02T03:04:05.000Z", "cwd": "/home/dev/p"});
    let said = |role: &str, content: Value| json!({"type": "message", "role": role, "content": content});
    let lines = [
        line("session_meta", head),
        line("response_item", said("user", json!([{"type": "input_text", "text": "begin"}]))),
        line("response_item", said("assistant", json!([{"type": "output_text", "text": ["in a list kokoneedle"]}]))),
    ];
    let path = case.path().join(format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{THREAD}.jsonl"));
    fs::write(path, lines.join("\n") + "\n").expect("written");
    assert_eq!(case.lines(THREAD), ["prompt: begin", "text: in a list kokoneedle"]);
    case.assert_shown_and_found("kokoneedle");
}

#[test]
fn lists_of_qwen_and_goose_may_be_maps() {
    let case = Case::empty();
    let record = json!({"uuid": "q1", "parentUuid": null, "sessionId": QWEN, "timestamp": "2026-09-10T10:00:04.000Z",
        "type": "assistant", "cwd": "/home/dev/p", "message": {"parts": {"0": {"text": "one kakaneedle"}, "1": {"text": "two"}}}});
    let folder = case.path().join(".qwen/projects/-home-dev-p/chats");
    fs::create_dir_all(&folder).expect("created");
    fs::write(folder.join(format!("{QWEN}.jsonl")), format!("{record}\n")).expect("written");
    assert_eq!(case.lines(QWEN), ["text: one kakaneedle", "text: two"]);
    case.assert_shown_and_found("kakaneedle");

    let call = json!({"type": "toolRequest", "id": "t", "toolCall": {"status": "success", "value": {"name": "x", "arguments": {}}}});
    let content = json!({"0": {"type": "thinking", "thinking": {"text": "a thought kokoneedle"}}, "1": call});
    let printed = json!([[{"type": "text", "text": "out mohoneedle"}]]);
    let result = json!([{"type": "toolResponse", "id": "t", "toolResult": {"status": "success", "value": {"content": printed}}}]);
    let lines = [
        json!({"working_dir": "/home/dev/p", "description": "d"}),
        json!({"role": "assistant", "created": 1_770_000_001, "content": content}),
        json!({"role": "user", "created": 1_770_000_002, "content": result}),
    ];
    let folder = case.path().join(".local/share/goose/sessions");
    fs::create_dir_all(&folder).expect("created");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("20250101_2.jsonl"), text).expect("written");
    assert_eq!(case.lines("20250101_2"), ["thinking: a thought kokoneedle", "x done: "]);
    ["kokoneedle", "mohoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}
