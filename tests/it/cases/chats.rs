//! Gemini, Qwen and goose: damaged records, early documents, and folders that variables move.

use serde_json::json;

use super::Case;

#[test]
fn half_characters_are_replaced_in_logs_documents_lines_and_databases() {
    let case = Case::of("43-surrogates-other-agents");
    for (id, cut) in [
        ("aaaa1111-0000-4000-8000-000000000001", "text: cut \u{fffd} answer"),
        ("bbbb1111-0000-4000-8000-000000000002", "prompt: cut \u{fffd} prompt"),
        ("cccc1111-0000-4000-8000-000000000003", "text: cut \u{fffd} answer"),
        ("ses_3aaaaaaaaaaaaaaaaaaaaaaaaa", "text: cut \u{fffd} answer"),
    ] {
        let lines = case.lines(id);
        assert!(lines.iter().any(|line| line == cut), "{id}: {lines:#?}");
        assert!(!case.session(id)["flags"].to_string().contains("unreadable"), "{id}");
    }
    assert!(case.entries("aaaa1111-0000-4000-8000-000000000001")[2]["tool"]["output"] == "party \u{fffd}");
    // Each repair is an issue.
    let issues = case.json(&["doctor"])["issues"].as_array().expect("issues").len();
    assert!(issues >= 4, "{issues}");
    case.assert_shown_and_found("party");
}

#[test]
fn two_records_in_one_line_of_qwen_are_both_shown() {
    let case = Case::of("50-glued-records");
    let glued = case.lines("dddd1111-0000-4000-8000-000000000004");
    assert_eq!(glued, ["prompt: qwen glued dormouseneedle", "text: both recovered"]);
    case.assert_shown_and_found("dormouseneedle");
}

#[test]
fn documents_of_the_first_qwen_versions_are_listed() {
    let case = Case::of("66-real-qwen-0.1.4");
    let session = case.only_session();
    assert_eq!((&session["agent"], &session["turns"]), (&json!("qwen"), &json!(1)));
    let lines = case.lines(session["id"].as_str().expect("an id"));
    assert_eq!(lines[0], "prompt: hello from old qwen TOOL:bash echo hi");
    assert!(lines[1].starts_with("text: Mock answer."), "{lines:?}");
    case.assert_shown_and_found("hello from old qwen");
    case.assert_shown_and_found("hello from old qwen");
}

#[test]
fn the_folders_of_qwen_follow_its_variables() {
    assert!(Case::of("68a-env-qwen-home").sessions().is_empty());
    for variable in ["QWEN_HOME", "QWEN_RUNTIME_DIR"] {
        let case = Case::of("68a-env-qwen-home").with_folder(variable, "qwenhome");
        assert_eq!(case.only_session()["agent"], "qwen", "{variable}");
    }
}

#[test]
fn the_folder_of_qwen_follows_its_settings() {
    let case = Case::of("68a-env-qwen-home");
    let runtime = case.path().join("qwenhome");
    let settings = json!({"advanced": {"runtimeOutputDir": runtime}});
    std::fs::create_dir(case.path().join(".qwen")).expect("created");
    std::fs::write(case.path().join(".qwen/settings.json"), settings.to_string()).expect("written");
    assert_eq!(case.only_session()["agent"], "qwen");
}

#[test]
fn a_relative_folder_of_qwen_is_one_of_each_project() {
    for from_settings in [false, true] {
        let mut case = Case::of("68a-env-qwen-home");
        let project = case.path().join("work/shop");
        std::fs::create_dir_all(&project).expect("created");
        std::fs::rename(case.path().join("qwenhome"), project.join("data")).expect("moved");
        let home = case.path().join(".qwen");
        std::fs::create_dir_all(&home).expect("created");
        // The program records its runs in its configuration directory, with the project's directory.
        let run = json!({"sessionId": "x", "project": project, "startTime": 1});
        std::fs::write(home.join("usage_record.jsonl"), format!("not JSON\n{run}\n{run}")).expect("written");
        assert!(case.sessions().is_empty());
        if from_settings {
            let settings = json!({"advanced": {"runtimeOutputDir": "data"}});
            std::fs::write(home.join("settings.json"), settings.to_string()).expect("written");
        } else {
            case.variables.push(("QWEN_RUNTIME_DIR", "data".to_owned()));
        }
        assert_eq!(case.only_session()["agent"], "qwen", "{from_settings}");
    }
}

#[test]
fn the_folder_of_goose_follows_its_variable() {
    let case = Case::of("68c-env-goose-path-root").with_folder("GOOSE_PATH_ROOT", "gooseroot");
    let session = case.only_session();
    assert_eq!((&session["agent"], &session["title"]), (&json!("goose"), &json!("Mock title of the session")));
    assert_eq!(session["tokens"], json!({"input": 2334, "output": 9, "cache_read": 2333, "cache_write": 0}));
    assert_eq!(
        case.lines(session["id"].as_str().expect("an id")),
        ["prompt: hello goose root", "text: Mock answer. You said: hello goose root"]
    );
}

