//! A newer salon takes the place of an older server: at once if no agent works, else when its runs have finished.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Server, Stage};
use crate::support::{TIMEOUT, is_alive, wait_until};

/// Greets a server as a salon of another protocol. Returns its answers until it closes the connection.
fn greet(server: &Server, protocol: u32) -> Vec<Value> {
    let mut stream = UnixStream::connect(&server.socket).expect("connected");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    let hello = json!({"id": 0, "call": {"hello": {"protocol": protocol, "version": "99.0.0"}}});
    stream.write_all(format!("{hello}\n").as_bytes()).expect("written");
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect()
}

fn reason(answers: &[Value]) -> &str {
    answers.last().and_then(|last| last["bye"]["reason"].as_str()).expect("a reason")
}

#[test]
fn an_idle_server_makes_room_for_a_newer_salon_at_once() {
    let stage = Stage::new();
    let mut server = stage.serve();
    let answers = greet(&server, 99);
    assert!(answers[0]["hello"]["pid"].is_number(), "{answers:?}");
    assert!(reason(&answers).contains("it ends now"), "{answers:?}");
    wait_until("the server has ended", || matches!(server.child.try_wait(), Ok(Some(_))));
    stage.serve();
}

#[test]
fn a_working_server_makes_room_when_its_turn_has_ended_and_keeps_its_prompts() {
    let stage = Stage::new();
    let mut server = stage.serve();
    let mut window = stage.window(&["new"]);
    window.wait_for_text("type a prompt");
    window.send("ask make install\r");
    window.wait_for_text("wants to run a command");
    let answers = greet(&server, 99);
    assert!(reason(&answers).contains("when its run has finished"), "{answers:?}");
    let agent = stage.agents.started()[0];
    assert!(is_alive(agent) && matches!(server.child.try_wait(), Ok(None)), "the run goes on");
    stage.approve();
    wait_until("the server has ended", || matches!(server.child.try_wait(), Ok(Some(_))));
    wait_until("its agent has ended", || !is_alive(agent));
    assert_eq!(stage.agents.prompts(), ["ask make install"]);
}

#[test]
fn an_older_salon_is_refused_and_ends_nothing() {
    let stage = Stage::new();
    let mut server = stage.serve();
    let answers = greet(&server, 1);
    assert!(reason(&answers).contains("speaks protocol 1"), "{answers:?}");
    std::thread::park_timeout(Duration::from_millis(200));
    assert!(matches!(server.child.try_wait(), Ok(None)), "it goes on");
}

#[test]
fn e29_doctor_lists_the_backends_of_the_server() {
    let stage = Stage::new();
    let _server = stage.serve();
    let window = stage.window(&["new", "hang"]);
    window.wait_for_text("working");
    let backends = || -> Vec<Value> {
        let report: Value = serde_json::from_str(&stage.run(&["doctor", "--json"])).expect("JSON");
        report["backends"].as_array().expect("backends").clone()
    };
    wait_until("the backend is listed", || backends().iter().any(|backend| backend["state"] == "working"));
    let listed = backends();
    assert_eq!(listed[0]["pid"], stage.agents.started()[0], "{listed:?}");
    stage.run(&["serve", "--stop"]);
    assert!(backends().is_empty());
}
