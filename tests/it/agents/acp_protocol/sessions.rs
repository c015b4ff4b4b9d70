//! Sessions: opened once, resumed in the way that the agent has, and with the settings that the user chose.

use salon::agent::protocol::{Conversation, ProtocolCommand, RunSetting};
use salon::domain::Agent;
use salon::domain::run::RunFailure;
use serde_json::{Value, json};

use super::{Driven, SESSION, new_session, resumed};

fn modes() -> Value {
    json!({"currentModeId": "auto", "availableModes": [{"id": "auto", "name": "Auto"}, {"id": "default", "name": "Default"},
        {"id": "plan", "name": "Plan"}]})
}

fn models() -> Value {
    json!({"currentModelId": "small", "availableModels": [{"modelId": "small", "name": "Small"},
        {"modelId": "$runtime|large", "name": "Large"}]})
}

#[test]
fn e1_ten_turns_need_one_handshake_and_one_session() {
    let mut driven = Driven::ready(Agent::Goose);
    for turn in 0..10 {
        driven.prompt(turn, "hello");
        driven.say("hi");
        driven.end("end_turn");
    }
    let count = |method| driven.requests(method).len();
    assert_eq!((count("initialize"), count("session/new"), count("session/prompt")), (1, 1, 10));
    assert_eq!(driven.ends().len(), 10);
    assert_eq!(driven.sessions().len(), 1, "reported with its first answer, when it has a record");
}

#[test]
fn e6_a_session_is_resumed_without_replay_if_the_agent_can() {
    let can = json!({"loadSession": true, "sessionCapabilities": {"resume": {}}});
    let mut driven = Driven::opened(Agent::Qwen, resumed(), &can);
    assert_eq!(driven.last("session/resume")["params"]["sessionId"], SESSION);
    driven.respond("session/resume", &json!({}));
    assert_eq!(driven.sessions().len(), 1);
    assert!(driven.capabilities().is_some());
}

#[test]
fn e6_a_loaded_session_shows_nothing_of_its_replay() {
    let mut driven = Driven::opened(Agent::Goose, resumed(), &json!({"loadSession": true}));
    driven.say("an old answer");
    driven.update(&json!({"sessionUpdate": "tool_call", "toolCallId": "old", "title": "ls"}));
    driven.respond("session/load", &json!({}));
    assert_eq!(driven.lines(), Vec::<String>::new());
    let mut driven = Driven::opened(Agent::Gemini, resumed(), &json!({"loadSession": true}));
    driven.respond("session/load", &json!({}));
    driven.prompt(1, "go on");
    driven.say("an old answer");
    assert!(driven.requests("session/prompt").is_empty(), "Gemini replays after its response");
    driven.update(&json!({"sessionUpdate": "available_commands_update", "availableCommands": []}));
    assert_eq!(driven.requests("session/prompt").len(), 1);
    driven.say("a new answer");
    assert_eq!(driven.lines(), ["prompt: \"go on\"", "text: \"a new answer\""]);
}

#[test]
fn e6_an_agent_that_cannot_resume_says_what_is_lost() {
    let mut driven = Driven::opened(Agent::Gemini, resumed(), &json!({}));
    driven.respond("session/new", &json!({"sessionId": "another"}));
    assert!(driven.lines()[0].contains("does not know the earlier conversation"), "{:?}", driven.lines());
    driven.prompt(1, "hello");
    driven.end("end_turn");
    assert_eq!(driven.sessions().iter().map(|id| &**id).collect::<Vec<_>>(), ["another"]);
}

#[test]
fn an_unknown_session_is_never_replaced_by_a_new_one() {
    for (code, message) in [(-32002, "Resource not found"), (-32603, "Invalid session identifier \"x\"")] {
        let mut driven = Driven::opened(Agent::Gemini, resumed(), &json!({"loadSession": true}));
        driven.refuse("session/load", code, message);
        assert!(matches!(driven.fatal(), Some(RunFailure::UnknownSession(_))), "{:?}", driven.fatal());
        assert!(driven.requests("session/new").is_empty());
    }
}

#[test]
fn an_agent_that_is_not_logged_in_says_how() {
    let mut driven = Driven::opened(Agent::Gemini, new_session(), &json!({}));
    driven.refuse("session/new", -32000, "Authentication required");
    let Some(RunFailure::NotLoggedIn(text)) = driven.fatal() else { panic!("{:?}", driven.fatal()) };
    assert!(text.contains("Run gemini once"), "{text}");
}

#[test]
fn a_fork_needs_an_agent_that_can() {
    let mut opening = new_session();
    opening.conversation = Conversation::Fork(SESSION.into());
    let driven = Driven::opened(Agent::Gemini, opening.clone(), &json!({"loadSession": true}));
    assert!(matches!(driven.fatal(), Some(RunFailure::Other(text)) if text.contains("cannot fork")));
    let driven = Driven::opened(Agent::Goose, opening, &json!({"sessionCapabilities": {"fork": {}}}));
    assert_eq!(driven.last("session/fork")["params"]["sessionId"], SESSION);
}

