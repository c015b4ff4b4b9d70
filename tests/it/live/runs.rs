//! One run per session, across processes; its state follows its process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use salon::domain::approval::ApprovalAnswer;
use salon::domain::run::{Conversation, Phase, Refusal, RunFailure, RunId, RunSetting, StopReason, TurnOutcome};
use salon::domain::{Agent, SessionKey};
use salon::live::LiveEvent;
use salon::live::options::SessionHolder;
use salon::store::registry;

use super::harness::{Harness, Sandbox, is_idle, short_limits};

#[tokio::test]
async fn b1_b24_opening_the_same_session_again_returns_the_same_run() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    let info = harness.done(&run, 1).await;
    let session = info.session.clone().expect("a session");
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume(session.id.clone());
    opening.model = Some("opus".into());
    let again = harness.live.open_run(Agent::Claude, opening, None).await.expect("the same");
    assert_eq!(again, run);
    harness.until(&run, |info| info.model.as_deref() == Some("opus")).await;
    assert_eq!(harness.sandbox.agents.starts().len(), 1);
    assert_eq!(harness.live.run_of_session(&session), Some(run));
}

#[tokio::test]
async fn b2_two_concurrent_requests_get_one_child() {
    let harness = Harness::new();
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::New { id: Some("11111111-1111-4111-8111-111111111111".into()) };
    let begin = |prompt: &str| harness.live.open_run(Agent::Claude, opening.clone(), Some(prompt.into()));
    let (one, other) = tokio::join!(begin("say one"), begin("say two"));
    let run = one.expect("a run");
    assert_eq!(other.expect("the same run"), run);
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.agents.starts().len(), 1);
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two"]);
}

#[tokio::test]
async fn c1_nothing_is_started_without_a_prompt() {
    let harness = Harness::new();
    let run = harness.live.open_run(Agent::Claude, harness.sandbox.opening(), None).await.expect("a run");
    assert_eq!(harness.info(&run).phase, Phase::Stopped(StopReason::NotStarted));
    assert!(harness.sandbox.agents.starts().is_empty());
    harness.submit(&run, "say now").await;
    harness.done(&run, 1).await;
    assert_eq!(harness.sandbox.agents.starts().len(), 1);
}

#[tokio::test]
async fn b10_an_unknown_run_is_refused_everywhere() {
    let harness = Harness::new();
    let unknown = RunId("nobody".into());
    let answer = ApprovalAnswer::Choice { token: "allow".into(), reason: None };
    assert_eq!(harness.live.submit(&unknown, "x".into()).await, Err(Refusal::UnknownRun));
    assert_eq!(harness.live.interrupt(&unknown), Err(Refusal::UnknownRun));
    assert_eq!(harness.live.stop(&unknown), Err(Refusal::UnknownRun));
    assert_eq!(harness.live.answer(&unknown, "1:x", answer), Err(Refusal::UnknownRun));
    assert_eq!(harness.live.set(&unknown, RunSetting::Model("m".into())), Err(Refusal::UnknownRun));
    assert_eq!(harness.live.resume_queue(&unknown).await, Err(Refusal::UnknownRun));
    assert_eq!(harness.live.dispose(&unknown).await, Err(Refusal::UnknownRun));
    assert!(harness.live.watch(&unknown).is_none());
    assert!(harness.sandbox.agents.starts().is_empty());
}

#[tokio::test]
async fn b11_b25_the_session_is_kept_and_resumed_with_its_model() {
    let mut harness = Harness::new();
    let mut opening = harness.sandbox.opening();
    opening.model = Some("opus".into());
    opening.mode = Some("bypassPermissions".into());
    let run = harness.live.open_run(Agent::Claude, opening, Some("say one".into())).await.expect("a run");
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    let made = harness.sandbox.store().with(|db| registry::find(db, &run)).expect("read").expect("on record");
    assert_eq!(made.session.as_ref(), Some(&session));
    harness.live.clone().shutdown().await;
    harness = Harness::at(harness.sandbox, |_| {});
    harness.submit(&run, "say two").await;
    harness.done(&run, 1).await;
    let args = harness.sandbox.agents.starts()[1]["args"].to_string();
    assert!(args.contains(&format!("--resume={}", session.id)), "{args}");
    assert!(args.contains("--model=opus"), "{args}");
    assert!(!args.contains("bypassPermissions"), "H36: a mode is chosen anew each time: {args}");
    let kept = harness.sandbox.store().with(|db| registry::find(db, &run)).expect("read").expect("on record");
    assert_eq!(kept.created, made.created);
    assert!(kept.last_activity > made.last_activity);
}

