//! Sessions on the server: turns, interrupts, approvals, interrupted streams.

use std::sync::Arc;

use salon::agent::protocol::{Conversation, ProtocolCommand, ProtocolSignal, RunSetting};
use salon::domain::approval::{ApprovalAnswer, ChoiceKind, QuestionOption};
use salon::domain::run::{Activity, RunFailure, TurnOutcome};
use salon::domain::{EntryKind, ToolStatus};
use salon::live::server::ServerHandle;
use serde_json::json;

use super::harness::{Client, ServerHarness, opening};

const NEW: Conversation = Conversation::New { id: None };

async fn client(harness: &ServerHarness, server: &ServerHandle) -> Client {
    Client::open(server, opening(&harness.directory("project"), NEW)).await
}

fn choice(token: &str, reason: Option<&str>) -> ApprovalAnswer {
    ApprovalAnswer::Choice { token: token.into(), reason: reason.map(str::to_owned) }
}

#[tokio::test]
async fn every_step_of_a_script_is_reported_and_equals_the_stored_session() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    let script =
        "think hm hm\nsay one two\nrun ls\nplan A | B\nflood 500\nlong 100000\ngarbage\nstray\nretry\ncompact\ntwice";
    assert_eq!(client.turn(script).await, TurnOutcome::Done);
    // A repeated end of this turn would arrive before the end of the next one.
    assert_eq!(client.turn("say after").await, TurnOutcome::Done);
    assert_eq!(client.ends(), 2);
    let kinds: Vec<_> = client.transcript.entries().iter().map(|entry| entry.kind).collect();
    use EntryKind::{Other, Plan, Prompt, Text, Thinking, Tool};
    assert_eq!(kinds, [Prompt, Thinking, Text, Tool, Plan, Text, Text, Other, Text, Prompt, Text]);
    let entries = client.transcript.entries();
    assert_eq!(entries[2].text, "one two");
    let tool = entries[3].tool.as_ref().expect("a tool");
    assert_eq!((tool.status, tool.output.as_str()), (ToolStatus::Done, "output of ls"));
    assert_eq!(entries[6].text.len(), 100_000);
    assert!(
        client
            .signals
            .iter()
            .any(|signal| matches!(signal, ProtocolSignal::Activity(Activity::Retrying { attempt: 1, .. })))
    );
    assert!(client.signals.iter().any(|signal| matches!(signal, ProtocolSignal::Activity(Activity::Compacting))));
    let usage = client.signals.iter().find_map(|signal| match signal {
        ProtocolSignal::Usage { context: Some(context), .. } => Some(*context),
        _ => None,
    });
    assert_eq!(usage, Some((21, 200_000)));
    server.shut_down().await;
}

#[tokio::test]
async fn b15_an_interrupt_aborts_generation() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    client.prompt("say before\nhang\nsay never");
    client
        .until(
            "the answer",
            |signal| matches!(signal, ProtocolSignal::Event(event) if format!("{event:?}").contains("before")),
        )
        .await;
    client.command(ProtocolCommand::Interrupt);
    assert_eq!(client.ended().await, TurnOutcome::Interrupted);
    assert_eq!(harness.requests(&format!("POST /session/{}/abort", client.session())).len(), 1);
    // The server reports idle twice per abort; the second report must not end the next turn.
    assert_eq!(client.turn("wait 50\nsay whole").await, TurnOutcome::Done);
    assert_eq!(client.texts().last().map(String::as_str), Some("whole"));
    assert!(!client.texts().iter().any(|text| text == "never"));
    assert_eq!(client.ends(), 2);
    server.shut_down().await;
}

#[tokio::test]
async fn b15_an_interrupt_before_the_prompt_arrived_still_stops_it() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    client.prompt("hang");
    client.command(ProtocolCommand::Interrupt);
    assert_eq!(client.ended().await, TurnOutcome::Interrupted);
    server.shut_down().await;
}

