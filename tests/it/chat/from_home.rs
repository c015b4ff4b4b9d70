//! A prompt that is sent from the list and refused, and the preview of a run.

use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::prompt::PromptState;
use salon::domain::run::{Phase, Refusal, StopReason, TurnOutcome};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::domain::run_request::RunRequest;
use salon::domain::transcript::ToolStatus;
use salon::domain::{Agent, SessionKey, Time};

use crate::screens::chat_harness::{ChatHarness, SESSION, command, delta, on_disk, prompt, queued, result, run};

fn key() -> SessionKey {
    SessionKey::new(Agent::Claude, SESSION)
}

/// The home screen with a past session.
fn past(width: u16) -> ChatHarness {
    let mut harness = ChatHarness::closed(width, 30);
    harness.disk = on_disk(vec![prompt("p1", "one"), delta("a1", "the first answer")]);
    harness.listed();
    harness.take();
    harness
}

/// The home screen with a session that a run works on.
fn running(width: u16) -> ChatHarness {
    let mut harness = past(width);
    harness.changed(|info| info.session = Some(key()));
    harness.working(true);
    harness.take();
    harness
}

#[test]
fn a_prompt_that_its_run_refuses_returns_to_the_list() {
    let mut harness = running(120);
    harness.keys("m").type_in("then the docs").keys("enter");
    let text = "then the docs".to_owned();
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Submit { run: run(), text: text.clone() })]);
    let refused = Some(Refusal::NotSaved("the disk is full".into()));
    harness.send(RunMsg::Submitted { run: run(), text, refused });
    let message = harness.stage.app.stack.home.message.as_ref().expect("the composer");
    assert_eq!((&message.key, message.input.text()), (&key(), "then the docs"));
    assert!(harness.screen().contains("Not sent: could not be saved"), "{}", harness.screen());
}

#[test]
fn the_preview_of_a_run_streams_while_its_turn_is_open() {
    let mut harness = running(160);
    let watched = Effect::WatchRun(run(), RingCursor::default());
    harness.changed(|_| {});
    harness.happen(1, vec![prompt("p2", "two"), command("c", "make"), result("c", ToolStatus::Running, "")]);
    let screen = harness.screen();
    assert!(screen.contains("two") && screen.contains("make  … running"), "{screen}");
    harness.happen(1, vec![delta("a2", "streamed text")]);
    assert!(harness.screen().contains("streamed text"), "{}", harness.screen());
    // The chat takes the events over, and the preview gets them back.
    harness.take();
    harness.keys("enter");
    let asked = harness.take();
    assert!(asked.contains(&watched) && !asked.contains(&Effect::UnwatchRun(run())), "{asked:?}");
    harness.restart();
    harness.happen(1, vec![prompt("p2", "two"), delta("a2", "streamed text")]);
    assert_eq!(harness.screen().matches("streamed text").count(), 1, "{}", harness.screen());
    harness.keys("left");
    let asked = harness.take();
    assert_eq!(asked, [Effect::UnwatchRun(run()), watched]);
    harness.restart();
    harness.happen(1, vec![prompt("p2", "two"), delta("a2", "streamed text")]);
    assert_eq!(harness.screen().matches("streamed text").count(), 1, "{}", harness.screen());
    let ended = RunEventKind::TurnEnded { outcome: TurnOutcome::Done, time: Time::default(), duration_ms: 0 };
    harness.happen(1, vec![ended]);
    harness.working(false);
    assert!(harness.take().contains(&Effect::UnwatchRun(run())), "an idle run is not kept from its eviction");
    assert!(harness.screen().contains("streamed text"), "{}", harness.screen());
}

#[test]
fn moving_the_selection_stops_watching_the_run() {
    let mut harness = running(160);
    let other = crate::screens::stage::session(Agent::Codex, "019a", "Other", 90);
    harness.stage.send(Msg::Catalog(crate::screens::stage::change(vec![other])));
    harness.take();
    harness.keys("G");
    assert!(harness.take().contains(&Effect::UnwatchRun(run())));
}

