//! Other members of the classes that the homes from the field stand for: side files, records that a strict parser refuses,
//! orphans, texts of persons in unusual places, failures that only one field shows.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};
use super::families::with;

const PROJECT: &str = ".claude/projects/-home-dev-shop";

impl Case {
    /// Writes a file of the home.
    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text).expect("written");
    }
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// A record of a user with this content, after another one.
#[expect(clippy::needless_pass_by_value, reason = "so that calls are short")]
fn user(uuid: &str, parent: &str, content: Value) -> Value {
    json!({"type": "user", "uuid": uuid, "parentUuid": parent, "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
        "message": {"role": "user", "content": content}})
}

fn call(uuid: &str, id: &str, command: &str) -> Value {
    answer(uuid, &json!([{"type": "tool_use", "id": id, "name": "Bash", "input": {"command": command}}]), &json!({}))
}

fn result(uuid: &str, parent: &str, id: &str, content: &str, structured: Value) -> Value {
    let mut record = user(uuid, parent, json!([{"type": "tool_result", "tool_use_id": id, "content": content}]));
    record["toolUseResult"] = structured;
    record
}

fn preview(name: &str) -> String {
    format!(
        "<persisted-output>\nOutput too large (40KB). Full output saved to: C:\\Users\\ana\\tool-results\\{name}\n\n\
         Preview (first 2KB):\nl\n...\n</persisted-output>"
    )
}

#[test]
fn the_last_line_of_an_output_is_searched_although_it_has_no_end() {
    let case = session_of(&[prompt(), call("a", "t", "make"), result("r", "a", "t", &preview("o.txt"), Value::Null)]);
    case.put(&format!("{PROJECT}/{ID}/tool-results/o.txt"), "a line\nthe last line pukekoneedle");
    case.assert_shown_and_found("pukekoneedle");
}

#[test]
fn the_last_record_is_searched_although_its_line_has_no_end() {
    let case = Case::empty();
    let records = [prompt(), call("a", "t", "make"), result("r", "a", "t", "an output takaheneedle", Value::Null)];
    case.put(&format!("{PROJECT}/{ID}.jsonl"), lines(&records).trim_end());
    case.assert_shown_and_found("takaheneedle");
}

#[test]
fn an_output_of_blocks_in_a_file_of_its_own_is_shown_as_their_text() {
    let case = session_of(&[prompt(), call("a", "t", "make"), result("r", "a", "t", &preview("o.json"), Value::Null)]);
    let blocks = json!([{"type": "text", "text": "a row\nkakaneedle"}, {"type": "text", "text": "another row"}]);
    case.put(&format!("{PROJECT}/{ID}/tool-results/o.json"), blocks.to_string());
    assert_eq!(case.entries(ID)[1]["tool"]["output"], "a row\nkakaneedle\nanother row");
    case.assert_shown_and_found("kakaneedle");
}

