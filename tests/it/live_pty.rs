//! Runs of agents in a real pseudo-terminal: keys from start to quit, signals, and recovery after a kill.

use std::path::Path;

use rustix::process::Signal;

use crate::support::{Agents, Home, wait_until};
use crate::terminal::Terminal;

/// Home directory with a project, and scripted agents.
struct Stage {
    home: Home,
    agents: Agents,
}

impl Stage {
    fn new() -> Self {
        let home = Home::empty();
        std::fs::create_dir(home.path().join("project")).expect("a project");
        Self { home, agents: Agents::of(&["claude", "codex", "opencode", "gemini", "qwen", "goose"]) }
    }

    fn salon(&self, args: &[&str]) -> Terminal {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let environment = [
            ("HOME", text(self.home.path())),
            ("PATH", text(self.agents.path())),
            ("FAKE_LOG", text(&self.agents.log_file())),
            ("TERM", "xterm-256color".to_owned()),
            ("COLORFGBG", "15;0".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let project = self.home.path().join("project");
        Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), args, &project, &environment)
    }
}

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const CTRL_C: &str = "\x03";

#[test]
fn a_session_is_run_with_keys_only() {
    let stage = Stage::new();
    let mut salon = stage.salon(&["new"]);
    salon.wait_for_text("type a prompt");
    salon.send("ask make install");
    salon.send(ENTER);
    salon.wait_for_text("wants to run a command");
    // An answer is ignored until the approval has been visible for a moment.
    wait_until("the answer counts", || {
        let asked = salon.contents().contains("wants to run a command");
        if asked {
            salon.send("\x1b1");
        }
        !asked
    });
    salon.wait_for_text("ready");
    salon.send("hang");
    salon.send(ENTER);
    salon.wait_for_text("working");
    salon.send("say from the queue");
    salon.send(ENTER);
    salon.wait_for_text("1 queued");
    salon.send(CTRL_C);
    salon.wait_for_text("interrupted");
    assert!(!stage.agents.prompts().contains(&"say from the queue".to_owned()), "D15: the queue is paused");
    salon.send("\x19");
    salon.wait_for("the queued prompt was answered", |screen| screen.contents().matches("from the queue").count() >= 2);
    salon.wait_for_text("ready");
    // Without an open turn, Esc goes back.
    salon.send(ESCAPE);
    salon.wait_for_text("Idle");
    salon.send("q");
    assert_eq!(salon.wait(), 0);
    salon.assert_restored();
    stage.agents.assert_all_exited();
    assert_eq!(stage.agents.prompts(), ["ask make install", "hang", "say from the queue"]);
}

