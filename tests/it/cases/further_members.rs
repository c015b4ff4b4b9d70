//! Further members of the classes: texts beside records, orphans, words of hooks and programs, states that one field shows.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};
use super::families::with;

const PROJECT: &str = ".claude/projects/-home-dev-shop";

fn put(case: &Case, path: &str, text: &str) {
    let path = case.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn user(uuid: &str, parent: &str, content: &Value) -> Value {
    json!({"type": "user", "uuid": uuid, "parentUuid": parent, "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
        "message": {"role": "user", "content": content}})
}

fn call(uuid: &str, id: &str) -> Value {
    answer(uuid, &json!([{"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "make"}}]), &json!({}))
}

fn result(uuid: &str, parent: &str, id: &str, content: &str) -> Value {
    user(uuid, parent, &json!([{"type": "tool_result", "tool_use_id": id, "content": content}]))
}

#[test]
fn a_refused_result_of_claude_leads_to_its_file() {
    let refusal = format!(
        "Error: result (144,544 characters) exceeds maximum allowed tokens. Output has been saved to /old/{ID}/tool-results/mcp-1.txt.\nFormat: Plain text"
    );
    let case = session_of(&[prompt(), call("a", "t"), result("r", "a", "t", &refusal)]);
    put(&case, &format!("{PROJECT}/{ID}/tool-results/mcp-1.txt"), "a row\nthe last row pukekoneedle");
    case.assert_shown_and_found("pukekoneedle");
}

#[test]
fn an_output_of_a_sub_agent_opens_in_the_sub_agent() {
    let case = session_of(&[prompt()]);
    let side = json!({"isSidechain": true, "agentId": "a1"});
    let saved = format!(
        "<persisted-output>\nOutput too large. Full output saved to: /old/{ID}/tool-results/s.txt\n</persisted-output>"
    );
    let records = [user("s1", "", &json!("look")), call("s2", "t9"), result("s3", "s2", "t9", &saved)];
    let records: Vec<Value> = records.into_iter().map(|record| with(record, &side)).collect();
    put(&case, &format!("{PROJECT}/{ID}/subagents/agent-a1.jsonl"), &lines(&records));
    put(&case, &format!("{PROJECT}/{ID}/tool-results/s.txt"), "a row\nthe last row takaheneedle");
    case.assert_shown_and_found("takaheneedle");
    assert_eq!(case.json(&["search", "takaheneedle"])["hits"][0]["session"]["id"], "agent-a1");
}

#[test]
fn pasted_texts_of_deleted_sessions_are_shown() {
    let case = Case::empty();
    let line = |pasted: Value| {
        json!({"display": "look at [Pasted text #1]", "pastedContents": {"1": pasted}, "timestamp": 1_789_034_400_000_i64,
        "project": "/home/dev/shop", "sessionId": ID})
    };
    let records = [
        line(json!({"id": 1, "type": "text", "content": "pasted ruruneedle"})),
        line(json!({"id": 1, "type": "text", "contentHash": "abcdef0123456789"})),
    ];
    // A half character in a prompt is no reason to drop it.
    let half = line(Value::Null).to_string().replace("look at", r"half \ud83d wekaneedle");
    put(&case, ".claude/history.jsonl", &(lines(&records) + &half + "\n"));
    put(&case, ".claude/paste-cache/abcdef0123456789.txt", "from the cache kereruneedle");
    assert_eq!(case.session(ID)["turns"], 3);
    ["ruruneedle", "kereruneedle", "wekaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn records_with_one_id_and_different_contents_are_all_shown() {
    let text = |text: &str| answer("a", &json!([{"type": "text", "text": text}]), &json!({}));
    let case = session_of(&[prompt(), text("one"), text("another"), text("one"), user("u", "a", &json!("goes on"))]);
    assert_eq!(case.lines(ID), ["prompt: begin", "text: one", "text: another", "prompt: goes on"]);
    assert_eq!(case.session(ID)["messages"], 4);
}

#[test]
fn words_of_hooks_and_programs_are_notices() {
    let attached = |uuid: &str, attachment: Value| {
        json!({"type": "attachment", "uuid": uuid, "parentUuid": "p", "sessionId": ID,
        "timestamp": "2026-09-10T10:00:03.000Z", "attachment": attachment})
    };
    let system = |uuid: &str, fields: &Value| {
        with(
            json!({"type": "system", "uuid": uuid, "parentUuid": "p", "sessionId": ID,
        "timestamp": "2026-09-10T10:00:03.000Z"}),
            fields,
        )
    };
    let case = session_of(&[
        prompt(),
        attached(
            "h1",
            json!({"type": "hook_success", "hookName": "SessionStart", "stdout": "a checkpoint is there\n", "content": "a checkpoint is there"}),
        ),
        attached(
            "h2",
            json!({"type": "hook_success", "hookName": "Stop", "stdout": "{\"continue\":true}", "content": ""}),
        ),
        attached("h3", json!({"type": "hook_stopped_continuation", "hookName": "Stop", "message": "not yet"})),
        attached("h4", json!({"type": "goal_status", "goal": "green tests"})),
        attached("h5", json!({"type": "max_turns_reached", "maxTurns": 5})),
        system("s1", &json!({"subtype": "memory_saved", "writtenPaths": ["/home/x/memory/tabs.md"], "verb": "Saved"})),
        system(
            "s2",
            &json!({"subtype": "api_error", "error": {"status": 529, "error": {"error": {"message": "Overloaded"}}}}),
        ),
        user("u1", "p", &json!("<user-memory-input>use tabs</user-memory-input>")),
        user(
            "u2",
            "u1",
            &json!(
                "<teammate-message teammate_id=\"tester\">\n{\"type\":\"idle_notification\",\"from\":\"tester\",\"idleReason\":\"available\"}\n</teammate-message>"
            ),
        ),
        user(
            "u3",
            "u2",
            &json!(
                "<task-notification>\n<status>completed</status>\n<summary>Agent done</summary>\n<result>all is green</result>\n</task-notification>"
            ),
        ),
    ]);
    let shown = [
        "prompt: begin",
        "notice: Hook SessionStart: a checkpoint is there",
        "notice: Hook Stop: not yet",
        "notice: Goal: green tests",
        "notice: Stopped after 5 turns",
        "notice: /home/x/memory/tabs.md",
        "notice: Request failed: Overloaded",
        "notice: # use tabs",
        "notice: tester: idle notification|available",
        "notice: Sub-agent: Agent done||all is green",
    ];
    assert_eq!(case.lines(ID), shown);
    assert_eq!(case.session(ID)["turns"], 1);
}

#[test]
fn outputs_of_gemini_that_were_masked_are_shown_whole() {
    let id = "aaaa1111-0000-4000-8000-000000000061";
    let masked = |end: &str| format!("<tool_output_masked>\n{}{end}\n</tool_output_masked>", "l\n".repeat(900));
    let call = |call: &str, output: &str| {
        json!({"id": call, "name": "run_shell_command", "args": {"command": "make"}, "status": "success",
        "result": [{"functionResponse": {"id": call, "response": {"output": output}}}]})
    };
    let calls = json!([
        call("c1", &masked("Output too large. Full output available at: /old/tool-outputs/session-x/one.txt")),
        call("c2", &masked("[masked. Full string saved to: C:/old/tool-outputs/session-x/two.txt]")),
    ]);
    let records = [
        json!({"sessionId": id, "kind": "main"}),
        json!({"id": "1", "type": "user", "content": "go"}),
        json!({"id": "2", "type": "gemini", "content": "", "toolCalls": calls}),
    ];
    let case = Case::empty();
    put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", &lines(&records));
    let whole = |word: &str| format!("{}the last row {word}", "l\n".repeat(1000));
    let response = serde_json::to_string_pretty(&json!({"output": whole("tuineedle")})).expect("JSON");
    put(&case, ".gemini/tmp/p/tool-outputs/session-x/one.txt", &response);
    put(&case, ".gemini/tmp/p/tool-outputs/session-x/two.txt", &whole("huianeedle"));
    assert_eq!(case.entries(id)[1]["tool"]["output"], whole("tuineedle"));
    ["tuineedle", "huianeedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn two_files_of_a_gemini_session_are_one_conversation() {
    let id = "aaaa1111-0000-4000-8000-000000000062";
    let message = |number: u32, kind: &str, text: &str| json!({"id": number.to_string(), "timestamp": format!("2026-02-02T03:0{number}:05.000Z"), "type": kind, "content": text});
    let head = json!({"sessionId": id, "kind": "main"});
    let case = Case::empty();
    let folder = ".gemini/tmp/p/chats";
    put(
        &case,
        &format!("{folder}/session-2026-02-02T03-01-aaaa1111.jsonl"),
        &lines(&[head.clone(), message(1, "user", "one"), message(2, "gemini", "first")]),
    );
    assert_eq!(case.lines(id), ["prompt: one", "text: first"]);
    let second = format!("{folder}/session-2026-02-02T03-03-aaaa1111.jsonl");
    put(&case, &second, &lines(&[head, message(3, "user", "two kokakoneedle")]));
    for _ in 0..2 {
        assert_eq!(case.lines(id), ["prompt: one", "text: first", "prompt: two kokakoneedle"]);
        let session = case.only_session();
        assert_eq!((&session["turns"], &session["messages"], &session["title"]), (&json!(2), &json!(3), &json!("one")));
        case.assert_shown_and_found("kokakoneedle");
    }
    // What only the other file has changes what is shown.
    case.append(&second, &[&message(4, "gemini", "second").to_string()]);
    assert_eq!(case.lines(id).len(), 4);
}

#[test]
fn results_without_calls_and_typed_texts_of_gemini_are_shown() {
    let id = "aaaa1111-0000-4000-8000-000000000063";
    let records = [
        json!({"sessionId": id, "kind": "main"}),
        json!({"id": 1, "type": "user", "content": [{"text": "@a.rs\n--- Content from referenced files ---\nfn a() {}"}], "displayContent": [{"text": "explain @a.rs"}]}),
        json!({"id": 2, "type": "gemini", "content": [{"thought": true, "text": "a thought"}, {"text": "an answer"}]}),
        json!({"id": 3, "type": "user", "content": [{"functionResponse": {"id": "lost", "name": "x", "response": {"output": "an output miroineedle"}}}]}),
    ];
    let case = Case::empty();
    put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", &lines(&records));
    let shown = [
        "prompt: explain @a.rs",
        "thinking: a thought",
        "text: an answer",
        "x done: result of a call that is not in the file",
    ];
    assert_eq!(case.lines(id), shown);
    assert_eq!(case.session(id)["title"], "explain @a.rs");
    case.assert_shown_and_found("miroineedle");
}

#[test]
fn a_rewind_and_notices_of_qwen_are_shown_as_what_they_are() {
    let id = "bbbb0001-0000-4000-8000-000000000061";
    let record = |number: u32, parent: u32, kind: &str, more: Value| {
        with(
            json!({"uuid": format!("q{number}"), "parentUuid": (parent > 0).then(|| format!("q{parent}")),
        "sessionId": id, "timestamp": 1_770_000_000 + number, "type": kind, "cwd": "/home/dev/p"}),
            &more,
        )
    };
    let parts = |text: &str| json!({"message": {"parts": [{"text": text}]}});
    let system = |subtype: &str, payload: Value| json!({"subtype": subtype, "systemPayload": payload});
    let mut report = parts("<task-notification>\n<result>found it</result>\n</task-notification>");
    report["subtype"] = json!("notification");
    report["systemPayload"] = json!({"displayText": "Agent done"});
    let records = [
        record(1, 0, "user", parts("one")),
        record(2, 1, "assistant", parts("first")),
        record(3, 2, "user", parts("two karureneedle")),
        record(4, 2, "system", system("rewind", json!({"truncatedCount": 1}))),
        record(5, 4, "user", parts("three")),
        record(6, 5, "system", system("goal_state", json!({"snapshot": {"objective": "green tests"}}))),
        record(7, 6, "user", report),
    ];
    let case = Case::empty();
    put(&case, &format!(".qwen/projects/-home-dev-p/chats/{id}.jsonl"), &lines(&records));
    let shown = ["prompt: one", "text: first", "prompt: three", "notice: green tests", "notice: Agent done||found it"];
    assert_eq!(case.lines(id), shown);
    assert_eq!(case.json(&["show", id])["branches"], 2);
    assert_eq!(case.json(&["search", "karureneedle"])["total"], 1);
    let command =
        [record(1, 0, "system", system("slash_command", json!({"phase": "invocation", "rawCommand": "/review 12"})))];
    let case = Case::empty();
    put(&case, &format!(".qwen/projects/-home-dev-p/chats/{id}.jsonl"), &lines(&command));
    assert_eq!(case.session(id)["title"], "/review 12");
}

#[test]
fn commands_and_items_of_codex_that_only_one_record_has_are_shown_and_found() {
    let id = "019f0000-0000-7000-8000-000000000062";
    let record =
        |kind: &str, payload: Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let event = |payload: Value| record("event_msg", payload);
    let command =
        "<user_shell_command>\n<command>\necho hi\n</command>\n<result>\nOutput:\nhi\n</result>\n</user_shell_command>";
    let records = [
        record("session_meta", json!({"id": id, "cwd": "/home/dev/p"})),
        record(
            "response_item",
            json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": command}]}),
        ),
        event(json!({"type": "user_message", "message": "go"})),
        record(
            "response_item",
            json!({"type": "function_call", "name": "shell", "arguments": "{\"command\":[\"false\"]}", "call_id": "c1"}),
        ),
        event(
            json!({"type": "exec_command_end", "call_id": "c1", "command": ["false"], "exit_code": 1, "stdout": "", "stderr": "boom", "aggregated_output": ""}),
        ),
        event(json!({"type": "agent_reasoning_raw_content", "text": "a raw thought"})),
        event(json!({"type": "model_reroute", "from_model": "a", "to_model": "b", "reason": "load"})),
        event(json!({"type": "entered_review_mode", "user_facing_hint": "current changes"})),
        event(
            json!({"type": "item_completed", "item": {"type": "McpToolCall", "id": "exec-1", "server": "mail", "tool": "list",
            "arguments": {"box": "inboxneedle"}, "status": "completed", "result": {"content": [{"type": "text", "text": "a row"}],
            "structuredContent": {"rows": ["another rowneedle"]}}}}),
        ),
    ];
    let case = Case::empty();
    put(&case, &format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{id}.jsonl"), &lines(&records));
    let shown = [
        "notice: ! echo hi||Output:|hi",
        "prompt: go",
        "shell failed: false",
        "thinking: a raw thought",
        "notice: Answered by b instead of a: load",
        "notice: Review: current changes",
        "mail.list done: box: inboxneedle",
    ];
    assert_eq!(case.lines(id), shown);
    assert_eq!(case.entries(id)[2]["tool"]["output"], "boom");
    ["inboxneedle", "rowneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn sessions_whose_rows_are_lost_are_listed_by_their_messages() {
    let case = Case::of("34-opencode-parts");
    let database = Connection::open(case.path().join(".local/share/opencode/opencode.db")).expect("a database");
    database.execute_batch("pragma foreign_keys = off").expect("set");
    let message = r#"{"role":"user","time":{"created":1770000000000}}"#;
    let add = "INSERT INTO message (id, session_id, time_created, time_updated, data) VALUES ('msg_z', 'ses_lost', 1770000000000, 1770000000000, ?1)";
    database.execute(add, [message]).expect("inserted");
    let part = r#"{"type":"subtask","description":"check it moaneedle","prompt":"look"}"#;
    let add = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
               VALUES ('prt_z', 'msg_z', 'ses_lost', 1770000000000, 1770000000000, ?1)";
    database.execute(add, [part]).expect("inserted");
    assert_eq!(case.lines("ses_lost"), ["prompt: check it moaneedle||look"]);
    case.assert_shown_and_found("moaneedle");

    let case = Case::of("68c-env-goose-path-root").with_folder("GOOSE_PATH_ROOT", "gooseroot");
    let database = Connection::open(case.path().join("gooseroot/data/sessions/sessions.db")).expect("a database");
    database.execute_batch("pragma foreign_keys = off").expect("set");
    let content = json!([{"type": "thinking", "thinking": "one ", "signature": ""}, {"type": "thinking", "thinking": "thought", "signature": ""},
        {"type": "text", "text": "an orphan kakaponeedle"}]).to_string();
    let add = "INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp, metadata_json)
               VALUES ('x', '20260101_9', 'assistant', ?1, 1770000000, '{}')";
    database.execute(add, [&content]).expect("inserted");
    assert_eq!(case.lines("20260101_9"), ["thinking: one thought", "text: an orphan kakaponeedle"]);
    case.assert_shown_and_found("kakaponeedle");
}

#[test]
fn results_far_from_their_calls_in_old_files_of_goose_are_theirs() {
    let message = |role: &str, block: Value| json!({"role": role, "created": 1_735_732_800, "content": [block]});
    let response = |id: &str, text: &str| json!({"type": "toolResponse", "id": id, "toolResult": {"status": "success", "value": {"content": [{"type": "text", "text": text}]}}});
    let call = json!({"type": "toolRequest", "id": "far", "toolCall": {"status": "success", "value": {"name": "shell", "arguments": {"command": "ls"}}}});
    let mut records = vec![json!({"working_dir": "/x", "description": "d"}), message("assistant", call)];
    records.extend((0..100).map(|at| message("assistant", json!({"type": "text", "text": format!("text {at}")}))));
    records.extend([
        message("user", response("far", "far rifleneedle")),
        message("user", response("lost", "lost stitchneedle")),
    ]);
    let case = Case::empty();
    put(&case, ".local/share/goose/sessions/20250101_120000.jsonl", &lines(&records));
    let entries = case.entries("20250101_120000");
    assert_eq!((entries.len(), &entries[0]["tool"]["output"]), (102, &json!("far rifleneedle")));
    ["rifleneedle", "stitchneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn a_mention_of_an_output_does_not_make_a_session_its_owner() {
    let saved = format!(
        "<persisted-output>\nOutput too large. Full output saved to: /old/{ID}/tool-results/s.txt\n</persisted-output>"
    );
    let case = session_of(&[prompt(), call("a", "t1"), result("r", "a", "t1", &saved)]);
    let side = json!({"isSidechain": true, "agentId": "a1"});
    // The sub-agent reads about the file, and prints its name.
    let about = format!("look at tool-results/s.txt of {ID}");
    let other = format!(
        "<persisted-output>\nOutput too large. Full output saved to: /old/{ID}/tool-results/o.txt\n\nsee tool-results/s.txt\n</persisted-output>"
    );
    let records = [user("s1", "", &json!(about)), call("s2", "t9"), result("s3", "s2", "t9", &other)];
    let records: Vec<Value> = records.into_iter().map(|record| with(record, &side)).collect();
    put(&case, &format!("{PROJECT}/{ID}/subagents/agent-a1.jsonl"), &lines(&records));
    put(&case, &format!("{PROJECT}/{ID}/tool-results/s.txt"), "a row\nthe last row takaheneedle");
    put(&case, &format!("{PROJECT}/{ID}/tool-results/o.txt"), "a row\nthe last row kerereneedle");
    assert_eq!(case.json(&["search", "takaheneedle"])["hits"][0]["session"]["id"], ID);
    assert_eq!(case.json(&["search", "kerereneedle"])["hits"][0]["session"]["id"], "agent-a1");
    ["takaheneedle", "kerereneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

/// A session of Codex with these items of the model's conversation.
fn thread(items: &[Value]) -> (Case, &'static str) {
    let id = "019f0000-0000-7000-8000-000000000031";
    let line = |kind: &str, payload: &Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let mut records = vec![
        line("session_meta", &json!({"id": id, "timestamp": "2026-02-02T03:04:05.000Z", "cwd": "/home/dev/p"})),
        line("event_msg", &json!({"type": "user_message", "message": "begin"})),
    ];
    records.extend(items.iter().map(|item| line("response_item", item)));
    let case = Case::empty();
    let path = format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{id}.jsonl");
    put(&case, &path, &lines(&records));
    (case, id)
}

#[test]
fn arguments_that_are_no_json_are_shown_as_they_are() {
    let input = |arguments: &str| {
        let call = json!({"type": "function_call", "name": "odd", "call_id": "call_1", "arguments": arguments});
        let (case, id) = thread(&[call]);
        case.entries(id)[1]["tool"]["input"].clone()
    };
    assert_eq!(input("say \"hello\""), json!("say \"hello\""));
    assert_eq!(input("\"quoted\" and more"), json!("\"quoted\" and more"));
    assert_eq!(input("\"a text\""), json!("a text"));
    assert_eq!(input("[INFO] not a list"), json!("[INFO] not a list"));
    assert_eq!(input("{\"a\": 1} and more"), json!("{\"a\": 1} and more"));
    assert_eq!(input("{a: 1, b: words}"), json!("{a: 1, b: words}"));
    assert_eq!(input("{\"command\": \"ls -"), json!({"command": "ls -"}), "what is cut off is read");
    assert_eq!(input("{\"half\": \"\\ud83d\"}"), json!({"half": "\u{fffd}"}));
}

#[test]
fn fields_of_an_input_that_are_named_like_an_output_are_kept() {
    let arguments = json!({"outputs": ["kiwineedle"], "output": "tuineedle"});
    let (case, id) = thread(&[
        json!({"type": "function_call", "name": "render", "call_id": "call_1", "arguments": arguments.to_string()}),
        json!({"type": "function_call_output", "call_id": "call_1", "output": "done"}),
        json!({"type": "code_interpreter_call", "id": "ci_1", "code": "print(1)", "output": null,
            "outputs": [{"type": "logs", "logs": "wekaneedle"}]}),
        json!({"type": "mcp_call", "id": "m_1", "code": "x", "output": "kakaneedle"}),
    ]);
    let entries = case.entries(id);
    assert_eq!(entries[1]["tool"]["input"], arguments);
    assert_eq!(
        (&entries[2]["tool"]["input"], &entries[2]["tool"]["output"]),
        (&json!({"code": "print(1)"}), &json!("wekaneedle"))
    );
    assert_eq!(
        (&entries[3]["tool"]["input"], &entries[3]["tool"]["output"]),
        (&json!({"code": "x"}), &json!("kakaneedle"))
    );
    ["kiwineedle", "tuineedle", "wekaneedle", "kakaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn texts_of_qwen_that_are_null_or_no_texts_are_read_as_what_they_are() {
    let id = "cccc1111-0000-4000-8000-000000000033";
    let record = |number: u32, kind: &str, message: &Value| {
        json!({"uuid": format!("q{number}"), "parentUuid": (number > 1).then(|| format!("q{}", number - 1)),
            "sessionId": id, "timestamp": "2026-09-10T10:00:04.000Z", "type": kind, "cwd": "/home/dev/shop",
            "message": message})
    };
    let call = json!({"functionCall": {"id": "c1", "name": "odd", "args": {}}, "text": null});
    let records = [
        record(1, "user", &json!({"parts": [{"text": null}, null, {"text": "begin"}, {"text": [ ]}]})),
        record(2, "assistant", &json!({"parts": [{"text": null}, {"text": 7}, {"text": ["a list"]}, call]})),
        record(3, "assistant", &json!({"text": "in another field"})),
        record(4, "assistant", &json!({"content": [{"text": "of both"}], "parts": null})),
    ];
    let case = Case::empty();
    put(&case, &format!(".qwen/projects/-home-dev-shop/chats/{id}.jsonl"), &lines(&records));
    let shown =
        ["prompt: begin", "text: 7", "text: a list", "odd pending: ", "text: in another field", "text: of both"];
    assert_eq!(case.lines(id), shown);
}

#[test]
fn an_output_of_qwen_belongs_to_the_call_that_names_it() {
    let id = "cccc1111-0000-4000-8000-000000000034";
    let record = |number: u32, kind: &str, parts: &Value| {
        json!({"uuid": format!("q{number}"), "parentUuid": (number > 1).then(|| format!("q{}", number - 1)),
            "sessionId": id, "timestamp": "2026-09-10T10:00:04.000Z", "type": kind, "cwd": "/home/dev/shop",
            "message": {"parts": parts}})
    };
    let folder = "a".repeat(64);
    let cut = |name: &str| {
        format!(
            "Tool output was too large and has been truncated.\nThe full output has been saved to: /old/.qwen/tmp/{folder}/{name}\nsh_8.output"
        )
    };
    let command =
        |id: &str| json!([{"functionCall": {"id": id, "name": "run_shell_command", "args": {"command": id}}}]);
    let response = |id: Option<&str>, output: &str| json!([{"functionResponse": {"id": id, "name": "run_shell_command", "response": {"output": output}}}]);
    let mut without_id = record(5, "tool_result", &response(None, &cut("sh_8.output")));
    without_id["toolCallResult"] = json!({"callId": "c2", "status": "success"});
    let records = [
        record(1, "user", &json!([{"text": "go"}])),
        record(2, "assistant", &command("c1")),
        // Its preview mentions the other file.
        record(3, "tool_result", &response(Some("c1"), &cut("sh_7.output"))),
        record(4, "assistant", &command("c2")),
        without_id,
    ];
    let case = Case::empty();
    put(&case, &format!(".qwen/projects/-home-dev-shop/chats/{id}.jsonl"), &lines(&records));
    put(&case, &format!(".qwen/tmp/{folder}/sh_7.output"), "whole and last mohuaneedle");
    put(&case, &format!(".qwen/tmp/{folder}/sh_8.output"), "whole and last kotukuneedle");
    ["mohuaneedle", "kotukuneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    assert_eq!(case.entries(id)[2]["tool"]["status"], "done");
}
