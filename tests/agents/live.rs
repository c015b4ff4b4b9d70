//! The real agents, run by salon: the same scenes with each, what differs between them is data.

use salon::domain::approval::{ApprovalAnswer, ChoiceKind};
use salon::domain::prompt::{Prompt, PromptId, PromptState};
use salon::domain::run::{Conversation, Phase, RunFailure, RunSetting, StopReason, TurnOutcome};
use salon::domain::{Entry, EntryKind, ToolStatus};

use crate::disk::on_disk;
use crate::model::ANSWER;
use crate::scene::{
    CLAUDE, CODEX, COPILOT, Driven, GEMINI, GOOSE, KIMI, OPENCODE, OPENCODE_ACP, PI, QWEN, Scene, is_at_rest,
    record_check, wait_for,
};
use crate::script::SLOWLY;
use crate::support::clock;

/// The same scenes with each agent.
macro_rules! scenes {
    ($($driven:ident: $($scene:ident $name:ident)+;)+) => {$($(
        #[tokio::test]
        async fn $name() {
            $scene(&$driven).await;
        }
    )+)+};
}

scenes! {
    CLAUDE:
        turns claude_answers
        tools claude_asks
        interrupt claude_is_interrupted
        queue claude_takes_what_is_queued
        models claude_changes_its_model
        resume claude_goes_on
        crash claude_is_killed
        recorded claude_has_written;
    OPENCODE:
        turns opencode_answers
        tools opencode_asks
        interrupt opencode_is_interrupted
        queue opencode_takes_what_is_queued
        models opencode_changes_its_model
        resume opencode_goes_on
        crash opencode_is_killed
        recorded opencode_has_written;
    CODEX:
        turns codex_answers
        tools codex_asks
        interrupt codex_is_interrupted
        queue codex_takes_what_is_queued
        models codex_changes_its_model
        resume codex_goes_on
        crash codex_is_killed
        recorded codex_has_written;
    GEMINI:
        turns gemini_answers
        tools gemini_asks
        interrupt gemini_is_interrupted
        queue gemini_takes_what_is_queued
        models gemini_changes_its_model
        resume gemini_goes_on
        crash gemini_is_killed;
    QWEN:
        turns qwen_answers
        tools qwen_asks
        interrupt qwen_is_interrupted
        queue qwen_takes_what_is_queued
        resume qwen_goes_on
        crash qwen_is_killed;
    GOOSE:
        turns goose_answers
        tools goose_asks
        interrupt goose_is_interrupted
        queue goose_takes_what_is_queued
        resume goose_goes_on
        crash goose_is_killed;
    OPENCODE_ACP:
        turns opencode_answers_over_acp
        tools opencode_asks_over_acp
        interrupt opencode_is_interrupted_over_acp
        queue opencode_takes_what_is_queued_over_acp
        models opencode_changes_its_model_over_acp
        resume opencode_goes_on_over_acp
        crash opencode_is_killed_over_acp;
    PI:
        turns pi_answers
        dialogs pi_asks
        interrupt pi_is_interrupted
        steered pi_takes_a_prompt_during_a_turn
        models pi_changes_its_model
        resume pi_goes_on
        crash pi_is_killed;
    COPILOT:
        turns copilot_answers
        tools copilot_asks
        interrupt copilot_is_interrupted
        queue copilot_takes_what_is_queued
        resume copilot_goes_on
        crash copilot_is_killed;
    KIMI:
        turns kimi_answers
        tools kimi_asks
        interrupt kimi_is_interrupted
        queue kimi_takes_what_is_queued
        resume kimi_goes_on
        crash kimi_is_killed;
}

fn essence(driven: &Driven, entries: &[Entry]) -> Vec<(u64, EntryKind, String)> {
    let told = entries.iter().filter(|entry| entry.kind != EntryKind::Notice);
    let key = |entry: &Entry| if driven.keeps_ids { entry.key.raw() } else { 0 };
    told.map(|entry| (key(entry), entry.kind, entry.text.clone())).collect()
}

/// Two turns; what was streamed is what the agent has written (H16).
async fn turns(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("What is it?").await;
    scene.done(&run, 1).await;
    scene.submit(&run, "And when?").await;
    let info = scene.done(&run, 2).await;
    assert_eq!((info.phase.clone(), info.last_outcome.clone()), (Phase::Idle, Some(TurnOutcome::Done)));
    let told = scene.entries(&run).await;
    let session = info.session.clone().expect("a session");
    scene.close().await;
    let texts = told.iter().filter(|entry| matches!(entry.kind, EntryKind::Prompt | EntryKind::Text));
    assert_eq!(
        texts.map(|entry| entry.text.as_str()).collect::<Vec<_>>(),
        ["What is it?", ANSWER, "And when?", ANSWER]
    );
    assert_eq!(essence(driven, &told), essence(driven, &on_disk(&scene.home, driven.agent(), &session.id)));
}

