//! One run a conversation, over as many processes as it takes; its state is what its process is.

use std::time::Duration;

use salon::domain::approval::Answer;
use salon::domain::run::{Conversation, Failure, Outcome, Phase, Refusal, RunId, Setting, Stopped};
use salon::domain::{Agent, SessionKey};
use salon::live::Event;
use salon::store::registry;

use super::stage::{Place, Stage, is_at_rest, quick};

#[tokio::test]
async fn b1_the_same_conversation_asked_for_again_is_the_same_run() {
    let stage = Stage::new();
    let run = stage.begin("say one").await;
    let info = stage.done(&run, 1).await;
    let session = info.session.clone().expect("a session");
    let mut opening = stage.place.opening();
    opening.conversation = Conversation::Resume(session.id.clone());
    opening.model = Some("opus".into());
    let again = stage.live.begin(Agent::Claude, opening, None).await.expect("the same");
    assert_eq!(again, run);
    stage.until(&run, |info| info.model.as_deref() == Some("opus")).await;
    assert_eq!(stage.place.agents.starts().len(), 1);
    assert_eq!(stage.live.of_session(&session), Some(run));
}

#[tokio::test]
async fn b2_two_who_ask_at_once_get_one_child() {
    let stage = Stage::new();
    let mut opening = stage.place.opening();
    opening.conversation = Conversation::New { id: Some("11111111-1111-4111-8111-111111111111".into()) };
    let begin = |prompt: &str| stage.live.begin(Agent::Claude, opening.clone(), Some(prompt.into()));
    let (one, other) = tokio::join!(begin("say one"), begin("say two"));
    let run = one.expect("a run");
    assert_eq!(other.expect("the same run"), run);
    stage.done(&run, 2).await;
    assert_eq!(stage.place.agents.starts().len(), 1);
    assert_eq!(stage.place.told(), ["say one", "say two"]);
}

#[tokio::test]
async fn c1_nothing_is_started_without_a_prompt() {
    let stage = Stage::new();
    let run = stage.live.begin(Agent::Claude, stage.place.opening(), None).await.expect("a run");
    assert_eq!(stage.info(&run).phase, Phase::Stopped(Stopped::NotStarted));
    assert!(stage.place.agents.starts().is_empty());
    stage.submit(&run, "say now").await;
    stage.done(&run, 1).await;
    assert_eq!(stage.place.agents.starts().len(), 1);
}

#[tokio::test]
async fn b10_an_unknown_run_is_refused_everywhere() {
    let stage = Stage::new();
    let nobody = RunId("nobody".into());
    let answer = Answer::Choice { token: "allow".into(), reason: None };
    assert_eq!(stage.live.submit(&nobody, "x".into()).await, Err(Refusal::UnknownRun));
    assert_eq!(stage.live.interrupt(&nobody), Err(Refusal::UnknownRun));
    assert_eq!(stage.live.stop(&nobody), Err(Refusal::UnknownRun));
    assert_eq!(stage.live.answer(&nobody, "1:x", answer), Err(Refusal::UnknownRun));
    assert_eq!(stage.live.set(&nobody, Setting::Model("m".into())), Err(Refusal::UnknownRun));
    assert_eq!(stage.live.go_on(&nobody), Err(Refusal::UnknownRun));
    assert_eq!(stage.live.dispose(&nobody).await, Err(Refusal::UnknownRun));
    assert!(stage.live.watch(&nobody).is_none());
    assert!(stage.place.agents.starts().is_empty());
}

#[tokio::test]
async fn b11_b25_the_session_is_kept_and_resumed_with_its_model() {
    let mut stage = Stage::new();
    let mut opening = stage.place.opening();
    opening.model = Some("opus".into());
    opening.mode = Some("bypassPermissions".into());
    let run = stage.live.begin(Agent::Claude, opening, Some("say one".into())).await.expect("a run");
    let session = stage.done(&run, 1).await.session.clone().expect("a session");
    let made = stage.place.store().with(|db| registry::find(db, &run)).expect("read").expect("on record");
    assert_eq!(made.session.as_ref(), Some(&session));
    stage.live.clone().shutdown().await;
    stage = Stage::at(stage.place, |_| {});
    stage.submit(&run, "say two").await;
    stage.done(&run, 1).await;
    let args = stage.place.agents.starts()[1]["args"].to_string();
    assert!(args.contains(&format!("--resume={}", session.id)), "{args}");
    assert!(args.contains("--model=opus"), "{args}");
    assert!(!args.contains("bypassPermissions"), "H36: a mode is chosen anew each time: {args}");
    let kept = stage.place.store().with(|db| registry::find(db, &run)).expect("read").expect("on record");
    assert_eq!(kept.created, made.created);
    assert!(kept.last_activity > made.last_activity);
}

