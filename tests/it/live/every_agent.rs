//! Behaviour that is the same with every agent: silence, failures, steering, images, totals.

use std::time::Duration;

use salon::domain::event::{EventBody, NoticeLevel};
use salon::domain::prompt::PromptState;
use salon::domain::run::{Phase, StopReason, TurnOutcome};
use salon::domain::run_event::RunEventKind;
use salon::domain::transcript::EntryKind;
use salon::domain::{Agent, Event};
use salon::live::LiveEvent;
use salon::live::policy::LiveLimits;
use salon::store::outbox;

use super::harness::{Harness, short_limits};

const AGENTS: [Agent; 3] = [Agent::Claude, Agent::Codex, Agent::OpenCode];

/// Errors and warnings in the history of a run.
fn problems(history: &[RunEventKind], level: NoticeLevel) -> Vec<String> {
    let problem = |kind: &RunEventKind| match kind {
        RunEventKind::Event(Event { body: EventBody::Notice { level: of, text }, .. }) if *of == level => {
            Some(text.clone())
        }
        _ => None,
    };
    history.iter().filter_map(problem).collect()
}

#[tokio::test]
async fn silence_of_every_agent_is_reported_since_its_last_message() {
    for agent in AGENTS {
        let limits = LiveLimits {
            silence: Duration::from_millis(300),
            first_response: Duration::from_secs(20),
            ..LiveLimits::default()
        };
        let harness = Harness::with(|options| options.limits = limits);
        let run = harness.begin_with(agent, "say hello\nhang").await;
        let info = harness.until(&run, |info| info.silent_since.is_some()).await;
        let Phase::Working { since, .. } = info.phase else { panic!("{agent}: {info:?}") };
        let silent = info.silent_since.expect("silent");
        assert!(silent >= since, "{agent}: since a message of this turn");
        assert!(crate::support::clock().since(silent) >= 300, "{agent}: not since the warning");
    }
}

#[tokio::test]
async fn a_failed_turn_has_one_error_and_a_watched_run_sends_no_copy() {
    for agent in AGENTS {
        let mut harness = Harness::new();
        let run = harness.begin_with(agent, "say hi").await;
        harness.done(&run, 1).await;
        let _viewer = harness.live.watch(&run).expect("the run");
        harness.submit(&run, "fail 429 slow down").await;
        let info = harness.done(&run, 2).await;
        assert!(matches!(info.last_outcome, Some(TurnOutcome::Failed(_))), "{agent}: {info:?}");
        let errors = problems(&harness.history(&run).await, NoticeLevel::Error);
        assert_eq!(errors.len(), 1, "{agent}: {errors:?}");
        while let Ok(event) = harness.events.try_recv() {
            assert!(!matches!(event, LiveEvent::Notice { run: Some(_), .. }), "{agent}: {event:?}");
        }
    }
}

#[tokio::test]
async fn a_crash_has_one_error_and_an_unwatched_run_reports_it() {
    let mut harness = Harness::with(|options| options.limits = short_limits());
    let run = harness.begin("say hi").await;
    harness.done(&run, 1).await;
    harness.submit(&run, "crash 3").await;
    let reported = harness.event(|event| match event {
        LiveEvent::Notice { run: Some(_), text, error: true } => Some(text.clone()),
        _ => None,
    });
    assert!(reported.await.contains("exited with code 3"));
    harness.gone(&run).await;
    assert_eq!(problems(&harness.history(&run).await, NoticeLevel::Error).len(), 1);
}

#[tokio::test]
async fn the_end_of_a_turn_has_its_time_and_duration() {
    let harness = Harness::new();
    let run = harness.begin("wait 120\nsay done").await;
    harness.done(&run, 1).await;
    let history = harness.history(&run).await;
    let Some(RunEventKind::TurnEnded { outcome, time, duration_ms }) = history.last() else { panic!("{history:?}") };
    assert_eq!(*outcome, TurnOutcome::Done);
    assert!((120..60_000).contains(duration_ms), "{duration_ms}");
    assert!(time.millis() > 0);
}

