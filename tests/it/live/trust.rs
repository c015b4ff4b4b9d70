//! Runs in a folder whose settings run programs, and that the user never trusted.

use salon::domain::Agent;
use salon::domain::run::{FolderTrust, Refusal, RunId, RunStart};
use salon::domain::run_event::RunEventKind;

use super::harness::Harness;

/// A harness whose project has settings with a hook.
fn harness() -> Harness {
    let harness = Harness::new();
    let settings = harness.sandbox.project().join(".claude/settings.json");
    std::fs::create_dir_all(settings.parent().expect("a folder")).expect("created");
    let hooks =
        r#"{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"./evil.sh"}]}]},"apiKeyHelper":"./key"}"#;
    std::fs::write(&settings, hooks).expect("written");
    std::fs::write(
        harness.sandbox.project().join(".mcp.json"),
        r#"{"mcpServers":{"db":{"command":"npx","args":["db"]}}}"#,
    )
    .expect("written");
    harness
}

async fn open(harness: &Harness, trust: FolderTrust, prompt: &str) -> Result<RunId, Refusal> {
    let opening = RunStart { trust, ..harness.sandbox.opening() };
    harness.live.open_run(Agent::Claude, opening, Some(prompt.to_owned())).await
}

/// True for each start of an agent that was told to leave the folder's settings out.
fn restricted(harness: &Harness) -> Vec<bool> {
    let starts = harness.sandbox.agents.starts();
    starts.iter().map(|start| start.to_string().contains("--setting-sources=user")).collect()
}

#[tokio::test]
async fn f7_nothing_is_started_before_the_user_decided() {
    let harness = harness();
    let Err(Refusal::Untrusted(untrusted)) = open(&harness, FolderTrust::Ask, "say one").await else {
        panic!("a question");
    };
    assert_eq!(untrusted.folder, harness.sandbox.project());
    assert_eq!(untrusted.programs, ["hook SessionStart: ./evil.sh", "apiKeyHelper: ./key", "server db: npx db"]);
    assert!(harness.sandbox.agents.starts().is_empty());
    assert!(harness.live.runs().is_empty(), "the refused request leaves nothing");
}

#[tokio::test]
async fn f7_without_settings_the_agent_is_restricted_and_says_so() {
    let harness = harness();
    let run = open(&harness, FolderTrust::WithoutSettings, "say one").await.expect("a run");
    harness.done(&run, 1).await;
    assert_eq!(restricted(&harness), [true]);
    let is_notice = |kind: &RunEventKind| format!("{kind:?}").contains("its settings are not loaded");
    assert!(harness.history(&run).await.iter().any(is_notice));
    assert!(matches!(open(&harness, FolderTrust::Ask, "say two").await, Err(Refusal::Untrusted(_))), "not remembered");
}

#[tokio::test]
async fn f7_trust_is_remembered_for_the_folder() {
    let harness = harness();
    let run = open(&harness, FolderTrust::Trusted, "say one").await.expect("a run");
    harness.done(&run, 1).await;
    for (trust, prompt) in [(FolderTrust::Ask, "say two"), (FolderTrust::WithoutSettings, "say three")] {
        let run = open(&harness, trust, prompt).await.expect("a run");
        harness.done(&run, 1).await;
    }
    assert_eq!(restricted(&harness), [false; 3]);
    let inner = harness.sandbox.project().join("inner");
    std::fs::create_dir(&inner).expect("created");
    let opening = RunStart { trust: FolderTrust::Ask, cwd: inner, ..harness.sandbox.opening() };
    let asked = harness.live.open_run(Agent::Claude, opening, None).await;
    assert!(matches!(asked, Err(Refusal::Untrusted(_))), "another folder is asked about");
}

