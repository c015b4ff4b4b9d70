//! Processes whose configuration has changed are replaced before the next prompt, within the same session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use salon::domain::Agent;
use salon::domain::configured_agent::{AgentDefinition, AgentProtocol, ConfiguredAgent};
use salon::domain::run::{Phase, TurnOutcome};

use super::harness::Harness;
use crate::support::{fake_agent, is_alive};

#[tokio::test]
async fn e9_a_process_whose_program_was_updated_is_replaced_at_the_next_prompt() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    let before = harness.done(&run, 1).await;
    harness.submit(&run, "say two").await;
    assert_eq!(harness.done(&run, 2).await.pid, before.pid, "an unchanged program is kept");
    let program = harness.sandbox.agents.path().join("claude");
    let updated = harness.sandbox.path().join("claude-2");
    std::fs::copy(fake_agent(), &updated).expect("another version");
    std::fs::remove_file(&program).expect("removed");
    std::os::unix::fs::symlink(&updated, &program).expect("installed");
    assert_eq!(harness.info(&run).pid, before.pid, "nothing happens without a prompt");
    harness.submit(&run, "say three").await;
    let after = harness.done(&run, 3).await;
    assert_eq!((after.last_outcome.clone(), after.session.clone()), (Some(TurnOutcome::Done), before.session.clone()));
    assert_ne!(after.pid, before.pid);
    assert!(!is_alive(before.pid.expect("a process")));
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two", "say three"]);
    let text = harness.transcript_text(&run).await;
    assert!(text.contains("its program was updated") && text.contains("one"), "the history stays: {text}");
    harness.submit(&run, "say four").await;
    assert_eq!(harness.done(&run, 4).await.pid, after.pid, "replaced once");
}

#[tokio::test]
async fn e9_a_process_whose_directory_has_other_variables_is_replaced() {
    let changed = Arc::new(AtomicBool::new(false));
    let seen = changed.clone();
    let harness = Harness::with(move |options| {
        options.directory_vars = Arc::new(move |_| {
            let port = if seen.load(Ordering::Relaxed) { "4001" } else { "4000" };
            vec![("CLAUDE_TEST_PORT".to_owned(), port.to_owned())]
        });
    });
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    changed.store(true, Ordering::Relaxed);
    harness.submit(&run, "say two").await;
    assert_eq!(harness.done(&run, 2).await.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(harness.sandbox.agents.starts().len(), 2);
    assert!(harness.transcript_text(&run).await.contains("variables of its directory"));
}

/// Installs another version of a program of the scripted agents.
fn update(harness: &Harness, program: &str) {
    let path = harness.sandbox.agents.path().join(program);
    let updated = harness.sandbox.path().join("updated");
    std::fs::copy(fake_agent(), &updated).expect("another version");
    std::fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink(&updated, &path).expect("installed");
}

#[tokio::test]
async fn e9_a_configured_agent_is_replaced_if_it_resumes_sessions() {
    for (name, resumes) in [("updated-one", true), ("updated-two", false)] {
        let command = vec!["goose".to_owned(), "acp".to_owned()];
        let definition = AgentDefinition {
            label: String::new(),
            protocol: AgentProtocol::Acp,
            command,
            env: if resumes { Vec::new() } else { vec![("FAKE_ACP".to_owned(), "no-resume".to_owned())] },
            cwd: None,
        };
        let agent = Agent::Configured(ConfiguredAgent::define(name, definition).expect("a valid name"));
        let harness = Harness::new();
        let run = harness.begin_with(agent, "say one").await;
        let before = harness.done(&run, 1).await;
        assert_eq!(before.capabilities.resumes, resumes);
        update(&harness, "goose");
        harness.submit(&run, "say two").await;
        let after = harness.done(&run, 2).await;
        assert_eq!(after.last_outcome, Some(TurnOutcome::Done), "{name}");
        assert_eq!(after.pid != before.pid, resumes, "{name}: one that cannot resume is kept");
        assert_eq!(after.session, before.session, "{name}");
    }
}

#[tokio::test]
async fn e9_a_server_whose_program_was_updated_is_replaced_once_no_session_uses_it() {
    let harness = Harness::new();
    let busy = harness.begin_with(Agent::OpenCode, "say one\nhang").await;
    harness.working(&busy).await;
    update(&harness, "opencode");
    let second = harness.begin_with(Agent::OpenCode, "say two").await;
    harness.done(&second, 1).await;
    assert_eq!(harness.sandbox.agents.starts().len(), 1, "the turn that is open goes on");
    harness.live.interrupt(&busy).expect("sent");
    harness.until(&busy, |info| info.last_outcome == Some(TurnOutcome::Interrupted)).await;
    let third = harness.begin_with(Agent::OpenCode, "say three").await;
    let info = harness.done(&third, 1).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(harness.sandbox.agents.starts().len(), 2, "replaced once");
    for run in [&busy, &second] {
        assert_eq!(harness.info(run).phase, Phase::Idle, "an idle run goes on with the new process");
    }
}
