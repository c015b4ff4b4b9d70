//! OpenCode: the oldest files, parts of 1.x, records of 2.x, outputs in files of their own.

use serde_json::json;

use super::Case;

const OLDEST: &str = "ses_ddcbb92f5ffeYyQNLeNbIh6EuP";

/// Asserts that words are shown and found, by the scan of the files and by the index.
fn assert_found(case: &Case, words: &[&str]) {
    for _ in 0..2 {
        words.iter().for_each(|word| case.assert_shown_and_found(word));
    }
}

#[test]
fn sessions_before_0_6_are_listed_and_read() {
    let case = Case::of("32-opencode-oldest");
    let session = case.only_session();
    assert_eq!((&session["id"], &session["cwd"]), (&json!(OLDEST), &json!("/home/dev/shop")));
    assert_eq!(session["title"], "first opencode ever meerkatneedle");
    assert_found(&case, &["meerkatneedle"]);
}

#[test]
fn messages_that_contain_their_parts_are_read() {
    let case = Case::of("32-opencode-oldest");
    let storage = case.path().join(".local/share/opencode/project/home-dev-project-pa/storage/session");
    let message = json!({
        "id": "msg_2234003", "role": "assistant",
        "parts": [
            {"type": "step-start"},
            {"type": "text", "text": "inline pikaneedle"},
            {"type": "tool-invocation", "toolInvocation": {"state": "result", "toolCallId": "t1", "toolName": "bash",
                "args": {"command": "make"}, "result": "built by a colugoneedle"}},
        ],
        "metadata": {"time": {"created": 1_750_000_003_000_u64, "completed": 1_750_000_004_000_u64}, "sessionID": "ses_x",
            "tool": {"t1": {"title": "make", "time": {"start": 1, "end": 2}}},
            "assistant": {"modelID": "m", "providerID": "p", "cost": 0.5, "path": {"cwd": "/srv", "root": "/srv"},
                "tokens": {"input": 7, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 0}}}},
    });
    let folder = storage.join("message").join(OLDEST);
    std::fs::write(folder.join("msg_2234003.json"), message.to_string()).expect("written");
    assert_eq!(case.lines(OLDEST)[2..], ["text: inline pikaneedle", "bash done: make"]);
    assert_eq!(case.only_session()["tokens"]["input"], 17);
    assert_found(&case, &["pikaneedle", "colugoneedle"]);
}

#[test]
fn failed_commands_reverted_messages_and_structured_answers_are_shown_as_such() {
    let case = Case::of("34-opencode-parts");
    let id = "ses_1aaaaaaaaaaaaaaaaaaaaaaaaa";
    let lines = case.lines(id);
    assert_eq!(lines[3..5], ["bash failed: cargo test", "invalid failed: Invalid Tool"]);
    assert_eq!(lines[12], r#"text: ```json|{|  "verdict": "ok ratelneedle"|}|```"#);
    let entries = case.entries(id);
    let reverted: Vec<bool> = entries.iter().map(|entry| entry["reverted"] == true).collect();
    assert_eq!(reverted, [[false; 13].as_slice(), &[true; 2]].concat());
    assert!(!format!("{entries:?}").contains("iVBORiVBOR"), "no encoded image is shown");
    assert_found(&case, &["agoutineedle", "potooneedle", "ratelneedle"]);
    assert_eq!(case.json(&["search", "has:error"])["total"], 1);
}

#[test]
fn records_of_2_x_are_shown_and_the_queue_with_them() {
    let case = Case::of("33-opencode-2x");
    let session = case.only_session();
    let lines = case.lines(session["id"].as_str().expect("an id"));
    assert_eq!(lines[4], "bash failed: ls");
    assert!(lines.contains(&"notice: Moved to /home/dev/shop/.worktrees/x".to_owned()), "{lines:?}");
    assert_eq!(lines[13], "prompt: and then push it tayraneedle");
    assert_eq!(session["cwd"], "/home/dev/shop/.worktrees/x");
    assert_found(&case, &["fossaneedle", "kinkajouneedle", "tayraneedle"]);
}

#[test]
fn records_of_2_0_14_are_readable() {
    let case = Case::of("51-opencode-2.0.14-records");
    let id = "ses_0bbbbbbbbbbbbbbbbbbbbbbbbb";
    let lines = case.lines(id);
    for expected in [
        "image: shot.png (image/png, 375 bytes)",
        "bash failed: cargo test",
        "bash interrupted: sleep 100",
        "subagent done: audit the pager",
        "shell failed: false",
        "edit done: /home/dev/shop/a.rs",
        "notice: Compaction failed: context too large to summarise",
        "notice: provider.auth: invalid api key",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} is not in {lines:#?}");
    }
    let link = case.entries(id).into_iter().find(|entry| entry["tool"]["name"] == "subagent").expect("a call");
    assert_eq!(link["tool"]["subagent"], "ses_0ccccccccccccccccccccccccc");
    assert_found(&case, &["echidnaneedle"]);
}

#[test]
fn an_output_in_a_file_of_its_own_is_shown_and_searched_whole() {
    let case = Case::of("64-real-opencode-1.18.33");
    let id = "ses_ddcbc339dffeZE4dBeJcTnoq2f";
    let output = || case.entries(id)[2]["tool"]["output"].as_str().expect("output").len();
    assert_eq!(output(), 151_552);
    assert!(case.session(id)["bytes"].as_u64() > Some(200_000), "its size counts");
    assert_found(&case, &["12345"]);
    assert_eq!(case.entries("ses_ddcbc742cffeu5e4birPOzKeyq")[2]["tool"]["status"], "failed");
    // A record cannot name files elsewhere.
    let database = case.path().join(".local/share/opencode/opencode.db");
    let secret = case.path().join("secret");
    std::fs::write(&secret, "private").expect("written");
    let writer = rusqlite::Connection::open(database).expect("database");
    let sql = "update part set data = json_set(data, '$.state.metadata.outputPath', ?1) where data like '%outputPath%'";
    writer.execute(sql, [secret.to_string_lossy()]).expect("update");
    assert!(output() < 60_000);
}