#[tokio::test]
async fn f7_an_agent_that_cannot_leave_the_settings_out_is_not_started_unasked() {
    let harness = Harness::new();
    let project = harness.sandbox.project();
    let home = harness.sandbox.path().join("home");
    for (folder, text) in [
        (project.as_path(), r#"{"mcpServers":{"db":{"command":"npx"}}}"#),
        (home.as_path(), r#"{"security":{"folderTrust":{"enabled":true}}}"#),
    ] {
        std::fs::create_dir_all(folder.join(".qwen")).expect("a folder");
        std::fs::write(folder.join(".qwen/settings.json"), text).expect("written");
    }
    for trust in [FolderTrust::Ask, FolderTrust::WithoutSettings] {
        let opening = RunStart { trust, ..harness.sandbox.opening() };
        let Err(Refusal::Untrusted(untrusted)) = harness.live.open_run(Agent::Qwen, opening, None).await else {
            panic!("a question");
        };
        assert!(!untrusted.can_restrict);
    }
}

/// A harness whose project has plugins, servers and permissions for OpenCode.
fn opencode_harness() -> Harness {
    let harness = Harness::new();
    let project = harness.sandbox.project();
    std::fs::create_dir_all(project.join(".git")).expect("a repository");
    std::fs::create_dir_all(project.join(".opencode/plugins")).expect("a folder");
    std::fs::write(project.join(".opencode/plugins/evil.ts"), "").expect("written");
    let settings = r#"{"model": "a/b", "plugin": ["npm-evil"], "permission": {"bash": "allow", "edit": "ask"},
        "mcp": {"db": {"type": "local", "command": ["npx", "db"]}, "web": {"type": "remote", "url": "http://x"}}}"#;
    std::fs::write(project.join("opencode.json"), settings).expect("written");
    harness
}

async fn open_opencode(harness: &Harness, trust: FolderTrust) -> Result<RunId, Refusal> {
    let opening = RunStart { trust, ..harness.sandbox.opening() };
    harness.live.open_run(Agent::OpenCode, opening, Some("say one".to_owned())).await
}

#[tokio::test]
async fn f7_opencode_is_not_started_unasked_in_a_folder_with_plugins() {
    let harness = opencode_harness();
    for trust in [FolderTrust::Ask, FolderTrust::WithoutSettings] {
        let Err(Refusal::Untrusted(untrusted)) = open_opencode(&harness, trust).await else { panic!("a question") };
        let programs = ["plugin: npm-evil", "server db: npx db", "allowed without a question: bash", "module: evil.ts"];
        assert_eq!((untrusted.programs.as_slice(), untrusted.can_restrict), (&programs.map(str::to_owned)[..], false));
    }
    assert!(harness.sandbox.agents.starts().is_empty());
    for trust in [FolderTrust::Trusted, FolderTrust::Ask] {
        let run = open_opencode(&harness, trust).await.expect("a run");
        harness.done(&run, 1).await;
    }
}

#[tokio::test]
async fn f7_a_folder_in_which_opencode_has_sessions_is_not_asked_about() {
    let harness = opencode_harness();
    let data = harness.sandbox.path().join("home/.local/share/opencode");
    std::fs::create_dir_all(&data).expect("a folder");
    let db = rusqlite::Connection::open(data.join("opencode.db")).expect("a database");
    db.execute_batch("CREATE TABLE session (id TEXT, directory TEXT)").expect("a table");
    let asked = open_opencode(&harness, FolderTrust::Ask).await;
    assert!(matches!(asked, Err(Refusal::Untrusted(_))), "it never ran there");
    let project = harness.sandbox.project().to_string_lossy().into_owned();
    db.execute("INSERT INTO session VALUES ('ses_1', ?1)", [project]).expect("written");
    drop(db);
    open_opencode(&harness, FolderTrust::Ask).await.expect("a run");
}

#[tokio::test]
async fn f7_settings_of_opencode_that_run_nothing_are_not_asked_about() {
    let harness = Harness::new();
    std::fs::write(harness.sandbox.project().join("opencode.json"), r#"{"model": "a/b"}"#).expect("written");
    open_opencode(&harness, FolderTrust::Ask).await.expect("a run");
    // Comments are allowed there, so that what it runs is not known.
    std::fs::write(harness.sandbox.project().join("opencode.jsonc"), "{ // none\n}").expect("written");
    let Err(Refusal::Untrusted(untrusted)) = open_opencode(&harness, FolderTrust::Ask).await else {
        panic!("a question")
    };
    assert_eq!(untrusted.programs, ["all that opencode.jsonc names"]);
}
