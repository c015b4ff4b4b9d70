//! A conversation of a real agent that continues from before a prompt: the agent has what came before, and not the rest.

use std::sync::Arc;

use salon::domain::EntryKind;
use salon::domain::rewind::{ConversationRevert, ConversationStart};
use salon::domain::run::{Conversation, RunStart};
use salon::domain::{Session, SessionKey};
use salon::git::Git;
use salon::index::{self, IndexOptions, Refresh};
use salon::runtime::revert::{self, AgentPrograms};
use salon::runtime::rewind::RewindContext;
use salon::runtime::rewind_plan;

use crate::scene::{CLAUDE, CODEX, Driven, OPENCODE, Scene};
use crate::support::clock;

#[tokio::test]
async fn claude_continues_from_before_a_prompt() {
    rewind(&CLAUDE).await;
}

#[tokio::test]
async fn codex_continues_from_before_a_prompt() {
    rewind(&CODEX).await;
}

#[tokio::test]
async fn opencode_continues_from_before_a_prompt() {
    rewind(&OPENCODE).await;
}

async fn rewind(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let run = scene.begin("What is it?").await;
    scene.done(&run, 1).await;
    scene.submit(&run, "And when?").await;
    let info = scene.done(&run, 2).await;
    let key = info.session.clone().expect("a session");
    scene.close().await;
    scene.restart();
    let session = indexed(&scene, &key);
    let state_db = scene.home.project().parent().expect("the home").join("state.db");
    let start = rewind_plan::start_before(&session, &state_db, 2).expect("a point");
    let ConversationStart::Fork(record) = start else { panic!("{start:?}") };
    let opening = scene.opening(Conversation::Fork(key.id.clone()));
    let opening = RunStart { fork_at: Some(record), ..opening };
    let fork = scene.live.open_run(driven.agent(), opening, Some("And where?".to_owned())).await.expect("a run");
    let info = scene.done(&fork, 1).await;
    let forked = info.session.clone().expect("a session");
    assert_ne!(forked.id, key.id, "the session stays as it is");
    let heard = scene.model.heard().last().expect("asked").request.clone();
    assert!(heard.contains("What is it?") && heard.contains("And where?"), "{heard}");
    assert!(!heard.contains("And when?"), "it was taken back: {heard}");
    // The next process has the same conversation, although the point is no longer given.
    scene.submit(&fork, "And who?").await;
    scene.done(&fork, 2).await;
    let heard = scene.model.heard().last().expect("asked").request.clone();
    assert!(heard.contains("And where?") && !heard.contains("And when?"), "{heard}");
    scene.close().await;
}

/// OpenCode takes a conversation back in its own session: the model no longer hears it, and it can be undone until then.
#[tokio::test]
async fn opencode_takes_a_conversation_back_in_its_session() {
    let mut scene = Scene::new(&OPENCODE);
    let run = scene.begin("What is it?").await;
    scene.done(&run, 1).await;
    scene.submit(&run, "And when?").await;
    let info = scene.done(&run, 2).await;
    let key = info.session.clone().expect("a session");
    scene.close().await;
    scene.restart();
    let place = scene.home.project().parent().expect("the home").to_owned();
    let (state_db, session) = (place.join("state.db"), indexed(&scene, &key));
    let record = rewind_plan::record_before(&session, &state_db, 2).expect("a point");
    let change = |revert: ConversationRevert| {
        let (environment, vars) = (crate::scene::environment(&scene.home), scene.home.environment());
        let (session, store) = (session.clone(), scene.store.clone());
        let (git, own, state_db) = (Git::new(vars.clone()), place.join("git"), state_db.clone());
        let context = RewindContext { git, own, store, state_db, known_process: Some(std::process::id()) };
        // It blocks, with an event loop of its own.
        let changing = std::thread::spawn(move || {
            let programs = AgentPrograms { environment: &environment, vars: &vars };
            revert::run(context.request(&session), &revert, programs, clock())
        });
        changing.join().expect("no panic")
    };
    let reverted = || {
        let entries = crate::disk::on_disk(&scene.home, key.agent, &key.id);
        let of = |entry: &salon::domain::Entry| (entry.text.clone(), entry.reverted);
        entries.iter().filter(|entry| entry.kind == EntryKind::Prompt).map(of).collect::<Vec<_>>()
    };
    let prompts = |is_reverted| vec![("What is it?".to_owned(), false), ("And when?".to_owned(), is_reverted)];
    let from = || ConversationRevert::From { record: record.clone(), files: None };
    change(from()).expect("taken back");
    assert_eq!(reverted(), prompts(true));
    change(ConversationRevert::Undo { snapshot: None }).expect("undone");
    assert_eq!(reverted(), prompts(false));
    change(from()).expect("taken back");
    let opening = scene.opening(Conversation::Resume(key.id.clone()));
    let run = scene.live.open_run(scene.driven.agent(), opening, Some("And where?".to_owned())).await.expect("a run");
    let info = scene.done(&run, 1).await;
    assert_eq!(info.session, Some(key.clone()), "the same session");
    let heard = scene.model.heard().last().expect("asked").request.clone();
    assert!(heard.contains("What is it?") && heard.contains("And where?"), "{heard}");
    assert!(!heard.contains("And when?"), "it was taken back: {heard}");
    // The next prompt has deleted it.
    let reason = change(ConversationRevert::Undo { snapshot: None }).expect_err("nothing is left");
    assert!(reason.contains("the next prompt deleted it"), "{reason}");
    scene.close().await;
}

/// The session as salon lists it.
fn indexed(scene: &Scene, key: &SessionKey) -> Arc<Session> {
    let options = IndexOptions::new(crate::scene::environment(&scene.home), std::time::Instant::now);
    let all = index::collect(&options, Refresh::Changed).sessions;
    all.into_iter().find(|session| session.key == *key).expect("a session")
}
