//! Folders that the user never trusted: what their settings would run is not run.

use std::path::Path;

use salon::agent::protocol;
use salon::agent::protocol::{Conversation, Incoming, ProtocolCommand, RunStart};
use salon::domain::{Agent, Time};
use serde_json::{Value, json};

use crate::support::Home;

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn vars(home: &Home) -> Vec<(String, String)> {
    vec![("HOME".into(), home.path().to_string_lossy().into_owned())]
}

fn trust(home: &Home, folder: &Path) {
    let config = json!({"projects": {folder.to_string_lossy(): {"hasTrustDialogAccepted": true}}});
    write(&home.path().join(".claude.json"), &config.to_string());
}

#[test]
fn f7_claude_starts_without_the_settings_of_a_folder_that_was_never_trusted() {
    let claude = protocol(Agent::Claude).expect("a protocol");
    let home = Home::empty();
    let folder = home.path().join("work/app");
    std::fs::create_dir_all(folder.join(".git")).expect("a folder");
    let vars = vars(&home);
    assert_eq!(claude.untrusted_project(&vars, &folder), None, "a folder without settings runs nothing");

    let hooks = folder.join(".claude/settings.json");
    write(&hooks, r#"{"hooks":{}}"#);
    let servers = folder.join(".mcp.json");
    write(&servers, "{}");
    let inner = folder.join("src/deep");
    std::fs::create_dir_all(&inner).expect("a folder");
    for cwd in [&folder, &inner] {
        let project = claude.untrusted_project(&vars, cwd).expect("a restriction");
        assert_eq!(project.restricted.expect("a change").args, ["--setting-sources=user"]);
        assert_eq!(project.settings, [hooks.clone(), servers.clone()]);
    }

    // A folder above the repository does not count, the repository itself does.
    trust(&home, &home.path().join("work"));
    assert!(claude.untrusted_project(&vars, &inner).is_some());
    trust(&home, &folder);
    assert_eq!(claude.untrusted_project(&vars, &inner), None);
}

#[test]
fn f7_the_users_own_settings_are_not_a_projects() {
    let claude = protocol(Agent::Claude).expect("a protocol");
    let home = Home::empty();
    write(&home.path().join(".claude/settings.json"), "{}");
    let folder = home.path().join("notes");
    std::fs::create_dir_all(&folder).expect("a folder");
    assert_eq!(claude.untrusted_project(&vars(&home), &folder), None);
}

#[test]
fn f7_a_linked_worktree_is_trusted_with_its_repository() {
    let claude = protocol(Agent::Claude).expect("a protocol");
    let home = Home::empty();
    let (main, linked) = (home.path().join("app"), home.path().join("trees/x"));
    write(&linked.join(".git"), &format!("gitdir: {}/.git/worktrees/x\n", main.display()));
    write(&linked.join(".mcp.json"), "{}");
    assert!(claude.untrusted_project(&vars(&home), &linked).is_some());
    trust(&home, &main);
    assert_eq!(claude.untrusted_project(&vars(&home), &linked), None);
}

/// Parameters of the requests that a Codex conversation sends until its first turn, by method.
fn codex_requests(mode: &str) -> Vec<(String, Value)> {
    let mut codec = protocol(Agent::Codex).expect("a protocol").codec();
    let now = Time::from_millis(0);
    let opening = RunStart { mode: Some(mode.into()), ..RunStart::new(Conversation::New { id: None }, "/work".into()) };
    let mut sent: Vec<Value> = Vec::new();
    let mut steps = vec![codec.command(ProtocolCommand::Open(opening), now)];
    let prompt =
        ProtocolCommand::Prompt { id: salon::domain::prompt::PromptId(1), text: "hi".into(), images: Vec::new() };
    steps.push(codec.command(prompt, now));
    while let Some(step) = steps.pop() {
        for outgoing in step.outgoing {
            let protocol::Outgoing::Line(line) = outgoing else { continue };
            let request: Value = serde_json::from_slice(&line).expect("a request");
            let result = match request["method"].as_str() {
                Some("initialize") => Some(json!({})),
                Some("thread/start") => {
                    Some(json!({"thread": {"id": "t"}, "model": "m", "approvalPolicy": "on-request",
                    "sandbox": {"type": "readOnly"}}))
                }
                _ => None,
            };
            if let Some(result) = result {
                let answer = json!({"id": request["id"], "result": result}).to_string();
                steps.push(codec.decode(Incoming::Line(answer.as_bytes()), now));
            }
            sent.push(request);
        }
    }
    sent.into_iter().map(|request| (request["method"].to_string(), request["params"].clone())).collect()
}

#[test]
fn f7_codex_opens_a_thread_without_a_sandbox_that_makes_the_folder_trusted() {
    let requests = codex_requests("on-request/workspace-write");
    let find = |method: &str| &requests.iter().find(|(of, _)| of.contains(method)).expect(method).1;
    assert_eq!(find("thread/start")["sandbox"], Value::Null);
    assert_eq!(find("thread/start")["approvalPolicy"], "on-request");
    assert_eq!(find("turn/start")["sandboxPolicy"]["type"], "workspaceWrite");
}

/// A folder with settings of an agent, in a home without any.
fn project(settings: &str, text: &str) -> (Home, std::path::PathBuf) {
    let home = Home::empty();
    let folder = home.path().join("work/app.v2");
    write(&folder.join(settings), text);
    std::fs::create_dir_all(folder.join(".git")).expect("a folder");
    (home, folder)
}

#[test]
fn f7_codex_is_asked_about_a_folder_that_it_has_no_decision_for() {
    let config = "[mcp_servers.db]\ncommand = \"npx\"\nargs = [\"db\"]\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ncommand = \"./evil.sh\"\n";
    let (home, folder) = project(".codex/config.toml", config);
    let codex = protocol(Agent::Codex).expect("a protocol");
    let inner = folder.join("src");
    std::fs::create_dir_all(&inner).expect("a folder");
    let untrusted = codex.untrusted_project(&vars(&home), &inner).expect("a restriction");
    assert_eq!(untrusted.programs, ["hook Stop: ./evil.sh", "server db: npx db"]);
    assert_eq!(untrusted.restricted, Some(protocol::LaunchChange::default()), "Codex loads nothing by itself");
    let setting = format!("projects={{\"{}\"={{trust_level=\"trusted\"}}}}", folder.display());
    assert_eq!(untrusted.trusted.args, ["-c", &setting], "the whole repository is trusted, as Codex does");
    toml::from_str::<toml::Table>(&setting.replacen('=', " = ", 1)).expect("a setting in TOML");
    for decision in ["trusted", "untrusted"] {
        let decided = format!("[projects.\"{}\"]\ntrust_level = \"{decision}\"\n", folder.display());
        write(&home.path().join(".codex/config.toml"), &decided);
        assert_eq!(codex.untrusted_project(&vars(&home), &inner), None, "{decision}");
    }
}

#[test]
fn f7_the_rules_of_gemini_and_qwen_decide_for_their_folders() {
    let settings = r#"{"mcpServers":{"db":{"command":"npx","args":["db"]}},"tools":{"discoveryCommand":"./tools.sh"}}"#;
    for (agent, own) in [(Agent::Gemini, ".gemini"), (Agent::Qwen, ".qwen")] {
        let (home, folder) = project(&format!("{own}/settings.json"), settings);
        let of_agent = protocol(agent).expect("a protocol");
        let enable = |enabled: bool| {
            let text = json!({"security": {"folderTrust": {"enabled": enabled}}}).to_string();
            write(&home.path().join(own).join("settings.json"), &text);
        };
        // Gemini CLI checks unless a setting says otherwise, Qwen Code only if one says so.
        assert_eq!(of_agent.untrusted_project(&vars(&home), &folder).is_some(), agent == Agent::Gemini);
        enable(false);
        assert_eq!(of_agent.untrusted_project(&vars(&home), &folder), None);
        enable(true);
        let untrusted = of_agent.untrusted_project(&vars(&home), &folder).expect("a restriction");
        assert_eq!(untrusted.programs, ["discoveryCommand: ./tools.sh", "server db: npx db"]);
        let variable = |value: &str| vec![("GEMINI_CLI_TRUST_WORKSPACE".to_owned(), value.to_owned())];
        if agent == Agent::Gemini {
            assert_eq!(untrusted.restricted.expect("a change").vars, variable("false"));
            assert_eq!(untrusted.trusted.vars, variable("true"));
        } else {
            assert_eq!(untrusted.restricted, None, "Qwen Code loads the settings of a folder without a rule");
        }
        let rules = home.path().join(own).join("trustedFolders.json");
        for (path, rule) in [
            (folder.clone(), "TRUST_FOLDER"),
            (folder.join("src"), "TRUST_PARENT"),
            (home.path().join("work"), "DO_NOT_TRUST"),
        ] {
            write(&rules, &json!({path.to_string_lossy(): rule}).to_string());
            assert_eq!(of_agent.untrusted_project(&vars(&home), &folder), None, "{rule}");
        }
        write(&rules, &json!({"/elsewhere": "TRUST_FOLDER"}).to_string());
        assert!(of_agent.untrusted_project(&vars(&home), &folder).is_some());
    }
}
