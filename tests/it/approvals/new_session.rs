//! The new-session dialog.

use salon::app::Effect;
use salon::app::Msg;
use salon::app::layer::Layer;
use salon::app::msg::RequestTicket;
use salon::app::runs::{ModelSource, RunMsg};
use salon::domain::Agent;
use salon::domain::remote::{RemoteState, RemoteStatus};
use salon::domain::run::{Conversation, FolderTrust, RunStart};
use salon::domain::worktree::WorktreeReady;

use crate::screens::stage::Stage;

/// The new-session dialog, with its effects discarded.
fn new_session() -> Stage {
    let mut stage = Stage::full(120, 40);
    stage.send(Msg::Run(RunMsg::Agents(vec![(Agent::Claude, true), (Agent::OpenCode, true), (Agent::Codex, false)])));
    stage.keys("n").take_effects();
    stage
}

fn started(stage: &mut Stage) -> Option<(Agent, RunStart, Option<String>)> {
    stage.asked().into_iter().find_map(|effect| match effect {
        Effect::StartRun { agent, start: opening, prompt, .. } => Some((agent, opening, prompt)),
        _ => None,
    })
}

#[test]
fn a_new_session_starts_with_the_chosen_settings() {
    let mut stage = new_session();
    stage.keys("H i alt-enter t h e r e up up p l a n up s o n n e t enter");
    let mut opening = RunStart::new(Conversation::New { id: None }, "/home/ann/shop-api".into());
    (opening.model, opening.mode) = (Some("sonnet".into()), Some("plan".into()));
    opening.trust = FolderTrust::Ask;
    assert_eq!(started(&mut stage), Some((Agent::Claude, opening, Some("Hi\nthere".to_owned()))));
}

#[test]
fn directories_are_completed_and_a_missing_agent_is_reported() {
    let mut stage = new_session();
    stage.keys("up up up up ctrl-u / h o");
    let asked = stage.asked();
    assert_eq!(asked.last(), Some(&Effect::FindDirectories { query: "/ho".into() }));
    let late = RunMsg::Paths { query: "/h".into(), found: vec!["/hurd".into()] };
    let found = RunMsg::Paths { query: "/ho".into(), found: vec!["/home".into(), "/house".into()] };
    stage.send(Msg::Run(found)).send(Msg::Run(late)).keys("tab");
    assert!(stage.screen().contains("/home"));
    stage.keys("up left enter");
    assert_eq!(started(&mut stage), None);
    assert!(stage.screen().contains("Codex is not installed"), "{}", stage.screen());
    stage.keys("left enter");
    assert_eq!(started(&mut stage), None, "no process is started before there is a prompt");
    stage.keys("g o enter");
    let (agent, opening, prompt) = started(&mut stage).expect("begun");
    assert_eq!((agent, opening.cwd.to_str(), prompt.as_deref()), (Agent::OpenCode, Some("/home"), Some("go")));
}

#[test]
fn a_worktree_is_created_before_the_session_starts_in_it() {
    let requested = |stage: &mut Stage| {
        let created = stage.take_effects().into_iter().find_map(|effect| match effect {
            Effect::CreateWorktree { ticket, dir, name, .. } => Some((ticket, dir, name)),
            _ => None,
        });
        created.expect("a request")
    };
    let mut stage = new_session();
    stage.keys("F i x space i t up up up space");
    assert!(stage.screen().contains("fix-it"), "named after the prompt: {}", stage.screen());
    stage.keys("enter");
    let (old, dir, name) = requested(&mut stage);
    assert_eq!((dir.to_str(), name.as_str()), (Some("/home/ann/shop-api"), "fix-it"));
    assert!(stage.screen().contains("Creating the worktree"), "{}", stage.screen());
    stage.keys("enter");
    assert!(stage.take_effects().is_empty(), "one at a time");
    stage.send(Msg::WorktreeCreated(old, Err("npm ci: exit status: 1".to_owned())));
    assert!(stage.screen().contains("npm ci: exit status: 1"), "{}", stage.screen());
    stage.keys("enter");
    let (ticket, ..) = requested(&mut stage);
    let ready = WorktreeReady {
        dir: "/trees/fix-it".into(),
        branch: "fix-it".to_owned(),
        name: "x".to_owned(),
        setup: Vec::new(),
    };
    stage.send(Msg::WorktreeCreated(old, Ok(ready.clone())));
    assert_eq!(started(&mut stage), None, "an old response starts nothing");
    stage.send(Msg::WorktreeCreated(ticket, Ok(ready)));
    let (_, opening, prompt) = started(&mut stage).expect("started");
    assert_eq!((opening.cwd.to_str(), prompt.as_deref()), (Some("/trees/fix-it"), Some("Fix it")));
}

