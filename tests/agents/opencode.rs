//! The real OpenCode, driven over its own server: what a run tells is what its database holds afterwards.

use salon::agent::protocol::{Conversation, ProtocolCommand, ProtocolSignal, RunStart, ServerSpec};
use salon::domain::approval::ApprovalAnswer;
use salon::domain::run::{RunFailure, TurnOutcome};
use salon::domain::{Agent, Entry, EntryKind};
use salon::live::process::ChildEnvironment;
use salon::live::server::{ServerConfig, ServerHandle, ServerSource};

use crate::disk::on_disk;
use crate::harness::{Client, api, opencode, opening};
use crate::home::Home;
use crate::model;
use crate::support::is_alive;

fn server(home: &Home) -> ServerHandle {
    let launch = opencode().launch(&opening(home.project(), Conversation::New { id: None }));
    let source = ServerSource::Own { launch, environment: ChildEnvironment { vars: home.environment() } };
    ServerHandle::new(ServerConfig::new(source, opencode().server().expect("a server")))
}

/// A server whose early `/api` is used, which is that of 2.x but for the path of its health.
fn api_server(home: &Home) -> ServerHandle {
    let launch = opencode().launch(&opening(home.project(), Conversation::New { id: None }));
    let source = ServerSource::Own { launch, environment: ChildEnvironment { vars: home.environment() } };
    let spec = ServerSpec { health: "/api/health", ..api().server().expect("a server") };
    ServerHandle::new(ServerConfig::new(source, spec))
}

fn essence(entries: &[Entry]) -> Vec<(u64, EntryKind, String)> {
    entries.iter().map(|entry| (entry.key.raw(), entry.kind, entry.text.clone())).collect()
}

#[tokio::test]
async fn opencode_is_driven_and_its_database_says_the_same() {
    let home = Home::new(model::Model::start().port, &crate::installed());
    let server = server(&home);
    let mut client = Client::open(&server, opening(home.project(), Conversation::New { id: None })).await;
    let pid = server.status().pid.expect("a process");
    assert_eq!(client.turn("What is it?").await, TurnOutcome::Done);
    assert_eq!(client.turn("And when?").await, TurnOutcome::Done);
    assert_eq!(client.texts(), ["What is it?", model::ANSWER, "And when?", model::ANSWER]);
    let accepted =
        client.signals.iter().filter(|signal| matches!(signal, ProtocolSignal::PromptAccepted { .. })).count();
    assert_eq!((accepted, client.ends()), (2, 2));

    // Another place goes on with the same session.
    let session = client.session();
    let resumed = Conversation::Resume(session.as_str().into());
    let mut other = Client::open(&server, opening(home.project(), resumed)).await;
    assert_eq!(other.turn("Once more?").await, TurnOutcome::Done);
    assert_eq!(other.texts(), ["Once more?", model::ANSWER]);

    let unknown = Conversation::Resume("ses_00000000000000000000000000".into());
    let mut nowhere = Client::begin(server.open_session().await.expect("a place"), opening(home.project(), unknown));
    assert!(matches!(nowhere.fatal().await, RunFailure::UnknownSession(_)));

    server.shut_down().await;
    assert!(!is_alive(pid));
    let mut told = essence(client.transcript.entries());
    // What the other said came to this one too, as far as it was still listened to.
    told.truncate(4);
    told.extend(essence(other.transcript.entries()));
    assert_eq!(told, essence(&on_disk(&home, Agent::OpenCode, &session)));
}

#[tokio::test]
async fn opencode_is_driven_over_its_early_api_and_its_database_says_the_same() {
    let home = Home::new(model::Model::start().port, &crate::installed());
    let server = api_server(&home);
    let model = Some("lab/lab-model".to_owned());
    let start = RunStart { model, ..opening(home.project(), Conversation::New { id: None }) };
    let mut client = Client::open_api(&server, start).await;
    assert_eq!(client.turn("What is it?").await, TurnOutcome::Done);
    assert_eq!(client.texts(), ["What is it?", model::ANSWER]);

    // Allowed, denied with a reason, denied with an end of the turn.
    for (file, token, reason, is_made) in
        [("made", "once", None, true), ("kept", "deny", Some("rather not"), false), ("left", "reject", None, false)]
    {
        client.prompt(&format!("RUN touch {file}"));
        let approval = client.approval().await;
        assert_eq!(approval.action.headline(), format!("touch {file}"));
        let answer = ApprovalAnswer::Choice { token: token.into(), reason: reason.map(str::to_owned) };
        client.command(ProtocolCommand::Answer { id: approval.id, answer });
        client.ended().await;
        assert_eq!(home.project().join(file).exists(), is_made, "{file}");
    }

    client.prompt("SLOW please");
    let begun = |signal: &ProtocolSignal| format!("{signal:?}").contains(crate::script::SLOWLY);
    client.until("a slow answer", begun).await;
    client.command(ProtocolCommand::Interrupt);
    assert_eq!(client.ended().await, TurnOutcome::Interrupted);
    assert_eq!(client.turn("And when?").await, TurnOutcome::Done);
    assert_eq!((client.texts().last().map(String::as_str), client.ends()), (Some(model::ANSWER), 6));

    let session = client.session();
    let resumed = Conversation::Resume(session.as_str().into());
    let mut other = Client::open_api(&server, opening(home.project(), resumed)).await;
    assert_eq!(other.turn("Once more?").await, TurnOutcome::Done);
    let unknown = Conversation::Resume("ses_00000000000000000000000000".into());
    let place = server.open_session().await.expect("a place");
    let mut nowhere = Client::begin_with(place, opening(home.project(), unknown), api());
    assert!(matches!(nowhere.fatal().await, RunFailure::UnknownSession(_)));

    let pid = server.status().pid.expect("a process");
    server.shut_down().await;
    assert!(!is_alive(pid));
    let stored = essence(&on_disk(&home, Agent::OpenCode, &session));
    let mut told = essence(client.transcript.entries());
    let count = stored.len() - other.transcript.entries().len();
    told.truncate(count);
    told.extend(essence(other.transcript.entries()));
    assert_eq!(told, stored);
}