#[test]
fn the_longer_output_of_a_record_is_shown_and_searched() {
    let printed =
        json!({"stdout": "a cut and its rest wekaneedle\n", "stderr": "a warning kerereneedle", "interrupted": false});
    let case = session_of(&[prompt(), call("a", "t", "make"), result("r", "a", "t", "a cut …", printed)]);
    assert_eq!(case.entries(ID)[1]["tool"]["output"], "a cut and its rest wekaneedle\na warning kerereneedle");
    ["wekaneedle", "kerereneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn paths_of_another_system_lead_to_the_outputs() {
    let session = "ses_1aaaaaaaaaaaaaaaaaaaaaaaaa";
    let case = Case::of("34-opencode-parts");
    let database = Connection::open(case.path().join(".local/share/opencode/opencode.db")).expect("a database");
    let state = json!({"status": "completed", "input": {"command": "make"}, "output": "cut", "metadata": {"exit": 0,
        "outputPath": "C:\\Users\\ana\\opencode\\tool-output\\tool_x"}});
    let part = json!({"type": "tool", "tool": "bash", "callID": "z", "state": state}).to_string();
    let sql = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
               VALUES ('prt_z', 'msg_0004', ?1, 1770000000000, 1770000000000, ?2)";
    database.execute(sql, [session, &part]).expect("inserted");
    case.put(".local/share/opencode/tool-output/tool_x", "whole and last tuineedle");
    case.assert_shown_and_found("tuineedle");
}

#[test]
fn an_output_of_qwen_is_searched_in_a_copy_of_the_home() {
    let id = "cccc1111-0000-4000-8000-000000000003";
    let record = |number: u32, kind: &str, parts: Value| {
        json!({"uuid": format!("q{number}"), "parentUuid": (number > 1).then(|| format!("q{}", number - 1)),
            "sessionId": id, "timestamp": "2026-09-10T10:00:04.000Z", "type": kind, "cwd": "/home/dev/shop",
            "message": {"parts": parts}})
    };
    let folder = "a".repeat(64);
    let cut = format!(
        "Tool output was too large and has been truncated.\nThe full output has been saved to: /old/.qwen/tmp/{folder}/sh_7.output\nl"
    );
    let response =
        json!([{"functionResponse": {"id": "c1", "name": "run_shell_command", "response": {"output": cut}}}]);
    let command = json!([{"functionCall": {"id": "c1", "name": "run_shell_command", "args": {"command": "make"}}}]);
    let case = Case::empty();
    let records = [
        record(1, "user", json!([{"text": "go"}])),
        record(2, "assistant", command),
        record(3, "tool_result", response),
    ];
    case.put(&format!(".qwen/projects/-home-dev-shop/chats/{id}.jsonl"), lines(&records));
    // The output is newer than the transcript, and its folder belongs to a directory that no session ran in.
    case.put(&format!(".qwen/tmp/{folder}/sh_7.output"), "whole and last mohuaneedle");
    case.assert_shown_and_found("mohuaneedle");
}

#[test]
fn records_in_a_list_and_with_a_comma_too_many_are_read() {
    let case = session_of(&[prompt()]);
    let text = |uuid: &str, parent: &str, text: &str| user(uuid, parent, json!(text)).to_string();
    let with_comma = text("u3", "u2", "a comma").replacen('}', ",}", 1);
    let list = format!("[{}, {}]", text("u1", "p", "one"), text("u2", "u1", "two"));
    case.append(&format!("{PROJECT}/{ID}.jsonl"), &[&list, &with_comma]);
    assert_eq!(case.lines(ID), ["prompt: begin", "prompt: one", "prompt: two", "prompt: a comma"]);
    assert_eq!(case.json(&["doctor"])["issues"].as_array().map(Vec::len), Some(1), "the list is repaired");
}

#[test]
fn damaged_records_of_codex_are_read_as_far_as_they_go() {
    let id = "019f0000-0000-7000-8000-000000000021";
    let record = |kind: &str, payload: Value| {
        json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload}).to_string()
    };
    let head = json!({"id": id, "timestamp": 1_770_001_445, "cwd": "/home/dev/p", "git": "a text", "source": 7});
    let half =
        record("event_msg", json!({"type": "user_message", "message": "half XX kiwineedle"})).replace("XX", r"\ud83d");
    let deep = format!("{}\"kokakoneedle\"{}", "[".repeat(200), "]".repeat(200));
    let call =
        record("response_item", json!({"type": "function_call", "name": "odd", "call_id": 9, "arguments": "ARGS"}))
            .replace("\"ARGS\"", &deep);
    let output = record("response_item", json!({"type": "function_call_output", "call_id": 9, "output": "an output"}));
    let usage = json!({"type": "token_count", "info": {"total_token_usage": {"input_tokens": 100.0,
        "cached_input_tokens": "10", "output_tokens": 5.0}}});
    let lines = [record("session_meta", head), half, call, output, record("event_msg", usage)];
    let case = Case::empty();
    case.put(&format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{id}.jsonl"), lines.join("\n") + "\n");
    let session = case.session(id);
    assert_eq!((&session["cwd"], &session["started_at"]), (&json!("/home/dev/p"), &json!("2026-02-02T03:04:05.000Z")));
    assert_eq!((&session["tokens"]["input"], &session["tokens"]["output"]), (&json!(90), &json!(5)));
    let entries = case.entries(id);
    assert_eq!(entries[0]["text"], "half \u{fffd} kiwineedle");
    assert_eq!((&entries[1]["tool"]["status"], &entries[1]["tool"]["output"]), (&json!("done"), &json!("an output")));
    ["kiwineedle", "kokakoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn messages_of_gemini_in_other_shapes_are_read() {
    let id = "aaaa1111-0000-4000-8000-000000000021";
    let message = |number: u32, kind: &str, content: Value| json!({"id": number.to_string(), "timestamp": 1_770_000_000 + number, "type": kind, "content": content});
    let case = Case::empty();
    let map = json!({"sessionId": id, "startTime": 1_770_000_000, "messages": {"0": message(1, "user", json!("in a map")),
        "1": message(2, "gemini", json!([{"executableCode": {"code": "print('huia')"}}]))}});
    case.put(".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.json", map.to_string());
    assert_eq!(case.lines(id), ["prompt: in a map", "text: print('huia')"]);

    let id = "bbbb1111-0000-4000-8000-000000000022";
    let mut parts = message(3, "user", Value::Null);
    parts["parts"] = json!([{"text": "<session_context>\nx\n</session_context>"}, {"text": "in parts"}]);
    let calls = json!([{"id": "t1", "name": "mcp", "args": {}, "status": "novel", "result": [{"functionResponse": {
        "response": {"content": [{"type": "text", "text": "a row"}], "structuredContent": {"rows": 2}}}}]},
        {"id": "t2", "name": "read_file", "args": {}, "status": "success", "result": [{"functionResponse": {
        "response": {"error": "no such file"}}}]}]);
    let mut answer = message(4, "gemini", json!(""));
    answer["toolCalls"] = calls;
    let log = format!(
        "{}\n[{},{}]\n{parts}\n{answer}\n",
        json!({"sessionId": id, "kind": "main"}),
        message(1, "user", json!("in a list")),
        message(2, "gemini", json!("answered"))
    );
    case.put(".gemini/tmp/p/chats/session-2026-02-02T03-05-bbbb1111.jsonl", log);
    let shown = ["prompt: in a list", "text: answered", "prompt: in parts", "mcp done: ", "read_file failed: "];
    assert_eq!(case.lines(id), shown);
    assert_eq!(case.entries(id)[3]["tool"]["output"], "a row\nrows: 2");
}

#[test]
fn rows_of_opencode_in_other_shapes_are_read() {
    let session = "ses_1aaaaaaaaaaaaaaaaaaaaaaaaa";
    let case = Case::of("34-opencode-parts");
    let before = case.lines(session).len();
    let database = Connection::open(case.path().join(".local/share/opencode/opencode.db")).expect("a database");
    let glued = r#"{"type":"text","text":"one"}{"type":"text","text":"two gluedneedle"}"#;
    let message = r#"{"role":"user","time":{"created":1770000000.5}}"#;
    let add = "INSERT INTO message (id, session_id, time_created, time_updated, data)
               VALUES ('msg_z', ?1, 1770000000000, 1770000000000, ?2)";
    database.execute(add, [session, message]).expect("inserted");
    let add = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
               VALUES ('prt_z', 'msg_z', ?1, 1770000000000, 1770000000000, ?2)";
    database.execute(add, [session, glued]).expect("inserted");
    assert_eq!(&case.lines(session)[before..], ["prompt: one", "prompt: two gluedneedle"]);
    case.assert_shown_and_found("gluedneedle");
    assert_eq!(case.entries(session)[before]["time"], "2026-02-02T02:40:00.500Z", "seconds, not milliseconds");
}

#[test]
fn a_record_without_its_parent_is_shown_and_reported() {
    let case = session_of(&[
        prompt(),
        user("u1", "p", json!("follows")),
        user("u2", "lost", json!("an orphan roroneedle")),
        user("u3", "u2", json!("goes on")),
    ]);
    for _ in 0..2 {
        assert_eq!(case.session(ID)["flags"], json!(["unreadable"]));
        let issues = case.json(&["doctor"])["issues"].clone();
        assert_eq!((&issues[0]["line"], issues.as_array().map(Vec::len)), (&json!(3), Some(1)), "{issues}");
        assert!(issues[0]["reason"].as_str().expect("a reason").contains("is missing"));
    }
    assert_eq!(case.lines(ID), ["prompt: begin", "prompt: follows", "prompt: an orphan roroneedle", "prompt: goes on"]);
    case.assert_shown_and_found("roroneedle");
    // The first record may be an orphan too, and a parent may follow its child.
    let case = session_of(&[user("u1", "lost", json!("first"))]);
    assert_eq!(case.session(ID)["flags"], json!(["unreadable"]));
    let case = session_of(&[user("u1", "p", json!("child")), prompt()]);
    assert_eq!(case.session(ID)["flags"], json!([]));
}

#[test]
fn a_result_without_its_call_is_an_entry() {
    let case = session_of(&[
        prompt(),
        result("r", "p", "lost", "an output ruruneedle", Value::Null),
        user("u", "r", json!("goes on")),
    ]);
    let shown = ["prompt: begin", "tool done: result of a call that is not in the file", "prompt: goes on"];
    assert_eq!(case.lines(ID), shown);
    assert_eq!(case.session(ID)["messages"], 3, "the list counts it too");
    case.assert_shown_and_found("ruruneedle");
    // Its call turns up: it is a result again.
    let late = with(call("a", "lost", "make"), &json!({"parentUuid": "u"}));
    case.append(&format!("{PROJECT}/{ID}.jsonl"), &[&late.to_string()]);
    assert_eq!(case.lines(ID), ["prompt: begin", "prompt: goes on", "Bash done: make"]);

    let id = "019f0000-0000-7000-8000-000000000022";
    let record =
        |kind: &str, payload: Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let item = json!({"type": "item_completed", "item": {"type": "McpToolCall", "id": "x", "server": "mail", "tool": "list",
        "arguments": {"box": "in"}, "status": "failed", "error": {"message": "no such box"}}});
    let records = [
        record("session_meta", json!({"id": id, "cwd": "/home/dev/p"})),
        record("event_msg", json!({"type": "user_message", "message": "go"})),
        record(
            "response_item",
            json!({"type": "function_call_output", "call_id": "lost", "output": "Process exited with code 2\nOutput:\nboom"}),
        ),
        record("event_msg", item),
    ];
    let case = Case::empty();
    case.put(&format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{id}.jsonl"), lines(&records));
    let shown = ["prompt: go", "tool failed: result of a call that is not in the file", "mail.list failed: box: in"];
    assert_eq!(case.lines(id), shown);

    let case = Case::of("68c-env-goose-path-root").with_folder("GOOSE_PATH_ROOT", "gooseroot");
    let session = case.only_session()["id"].as_str().expect("an id").to_owned();
    let database = Connection::open(case.path().join("gooseroot/data/sessions/sessions.db")).expect("a database");
    let content = r#"[{"type":"toolResponse","id":"lost","toolResult":{"status":"success","value":{"content":[{"type":"text","text":"an output kakaponeedle"}]}}}]"#;
    let sql = "INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp, metadata_json)
               VALUES ('x', ?1, 'user', ?2, 1770000000, '{}')";
    database.execute(sql, [session.as_str(), content]).expect("inserted");
    assert_eq!(
        case.lines(&session).last().map(String::as_str),
        Some("tool done: result of a call that is not in the file")
    );
    case.assert_shown_and_found("kakaponeedle");
}

#[test]
fn texts_after_what_a_program_added_are_prompts() {
    let id = "019f0000-0000-7000-8000-000000000023";
    let message = |content: Value| {
        json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": "response_item",
            "payload": {"type": "message", "role": "user", "content": content}})
    };
    let context = "<environment_context>\n<cwd>/x</cwd>\n</environment_context>";
    let records = [
        json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": "session_meta", "payload": {"id": id, "cwd": "/home/dev/p"}}),
        message(json!([{"type": "input_text", "text": context}])),
        message(json!([{"type": "input_text", "text": context}, {"type": "input_text", "text": "a prompt"}])),
        json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": "response_item", "payload": {"type": "message",
            "role": "assistant", "content": [{"type": "output_text", "text": "ok"}, {"type": "refusal", "refusal": "not that"}]}}),
    ];
    let case = Case::empty();
    case.put(&format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{id}.jsonl"), lines(&records));
    assert_eq!(case.lines(id), ["prompt: a prompt", "text: ok|not that"]);
    assert_eq!(case.session(id)["title"], "a prompt");

    let id = "bbbb0001-0000-4000-8000-000000000024";
    let record = |number: u32, kind: &str, more: Value| {
        let mut record = json!({"uuid": number.to_string(), "parentUuid": (number > 1).then(|| (number - 1).to_string()),
            "sessionId": id, "timestamp": 1_770_000_000 + number, "type": kind, "cwd": "/home/dev/p"});
        record.as_object_mut().expect("a record").extend(more.as_object().expect("fields").clone());
        record
    };
    let parts = |text: &str| json!({"message": {"parts": [{"text": text}]}});
    let printed = json!({"subtype": "slash_command", "systemPayload": {"phase": "result",
        "outputHistoryItems": [{"type": "info", "text": "a summary"}]}});
    let mut agent = parts("an agent reports");
    agent["subtype"] = json!("notification");
    let records = [
        record(1, "user", parts("<system-reminder>no</system-reminder>\na prompt")),
        record(2, "system", printed),
        record(3, "user", agent),
    ];
    let case = Case::empty();
    case.put(&format!(".qwen/projects/-home-dev-p/chats/{id}.jsonl"), lines(&records));
    assert_eq!(case.lines(id), ["prompt: a prompt", "notice: a summary", "notice: an agent reports"]);
    assert_eq!(case.session(id)["title"], "a prompt");

    let case = Case::of("68c-env-goose-path-root").with_folder("GOOSE_PATH_ROOT", "gooseroot");
    let session = case.only_session()["id"].as_str().expect("an id").to_owned();
    let database = Connection::open(case.path().join("gooseroot/data/sessions/sessions.db")).expect("a database");
    let content = json!([{"type": "text", "text": "<info-msg>\nIt is 2026\n</info-msg>\na prompt"}]).to_string();
    let sql = "INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp, metadata_json)
               VALUES ('x', ?1, 'user', ?2, 1770000000, '{}')";
    database.execute(sql, [session.as_str(), &content]).expect("inserted");
    assert_eq!(case.lines(&session).last().map(String::as_str), Some("prompt: a prompt"));
}

