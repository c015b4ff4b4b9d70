//! Sessions that continue in worktrees: the key, the ports of their agents, and the output of the setup.

use salon::agent::Environment;
use salon::app::msg::RequestTicket;
use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::Agent;
use salon::domain::run::Conversation;
use salon::domain::worktree::{SetupCommand, WorktreeReady};
use salon::runtime::live_options;

use super::stage::Scene;
use crate::git::repo::Repo;
use crate::screens::stage::{Stage, change, session};

#[test]
fn agents_in_a_worktree_have_its_ports_and_others_have_none() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.create(Some("fix")).worktree;
    std::fs::create_dir(tree.path.join("below")).expect("created");
    let (store, paths) = (scene.worktrees.store.clone(), &scene.worktrees.paths);
    let options = live_options::options(store, &Environment::default(), &paths.cache, &scene.worktrees.settings);
    let vars = (options.directory_vars)(&tree.path.join("below"));
    let value = |name: &str| vars.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    assert_eq!(value("SALON_PORT"), Some(tree.port.to_string()));
    assert_eq!(value("SALON_WORKTREE").as_deref(), Some("fix"));
    assert_eq!(value("SALON_WORKSPACE").as_deref(), scene.repo.path().to_str());
    assert_eq!((options.directory_vars)(scene.repo.path()), []);
    assert_eq!((options.directory_vars)(std::path::Path::new("/nowhere")), []);
}

/// The list with a session, and the ticket of the worktree that a key requested.
fn requested(agent: Agent, digit: &str) -> (Stage, RequestTicket) {
    let mut stage = Stage::new(120, 40);
    stage.send(Msg::Catalog(change(vec![session(agent, "aaaaaaaa-1", "Fix the login", 5)])));
    stage.send(Msg::Run(RunMsg::Agents(vec![(Agent::Claude, true), (Agent::OpenCode, true), (Agent::Gemini, true)])));
    stage.keys(&format!("W {digit}"));
    let effects = stage.take_effects();
    let found = effects.iter().find_map(|effect| match effect {
        Effect::CreateWorktree { ticket, dir, name, .. } => Some((*ticket, dir.clone(), name.clone())),
        _ => None,
    });
    let (ticket, dir, name) = found.unwrap_or_else(|| panic!("{effects:?}\n{}", stage.screen()));
    assert_eq!((dir.to_str(), name.as_str()), (Some("/home/ann/shop-api"), "Fix the login"));
    (stage, ticket)
}

fn ready() -> WorktreeReady {
    let (branch, name) = ("fix-the-login".to_owned(), "fix-the-login".to_owned());
    let command = |line: &str, output: &str| SetupCommand { line: line.to_owned(), output: output.to_owned() };
    let setup = vec![command("npm ci", "added 90 packages\n"), command("make db", "created\n")];
    WorktreeReady { dir: "/trees/fix".into(), branch, name, setup }
}

#[test]
fn a_session_and_a_fork_continue_in_a_new_worktree() {
    let id = || "aaaaaaaa-1".into();
    for (digit, conversation) in [("1", Conversation::Resume(id())), ("2", Conversation::Fork(id()))] {
        let (mut stage, ticket) = requested(Agent::Claude, digit);
        stage.send(Msg::WorktreeCreated(ticket, Ok(ready())));
        let chat = stage.app.stack.layers.last().and_then(|layer| layer.chat()).expect("a chat");
        let start = chat.start.as_ref().expect("not started yet");
        assert_eq!((&start.conversation, start.cwd.to_str()), (&conversation, Some("/trees/fix")));
        let screen = stage.screen();
        assert!(screen.contains("2 setup commands: salon worktree show fix-the-login"), "{screen}");
        for text in ["! npm ci", "added 90 packages", "! make db", "created", "set up fix-the-login · esc drops it"] {
            assert!(screen.contains(text), "{text}:\n{screen}");
        }
        // It is not part of the prompt, and goes away with it.
        stage.keys("g o").take_effects();
        stage.keys("enter");
        let effects = stage.take_effects();
        assert!(!format!("{effects:?}").contains("packages"), "{effects:?}");
        assert!(!stage.screen().contains("added 90 packages"), "{}", stage.screen());
    }
    // The server of OpenCode keeps a session in its directory.
    let (mut stage, ticket) = requested(Agent::OpenCode, "1");
    stage.send(Msg::WorktreeCreated(ticket, Ok(ready())));
    let chat = stage.app.stack.layers.last().and_then(|layer| layer.chat()).expect("a chat");
    assert!(matches!(chat.start.as_ref().expect("a start").conversation, Conversation::Fork(_)));
}

#[test]
fn a_worktree_that_is_late_or_fails_opens_nothing() {
    let (mut stage, ticket) = requested(Agent::Claude, "1");
    stage.send(Msg::WorktreeCreated(ticket, Err("no commits yet".to_owned())));
    assert!(stage.screen().contains("no commits yet") && stage.app.stack.layers.is_empty(), "{}", stage.screen());
    let (mut stage, ticket) = requested(Agent::Claude, "1");
    let other = session(Agent::Claude, "bbbbbbbb-2", "Another", 1);
    stage.send(Msg::Catalog(change(vec![other]))).keys("g enter");
    stage.send(Msg::WorktreeCreated(ticket, Ok(ready())));
    assert!(stage.screen().contains("The worktree fix-the-login is ready: /trees/fix"), "{}", stage.screen());
    let mut stage = Stage::new(120, 40);
    stage.send(Msg::Catalog(change(vec![session(Agent::Gemini, "aaaaaaaa-1", "Fix the login", 5)])));
    stage.send(Msg::Run(RunMsg::Agents(vec![(Agent::Gemini, true)]))).keys("W");
    assert!(stage.screen().contains("only in its own directory"), "{}", stage.screen());
}
