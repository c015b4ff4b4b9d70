//! Records that have lost their type or their role, or have an unknown one, in files of all agents.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};

const THREAD: &str = "019f1a9f-6beb-70cd-8d73-3c8ce38c6f02";

/// A home with a file of lines.
fn home(path: &str, lines: &[Value]) -> Case {
    let case = Case::empty();
    let path = case.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("written");
    case
}

#[track_caller]
fn assert_all_found(case: &Case, words: &[&str]) {
    words.iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn a_rollouts_records_without_a_type_are_shown() {
    let line = |kind: Value, payload: Value| json!({"timestamp": "2026-06-01T10:00:00.000Z", "type": kind, "payload": payload});
    let head = json!({"id": THREAD, "timestamp": "2026-06-01T10:00:00.000Z", "cwd": "/home/dev/shop", "source": "cli"});
    let case = home(
        &format!(".codex/sessions/2026/06/01/rollout-2026-06-01T10-00-00-{THREAD}.jsonl"),
        &[
            line(json!("session_meta"), head),
            line(json!("event_msg"), json!({"type": "user_message", "message": "begin"})),
            line(Value::Null, json!({"type": "agent_message", "message": "a kakaneedle"})),
            line(json!("event_msg"), json!({"type": null, "message": "a keaneedle"})),
            line(json!("response_item"), json!({"type": null, "output": "a wekaneedle"})),
        ],
    );
    assert_all_found(&case, &["kakaneedle", "keaneedle", "wekaneedle"]);
    assert_eq!(case.entries(THREAD).len(), 4);
}

#[test]
fn results_of_a_rollouts_items_may_be_in_lists() {
    let line =
        |kind: &str, payload: Value| json!({"timestamp": "2026-06-01T10:00:00.000Z", "type": kind, "payload": payload});
    let item = |item: Value| {
        line("event_msg", json!({"type": "item_completed", "thread_id": THREAD, "turn_id": "t", "item": item}))
    };
    let head = json!({"id": THREAD, "timestamp": "2026-06-01T10:00:00.000Z", "cwd": "/home/dev/shop", "source": "cli",
        "history_mode": "paginated"});
    let result =
        json!({"content": [{"type": "text", "text": "a kakaneedle"}], "structuredContent": {"x": "a keaneedle"}});
    let mcp = |id: &str, result: Value| {
        item(
            json!({"type": "McpToolCall", "id": id, "server": "s", "tool": "t", "status": "completed", "arguments": {}, "result": result}),
        )
    };
    let collab = json!({"type": "CollabAgentToolCall", "id": "item-3", "tool": "wait", "status": "completed",
        "agents_states": [[{"message": "a wekaneedle"}]]});
    let case = home(
        &format!(".codex/sessions/2026/06/01/rollout-2026-06-01T10-00-00-{THREAD}.jsonl"),
        &[
            line("session_meta", head),
            item(json!({"type": "UserMessage", "id": "item-0", "content": [{"type": "text", "text": "begin"}]})),
            mcp("item-1", json!([result])),
            mcp("item-2", json!([[{"content": [], "structuredContent": {"x": "a moaneedle"}}]])),
            item(collab),
        ],
    );
    assert_all_found(&case, &["kakaneedle", "keaneedle", "moaneedle", "wekaneedle"]);
}

#[test]
fn all_texts_of_an_unknown_record_of_qwen_are_shown() {
    let record = |uuid: Value, kind: &str, fields: Value| {
        let mut record = json!({"uuid": uuid, "parentUuid": null, "sessionId": ID, "type": kind, "cwd": "/home/dev/shop",
            "timestamp": "2026-09-10T10:00:02.000Z"});
        record.as_object_mut().expect("fields").extend(fields.as_object().expect("fields").clone());
        record
    };
    let parts = |texts: &[&str]| {
        let parts: Vec<Value> = texts.iter().map(|text| json!({"text": text})).collect();
        json!({"message": {"parts": parts}})
    };
    let case = home(
        &format!(".qwen/projects/-home-dev-shop/chats/{ID}.jsonl"),
        &[
            record(json!("1"), "user", parts(&["begin"])),
            record(json!("2"), "brand_new", parts(&["a longer kakaneedle", "a keaneedle"])),
            record(Value::Null, "brand_new", json!({"note": "a wekaneedle"})),
        ],
    );
    assert_all_found(&case, &["kakaneedle", "keaneedle", "wekaneedle"]);
    assert_eq!(case.lines(ID)[1], "other: brand_new: a longer kakaneedle|a keaneedle");
}

#[test]
fn an_unknown_record_of_claude_that_has_only_a_title_is_shown() {
    let case = session_of(&[prompt(), json!({"type": "brand-new", "customTitle": "a kakaneedle", "sessionId": ID})]);
    assert_all_found(&case, &["kakaneedle"]);
    assert_eq!(case.only_session()["title"], "begin");
}

#[test]
fn the_output_of_a_call_with_half_a_character_in_its_id_is_found() {
    let call = json!([{"type": "tool_use", "id": "toolu_HALF", "name": "Bash", "input": {"command": "make"}}]);
    let result = json!({"type": "user", "uuid": "r", "parentUuid": "a", "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_HALF", "content": "a kakaneedle"}]}});
    let case = session_of(&[prompt(), answer("a", &call, &json!({})), result]);
    let path = case.path().join(format!(".claude/projects/-home-dev-shop/{ID}.jsonl"));
    let lines = fs::read_to_string(&path).expect("a file").replace("HALF", "\\ud83d");
    fs::write(path, lines).expect("written");
    assert_all_found(&case, &["kakaneedle", "kakaneedle"]);
}

