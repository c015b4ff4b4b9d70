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
    terminal.wait_for("a frame of 120 columns", |screen| screen.rows(60, 60).any(|row| !row.trim().is_empty()));
}

#[test]
fn the_first_key_after_another_size_counts() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    terminal.send("j");
    for columns in [90, 100, 120] {
        terminal.resize(columns, 40);
    }
    terminal.wait_for("a frame of 120 columns", |screen| screen.rows(60, 60).any(|row| !row.trim().is_empty()));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn ctrl_z_stops_salon_and_it_comes_back() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    terminal.send("\x1a");
    terminal.wait_for("the shell's screen", |screen| !screen.alternate_screen());
    terminal.assert_restored();
    terminal.wait_until_stopped();
    terminal.signal(Signal::CONT);
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains(TITLE));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
}

/// What `R` starts in these tests: says what it was given, then obeys single letters.
const AGENT: &str = r#"#!/bin/sh
trap 'echo interrupted' INT
echo "agent $* in $(pwd)"
while :; do
  # A trapped signal ends the reading of a line, and not the agent; one that has lost its salon ends.
  read -r line || { kill -0 $PPID || exit; continue; }
  case $line in
    stop) kill -STOP $$ ;;
    fail) exit 3 ;;
    quit) exit 0 ;;
    *) echo "heard $line" ;;
  esac
done
"#;

#[test]
fn h47_a_resume_lends_the_terminal_and_comes_back_to_the_same_place() {
    let home = resumable();
    let mut terminal = resumed(&home);
    // Every key goes to the agent, and so does Ctrl-C, which salon survives.
    terminal.send("q\r");
    terminal.wait_for_text("heard q");
    terminal.send("\x03");
    terminal.wait_for_text("interrupted");
    terminal.send("\rquit\r");
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains("back from"));
    assert!(terminal.contents().contains(TITLE));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
}

#[test]
fn an_agent_that_fails_at_once_can_be_read_before_salon_covers_it() {
    let home = resumable();
    let mut terminal = resumed(&home);
    terminal.send("fail\r");
    terminal.wait_for_text("Press Enter to go back");
    assert!(terminal.contents().contains("agent -s"), "what it said is still there");
    terminal.send("\r");
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains(TITLE));
    terminal.wait_for_text("exit status: 3");
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_stopped_agent_stops_salon_and_goes_on_with_it() {
    let home = resumable();
    let mut terminal = resumed(&home);
    terminal.send("stop\r");
    // Salon has stopped too once it takes no signal but this one.
    terminal.wait_until_stopped();
    terminal.signal(Signal::CONT);
    terminal.send("still there\r");
    terminal.wait_for_text("heard still there");
    terminal.send("quit\r");
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains("back from"));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn an_agent_does_not_outlive_the_salon_that_started_it() {
    let home = resumable();
    let mut terminal = resumed(&home);
    terminal.send("x\r");
    terminal.wait_for_text("heard x");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
    let left = std::fs::read_to_string(home.path().join("agent.pid")).expect("the agent's pid");
    let pid = left.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    assert!(rustix::process::test_kill_process(pid).is_err(), "the agent is still there");
}

#[test]
fn the_editor_gets_the_entry_and_gives_the_terminal_back() {
    let home = Home::of(&["opencode/1.18.33"]);
    program(&home, "edit", "#!/bin/sh\necho \"editing $1 $2\"\nread -r line\n");
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let mut terminal = salon(&home, &[("VISUAL", "edit --now"), ("PATH", &path)]);
    terminal.wait_for_text(TITLE);
    terminal.send("\r");
    // Only then the whole is known, and which entry is meant.
    terminal.wait_for_text("entry 3 of 3");
    terminal.send("o");
    terminal.wait_for_text("editing --now /");
    terminal.send("\r");
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains("editor"));
    let written = terminal.written();
    let file = written.split("editing --now ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a file");
    assert!(!Path::new(file).exists(), "what was made for the editor is removed after it");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_the_terminal_answers_is_not_taken_for_keys() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[("COLORFGBG", "")]);
    terminal.wait_for_bytes("\x1b]11;?");
    terminal.wait_for_text(TITLE);
    let before = terminal.written_len();
    // A light background; were it read as keys, `q` would have no question left to answer.
    terminal.send("\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
    terminal.wait_for_more(before);
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    let mut terminal = salon(&home, &[("COLORFGBG", "")]);
    terminal.wait_for_text(TITLE);
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

/// A home with one session whose directory is there, and a program that resumes it.
fn resumable() -> Home {
    let home = Home::of(&["opencode/1.18.33"]);
    let agent = AGENT.replacen('\n', &format!("\necho $$ >'{}/agent.pid'\n", home.path().display()), 1);
    program(&home, "opencode", &agent);
    home
}

/// Salon, and the agent on the selected session, which has the terminal.
fn resumed(home: &Home) -> Terminal {
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let mut terminal = salon(home, &[("PATH", &path)]);
    terminal.wait_for_text(TITLE);
    terminal.send("R");
    // The fixtures' directories are not on this machine: salon says so and offers the one it was started in.
    terminal.wait_for_text("directory is gone");
    terminal.send("1");
    terminal.wait_for_text("agent -s");
    terminal.assert_restored();
    terminal
}

fn program(home: &Home, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let bin = home.path().join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    std::fs::write(bin.join(name), script).expect("a script");
    std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).expect("executable");
}

/// The program on a home of its own, with a clock that stands still shortly after the fixtures were made.
pub fn salon(home: &Home, more: &[(&str, &str)]) -> Terminal {
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