#[test]
fn a_command_of_the_user_runs_in_the_directory_of_the_session_and_ends_with_ctrl_c_or_with_salon() {
    let stage = Stage::new();
    let mut salon = stage.salon(&["new"]);
    salon.wait_for_text("type a prompt");
    salon.send("!echo ${PWD##*/}; echo to stderr >&2; exit 3");
    salon.send(ENTER);
    salon.wait_for_text("exit code 3");
    salon.wait_for_text("project");
    salon.wait_for_text("to stderr");
    salon.send("say read it");
    salon.send(ENTER);
    salon.wait_for_text("ready");
    let prompts = stage.agents.prompts();
    assert!(prompts.iter().any(|prompt| prompt.contains("project\nto stderr")), "{prompts:?}");
    let pid_file = stage.home.path().join("pid");
    let pid = || std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let is_alive = |pid: i32| {
        rustix::process::Pid::from_raw(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    };
    salon.send("!sleep 600 & echo $! > $HOME/pid; wait");
    salon.send(ENTER);
    wait_until("it runs", || pid().is_some_and(is_alive));
    salon.send(CTRL_C);
    let first = pid().expect("its pid");
    wait_until("it ended with its group", || !is_alive(first));
    salon.wait_for_text("signal 2");
    salon.send("!sleep 600 & echo $! > $HOME/pid; wait");
    salon.send(ENTER);
    wait_until("another one runs", || pid().is_some_and(|pid| pid != first && is_alive(pid)));
    let second = pid().expect("its pid");
    salon.signal(Signal::TERM);
    assert_eq!(salon.wait(), 0);
    wait_until("it ended with salon", || !is_alive(second));
}

#[test]
fn a_command_that_begins_on_an_idle_screen_begins_now() {
    const IDLE_SECONDS: u64 = 6;
    let stage = Stage::new();
    let mut salon = stage.salon(&["new"]);
    salon.wait_for_text("type a prompt");
    // Nothing on the screen depends on the time, so that it is not looked at meanwhile.
    std::thread::park_timeout(std::time::Duration::from_secs(IDLE_SECONDS));
    salon.send("!sleep 60");
    salon.send(ENTER);
    salon.wait_for("its first seconds", |screen| {
        (1..IDLE_SECONDS).any(|seconds| screen.contents().contains(&format!("running {seconds} s")))
    });
    salon.send(CTRL_C);
    salon.wait_for_text("signal 2");
    salon.signal(Signal::TERM);
    assert_eq!(salon.wait(), 0);
}

#[test]
fn d17_signals_leave_no_agent_and_restore_the_terminal() {
    for signal in [Signal::TERM, Signal::HUP] {
        let stage = Stage::new();
        let mut salon = stage.salon(&["new", "hang"]);
        salon.wait_for_text("working");
        salon.signal(signal);
        assert_eq!(salon.wait(), 0, "{signal:?}");
        salon.assert_restored();
        stage.agents.assert_all_exited();
    }
}

#[test]
fn c8_after_a_kill_the_orphan_is_stopped_and_nothing_is_sent_again() {
    let stage = Stage::new();
    let mut salon = stage.salon(&["new", "deaf\nhang"]);
    salon.wait_for_text("working");
    salon.send("say later");
    salon.send(ENTER);
    salon.wait_for_text("1 queued");
    salon.signal(Signal::KILL);
    salon.wait();
    let mut salon = stage.salon(&[]);
    salon.wait_for_text("Stopped a leftover agent process");
    stage.agents.assert_all_exited();
    // The prompt that was queued is there, held.
    salon.send("i");
    salon.wait_for_text("say later");
    salon.send(ESCAPE);
    salon.send("q");
    salon.wait_for("quit or a confirmation", |_| true);
    drop(salon);
    assert_eq!(stage.agents.prompts(), ["deaf\nhang"], "nothing is sent automatically");
}

/// Kills a salon with a queued prompt, and starts another one.
fn restarted_after_a_kill(stage: &Stage) -> Terminal {
    let mut salon = stage.salon(&["new", "hang"]);
    salon.wait_for_text("working");
    salon.send("say later");
    salon.send(ENTER);
    salon.wait_for_text("1  say later");
    salon.signal(Signal::KILL);
    salon.wait();
    let salon = stage.salon(&[]);
    salon.wait_for_text("unsent prompts");
    salon
}

#[test]
fn f9_a_held_prompt_is_sent_from_the_inbox() {
    let stage = Stage::new();
    let mut salon = restarted_after_a_kill(&stage);
    salon.send("i");
    salon.wait_for_text("say later");
    // A choice is ignored until the item has been visible for a moment.
    wait_until("the prompt is delivered", || {
        salon.send("1");
        stage.agents.prompts().len() > 1
    });
    assert_eq!(stage.agents.prompts(), ["hang", "say later"]);
}

#[test]
fn f9_ctrl_y_sends_a_held_prompt() {
    let stage = Stage::new();
    let mut salon = restarted_after_a_kill(&stage);
    salon.send("i");
    salon.wait_for_text("say later");
    salon.send(ENTER);
    salon.wait_for_text("blocks the queue");
    salon.send("\x19");
    wait_until("the prompt is delivered", || stage.agents.prompts().len() > 1);
    salon.wait_for("the answer", |screen| screen.contents().matches("later").count() >= 2);
    assert_eq!(stage.agents.prompts(), ["hang", "say later"]);
}

#[test]
fn h16_turns_of_agents_without_ids_are_shown_once_when_they_are_on_disk() {
    /// Number of prompts and answers that say something. A prompt is also a title, and waits in the queue for a moment.
    fn shown(screen: &str, words: &str) -> (usize, usize) {
        let prompt = format!("say {words}");
        let prompts = screen.lines().filter(|line| line.contains('❯') && line.contains(&prompt)).count();
        (prompts, screen.matches(words).count() - screen.matches(&prompt).count())
    }
    for agent in ["gemini", "qwen"] {
        let stage = Stage::new();
        let mut salon = stage.salon(&["new", "--agent", agent]);
        salon.wait_for_text("type a prompt");
        for words in ["first words", "second words"] {
            salon.send(&format!("say {words}"));
            salon.send(ENTER);
            salon.wait_for("the answer", |screen| shown(&screen.contents(), words) == (1, 1));
        }
        salon.wait_for_text("ready");
        salon.wait_for("the first turn once", |screen| shown(&screen.contents(), "first words") == (1, 1));
        // Left goes back from an empty composer; Escape would only arm the interrupt of a turn that is not over yet.
        salon.send("\x1b[D");
        salon.wait_for_text("Idle");
        salon.send(ENTER);
        salon.wait_for("the same again", |screen| {
            let screen = screen.contents();
            shown(&screen, "first words") == (1, 1) && shown(&screen, "second words") == (1, 1)
        });
        salon.signal(Signal::TERM);
        assert_eq!(salon.wait(), 0);
        stage.agents.assert_all_exited();
    }
}