#[test]
fn space_gives_a_worktree_a_name_and_takes_it_back() {
    let mut stage = new_session();
    stage.keys("up up up space");
    assert!(stage.screen().contains("worktree"), "{}", stage.screen());
    stage.keys("space enter");
    assert!(!stage.take_effects().iter().any(|effect| matches!(effect, Effect::CreateWorktree { .. })));
    let mut stage = new_session();
    stage.keys("up up up space esc");
    let ready =
        WorktreeReady { dir: "/trees/x".into(), branch: "x".to_owned(), name: "x".to_owned(), setup: Vec::new() };
    stage.send(Msg::WorktreeCreated(RequestTicket(99), Ok(ready)));
    assert!(stage.screen().contains("The worktree x is ready"), "{}", stage.screen());
}

#[test]
fn the_chosen_agent_is_visible_on_any_width() {
    let agents: Vec<_> = Agent::ALL.into_iter().map(|agent| (agent, false)).collect();
    for width in [160, 80, 60, 40, 30] {
        let mut stage = Stage::full(width, 24);
        stage.send(Msg::Run(RunMsg::Agents(agents.clone()))).keys("n up up up up up");
        for _ in &agents {
            let Some(Layer::NewSession(form)) = stage.app.stack.layers.last() else { panic!("no form") };
            let chosen = form.agent(&stage.app.runs);
            assert!(stage.screen().contains(&format!("● {chosen}")), "{width}: {}", stage.screen());
            stage.keys("right");
        }
        assert!(width < 80 || stage.screen().contains("(not installed)"), "{width}: {}", stage.screen());
    }
}

#[test]
fn h36_a_new_session_without_permissions_needs_confirmation() {
    let mut stage = new_session();
    stage.send(Msg::Paste("one\ntwo".into())).keys("up up").send(Msg::Paste("bypassPermissions".into())).keys("enter");
    assert_eq!(started(&mut stage), None);
    stage.keys("1");
    assert!(matches!(stage.app.stack.layers.as_slice(), [Layer::NewSession(_)]), "nothing that was typed is lost");
    stage.keys("enter 2");
    let (_, opening, prompt) = started(&mut stage).expect("begun");
    assert_eq!((opening.mode.as_deref(), prompt.as_deref()), (Some("bypassPermissions"), Some("one\ntwo")));
}

#[test]
fn an_installed_agent_is_proposed_once_the_agents_are_known() {
    let agents = |installed: Agent| {
        let agent = |agent: Agent| (agent, agent == installed);
        Msg::Run(RunMsg::Agents([Agent::Claude, Agent::Codex, Agent::Gemini].map(agent).into()))
    };
    let mut stage = Stage::new(120, 24);
    stage.keys("n");
    assert!(stage.screen().contains("● claude"), "{}", stage.screen());
    stage.send(agents(Agent::Gemini));
    assert!(stage.screen().contains("● gemini"), "{}", stage.screen());
    assert!(stage.take_effects().contains(&Effect::LoadModels { source: Agent::Gemini.into(), refresh: false }));
    // The user's own choice stays, whatever is installed.
    stage.keys("up up up up up left");
    assert!(stage.screen().contains("● codex"), "{}", stage.screen());
    stage.send(agents(Agent::Gemini));
    assert!(stage.screen().contains("● codex (not installed)"), "{}", stage.screen());
}

#[test]
fn the_models_of_a_machine_are_requested_again_once_it_is_connected() {
    let state = |state| Msg::Remote(RemoteStatus { name: "box".into(), state, as_of: None });
    let mut stage = Stage::new(120, 24);
    stage.send(state(RemoteState::Connecting)).keys("n up up up up ctrl-u").send(Msg::Paste("box:/src".into()));
    let source = ModelSource { agent: Agent::Claude, host: Some("box".into()) };
    let request = Effect::LoadModels { source, refresh: false };
    assert!(stage.take_effects().contains(&request));
    stage.send(state(RemoteState::Connecting));
    assert!(!stage.take_effects().contains(&request));
    stage.send(state(RemoteState::Connected));
    assert!(stage.take_effects().contains(&request));
}