#[test]
fn another_version_of_the_protocol_is_refused() {
    let mut driven = Driven::new(Agent::Goose);
    driven.command(ProtocolCommand::Open(new_session()));
    driven.respond("initialize", &json!({"protocolVersion": 2, "agentCapabilities": {}}));
    assert!(
        matches!(driven.fatal(), Some(RunFailure::Other(text)) if text.contains("version 2")),
        "{:?}",
        driven.fatal()
    );
}

#[test]
fn the_users_settings_come_before_the_first_prompt() {
    let mut opening = new_session();
    (opening.mode, opening.model) = (Some("plan".into()), Some("Large".into()));
    let mut driven = Driven::opened(Agent::Qwen, opening, &json!({}));
    driven.prompt(1, "hello");
    driven.respond("session/new", &json!({"sessionId": SESSION, "modes": modes(), "models": models()}));
    assert_eq!(driven.last("session/set_mode")["params"]["modeId"], "plan");
    driven.respond("session/set_mode", &json!({}));
    assert_eq!(driven.last("session/set_model")["params"]["modelId"], "$runtime|large", "named as it is shown");
    assert!(driven.capabilities().is_none() && driven.requests("session/prompt").is_empty());
    driven.respond("session/set_model", &json!({}));
    assert_eq!(driven.requests("session/prompt").len(), 1);
    let capabilities = driven.capabilities().expect("ready");
    assert_eq!(capabilities.modes, ["auto", "default", "plan"]);
    assert_eq!(capabilities.models.len(), 2);
}

#[test]
fn an_agent_whose_default_never_asks_is_made_to_ask() {
    let mut driven = Driven::opened(Agent::Qwen, new_session(), &json!({}));
    driven.respond("session/new", &json!({"sessionId": SESSION, "modes": modes()}));
    assert_eq!(driven.last("session/set_mode")["params"]["modeId"], "default");
    let mut opening = new_session();
    opening.mode = Some("auto".into());
    let mut driven = Driven::opened(Agent::Qwen, opening, &json!({}));
    driven.respond("session/new", &json!({"sessionId": SESSION, "modes": modes()}));
    assert_eq!(driven.last("session/set_mode")["params"]["modeId"], "auto", "the user chose");
}

#[test]
fn h36_a_mode_or_model_that_cannot_be_set_starts_nothing() {
    let mut opening = new_session();
    opening.mode = Some("plan".into());
    let mut driven = Driven::opened(Agent::Qwen, opening, &json!({}));
    driven.respond("session/new", &json!({"sessionId": SESSION, "modes": modes()}));
    driven.refuse("session/set_mode", -32602, "Unknown approval mode");
    assert!(matches!(driven.fatal(), Some(RunFailure::Other(text)) if text.contains("plan")), "{:?}", driven.fatal());
    let mut opening = new_session();
    opening.model = Some("nope".into());
    let mut driven = Driven::opened(Agent::Gemini, opening, &json!({}));
    driven.respond("session/new", &json!({"sessionId": SESSION, "models": models()}));
    assert!(matches!(driven.fatal(), Some(RunFailure::UnknownModel(_))), "Gemini itself accepts any name");
}

#[test]
fn settings_are_changed_in_the_way_that_the_agent_has() {
    let option = json!({"id": "model", "name": "Model", "category": "model", "type": "select", "currentValue": "small",
        "options": [{"value": "small", "name": "Small"}, {"value": "large", "name": "Large"}]});
    let mut driven = Driven::opened(Agent::Goose, new_session(), &json!({}));
    driven.respond("session/new", &json!({"sessionId": SESSION, "configOptions": [option]}));
    driven.command(ProtocolCommand::Set(RunSetting::Model("large".into())));
    let params = &driven.last("session/set_config_option")["params"];
    assert_eq!((&params["configId"], &params["value"]), (&json!("model"), &json!("large")));
    // An agent that lists models and lacks the method has the option.
    let mut driven = Driven::opened(Agent::Gemini, new_session(), &json!({}));
    driven.respond("session/new", &json!({"sessionId": SESSION, "models": models(), "configOptions": [option]}));
    driven.command(ProtocolCommand::Set(RunSetting::Model("$runtime|large".into())));
    driven.refuse("session/set_model", -32601, "Method not found");
    assert_eq!(driven.last("session/set_config_option")["params"]["value"], "$runtime|large");
    driven.refuse("session/set_config_option", -32603, "no such model");
    assert!(driven.lines()[0].contains("The setting was not changed: no such model"), "{:?}", driven.lines());
}
