//! The screen with other machines, in a terminal.

use std::path::Path;

use super::{Peer, json};
use crate::changes::Transcript;
use crate::support::Home;
use crate::terminal::Terminal;

pub(super) fn window(home: &Home, peer: &Peer) -> Terminal {
    let variables = [
        ("HOME", home.path().to_string_lossy().into_owned()),
        ("PATH", peer.search_path()),
        ("SALON_RUNTIME_DIR", home.path().join("run").to_string_lossy().into_owned()),
        ("TERM", "xterm-256color".to_owned()),
        ("COLORFGBG", "15;0".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
    ];
    let environment: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value)).into();
    let terminal = Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), &[], home.path(), &environment);
    terminal.resize(120, 40);
    terminal
}

#[test]
fn a20_a_machine_is_in_the_list_of_the_screen_read_searched_and_named_when_it_is_gone() {
    let (home, peer) = (Home::of(&["codex/0.169.0"]), Peer::of(&["claude/2.1.329"]));
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let mut window = window(&home, &peer);
    window.wait_for_text("box:shop-api");
    // A search covers it.
    window.send("/host:box ");
    window.wait_for_text("searched");
    window.send("\r");
    window.wait_for_text("esc results");
    window.wait_for_text("100%");
    peer.control("down");
    peer.kill();
    for _ in 0..8 {
        if window.contents().contains("Workspaces") {
            break;
        }
        window.send("\x1b");
        std::thread::park_timeout(std::time::Duration::from_millis(300));
    }
    window.wait_for_text("box offline");
    window.wait_for_text("box:shop-api");
    peer.control("");
    window.send("\x12");
    window.wait_for("it is connected again", |screen| !screen.contents().contains("box offline"));
}

#[test]
fn a_star_of_the_screen_selects_a_session_of_a_machine_in_its_search() {
    let (home, peer) = (Home::empty(), Peer::of(&[]));
    for (id, text) in [("aaaa", "Look at the lamp"), ("bbbb", "Look at the boat")] {
        Transcript::new(id, Path::new("/src/shop")).prompt(text).write_below(&peer.home());
    }
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let mut window = window(&home, &peer);
    window.wait_for("both sessions", |screen| {
        let screen = screen.contents();
        screen.contains("Look at the lamp") && screen.contains("Look at the boat")
    });
    window.send("*");
    window.wait_for_text("★");
    window.send("/is:star look");
    window.wait_for("the starred one only", |screen| {
        let screen = screen.contents();
        screen.contains("Look at the lamp") != screen.contains("Look at the boat")
    });
    window.send("\x15-is:star look");
    window.wait_for("the other one only", |screen| {
        let screen = screen.contents();
        screen.contains("-is:star") && screen.contains("Look at the lamp") != screen.contains("Look at the boat")
    });
}

/// A hit of a machine opens at its entry.
fn check_hit(peer: &Peer) {
    let home = Home::empty();
    let transcript = (0..60).fold(Transcript::new("aaaa", Path::new("/src/shop")), |transcript, number| {
        let text = if number == 20 { "A zebra crosses".to_owned() } else { format!("Step number {number}") };
        transcript.prompt(&text)
    });
    transcript.write_below(&peer.home());
    json(&home, peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let mut window = window(&home, peer);
    window.wait_for_text("box:shop");
    window.send("/zebra");
    window.wait_for_text("A zebra crosses");
    window.send("\r");
    window.wait_for("the entry and its neighbours", |screen| {
        let screen = screen.contents();
        ["Step number 19", "A zebra crosses", "Step number 21"].iter().all(|text| screen.contains(text))
            && !screen.contains("Step number 59")
    });
}

#[test]
fn a_hit_of_a_machine_opens_at_its_entry() {
    check_hit(&Peer::of(&[]));
}

#[test]
fn a_hit_of_a_machine_without_salon_opens_at_its_entry() {
    check_hit(&Peer::of(&[]).without_salon());
}
