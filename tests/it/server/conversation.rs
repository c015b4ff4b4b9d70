//! Conversations over the server: turns, interruptions, approvals, broken streams.

use std::sync::Arc;

use salon::agent::protocol::{Command, Conversation, Setting, Signal};
use salon::domain::approval::{Answer, ChoiceKind};
use salon::domain::run::{Activity, Failure, Outcome};
use salon::domain::{EntryKind, ToolStatus};
use salon::live::server::Server;
use serde_json::json;

use super::stage::{Pane, Stage, opening};

const NEW: Conversation = Conversation::New { id: None };

async fn pane(stage: &Stage, server: &Server) -> Pane {
    Pane::open(server, opening(&stage.directory("project"), NEW)).await
}

fn choice(token: &str, reason: Option<&str>) -> Answer {
    Answer::Choice { token: token.into(), reason: reason.map(str::to_owned) }
}

#[tokio::test]
async fn every_step_of_a_script_is_told_and_equals_what_the_server_keeps() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    let script =
        "think hm hm\nsay one two\nrun ls\nplan A | B\nflood 500\nlong 100000\ngarbage\nstray\nretry\ncompact\ntwice";
    assert_eq!(pane.turn(script).await, Outcome::Done);
    // The second end of the same turn, if it were taken for one, would come before the end of another.
    assert_eq!(pane.turn("say after").await, Outcome::Done);
    assert_eq!(pane.ends(), 2);
    let kinds: Vec<_> = pane.transcript.entries().iter().map(|entry| entry.kind).collect();
    use EntryKind::{Other, Plan, Prompt, Text, Thinking, Tool};
    assert_eq!(kinds, [Prompt, Thinking, Text, Tool, Plan, Text, Text, Other, Text, Prompt, Text]);
    let entries = pane.transcript.entries();
    assert_eq!(entries[2].text, "one two");
    let tool = entries[3].tool.as_ref().expect("a tool");
    assert_eq!((tool.status, tool.output.as_str()), (ToolStatus::Done, "output of ls"));
    assert_eq!(entries[6].text.len(), 100_000);
    assert!(
        pane.signals.iter().any(|signal| matches!(signal, Signal::Activity(Activity::Retrying { attempt: 1, .. })))
    );
    assert!(pane.signals.iter().any(|signal| matches!(signal, Signal::Activity(Activity::Compacting))));
    let usage = pane.signals.iter().find_map(|signal| match signal {
        Signal::Usage { context: Some(context), .. } => Some(*context),
        _ => None,
    });
    assert_eq!(usage, Some((21, 200_000)));
    server.shut_down().await;
}

#[tokio::test]
async fn b15_an_interrupt_aborts_and_nothing_more_is_generated() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    pane.prompt("say before\nhang\nsay never");
    pane.until(
        "the answer",
        |signal| matches!(signal, Signal::Event(event) if format!("{event:?}").contains("before")),
    )
    .await;
    pane.command(Command::Interrupt);
    assert_eq!(pane.ended().await, Outcome::Interrupted);
    assert_eq!(stage.requests(&format!("POST /session/{}/abort", pane.session())).len(), 1);
    // The server falls idle twice for one abort; the next turn must not end by that.
    assert_eq!(pane.turn("wait 50\nsay whole").await, Outcome::Done);
    assert_eq!(pane.texts().last().map(String::as_str), Some("whole"));
    assert!(!pane.texts().iter().any(|text| text == "never"));
    assert_eq!(pane.ends(), 2);
    server.shut_down().await;
}

#[tokio::test]
async fn b15_an_interrupt_before_the_prompt_arrived_still_stops_it() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    pane.prompt("hang");
    pane.command(Command::Interrupt);
    assert_eq!(pane.ended().await, Outcome::Interrupted);
    server.shut_down().await;
}

