//! Sessions over the interface of 2.x: turns, interrupts, approvals, interrupted streams. `early` is the form of 1.18, which
//! does not report the end of a turn.

use salon::agent::protocol::{Conversation, ProtocolCommand, ProtocolSignal, RunSetting};
use salon::domain::approval::{ApprovalAnswer, ChoiceKind};
use salon::domain::prompt::PromptId;
use salon::domain::run::{Activity, RunFailure, TurnOutcome};
use salon::domain::{EntryKind, ToolStatus};
use salon::live::server::ServerHandle;
use serde_json::{Value, json};

use super::harness::{Client, ServerHarness, api, opening};

const NEW: Conversation = Conversation::New { id: None };
const VERSIONS: [&str; 2] = ["2.0.3", "2.0.0-early"];

fn harness(version: &str) -> ServerHarness {
    ServerHarness::new().with("FAKE_VERSION", version)
}

async fn client(harness: &ServerHarness, server: &ServerHandle) -> Client {
    Client::open_api(server, opening(&harness.directory("project"), NEW)).await
}

fn choice(token: &str, reason: Option<&str>) -> ApprovalAnswer {
    ApprovalAnswer::Choice { token: token.into(), reason: reason.map(str::to_owned) }
}

async fn says(client: &mut Client, text: &str) {
    let wanted =
        |signal: &ProtocolSignal| matches!(signal, ProtocolSignal::Event(event) if format!("{event:?}").contains(text));
    client.until(text, wanted).await;
}

#[tokio::test]
async fn a_turn_over_api_has_texts_tools_and_usage() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        assert_eq!(
            client.turn("think hm hm\nsay one two\nrun ls\nflood 500\ngarbage\nretry\ntwice").await,
            TurnOutcome::Done,
            "{version}"
        );
        assert_eq!(client.turn("say after").await, TurnOutcome::Done);
        assert_eq!(client.ends(), 2, "{version}: a repeated end does not end the next turn");
        let entries = client.transcript.entries();
        let kinds: Vec<_> = entries.iter().map(|entry| entry.kind).collect();
        use EntryKind::{Other, Prompt, Text, Thinking, Tool};
        assert_eq!(kinds, [Prompt, Thinking, Text, Tool, Text, Other, Other, Prompt, Text], "{version}");
        assert_eq!((entries[1].text.as_str(), entries[2].text.as_str()), ("hm hm", "one two"));
        let tool = entries[3].tool.as_ref().expect("a tool");
        assert_eq!((tool.status, tool.output.as_str()), (ToolStatus::Done, "output of ls"));
        assert!(entries[4].text.ends_with("piece 499"), "{}", entries[4].text);
        let is_retry =
            |signal: &ProtocolSignal| matches!(signal, ProtocolSignal::Activity(Activity::Retrying { attempt: 1, .. }));
        assert!(client.signals.iter().any(is_retry));
        let contexts: Vec<_> = client
            .signals
            .iter()
            .filter_map(|signal| match signal {
                ProtocolSignal::Usage { context, .. } => *context,
                _ => None,
            })
            .collect();
        assert_eq!(contexts.last(), Some(&(21, 200_000)), "{version}");
        let accepted =
            client.signals.iter().filter(|signal| matches!(signal, ProtocolSignal::PromptAccepted { .. })).count();
        let recorded =
            client.signals.iter().filter(|signal| matches!(signal, ProtocolSignal::PromptRecorded { .. })).count();
        assert_eq!((accepted, recorded), (2, 2), "{version}");
        let ready = client.signals.iter().find_map(|signal| match signal {
            ProtocolSignal::Ready(capabilities) => Some(capabilities.clone()),
            _ => None,
        });
        let ready = ready.expect("ready");
        assert_eq!((ready.version.as_deref(), ready.modes), (Some(version), vec!["build".into(), "plan".into()]));
        assert_eq!(ready.models[0], ("lab/big".to_owned(), "Big (lab)".to_owned()));
        server.shut_down().await;
    }
}

#[tokio::test]
async fn a_prompt_in_the_older_form_is_sent_once_and_then_at_once() {
    let harness = harness("2.0.0-early");
    let server = harness.api_server();
    let mut client = client(&harness, &server).await;
    client.turn("say one").await;
    client.turn("say two").await;
    let sent = harness.requests("POST /api/session/");
    let bodies: Vec<&Value> = sent.iter().map(|record| &record["body"]).filter(|body| body["id"].is_string()).collect();
    assert_eq!(bodies.len(), 3, "{bodies:?}");
    assert_eq!(bodies[0]["id"], bodies[1]["id"], "the same prompt");
    assert_eq!(client.texts(), ["say one", "one", "say two", "two"]);
    server.shut_down().await;
}

