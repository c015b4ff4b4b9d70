//! Agents that speak the agent client protocol: one process and one session for many turns, interrupts and crashes.

use std::sync::{Arc, OnceLock};

use salon::domain::approval::{ApprovalAnswer, ChoiceKind};
use salon::domain::run::{Phase, RunId, RunSetting, StopReason, TurnOutcome};
use salon::domain::{Agent, Time};
use salon::live::LiveEvent;

use super::harness::Harness;
use crate::support::clock;

const AGENTS: [Agent; 3] = [Agent::Gemini, Agent::Qwen, Agent::Goose];

async fn begin(harness: &Harness, agent: Agent, prompt: &str) -> RunId {
    let begun = harness.live.open_run(agent, harness.sandbox.opening(), Some(prompt.to_owned())).await;
    begun.expect("a run")
}

/// Number of messages of a method that the agents received.
fn received(harness: &Harness, method: &str) -> usize {
    harness.sandbox.agents.log().iter().filter(|record| record["received"]["method"] == method).count()
}

#[tokio::test]
async fn e1_ten_turns_are_one_process_and_one_session() {
    for agent in AGENTS {
        let harness = Harness::new();
        let run = begin(&harness, agent, "say turn 0").await;
        for turn in 1..10 {
            harness.submit(&run, &format!("say turn {turn}")).await;
        }
        let info = harness.done(&run, 10).await;
        assert_eq!((info.turn.0, info.last_outcome.clone()), (10, Some(TurnOutcome::Done)), "{agent}");
        let count = |method| received(&harness, method);
        assert_eq!((count("initialize"), count("session/new"), count("session/prompt")), (1, 1, 10), "{agent}");
        assert_eq!(harness.sandbox.agents.starts().len(), 1, "{agent}");
        assert!(!harness.sandbox.agents.log().iter().any(|record| record["busy"].is_object()), "one at a time");
    }
}

#[tokio::test]
async fn e4_an_interrupt_keeps_the_process_and_the_session() {
    for agent in AGENTS {
        let harness = Harness::new();
        let run = begin(&harness, agent, "say begun\nhang").await;
        harness.until_text(&run, "begun").await;
        let pid = harness.info(&run).pid;
        harness.live.interrupt(&run).expect("sent");
        let info = harness.done(&run, 1).await;
        assert_eq!((info.last_outcome.clone(), info.pid), (Some(TurnOutcome::Interrupted), pid), "{agent}");
        harness.submit(&run, "say again").await;
        let info = harness.done(&run, 2).await;
        assert_eq!((info.last_outcome.clone(), info.pid), (Some(TurnOutcome::Done), pid), "{agent}");
        assert_eq!((received(&harness, "session/cancel"), received(&harness, "session/new")), (1, 1), "{agent}");
    }
}

#[tokio::test]
async fn e5_an_interrupt_withdraws_the_question() {
    for agent in AGENTS {
        let harness = Harness::new();
        let run = begin(&harness, agent, "ask rm x").await;
        harness.until(&run, |info| !info.approvals.is_empty()).await;
        harness.live.interrupt(&run).expect("sent");
        let info = harness.done(&run, 1).await;
        assert_eq!((info.approvals.len(), info.last_outcome.clone()), (0, Some(TurnOutcome::Interrupted)), "{agent}");
        let answers = harness.sandbox.agents.log();
        let answer = answers.iter().find(|record| record["permission"].is_object()).expect("an answer");
        assert_eq!(answer["permission"]["outcome"]["outcome"], "cancelled", "{agent}");
    }
}

#[tokio::test]
async fn an_approval_for_always_is_asked_once() {
    let harness = Harness::new();
    let run = begin(&harness, Agent::Gemini, "ask make").await;
    let info = harness.until(&run, |info| !info.approvals.is_empty()).await;
    let approval = &info.approvals[0];
    assert_eq!(approval.headline(), "Bash: make");
    let always = approval.choices.iter().find(|choice| choice.kind == ChoiceKind::AllowAlways).expect("a choice");
    let answer = ApprovalAnswer::Choice { token: always.token.clone(), reason: None };
    harness.live.answer(&run, &approval.id, answer).expect("sent");
    harness.done(&run, 1).await;
    harness.submit(&run, "ask make").await;
    assert_eq!(harness.done(&run, 2).await.last_outcome, Some(TurnOutcome::Done));
}

#[tokio::test]
async fn e6_a_crash_ends_the_turn_and_the_next_prompt_opens_the_session_again() {
    for (agent, method) in
        [(Agent::Gemini, "session/load"), (Agent::Qwen, "session/resume"), (Agent::Goose, "session/load")]
    {
        let harness = Harness::new();
        let run = begin(&harness, agent, "say fine\ncrash 3").await;
        let info = harness.gone(&run).await;
        assert!(matches!(info.phase, Phase::Stopped(StopReason::Failed(_))), "{agent}: {info:?}");
        harness.submit(&run, "say again").await;
        let again = harness.done(&run, 2).await;
        assert_eq!(
            (again.last_outcome.clone(), again.session.clone()),
            (Some(TurnOutcome::Done), info.session.clone())
        );
        assert_eq!((received(&harness, method), received(&harness, "session/new")), (1, 1), "{agent}");
        let shown = harness.transcript_text(&run).await;
        assert_eq!(shown.matches("text: fine").count(), 1, "{agent}: the replay is not shown: {shown}");
    }
}

