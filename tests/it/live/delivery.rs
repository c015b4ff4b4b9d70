//! A prompt is delivered once the agent's own record contains it, and is found there by more than its text.

use salon::agent::Environment;
use salon::domain::prompt::{Prompt, PromptState};
use salon::domain::run::{Conversation, Phase, StopReason, TurnOutcome};
use salon::domain::{Agent, SessionKey, Time};
use salon::live::LiveOptions;
use salon::live::options::DeliveryCheck;
use salon::store::outbox;

use super::harness::{Harness, Sandbox};
use crate::support::clock;

/// The check of the program, for a sandbox.
fn check(sandbox: &Sandbox) -> DeliveryCheck {
    let home = sandbox.path().join("home");
    let vars = [("CLAUDE_CONFIG_DIR".to_owned(), home.join(".claude").to_string_lossy().into_owned())];
    let environment = Environment { home, vars: vars.into(), ..Environment::default() };
    salon::runtime::delivery::check(environment, sandbox.path().join("cache"))
}

/// Options of an agent that writes its record so many milliseconds after its acknowledgement.
fn writes_after(options: &mut LiveOptions, check: &DeliveryCheck, ms: u32) {
    options.is_delivered = check.clone();
    options.vars.push(("FAKE_RECORD_DELAY".into(), ms.to_string()));
}

fn started(delay: u32) -> Harness {
    let sandbox = Sandbox::new();
    let check = check(&sandbox);
    Harness::at(sandbox, |options| writes_after(options, &check, delay))
}

/// Waits until the first prompt of a new run is acknowledged and returns it.
async fn acknowledged(harness: &Harness, text: &str) -> (salon::domain::run::RunId, Prompt) {
    let run = harness.begin(text).await;
    harness.until(&run, |info| info.session.is_some() && matches!(info.phase, Phase::Working { .. })).await;
    let queue = harness.live.queue(&run).await.expect("the queue");
    (run, queue.into_iter().next().expect("a prompt that is not delivered"))
}

#[tokio::test]
async fn f3_an_acknowledged_prompt_is_delivered_once_it_is_recorded() {
    let harness = started(400);
    let (run, prompt) = acknowledged(&harness, "say x\nhang").await;
    assert_eq!(prompt.state, PromptState::Sending);
    harness.until(&run, |info| info.queued == 0).await;
    let session = harness.info(&run).session.clone().expect("a session");
    assert_eq!(check(&harness.sandbox)(&session, &prompt), Some(true));
    let kept = harness.sandbox.store().with(|db| outbox::find(db, prompt.id)).expect("read").expect("kept");
    assert_eq!(kept.state, PromptState::Delivered);
}

#[tokio::test]
async fn f3_an_agent_that_is_killed_before_it_has_written_leaves_the_prompt_held() {
    let harness = started(600_000);
    let (run, prompt) = acknowledged(&harness, "say x").await;
    let pid = harness.info(&run).pid.expect("a process").cast_signed();
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    let info = harness.until(&run, |info| info.held == 1).await;
    assert_eq!(info.queued, 0);
    let queue = harness.live.queue(&run).await.expect("the queue");
    assert_eq!((queue[0].id, queue[0].state), (prompt.id, PromptState::Held));
    assert_eq!(harness.sandbox.prompts(), ["say x"], "nothing is sent again");
}

#[tokio::test]
async fn a_prompt_that_an_interrupt_may_have_discarded_is_held() {
    let harness = Harness::with(|options| {
        options.is_delivered = std::sync::Arc::new(|_, prompt| Some(prompt.text != "say steered"));
    });
    let run = harness.begin_with(Agent::Codex, "say first\nhang").await;
    harness.working(&run).await;
    let steered = harness.live.steer(&run, "say steered".into()).await.expect("accepted");
    let state = |id| harness.store.with(|db| outbox::find(db, id)).expect("read").expect("a prompt").state;
    harness.until_text(&run, "say steered").await;
    assert_eq!(state(steered), PromptState::Sending, "it is not in the record");
    harness.live.interrupt(&run).expect("sent");
    harness.until(&run, |info| info.held == 1 && info.queued == 0).await;
    assert_eq!(state(steered), PromptState::Held);
}

#[tokio::test]
async fn f3_an_agent_without_a_record_still_gets_its_next_prompt() {
    let sandbox = Sandbox::new();
    let check = check(&sandbox);
    let harness = Harness::at(sandbox, |options| {
        writes_after(options, &check, 0);
        options.vars.push(("FAKE_TRANSCRIPT".into(), "off".into()));
    });
    let run = harness.begin("say one").await;
    harness.submit(&run, "say two").await;
    assert_eq!(harness.done(&run, 2).await.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two"]);
}

#[tokio::test]
async fn f4_an_earlier_prompt_with_the_same_text_proves_nothing() {
    let harness = started(0);
    let run = harness.begin("continue").await;
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    harness.submit(&run, "continue").await;
    harness.done(&run, 2).await;
    let check = check(&harness.sandbox);
    let store = harness.sandbox.store();
    let sent = store.with(|db| db.query_row("SELECT max(id) FROM prompts", [], |row| row.get(0))).expect("read");
    let sent = store.with(|db| outbox::find(db, salon::domain::prompt::PromptId(sent))).expect("read").expect("kept");
    assert_eq!(check(&session, &sent), Some(true), "by the id that the agent keeps");
    let later = Prompt { id: salon::domain::prompt::PromptId(sent.id.0 + 1), sent: Some(clock()), ..sent.clone() };
    assert_eq!(check(&session, &later), Some(false), "it was never written");
    let before = Time::from_millis(sent.sent.expect("sent").millis() - 1);
    let unnamed = Prompt { sent: Some(before), ..later };
    assert_eq!(check(&session, &unnamed), Some(true), "by its text and time, for an agent that keeps no id");
    let elsewhere = SessionKey::new(Agent::Claude, "44444444-4444-4444-8444-444444444444");
    assert_eq!(check(&elsewhere, &unnamed), Some(false), "no record yet");
}

#[tokio::test]
async fn f4_a_claimed_prompt_that_reads_like_an_older_one_is_held_after_a_crash() {
    let harness = started(0);
    let run = harness.begin("continue").await;
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    let sandbox = harness.sandbox;
    harness.live.shutdown().await;
    // A salon that died between the claim and the write.
    let store = sandbox.store();
    let dead = salon::store::registry::ProcessId { pid: 999_999_999, start: 1 };
    store.with(|db| salon::store::registry::take_lease(db, &run, dead, |_| true)).expect("taken").expect("over");
    store.with(|db| outbox::enqueue(db, &run, "continue", clock())).expect("accepted");
    store.with(|db| outbox::claim(db, &run, clock())).expect("claimed").expect("one");
    let check = check(&sandbox);
    let harness = Harness::at(sandbox, |options| options.is_delivered = check);
    let opening = salon::domain::run::RunStart::new(Conversation::Resume(session.id), harness.sandbox.project());
    harness.live.open_run(Agent::Claude, opening, None).await.expect("a run");
    let queue = harness.live.queue(&run).await.expect("the queue");
    assert_eq!(queue.iter().map(|prompt| prompt.state).collect::<Vec<_>>(), [PromptState::Held]);
    assert_eq!(harness.info(&run).phase, Phase::Stopped(StopReason::NotStarted));
}