/// A tool call that is allowed is made, and one that is denied is not; the turn goes on in both cases.
async fn tools(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("RUN touch allowed").await;
    let asked = scene.answer(&run, ChoiceKind::AllowOnce, None).await;
    assert!(asked.headline().contains("touch allowed"), "{asked:?}");
    assert_eq!(scene.done(&run, 1).await.last_outcome, Some(TurnOutcome::Done));
    assert!(scene.made("allowed"));
    scene.submit(&run, "RUN touch denied").await;
    scene.answer(&run, ChoiceKind::Deny, Some("Not that one.")).await;
    let info = scene.done(&run, 2).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done));
    assert!(!scene.made("denied") && info.approvals.is_empty());
    let told = scene.entries(&run).await;
    let session = info.session.clone().expect("a session");
    scene.close().await;
    let recorded = on_disk(&scene.home, driven.agent(), &session.id);
    // Gemini's record has the result of a denied call without the call.
    let denied = |entry: &Entry| entry.tool.as_ref().is_some_and(|tool| tool.status == ToolStatus::Denied);
    assert!(driven.name != "gemini" || recorded.iter().any(denied), "{recorded:?}");
    let without_denied = |entries: Vec<Entry>| -> Vec<Entry> {
        entries.into_iter().filter(|entry| driven.name != "gemini" || !denied(entry)).collect()
    };
    assert_eq!(essence(driven, &without_denied(told)), essence(driven, &without_denied(recorded)));
}

/// A question of an extension: one command is allowed, and one denied.
async fn dialogs(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let gate =
        crate::installed().join("node_modules/@earendil-works/pi-coding-agent/examples/extensions/permission-gate.ts");
    std::fs::create_dir(scene.home.project().join("denied")).expect("a folder");
    std::fs::create_dir(scene.home.project().join("allowed")).expect("a folder");
    let mut opening = scene.opening(Conversation::New { id: None });
    opening.extra = vec!["-e".to_owned(), gate.to_string_lossy().into_owned()];
    let begun = scene.live.open_run(driven.agent(), opening, Some("RUN rm -rf allowed".to_owned())).await;
    let run = begun.expect("a run");
    for (turn, answer) in [(1, "Yes"), (2, "No")] {
        let info = scene.until(&run, |info| !info.approvals.is_empty()).await;
        assert!(info.approvals[0].text().contains("rm -rf"), "{info:?}");
        let given = ApprovalAnswer::Answers(vec![vec![answer.to_owned()]]);
        scene.live.answer(&run, &info.approvals[0].id, given).expect("told");
        assert_eq!(scene.done(&run, turn).await.last_outcome, Some(TurnOutcome::Done));
        if turn == 1 {
            scene.submit(&run, "RUN rm -rf denied").await;
        }
    }
    assert_eq!((scene.made("allowed"), scene.made("denied")), (false, true));
    scene.close().await;
}

/// A prompt joins the open turn.
async fn steered(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("RUN sleep 1").await;
    scene.until_said(&run, "sleep 1").await;
    scene.live.steer(&run, "What now?".to_owned()).await.expect("accepted");
    let info = scene.done(&run, 1).await;
    assert_eq!((info.turn.0, info.queued, info.last_outcome.clone()), (1, 0, Some(TurnOutcome::Done)));
    assert_eq!(scene.model.times("What now?"), 1);
    scene.close().await;
}

/// In the middle of an answer; the queue waits, and goes on when it is told to.
async fn interrupt(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("Count SLOW").await;
    scene.until_said(&run, SLOWLY).await;
    scene.submit(&run, "What then?").await;
    scene.live.interrupt(&run).expect("told");
    let info = scene.until(&run, |info| is_at_rest(info) && info.last_outcome.is_some()).await;
    assert_eq!((info.phase.clone(), info.last_outcome.clone()), (Phase::Idle, Some(TurnOutcome::Interrupted)));
    let info = scene.until(&run, |info| info.queued == 1).await;
    assert!(info.paused);
    scene.live.resume_queue(&run).await.expect("told");
    let info = scene.done(&run, 2).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done), "{info:?}\n{}", scene.said(&run).await);
    assert_eq!(scene.model.times("What then?"), 1);
    scene.close().await;
}

