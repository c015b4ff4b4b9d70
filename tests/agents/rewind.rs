//! A conversation of a real agent that continues from before a prompt: the agent has what came before, and not the rest.

use std::sync::Arc;

use salon::agent;
use salon::domain::rewind::ConversationStart;
use salon::domain::run::{Conversation, RunStart};
use salon::domain::{Session, SessionKey};
use salon::runtime::rewind_plan;

use crate::scene::{CLAUDE, CODEX, Driven, Scene};

#[tokio::test]
async fn claude_continues_from_before_a_prompt() {
    rewind(&CLAUDE).await;
}

#[tokio::test]
async fn codex_continues_from_before_a_prompt() {
    rewind(&CODEX).await;
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
    let session = stored(&scene, &key);
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

/// The session as its agent stores it.
fn stored(scene: &Scene, key: &SessionKey) -> Arc<Session> {
    let format = agent::format(key.agent);
    let environment = crate::scene::environment(&scene.home);
    let roots = format.roots(&environment);
    let sources = roots.iter().flat_map(|root| agent::archive::discover(format, root).sources);
    let named = sources.filter(|source| source.path.to_string_lossy().contains(&*key.id));
    let found = named.flat_map(|source| format.peek(&source)).find(|session| session.key == *key);
    Arc::new(found.expect("a session"))
}
