//! Runs in a real pseudo-terminal: terminal modes, job control, and restoration at exit.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::{Agents, Home, wait_until};
use crate::terminal::Terminal;

const TITLE: &str = "Renamed in lab";

#[test]
fn starts_browses_and_quits_and_restores_the_terminal() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    terminal.send("?");
    terminal.wait_for_text("Keyboard shortcuts");
    terminal.send("\x1b");
    terminal.wait_for("the help closed", |screen| !screen.contents().contains("Keyboard shortcuts"));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
}

#[test]
fn a27_a_termination_signal_restores_the_terminal_and_exits_with_0() {
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
    assert!(
        written.find("f9 was pressed").expect("the message") > left,
        "the message vanished with the alternate screen"
    );
}

#[test]
fn an_idle_screen_writes_nothing() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    // A key without effect writes nothing: the output comes from the key after it.
    terminal.send("?");
    terminal.wait_for_text("Keyboard shortcuts");
    let before = terminal.written_len();
    terminal.send("\x1b[24~\x1b[24~");
    terminal.send("\x1b");
    terminal.wait_for("the help closed", |screen| !screen.contents().contains("Keyboard shortcuts"));
    let written = terminal.written()[before..].to_owned();
    assert_eq!(written.matches("\x1b[?2026h").count(), 1, "{written:?}");
}

#[test]
fn the_border_of_the_preview_is_dragged_by_what_a_terminal_reports() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.resize(120, 30);
    // Between the preview and the list is the last border of a row.
    let border = |screen: &vt100::Screen| {
        let row = screen.rows(0, 120).nth(15)?;
        row.chars().collect::<Vec<_>>().iter().rposition(|c| *c == '│')
    };
    terminal.wait_for("a preview", |screen| border(screen).is_some_and(|at| (60..110).contains(&at)));
    let screen = terminal.screen();
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::ButtonMotion, "motion is reported");
    let from = border(&screen).expect("a border");
    // Terminals count columns and rows from 1.
    let event = |button: u8, column: usize, end: char| format!("\x1b[<{button};{};16{end}", column + 1);
    terminal.send(&[event(0, from, 'M'), event(32, from - 6, 'M'), event(0, from - 6, 'm')].concat());
    terminal.wait_for("a wider preview", |screen| border(screen) == Some(from - 6));
}

#[test]
fn words_that_are_no_command_open_the_screen_there() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut search = salon_with(&home, &["renamed", "in"], &[]);
    search.wait_for("a search", |screen| {
        screen.contents().contains("renamed in") && screen.contents().contains("1 session")
    });
    search.send("\x1b");
    search.wait_for_text("Recent searches");
    search.send("\x1b");
    search.wait_for_text("Sessions");

    let dir = home.path().join("empty-workspace");
    std::fs::create_dir(&dir).expect("a directory");
    let workspace = salon_with(&home, &[&dir.to_string_lossy()], &[]);
    workspace.wait_for("its workspace", |screen| {
        screen.contents().lines().any(|line| line.starts_with(" salon  empty-workspace"))
    });

    let mut list = std::process::Command::new(env!("CARGO_BIN_EXE_salon"));
    let list = list.args(["list", "--json"]).env_clear().envs(environment(home.path(), &[])).output().expect("a list");
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let id = list["sessions"][0]["id"].as_str().expect("a session");
    let reader = salon_with(&home, &[id], &[]);
    reader.wait_for("its transcript", |screen| {
        !screen.contents().contains("Workspaces") && screen.contents().contains("tools")
    });
}

#[test]
fn the_window_has_a_title_that_is_restored() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_bytes("\x1b[22;0t");
    terminal.wait_for_bytes("\x1b]0;salon\x07");
    terminal.wait_for_text(TITLE);
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.wait_for_bytes("\x1b[23;0t");
}

#[test]
fn what_is_copied_is_said_and_also_given_to_a_local_display() {
    let home = Home::of(&["opencode/1.18.33"]);
    program(&home, "wl-copy", "#!/bin/sh\ncat > \"$HOME/copying\" && mv \"$HOME/copying\" \"$HOME/copied\"\n");
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let mut terminal = salon(&home, &[("PATH", &path), ("WAYLAND_DISPLAY", "wayland-0"), ("TMUX", "/tmp/tmux")]);
    terminal.wait_for_text(TITLE);
    terminal.send("y");
    terminal.wait_for_text("Copied: ses_");
    terminal.wait_for_bytes("\x1bPtmux;\x1b\x1b]52;c;");
    terminal.wait_for_bytes("\x1b\\\x1b]52;c;");
    let copied = home.path().join("copied");
    wait_until("the program has the text", || copied.exists());
    let copied = std::fs::read_to_string(copied).expect("a text");
    assert!(copied.starts_with("ses_") && !copied.contains('\n'), "{copied:?}");
}