#[test]
fn a_session_of_a_shell_command_only_has_it_as_title() {
    let case = session_of(&[
        user("u1", "", json!("<bash-input>git status</bash-input>")),
        user("u2", "u1", json!("<bash-stdout>clean</bash-stdout><bash-stderr></bash-stderr>")),
    ]);
    assert_eq!(case.session(ID)["title"], "! git status");
    case.append(&format!("{PROJECT}/{ID}.jsonl"), &[&user("u3", "u2", json!("a prompt")).to_string()]);
    assert_eq!(case.session(ID)["title"], "a prompt", "a prompt tells more");
}

#[test]
fn failures_that_one_field_shows_are_failures() {
    let tool = |content: &str, structured: Value| {
        let case = session_of(&[prompt(), call("a", "t", "make"), result("r", "a", "t", content, structured)]);
        case.entries(ID)[1]["tool"].clone()
    };
    let of = |content: &str, structured: Value| tool(content, structured)["status"].as_str().map(str::to_owned);
    let of = |content: &str, structured: Value| of(content, structured).expect("a status");
    let shown = tool("<tool_use_error>no such file</tool_use_error>", Value::Null);
    assert_eq!(shown["output"], "no such file", "the markup is for the model");
    assert_eq!(of("Exit code 2\nboom", json!("Error: Exit code 2\nboom")), "failed");
    assert_eq!(of("bad", json!({"content": [], "isError": true})), "failed");
    assert_eq!(of("out", json!({"stdout": "out", "exitCode": 3})), "failed");
    assert_eq!(of("<tool_use_error>no such file</tool_use_error>", Value::Null), "failed");
    assert_eq!(of("out", json!({"stdout": "out", "exitCode": 0, "code": 200})), "done");

    let id = "bbbb0001-0000-4000-8000-000000000025";
    let record = |number: u32, kind: &str, parts: Value| {
        json!({"uuid": number.to_string(), "parentUuid": (number > 1).then(|| (number - 1).to_string()), "sessionId": id,
            "timestamp": 1_770_000_000 + number, "type": kind, "cwd": "/home/dev/p", "message": {"parts": parts}})
    };
    let printed = "Command: make\nOutput: boom\nError: (none)\nExit Code: 3\nSignal: (none)";
    let case = Case::empty();
    let records = [
        record(1, "user", json!([{"text": "go"}])),
        record(
            2,
            "assistant",
            json!([{"functionCall": {"id": "c", "name": "run_shell_command", "args": {"command": "make"}}}]),
        ),
        record(
            3,
            "tool_result",
            json!([{"functionResponse": {"id": "c", "name": "run_shell_command", "response": {"output": printed}}}]),
        ),
    ];
    case.put(&format!(".qwen/projects/-home-dev-p/chats/{id}.jsonl"), lines(&records));
    assert_eq!(case.lines(id)[1], "run_shell_command failed: make");
    assert_eq!(case.json(&["search", "has:error"])["total"], 1);
    assert_eq!(case.json(&["search", "exit:3"])["total"], 1);
}