/// Three prompts while the first is worked on: in order, one turn each.
async fn queue(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("RUN touch first").await;
    scene.until(&run, |info| !info.approvals.is_empty()).await;
    for prompt in ["What second?", "What third?", "What fourth?"] {
        scene.submit(&run, prompt).await;
    }
    scene.until(&run, |info| info.queued == 3).await;
    scene.answer(&run, ChoiceKind::AllowOnce, None).await;
    let info = scene.done(&run, 4).await;
    assert_eq!((info.turn.0, info.last_outcome.clone(), info.held), (4, Some(TurnOutcome::Done), 0));
    let mut heard: Vec<_> = scene.model.heard().into_iter().map(|heard| heard.prompt).collect();
    heard.dedup();
    assert_eq!(heard, ["RUN touch first", "What second?", "What third?", "What fourth?"]);
    scene.close().await;
}

/// Another model answers the next turn of the same conversation.
async fn models(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("Who first?").await;
    scene.done(&run, 1).await;
    scene.live.set(&run, RunSetting::Model(driven.other.into())).expect("told");
    scene.submit(&run, "Who second?").await;
    let info = scene.done(&run, 2).await;
    assert_eq!((info.last_outcome.clone(), info.model.as_deref()), (Some(TurnOutcome::Done), Some(driven.other)));
    let asked = scene.model.heard();
    let of = |prompt: &str| asked.iter().find(|heard| heard.prompt == prompt).expect("asked").model.clone();
    assert_ne!(of("Who first?"), driven.asked);
    assert_eq!(of("Who second?"), driven.asked);
    scene.close().await;
}

/// A past session in a new salon: the same conversation, and the model is told what was said before.
async fn resume(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("Remember the walrus.").await;
    let session = scene.done(&run, 1).await.session.clone().expect("a session");
    scene.close().await;
    let before = on_disk(&scene.home, driven.agent(), &session.id);
    scene.until_resumable(&session);
    scene.restart();
    let opening = scene.opening(Conversation::Resume(session.id.clone()));
    let begun = scene.live.open_run(driven.agent(), opening, Some("Whom?".to_owned())).await;
    let run = begun.expect("a run");
    let info = scene.done(&run, 1).await;
    assert_eq!((info.last_outcome.clone(), info.session.clone()), (Some(TurnOutcome::Done), Some(session.clone())));
    let heard = scene.model.heard().pop().expect("asked");
    assert!(heard.prompt == "Whom?" && heard.request.contains("walrus"), "{heard:?}");
    let told = scene.entries(&run).await;
    scene.close().await;
    let whole = [essence(driven, &before), essence(driven, &told)].concat();
    assert_eq!(whole, essence(driven, &on_disk(&scene.home, driven.agent(), &session.id)));
}

/// Killed in the middle of an answer: that is told, nothing is sent again, and the next prompt goes on.
async fn crash(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("What is it?").await;
    let session = scene.done(&run, 1).await.session.clone();
    scene.submit(&run, "Count SLOW").await;
    scene.until_said(&run, SLOWLY).await;
    // Killed before its record contains the prompt, the prompt would be held.
    scene.until(&run, |info| info.queued == 0).await;
    let processes = scene.home.processes();
    for process in &processes {
        let pid = rustix::process::Pid::from_raw(process.pid).expect("a process");
        // One that ended with another needs no signal.
        let _ended_already = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let info = scene.until(&run, |info| is_at_rest(info) && info.turn.0 == 2).await;
    assert!(matches!(info.phase, Phase::Stopped(StopReason::Failed(RunFailure::Crashed { .. }))), "{info:?}");
    scene.until_resumable(session.as_ref().expect("a session"));
    scene.submit(&run, "And when?").await;
    let info = scene.done(&run, 3).await;
    assert_eq!((info.last_outcome.clone(), info.session.clone()), (Some(TurnOutcome::Done), session));
    assert_eq!(scene.model.times("Count SLOW"), 1);
    wait_for("the killed are reaped", || {
        processes.iter().all(|process| crate::home::Process::of(process.pid).is_none())
    });
    scene.close().await;
}

/// F3, F4: a prompt is delivered while its turn is open, and then the agent's own record contains it by its id; a later
/// one that reads the same is not taken for it.
async fn recorded(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("Count SLOW").await;
    let info = scene.until(&run, |info| info.session.is_some() && info.turn.0 == 1 && info.queued == 0).await;
    let (prompt, session) = (scene.newest_prompt(), info.session.clone().expect("a session"));
    assert_eq!(prompt.state, PromptState::Delivered);
    assert!(matches!(info.phase, Phase::Working { .. }), "not only at the end of the turn: {info:?}");
    let check = record_check(&scene.home);
    assert_eq!(check(&session, &prompt), Some(true));
    let other_text = Prompt { text: "another text".into(), ..prompt.clone() };
    assert_eq!(check(&session, &other_text), Some(true), "found by the id that the agent keeps");
    let later = Prompt { id: PromptId(prompt.id.0 + 1), sent: Some(clock()), ..prompt };
    assert_eq!(check(&session, &later), Some(false), "the text alone proves nothing");
    scene.close().await;
}
