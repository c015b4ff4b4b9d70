//! What the programs showed for a call: Qwen Code's displays of all kinds, and the changes that a command of Claude made.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};

const QWEN: &str = "dddd1111-0000-4000-8000-000000000051";

/// A session of Qwen Code with these calls, each a tool, the response's output, and what the program showed.
fn qwen_calls(calls: &[(&str, &str, Value)]) -> Case {
    let case = Case::empty();
    let record = |uuid: String, parent: Value, kind: &str, message: Value| {
        json!({"uuid": uuid, "parentUuid": parent, "sessionId": QWEN, "type": kind, "cwd": "/home/dev/p",
            "timestamp": "2026-09-10T10:00:02.000Z", "message": message})
    };
    let mut records =
        vec![record("0".into(), Value::Null, "user", json!({"role": "user", "parts": [{"text": "begin"}]}))];
    for (at, (tool, output, shown)) in calls.iter().enumerate() {
        let (call, id) = (format!("c{at}"), format!("call_{at}"));
        let parts = json!([{"functionCall": {"id": id, "name": tool, "args": {}}}]);
        let parent = records.last().expect("a record")["uuid"].clone();
        records.push(record(call.clone(), parent, "assistant", json!({"role": "model", "parts": parts})));
        let parts = json!([{"functionResponse": {"id": id, "name": tool, "response": {"output": output}}}]);
        let mut result = record(format!("r{at}"), json!(call), "tool_result", json!({"role": "user", "parts": parts}));
        result["toolCallResult"] = json!({"callId": id, "status": "success", "resultDisplay": shown});
        records.push(result);
    }
    let path = case.path().join(format!(".qwen/projects/-home-dev-p/chats/{QWEN}.jsonl"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, records.iter().map(|record| format!("{record}\n")).collect::<String>()).expect("written");
    case
}

#[test]
fn every_kind_of_display_of_qwen_is_shown_and_found() {
    let styled = |text: &str| json!({"text": text, "bold": false, "fg": "#fff", "bg": ""});
    let case = qwen_calls(&[
        (
            "todo_write",
            "ok",
            json!({"type": "todo_list", "todos": [{"id": "1", "content": "write kakaneedle", "status": "pending"}]}),
        ),
        (
            "run_shell_command",
            "ok",
            json!({"ansiOutput": [[styled("compi"), styled("ling keaneedle")], [styled("done wekaneedle")]], "totalLines": 2}),
        ),
        (
            "agent",
            "ok",
            json!({"type": "task_execution", "subagentName": "general", "taskDescription": "look", "status": "completed",
                "terminateReason": "ended as tuineedle", "result": "a report moaneedle",
                "toolCalls": [{"callId": "call_9", "name": "grep", "status": "success", "description": "for ruruneedle",
                    "resultDisplay": "found kiwineedle"}]}),
        ),
        (
            "exit_plan_mode",
            "ok",
            json!({"type": "plan_summary", "message": "User approved piponeedle.", "plan": "1. takaheneedle"}),
        ),
        (
            "report_findings",
            "ok",
            json!({"type": "findings_list", "findings": [{"severity": "high", "file": "a.rs", "summary": "it leaks weroneedle"}]}),
        ),
        ("task_list", "ok", json!({"type": "task_list", "tasks": [{"id": "1", "subject": "sweep titineedle"}]})),
        (
            "mcp_app",
            "ok",
            json!({"type": "mcp_app", "html": "<p>program</p>", "fallbackText": "a chart of moheneedle", "toolResult": {}}),
        ),
        ("brand_new", "ok", json!({"type": "unheard_of", "rows": [{"note": "a huianeedle"}]})),
        // The response is longer than what was shown.
        (
            "run_shell_command",
            "Command: make\nDirectory: (root)\nOutput: one\ntwo kokakoneedle\nError: (none)\nExit Code: 0",
            json!({"type": "shell_result", "output": "one", "exitCode": 0}),
        ),
    ]);
    for word in [
        "kaka", "kea", "weka", "tui", "moa", "ruru", "kiwi", "pipo", "takahe", "wero", "titi", "mohe", "huia", "kokako",
    ] {
        case.assert_shown_and_found(&format!("{word}needle"));
    }
    let outputs: Vec<Value> = case.entries(QWEN).iter().skip(1).map(|entry| entry["tool"]["output"].clone()).collect();
    assert_eq!(outputs[1], "ok\n\ncompiling keaneedle\ndone wekaneedle");
    assert_eq!(outputs[8], "one\n\ntwo kokakoneedle");
}

#[test]
fn what_the_response_of_qwen_says_is_not_repeated() {
    let todos = json!([{"content": "a todo", "status": "pending"}]);
    let case = qwen_calls(&[
        ("todo_write", "Todos: a todo", json!({"type": "todo_list", "todos": todos})),
        (
            "run_shell_command",
            "Command: make\nall\nDirectory: (root)\nOutput: one\nError: (none)\nExit Code: 0",
            json!({"type": "shell_result", "output": "one", "exitCode": 0}),
        ),
    ]);
    let outputs: Vec<Value> = case.entries(QWEN).iter().skip(1).map(|entry| entry["tool"]["output"].clone()).collect();
    assert_eq!(outputs, ["Todos: a todo", "one"]);
}

#[test]
fn changes_that_a_command_of_claude_made_are_found() {
    let call = answer(
        "a",
        &json!([{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "sed -i s/a/b/ x"}}]),
        &json!({}),
    );
    let diff = json!({"files": [{"filePath": "/home/dev/x.rs", "hunks": [{"oldStart": 1, "oldLines": 1, "newStart": 1,
        "newLines": 1, "lines": ["-a kakaneedle", "+a keaneedle"]}]}], "moreFiles": 1, "changedFiles": ["/home/dev/wekaneedle.rs"]});
    let result = json!({"type": "user", "uuid": "r", "parentUuid": "a", "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "printed tuineedle"}]},
        "toolUseResult": {"stdout": "printed tuineedle", "stderr": "", "interrupted": false, "bashEditDiff": diff}});
    let case = session_of(&[prompt(), call, result]);
    for word in ["kakaneedle", "keaneedle", "wekaneedle", "tuineedle"] {
        case.assert_shown_and_found(word);
        // With the index, whose filters skip what is in no indexed text.
        case.assert_shown_and_found(word);
    }
}