#[tokio::test]
async fn b13_c16_a_crash_is_visible_to_later_viewers_and_the_next_prompt_resumes() {
    let harness = Harness::new();
    let run = harness.begin("say fine\ncrash 3").await;
    let info = harness.gone(&run).await;
    let crashed = RunFailure::Crashed { code: Some(3), stderr: "fatal: told to crash with 3".into() };
    assert_eq!(info.phase, Phase::Stopped(StopReason::Failed(crashed.clone())));
    assert_eq!(
        (info.failure.as_ref(), info.last_outcome.clone()),
        (Some(&crashed), Some(TurnOutcome::Failed(crashed.clone())))
    );
    assert!(
        harness.transcript_text(&run).await.contains("told to crash with 3"),
        "{}",
        harness.transcript_text(&run).await
    );
    harness.submit(&run, "say again").await;
    let info = harness.done(&run, 2).await;
    assert_eq!(
        (info.phase.clone(), info.last_outcome.clone(), info.failure.clone()),
        (Phase::Idle, Some(TurnOutcome::Done), None)
    );
    let session = info.session.clone().expect("a session");
    assert!(harness.sandbox.agents.starts()[1]["args"].to_string().contains(&format!("--resume={}", session.id)));
}

#[tokio::test]
async fn b14_d15_an_interrupt_ends_the_turn_and_the_queue_waits() {
    let harness = Harness::new();
    let run = harness.begin("say start\nhang").await;
    harness.working(&run).await;
    harness.submit(&run, "say later").await;
    harness.live.interrupt(&run).expect("sent");
    let info = harness.until(&run, |info| info.last_outcome == Some(TurnOutcome::Interrupted)).await;
    assert!(info.paused);
    let info = harness.until(&run, |info| info.queued == 1).await;
    assert_eq!((info.phase.clone(), info.turn.0), (Phase::Idle, 1));
    harness.live.resume_queue(&run).await.expect("sent");
    let info = harness.done(&run, 2).await;
    assert_eq!((info.last_outcome.clone(), info.paused), (Some(TurnOutcome::Done), false));
    assert_eq!(harness.sandbox.agents.starts().len(), 1);
}

#[tokio::test]
async fn b14_e8_an_agent_that_ignores_an_interrupt_is_stopped_and_the_next_turn_is_unaffected() {
    let harness = Harness::with(|options| options.limits = short_limits());
    let run = harness.begin("deaf\nsay ready\nhang").await;
    harness.until_text(&run, "text: ready").await;
    harness.live.interrupt(&run).expect("sent");
    harness.until(&run, |info| matches!(info.phase, Phase::Interrupting { .. })).await;
    // The second and third interrupt: the agent ignores TERM too.
    harness.live.interrupt(&run).expect("sent");
    harness.live.interrupt(&run).expect("sent");
    let info = harness.gone(&run).await;
    assert_eq!(info.phase, Phase::Stopped(StopReason::OnRequest));
    assert_eq!(info.last_outcome, Some(TurnOutcome::Interrupted));
    harness.submit(&run, "say next").await;
    let info = harness.done(&run, 2).await;
    assert_eq!((info.last_outcome.clone(), info.phase.clone()), (Some(TurnOutcome::Done), Phase::Idle));
}

#[tokio::test]
async fn a_run_stopped_with_a_queued_prompt_does_not_restart_for_it() {
    let harness = Harness::with(|options| options.vars.push(("FAKE_START".into(), "wait 300".into())));
    let run = harness.begin("say later").await;
    harness.until(&run, |info| info.pid.is_some()).await;
    harness.live.stop(&run).expect("sent");
    let info = harness.gone(&run).await;
    assert_eq!((info.phase.clone(), info.paused, info.queued), (Phase::Stopped(StopReason::OnRequest), true, 1));
    harness.live.resume_queue(&run).await.expect("sent");
    assert_eq!(harness.done(&run, 1).await.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(harness.sandbox.agents.starts().len(), 2);
    assert_eq!(harness.sandbox.prompts(), ["say later"]);
}

#[tokio::test]
async fn h23_a_turn_that_ends_twice_does_not_end_the_next_one() {
    let harness = Harness::new();
    let run = harness.begin("say one\ntwice").await;
    harness.submit(&run, "wait 100\nsay two").await;
    let info = harness.done(&run, 2).await;
    assert_eq!((info.turn.0, info.last_outcome.clone()), (2, Some(TurnOutcome::Done)));
    assert!(harness.transcript_text(&run).await.contains("two"), "{}", harness.transcript_text(&run).await);
}

#[tokio::test]
async fn b16_b17_h38_a_prompt_arrives_verbatim_in_the_directory_of_the_session() {
    let harness = Harness::new();
    let run = harness.begin("--help").await;
    harness.done(&run, 1).await;
    let odd = "say \"quoted\" 'single' $(touch x) `y` \\n ünïcødé\tand\nsay another line";
    harness.submit(&run, odd).await;
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["--help", odd]);
    for started in harness.sandbox.agents.starts() {
        let args = started["args"].as_array().expect("arguments").clone();
        assert!(args.iter().all(|arg| arg != "--help" && arg != odd), "a prompt is no argument: {args:?}");
    }
    assert_eq!(harness.sandbox.agents.starts()[0]["cwd"], harness.sandbox.project().to_string_lossy().as_ref());
}