#[tokio::test]
async fn an_interrupt_over_api_ends_the_turn_and_the_next_one_works() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        client.prompt("say before\nhang\nsay never");
        says(&mut client, "before").await;
        client.command(ProtocolCommand::Interrupt);
        assert_eq!(client.ended().await, TurnOutcome::Interrupted, "{version}");
        assert_eq!(client.turn("wait 50\nsay whole").await, TurnOutcome::Done, "{version}");
        assert_eq!(client.texts().last().map(String::as_str), Some("whole"));
        assert!(!client.texts().iter().any(|text| text == "never"));
        // One that is sent before the prompt arrived stops it as well.
        client.prompt("hang");
        client.command(ProtocolCommand::Interrupt);
        assert_eq!(client.ended().await, TurnOutcome::Interrupted, "{version}");
        assert_eq!(client.ends(), 3);
        server.shut_down().await;
    }
}

#[tokio::test]
async fn a_permission_over_api_is_allowed_or_denied() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        let answers = [
            ("once", None, ToolStatus::Done, true),
            ("always", None, ToolStatus::Done, true),
            ("deny", Some("rather not"), ToolStatus::Denied, true),
            ("reject", None, ToolStatus::Interrupted, false),
        ];
        for (at, (token, reason, status, goes_on)) in answers.into_iter().enumerate() {
            client.prompt(&format!("ask touch {at}\nsay done {at}"));
            let approval = client.approval().await;
            let kinds: Vec<_> = approval.choices.iter().map(|choice| choice.kind).collect();
            use ChoiceKind::{AllowAlways, AllowOnce, Deny, DenyAndStop};
            assert_eq!(kinds, [AllowOnce, AllowAlways, Deny, DenyAndStop]);
            assert_eq!(approval.action.headline(), format!("touch {at}"));
            client.command(ProtocolCommand::Answer { id: approval.id, answer: choice(token, reason) });
            client.ended().await;
            let tools: Vec<_> = client.transcript.entries().iter().filter_map(|entry| entry.tool.as_ref()).collect();
            assert_eq!((tools.len(), tools[at].status), (at + 1, status), "{version} {token}");
            assert_eq!(client.texts().contains(&format!("done {at}")), goes_on, "{version} {token}");
        }
        let replies: Vec<Value> =
            harness.requests("POST /api/session/").into_iter().map(|mut record| record["body"].take()).collect();
        let replies: Vec<_> = replies.into_iter().filter(|body| body["reply"].is_string()).collect();
        assert_eq!(replies[2], json!({"reply": "reject", "message": "rather not"}));
        assert_eq!(replies[3], json!({"reply": "reject"}));
        server.shut_down().await;
    }
}

#[tokio::test]
async fn an_interrupt_over_api_closes_open_approvals() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        client.prompt("ask rm everything");
        let approval = client.approval().await;
        client.command(ProtocolCommand::Interrupt);
        assert_eq!(client.ended().await, TurnOutcome::Interrupted, "{version}");
        let is_gone =
            |signal: &ProtocolSignal| matches!(signal, ProtocolSignal::ApprovalGone(id) if *id == approval.id);
        assert!(client.signals.iter().any(is_gone), "{version}");
        server.shut_down().await;
    }
}

#[tokio::test]
async fn questions_and_forms_are_answered() {
    for (version, word) in [("2.0.3", "green"), ("2.0.0-early", "Green")] {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        client.prompt("question Which one? | Red | Green");
        let approval = client.approval().await;
        assert_eq!(approval.questions[0].text, "Which one?");
        assert_eq!(approval.questions[0].options[1].label, "Green");
        let answer = ApprovalAnswer::Answers(vec![vec!["Green".to_owned()]]);
        client.command(ProtocolCommand::Answer { id: approval.id, answer });
        assert_eq!(client.ended().await, TurnOutcome::Done);
        assert_eq!(client.texts().last(), Some(&format!("you chose {word}")), "{version}");
        client.prompt("question Again? | Red | Green");
        let approval = client.approval().await;
        client.command(ProtocolCommand::Answer { id: approval.id, answer: choice("dismiss", None) });
        client.ended().await;
        assert_eq!(client.ends(), 2, "{version}");
        server.shut_down().await;
    }
}

#[tokio::test]
async fn a_prompt_joins_the_open_turn() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        client.prompt("say first\nwait 200");
        says(&mut client, "first").await;
        let text = "say second".to_owned();
        client.command(ProtocolCommand::Steer { id: PromptId(77), text, images: Vec::new() });
        assert_eq!(client.ended().await, TurnOutcome::Done);
        assert_eq!(client.texts(), ["say first\nwait 200", "first", "say second", "second"], "{version}");
        let is_accepted =
            |signal: &ProtocolSignal| matches!(signal, ProtocolSignal::PromptAccepted { id } if *id == PromptId(77));
        assert!(client.signals.iter().any(is_accepted), "{version}");
        server.shut_down().await;
    }
}