#[test]
fn a_plan_that_only_a_result_of_claude_has_is_found() {
    let call = answer("a", &json!([{"type": "tool_use", "id": "t", "name": "ExitPlanMode", "input": {}}]), &json!({}));
    let result = json!({"type": "user", "uuid": "r", "parentUuid": "a", "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "User has approved your plan."}]},
        "toolUseResult": {"plan": "# Plan\n1. kakaneedle", "isAgent": false, "filePath": "/home/x/plan.md"}});
    let case = session_of(&[prompt(), call, result]);
    for _ in 0..2 {
        assert_eq!(case.json(&["search", "kakaneedle"])["total"], 1);
        case.assert_shown_and_found("kakaneedle");
    }
}

#[test]
fn records_of_claude_without_type_and_role_are_shown() {
    let case = session_of(&[
        prompt(),
        json!({"message": {"content": [{"type": "text", "text": "in blocks kakaneedle"}]}, "timestamp": "2026-09-10T10:00:03.000Z"}),
        json!({"uuid": "x", "parentUuid": "p", "message": {"content": "with an id keaneedle"}}),
        json!({"content": "a content wekaneedle"}),
        json!({"message": "a message tuineedle", "sessionId": ID}),
        json!({"note": {"text": "elsewhere moaneedle"}}),
    ]);
    for word in ["kaka", "kea", "weka", "tui", "moa"] {
        case.assert_shown_and_found(&format!("{word}needle"));
    }
}