#[tokio::test]
async fn b13_c16_a_crash_is_told_to_those_who_come_later_and_the_next_prompt_resumes() {
    let stage = Stage::new();
    let run = stage.begin("say fine\ncrash 3").await;
    let info = stage.gone(&run).await;
    let crashed = Failure::Crashed { code: Some(3), stderr: "fatal: told to crash with 3".into() };
    assert_eq!(info.phase, Phase::Stopped(Stopped::Failed(crashed.clone())));
    assert_eq!((info.failure.as_ref(), info.last.clone()), (Some(&crashed), Some(Outcome::Failed(crashed.clone()))));
    assert!(stage.said(&run).await.contains("told to crash with 3"), "{}", stage.said(&run).await);
    stage.submit(&run, "say again").await;
    let info = stage.done(&run, 2).await;
    assert_eq!((info.phase.clone(), info.last.clone(), info.failure.clone()), (Phase::Idle, Some(Outcome::Done), None));
    let session = info.session.clone().expect("a session");
    assert!(stage.place.agents.starts()[1]["args"].to_string().contains(&format!("--resume={}", session.id)));
}

#[tokio::test]
async fn b14_d15_an_interrupt_ends_the_turn_and_the_queue_waits() {
    let stage = Stage::new();
    let run = stage.begin("say start\nhang").await;
    stage.working(&run).await;
    stage.submit(&run, "say later").await;
    stage.live.interrupt(&run).expect("told");
    let info = stage.until(&run, |info| info.last == Some(Outcome::Interrupted)).await;
    assert!(info.paused);
    let info = stage.until(&run, |info| info.queued == 1).await;
    assert_eq!((info.phase.clone(), info.turn.0), (Phase::Idle, 1));
    stage.live.go_on(&run).expect("told");
    let info = stage.done(&run, 2).await;
    assert_eq!((info.last.clone(), info.paused), (Some(Outcome::Done), false));
    assert_eq!(stage.place.agents.starts().len(), 1);
}

#[tokio::test]
async fn b14_an_agent_that_does_not_heed_an_interrupt_is_ended_and_the_next_turn_is_untouched() {
    let stage = Stage::with(|options| options.limits = quick());
    let run = stage.begin("deaf\nsay ready\nhang").await;
    stage.until_said(&run, "text: ready").await;
    stage.live.interrupt(&run).expect("told");
    stage.until(&run, |info| matches!(info.phase, Phase::Interrupting { .. })).await;
    // The second press, and the third: it is deaf to TERM too.
    stage.live.interrupt(&run).expect("told");
    stage.live.interrupt(&run).expect("told");
    let info = stage.gone(&run).await;
    assert_eq!(info.phase, Phase::Stopped(Stopped::OnRequest));
    assert_eq!(info.last, Some(Outcome::Interrupted));
    stage.submit(&run, "say next").await;
    let info = stage.done(&run, 2).await;
    assert_eq!((info.last.clone(), info.phase.clone()), (Some(Outcome::Done), Phase::Idle));
}

#[tokio::test]
async fn who_is_stopped_while_a_prompt_waits_does_not_come_back_for_it() {
    let stage = Stage::with(|options| options.vars.push(("FAKE_START".into(), "wait 300".into())));
    let run = stage.begin("say later").await;
    stage.until(&run, |info| info.pid.is_some()).await;
    stage.live.stop(&run).expect("told");
    let info = stage.gone(&run).await;
    assert_eq!((info.phase.clone(), info.paused, info.queued), (Phase::Stopped(Stopped::OnRequest), true, 1));
    stage.live.go_on(&run).expect("told");
    assert_eq!(stage.done(&run, 1).await.last, Some(Outcome::Done));
    assert_eq!(stage.place.agents.starts().len(), 2);
    assert_eq!(stage.place.told(), ["say later"]);
}

#[tokio::test]
async fn h23_a_turn_that_ends_twice_does_not_end_the_next_one() {
    let stage = Stage::new();
    let run = stage.begin("say one\ntwice").await;
    stage.submit(&run, "wait 100\nsay two").await;
    let info = stage.done(&run, 2).await;
    assert_eq!((info.turn.0, info.last.clone()), (2, Some(Outcome::Done)));
    assert!(stage.said(&run).await.contains("two"), "{}", stage.said(&run).await);
}

