//! salon itself is killed in the middle of a turn of a real agent; the next salon clears away what it left.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::home::{Home, Process};
use crate::model::{ANSWER, Model};
use crate::scene::{CLAUDE, CODEX, Driven, OPENCODE, wait_for};
use crate::script::SLOWLY;

#[test]
fn claude_outlives_no_salon() {
    killed(&CLAUDE);
}

#[test]
fn opencode_outlives_no_salon() {
    killed(&OPENCODE);
}

#[test]
fn codex_outlives_no_salon() {
    killed(&CODEX);
}

/// The agent is ended by the next salon if not by the death of its own; the conversation goes on; nothing is sent again.
fn killed(driven: &Driven) {
    let model = Model::start();
    let home = Home::new(model.port, &crate::installed());
    let mut first = salon(&home, &["new", "--json", "--agent", driven.name, "Count SLOW"]).spawn().expect("salon");
    let session = slowly(&mut first);
    // An agent writes its first record a moment after it has said its first word.
    wait_for("the session is on disk", || {
        salon(&home, &["show", "--json", "--limit", "1", &session]).output().is_ok_and(|shown| shown.status.success())
    });
    let were = home.processes();
    assert!(were.len() > 1, "salon and its agent: {were:?}");
    first.kill().expect("killed");
    first.wait().expect("reaped");
    let output = salon(&home, &["send", "--json", &session, "And now?"]).output().expect("salon");
    let told = events(&output);
    let last = told.iter().rfind(|event| event["type"] == "turn_end").unwrap_or_else(|| panic!("no end: {output:?}"));
    assert_eq!((last["outcome"].as_str(), output.status.code()), (Some("done"), Some(0)), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(ANSWER), "{output:?}");
    let heard = model.heard();
    assert_eq!(model.times("Count SLOW"), 1, "it was sent again: {heard:?}");
    assert!(heard.last().expect("asked").request.contains("Count SLOW"), "one conversation: {heard:?}");
    // The dead salon's children are init's to reap.
    wait_for("they are reaped", || were.iter().all(|process| Process::of(process.pid).is_none()));
    home.assert_nobody_is_left(&were);
}

fn salon(home: &Home, args: &[&str]) -> Command {
    let mut salon = Command::new(env!("CARGO_BIN_EXE_salon"));
    salon
        .args(args)
        .current_dir(home.project())
        .env_clear()
        .envs(home.environment())
        // A group of its own, as a shell would give it.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    salon
}

/// Reads events until the agent is in the middle of its answer, and gives the session's id.
fn slowly(salon: &mut Child) -> String {
    let lines = BufReader::new(salon.stdout.as_mut().expect("stdout")).lines();
    let mut session = None;
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).expect("an event");
        session = event["session"].as_str().map(str::to_owned).or(session);
        if event["type"] == "text" && line.contains(SLOWLY) {
            return session.expect("a session's id before its answer");
        }
    }
    panic!("it never answered: {:?}", salon.wait());
}

fn events(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
