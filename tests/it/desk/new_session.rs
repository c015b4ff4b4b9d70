//! The dialog in which a new session is begun.

use salon::app::Msg;
use salon::app::layer::Layer;
use salon::app::runs::{RunEffect, RunMsg};
use salon::domain::Agent;
use salon::domain::run::{Conversation, Opening};

use crate::screens::stage::Stage;

/// The new-session dialog, with what it asked for forgotten.
fn new_session() -> Stage {
    let mut stage = Stage::full(120, 40);
    stage.send(Msg::Run(RunMsg::Agents(vec![(Agent::Claude, true), (Agent::OpenCode, true), (Agent::Codex, false)])));
    stage.keys("n").take_effects();
    stage
}

fn begun(stage: &mut Stage) -> Option<(Agent, Opening, Option<String>)> {
    stage.asked().into_iter().find_map(|effect| match effect {
        RunEffect::Begin { agent, opening, prompt, .. } => Some((agent, opening, prompt)),
        _ => None,
    })
}

#[test]
fn a_new_session_begins_with_what_was_chosen() {
    let mut stage = new_session();
    stage.keys("H i alt-enter t h e r e up up p l a n up s o n n e t enter");
    let mut opening = Opening::new(Conversation::New { id: None }, "/home/ann/shop-api".into());
    (opening.model, opening.mode) = (Some("sonnet".into()), Some("plan".into()));
    assert_eq!(begun(&mut stage), Some((Agent::Claude, opening, Some("Hi\nthere".to_owned()))));
}

#[test]
fn a_directory_is_completed_and_an_agent_that_is_missing_is_said_to_be() {
    let mut stage = new_session();
    stage.keys("up up up ctrl-u / h o");
    let asked = stage.asked();
    assert_eq!(asked.last(), Some(&RunEffect::FindDirectories { query: "/ho".into() }));
    let late = RunMsg::Paths { query: "/h".into(), found: vec!["/hurd".into()] };
    let found = RunMsg::Paths { query: "/ho".into(), found: vec!["/home".into(), "/house".into()] };
    stage.send(Msg::Run(found)).send(Msg::Run(late)).keys("tab");
    assert!(stage.screen().contains("/home"));
    stage.keys("up left enter");
    assert_eq!(begun(&mut stage), None);
    assert!(stage.screen().contains("Codex is not installed"), "{}", stage.screen());
    stage.keys("left enter");
    assert_eq!(begun(&mut stage), None, "no process is started before there is a prompt");
    stage.keys("g o enter");
    let (agent, opening, prompt) = begun(&mut stage).expect("begun");
    assert_eq!((agent, opening.cwd.to_str(), prompt.as_deref()), (Agent::OpenCode, Some("/home"), Some("go")));
}

#[test]
fn h36_a_new_session_that_skips_permissions_is_asked_about() {
    let mut stage = new_session();
    stage.send(Msg::Paste("one\ntwo".into())).keys("up up").send(Msg::Paste("bypassPermissions".into())).keys("enter");
    assert_eq!(begun(&mut stage), None);
    stage.keys("1");
    assert!(matches!(stage.app.layers.as_slice(), [Layer::NewSession(_)]), "nothing that was typed is lost");
    stage.keys("enter 2");
    let (_, opening, prompt) = begun(&mut stage).expect("begun");
    assert_eq!((opening.mode.as_deref(), prompt.as_deref()), (Some("bypassPermissions"), Some("one\ntwo")));
}
