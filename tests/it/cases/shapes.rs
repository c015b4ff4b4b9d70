//! Records of other shapes than usual, per agent: texts where objects are usual and the other way round, numbers as times,
//! unknown kinds, damaged characters, several records in one place.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Case;

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// Writes a file of an empty home and returns the lines of its only session.
fn shown(path: &str, text: &str) -> (Case, Vec<String>) {
    let case = Case::empty();
    let file = case.path().join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("created");
    fs::write(file, text).expect("written");
    let id = case.only_session()["id"].as_str().expect("an id").to_owned();
    let lines = case.lines(&id);
    (case, lines)
}

#[test]
fn unusual_records_of_claude_are_shown() {
    let id = "cccc0001-0000-4000-8000-000000000001";
    let record = |number: u32, kind: &str, message: Value| {
        json!({"type": kind, "uuid": format!("u{number}"), "parentUuid": (number > 1).then(|| format!("u{}", number - 1)),
            "sessionId": id, "timestamp": 1_770_000_000 + number, "cwd": "/home/dev/p", "message": message})
    };
    let calls = json!({"id": "m2", "role": "assistant", "content": [
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": "ls -la"},
        {"type": "tool_use", "id": "t2", "name": "mcp__x__y", "input": {"a": {"b": ["deep kiwi"]}}},
        {"type": "strange_block", "payload": {"k": "strange kaka"}},
        {"type": "tool_use", "id": "t3", "name": "TodoWrite", "input": {"todos": ["a todo", {"content": ["x"]}]}}]});
    let mut unknown = record(5, "brand-new", Value::Null);
    unknown["payload"] = json!({"text": "brand new ruru"});
    let (_, shown) = shown(
        &format!(".claude/projects/-home-dev-p/{id}.jsonl"),
        &lines(&[
            record(1, "user", json!({"role": "user", "content": {"type": "text", "text": "a prompt in an object"}})),
            record(2, "assistant", json!({"id": "m1", "role": "assistant", "content": "a plain answer"})),
            record(3, "assistant", calls),
            record(
                4,
                "user",
                json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": {"type": "text", "text": "a result"}}]}),
            ),
            unknown,
            record(6, "user", json!({"role": "user", "content": "before <system-reminder>no</system-reminder>after"})),
            record(7, "user", json!({"role": "user", "content": [{"text": "a block without a type"}]})),
        ]),
    );
    assert_eq!(
        shown,
        [
            "prompt: a prompt in an object",
            "text: a plain answer",
            "Bash done: ls -la",
            "mcp__x__y pending: a: deep kiwi",
            "other: [strange_block] strange kaka",
            "TodoWrite pending: - [ ] a todo|- [ ] x",
            "other: [brand-new] brand new ruru",
            "prompt: before after",
            "prompt: a block without a type",
        ]
    );
}

#[test]
fn unusual_records_of_codex_are_shown() {
    let id = "019f0000-0000-7000-8000-000000000001";
    let record =
        |kind: &str, payload: Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let call = |id: &str, name: &str, arguments: Value| {
        record("response_item", json!({"type": "function_call", "name": name, "arguments": arguments, "call_id": id}))
    };
    let (_, shown) = shown(
        &format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{id}.jsonl"),
        &lines(&[
            record("session_meta", json!({"id": id, "timestamp": "2026-02-02T03:04:05Z", "cwd": "/home/dev/p"})),
            record("event_msg", json!({"type": "user_message", "message": {"text": "a prompt in an object"}})),
            record("event_msg", json!({"type": "agent_message", "message": ["an answer", "in parts"]})),
            call("c1", "shell", json!({"command": {"cmd": "ls"}})),
            record(
                "response_item",
                json!({"type": "function_call_output", "call_id": "c1", "output": {"files": ["kea"]}}),
            ),
            call("c2", "update_plan", json!({"plan": ["a step", {"step": "another", "status": "odd"}]})),
            record("event_msg", json!({"type": "brand_new_event", "note": {"text": "novel takahe"}})),
            record("brand_new_line", json!({"text": "novel tieke"})),
        ]),
    );
    assert_eq!(
        shown,
        [
            "prompt: a prompt in an object",
            "text: an answer in parts",
            "shell done: ls",
            "update_plan pending: - [ ] a step|- [ ] another",
            "other: brand_new_event: novel takahe",
            "other: record: novel tieke",
        ]
    );
}