#[tokio::test]
async fn b20_an_approval_waits_for_its_answer_and_a_late_answer_is_ignored() {
    let harness = Harness::new();
    let run = harness.begin("ask ls").await;
    let info = harness.until(&run, |info| !info.approvals.is_empty()).await;
    let asked = &info.approvals[0];
    let allow = ApprovalAnswer::Choice { token: "allow".into(), reason: None };
    harness.live.answer(&run, "0:of an older process", allow.clone()).expect("sent");
    harness.live.answer(&run, &asked.id, allow.clone()).expect("sent");
    harness.live.answer(&run, &asked.id, allow).expect("sent, and too late");
    let info = harness.done(&run, 1).await;
    assert!(info.approvals.is_empty());
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done));
    let answers =
        harness.sandbox.agents.log().iter().filter(|record| record["received"]["type"] == "control_response").count();
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn b20_an_interrupt_closes_open_approvals() {
    let harness = Harness::new();
    let run = harness.begin("ask ls").await;
    harness.until(&run, |info| !info.approvals.is_empty()).await;
    harness.live.interrupt(&run).expect("sent");
    let info = harness.until(&run, |info| is_idle(info) && info.turn.0 == 1).await;
    assert!(info.approvals.is_empty());
    assert_eq!(info.last_outcome, Some(TurnOutcome::Interrupted));
}

#[tokio::test]
async fn b28_an_unknown_session_is_refused_and_no_new_one_is_started() {
    let harness = Harness::new();
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("22222222-2222-4222-8222-222222222222".into());
    let run = harness.live.open_run(Agent::Claude, opening, Some("say hello".into())).await.expect("a run");
    let info = harness.until(&run, |info| info.failure.is_some() && info.paused).await;
    assert!(matches!(info.phase, Phase::Stopped(StopReason::Failed(_))), "{info:?}");
    assert_eq!(harness.sandbox.prompts(), [""; 0]);
    assert_eq!(harness.live.queue(&run).await.expect("the queue").len(), 1, "the prompt waits");
}

#[tokio::test]
async fn b28_a_run_that_cannot_start_is_refused_and_leaves_no_record() {
    let harness = Harness::new();
    let begin = |opening| harness.live.open_run(Agent::Claude, opening, Some("say x".into()));
    std::fs::remove_file(harness.sandbox.agents.path().join("claude")).expect("uninstalled");
    assert_eq!(begin(harness.sandbox.opening()).await, Err(Refusal::Failed(RunFailure::NotInstalled)));
    let mut opening = harness.sandbox.opening();
    opening.cwd = "/no/such/directory".into();
    let refused = begin(opening).await.expect_err("refused");
    assert!(matches!(refused, Refusal::Failed(RunFailure::Other(why)) if why.contains("/no/such/directory")));
    let count =
        harness.sandbox.store().with(|db| db.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)));
    assert_eq!(count.expect("count"), 0);
    assert!(harness.live.runs().is_empty());
}

#[tokio::test]
async fn b30_a_session_leased_by_another_process_is_refused() {
    let harness = Harness::new();
    let run = harness.begin("say mine").await;
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    // The other holder is a live process that is not this one.
    let parent = salon::live::identity::identify(std::os::unix::process::parent_id()).expect("our parent");
    let mut options = harness.sandbox.options();
    options.process = parent;
    let (other, _events) = salon::live::Live::start(options);
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume(session.id.clone());
    let refused = other.open_run(Agent::Claude, opening.clone(), Some("say theirs".into())).await;
    assert_eq!(refused, Err(Refusal::LeasedBy { pid: std::process::id() }));
    assert_eq!(other.submit(&run, "say theirs".into()).await, Err(Refusal::LeasedBy { pid: std::process::id() }));
    harness.live.clone().shutdown().await;
    assert_eq!(other.open_run(Agent::Claude, opening, None).await, Ok(run), "given back");
    other.shutdown().await;
}

