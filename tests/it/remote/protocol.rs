//! The protocol of sessions on the wire: a recorded session, and its size.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};

use super::Peer;
use crate::serve::protocol::matches;
use crate::support::Home;

/// Recorded session: lines of the client begin with `>`, those of the server with `<`.
const SESSION: &str = include_str!("../../protocol/sessions.txt");

/// A helper, and the bytes that it sent.
struct Helper {
    child: Child,
    reader: BufReader<std::process::ChildStdout>,
    received: usize,
}

impl Helper {
    fn start(home: &std::path::Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
        command.args(["serve", "--stdio", "--shared"]).env_clear().env("HOME", home).env("PATH", "/nowhere");
        command.env("SALON_RUNTIME_DIR", home.join("run")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("salon");
        let reader = BufReader::new(child.stdout.take().expect("stdout"));
        Self { child, reader, received: 0 }
    }

    fn write(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("stdin");
        stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")).expect("written");
    }

    /// Next message, unpacked.
    fn read(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.received += self.reader.read_line(&mut line).expect("a line");
        if line.is_empty() {
            return None;
        }
        let message: Value = serde_json::from_str(&line).expect("JSON");
        let Some(packed) = message["packed"].as_str() else { return Some(message) };
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed).expect("Base64");
        let plain = zstd::decode_all(&bytes[..]).expect("Zstandard");
        Some(serde_json::from_slice(&plain).expect("JSON"))
    }

    fn read_until(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let message = self.read().expect("the connection is open");
            if is_it(&message) {
                return message;
            }
        }
    }

    fn hello(&mut self) {
        self.write(&json!({"id": 0, "call": {"hello": {"protocol": 5, "version": "0.1.0"}}}).to_string());
        self.read_until(|message| message == "ready");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        crate::support::end(&mut self.child);
    }
}

#[test]
fn the_recorded_session_about_sessions_is_spoken() {
    let home = Home::of(&["claude/2.1.329"]);
    let mut helper = Helper::start(home.path());
    for line in SESSION.lines() {
        let (direction, text) = line.split_at_checked(2).unwrap_or((line, ""));
        match direction {
            "> " => helper.write(text),
            "< " => {
                let expected: Value = serde_json::from_str(text).expect("JSON");
                helper.read_until(|message| matches(&expected, message));
            }
            _ => {}
        }
    }
    drop(helper.child.stdin.take());
    while helper.read().is_some() {}
    assert!(helper.child.wait().expect("reaped").success());
}

#[test]
fn ten_thousand_sessions_are_at_most_two_megabytes_and_a_change_is_small() {
    let home = Home::empty();
    let project = home.path().join(".claude/projects/-home-me-shop");
    std::fs::create_dir_all(&project).expect("a project");
    let record = |number: usize| {
        json!({"type": "user", "uuid": format!("11111111-0000-4000-8000-{number:012}"), "parentUuid": null,
            "sessionId": format!("22222222-0000-4000-8000-{number:012}"), "cwd": "/home/me/shop",
            "timestamp": format!("2026-11-{:02}T10:{:02}:00.000Z", 1 + number % 20, number % 60), "version": "2.1.329",
            "message": {"role": "user", "content": format!("Look at ticket {number} and its {} parts", number * 7919 % 1009)}})
    };
    let file = |number: usize| project.join(format!("22222222-0000-4000-8000-{number:012}.jsonl"));
    for number in 0..10_000 {
        std::fs::write(file(number), format!("{}\n", record(number))).expect("written");
    }
    let mut helper = Helper::start(home.path());
    helper.hello();
    helper.write(&json!({"id": 1, "call": {"index": {"start": {"host": "box"}}}}).to_string());
    helper.write(&json!({"id": 2, "call": {"index": "list"}}).to_string());
    let mut listed = 0;
    helper.read_until(|message| {
        let sessions = &message["index"]["sessions"];
        listed += sessions["sessions"].as_array().map_or(0, Vec::len);
        let progress = &sessions["progress"];
        progress["done"] == 10_000 && progress["total"] == 10_000
    });
    assert!(listed >= 10_000, "{listed}");
    println!("10,000 sessions: {} bytes", helper.received);
    assert!(helper.received <= 2_000_000, "{}", helper.received);
    let before = helper.received;
    let mut text = std::fs::read_to_string(file(5)).expect("a file");
    text.push_str(&format!("{}\n", record(20_000)));
    std::fs::write(file(5), text).expect("written");
    helper.read_until(|message| message["index"]["sessions"]["sessions"].as_array().is_some_and(|all| !all.is_empty()));
    assert!(helper.received - before < 4_000, "{}", helper.received - before);
}