#[tokio::test]
async fn b19_a_tool_with_an_approval_is_one_entry_for_any_answer() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    let answers = [
        ("once", None, ToolStatus::Done, true),
        ("always", None, ToolStatus::Done, true),
        ("deny", Some("rather not"), ToolStatus::Denied, true),
        ("reject", None, ToolStatus::Denied, false),
    ];
    for (at, (token, reason, status, goes_on)) in answers.into_iter().enumerate() {
        client.prompt(&format!("ask touch {at}\nsay done {at}"));
        let approval = client.approval().await;
        let kinds: Vec<_> = approval.choices.iter().map(|choice| choice.kind).collect();
        use ChoiceKind::{AllowAlways, AllowOnce, Deny, DenyAndStop};
        assert_eq!(kinds, [AllowOnce, AllowAlways, Deny, DenyAndStop]);
        assert_eq!(approval.action.headline(), format!("touch {at}"));
        assert_eq!(approval.input, json!({"command": format!("touch {at}")}));
        client.command(ProtocolCommand::Answer { id: approval.id, answer: choice(token, reason) });
        assert_eq!(client.ended().await, TurnOutcome::Done);
        let tools: Vec<_> = client.transcript.entries().iter().filter_map(|entry| entry.tool.as_ref()).collect();
        assert_eq!((tools.len(), tools[at].status), (at + 1, status));
        let texts = format!("done {at}");
        assert_eq!(client.texts().contains(&texts), goes_on, "{token}");
    }
    let replies: Vec<_> =
        harness.requests("POST /permission/").into_iter().map(|record| record["body"].clone()).collect();
    assert_eq!(replies[2], json!({"reply": "reject", "message": "rather not"}));
    assert_eq!(replies[3], json!({"reply": "reject"}));
    server.shut_down().await;
}

#[tokio::test]
async fn b20_an_interrupt_closes_open_approvals() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    client.prompt("ask rm everything");
    let approval = client.approval().await;
    client.command(ProtocolCommand::Interrupt);
    let id = approval.id.clone();
    client.until("its end", |signal| matches!(signal, ProtocolSignal::ApprovalGone(gone) if *gone == id)).await;
    assert!(
        client.signals.iter().any(|signal| matches!(signal, ProtocolSignal::TurnEnded(TurnOutcome::Interrupted))) || {
            client.ended().await == TurnOutcome::Interrupted
        }
    );
    server.shut_down().await;
}

#[tokio::test]
async fn questions_are_asked_and_answered() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    client.prompt("question Which one? | red | blue");
    let approval = client.approval().await;
    assert_eq!(approval.questions[0].text, "Which one?");
    assert_eq!(approval.questions[0].options, ["red", "blue"].map(QuestionOption::plain));
    client.command(ProtocolCommand::Answer {
        id: approval.id,
        answer: ApprovalAnswer::Answers(vec![vec!["blue".into()]]),
    });
    client.ended().await;
    assert_eq!(client.texts().last().map(String::as_str), Some("you chose blue"));

    client.prompt("question Which one? | red | blue");
    let approval = client.approval().await;
    client.command(ProtocolCommand::Answer { id: approval.id, answer: choice("dismiss", None) });
    assert_eq!(client.ended().await, TurnOutcome::Done);
    server.shut_down().await;
}

#[tokio::test]
async fn b28_an_unknown_session_is_refused_not_replaced() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let project = harness.directory("project");
    for conversation in [Conversation::Resume("ses_gone".into()), Conversation::Fork("ses_gone".into())] {
        let mut client = Client::begin(server.open_session().await.expect("a place"), opening(&project, conversation));
        let failure = client.fatal().await;
        let RunFailure::UnknownSession(words) = failure else { panic!("{failure:?}") };
        assert!(words.contains("ses_gone") && words.contains("start a new session"), "{words}");
    }
    assert!(harness.requests("POST /session").iter().all(|record| record["request"] == "POST /session/ses_gone/fork"));
    server.shut_down().await;
}

#[tokio::test]
async fn b17_a_session_continues_in_its_own_directory_and_a_fork_is_a_new_one() {
    let harness = ServerHarness::new();
    let own = harness.directory("its own");
    let harness = harness.with("FAKE_SESSIONS", &format!("ses_old={}", own.display()));
    let server = harness.server();
    let elsewhere = harness.directory("elsewhere");
    let mut client = Client::open(&server, opening(&elsewhere, Conversation::Resume("ses_old".into()))).await;
    assert_eq!(client.session(), "ses_old");
    client.turn("say on").await;
    let sent = harness.requests("POST /session/ses_old/prompt_async");
    assert_eq!(sent[0]["directory"], own.to_string_lossy().as_ref());

    let fork = Client::open(&server, opening(&own, Conversation::Fork("ses_old".into()))).await;
    assert_ne!(fork.session(), "ses_old");
    server.shut_down().await;
}