#[tokio::test]
async fn h30_a_session_that_is_open_elsewhere_is_refused() {
    let harness = Harness::with(|options| {
        options.open_elsewhere =
            Box::new(|key: &SessionKey| Some(SessionHolder { text: format!("Claude Code has {}", key.id), pid: None }));
    });
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("abc".into());
    let refused = harness.live.open_run(Agent::Claude, opening.clone(), None).await;
    assert_eq!(refused, Err(Refusal::OpenElsewhere("Claude Code has abc".into())));
    opening.conversation = Conversation::Fork("abc".into());
    assert!(harness.live.open_run(Agent::Claude, opening, None).await.is_ok(), "a fork disturbs nobody");
}

#[tokio::test]
async fn d14_an_api_error_is_reported_and_the_queue_is_paused() {
    for (script, expected) in [("fail 401 bad key", "NotLoggedIn"), ("fail 429 slow down", "RateLimited")] {
        let harness = Harness::new();
        let run = harness.begin(script).await;
        harness.submit(&run, "say later").await;
        let info = harness.until(&run, |info| info.last_outcome.is_some() && info.queued == 1).await;
        assert!(format!("{:?}", info.last_outcome).contains(expected), "{:?}", info.last_outcome);
        assert!(info.paused && info.failure.is_some(), "{info:?}");
        harness.live.resume_queue(&run).await.expect("sent");
        assert_eq!(harness.done(&run, 2).await.last_outcome, Some(TurnOutcome::Done));
    }
}

#[tokio::test]
async fn d19_h24_silence_is_reported_and_nothing_is_killed() {
    let harness = Harness::with(|options| {
        options.limits.first_response = Duration::from_millis(50);
        options.limits.silence = Duration::from_millis(50);
    });
    let run = harness.begin("say start\nwait 400\nsay end").await;
    harness.until(&run, |info| info.silent_since.is_some() && matches!(info.phase, Phase::Working { .. })).await;
    let info = harness.done(&run, 1).await;
    assert_eq!((info.silent_since, info.last_outcome.clone()), (None, Some(TurnOutcome::Done)));
    assert_eq!(harness.sandbox.agents.starts().len(), 1);
}

#[tokio::test]
async fn an_idle_process_is_evicted_and_restarts_with_the_next_prompt() {
    let mut harness = Harness::with(|options| options.limits.idle = Duration::from_millis(20));
    let run = harness.begin("say one").await;
    let evicted = harness.event(|event| match event {
        LiveEvent::Run(info) if info.phase == Phase::Stopped(StopReason::Evicted) => Some(info.turn.0),
        _ => None,
    });
    assert_eq!(evicted.await, 1);
    harness.submit(&run, "say two").await;
    let info = harness.done(&run, 2).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(harness.sandbox.agents.starts().len(), 2);
}

#[tokio::test]
async fn d16_disposing_of_a_run_cancels_its_prompts() {
    let harness = Harness::new();
    let run = harness.begin("say one\nhang").await;
    harness.working(&run).await;
    harness.submit(&run, "say never").await;
    harness.live.dispose(&run).await.expect("given up");
    assert!(harness.live.all_queued().await.expect("queues").is_empty());
    assert!(harness.live.runs().is_empty());
    assert_eq!(harness.sandbox.prompts(), ["say one\nhang"]);
}

#[tokio::test]
async fn d23_h39_a_child_does_not_detect_nesting() {
    let harness = Harness::new();
    let run = harness.begin("say x").await;
    harness.done(&run, 1).await;
    let mut vars: Vec<String> =
        serde_json::from_value(harness.sandbox.agents.starts()[0]["claude_vars"].clone()).expect("names");
    vars.sort();
    let expected = ["CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CONFIG_DIR"];
    assert_eq!(vars, expected, "the user's own stay; by whom it was started salon tells itself");
}

