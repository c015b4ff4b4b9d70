//! The real OpenCode, driven over its own server: what a run tells is what its database holds afterwards.

use salon::agent::protocol::{Conversation, Signal};
use salon::domain::run::{Failure, Outcome};
use salon::domain::{Agent, Entry, EntryKind};
use salon::live::process::ChildEnvironment;
use salon::live::server::{Hosting, Server, Source};

use crate::disk::on_disk;
use crate::home::Home;
use crate::model;
use crate::stage::{Pane, opencode, opening};
use crate::support::lives;

fn server(home: &Home) -> Server {
    let launch = opencode().launch(&opening(home.project(), Conversation::New { id: None }));
    let source = Source::Own { launch, environment: ChildEnvironment { vars: home.environment() } };
    Server::new(Hosting::new(source, opencode().server().expect("a server")))
}

fn essence(entries: &[Entry]) -> Vec<(u64, EntryKind, String)> {
    entries.iter().map(|entry| (entry.key.raw(), entry.kind, entry.text.clone())).collect()
}

#[tokio::test]
async fn opencode_is_driven_and_its_database_says_the_same() {
    let home = Home::new(model::Model::start().port, &crate::installed());
    let server = server(&home);
    let mut pane = Pane::open(&server, opening(home.project(), Conversation::New { id: None })).await;
    let pid = server.condition().pid.expect("a process");
    assert_eq!(pane.turn("What is it?").await, Outcome::Done);
    assert_eq!(pane.turn("And when?").await, Outcome::Done);
    assert_eq!(pane.texts(), ["What is it?", model::ANSWER, "And when?", model::ANSWER]);
    let accepted = pane.signals.iter().filter(|signal| matches!(signal, Signal::PromptAccepted { .. })).count();
    assert_eq!((accepted, pane.ends()), (2, 2));

    // Another place goes on with the same session.
    let session = pane.session();
    let resumed = Conversation::Resume(session.as_str().into());
    let mut other = Pane::open(&server, opening(home.project(), resumed)).await;
    assert_eq!(other.turn("Once more?").await, Outcome::Done);
    assert_eq!(other.texts(), ["Once more?", model::ANSWER]);

    let unknown = Conversation::Resume("ses_00000000000000000000000000".into());
    let mut nowhere = Pane::begin(server.seat().await.expect("a place"), opening(home.project(), unknown));
    assert!(matches!(nowhere.fatal().await, Failure::UnknownSession(_)));

    server.shut_down().await;
    assert!(!lives(pid));
    let mut told = essence(pane.transcript.entries());
    // What the other said came to this one too, as far as it was still listened to.
    told.truncate(4);
    told.extend(essence(other.transcript.entries()));
    assert_eq!(told, essence(&on_disk(&home, Agent::OpenCode, &session)));
}