#[test]
fn mistakes_in_the_configuration_are_shown_at_start_and_among_the_problems() {
    let home = Home::of(&["opencode/1.18.33"]);
    let config = home.path().join("config");
    std::fs::create_dir(&config).expect("a directory");
    std::fs::write(config.join("config.toml"), "mouse = 1\n[keys.list]\nfly = \"f\"\n").expect("a file");
    let mut terminal = salon(&home, &[("SALON_CONFIG_DIR", &config.to_string_lossy())]);
    terminal.wait_for_text("config.toml:1: mouse: 1 must be true or false · 1 more (! lists all)");
    terminal.send("!");
    terminal.wait_for_text("config.toml:3");
    terminal.wait_for_text("keys.list.fly: unknown action");
}

#[test]
fn a_terminal_gets_diffs_and_local_times() {
    let home = Home::of(&["claude/2.1.329"]);
    let listed = std::process::Command::new(env!("CARGO_BIN_EXE_salon"))
        .args(["search", "--json", "has:diff"])
        .env_clear()
        .envs(environment(home.path(), &[]))
        .output()
        .expect("a search");
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let id = listed["hits"][0]["session"]["id"].as_str().expect("a session with an edit");
    let mut terminal = salon_with(&home, &["show", id], &[("TZ", "Etc/GMT-5")]);
    assert_eq!(terminal.wait(), 0);
    terminal.wait_for_bytes("\x1b[32m+");
    let is_time = |line: &str| line.contains("── ") && line.contains(" 20") && !line.contains('Z');
    wait_until("a local time", || terminal.written().lines().any(is_time));
}

#[test]
fn ctrl_j_moves_in_a_list_that_is_typed_into() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text(TITLE);
    terminal.send("\x10");
    let selected = |screen: &vt100::Screen| {
        let rows: Vec<String> = screen.contents().lines().map(str::to_owned).collect();
        let title = rows.iter().position(|row| row.contains("Commands"))?;
        rows.iter().skip(title).position(|row| row.contains("│ ▌"))
    };
    terminal.wait_for("the palette", |screen| selected(screen).is_some());
    let first = selected(&terminal.screen()).expect("a row");
    terminal.send("\n");
    terminal.wait_for("the next row", |screen| selected(screen) == Some(first + 1));
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
fn h27_ctrl_z_suspends_salon_and_sigcont_resumes_it() {
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

/// Script that `R` starts in these tests: prints its arguments, then executes commands from stdin.
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
    *) echo "received $line" ;;
  esac
done
"#;

#[test]
fn h47_a_resume_hands_over_the_terminal_and_returns_to_the_same_place() {
    let home = resumable();
    let mut terminal = resumed(&home);
    // All keys go to the agent, including Ctrl-C, which does not end salon.
    terminal.send("q\r");
    terminal.wait_for_text("received q");
    terminal.send("\x03");
    terminal.wait_for_text("interrupted");
    terminal.send("\rquit\r");
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains("Back from"));
    assert!(terminal.contents().contains(TITLE));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
}

#[test]
fn the_output_of_a_failed_agent_stays_visible_until_a_key() {
    let home = resumable();
    let mut terminal = resumed(&home);
    terminal.send("fail\r");
    terminal.wait_for_text("Press Enter to return");
    assert!(terminal.contents().contains("agent --session="), "the output of the agent is still visible");
    terminal.send("\r");
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains(TITLE));
    terminal.wait_for_text("exit status: 3");
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_stopped_agent_stops_salon_and_continues_with_it() {
    let home = resumable();
    let mut terminal = resumed(&home);
    terminal.send("stop\r");
    // Salon is stopped too, and only reacts to SIGCONT.
    terminal.wait_until_stopped();
    terminal.signal(Signal::CONT);
    terminal.send("still there\r");
    terminal.wait_for_text("received still there");
    terminal.send("quit\r");
    terminal.wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains("Back from"));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn an_agent_does_not_outlive_the_salon_that_started_it() {
    let home = resumable();
    let mut terminal = resumed(&home);
    terminal.send("x\r");
    terminal.wait_for_text("received x");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
    let left = std::fs::read_to_string(home.path().join("agent.pid")).expect("the agent's pid");
    let pid = left.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    assert!(rustix::process::test_kill_process(pid).is_err(), "the agent is still there");
}