#[tokio::test]
async fn a_prompt_joins_the_open_turn_of_every_agent() {
    for agent in AGENTS {
        let harness = Harness::new();
        let run = harness.begin_with(agent, "say first\nwait 800\nsay last").await;
        harness.working(&run).await;
        let queued = harness.live.submit(&run, "say queued".into()).await.expect("accepted");
        let steered = harness.live.steer(&run, "say steered".into()).await.expect("accepted");
        let find = |id| harness.store.with(|db| outbox::find(db, id)).expect("read").expect("a prompt");
        let joined = async {
            while find(steered).state == PromptState::Pending {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(crate::support::TIMEOUT, joined).await.expect("it joins the turn");
        assert_eq!(find(queued).state, PromptState::Pending, "{agent}: a queued prompt still waits");
        harness.until_text(&run, "prompt: say queued").await;
        harness.until(&run, |info| info.queued == 0 && info.phase == Phase::Idle).await;
        let text = harness.transcript_text(&run).await;
        for line in ["prompt: say steered", "text: steered", "text: last", "text: queued"] {
            assert_eq!(text.matches(line).count(), 1, "{agent}: {line} in {text}");
        }
        let prompts = harness.sandbox.agents.prompts();
        assert_eq!(prompts.last().map(String::as_str), Some("say queued"), "{agent}: {prompts:?}");
        assert_eq!(find(steered).state, PromptState::Delivered, "{agent}");
    }
}

#[tokio::test]
async fn a_prompt_that_cannot_join_a_turn_waits_for_its_end() {
    let harness = Harness::new();
    let run = harness.begin("say first").await;
    harness.done(&run, 1).await;
    harness.live.steer(&run, "say second".into()).await.expect("accepted");
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["say first", "say second"]);
}

#[tokio::test]
async fn an_agent_that_takes_no_prompt_during_a_turn_refuses_it_with_the_reason() {
    let harness = Harness::with(|options| options.limits = short_limits());
    let run = harness.begin_with(Agent::Gemini, "say first\nhang").await;
    harness.working(&run).await;
    let refused = harness.live.steer(&run, "say more".into()).await.expect_err("refused");
    assert!(refused.to_string().contains("cannot take a prompt during a turn"), "{refused}");
    assert!(harness.live.queue(&run).await.expect("a queue").is_empty());
}

#[tokio::test]
async fn an_image_goes_to_every_agent_in_its_own_form() {
    for agent in AGENTS {
        let harness = Harness::new();
        let image = harness.sandbox.project().join("shot.png");
        std::fs::write(&image, b"\x89PNG not really").expect("an image");
        let run = harness.begin_with(agent, "say @shot.png and @missing.png").await;
        harness.done(&run, 1).await;
        let sent = harness.sandbox.agents.log().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let path = image.to_string_lossy().into_owned();
        let expected = match agent {
            Agent::Claude => r#""media_type":"image/png","type":"base64""#.to_owned(),
            Agent::Codex => format!(r#"{{"type":"localImage","path":"{path}"}}"#),
            _ => format!(r#""url":"file://{path}""#),
        };
        let encoded = ["iVBORw0K", "iVBORyBub3QgcmVhbGx5"].iter().any(|data| sent.contains(data));
        let data = sent.contains(&expected) || (agent == Agent::Claude && encoded);
        assert!(data, "{agent}: {expected} in {sent}");
        let warnings = problems(&harness.history(&run).await, NoticeLevel::Warning);
        assert!(warnings.iter().any(|text| text.contains("missing.png is not attached")), "{agent}: {warnings:?}");
        let text = harness.transcript_text(&run).await;
        let kind = EntryKind::Image.name();
        match agent {
            Agent::Codex => assert!(text.contains(&format!("[image: {path}]")), "{text}"),
            _ => assert!(text.contains(&format!("{kind}: ")), "{agent}: {text}"),
        }
    }
}

#[tokio::test]
async fn model_and_mode_of_every_agent_are_known_after_its_first_turn() {
    for agent in AGENTS {
        let harness = Harness::new();
        let run = harness.begin_with(agent, "say hi").await;
        let info = harness.done(&run, 1).await;
        assert!(info.model.is_some() && info.mode.is_some(), "{agent}: {info:?}");
    }
}

#[tokio::test]
async fn cost_and_tokens_go_on_after_a_killed_agent() {
    let harness = Harness::with(|options| options.limits = short_limits());
    let run = harness.begin("say one").await;
    let before = harness.done(&run, 1).await;
    harness.submit(&run, "crash 9").await;
    harness.gone(&run).await;
    harness.live.resume_queue(&run).await.expect("resumed");
    for prompt in harness.live.queue(&run).await.expect("a queue") {
        harness.live.cancel_prompt(prompt.id).await.expect("cancelled");
    }
    harness.submit(&run, "say two").await;
    let after =
        harness.until(&run, |info| info.phase == Phase::Idle && info.last_outcome == Some(TurnOutcome::Done)).await;
    let cost = |info: &salon::domain::run::RunInfo| info.cost_usd.unwrap_or_default();
    assert!(cost(&after) > cost(&before) && after.tokens.total() > before.tokens.total(), "{before:?} {after:?}");
}

#[tokio::test]
async fn modes_and_efforts_are_known_before_the_first_run_and_no_server_is_started() {
    let harness = Harness::new();
    for agent in AGENTS {
        let known = harness.live.models(agent, &harness.sandbox.project(), false).await;
        assert!(!known.modes.is_empty(), "{agent}");
        assert_eq!(known.efforts.is_empty(), agent == Agent::OpenCode, "{agent}");
        assert_eq!(known.failure, None, "{agent}");
    }
    assert!(harness.sandbox.agents.starts().is_empty());
    let listed = harness.live.models(Agent::OpenCode, &harness.sandbox.project(), true).await;
    assert!(!listed.list.is_empty(), "a refresh asks the server: {listed:?}");
}

#[tokio::test]
async fn progress_of_a_sub_agent_is_part_of_the_run_and_linked_to_its_session() {
    for agent in AGENTS {
        let harness = Harness::with(|options| options.limits = short_limits());
        let run = harness.begin_with(agent, "delegate ls -la").await;
        let info = harness.until(&run, |info| info.subagents.iter().any(|one| one.tools == 1)).await;
        let [subagent] = &info.subagents[..] else { panic!("{agent}: {info:?}") };
        assert!(subagent.tool.as_deref().is_some_and(|tool| tool.ends_with(": ls -la")), "{agent}: {subagent:?}");
        assert!(subagent.session.is_some(), "{agent}: {subagent:?}");
        assert!(info.calls.iter().any(|call| call.id == subagent.call), "{agent}: {:?}", info.calls);
        let call = |kind: &RunEventKind| match kind {
            RunEventKind::Event(Event { body: EventBody::ToolCall { id, .. }, .. }) => Some(id.clone()),
            _ => None,
        };
        assert!(harness.history(&run).await.iter().filter_map(call).any(|id| id == subagent.call), "{agent}");
        harness.live.interrupt(&run).expect("interrupted");
        harness.until(&run, |info| info.subagents.is_empty() && info.calls.is_empty()).await;
    }
}

#[tokio::test]
async fn an_idle_session_whose_server_died_has_not_failed() {
    let mut harness = Harness::with(|options| options.limits = short_limits());
    let run = harness.begin_with(Agent::OpenCode, "say one").await;
    harness.done(&run, 1).await;
    let pid = harness.sandbox.agents.started().into_iter().next_back().expect("a server");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    let info = harness.gone(&run).await;
    assert_eq!(info.phase, Phase::Stopped(StopReason::Evicted));
    assert_eq!((info.failure.clone(), info.paused), (None, false));
    while let Ok(event) = harness.events.try_recv() {
        assert!(!matches!(event, LiveEvent::Notice { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn the_plan_of_every_agent_is_part_of_the_run() {
    for agent in AGENTS {
        let harness = Harness::new();
        let run = harness.begin_with(agent, "plan first | second").await;
        let info = harness.done(&run, 1).await;
        let plan: Vec<_> = info.plan.iter().map(|item| &*item.text).collect();
        assert_eq!(plan, ["first", "second"], "{agent}");
    }
}