#[test]
fn a_run_goes_on_in_the_background_process_when_the_connection_is_lost() {
    let peer = Peer::of(&[]);
    let agents = crate::support::Agents::of(&["claude"]);
    let home = peer.home();
    std::fs::create_dir_all(home.join("project")).expect("a project");
    let start = |home: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
        command.args(["serve", "--stdio", "--shared"]).env_clear().env("HOME", home).env("PATH", agents.path());
        command.env("SALON_RUNTIME_DIR", home.join("run")).env("FAKE_LOG", agents.log_file());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("salon");
        let reader = BufReader::new(child.stdout.take().expect("stdout"));
        Helper { child, reader, received: 0 }
    };
    let mut helper = start(&home);
    helper.hello();
    let options = json!({"conversation": {"new": {"id": null}}, "cwd": home.join("project"), "model": null, "mode": null,
        "effort": null, "extra": []});
    helper.write(
        &json!({"id": 1, "call": {"open_run": {"agent": "claude", "start": options, "prompt": "ask make install"}}})
            .to_string(),
    );
    let reply = helper.read_until(|message| message["reply"]["id"] == 1);
    let run = reply["reply"]["body"]["run"].as_str().expect("a run").to_owned();
    helper.read_until(|message| message["run"]["id"] == *run && message["run"]["approvals"][0].is_object());
    helper.child.kill().expect("killed");
    helper.child.wait().expect("reaped");
    let mut again = start(&home);
    again.write(&json!({"id": 0, "call": {"hello": {"protocol": 5, "version": "0.1.0"}}}).to_string());
    let state = again.read_until(|message| message["run"]["id"] == *run);
    assert!(state["run"]["approvals"][0].is_object(), "the approval still waits: {state}");
    assert_eq!(agents.prompts(), ["ask make install"], "no prompt was sent again");
    again.write(&json!({"id": 1, "call": "shutdown"}).to_string());
    while again.read().is_some() {}
    agents.assert_all_exited();
}

#[test]
fn a_background_process_of_an_older_version_is_named_and_sessions_are_served_all_the_same() {
    let home = Home::of(&["claude/2.1.329"]);
    std::fs::create_dir_all(home.path().join("run")).expect("created");
    let socket = std::os::unix::net::UnixListener::bind(home.path().join("run/serve.sock")).expect("a socket");
    let older = std::thread::spawn(move || {
        let (stream, _) = socket.accept().expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
        reader.read_line(&mut String::new()).expect("a hello");
        let mut writer = stream;
        let hello = json!({"hello": {"protocol": 2, "version": "0.0.9", "pid": 1}});
        let bye = json!({"bye": {"reason": "this salon 0.0.9 speaks protocol 2; it ends when its run has finished"}});
        writer.write_all(format!("{hello}\n{bye}\n").as_bytes()).expect("written");
    });
    let mut helper = Helper::start(home.path());
    helper.write(&json!({"id": 0, "call": {"hello": {"protocol": 5, "version": "0.1.0"}}}).to_string());
    let notice = helper.read_until(|message| message["notice"].is_object());
    assert!(notice["notice"]["text"].as_str().expect("a text").contains("0.0.9 speaks protocol 2"), "{notice}");
    helper.read_until(|message| message == "ready");
    helper.write(&json!({"id": 1, "call": {"index": {"start": {"host": "box"}}}}).to_string());
    helper.write(&json!({"id": 2, "call": {"index": "list"}}).to_string());
    helper.read_until(|message| {
        message["index"]["sessions"]["sessions"].as_array().is_some_and(|sessions| !sessions.is_empty())
    });
    older.join().expect("no panic");
}
