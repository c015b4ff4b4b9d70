//! Windows and commands on the runs of a server: they come and go, and the runs go on.

use std::process::Stdio;

use super::Stage;
use crate::support::{end, is_alive, wait_until};

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";

#[test]
fn a_run_outlives_its_window_and_is_answered_from_the_next_one() {
    let stage = Stage::new();
    let _server = stage.serve();
    let mut window = stage.window(&["new"]);
    window.wait_for_text("type a prompt");
    window.send("ask make install");
    window.send(ENTER);
    window.wait_for_text("wants to run a command");
    window.signal(rustix::process::Signal::TERM);
    assert_eq!(window.wait(), 0);
    let agent = stage.agents.started()[0];
    assert!(is_alive(agent), "the agent goes on");
    let mut next = stage.window(&[]);
    next.wait_for_text("1 needs you");
    next.send("i");
    next.wait_for_text("make install");
    // A choice is ignored until the item has been visible for a moment.
    wait_until("the answer counts", || {
        let waits = next.contents().contains("1 needs you");
        if waits {
            next.send("1");
        }
        !waits
    });
    assert!(is_alive(agent), "the same process answers");
    assert_eq!(stage.agents.started().len(), 1);
    // Quitting asks nothing, because it stops nothing.
    next.send(ESCAPE);
    next.wait_for("home", |screen| !screen.contents().contains("Inbox"));
    next.send("q");
    assert_eq!(next.wait(), 0);
    assert!(is_alive(agent));
}

#[test]
fn commands_work_on_the_runs_of_a_server() {
    let stage = Stage::new();
    let _server = stage.serve();
    let window = stage.window(&["new", "say first"]);
    window.wait_for_text("ready");
    let list: serde_json::Value = serde_json::from_str(&stage.run(&["list", "--json", "--hidden"])).expect("JSON");
    let id = list["sessions"][0]["id"].as_str().expect("a session").to_owned();
    let answer = stage.run(&["send", &id, "say from a command"]);
    assert_eq!(answer.trim(), "from a command", "only the turn of its own prompt is printed");
    // The window is one more viewer of the same turn.
    window.wait_for("the window shows the answer", |screen| screen.contents().matches("from a command").count() >= 2);
    assert_eq!(stage.agents.started().len(), 1, "no second process was started");
    assert!(is_alive(stage.agents.started()[0]), "the run goes on after the command");
    stage.run(&["stop", &id]);
    wait_until("its agent has ended", || !is_alive(stage.agents.started()[0]));
}

#[test]
fn after_a_kill_of_the_server_its_sessions_go_on_here_and_nothing_is_sent_twice() {
    let stage = Stage::new();
    let mut server = stage.serve();
    let mut window = stage.window(&["new", "hang"]);
    window.wait_for_text("working");
    window.send("say later");
    window.send(ENTER);
    window.wait_for_text("1  say later");
    end(&mut server.child);
    window.wait_for_text("The background process has ended");
    wait_until("the agent of the killed server has ended", || !is_alive(stage.agents.started()[0]));
    assert_eq!(stage.agents.prompts(), ["hang"], "the queued prompt is held");
}

#[test]
fn the_configuration_starts_the_server_with_the_first_window() {
    let stage = Stage::new();
    let config = stage.home.path().join(".config/salon");
    std::fs::create_dir_all(&config).expect("a directory");
    std::fs::write(config.join("config.toml"), "[serve]\nbackground = true\n").expect("a file");
    std::fs::create_dir_all(stage.runtime()).expect("a directory");
    let mut window = stage.window(&["new", "hang"]);
    window.wait_for_text("working");
    window.signal(rustix::process::Signal::TERM);
    window.wait();
    let agent = stage.agents.started()[0];
    assert!(is_alive(agent), "the agent outlives the window");
    let stopped = stage.command(&["serve", "--stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(stopped.expect("salon serve").success());
    wait_until("the agent has ended with the server", || !is_alive(agent));
}