#[tokio::test]
async fn b16_b17_a_prompt_arrives_verbatim_in_the_directory_of_the_session() {
    let stage = Stage::new();
    let run = stage.begin("--help").await;
    stage.done(&run, 1).await;
    let odd = "say \"quoted\" 'single' $(touch x) `y` \\n ünïcødé\tand\nsay another line";
    stage.submit(&run, odd).await;
    stage.done(&run, 2).await;
    assert_eq!(stage.place.told(), ["--help", odd]);
    assert_eq!(stage.place.agents.starts()[0]["cwd"], stage.place.project().to_string_lossy().as_ref());
}

#[tokio::test]
async fn b20_a_question_waits_for_its_answer_and_a_late_one_is_left_alone() {
    let stage = Stage::new();
    let run = stage.begin("ask ls").await;
    let info = stage.until(&run, |info| !info.approvals.is_empty()).await;
    let asked = &info.approvals[0];
    let allow = Answer::Choice { token: "allow".into(), reason: None };
    stage.live.answer(&run, "0:of an older process", allow.clone()).expect("told");
    stage.live.answer(&run, &asked.id, allow.clone()).expect("told");
    stage.live.answer(&run, &asked.id, allow).expect("told, and too late");
    let info = stage.done(&run, 1).await;
    assert!(info.approvals.is_empty());
    assert_eq!(info.last, Some(Outcome::Done));
    let answers = stage.place.agents.log().iter().filter(|record| record["told"]["type"] == "control_response").count();
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn b20_an_interrupt_answers_what_was_asked() {
    let stage = Stage::new();
    let run = stage.begin("ask ls").await;
    stage.until(&run, |info| !info.approvals.is_empty()).await;
    stage.live.interrupt(&run).expect("told");
    let info = stage.until(&run, |info| is_at_rest(info) && info.turn.0 == 1).await;
    assert!(info.approvals.is_empty());
    assert_eq!(info.last, Some(Outcome::Interrupted));
}

#[tokio::test]
async fn b28_a_session_that_the_agent_does_not_know_is_refused_and_nothing_fresh_is_begun() {
    let stage = Stage::new();
    let mut opening = stage.place.opening();
    opening.conversation = Conversation::Resume("22222222-2222-4222-8222-222222222222".into());
    let run = stage.live.begin(Agent::Claude, opening, Some("say hello".into())).await.expect("a run");
    let info = stage.until(&run, |info| info.failure.is_some() && info.paused).await;
    assert!(matches!(info.phase, Phase::Stopped(Stopped::Failed(_))), "{info:?}");
    assert_eq!(stage.place.told(), [""; 0]);
    assert_eq!(stage.live.queue(&run).await.expect("the queue").len(), 1, "the prompt waits");
}

#[tokio::test]
async fn b28_what_cannot_be_started_is_refused_and_leaves_nothing_on_record() {
    let stage = Stage::new();
    let begin = |opening| stage.live.begin(Agent::Claude, opening, Some("say x".into()));
    std::fs::remove_file(stage.place.agents.path().join("claude")).expect("uninstalled");
    assert_eq!(begin(stage.place.opening()).await, Err(Refusal::Failed(Failure::NotInstalled)));
    let mut opening = stage.place.opening();
    opening.cwd = "/no/such/directory".into();
    let refused = begin(opening).await.expect_err("refused");
    assert!(matches!(refused, Refusal::Failed(Failure::Other(why)) if why.contains("/no/such/directory")));
    let driven = stage.live.begin(Agent::Goose, stage.place.opening(), None).await;
    assert!(driven.is_err());
    let count =
        stage.place.store().with(|db| db.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)));
    assert_eq!(count.expect("count"), 0);
    assert!(stage.live.runs().is_empty());
}

#[tokio::test]
async fn b30_a_conversation_that_another_salon_holds_is_left_to_it() {
    let stage = Stage::new();
    let run = stage.begin("say mine").await;
    let session = stage.done(&run, 1).await.session.clone().expect("a session");
    // Another salon: a living process that is not this one.
    let parent = salon::live::recover::identify(std::os::unix::process::parent_id()).expect("our parent");
    let mut options = stage.place.options();
    options.me = parent;
    let (other, _events) = salon::live::Live::start(options);
    let mut opening = stage.place.opening();
    opening.conversation = Conversation::Resume(session.id.clone());
    let refused = other.begin(Agent::Claude, opening.clone(), Some("say theirs".into())).await;
    assert_eq!(refused, Err(Refusal::HeldBy { pid: std::process::id() }));
    assert_eq!(other.submit(&run, "say theirs".into()).await, Err(Refusal::HeldBy { pid: std::process::id() }));
    stage.live.clone().shutdown().await;
    assert_eq!(other.begin(Agent::Claude, opening, None).await, Ok(run), "given back");
    other.shutdown().await;
}