#[test]
fn d23_h39_only_the_nesting_variables_are_removed() {
    let protocol = salon::agent::protocol(Agent::Claude).expect("it is driven");
    let user = [
        ("CLAUDECODE", "1"),
        ("CLAUDE_CODE_ENTRYPOINT", "cli"),
        ("CLAUDE_CODE_SSE_PORT", "1"),
        ("CLAUDE_CODE_SESSION_ID", "x"),
        ("HTTPS_PROXY", "http://proxy"),
        ("ANTHROPIC_API_KEY", "key"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("PWD", "/elsewhere"),
    ];
    let user: Vec<_> = user.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let vars = salon::live::environment::of_child(&user, protocol, std::path::Path::new("/project"));
    let value = |name: &str| vars.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    for gone in ["CLAUDECODE", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION_ID"] {
        assert_eq!(value(gone), None, "{gone}");
    }
    assert_ne!(value("CLAUDE_CODE_ENTRYPOINT"), Some("cli"));
    assert_eq!(value("HTTPS_PROXY"), Some("http://proxy"));
    assert_eq!(value("ANTHROPIC_API_KEY"), Some("key"));
    assert_eq!(value("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"), Some("1"));
    assert_eq!(value("PWD"), Some("/project"));
}

#[tokio::test]
async fn d2_a_prompt_that_cannot_be_stored_is_refused() {
    let sandbox = Sandbox::new();
    let harness = Harness::at(sandbox, |_| {});
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    let db = harness.sandbox.path().join("data/state.db");
    let other = salon::store::Connection::open(&db).expect("another writer");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let refused = harness.live.submit(&run, "say two".into()).await.expect_err("refused");
    assert!(matches!(&refused, Refusal::NotSaved(why) if why.contains("locked")), "{refused:?}");
    other.execute_batch("ROLLBACK").expect("unlocked");
    assert!(harness.live.queue(&run).await.expect("the queue").is_empty(), "nothing is kept in memory only");
    harness.submit(&run, "say three").await;
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["say one", "say three"]);
}

#[tokio::test]
async fn failed_and_interrupted_runs_are_evicted_with_their_paused_queues() {
    let mut harness = Harness::with(|options| options.limits.idle = Duration::from_millis(20));
    let failed = harness.begin("fail 429 slow down").await;
    harness.submit(&failed, "say later").await;
    let interrupted = harness.begin("say x\nhang").await;
    harness.working(&interrupted).await;
    harness.live.interrupt(&interrupted).expect("sent");
    let mut left = vec![failed.clone(), interrupted];
    while !left.is_empty() {
        let evicted = harness.event(|event| match event {
            LiveEvent::Run(info) if info.phase == Phase::Stopped(StopReason::Evicted) => Some(info.id.clone()),
            _ => None,
        });
        let evicted = evicted.await;
        left.retain(|run| *run != evicted);
    }
    let info = harness.info(&failed);
    assert_eq!((info.paused, info.queued), (true, 1), "its queue waits for the user");
}

#[tokio::test]
async fn a_run_with_a_background_task_is_not_evicted_until_the_task_is_stopped() {
    let mut harness = Harness::with(|options| options.limits.idle = Duration::from_millis(20));
    let busy = harness.begin("background npm run dev\nsay x").await;
    harness.until(&busy, |info| info.phase == Phase::Idle && !info.tasks.is_empty()).await;
    let idle = harness.begin("say x").await;
    let evicted = harness.event(|event| match event {
        LiveEvent::Run(info) if info.phase == Phase::Stopped(StopReason::Evicted) => Some(info.id.clone()),
        _ => None,
    });
    assert_eq!(evicted.await, idle);
    let info = harness.info(&busy);
    assert_eq!((&info.phase, &*info.tasks[0].description), (&Phase::Idle, "npm run dev"));
    harness.live.stop_task(&busy, &info.tasks[0].id).expect("sent");
    let next = harness.event(|event| match event {
        LiveEvent::Run(info) if info.phase == Phase::Stopped(StopReason::Evicted) => Some(info.clone()),
        _ => None,
    });
    let info = next.await;
    assert_eq!((&info.id, info.tasks.len()), (&busy, 0));
}

#[tokio::test]
async fn the_tasks_of_a_resumed_session_are_read() {
    let read: Arc<Mutex<Vec<SessionKey>>> = Arc::default();
    let seen = read.clone();
    let harness = Harness::with(|options| {
        options.earlier_tasks = Arc::new(move |key| {
            seen.lock().expect("not poisoned").push(key.clone());
            Vec::new()
        });
    });
    let run = harness.begin("say one").await;
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    assert_eq!(*read.lock().expect("not poisoned"), [], "a new session has none");
    harness.live.stop(&run).expect("sent");
    harness.gone(&run).await;
    harness.submit(&run, "say two").await;
    harness.live.resume_queue(&run).await.expect("resumed");
    harness.done(&run, 2).await;
    assert_eq!(*read.lock().expect("not poisoned"), [session]);
}
