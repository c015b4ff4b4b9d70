//! A few runs in a real pseudo-terminal: what no other test can tell is how the terminal is left behind.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::Home;
use crate::terminal::Terminal;

const TITLE: &str = "Renamed in lab";

#[test]
fn starts_browses_and_quits_and_restores_the_terminal() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    terminal.send("?");
    terminal.wait_for_text("show the keys");
    terminal.send("\x1b");
    terminal.wait_for("the help closed", |screen| !screen.contents().contains("show the keys"));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
}

#[test]
fn a27_a_termination_restores_the_terminal_and_is_no_failure() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let home = Home::of(&["opencode/1.18.33"]);
        let mut terminal = salon(&home, &[]);
        terminal.wait_for_text(TITLE);
        terminal.signal(signal);
        assert_eq!(terminal.wait(), 0, "{signal:?}");
        terminal.assert_restored();
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_restores_the_terminal_before_it_says_why() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[("SALON_PANIC", "f9")]);
    terminal.wait_for_text(TITLE);
    terminal.send("\x1b[20~");
    assert_eq!(terminal.wait(), 101);
    terminal.assert_restored();
    terminal.wait_for_text("f9 was pressed");
    let written = terminal.written();
    let left = written.rfind("\x1b[?1049l").expect("left");
    assert!(written.find("f9 was pressed").expect("told") > left, "the message vanished with the screen");
}

#[test]
fn an_idle_screen_writes_nothing() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    // A key that changes nothing is answered by nothing: what follows it comes from the one that does.
    terminal.send("?");
    terminal.wait_for_text("show the keys");
    let before = terminal.written_len();
    terminal.send("\x1b[24~\x1b[24~");
    terminal.send("\x1b");
    terminal.wait_for("the help closed", |screen| !screen.contents().contains("show the keys"));
    let written = terminal.written()[before..].to_owned();
    assert_eq!(written.matches("\x1b[?2026h").count(), 1, "{written:?}");
}

#[test]
fn another_size_is_drawn_at_once() {
    let home = Home::of(&["opencode/1.18.33"]);
    let terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    terminal.resize(120, 40);
    terminal.wait_for("a frame of 120 columns", |screen| {
        screen.rows(60, 60).any(|row| !row.trim().is_empty())
    });
}

#[test]
fn ctrl_z_stops_salon_and_it_comes_back() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    terminal.send("\x1a");
    terminal.wait_for("the shell's screen", |screen| !screen.alternate_screen());
    terminal.assert_restored();
    terminal.signal(Signal::CONT);
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains(TITLE));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
}

/// The program on a home of its own, with a clock that stands still shortly after the fixtures were made.
fn salon(home: &Home, more: &[(&str, &str)]) -> Terminal {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_salon"));
    Terminal::start(&program, &[], home.path(), &environment(home.path(), more))
}

fn environment(home: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let home = home.to_string_lossy();
    let mut environment = vec![
        of("HOME", &home),
        of("TERM", "xterm-256color"),
        of("LANG", "C.UTF-8"),
        of("COLORFGBG", "15;0"),
        of("PATH", "/usr/bin:/bin"),
        of("SALON_NOW", "2026-11-21T12:00:00Z"),
    ];
    environment.extend(more.iter().map(|(name, value)| of(name, value)));
    environment
}
