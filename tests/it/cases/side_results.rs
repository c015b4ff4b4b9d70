//! Facts of a call that only the program's own result has, beside the response to the model; records without a usable type.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};

const GEMINI_ID: &str = "aaaa0001-1111-4222-8333-444444444444";

/// A session of Gemini with these calls, each a name, arguments, the response's output, and what the program showed.
fn gemini_calls(calls: &[(&str, Value, &str, Value)]) -> Case {
    let case = Case::empty();
    let calls = calls.iter().enumerate().map(|(at, (name, args, output, shown))| {
        let response = json!({"id": format!("t{at}"), "name": name, "response": {"output": output}});
        json!({"id": format!("t{at}"), "name": name, "args": args, "status": "success",
            "result": [{"functionResponse": response}], "resultDisplay": shown})
    });
    let records = [
        json!({"sessionId": GEMINI_ID, "startTime": "2026-02-02T03:04:00.000Z", "kind": "main"}),
        json!({"id": "1", "timestamp": "2026-02-02T03:04:01.000Z", "type": "user", "content": "begin"}),
        json!({"id": "2", "timestamp": "2026-02-02T03:04:02.000Z", "type": "gemini", "content": "", "toolCalls": calls.collect::<Vec<_>>()}),
    ];
    let path = case.path().join(".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa0001.jsonl");
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, records.map(|record| format!("{record}\n")).concat()).expect("written");
    case
}

#[test]
fn what_gemini_shows_and_the_arguments_lack_is_shown() {
    let case = gemini_calls(&[
        ("write_todos", json!({}), "ok", json!({"todos": [{"description": "a kakaneedle", "status": "in_progress"}]})),
        (
            "replace",
            json!({"old_string": "a", "new_string": "b"}),
            "ok",
            json!({"fileName": "keaneedle.rs", "filePath": "/home/wekaneedle/x.rs", "fileDiff": "-a\n+b",
                "originalContent": "a", "newContent": "b"}),
        ),
        ("write_file", json!({}), "ok", json!({"originalContent": "a moaneedle", "newContent": "a tuineedle"})),
        ("write_file", json!({}), "ok", json!({"fileDiff": ["-a", "+a ruruneedle"]})),
        ("remove", json!({"file_path": "a.rs"}), "ok", json!({"fileDiff": "@@ -1 +0,0 @@\n-a kiwineedle"})),
        (
            "grep_search",
            json!({"pattern": "x"}),
            "ok",
            json!({"matches": [{"filePath": "/takaheneedle.rs", "line": "x"}]}),
        ),
        ("look", json!({}), "ok", json!({"type": "not a kind but a weroneedle", "diffStat": {"note": "a titineedle"}})),
    ]);
    for word in ["kaka", "kea", "weka", "moa", "tui", "ruru", "kiwi", "takahe", "wero", "titi"] {
        case.assert_shown_and_found(&format!("{word}needle"));
    }
}

#[test]
fn what_gemini_shows_and_the_arguments_have_is_not_repeated() {
    let todos = json!({"todos": [{"description": "a todo", "status": "in_progress"}]});
    let diff = "--- a.rs\n+++ a.rs\n@@ -1,2 +1,2 @@\n the first line\n-old\n+new";
    let shown = json!({"fileDiff": diff, "fileName": "a.rs", "filePath": "/home/dev/a.rs", "isNewFile": false,
        "originalContent": "the first line\nold", "newContent": "the first line\nnew", "diffStat": {"model_added_lines": 1}});
    let args = json!({"file_path": "/home/dev/a.rs", "old_string": "old", "new_string": "new"});
    let relative = json!({"file_path": "a.rs", "old_string": "old", "new_string": "new"});
    let case = gemini_calls(&[
        ("write_todos", todos.clone(), "ok", todos),
        ("replace", args, "ok", shown.clone()),
        ("replace", relative, "modified /home/dev/a.rs", shown),
        ("look", json!({}), "ok", json!({"type": "task_execution"})),
    ]);
    let entries = case.entries(GEMINI_ID);
    let outputs: Vec<&Value> = entries.iter().filter_map(|entry| entry["tool"].get("output")).collect();
    assert_eq!(outputs, ["ok", "ok", "modified /home/dev/a.rs", "ok"]);
}