#[tokio::test]
async fn failures_are_distinguished_and_end_the_turn() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    let failed = |outcome: TurnOutcome| match outcome {
        TurnOutcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(client.turn("fail 401 who are you").await), RunFailure::NotLoggedIn("who are you".into()));
    let limited = failed(client.turn("fail 429 slow down").await);
    assert!(matches!(limited, RunFailure::RateLimited { until: Some(_), .. }), "{limited:?}");
    assert_eq!(failed(client.turn("fail 500 out of order").await), RunFailure::Other("out of order (500)".into()));
    // No end of a turn follows this one.
    client.command(ProtocolCommand::Set(RunSetting::Model("lab/nope".into())));
    assert_eq!(failed(client.turn("say hi").await), RunFailure::UnknownModel("Model not found: lab/nope.".into()));
    client.command(ProtocolCommand::Set(RunSetting::Model("lab/big".into())));
    assert_eq!(client.turn("say well again").await, TurnOutcome::Done);
    assert_eq!(client.ends(), 5);
    server.shut_down().await;
}

#[tokio::test]
async fn an_interrupted_stream_leaves_no_gap_and_no_duplicate() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    // Output right after the streams were closed is received by no client.
    client.prompt("say one\nclose\nrun in the dark\nsay two\nwait 700\nsay three");
    assert_eq!(client.ended().await, TurnOutcome::Done);
    let texts = client.texts();
    assert_eq!(texts[1..], ["one", "in the dark", "two", "three"]);
    assert!(!harness.requests(&format!("GET /session/{}/message", client.session())).is_empty(), "it was asked for");
    server.shut_down().await;
}

#[tokio::test]
async fn a_turn_whose_end_was_missed_ends() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    client.prompt("say one\nclose\nsay two");
    assert_eq!(client.ended().await, TurnOutcome::Done);
    assert_eq!(client.texts()[1..], ["one", "two"]);
    assert_eq!((client.turn("say three").await, client.ends()), (TurnOutcome::Done, 2));
    server.shut_down().await;
}

#[tokio::test]
async fn b8_a_slow_run_delays_no_other_and_catches_up() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut stalled = client(&harness, &server).await;
    let mut other = client(&harness, &server).await;
    stalled.prompt("flood 20000");
    // One client reads no events; the other one continues.
    assert_eq!(other.turn("wait 1500\nsay quick").await, TurnOutcome::Done);
    assert_eq!(stalled.ended().await, TurnOutcome::Done);
    let whole: String = (0..20_000).map(|at| format!("piece {at} ")).collect();
    assert_eq!(stalled.texts()[1], whole.trim_end());
    server.shut_down().await;
}

#[tokio::test]
async fn agent_commands_and_compaction_end_their_turns() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut client = client(&harness, &server).await;
    client.turn("say first").await;
    assert_eq!(client.turn("/review the diff").await, TurnOutcome::Done);
    let sent = harness.requests(&format!("POST /session/{}/command", client.session()));
    assert_eq!((&sent[0]["body"]["command"], &sent[0]["body"]["arguments"]), (&json!("review"), &json!("the diff")));
    assert_eq!(client.turn("/compact").await, TurnOutcome::Done);
    assert_eq!(harness.requests(&format!("POST /session/{}/summarize", client.session())).len(), 1);
    assert_eq!(client.turn("/nothing of that name").await, TurnOutcome::Done);
    let accepted =
        client.signals.iter().filter(|signal| matches!(signal, ProtocolSignal::PromptAccepted { .. })).count();
    assert_eq!((accepted, client.ends()), (4, 4));
    server.shut_down().await;
}

#[tokio::test]
async fn a_turn_of_another_client_is_reported_too() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let mut mine = client(&harness, &server).await;
    let id: Arc<str> = mine.session().into();
    let mut theirs = Client::open(&server, opening(&harness.directory("project"), Conversation::Resume(id))).await;
    theirs.prompt("say from the other side");
    mine.until("the turn", |signal| matches!(signal, ProtocolSignal::TurnStarted)).await;
    assert_eq!((mine.ended().await, theirs.ended().await), (TurnOutcome::Done, TurnOutcome::Done));
    let keys = |client: &Client| client.transcript.entries().iter().map(|entry| entry.key).collect::<Vec<_>>();
    assert_eq!(mine.texts().last().map(String::as_str), Some("from the other side"));
    assert_eq!(keys(&mine).last(), keys(&theirs).last());
    server.shut_down().await;
}