#[tokio::test]
async fn b19_a_tool_that_is_asked_for_is_one_row_whatever_is_answered() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    let answers = [
        ("once", None, ToolStatus::Done, true),
        ("always", None, ToolStatus::Done, true),
        ("deny", Some("rather not"), ToolStatus::Denied, true),
        ("reject", None, ToolStatus::Denied, false),
    ];
    for (at, (token, reason, status, goes_on)) in answers.into_iter().enumerate() {
        pane.prompt(&format!("ask touch {at}\nsay done {at}"));
        let approval = pane.approval().await;
        let kinds: Vec<_> = approval.choices.iter().map(|choice| choice.kind).collect();
        use ChoiceKind::{AllowAlways, AllowOnce, Deny, DenyAndStop};
        assert_eq!(kinds, [AllowOnce, AllowAlways, Deny, DenyAndStop]);
        assert_eq!(approval.action.headline(), format!("touch {at}"));
        assert_eq!(approval.input, json!({"command": format!("touch {at}")}));
        pane.command(Command::Answer { id: approval.id, answer: choice(token, reason) });
        assert_eq!(pane.ended().await, Outcome::Done);
        let tools: Vec<_> = pane.transcript.entries().iter().filter_map(|entry| entry.tool.as_ref()).collect();
        assert_eq!((tools.len(), tools[at].status), (at + 1, status));
        let said = format!("done {at}");
        assert_eq!(pane.texts().contains(&said), goes_on, "{token}");
    }
    let replies: Vec<_> =
        stage.requests("POST /permission/").into_iter().map(|record| record["body"].clone()).collect();
    assert_eq!(replies[2], json!({"reply": "reject", "message": "rather not"}));
    assert_eq!(replies[3], json!({"reply": "reject"}));
    server.shut_down().await;
}

#[tokio::test]
async fn b20_an_interrupt_takes_back_what_was_asked() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    pane.prompt("ask rm everything");
    let approval = pane.approval().await;
    pane.command(Command::Interrupt);
    let id = approval.id.clone();
    pane.until("its end", |signal| matches!(signal, Signal::ApprovalGone(gone) if *gone == id)).await;
    assert!(
        pane.signals.iter().any(|signal| matches!(signal, Signal::TurnEnded(Outcome::Interrupted))) || {
            pane.ended().await == Outcome::Interrupted
        }
    );
    server.shut_down().await;
}

#[tokio::test]
async fn questions_are_asked_and_answered() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    pane.prompt("question Which one? | red | blue");
    let approval = pane.approval().await;
    assert_eq!(approval.questions[0].text, "Which one?");
    assert_eq!(approval.questions[0].options, ["red", "blue"]);
    pane.command(Command::Answer { id: approval.id, answer: Answer::Answers(vec![vec!["blue".into()]]) });
    pane.ended().await;
    assert_eq!(pane.texts().last().map(String::as_str), Some("you chose blue"));

    pane.prompt("question Which one? | red | blue");
    let approval = pane.approval().await;
    pane.command(Command::Answer { id: approval.id, answer: choice("dismiss", None) });
    assert_eq!(pane.ended().await, Outcome::Done);
    server.shut_down().await;
}

#[tokio::test]
async fn b28_a_session_that_the_server_does_not_know_is_refused_not_replaced() {
    let stage = Stage::new();
    let server = stage.server();
    let project = stage.directory("project");
    for conversation in [Conversation::Resume("ses_gone".into()), Conversation::Fork("ses_gone".into())] {
        let mut pane = Pane::begin(server.seat().await.expect("a place"), opening(&project, conversation));
        let failure = pane.fatal().await;
        let Failure::UnknownSession(words) = failure else { panic!("{failure:?}") };
        assert!(words.contains("ses_gone") && words.contains("start a new session"), "{words}");
    }
    assert!(stage.requests("POST /session").iter().all(|record| record["request"] == "POST /session/ses_gone/fork"));
    server.shut_down().await;
}

#[tokio::test]
async fn b17_a_session_goes_on_in_its_own_directory_and_a_fork_is_another() {
    let stage = Stage::new();
    let own = stage.directory("its own");
    let stage = stage.with("FAKE_SESSIONS", &format!("ses_old={}", own.display()));
    let server = stage.server();
    let elsewhere = stage.directory("elsewhere");
    let mut pane = Pane::open(&server, opening(&elsewhere, Conversation::Resume("ses_old".into()))).await;
    assert_eq!(pane.session(), "ses_old");
    pane.turn("say on").await;
    let sent = stage.requests("POST /session/ses_old/prompt_async");
    assert_eq!(sent[0]["directory"], own.to_string_lossy().as_ref());

    let fork = Pane::open(&server, opening(&own, Conversation::Fork("ses_old".into()))).await;
    assert_ne!(fork.session(), "ses_old");
    server.shut_down().await;
}