#[test]
fn the_editor_receives_the_entry_and_returns_the_terminal() {
    let home = Home::of(&["opencode/1.18.33"]);
    program(&home, "edit", "#!/bin/sh\necho \"editing $1 $2\"\nread -r line\n");
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let mut terminal = salon(&home, &[("VISUAL", "edit --now"), ("PATH", &path)]);
    terminal.wait_for_text(TITLE);
    terminal.send("\r");
    // The selected entry is known once the whole transcript is loaded.
    terminal.wait_for_text("entry 3 of 3");
    terminal.send("o");
    terminal.wait_for_text("editing --now /");
    terminal.send("\r");
    terminal
        .wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains("Editor closed"));
    let written = terminal.written();
    let file = written.split("editing --now ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a file");
    assert!(!Path::new(file).exists(), "the temporary file is removed after the editor");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn replies_of_the_terminal_are_not_read_as_keys() {
    let home = Home::of(&["opencode/1.18.33"]);
    let mut terminal = salon(&home, &[("COLORFGBG", "")]);
    terminal.wait_for_bytes("\x1b]11;?");
    terminal.wait_for_text(TITLE);
    let before = terminal.written_len();
    // Reply of a light background, which must not be read as keys.
    terminal.send("\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
    terminal.wait_for_more(before);
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    let mut terminal = salon(&home, &[("COLORFGBG", "")]);
    terminal.wait_for_text(TITLE);
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

/// Home directory with a session and a program that resumes it.
fn resumable() -> Home {
    let home = Home::of(&["opencode/1.18.33"]);
    let agent = AGENT.replacen('\n', &format!("\necho $$ >'{}/agent.pid'\n", home.path().display()), 1);
    program(&home, "opencode", &agent);
    home
}

/// Starts salon and resumes the selected session in its agent, which then owns the terminal.
fn resumed(home: &Home) -> Terminal {
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let mut terminal = salon(home, &[("PATH", &path)]);
    terminal.wait_for_text(TITLE);
    terminal.send("R");
    // The directories of the fixtures do not exist: salon offers its own working directory.
    terminal.wait_for_text("Directory not found");
    terminal.send("1");
    terminal.wait_for_text("agent --session=");
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

/// Starts salon with its own home directory and a fixed clock shortly after the fixtures.
pub fn salon(home: &Home, more: &[(&str, &str)]) -> Terminal {
    salon_with(home, &[], more)
}

pub fn salon_with(home: &Home, args: &[&str], more: &[(&str, &str)]) -> Terminal {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_salon"));
    Terminal::start(&program, args, home.path(), &environment(home.path(), more))
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

/// Starts a new session with an editor that runs a shell script on the file.
fn edited(home: &Home, script: &str) -> Terminal {
    let agents = Agents::of(&["claude", "codex", "opencode"]);
    program(home, "edit", &format!("#!/bin/sh\n{script}\n"));
    let path = format!("{}:{}/bin:/usr/bin:/bin", agents.search_path(), home.path().display());
    let runtime = home.path().join("runtime").to_string_lossy().into_owned();
    let vars = [("VISUAL", "edit"), ("PATH", &path), ("SALON_RUNTIME_DIR", &runtime), ("SALON_NOW", "")];
    let environment = environment(home.path(), &vars);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_salon"));
    let mut terminal = Terminal::start(&program, &["new"], home.path(), &environment);
    terminal.wait_for_text("type a prompt");
    terminal.send("draft");
    terminal.wait_for_text("draft");
    terminal.send("\x07");
    terminal
}

fn left(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn the_composed_text_is_edited_in_a_private_directory() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::empty();
    let terminal = edited(&home, "printf ' and more' >> \"$1\"; echo \"$1\" > \"$HOME/edited\"");
    terminal.wait_for_text("draft and more");
    let runtime = home.path().join("runtime");
    let edited = std::fs::read_to_string(home.path().join("edited")).expect("the editor's file");
    assert!(edited.starts_with(&*runtime.to_string_lossy()), "{edited}");
    assert_eq!(std::fs::metadata(&runtime).expect("made").permissions().mode() & 0o777, 0o700);
    assert!(left(&runtime).is_empty(), "{:?}", left(&runtime));
}

#[test]
fn an_edited_text_that_is_not_utf_8_is_kept_and_named() {
    let home = Home::empty();
    let terminal = edited(&home, "printf 'caf\\351' > \"$1\"");
    terminal.wait_for_text("not valid UTF-8");
    terminal.wait_for_text("draft");
    let kept = left(&home.path().join(".local/share/salon/kept"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(std::fs::read(&kept[0]).expect("kept"), b"caf\xe9");
    assert!(left(&home.path().join("runtime")).is_empty());
}
