//! Prompts that continue a conversation in another place: in a fork, or from before a turn.

use serde_json::Value;

use super::{Stage, json, text};

/// A session with two turns, and the bytes of its transcript.
fn two_turns() -> (Stage, String) {
    let stage = Stage::with(&["claude"]);
    assert!(stage.run(&["new", "say one"]).status.success());
    let id = stage.session();
    assert!(stage.run(&["send", &id, "say two"]).status.success());
    (stage, id)
}

fn transcript(stage: &Stage, id: &str) -> Vec<u8> {
    let list = json(&stage.run(&["list", "--json", "--hidden"]));
    let session = list["sessions"].as_array().expect("sessions").iter().find(|session| session["id"] == *id);
    std::fs::read(session.expect("the session")["path"].as_str().expect("a path")).expect("a transcript")
}

/// Prompts of a session.
fn prompts(stage: &Stage, id: &str) -> Vec<String> {
    let shown = json(&stage.run(&["show", "--json", id]));
    let entries = shown["entries"].as_array().expect("entries").iter();
    let of_prompts = entries.filter(|entry| entry["kind"] == "prompt");
    of_prompts.map(|entry| entry["text"].as_str().expect("a text").to_owned()).collect()
}

fn sessions(stage: &Stage) -> Vec<String> {
    let list = json(&stage.run(&["list", "--json", "--hidden"]));
    let ids = list["sessions"].as_array().expect("sessions").iter().map(|session| &session["id"]);
    ids.map(|id: &Value| id.as_str().expect("an id").to_owned()).collect()
}

/// Sends a prompt with options, and returns the id of the new session. The first one must stay as it is.
fn send(stage: &Stage, id: &str, options: &[&str], prompt: &str) -> String {
    let (before, known) = (transcript(stage, id), sessions(stage));
    let words: Vec<&str> = ["send"].iter().chain(options).chain(&[id, prompt]).copied().collect();
    let output = stage.run(&words);
    assert!(output.status.success(), "{options:?}: {output:?}");
    assert_eq!(text(&output.stdout), format!("{}\n", prompt.trim_start_matches("say ")));
    assert!(transcript(stage, id) == before, "{options:?}: the session stays");
    let new: Vec<_> = sessions(stage).into_iter().filter(|session| !known.contains(session)).collect();
    let [new] = new.as_slice() else { panic!("{options:?}: {new:?}") };
    stage.agents.assert_all_exited();
    new.clone()
}

#[test]
fn a_prompt_is_sent_to_a_fork_and_the_session_stays() {
    let (stage, id) = two_turns();
    let fork = send(&stage, &id, &["--fork"], "say three");
    assert_eq!(prompts(&stage, &fork), ["say one", "say two", "say three"]);
    assert_eq!(prompts(&stage, &id), ["say one", "say two"]);
}

#[test]
fn a_prompt_is_sent_from_before_a_turn() {
    let (stage, id) = two_turns();
    let fork = send(&stage, &id, &["--before-turn=2"], "say other");
    assert_eq!(prompts(&stage, &fork), ["say one", "say other"]);
    // Nothing is before the first turn.
    let fresh = send(&stage, &id, &["--before-turn=1"], "say fresh");
    assert_eq!(prompts(&stage, &fresh), ["say fresh"]);
    let refused = stage.run(&["send", "--before-turn=9", &id, "say no"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(text(&refused.stderr).contains("no turn 9"), "{refused:?}");
    assert_eq!(sessions(&stage).len(), 3);
}
