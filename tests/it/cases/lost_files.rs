//! Sessions of OpenCode of which a part of the files, or of the fields, is lost.

use std::fs;

use serde_json::{Value, json};

use super::Case;

const ID: &str = "ses_00000010aaaaaaaaaaaaaaaaaa";
const STORAGE: &str = ".local/share/opencode/storage";

fn put(case: &Case, path: &str, value: &Value) {
    let path = case.path().join(STORAGE).join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, value.to_string()).expect("written");
}

fn message(case: &Case, id: &str, role: &str, part: &Value) {
    put(
        case,
        &format!("message/{ID}/{id}.json"),
        &json!({"id": id, "sessionID": ID, "role": role, "time": {"created": 1_789_034_400_000_i64}}),
    );
    let mut part = part.clone();
    part["id"] = json!(format!("prt_{id}"));
    part["messageID"] = json!(id);
    part["sessionID"] = json!(ID);
    put(case, &format!("part/{id}/prt_{id}.json"), &part);
}

#[test]
fn a_session_whose_own_file_is_lost_is_listed_and_goes_on() {
    let case = Case::empty();
    message(&case, "msg_1", "user", &json!({"type": "text", "text": "begin kakaneedle"}));
    let session = case.only_session();
    assert_eq!(
        (&session["id"], &session["title"], &session["turns"]),
        (&json!(ID), &json!("begin kakaneedle"), &json!(1))
    );
    let issues = case.json(&["list"])["issues"].to_string();
    assert!(issues.contains("the file of the session is missing"), "{issues}");
    case.assert_shown_and_found("kakaneedle");
    message(&case, "msg_2", "assistant", &json!({"type": "text", "text": "an answer keaneedle"}));
    case.assert_shown_and_found("keaneedle");
}

#[test]
fn what_a_command_printed_is_shown_if_the_model_got_less() {
    let case = Case::empty();
    let state = json!({"status": "completed", "input": {"command": "make"}, "output": "cut", "title": "make",
        "metadata": {"output": "all of it kakaneedle", "exit": 0}, "time": {"start": 1, "end": 2}});
    let part = json!({"type": "tool", "tool": "bash", "callID": "c1", "state": state});
    message(&case, "msg_1", "user", &json!({"type": "text", "text": "begin"}));
    message(&case, "msg_2", "assistant", &part);
    case.assert_shown_and_found("kakaneedle");
    let running = json!({"status": "running", "input": {"command": "make"}, "metadata": {"output": "so far keaneedle"},
        "time": {"start": 1}});
    message(&case, "msg_3", "assistant", &json!({"type": "tool", "tool": "bash", "callID": "c2", "state": running}));
    case.assert_shown_and_found("keaneedle");
}
