//! Machines that wait for the user: stopped containers, and an ssh that asks.

use super::screen::window;
use super::{Peer, json, run};
use crate::support::Home;

const CLAUDE: &str = "claude/2.1.329";

#[test]
fn a_stopped_container_is_started_by_a_key_and_only_then() {
    let (home, peer) = (Home::empty(), Peer::of(&[CLAUDE]));
    json(&home, &peer, &["source", "add", "dev", "--docker", "shop-dev", "--json"]);
    peer.control("stopped");
    let mut window = window(&home, &peer);
    window.wait_for_text("dev not running (S)");
    assert!(!peer.calls().contains("start shop-dev"), "{}", peer.calls());
    window.send("S");
    window.wait_for_text("dev:shop-api");
    assert!(peer.calls().contains("start shop-dev"), "{}", peer.calls());
    window.wait_for("it is connected", |screen| !screen.contents().contains("dev not running"));
    window.send("S");
    window.wait_for_text("No machine waits for you");
}

#[test]
fn services_of_compose_and_development_containers_are_sources() {
    let (home, peer) = (Home::empty(), Peer::of(&[CLAUDE]));
    let folder = home.path().canonicalize().expect("a path").to_string_lossy().into_owned();
    json(&home, &peer, &["source", "add", "web", "--compose", "app", "--directory", &folder, "--json"]);
    json(&home, &peer, &["source", "add", "box", "--devcontainer", &folder, "--json"]);
    for control in ["stopped", ""] {
        peer.control(control);
        for (name, start) in [
            ("web", format!("compose --project-directory {folder} up -d app")),
            ("box", format!("up --workspace-folder {folder}")),
        ] {
            let output = run(&home, &peer, &["source", "test", name, "--json"]);
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let expected = if control.is_empty() { "connected" } else { "not running" };
            assert!(report.contains(&format!("\"state\":\"{expected}\"")), "{name}: {report}");
            if control == "stopped" {
                assert!(!peer.calls().contains(&start), "nothing is started by itself");
                let report = json(&home, &peer, &["source", "connect", name, "--json"]);
                assert_eq!(report["sources"][0]["state"], "connected");
                assert!(peer.calls().contains(&start), "{}", peer.calls());
                peer.control("stopped");
            }
        }
    }
    let calls = peer.calls();
    assert!(calls.contains(&format!("compose --project-directory {folder} exec -T app sh -c")), "{calls}");
    assert!(calls.contains(&format!("exec --workspace-folder {folder} sh -c")), "{calls}");
    for wrong in [["--compose", "-x"], ["--devcontainer", "/nowhere/at/all"]] {
        let output = run(&home, &peer, &["source", "add", "wrong", wrong[0], wrong[1]]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn an_ssh_that_asks_is_named_with_the_key_and_not_tried_again_by_itself() {
    let (home, peer) = (Home::empty(), Peer::of(&[CLAUDE]));
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    peer.control("denied");
    let mut window = window(&home, &peer);
    window.wait_for_text("box needs you (S)");
    let attempts = peer.pids().len();
    // The program keeps its message on the screen when it fails.
    window.send("S");
    window.wait_for_text("Press Enter to return");
    assert!(window.contents().contains("Permission denied (publickey)"), "{}", window.contents());
    window.send("\r");
    window.wait_for_text("box needs you (S)");
    assert!(peer.pids().len() <= attempts + 2, "one attempt with the terminal, and one after it: {}", peer.calls());
}
