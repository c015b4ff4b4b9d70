//! An agent that only the configuration knows, from the command line: salon records its sessions itself.

use serde_json::{Value, json};

use super::{Stage, json, text};

/// A home whose configuration defines the agent `mine`.
fn stage() -> Stage {
    let stage = Stage::with(&["mine", "claude"]);
    stage.configure(
        "[agents.mine]\nacp = [\"mine\", \"--acp\"]\nname = \"My Agent\"\nenv = { FAKE_WORD = \"hidden\" }\n",
    );
    stage
}

fn listed(stage: &Stage) -> Vec<Value> {
    json(&stage.run(&["list", "--json", "--agent", "mine"]))["sessions"].as_array().expect("sessions").clone()
}

/// Leaves a session of the agent that salon did not run.
fn session_of_the_agent(stage: &Stage) -> String {
    let project = stage.project().canonicalize().expect("the project");
    let encoded: String = project.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let folder = project.join("../.fake-mine").join(encoded);
    std::fs::create_dir_all(&folder).expect("a folder");
    let line = |kind: &str, text: &str| {
        let message = json!({"role": kind, "parts": [{"text": text}]});
        json!({"type": kind, "uuid": text, "sessionId": "made/elsewhere", "cwd": project, "message": message})
    };
    let lines = format!("{}\n{}\n", line("user", "an old question"), line("assistant", "an old answer"));
    std::fs::write(folder.join("old.jsonl"), lines).expect("a record");
    "made/elsewhere".to_owned()
}

#[test]
fn an_agent_from_the_configuration_runs_and_its_session_is_read_and_continued() {
    let stage = stage();
    let new = ["new", "--agent", "mine", "--model", "deep", "think hm\nrun ls\nsay Four files."];
    let output = stage.run(&new);
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("Four files.\n", Some(0)), "{output:?}");
    stage.agents.assert_all_exited();
    let sessions = listed(&stage);
    let session = sessions[0]["id"].as_str().expect("an id");
    assert_eq!((sessions.len(), &sessions[0]["agent"], &sessions[0]["turns"]), (1, &json!("mine"), &json!(1)));
    let output = stage.run(&["send", session, "say Once more."]);
    assert_eq!(text(&output.stdout), "Once more.\n", "{output:?}");
    let shown = json(&stage.run(&["show", session, "--json"]));
    let kinds: Vec<_> = shown["entries"].as_array().expect("entries").iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["prompt", "thinking", "tool", "text", "prompt", "text"], "{shown}");
    let tool = &shown["entries"][2]["tool"];
    assert_eq!((&tool["status"], &tool["output"]), (&json!("done"), &json!("output of ls")), "{tool}");
    assert_eq!(listed(&stage)[0]["tokens"]["output"], 18, "the usage of both turns");
    let found = json(&stage.run(&["search", "--json", "agent:mine four"]));
    assert_eq!(found["hits"][0]["session"]["id"], *session, "{found}");
}

#[test]
fn a_session_that_only_the_agent_lists_appears_and_its_history_is_loaded_with_the_next_prompt() {
    let stage = stage();
    let old = session_of_the_agent(&stage);
    stage.run(&["new", "--agent", "mine", "say new"]);
    let sessions = listed(&stage);
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    let row = sessions.iter().find(|row| row["id"] == *old).expect("the listed session");
    assert_eq!(row["title"], "Listed");
    let output = stage.run(&["send", &old, "say Here again."]);
    assert_eq!(text(&output.stdout), "Here again.\n", "{output:?}");
    let shown = json(&stage.run(&["show", &old, "--json"])).to_string();
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} is missing: {shown}"));
    assert!(at("an old question") < at("an old answer") && at("an old answer") < at("Here again."), "{shown}");
    stage.run(&["send", &old, "say Third."]);
    let shown = json(&stage.run(&["show", &old, "--json"])).to_string();
    assert_eq!(shown.matches("an old answer").count(), 1, "the history is loaded once: {shown}");
}

#[test]
fn a_session_stays_readable_when_its_agent_is_no_longer_configured() {
    let stage = stage();
    stage.run(&["new", "--agent", "mine", "say kept"]);
    let session = stage.session();
    stage.configure("");
    assert!(text(&stage.run(&["show", &session]).stdout).contains("kept"));
    let output = stage.run(&["send", &session, "say more"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("not in the configuration"), "{output:?}");
    let output = stage.run(&["new", "--agent", "mine", "say x"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn its_own_program_is_not_started_to_resume_and_its_variables_stay_hidden() {
    let stage = stage();
    stage.run(&["new", "--agent", "mine", "say x"]);
    let output = stage.run(&["resume", &stage.session(), "--json"]);
    assert!(text(&output.stdout).contains("continue it here"), "{output:?}");
    let doctor = text(&stage.run(&["doctor", "--json"]).stdout);
    assert!(doctor.contains("\"mine\"") && !doctor.contains("hidden"), "{doctor}");
    let record = std::fs::read_to_string(stage.agents.log_file()).expect("the log");
    assert!(!record.contains("hidden"), "{record}");
}