#[test]
fn a_session_whose_prompts_were_not_sent_opens_as_its_chat() {
    let mut harness = past(120);
    harness.changed(|info| (info.session, info.phase) = (Some(key()), Phase::Stopped(StopReason::OnRequest)));
    harness.keys("enter");
    assert!(harness.stage.app.stack.layers.iter().all(|layer| layer.chat().is_none()), "nothing waits");
    harness.keys("esc");
    let held = queued(1, "then the docs", PromptState::Held, Some("salon ended before it was sent"));
    harness.send(RunMsg::Queued(run(), vec![held]));
    harness.keys("enter");
    assert!(harness.screen().contains("then the docs"), "{}", harness.screen());
    assert!(harness.screen().contains("the first prompt is held"), "{}", harness.screen());
    let failed = queued(1, "then the docs", PromptState::Failed, Some("Claude Code exited 3 times"));
    harness.send(RunMsg::Queued(run(), vec![failed]));
    assert!(harness.screen().contains("the first prompt has failed and blocks"), "{}", harness.screen());
}

#[test]
fn a_chat_that_was_opened_before_the_queue_of_its_session_is_known_shows_it() {
    let mut harness = past(120);
    let open = || salon::app::Flow::SendTo { key: key(), prompt: None };
    let effects = harness.stage.app.perform(open());
    harness.stage.effects.extend(effects);
    harness.keys("o n e");
    assert!(harness.screen().contains("continues with your next prompt"), "{}", harness.screen());
    // An earlier process left it.
    harness.changed(|info| {
        (info.session, info.phase) = (Some(key()), Phase::Stopped(StopReason::NotStarted));
    });
    let held = queued(1, "then the docs", PromptState::Held, Some("salon ended before it was sent"));
    harness.send(RunMsg::Queued(run(), vec![held]));
    let screen = harness.screen();
    assert!(screen.contains("the first prompt is held") && screen.contains("then the docs"), "{screen}");
    assert!(screen.contains("❯ one"), "what was typed stays: {screen}");
}

#[test]
fn a_chat_of_a_session_that_another_window_runs_shows_its_turn() {
    let mut harness = past(120);
    let effects = harness.stage.app.perform(salon::app::Flow::SendTo { key: key(), prompt: None });
    harness.stage.effects.extend(effects);
    harness.changed(|info| info.session = Some(key()));
    harness.working(true);
    harness.happen(1, vec![prompt("p2", "two"), delta("a2", "streamed text")]);
    let screen = harness.screen();
    assert!(screen.contains("streamed text") && screen.contains("working"), "{screen}");
}

#[test]
fn a_prompt_of_the_list_is_not_lost_when_its_composer_is_closed_or_taken() {
    let mut harness = running(120);
    let written = |harness: &ChatHarness| {
        harness.stage.app.stack.home.message.as_ref().map(|message| message.input.text().to_owned())
    };
    harness.keys("m").type_in("half a thought").keys("esc");
    assert_eq!(written(&harness), None);
    harness.keys("m");
    assert_eq!(written(&harness).as_deref(), Some("half a thought"));
    harness.keys("enter m").type_in("another one");
    let refused = Some(Refusal::NotSaved("the disk is full".into()));
    harness.send(RunMsg::Submitted { run: run(), text: "half a thought".to_owned(), refused });
    assert_eq!(written(&harness).as_deref(), Some("another one"), "it is still being written");
    harness.keys("enter m");
    assert_eq!(written(&harness).as_deref(), Some("half a thought"));
}

#[test]
fn a_prompt_that_is_refused_after_its_run_has_gone_returns_to_the_composer() {
    let mut harness = ChatHarness::of(120, 24, on_disk(vec![prompt("p1", "one"), delta("a1", "the first answer")]));
    harness.type_in("precious").keys("enter");
    harness.send(RunMsg::Gone(run()));
    let refused = Some(Refusal::Offline("the connection to salon serve is lost".into()));
    harness.send(RunMsg::Submitted { run: run(), text: "precious".to_owned(), refused });
    assert!(harness.screen().contains("❯ precious"), "{}", harness.screen());
}

#[test]
fn a_paste_that_does_not_fit_into_the_list_is_named() {
    let mut harness = running(120);
    harness.keys("m");
    harness.stage.send(Msg::Paste("x".repeat(10_000)));
    assert!(!harness.screen().contains("Only the beginning"));
    harness.stage.send(Msg::Paste("x".repeat(10_000)));
    assert!(harness.screen().contains("Only the beginning fits here"), "{}", harness.screen());
}