#[tokio::test]
async fn failures_are_told_apart_and_end_the_turn() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    let failed = |outcome: Outcome| match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(pane.turn("fail 401 who are you").await), Failure::NotLoggedIn("who are you".into()));
    let limited = failed(pane.turn("fail 429 slow down").await);
    assert!(matches!(limited, Failure::RateLimited { until: Some(_), .. }), "{limited:?}");
    assert_eq!(failed(pane.turn("fail 500 out of order").await), Failure::Other("out of order (500)".into()));
    // This one is followed by no end of a turn at all.
    pane.command(Command::Set(Setting::Model("lab/nope".into())));
    assert_eq!(failed(pane.turn("say hi").await), Failure::UnknownModel("Model not found: lab/nope.".into()));
    pane.command(Command::Set(Setting::Model("lab/big".into())));
    assert_eq!(pane.turn("say well again").await, Outcome::Done);
    assert_eq!(pane.ends(), 5);
    server.shut_down().await;
}

#[tokio::test]
async fn a_broken_stream_leaves_neither_gaps_nor_doubles() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    // What is said right after the streams were closed is heard by nobody.
    pane.prompt("say one\nclose\nrun in the dark\nsay two\nwait 700\nsay three");
    assert_eq!(pane.ended().await, Outcome::Done);
    let texts = pane.texts();
    assert_eq!(texts[1..], ["one", "in the dark", "two", "three"]);
    assert!(!stage.requests(&format!("GET /session/{}/message", pane.session())).is_empty(), "it was asked for");
    server.shut_down().await;
}

#[tokio::test]
async fn a_turn_whose_end_was_missed_ends() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    pane.prompt("say one\nclose\nsay two");
    assert_eq!(pane.ended().await, Outcome::Done);
    assert_eq!(pane.texts()[1..], ["one", "two"]);
    assert_eq!((pane.turn("say three").await, pane.ends()), (Outcome::Done, 2));
    server.shut_down().await;
}

#[tokio::test]
async fn b8_a_run_that_does_not_listen_delays_nobody_and_catches_up() {
    let stage = Stage::new();
    let server = stage.server();
    let mut stalled = pane(&stage, &server).await;
    let mut other = pane(&stage, &server).await;
    stalled.prompt("flood 20000");
    // Nobody takes in what the server tells this one; the other goes on.
    assert_eq!(other.turn("wait 1500\nsay quick").await, Outcome::Done);
    assert_eq!(stalled.ended().await, Outcome::Done);
    let whole: String = (0..20_000).map(|at| format!("piece {at} ")).collect();
    assert_eq!(stalled.texts()[1], whole.trim_end());
    server.shut_down().await;
}

#[tokio::test]
async fn commands_go_their_own_way_and_compaction_ends() {
    let stage = Stage::new();
    let server = stage.server();
    let mut pane = pane(&stage, &server).await;
    pane.turn("say first").await;
    assert_eq!(pane.turn("/review the diff").await, Outcome::Done);
    let sent = stage.requests(&format!("POST /session/{}/command", pane.session()));
    assert_eq!((&sent[0]["body"]["command"], &sent[0]["body"]["arguments"]), (&json!("review"), &json!("the diff")));
    assert_eq!(pane.turn("/compact").await, Outcome::Done);
    assert_eq!(stage.requests(&format!("POST /session/{}/summarize", pane.session())).len(), 1);
    assert_eq!(pane.turn("/nothing of that name").await, Outcome::Done);
    let accepted = pane.signals.iter().filter(|signal| matches!(signal, Signal::PromptAccepted { .. })).count();
    assert_eq!((accepted, pane.ends()), (4, 4));
    server.shut_down().await;
}

#[tokio::test]
async fn a_turn_of_somebody_else_is_told_too() {
    let stage = Stage::new();
    let server = stage.server();
    let mut mine = pane(&stage, &server).await;
    let id: Arc<str> = mine.session().into();
    let mut theirs = Pane::open(&server, opening(&stage.directory("project"), Conversation::Resume(id))).await;
    theirs.prompt("say from the other side");
    mine.until("the turn", |signal| matches!(signal, Signal::TurnStarted)).await;
    assert_eq!((mine.ended().await, theirs.ended().await), (Outcome::Done, Outcome::Done));
    let keys = |pane: &Pane| pane.transcript.entries().iter().map(|entry| entry.key).collect::<Vec<_>>();
    assert_eq!(mine.texts().last().map(String::as_str), Some("from the other side"));
    assert_eq!(keys(&mine).last(), keys(&theirs).last());
    server.shut_down().await;
}