#[tokio::test]
async fn failures_over_api_are_classified() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        for (status, text) in [(401, "no key"), (429, "slow down"), (500, "oops")] {
            let outcome = client.turn(&format!("fail {status} {text}")).await;
            let TurnOutcome::Failed(failure) = outcome else { panic!("{version} {status}: {outcome:?}") };
            let is_right = match status {
                401 => matches!(failure, RunFailure::NotLoggedIn(_)),
                429 => matches!(failure, RunFailure::RateLimited { .. }),
                _ => matches!(failure, RunFailure::Other(_)),
            };
            assert!(is_right, "{version} {status}: {failure:?}");
        }
        server.shut_down().await;
    }
}

#[tokio::test]
async fn an_interrupted_stream_over_api_loses_nothing() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut client = client(&harness, &server).await;
        assert_eq!(client.turn("say one\nclose\nsay two\nwait 300\nsay three").await, TurnOutcome::Done, "{version}");
        let whole = client.texts().join(" ");
        for word in ["one", "two", "three"] {
            assert!(whole.contains(word), "{version}: {whole}");
        }
        server.shut_down().await;
    }
}

#[tokio::test]
async fn a_session_is_resumed_with_another_clients_turn_and_its_approval() {
    for version in VERSIONS {
        let harness = harness(version);
        let server = harness.api_server();
        let mut first = client(&harness, &server).await;
        first.prompt("say working\nask rm it\nsay done");
        first.approval().await;
        let resumed = Conversation::Resume(first.session().as_str().into());
        let mut second = Client::open_api(&server, opening(&harness.directory("elsewhere"), resumed)).await;
        let approval = second.approval().await;
        second.command(ProtocolCommand::Answer { id: approval.id, answer: choice("once", None) });
        assert_eq!(second.ended().await, TurnOutcome::Done, "{version}");
        assert_eq!(first.ended().await, TurnOutcome::Done, "{version}");
        // The list of earlier messages may arrive after events, so the order is that of the arrival.
        for client in [&first, &second] {
            assert!(client.texts().contains(&"done".to_owned()), "{version}: {:?}", client.texts());
        }
        // A client that leaves does not interrupt the turn of another.
        first.prompt("say again\nwait 200\nsay ready");
        says(&mut second, "again").await;
        second.command(ProtocolCommand::Close);
        assert_eq!(first.ended().await, TurnOutcome::Done, "{version}");
        server.shut_down().await;
    }
}

#[tokio::test]
async fn settings_reach_the_server_before_the_prompt() {
    let harness = harness("2.0.3");
    let server = harness.api_server();
    let mut client = client(&harness, &server).await;
    client.command(ProtocolCommand::Set(RunSetting::Model("lab/family/small".into())));
    client.command(ProtocolCommand::Set(RunSetting::Effort("high".into())));
    client.command(ProtocolCommand::Set(RunSetting::Mode("plan".into())));
    client.turn("say hello").await;
    let sent = harness.requests("POST /api/session/");
    let paths: Vec<_> = sent.iter().filter_map(|record| record["request"].as_str()?.rsplit('/').next()).collect();
    assert_eq!(paths.last(), Some(&"prompt"), "{paths:?}");
    let model = json!({"id": "family/small", "providerID": "lab", "variant": "high"});
    assert!(sent.iter().any(|record| record["body"]["model"] == model), "{sent:?}");
    assert!(sent.iter().any(|record| record["body"]["agent"] == "plan"));
    server.shut_down().await;
}

#[tokio::test]
async fn what_the_version_cannot_do_is_reported_with_its_number() {
    let harness = harness("2.0.0-early");
    let server = harness.api_server();
    let mut client = client(&harness, &server).await;
    assert_eq!(client.turn("/review this").await, TurnOutcome::Done);
    assert_eq!(client.texts().last().map(String::as_str), Some("review of this"));
    let outcome = client.turn("/compact").await;
    let wanted = "OpenCode 2.0.0-early cannot run /compact: Session compact is not available yet";
    assert_eq!(outcome, TurnOutcome::Failed(RunFailure::Other(wanted.into())));
    let fork = Conversation::Fork(client.session().as_str().into());
    let place = server.open_session().await.expect("a place");
    let mut fork = Client::begin_with(place, opening(&harness.directory("p"), fork), api());
    let failure = fork.fatal().await;
    assert!(failure.to_string().contains("cannot fork a session"), "{failure}");
    let unknown = Conversation::Resume("ses_nowhere".into());
    let place = server.open_session().await.expect("a place");
    let mut unknown = Client::begin_with(place, opening(&harness.directory("p"), unknown), api());
    assert!(matches!(unknown.fatal().await, RunFailure::UnknownSession(_)));
    server.shut_down().await;
}