#[test]
fn turns_that_codex_undid_are_marked() {
    let id = "019f0000-0000-7000-8000-000000000002";
    let event =
        |payload: Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": "event_msg", "payload": payload});
    let prompt = |text: &str| event(json!({"type": "user_message", "message": text}));
    let answer = |text: &str| event(json!({"type": "agent_message", "message": text}));
    let undo = |turns: u32| event(json!({"type": "thread_rolled_back", "num_turns": turns}));
    let text = [
        prompt("one"),
        answer("first"),
        prompt("two"),
        answer("second"),
        undo(1),
        prompt("three"),
        answer("third"),
        undo(1),
        prompt("four"),
    ];
    let path = format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{id}.jsonl");
    let (case, _) = shown(&path, &lines(&text));
    let reverted = case.entries(id).into_iter().filter(|entry| entry["reverted"] == true);
    let reverted: Vec<Value> = reverted.map(|entry| entry["text"].clone()).collect();
    assert_eq!(reverted, ["two", "second", "three", "third"]);
}

#[test]
fn unusual_records_of_gemini_are_shown() {
    let record = |id: u32, kind: &str, content: Value| json!({"id": id.to_string(), "timestamp": 1_770_000_000 + id, "type": kind, "content": content});
    let mut thinking = record(2, "gemini", json!(["a text", {"text": "and an object"}]));
    thinking["thoughts"] = json!(["a thought", ["another one"]]);
    let mut calls = record(3, "gemini", json!(""));
    calls["toolCalls"] = json!([
        {"id": "t1", "name": "run_shell_command", "args": "ls -la", "status": "success", "resultDisplay": ["one", "two"]},
        {"id": "t2", "name": "read_file", "args": {"file_path": ["a.rs", "b.rs"]}, "status": "success", "result": "kea"},
        "only a text"]);
    let mut unknown = record(4, "quota", json!([]));
    unknown["message"] = json!("quota is low");
    let head = json!({"sessionId": "aaaa0001-1111-4222-8333-444444444444", "startTime": 1_770_000_000_123_i64, "kind": "main"});
    let glued = format!("{}{}\n", record(5, "user", json!("one")), record(6, "gemini", json!("two")));
    let text = format!(
        "\u{feff}{}{glued}\0\0{}\n",
        lines(&[head, record(1, "user", json!("a prompt")), thinking, calls, unknown]),
        record(7, "gemini", json!("after a hole"))
    );
    let (case, shown) = shown(".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa0001.jsonl", &text);
    assert_eq!(
        shown,
        [
            "prompt: a prompt",
            "thinking: a thought||another one",
            "text: a text|and an object",
            "run_shell_command done: ls -la",
            "read_file done: a.rs b.rs",
            "tool pending: only a text",
            "other: quota: quota is low",
            "prompt: one",
            "text: two",
            "text: after a hole",
        ]
    );
    assert_eq!(case.only_session()["started_at"], "2026-02-02T02:40:01.000Z");
}

#[test]
fn unusual_records_of_qwen_are_shown() {
    let id = "bbbb0001-0000-4000-8000-000000000001";
    let record = |number: u32, kind: &str, message: Value| {
        json!({"uuid": number.to_string(), "parentUuid": (number > 1).then(|| (number - 1).to_string()), "sessionId": id,
            "timestamp": 1_770_000_000 + number, "type": kind, "cwd": "/home/dev/p", "message": message})
    };
    let call = |id: &str, name: &str, args: Value| json!({"functionCall": {"id": id, "name": name, "args": args}});
    let parts = |parts: Value| json!({"parts": parts});
    let mut unknown = record(7, "system", Value::Null);
    unknown["subtype"] = json!("brand_new");
    unknown["systemPayload"] = json!({"x": {"y": "huia"}});
    let text = lines(&[
        record(1, "user", json!("a message as text")),
        record(2, "assistant", parts(json!("parts as text"))),
        record(
            3,
            "assistant",
            parts(json!(["a part as text", {"executableCode": {"code": "print('kakapo')"}},
            call("c1", "run_shell_command", json!({"command": ["ls", "-a"]}))])),
        ),
        record(
            4,
            "tool_result",
            parts(json!([{"functionResponse": {"id": "c1", "response": {"files": ["takahe.rs"]}}}])),
        ),
        record(5, "user", parts(json!([{"text": "<system-reminder>no</system-reminder>"}, {"text": "a prompt"}]))),
        record(
            6,
            "assistant",
            parts(json!([
                call("c2", "exit_plan_mode", json!({"plan": "# Plan\n\n1. do it"})),
                call("c3", "todo_write", json!("no list"))
            ])),
        ),
        unknown,
    ]);
    let (case, shown) = shown(&format!(".qwen/projects/-home-dev-p/chats/{id}.jsonl"), &format!("\u{feff}{text}"));
    assert_eq!(
        shown,
        [
            "prompt: a message as text",
            "text: parts as text",
            "text: a part as text",
            "other: executableCode: print('kakapo')",
            "run_shell_command done: ls -a",
            "prompt: a prompt",
            "exit_plan_mode pending: # Plan||1. do it",
            "todo_write pending: no list",
            "other: system brand_new: huia",
        ]
    );
    assert_eq!(case.json(&["doctor"])["issues"], json!([]), "a byte order mark is no damage");
}