#[test]
fn notices_of_the_program_show_all_of_their_texts() {
    let notice = |uuid: &str, more: Value| {
        let mut record = json!({"type": "system", "uuid": uuid, "parentUuid": "p", "sessionId": ID,
            "timestamp": "2026-09-10T10:00:03.000Z"});
        record.as_object_mut().expect("a record").extend(more.as_object().expect("fields").clone());
        record
    };
    let case = session_of(&[
        prompt(),
        notice(
            "n1",
            json!({"subtype": "model_fallback", "content": "Another model answers", "retracted": {"text": "what was said before"}}),
        ),
        notice(
            "n2",
            json!({"subtype": "stop_hook_summary", "hookErrors": ["3 lint errors"], "preventedContinuation": true}),
        ),
        notice("n3", json!({"subtype": "stop_hook_summary", "hookErrors": [], "preventedContinuation": false})),
    ]);
    let shown = ["prompt: begin", "notice: Another model answers||what was said before", "notice: 3 lint errors"];
    assert_eq!(case.lines(ID), shown);
}

#[test]
fn documents_and_search_results_in_a_prompt_show_their_texts() {
    let content = json!([
        {"type": "document", "title": "spec", "source": {"type": "text", "media_type": "text/plain", "data": "its text"}},
        {"type": "search_result", "title": "a page", "source": "https://example.invalid", "content": [{"type": "text", "text": "a snippet"}]},
        {"type": "text", "text": "read them"}]);
    let case = session_of(&[user("u", "", content)]);
    assert_eq!(
        case.lines(ID),
        [
            "image: [document spec text/plain, 1 kB]|its text",
            "image: [a page](https://example.invalid)|a snippet",
            "prompt: read them"
        ]
    );
}

#[test]
fn sessions_below_the_xdg_folder_of_claude_are_listed() {
    let case = Case::empty();
    case.put(&format!(".config/claude/projects/-home-dev-shop/{ID}.jsonl"), lines(&[prompt()]));
    assert_eq!(case.session(ID)["title"], "begin");
    let case = case.with_folder("CLAUDE_CONFIG_DIR", "elsewhere");
    assert_eq!(case.sessions().len(), 0, "the variable names the only folder");
}

#[test]
fn the_database_of_early_versions_of_claude_is_named() {
    let case = session_of(&[prompt()]);
    let database = Connection::open(case.path().join(".claude/__store.db")).expect("a database");
    database.execute_batch("CREATE TABLE base_messages (uuid TEXT)").expect("created");
    let issues = case.json(&["doctor"])["issues"].to_string();
    assert!(issues.contains("__store.db") && issues.contains("found, not read"), "{issues}");
}