#[test]
fn a_file_of_goose_may_begin_with_anything() {
    let header = json!({"working_dir": "/home/dev/p", "description": "the kakaneedle"});
    let said = |role: Value, content: Value| json!({"role": role, "created": 1_770_000_000, "content": content});
    let case = home(
        ".local/share/goose/sessions/20250101_1.jsonl",
        &[
            json!([]),
            header,
            said(json!("user"), json!([{"type": "text", "text": "begin"}])),
            said(Value::Null, json!([{"type": "text", "text": "a keaneedle"}])),
            said(
                json!("assistant"),
                json!([{"type": "toolRequest", "id": "t", "toolCall": {"value": {"name": "x", "arguments": {}}}}]),
            ),
            said(
                json!("user"),
                json!([{"type": "toolResponse", "id": "t", "toolResult": {"rows": [["a wekaneedle"]]}}]),
            ),
        ],
    );
    let session = case.only_session();
    assert_eq!((&session["title"], &session["cwd"]), (&json!("the kakaneedle"), &json!("/home/dev/p")));
    assert_all_found(&case, &["keaneedle", "wekaneedle"]);
}

#[test]
fn contents_of_opencode_2_may_be_nested() {
    let case = Case::of("33-opencode-2x");
    let path = case.path().join(".local/share/opencode/opencode.db");
    let database = Connection::open(path).expect("a database");
    let sql = "select id, data from session_message where data like '%call_1%' limit 1";
    let (id, data): (String, String) =
        database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a message with a tool");
    let mut data: Value = serde_json::from_str(&data).expect("JSON");
    let content = data["content"].as_array_mut().expect("a list");
    let tool = content.iter_mut().find(|item| item["type"] == "tool").expect("a tool");
    tool["state"]["content"] =
        json!([[{"type": "text", "text": ["a kakaneedle"]}], {"type": "brand_new", "note": "a keaneedle"}]);
    content.push(json!({"type": "text", "text": "a wekaneedle"}));
    data["content"] = json!([content]);
    let update = "update session_message set data = ?1 where id = ?2";
    database.execute(update, rusqlite::params![data.to_string(), id]).expect("updated");
    drop(database);
    assert_all_found(&case, &["kakaneedle", "keaneedle", "wekaneedle"]);
}