#[tokio::test]
async fn e9_a_model_is_changed_in_the_session_that_is_open() {
    let harness = Harness::new();
    let run = begin(&harness, Agent::Qwen, "say one").await;
    let info = harness.done(&run, 1).await;
    assert_eq!((info.model.as_deref(), info.mode.as_deref()), (Some("fast"), Some("default")), "it is made to ask");
    harness.live.set(&run, RunSetting::Model("deep".into())).expect("sent");
    harness.until(&run, |info| info.model.as_deref() == Some("deep")).await;
    harness.submit(&run, "say two").await;
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.agents.starts().len(), 1);
}

#[tokio::test]
async fn files_are_served_within_the_directory_of_the_session_only() {
    let harness = Harness::new();
    let project = harness.sandbox.project();
    std::fs::write(project.join("a.txt"), "inside").expect("a file");
    std::fs::write(harness.sandbox.path().join("secret"), "outside").expect("a file");
    std::os::unix::fs::symlink(harness.sandbox.path(), project.join("link")).expect("a link");
    let path = |name: &str| project.join(name).display().to_string();
    let prompt = format!(
        "fs-read {}\nfs-read {}\nfs-write {} new\nfs-write {} new",
        path("a.txt"),
        path("link/secret"),
        path("b.txt"),
        path("link/other")
    );
    let run = begin(&harness, Agent::Gemini, &prompt).await;
    harness.done(&run, 1).await;
    let shown = harness.transcript_text(&run).await;
    assert!(shown.contains("inside") && !shown.contains("text: outside"), "{shown}");
    assert_eq!(shown.matches("is outside of the session's directory").count(), 2, "{shown}");
    assert_eq!(std::fs::read_to_string(project.join("b.txt")).expect("written"), "new");
    assert!(!harness.sandbox.path().join("other").exists());
}

#[tokio::test]
async fn a_session_that_would_be_damaged_is_opened_later() {
    let earliest: Arc<OnceLock<Time>> = Arc::default();
    let check = earliest.clone();
    let mut harness = Harness::with(|options| {
        options.earliest_resume =
            Arc::new(move |_| Some(*check.get_or_init(|| Time::from_millis(clock().millis() + 500))));
    });
    let run = begin(&harness, Agent::Gemini, "say one").await;
    harness.done(&run, 1).await;
    assert!(earliest.get().is_none(), "a new session has no record yet");
    harness.live.stop(&run).expect("sent");
    harness.gone(&run).await;
    harness.submit(&run, "say two").await;
    let notice = |event: &LiveEvent| match event {
        LiveEvent::Notice { text, .. } => Some(text.clone()),
        _ => None,
    };
    let text = harness.event(notice).await;
    assert!(text.contains("opens again so soon"), "{text}");
    harness.done(&run, 2).await;
    assert!(Some(&clock()) >= earliest.get());
}

#[tokio::test]
async fn commands_run_in_the_directory_of_the_session_and_end_with_the_run() {
    let harness = Harness::new();
    let project = harness.sandbox.project();
    std::os::unix::fs::symlink(harness.sandbox.path(), project.join("link")).expect("a link");
    let outside = harness.sandbox.path().display().to_string();
    let prompt = format!(
        "terminal pwd; printf %s $FAKE_WORD; exit 3\nterminal-in {outside}\nterminal-in {}\nterminal-left\nhang",
        project.join("link").display()
    );
    let run = begin(&harness, Agent::Gemini, &prompt).await;
    harness.working(&run).await;
    harness.until_text(&run, "outside of the session's directory").await;
    let shown = harness.transcript_text(&run).await;
    assert!(shown.contains(&format!("text: {}\nset", project.display())), "{shown}");
    let record =
        harness.sandbox.agents.log().into_iter().find(|record| record["terminal"].is_object()).expect("a command");
    let terminal = &record["terminal"];
    assert_eq!((&terminal["exit"]["exitCode"], &terminal["gone"]), (&3.into(), &(-32002).into()), "{terminal}");
    assert_eq!(terminal["output"]["exitStatus"]["exitCode"], 3, "{terminal}");
    harness.until_text(&run, "it is left").await;
    harness.live.stop(&run).expect("sent");
    harness.gone(&run).await;
    let left = harness.sandbox.agents.grandchildren();
    assert_eq!(left.len(), 1);
    crate::support::wait_until("no command is left", || left.iter().all(|pid| !crate::support::is_alive(*pid)));
}

#[tokio::test]
async fn a_session_is_closed_before_its_process_ends_if_the_agent_can() {
    for (deviations, closed) in [("close", 1), ("", 0)] {
        let harness = Harness::with(|options| options.vars.push(("FAKE_ACP".to_owned(), deviations.to_owned())));
        let run = begin(&harness, Agent::Qwen, "say one").await;
        harness.done(&run, 1).await;
        harness.live.stop(&run).expect("sent");
        harness.gone(&run).await;
        assert_eq!(received(&harness, "session/close"), closed, "{deviations}");
        let queue = harness.sandbox.agents.log();
        let last = queue.iter().rfind(|record| record["received"].is_object()).expect("messages");
        assert_eq!(last["received"]["method"] == "session/close", closed == 1, "it is the last message");
    }
}