#[tokio::test]
async fn h30_a_session_that_is_open_elsewhere_is_not_taken() {
    let stage = Stage::with(|options| {
        options.held = Box::new(|key: &SessionKey| Some(format!("Claude Code has {}", key.id)));
    });
    let mut opening = stage.place.opening();
    opening.conversation = Conversation::Resume("abc".into());
    let refused = stage.live.begin(Agent::Claude, opening.clone(), None).await;
    assert_eq!(refused, Err(Refusal::OpenElsewhere("Claude Code has abc".into())));
    opening.conversation = Conversation::Fork("abc".into());
    assert!(stage.live.begin(Agent::Claude, opening, None).await.is_ok(), "a fork disturbs nobody");
}

#[tokio::test]
async fn d14_an_error_of_the_api_is_an_error_and_the_queue_waits_for_a_key() {
    for (script, expected) in [("fail 401 bad key", "NotLoggedIn"), ("fail 429 slow down", "RateLimited")] {
        let stage = Stage::new();
        let run = stage.begin(script).await;
        stage.submit(&run, "say later").await;
        let info = stage.until(&run, |info| info.last.is_some() && info.queued == 1).await;
        assert!(format!("{:?}", info.last).contains(expected), "{:?}", info.last);
        assert!(info.paused && info.failure.is_some(), "{info:?}");
        stage.live.go_on(&run).expect("told");
        assert_eq!(stage.done(&run, 2).await.last, Some(Outcome::Done));
    }
}

#[tokio::test]
async fn d19_h24_silence_is_told_and_nothing_is_killed() {
    let stage = Stage::with(|options| {
        options.limits.first_response = Duration::from_millis(50);
        options.limits.silence = Duration::from_millis(50);
    });
    let run = stage.begin("say start\nwait 400\nsay end").await;
    stage.until(&run, |info| info.silent.is_some() && matches!(info.phase, Phase::Working { .. })).await;
    let info = stage.done(&run, 1).await;
    assert_eq!((info.silent, info.last.clone()), (None, Some(Outcome::Done)));
    assert_eq!(stage.place.agents.starts().len(), 1);
}

#[tokio::test]
async fn an_idle_process_goes_and_comes_back_with_the_next_prompt() {
    let mut stage = Stage::with(|options| options.limits.idle = Duration::from_millis(20));
    let run = stage.begin("say one").await;
    let evicted = stage.told(|event| match event {
        Event::Run(info) if info.phase == Phase::Stopped(Stopped::Evicted) => Some(info.turn.0),
        _ => None,
    });
    assert_eq!(evicted.await, 1);
    stage.submit(&run, "say two").await;
    let info = stage.done(&run, 2).await;
    assert_eq!(info.last, Some(Outcome::Done));
    assert_eq!(stage.place.agents.starts().len(), 2);
}

#[tokio::test]
async fn d16_a_run_that_is_given_up_takes_its_prompts_with_it() {
    let stage = Stage::new();
    let run = stage.begin("say one\nhang").await;
    stage.working(&run).await;
    stage.submit(&run, "say never").await;
    stage.live.dispose(&run).await.expect("given up");
    assert!(stage.live.all_queued().await.expect("queues").is_empty());
    assert!(stage.live.runs().is_empty());
    assert_eq!(stage.place.told(), ["say one\nhang"]);
}

#[tokio::test]
async fn d23_h39_a_child_does_not_believe_to_be_nested() {
    let stage = Stage::new();
    let run = stage.begin("say x").await;
    stage.done(&run, 1).await;
    let mut vars: Vec<String> =
        serde_json::from_value(stage.place.agents.starts()[0]["claude_vars"].clone()).expect("names");
    vars.sort();
    let expected = ["CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CONFIG_DIR"];
    assert_eq!(vars, expected, "the user's own stay; by whom it was started salon tells itself");
}

#[test]
fn d23_h39_marks_of_a_nested_start_go_and_nothing_else() {
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
async fn d2_what_cannot_be_kept_is_refused() {
    let place = Place::new();
    let stage = Stage::at(place, |_| {});
    let run = stage.begin("say one").await;
    stage.done(&run, 1).await;
    let db = stage.place.path().join("data/state.db");
    let other = salon::store::Connection::open(&db).expect("another writer");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let refused = stage.live.submit(&run, "say two".into()).await.expect_err("refused");
    assert!(matches!(&refused, Refusal::NotKept(why) if why.contains("locked")), "{refused:?}");
    other.execute_batch("ROLLBACK").expect("unlocked");
    assert!(stage.live.queue(&run).await.expect("the queue").is_empty(), "nothing is kept in memory only");
    stage.submit(&run, "say three").await;
    stage.done(&run, 2).await;
    assert_eq!(stage.place.told(), ["say one", "say three"]);
}
