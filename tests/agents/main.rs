//! The real agents with salon, against a scripted model on loopback: run by its live layer ([`live`]), orphaned by a
//! salon that was killed ([`killed`]), worked with by a person's keys ([`keys`]), and resumed in their own program by a
//! key (here): a session is made with each, headless, selected in salon, `R` pressed; the agent shows the earlier
//! prompt, is quit, and salon is back.
//!
//! `.ci/run` installs the agents and runs this with `cargo test --test agents`; a plain `cargo test` does not.

#![allow(clippy::disallowed_methods, reason = "tests read their own files")]

mod dialects;
mod disk;
mod home;
/// What the other tests have, too.
#[path = "../it"]
mod it {
    #[allow(unused_imports, reason = "what is for the scripted agents only")]
    pub mod support;
}
#[path = "../it/server/harness.rs"]
#[allow(dead_code, reason = "what is for the scripted agent only")]
mod harness;
mod keys;
#[path = "../it/kill_loop.rs"]
mod kill_loop;
mod killed;
mod live;
mod model;
mod opencode;
mod review;
mod rewind;
mod scene;
mod script;
#[path = "../it/terminal.rs"]
mod terminal;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use home::Home;
use it::support;
use terminal::Terminal;

/// One agent, and what differs between them.
struct Agent {
    name: &'static str,
    /// Arguments of a headless turn; the prompt goes through stdin.
    headless: &'static [&'static str],
    /// A session made without a person is marked so, and hidden until asked for.
    hidden: bool,
    /// What to type, one after another, until the program ends.
    quit: &'static [&'static str],
}

#[test]
fn claude_is_resumed_by_a_key() {
    resume(&Agent { name: "claude", headless: &["-p"], hidden: true, quit: &["\x03", "\x03"] });
}

#[test]
fn codex_is_resumed_by_a_key() {
    resume(&Agent {
        name: "codex",
        headless: &["exec", "--skip-git-repo-check", "-"],
        hidden: true,
        quit: &["\x03", "\x03"],
    });
}

#[test]
fn opencode_is_resumed_by_a_key() {
    resume(&Agent { name: "opencode", headless: &["run"], hidden: false, quit: &["\x03", "\x03"] });
}

fn resume(agent: &Agent) {
    let home = Home::new(model::Model::start().port, &installed());
    let prompt = format!("What did {} count on the seventh day?", agent.name);
    speak(&home, agent, &prompt);
    let mut salon = Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), &[], home.project(), &home.environment());
    if agent.hidden {
        salon.wait_for_text("1 hidden");
        salon.send("H");
    }
    // The title is the prompt, or what the model made of it.
    salon.wait_for_text("the seventh");
    salon.send("R");
    salon.wait_for_bytes("\x1b[?1049l");
    salon.wait_for("the agent's own screen, with the earlier prompt", |screen| {
        let shown = screen.contents();
        shown.contains(&prompt) && !shown.contains("hidden")
    });
    for key in agent.quit {
        salon.send(key);
    }
    salon.wait_for_text("Back from");
    salon.wait_for_text("the seventh");
    salon.send("q");
    assert_eq!(salon.wait(), 0);
    salon.assert_restored();
}

/// A headless turn, so that there is a session.
fn speak(home: &Home, agent: &Agent, prompt: &str) {
    use std::io::Write;
    let mut child = Command::new(home.program(agent.name))
        .args(agent.headless)
        .current_dir(home.project())
        .env_clear()
        .envs(home.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    child.stdin.take().expect("stdin").write_all(prompt.as_bytes()).expect("the prompt is taken");
    let output = child.wait_with_output().expect("the agent ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(model::ANSWER),
        "{}: {}\n{said}\n{}",
        agent.name,
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Where `.ci/run` installed the agents.
fn installed() -> PathBuf {
    let dir = std::env::var_os("SALON_AGENTS").map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".agents"));
    assert!(dir.join("node_modules").is_dir(), "no agents in {}: .ci/run installs them", dir.display());
    dir.canonicalize().expect("the agents' folder")
}