/// The result of a call of Claude Code, with the program's own result as a text.
fn claude_result(name: &str, input: &Value, content: &str, own: &Value) -> Case {
    let call = json!([{"type": "tool_use", "id": "t1", "name": name, "input": input}]);
    let result = json!({"type": "user", "uuid": "r", "parentUuid": "a", "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
        "toolUseResult": own.to_string(),
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": content}]}});
    session_of(&[prompt(), answer("a", &call, &json!({})), result])
}

#[test]
fn an_own_result_of_claude_that_is_a_text_with_json_is_decoded() {
    let questions = json!([{"question": "Which bird?", "header": "Bird", "options": [{"label": "a kakaneedle"}]}]);
    let own = json!({"questions": questions, "answers": {"Which bird?": "a kakaneedle"}});
    let long = "The user has answered the questions, and the conversation goes on. ".repeat(9);
    for content in ["ok", &long] {
        let case = claude_result("AskUserQuestion", &json!({"questions": questions}), content, &own);
        let entries = case.entries(ID);
        assert_eq!(entries[1]["tool"]["output"], format!("{content}\nWhich bird?: a kakaneedle"));
        case.assert_shown_and_found("kakaneedle");
    }
    let printed = json!({"stdout": "a longer keaneedle", "stderr": "", "interrupted": false});
    let case = claude_result("Bash", &json!({"command": "make"}), "cut", &printed);
    assert_eq!(case.entries(ID)[1]["tool"]["output"], "a longer keaneedle");
    case.assert_shown_and_found("keaneedle");
    let failed = json!({"stdout": "", "exitCode": 3});
    let case = claude_result("Bash", &json!({"command": "make"}), "no rule", &failed);
    assert_eq!(case.lines(ID)[1], "Bash failed: make");
    let hunk = json!({"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-a", "+b"]});
    let patch = json!({"filePath": "/a.rs", "structuredPatch": [hunk], "originalFile": "a"});
    let case =
        claude_result("Edit", &json!({"file_path": "/a.rs", "old_string": "a", "new_string": "b"}), "ok", &patch);
    assert_eq!(case.entries(ID)[1]["tool"]["output"], "ok");
}

#[test]
fn a_result_of_claude_that_is_a_text_with_other_json_is_an_output() {
    let case = claude_result("mcp__x__y", &json!({}), "cut", &json!({"rows": ["a kakaneedle"], "exitCode": 0}));
    assert_eq!(case.entries(ID)[1]["tool"]["output"], r#"{"rows":["a kakaneedle"],"exitCode":0}"#);
    case.assert_shown_and_found("kakaneedle");
}

#[test]
fn records_of_claude_whose_type_is_no_text_are_decoded() {
    for kind in [json!(3), Value::Null, json!(false)] {
        let call = json!([{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make"}}]);
        let result = json!({"type": kind, "uuid": "r", "parentUuid": "a", "sessionId": ID,
            "timestamp": "2026-09-10T10:00:02.000Z", "message": {"role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a kakaneedle"}, {"type": "text", "text": "a keaneedle"}]}});
        let mut said = answer("b", &json!([{"type": "text", "text": "a wekaneedle"}]), &json!({"output_tokens": 7}));
        said["type"] = kind.clone();
        said["parentUuid"] = json!("r");
        let title = json!({"type": kind, "customTitle": "the moaneedle", "sessionId": ID});
        let mut called = answer("a", &call, &json!({}));
        called["type"] = kind.clone();
        let case = session_of(&[prompt(), called, result, said, title]);
        let lines = case.lines(ID);
        assert_eq!(lines, ["prompt: begin", "Bash done: make", "prompt: a keaneedle", "text: a wekaneedle"], "{kind}");
        assert_eq!(case.entries(ID)[1]["tool"]["output"], "a kakaneedle", "{kind}");
        assert_eq!(case.only_session()["title"], "the moaneedle", "{kind}");
        assert_eq!(case.session(ID)["tokens"]["output"], 7, "{kind}");
        for word in ["kakaneedle", "keaneedle", "wekaneedle"] {
            case.assert_shown_and_found(word);
        }
    }
    for (fields, expected) in [
        (json!({"aiTitle": "the ruruneedle"}), "the ruruneedle"),
        (json!({"summary": "the tuineedle", "leafUuid": "p"}), "the tuineedle"),
    ] {
        let mut title = fields;
        title["type"] = Value::Null;
        let case = session_of(&[prompt(), title]);
        assert_eq!(case.only_session()["title"], expected);
    }
}
