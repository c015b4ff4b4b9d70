//! Outputs of tools in files of their own: in subfolders, in other encodings, in other projects' folders, and without a
//! record that names them.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};
use super::families::with;

const PROJECT: &str = ".claude/projects/-home-dev-shop";
const GEMINI_ID: &str = "aaaa1111-0000-4000-8000-000000000061";

fn put(case: &Case, path: &str, bytes: &[u8]) {
    let path = case.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, bytes).expect("written");
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// A text in UTF-16, with the mark of its byte order or without.
fn utf16(text: &str, has_mark: bool, is_little: bool) -> Vec<u8> {
    let mark = has_mark.then_some(0xfeff);
    let units = mark.into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

fn claude_call(id: &str) -> Value {
    answer(id, &json!([{"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "make"}}]), &json!({}))
}

/// Result of a call, with the preview of a file.
fn claude_result(call: &str, path: &str) -> Value {
    let preview =
        format!("<persisted-output>\nOutput too large (60KB). Full output saved to: {path}\n\nPreview:\na row\n");
    let content = json!([{"type": "tool_result", "tool_use_id": call, "content": preview}]);
    json!({"type": "user", "uuid": format!("{call}-r"), "parentUuid": call, "sessionId": ID,
        "timestamp": "2026-09-10T10:00:02.000Z", "message": {"role": "user", "content": content}})
}

#[test]
fn outputs_in_subfolders_are_those_of_their_calls() {
    let saved = |below: &str| format!("/old/.claude/projects/-home-dev-shop/{ID}/tool-results/{below}");
    let case = session_of(&[
        prompt(),
        claude_call("t1"),
        claude_result("t1", &saved("shell/out.txt")),
        with(claude_call("t2"), &json!({"parentUuid": "t1-r"})),
        claude_result("t2", &saved("mcp.server/deep/out.txt")),
        with(claude_call("t3"), &json!({"parentUuid": "t2-r"})),
        claude_result("t3", &format!("C:\\old\\{ID}\\tool-results\\moved.txt")),
    ]);
    let folder = format!("{PROJECT}/{ID}/tool-results");
    put(&case, &format!("{folder}/shell/out.txt"), b"the last row pukekoneedle");
    put(&case, &format!("{folder}/mcp.server/deep/out.txt"), b"the last row takaheneedle");
    put(&case, &format!("{folder}/later/moved.txt"), b"the last row kakaponeedle");
    for (call, word) in [("t1", "pukekoneedle"), ("t2", "takaheneedle"), ("t3", "kakaponeedle")] {
        let entries = case.entries(ID);
        let entry = entries.iter().find(|entry| entry["tool"]["id"] == call).expect("a call");
        assert_eq!(entry["tool"]["output"], format!("the last row {word}"));
        case.assert_shown_and_found(word);
    }
    put(&case, &format!("{folder}/later/other.txt"), b"a row");
    let issues = case.json(&["doctor"])["issues"].to_string();
    assert!(issues.contains("later/other.txt") && !issues.contains("out.txt"), "{issues}");
}

#[test]
fn an_output_of_claude_that_no_record_names_belongs_to_the_call_of_its_name() {
    let call = "toolu_01aaaaaaaaaaaaaaaaaaaaaa";
    let content = json!([{"type": "tool_result", "tool_use_id": call, "content": "a row"}]);
    let result = json!({"type": "user", "uuid": "r", "parentUuid": call, "sessionId": ID,
        "timestamp": "2026-09-10T10:00:02.000Z", "message": {"role": "user", "content": content}});
    let case = session_of(&[prompt(), claude_call(call), result]);
    put(&case, &format!("{PROJECT}/{ID}/tool-results/{call}.txt"), b"a row\nthe last row tuineedle");
    case.assert_shown_and_found("tuineedle");
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
}

#[test]
fn the_whole_text_of_a_structured_result_of_claude_is_shown() {
    let blocks = json!([{"type": "text", "text": "a row and its end tuineedle"}]);
    let text = &blocks[0]["text"];
    for whole in [
        text.clone(),
        blocks.clone(),
        json!({"content": blocks}),
        json!({"result": text, "url": "https://example.org"}),
        json!({"output": text}),
        json!({"type": "text", "file": {"filePath": "/home/dev/shop/a", "content": text}}),
    ] {
        let content = json!([{"type": "tool_result", "tool_use_id": "t", "content": "a row …"}]);
        let result = json!({"type": "user", "uuid": "r", "parentUuid": "t", "sessionId": ID, "toolUseResult": whole,
            "timestamp": "2026-09-10T10:00:02.000Z", "message": {"role": "user", "content": content}});
        let case = session_of(&[prompt(), claude_call("t"), result]);
        assert_eq!(case.entries(ID)[1]["tool"]["output"], *text, "{whole}");
        // Without an index and with one.
        (0..2).for_each(|_| case.assert_shown_and_found("tuineedle"));
    }
}

#[test]
fn outputs_in_utf_16_are_read() {
    for (word, has_mark, is_little) in
        [("tuineedle", true, true), ("wekaneedle", true, false), ("keaneedle", false, true)]
    {
        let text = format!("a row\r\nthe last row {word} ✓");
        let bytes = utf16(&text, has_mark, is_little);
        let claude = session_of(&[prompt(), claude_call("t"), claude_result("t", "/old/tool-results/u.txt")]);
        put(&claude, &format!("{PROJECT}/{ID}/tool-results/u.txt"), &bytes);
        assert_eq!(claude.entries(ID)[1]["tool"]["output"], text);
        let gemini =
            gemini_chat(&[gemini_call("c1", "Output too large. Full output available at: /x/tool-outputs/u.txt")]);
        put(&gemini, ".gemini/tmp/p/tool-outputs/u.txt", &bytes);
        let qwen = qwen_session();
        put(&qwen, ".qwen/tmp/0/tool-results/call_1.txt", &bytes);
        for case in [claude, gemini, qwen] {
            case.assert_shown_and_found(word);
            // A search with an index and its filters, too.
            case.assert_shown_and_found(word);
        }
    }
}

fn qwen_session() -> Case {
    let case = Case::empty();
    let record = |uuid: &str, parent: Value, kind: &str, message: Value| {
        json!({"uuid": uuid, "parentUuid": parent, "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z", "type": kind,
            "cwd": "/home/dev/shop", "version": "0.24.4", "message": message})
    };
    let preview =
        "<persisted-output>\nOutput too large. Full output saved to: /x/tmp/0/tool-results/call_1.txt\n\na row";
    let response =
        json!({"functionResponse": {"id": "call_1", "name": "run_shell_command", "response": {"output": preview}}});
    let call = json!({"functionCall": {"id": "call_1", "name": "run_shell_command", "args": {"command": "make"}}});
    let records = [
        record("1", Value::Null, "user", json!({"role": "user", "parts": [{"text": "begin"}]})),
        record("2", json!("1"), "assistant", json!({"role": "model", "parts": [call]})),
        record("3", json!("2"), "tool_result", json!({"role": "user", "parts": [response]})),
    ];
    put(&case, &format!(".qwen/projects/-home-dev-shop/chats/{ID}.jsonl"), lines(&records).as_bytes());
    case
}

/// A session of Qwen Code with the results of these calls.
fn qwen_results(results: &[(&str, &str)]) -> Case {
    let case = Case::empty();
    let mut records =
        vec![json!({"uuid": "0", "parentUuid": null, "type": "user", "message": {"parts": [{"text": "begin"}]}})];
    for (call, output) in results {
        let last = records.len();
        let made = json!({"functionCall": {"id": call, "name": "run_shell_command", "args": {"command": "make"}}});
        let result =
            json!({"functionResponse": {"id": call, "name": "run_shell_command", "response": {"output": output}}});
        records.push(json!({"uuid": last.to_string(), "parentUuid": (last - 1).to_string(), "type": "assistant", "message": {"parts": [made]}}));
        records.push(json!({"uuid": (last + 1).to_string(), "parentUuid": last.to_string(), "type": "tool_result", "message": {"parts": [result]}}));
    }
    for record in &mut records {
        let common = json!({"sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z", "cwd": "/home/dev/shop"});
        *record = with(record.clone(), &common);
    }
    put(&case, &format!(".qwen/projects/-home-dev-shop/chats/{ID}.jsonl"), lines(&records).as_bytes());
    case
}

#[test]
fn outputs_of_qwen_in_subfolders_and_with_the_ids_of_calls_as_names_are_those_of_their_calls() {
    /// Hash of the session's directory.
    const PROJECT: &str = "e828acfc792e3bbcd2a6c6c35323cb44b7b438741c168c8ec59aefe347f193bb";
    let saved = |below: &str| {
        format!(
            "<persisted-output>\nOutput too large. Full output saved to: /old/.qwen/tmp/0/tool-results/{below}\n\na row"
        )
    };
    let case = qwen_results(&[
        ("call_named", &saved("a/b/one.txt")),
        ("call_moved", &saved("two.txt")),
        ("call_00000001", "a row"),
        ("call_00000002", "a row"),
        ("call_3", "a row"),
    ]);
    let bytes = |case: &Case| case.only_session()["bytes"].as_u64().expect("bytes");
    let own = bytes(&case);
    let files = [
        ("a/b/one.txt", "call_named", "pukekoneedle"),
        ("c/two.txt", "call_moved", "takaheneedle"),
        ("call_00000001.txt", "call_00000001", "kakaponeedle"),
        ("d/call_00000002.txt", "call_00000002", "keaneedle"),
    ];
    let mut written = 0;
    for (path, _, word) in files {
        let text = format!("a row\nthe last row {word}");
        put(&case, &format!(".qwen/tmp/{PROJECT}/tool-results/{path}"), text.as_bytes());
        written += text.len() as u64;
    }
    for (_, call, word) in files {
        let entries = case.entries(ID);
        let entry = entries.iter().find(|entry| entry["tool"]["id"] == call).expect("a call");
        assert_eq!(entry["tool"]["output"], format!("a row\nthe last row {word}"));
        // Without an index and with one.
        (0..2).for_each(|_| case.assert_shown_and_found(word));
    }
    assert_eq!((bytes(&case), case.json(&["doctor"])["issues"].clone()), (own + written, json!([])));
    // A short id names no file, and a file without a call is reported.
    put(&case, &format!(".qwen/tmp/{PROJECT}/tool-results/call_3.txt"), b"a row of another call");
    assert_eq!(case.entries(ID).last().expect("a call")["tool"]["output"], "a row");
    assert_eq!(case.json(&["doctor"])["issues"].as_array().map(Vec::len), Some(1));
}

fn gemini_call(id: &str, output: &str) -> Value {
    json!({"id": id, "name": "run_shell_command", "args": {"command": "make"}, "status": "success",
        "result": [{"functionResponse": {"id": id, "response": {"output": output}}}]})
}

fn gemini_chat(calls: &[Value]) -> Case {
    let case = Case::empty();
    let records = [
        json!({"sessionId": GEMINI_ID, "kind": "main"}),
        json!({"id": "1", "type": "user", "content": "go"}),
        json!({"id": "2", "type": "gemini", "content": "", "toolCalls": calls}),
    ];
    put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", lines(&records).as_bytes());
    case
}

#[test]
fn outputs_of_gemini_in_another_projects_folder_are_those_of_their_calls() {
    let named = format!(
        "Output too large. Full output available at: /old/.gemini/tmp/q/tool-outputs/session-{GEMINI_ID}/one.txt"
    );
    let case = gemini_chat(&[gemini_call("c1", &named)]);
    put(&case, &format!(".gemini/tmp/q/tool-outputs/session-{GEMINI_ID}/one.txt"), b"the last row huianeedle");
    assert_eq!(case.entries(GEMINI_ID)[1]["tool"]["output"], "the last row huianeedle");
    case.assert_shown_and_found("huianeedle");
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
}

#[test]
fn outputs_of_gemini_are_named_in_each_place_that_its_versions_use() {
    let early = "Tool output was too large and has been truncated.\nThe full output has been saved to: /old/.gemini/tmp/0/sh_x.output\na";
    let mut shown = gemini_call("c2", "a row");
    shown["resultDisplay"] = json!("Output too long and was saved to: /old/.gemini/tmp/p/tool-outputs/two.txt");
    let deep = "Output too large. Full output available at: /old/tool-outputs/session-x/a/b/three.txt";
    let case = gemini_chat(&[gemini_call("c1", early), shown, gemini_call("c3", deep)]);
    put(&case, ".gemini/tmp/p/sh_x.output", ("a row\n".repeat(20) + "the last row pukekoneedle").as_bytes());
    put(&case, ".gemini/tmp/p/tool-outputs/two.txt", b"a row\nthe last row takaheneedle");
    put(&case, ".gemini/tmp/p/tool-outputs/session-x/a/b/three.txt", b"a row\nthe last row kakaponeedle");
    ["pukekoneedle", "takaheneedle", "kakaponeedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
}

#[test]
fn an_output_of_gemini_in_the_message_after_its_call_leads_to_its_file() {
    let call = json!({"functionCall": {"id": "c1", "name": "run_shell_command", "args": {"command": "make"}}});
    let output = "Output too large. Full output available at: /old/tool-outputs/one.txt";
    let result = json!({"functionResponse": {"id": "c1", "name": "run_shell_command", "response": {"output": output}}});
    let messages = json!([
        {"id": "1", "type": "user", "content": "go"},
        {"id": "2", "type": "gemini", "content": [call]},
        {"id": "3", "type": "user", "content": [result]},
    ]);
    let case = Case::empty();
    let records = [json!({"sessionId": GEMINI_ID, "kind": "main"}), json!({"$set": {"messages": messages}})];
    put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", lines(&records).as_bytes());
    put(&case, ".gemini/tmp/p/tool-outputs/one.txt", b"the last row huianeedle");
    case.assert_shown_and_found("huianeedle");
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
}

#[test]
fn outputs_of_gemini_that_no_record_names_belong_to_the_calls_of_their_names() {
    let call = "run_shell_command_1789034400_0";
    let case = gemini_chat(&[gemini_call(call, "a row"), gemini_call("call.2", "a row"), gemini_call("c3", "a row")]);
    let folder = ".gemini/tmp/p/tool-outputs";
    put(&case, &format!("{folder}/{call}.txt"), b"a row\nthe last row pukekoneedle");
    let own = format!("{folder}/session-{GEMINI_ID}");
    put(&case, &format!("{own}/run_shell_command_call_2.txt"), b"a row\nthe last row takaheneedle");
    put(&case, &format!("{own}/run_shell_command_c3_x1y2.txt"), b"a row\nthe last row kakaponeedle");
    ["pukekoneedle", "takaheneedle", "kakaponeedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
    // Those in the session's own folder count for its size.
    let chat = case.path().join(".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl");
    let outputs = ["takaheneedle", "kakaponeedle"].map(|word| format!("a row\nthe last row {word}").len() as u64);
    let size = chat.metadata().expect("a chat").len() + outputs.iter().sum::<u64>();
    assert_eq!(case.session(GEMINI_ID)["bytes"], size);
    // Of no call, and of another session.
    put(&case, &format!("{own}/read_file_c4.txt"), b"a row");
    put(&case, ".gemini/tmp/q/tool-outputs/session-b/run_shell_command_c3.txt", b"a row");
    let issues = case.json(&["doctor"])["issues"].clone();
    let unread: Vec<&str> =
        issues.as_array().expect("issues").iter().filter_map(|issue| issue["path"].as_str()).collect();
    assert!(
        unread[0].ends_with("read_file_c4.txt") && unread[1].ends_with("session-b/run_shell_command_c3.txt"),
        "{issues}"
    );
    assert_eq!((unread.len(), &issues[0]["reason"]), (2, &json!("found, not read: an output that no record names")));
}

#[test]
fn an_output_of_gemini_that_only_mentions_a_file_is_its_own() {
    let saved = "was saved to: /old/.gemini/tmp/p/tool-outputs/other.txt";
    let mention = format!("The result {saved}\na row tuineedle");
    let mut shown = gemini_call("c2", "a row takaheneedle");
    shown["resultDisplay"] = json!(format!("The log {saved}"));
    let quoted = format!("first\na\nb\nOutput too long and {saved}\nc\nd\nlast kakaponeedle");
    let whole = format!("{}Output too long and {saved}", "a longer row keaneedle\n".repeat(9));
    let calls = [gemini_call("c1", &mention), shown, gemini_call("c3", &quoted), gemini_call("c4", &whole)];
    let case = gemini_chat(&calls);
    put(&case, ".gemini/tmp/p/tool-outputs/other.txt", "the file huianeedle\n".repeat(9).as_bytes());
    for (call, word) in [("c1", "tuineedle"), ("c2", "takaheneedle"), ("c3", "kakaponeedle"), ("c4", "keaneedle")] {
        let entries = case.entries(GEMINI_ID);
        let entry = entries.iter().find(|entry| entry["tool"]["id"] == call).expect("a call");
        let output = entry["tool"]["output"].as_str().expect("an output");
        assert!(output.contains(word) && !output.contains("huianeedle"), "{call}: {output}");
        case.assert_shown_and_found(word);
    }
}

/// A session of OpenCode in files, with these outputs of calls and what else is recorded of them.
fn opencode_session(calls: &[(&str, &str, Value)]) -> Case {
    let case = Case::empty();
    let storage = ".local/share/opencode/storage";
    let file = |path: &str, value: Value| put(&case, &format!("{storage}/{path}"), value.to_string().as_bytes());
    file(
        "session/p/ses_1.json",
        json!({"id": "ses_1", "projectID": "p", "directory": "/home/dev/shop", "title": "t",
        "version": "1.1.65", "time": {"created": 1_789_034_400_000_i64, "updated": 1_789_034_400_000_i64}}),
    );
    file(
        "message/ses_1/msg_1.json",
        json!({"id": "msg_1", "sessionID": "ses_1", "role": "assistant",
        "time": {"created": 1_789_034_400_000_i64, "completed": 1_789_034_401_000_i64}}),
    );
    for (number, (call, output, metadata)) in (1..).zip(calls) {
        let id = format!("prt_{number}");
        let part = json!({"id": id, "messageID": "msg_1", "sessionID": "ses_1", "type": "tool", "tool": "bash", "callID": call,
            "state": {"status": "completed", "input": {"command": "make"}, "output": output, "title": "make",
            "metadata": metadata, "time": {"start": 1, "end": 2}}});
        file(&format!("part/msg_1/{id}.json"), part);
    }
    case
}

#[test]
fn outputs_of_opencode_are_named_by_previews_and_by_calls() {
    let saved = "a row\n\nThe tool call succeeded but the output was truncated. Full output saved to: /old/tool-output/tool_a1\nUse Grep";
    let content = "a row\n... output truncated; full content saved to /old/tool-output/tool_b2 ...\na row";
    let early = "...12 lines truncated...\n\nFull output saved to: /old/tool-output/tool_e5\n\na row";
    let long = format!("{}\n{content}", "a\n".repeat(9)).replace("b2", "f6") + &"\na".repeat(9);
    let case = opencode_session(&[
        ("c1", saved, json!({})),
        ("c2", content, json!({})),
        ("tool_c3", "a row", json!({})),
        ("c5", early, json!({})),
        ("c6", &long, json!({"truncated": true})),
    ]);
    let files = [
        ("a1", "pukekoneedle"),
        ("b2", "takaheneedle"),
        ("c3", "kakaponeedle"),
        ("e5", "keaneedle"),
        ("f6", "wekaneedle"),
    ];
    for (name, word) in files {
        let text = format!("{}the last row {word}", "a row\n".repeat(20));
        put(&case, &format!(".local/share/opencode/tool-output/tool_{name}"), text.as_bytes());
    }
    let words = ["pukekoneedle", "takaheneedle", "kakaponeedle", "keaneedle", "wekaneedle"];
    words.iter().for_each(|word| case.assert_shown_and_found(word));
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
    put(&case, ".local/share/opencode/tool-output/tool_d4", b"a row");
    let issues = case.json(&["doctor"])["issues"].clone();
    assert_eq!(issues[0]["reason"], "found, not read: an output that no record names");
    assert!(issues[0]["path"].as_str().is_some_and(|path| path.ends_with("tool_d4")), "{issues}");
}

#[test]
fn an_output_of_opencode_that_only_mentions_a_file_is_its_own() {
    let path = "/home/u/.local/share/opencode/tool-output/tool_abc";
    let mention = format!("The result was saved to {path}\na row tuineedle");
    let preview =
        format!("a row\n\nThe tool call succeeded but the output was truncated. Full output saved to: {path}");
    let read = format!("{preview}\na row takaheneedle");
    let longer = format!("{}\n{preview}", "a longer row kakaponeedle\n".repeat(9));
    let case = opencode_session(&[
        ("c1", &mention, json!({})),
        ("c2", &read, json!({"truncated": false})),
        ("c3", &longer, json!({})),
        ("tool_abc", &"its own row keaneedle\n".repeat(9), json!({})),
    ]);
    put(&case, ".local/share/opencode/tool-output/tool_abc", "the file huianeedle\n".repeat(9).as_bytes());
    let entries = case.entries("ses_1");
    for (call, word) in [("c1", "tuineedle"), ("c2", "takaheneedle"), ("c3", "kakaponeedle"), ("tool_abc", "keaneedle")]
    {
        let entry = entries.iter().find(|entry| entry["tool"]["id"] == call).expect("a call");
        let output = entry["tool"]["output"].as_str().expect("an output");
        assert!(output.contains(word) && !output.contains("huianeedle"), "{call}: {output}");
        case.assert_shown_and_found(word);
    }
    let found = case.json(&["search", "huianeedle"]);
    assert_eq!(found["total"], 0, "{found}");
}

#[test]
fn outputs_of_opencode_2_are_shown_and_found() {
    let case = Case::of("33-opencode-2x");
    let path = case.path().join(".local/share/opencode/opencode.db");
    let database = rusqlite::Connection::open(path).expect("a database");
    let sql = "select id, data from session_message where data like '%call_1%' limit 1";
    let (id, data): (String, String) =
        database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a message with a tool");
    let mut data: Value = serde_json::from_str(&data).expect("JSON");
    let content = data["content"].as_array_mut().expect("a list");
    let tool = content.iter_mut().find(|item| item["type"] == "tool").expect("a tool");
    tool["state"]["outputPaths"] = json!(["/old/opencode/tool-output/tool_e5", "/old/opencode/tool-output/tool_f6"]);
    let update = "update session_message set data = ?1 where id = ?2";
    database.execute(update, rusqlite::params![data.to_string(), id]).expect("updated");
    drop(database);
    for (name, word) in [("e5", "pukekoneedle"), ("f6", "takaheneedle")] {
        let text = format!("a row\nthe last row {word}");
        put(&case, &format!(".local/share/opencode/tool-output/tool_{name}"), text.as_bytes());
    }
    ["pukekoneedle", "takaheneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}