#[test]
fn what_goose_1_52_writes_is_shown_as_what_it_is() {
    let case = Case::of("68c-env-goose-path-root").with_folder("GOOSE_PATH_ROOT", "gooseroot");
    let writer = rusqlite::Connection::open(case.path().join("gooseroot/data/sessions/sessions.db")).expect("database");
    let add = |role: &str, content: &str, metadata: &str| {
        let sql = "insert into messages (session_id, role, content_json, created_timestamp, metadata_json)
                   values ('20261128_1', ?1, ?2, 1795887999, ?3)";
        writer.execute(sql, [role, content, metadata]).expect("inserted");
    };
    let call = r#"[{"type":"toolRequest","id":"t","toolCall":{"status":"success","value":{"name":"shell","arguments":{"command":"false"}}}}]"#;
    add("assistant", call, "{}");
    let result = r#"[{"type":"toolResponse","id":"t","toolResult":{"status":"success","value":{"content":[],"structuredContent":{"exit_code":3,"stderr":"no such numbatneedle"}}}}]"#;
    add("user", result, "{}");
    add(
        "assistant",
        r#"[{"type":"text","text":"a summary quollneedle"}]"#,
        r#"{"userVisible":false,"agentVisible":true}"#,
    );
    add("assistant", r#"[{"type":"text","text":"cut \ud83d off bilbyneed"#, "{}");
    add("assistant", r#"[{"type":"hologram","beam":"a long text potorooneedle"}]"#, "{}");
    let id = "20261128_1";
    assert_eq!(
        case.lines(id)[2..],
        [
            "shell failed: false",
            "notice: a summary quollneedle",
            "text: cut \u{fffd} off bilbyneed",
            "other: hologram: a long text potorooneedle",
        ]
    );
    assert!(case.session(id)["flags"].to_string().contains("unreadable"));
    ["numbatneedle", "quollneedle", "bilbyneed", "potorooneedle"]
        .iter()
        .for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn an_output_of_gemini_in_a_file_of_its_own_is_shown_and_searched_whole() {
    let case = Case::of("43-surrogates-other-agents");
    let project = case.path().join(".gemini/tmp/shop");
    let path = project.join("tool-outputs/session-x/run_shell_command_t2.txt");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    std::fs::write(&path, format!("first\n{}last wombatneedle\n", "line\n".repeat(100_000))).expect("written");
    let preview = format!(
        "Output too large. Showing first 1 and last 1 characters. For full output see: {}\nfirst",
        path.display()
    );
    let call = json!({"id": "t2", "name": "run_shell_command", "args": {"command": "seq"}, "status": "success",
        "result": [{"functionResponse": {"id": "t2", "response": {"output": preview}}}], "resultDisplay": "shown kowarineedle"});
    let lines = [
        json!({"sessionId": "eeee2222-0000-4000-8000-000000000009", "startTime": "2026-09-10T12:00:00Z", "kind": "main"}),
        json!({"id": "1", "timestamp": 1_789_041_600, "type": "user", "content": "numeric time"}),
        json!({"id": "2", "timestamp": "2026-09-10 12:00:02", "type": "gemini", "content": "no zone", "toolCalls": [call]}),
    ];
    let log: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(project.join("chats/session-2026-09-10T12-00-eeee2222.jsonl"), log).expect("written");
    let id = "eeee2222-0000-4000-8000-000000000009";
    let entries = case.entries(id);
    assert!(entries[2]["tool"]["output"].as_str().expect("output").ends_with("last wombatneedle\n"));
    assert!(
        entries.iter().all(|entry| entry["time"].as_str().is_some_and(|time| time.starts_with("2026-09-10T12:00")))
    );
    assert!(case.session(id)["bytes"].as_u64() > Some(500_000));
    case.assert_shown_and_found("wombatneedle");
    case.assert_shown_and_found("wombatneedle");
}

/// Parts of the model's conversation that are in no usual message, with a word in each.
fn unusual_parts() -> (serde_json::Value, Vec<&'static str>) {
    let parts = json!([
        {"inlineData": {"mimeType": "image/png", "data": "aGk=", "displayName": "sketchneedle.png"}},
        {"novelty": {"title": "titleneedle", "body": "a longer bodyneedle"}},
        {"functionCall": {"name": "look", "args": {"at": "argumentneedle"}}},
        {"functionResponse": {"name": "look", "response": {"output": "outputneedle"}}},
        {"functionResponse": {"name": "other", "response": {"output": "secondneedle"}}},
    ]);
    (parts, vec!["sketchneedle", "titleneedle", "bodyneedle", "argumentneedle", "outputneedle", "secondneedle"])
}

#[test]
fn parts_without_ids_and_of_unknown_kinds_are_shown() {
    let (parts, words) = unusual_parts();
    let id = "11111111-1111-4111-8111-111111111111";
    let qwen = Case::empty();
    let record = |kind: &str, uuid: &str, parent: serde_json::Value, parts: &serde_json::Value| {
        json!({"type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": id, "cwd": "/home/dev/x",
            "timestamp": "2026-11-01T10:00:00.000Z", "message": {"role": kind, "parts": parts}})
    };
    let records = [
        record("user", "u1", json!(null), &json!([{"text": "begin"}])),
        record("assistant", "u2", json!("u1"), &parts),
    ];
    let folder = qwen.path().join(".qwen/projects/-home-dev-x/chats");
    std::fs::create_dir_all(&folder).expect("created");
    std::fs::write(folder.join(format!("{id}.jsonl")), records.map(|record| format!("{record}\n")).concat())
        .expect("written");
    words.iter().for_each(|word| qwen.assert_shown_and_found(word));
    let gemini = Case::empty();
    let records = [
        json!({"sessionId": id, "projectHash": "x", "startTime": "2026-11-01T10:00:00.000Z", "kind": "main"}),
        json!({"id": "1", "timestamp": "2026-11-01T10:00:01.000Z", "type": "user", "content": [{"text": "begin"}]}),
        json!({"id": "2", "timestamp": "2026-11-01T10:00:02.000Z", "type": "gemini", "content": parts}),
    ];
    let folder = gemini.path().join(".gemini/tmp/x/chats");
    std::fs::create_dir_all(&folder).expect("created");
    std::fs::write(
        folder.join("session-2026-11-01T10-00-11111111.jsonl"),
        records.map(|record| format!("{record}\n")).concat(),
    )
    .expect("written");
    words.iter().for_each(|word| gemini.assert_shown_and_found(word));
}