#[test]
fn fragments_of_one_answer_of_qwen_are_joined() {
    let case = Case::of("50-glued-records");
    assert_eq!(
        case.lines("eeee1111-0000-4000-8000-000000000005"),
        [
            "prompt: read the readme",
            "thinking: thinking about it",
            "read_file pending: /README.md",
            "text: fragment answer voleneedle",
        ]
    );
    case.assert_shown_and_found("voleneedle");
    case.assert_shown_and_found("README.md");
}

#[test]
fn unusual_rows_of_goose_are_shown() {
    let case = Case::of("68c-env-goose-path-root").with_folder("GOOSE_PATH_ROOT", "gooseroot");
    let session = case.only_session()["id"].as_str().expect("an id").to_owned();
    let database = Connection::open(case.path().join("gooseroot/data/sessions/sessions.db")).expect("a database");
    let add = |role: &str, content: &str| {
        let sql = "INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp, metadata_json)
                   VALUES (?1, ?2, ?3, ?4, 1770000000, '{}')";
        database.execute(sql, [content, &session, role, content]).expect("inserted");
    };
    add("user", r#"["a block as text",{"type":"text","text":"half \ud83d char"}]"#);
    add(
        "assistant",
        r#"[{"type":"toolRequest","id":"t1","toolCall":{"value":{"name":"developer__shell","arguments":["ls","-a"]}}},
            {"type":"novelBlock","data":{"text":"novel kea"}}]"#,
    );
    add(
        "user",
        r#"[{"type":"toolResponse","id":"t1","toolResult":{"status":"success","value":"a result numbatneedle"}}]"#,
    );
    add("assistant", "no JSON at all");
    add("assistant", r#"[{"type":"text","text":"one"}][{"type":"text","text":"two"}]"#);
    add("assistant", r#"[{"type":"toolRequest","id":"t2","toolCall":"a call as text"}]"#);
    let lines = case.lines(&session);
    assert_eq!(
        &lines[2..],
        [
            "prompt: a block as text",
            "prompt: half \u{fffd} char",
            "developer__shell done: ls -a",
            "other: novelBlock: novel kea",
            "text: no JSON at all",
            "text: one",
            "text: two",
            "tool pending: a call as text",
        ]
    );
    case.assert_shown_and_found("numbatneedle");
}

#[test]
fn unusual_parts_of_opencode_are_shown() {
    let session = "ses_1aaaaaaaaaaaaaaaaaaaaaaaaa";
    let case = Case::of("34-opencode-parts");
    let before = case.lines(session).len();
    let database = Connection::open(case.path().join(".local/share/opencode/opencode.db")).expect("a database");
    let add = |number: u32, data: &str| {
        let sql = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
                   VALUES ('prt_z' || ?1, 'msg_0004', ?2, 1770000000000, 1770000000000, ?3)";
        database.execute(sql, rusqlite::params![number, session, data]).expect("inserted");
    };
    add(1, r#"{"type":"text","text":{"value":"a text in an object"}}"#);
    add(2, r#"{"type":"tool","tool":"bash","callID":"z1","state":"a state as text"}"#);
    add(
        3,
        r#"{"type":"tool","tool":"bash","callID":"z2","state":{"status":"completed","input":"ls","output":{"out":"kaka"}}}"#,
    );
    add(
        4,
        r#"{"type":"tool","tool":"mcp_x","callID":"z3","state":{"status":"novel","input":{"a":{"b":"weka"}},"output":["a","list"]}}"#,
    );
    add(5, r#"{"type":"novel-part","payload":{"text":"novel tui"}}"#);
    add(6, r#""a part as text""#);
    add(
        7,
        r#"{"type":"tool","tool":"write","callID":"z4","state":{"status":"pending","input":"{\"filePath\":\"b.r"}}"#,
    );
    let lines = case.lines(session);
    assert_eq!(
        &lines[before..],
        [
            "text: a text in an object",
            "bash done: ",
            "bash done: ls",
            "mcp_x interrupted: weka",
            "other: novel-part|novel tui",
            "text: a part as text",
            "write interrupted: b.r",
        ]
    );
    let entries = case.entries(session);
    let outputs: Vec<&Value> = entries[before + 1..before + 4].iter().map(|entry| &entry["tool"]["output"]).collect();
    assert_eq!(outputs, ["a state as text", "out: kaka", "a\nlist"]);
}