#[test]
fn the_header_of_a_file_of_goose_may_be_a_text() {
    let case = Case::empty();
    let header = json!({"working_dir": "/home/dev/p", "description": "the kakaneedle"}).to_string();
    let said = json!({"role": "user", "created": 1_770_000_000, "content": [{"type": "text", "text": "begin"}]});
    let path = case.path().join(".local/share/goose/sessions/20250101_1.jsonl");
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, format!("{}\n{said}\n", json!(header))).expect("written");
    let session = case.only_session();
    assert_eq!((&session["title"], &session["cwd"]), (&json!("the kakaneedle"), &json!("/home/dev/p")));
}

#[test]
fn a_result_of_qwen_may_have_no_response_or_more_than_one_part() {
    let case = qwen_calls(&[("run_shell_command", "ok", json!("ok")), ("read_file", "printed", json!("Read"))]);
    let path = case.path().join(format!(".qwen/projects/-home-dev-p/chats/{QWEN}.jsonl"));
    let mut records: Vec<Value> = fs::read_to_string(&path)
        .expect("a file")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    records[2].as_object_mut().expect("fields").remove("message");
    records[2]["toolCallResult"] = json!({"callId": "call_0", "status": "error", "resultDisplay": "shown kakaneedle", "error": {"message": "it is keaneedle"}});
    records[4]["message"]["parts"].as_array_mut().expect("parts").push(json!({"text": "beside it wekaneedle"}));
    fs::write(path, records.iter().map(|record| format!("{record}\n")).collect::<String>()).expect("written");
    ["kakaneedle", "keaneedle", "wekaneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    assert_eq!(case.entries(QWEN)[1]["tool"]["status"], "failed");
    assert!(case.json(&["show", QWEN])["issues"].as_array().expect("issues").is_empty());
}

#[test]
fn beginnings_of_calls_of_codex_are_shown_if_nothing_else_is_recorded() {
    const THREAD: &str = "019f1a9f-6beb-70cd-8d73-3c8ce38c6f52";
    let line =
        |kind: &str, payload: Value| json!({"timestamp": "2026-06-01T10:00:00.000Z", "type": kind, "payload": payload});
    let event = |payload: Value| line("event_msg", payload);
    let call = json!({"type": "function_call", "name": "shell", "arguments": "{\"command\":[\"ls\",\"keaneedle\"]}", "call_id": "c"});
    let records = [
        line(
            "session_meta",
            json!({"id": THREAD, "timestamp": "2026-06-01T10:00:00.000Z", "cwd": "/home/dev/p", "source": "cli"}),
        ),
        event(json!({"type": "user_message", "message": "begin"})),
        event(
            json!({"type": "exec_command_begin", "call_id": "a", "command": ["ls", "kakaneedle"], "cwd": "/home/dev/p"}),
        ),
        line("response_item", call),
        event(
            json!({"type": "exec_command_begin", "call_id": "c", "command": ["ls", "keaneedle"], "cwd": "/home/dev/p"}),
        ),
        event(
            json!({"type": "exec_approval_request", "call_id": "d", "command": ["rm"], "reason": "since wekaneedle"}),
        ),
        event(
            json!({"type": "mcp_tool_call_begin", "call_id": "m", "invocation": {"server": "s", "tool": "t", "arguments": {"q": "tuineedle"}}}),
        ),
        event(
            json!({"type": "patch_apply_begin", "call_id": "p", "changes": {"/x.rs": {"add": {"content": "moaneedle"}}}}),
        ),
    ];
    let case = Case::empty();
    let path = case.path().join(format!(".codex/sessions/2026/06/01/rollout-2026-06-01T10-00-00-{THREAD}.jsonl"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, records.iter().map(|record| format!("{record}\n")).collect::<String>()).expect("written");
    ["kaka", "kea", "weka", "tui", "moa"].iter().for_each(|word| case.assert_shown_and_found(&format!("{word}needle")));
    assert_eq!(case.entries(THREAD).len(), 6, "{:#?}", case.lines(THREAD));
}
