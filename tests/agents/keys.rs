//! A person's keys do it all, in a real terminal and with a real agent: begin a session, allow a tool, queue, interrupt,
//! leave, come back, quit.

use std::path::Path;

use crate::home::Home;
use crate::model::{ANSWER, Model};
use crate::scene::{CLAUDE, CODEX, Driven, OPENCODE};
use crate::script::{SLOWLY, TITLE};
use crate::terminal::Terminal;

#[test]
fn keys_do_it_all_with_claude() {
    keys(&CLAUDE);
}

#[test]
fn keys_do_it_all_with_opencode() {
    keys(&OPENCODE);
}

#[test]
fn keys_do_it_all_with_codex() {
    keys(&CODEX);
}

/// As the overlay has them.
const AGENTS: [&Driven; 3] = [&CLAUDE, &OPENCODE, &CODEX];

fn keys(driven: &Driven) {
    let model = Model::start();
    let home = Home::new(model.port, &crate::installed());
    let salon = Path::new(env!("CARGO_BIN_EXE_salon"));
    let mut salon = Terminal::start(salon, &[], home.project(), &home.environment());
    salon.wait_for_text("salon");
    begin(&mut salon, driven, "SLOW RUN touch made");

    salon.wait_for_text("wants to run");
    assert!(!home.project().join("made").exists());
    allow(&mut salon);
    salon.wait_for_text(SLOWLY);
    assert!(home.project().join("made").exists());

    salon.send("What then?\r");
    salon.wait_for_text("1  What then?");
    salon.send("\x03");
    salon.wait_for_text("queue paused");
    assert_eq!(model.times("What then?"), 0);
    salon.send("\r");
    salon.wait_for_text(ANSWER);
    assert_eq!(model.times("What then?"), 1);

    leave(&mut salon);
    salon.wait_for("it in the list, by its prompt or its title", |screen| {
        let shown = screen.contents();
        shown.contains("SLOW RUN") || shown.contains(TITLE)
    });
    salon.send("r");
    salon.wait_for_text("type a prompt");
    salon.send("Once more?\r");
    salon.wait_for("a second answer", |screen| screen.contents().matches(ANSWER).count() >= 2);
    assert!(model.heard().last().expect("asked").request.contains("What then?"), "one conversation");

    let were = home.processes();
    assert!(were.len() > 1, "salon and its agent: {were:?}");
    leave(&mut salon);
    salon.send("q");
    assert_eq!(salon.wait(), 0);
    salon.assert_restored();
    home.assert_nobody_is_left(&were);
}

/// Fills in what begins a session.
fn begin(salon: &mut Terminal, driven: &Driven, prompt: &str) {
    salon.send("n");
    salon.wait_for_text("New session");
    // From the prompt to the agent.
    salon.send("\t");
    for agent in AGENTS {
        salon.wait_for_text(&format!("● {}", agent.name));
        if agent.agent() == driven.agent() {
            break;
        }
        salon.send("\x1b[C");
    }
    if let Some(mode) = driven.mode {
        salon.send(&format!("\x1b[B\x1b[B\x1b[B\x1b[B{mode}"));
        salon.wait_for_text(mode);
        salon.send("\x1b[B");
    } else {
        salon.send("\x1b[A");
    }
    salon.send(prompt);
    salon.wait_for_text(prompt);
    salon.send("\r");
}

/// Presses the first choice's digit. A question takes no key in its first moment, when it may be meant for something
/// else: then the digit stands in what is being written, and is taken back.
fn allow(salon: &mut Terminal) {
    let written = |shown: &str| shown.lines().any(|line| line.trim() == "❯ 1");
    loop {
        salon.send("1");
        salon.wait_for("an answer, or a digit", |screen| {
            let shown = screen.contents();
            written(&shown) || !shown.contains("wants to run")
        });
        if !written(&salon.contents()) {
            return;
        }
        salon.send("\x7f");
        salon.wait_for("the digit taken back", |screen| !written(&screen.contents()));
    }
}

/// From the composer to the list. While a turn is open that would interrupt it.
fn leave(salon: &mut Terminal) {
    let is_ready = |line: &str| line.trim_start().starts_with("ready");
    salon.wait_for("the end of the turn", |screen| screen.contents().lines().any(is_ready));
    salon.send("\x1b");
    salon.wait_for_text("Sessions");
}
