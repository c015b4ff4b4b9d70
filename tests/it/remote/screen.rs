//! The screen with other machines, in a terminal.

use std::path::Path;

use super::{Peer, json};
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
