//! Folders and files in other places: named by variables, of first versions, and outputs that were moved.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Case;
use crate::support::{copy_tree, fixtures};

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn session_of_claude(home: &Path, id: &str, prompt: &str) {
    let record = json!({
        "type": "user", "uuid": id, "parentUuid": null, "sessionId": id, "cwd": "/home/dev/x",
        "timestamp": "2026-11-01T10:00:00.000Z", "message": { "role": "user", "content": prompt },
    });
    put(&home.join(format!("projects/-home-dev-x/{id}.jsonl")), &lines(&[record]));
}

#[test]
fn several_homes_of_claude_are_read() {
    let mut case = Case::empty();
    let (first, second) = (case.path().join("one"), case.path().join("two"));
    session_of_claude(&first, "11111111-1111-4111-8111-111111111111", "the first wallabyneedle");
    session_of_claude(&second, "22222222-1111-4111-8111-111111111111", "the second pademelonneedle");
    case.variables.push(("CLAUDE_CONFIG_DIR", format!("{},{}", first.display(), second.display())));
    case.assert_shown_and_found("wallabyneedle");
    case.assert_shown_and_found("pademelonneedle");
}

#[test]
fn a_home_of_claude_may_have_a_comma_in_its_name() {
    let case = Case::empty().with_folder("CLAUDE_CONFIG_DIR", "mine, all mine");
    session_of_claude(&case.path().join("mine, all mine"), "11111111-1111-4111-8111-111111111111", "wallabyneedle");
    case.assert_shown_and_found("wallabyneedle");
}

#[test]
fn sessions_beside_the_configuration_of_goose_are_read() {
    let case = Case::empty();
    let records = [
        json!({ "working_dir": "/home/dev/x", "description": "an early one" }),
        json!({ "role": "user", "created": 1_755_252_672, "content": [{ "type": "text", "text": "early bettongneedle" }] }),
    ];
    put(&case.path().join(".config/goose/sessions/20250101_101010.jsonl"), &lines(&records));
    case.assert_shown_and_found("bettongneedle");
}

#[test]
fn a_database_of_opencode_may_have_any_name_that_the_variable_gives() {
    for name in ["x.db", "store.sqlite", "store", "opencode-next.db"] {
        let case = Case::empty();
        let data = case.path().join(".local/share/opencode");
        copy_tree(&fixtures().join("cases/33-opencode-2x/home/.local/share/opencode"), &data);
        fs::rename(data.join("opencode.db"), data.join(name)).expect("renamed");
        let mut case = case;
        case.variables.push(("OPENCODE_DB", name.to_owned()));
        case.assert_shown_and_found("fossaneedle");
        assert_eq!(case.sessions().len(), 1, "{name}");
    }
}

/// Records of a session of Claude with one call, whose result is `output`.
fn call_of_claude(id: &str, output: &str) -> String {
    let record = |kind: &str, uuid: &str, parent: Value, content: Value| {
        json!({
            "type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": id, "cwd": "/home/dev/x",
            "timestamp": "2026-11-01T10:00:00.000Z", "message": { "role": kind, "content": content },
        })
    };
    let call = json!([{ "type": "tool_use", "id": "t1", "name": "Bash", "input": { "command": "ls" } }]);
    let result = json!([{ "type": "tool_result", "tool_use_id": "t1", "content": output }]);
    lines(&[
        record("user", "u1", Value::Null, json!("list")),
        record("assistant", "u2", json!("u1"), call),
        record("user", "u3", json!("u2"), result),
    ])
}

fn with_output_of_claude(name: &str, text: &[u8]) -> Case {
    let (case, id) = (Case::empty(), "11111111-1111-4111-8111-111111111111");
    let project = case.path().join(".claude/projects/-home-dev-x");
    let preview = format!(
        "<persisted-output>\nOutput too large. Full output saved to: /home/other/.claude/tool-results/{name}\n\nPreview:\nthe quokkapreview\n</persisted-output>"
    );
    put(&project.join(format!("{id}.jsonl")), &call_of_claude(id, &preview));
    put(&project.join(id).join("tool-results").join(name), "");
    fs::write(project.join(id).join("tool-results").join(name), text).expect("written");
    case
}

#[test]
fn outputs_of_claude_may_have_any_ending() {
    for name in ["toolu_1", "toolu_1.out", "toolu_1.yaml", "toolu 1.txt"] {
        let case = with_output_of_claude(name, "line\n".repeat(2000).as_bytes());
        assert_eq!(case.entries("11111111")[1]["tool"]["output"].as_str().map(str::len), Some(10_000), "{name}");
        let case = with_output_of_claude(name, format!("{}numbatneedle\n", "line\n".repeat(2000)).as_bytes());
        case.assert_shown_and_found("numbatneedle");
    }
}

#[test]
fn an_output_that_no_record_names_is_reported() {
    let case = with_output_of_claude("toolu_1.txt", b"named");
    let other =
        case.path().join(".claude/projects/-home-dev-x/11111111-1111-4111-8111-111111111111/tool-results/toolu_2.txt");
    fs::write(&other, "unnamed").expect("written");
    let issues = case.json(&["doctor"])["issues"].clone();
    let reason = "found, not shown: an output that no record names";
    assert_eq!(issues, json!([{ "path": other.display().to_string(), "line": null, "reason": reason }]));
}

#[test]
fn the_preview_of_an_empty_output_is_shown() {
    let case = with_output_of_claude("toolu_1.txt", b"\n");
    case.assert_shown_and_found("quokkapreview");
}

#[test]
fn blocks_of_unknown_kinds_in_a_saved_result_are_shown() {
    let blocks =
        json!([{ "type": "text", "text": "one" }, { "type": "novelty", "data": { "note": "the dibblerneedle" } }]);
    let case = with_output_of_claude("toolu_1.txt", blocks.to_string().as_bytes());
    case.assert_shown_and_found("dibblerneedle");
}

#[test]
fn an_output_of_qwen_is_found_where_its_folder_has_another_name() {
    let (case, id) = (Case::empty(), "11111111-1111-4111-8111-111111111111");
    let record = |kind: &str, uuid: &str, parent: Value, parts: Value| {
        json!({
            "type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": id, "cwd": "/home/dev/x",
            "timestamp": "2026-11-01T10:00:00.000Z", "message": { "role": kind, "parts": parts },
        })
    };
    let saved = "Tool output was too large and has been truncated.\nThe full output has been saved to: C:\\u\\.qwen\\tmp\\abc\\shell_7.output\nprev";
    let call = json!([{ "functionCall": { "id": "c1", "name": "run_shell_command", "args": { "command": "ls" } } }]);
    let result =
        json!([{ "functionResponse": { "id": "c1", "name": "run_shell_command", "response": { "output": saved } } }]);
    let records = [
        record("user", "u1", Value::Null, json!([{ "text": "list" }])),
        record("assistant", "u2", json!("u1"), call),
        record("tool_result", "u3", json!("u2"), result),
    ];
    put(&case.path().join(format!(".qwen/projects/-home-dev-x/chats/{id}.jsonl")), &lines(&records));
    put(&case.path().join(".qwen/tmp/def/shell_7.output"), &format!("{}potorooneedle\n", "line\n".repeat(500)));
    case.assert_shown_and_found("potorooneedle");
}
