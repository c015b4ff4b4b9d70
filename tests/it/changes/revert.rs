//! A conversation that its agent takes back within the session, by its own server.

use serde_json::{Value, json};

use crate::cli::{self, code, json as output_json, text};
use crate::support::{Agents, Home, copy_tree, fixtures};

/// A session in a database with several turns: its id and directory.
fn session(home: &Home) -> (String, String) {
    let all = output_json(&cli::run(home, &["list", "--json"]));
    let is_wanted = |row: &&Value| {
        row["path"].as_str().is_some_and(|path| path.contains("opencode.db")) && row["turns"].as_u64() > Some(1)
    };
    let found = all["sessions"].as_array().expect("sessions").iter().find(is_wanted).expect("a session");
    let field = |name: &str| found[name].as_str().expect("a field").to_owned();
    (field("id"), field("cwd"))
}

#[test]
fn opencode_takes_back_a_conversation_in_its_own_session() {
    let (home, agents) = (Home::of(&["opencode/1.18.33"]), Agents::of(&["opencode"]));
    let (id, cwd) = session(&home);
    let run = |args: &[&str]| {
        let mut command = cli::salon(&home, &[&["rewind", &*id], args].concat());
        command.env("PATH", agents.search_path()).env("FAKE_LOG", agents.log_file());
        command.env("FAKE_SESSIONS", format!("{id}={cwd}")).output().expect("salon runs")
    };
    let reverted = run(&["2", "--conversation"]);
    assert_eq!(code(&reverted), 0, "{}", text(&reverted.stderr));
    assert!(text(&reverted.stderr).contains("--conversation --to none"), "{}", text(&reverted.stderr));
    let path = format!("POST /session/{id}/revert");
    let request = agents.log().into_iter().find(|record| record["request"].as_str() == Some(&path));
    let request = request.unwrap_or_else(|| panic!("{:?}", agents.log()));
    let body = &request["body"];
    let body = body.as_str().map_or_else(|| body.clone(), |text| serde_json::from_str(text).expect("JSON"));
    assert_eq!(request["directory"], json!(cwd));
    let message = body["messageID"].as_str().expect("a message");
    assert!(message.starts_with("msg_") && body.as_object().is_some_and(|body| body.len() == 1), "{body}");
    // Nothing is undone where nothing is taken back any more.
    let undone = run(&["--conversation", "--to", "none"]);
    assert!(code(&undone) == 1 && text(&undone.stderr).contains("the next prompt deleted it"), "{undone:?}");
    assert!(
        !agents.log().iter().any(|record| record["request"].as_str().is_some_and(|path| path.contains("unrevert")))
    );
    let gone = run(&["99", "--conversation"]);
    assert!(code(&gone) == 1 && text(&gone.stderr).contains("there is no turn 99"), "{gone:?}");
}

#[test]
fn other_agents_and_old_sessions_say_that_they_cannot() {
    let home = Home::of(&["claude/2.1.329"]);
    copy_tree(&fixtures().join("opencode/1.1.65-legacy/home"), home.path());
    let all = output_json(&cli::run(&home, &["list", "--json"]));
    let sessions = all["sessions"].as_array().expect("sessions");
    for (agent, reason) in
        [("claude", "cannot take back a conversation"), ("opencode", "cannot take back a conversation")]
    {
        let row = sessions.iter().find(|row| row["agent"] == agent && row["turns"].as_u64() > Some(0));
        let id = row.expect("a session")["id"].as_str().expect("an id");
        let refused = cli::run(&home, &["rewind", id, "1", "--conversation"]);
        assert!(code(&refused) == 1 && text(&refused.stderr).contains(reason), "{agent}: {refused:?}");
    }
}
