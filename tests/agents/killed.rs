//! salon itself is killed in the middle of a turn of a real agent; the next salon clears away what it left.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::home::{Home, Process};
use crate::kill_loop::{KillSite, kill_at_random, wanted};
use crate::model::{ANSWER, Model};
use crate::scene::{CLAUDE, CODEX, Driven, OPENCODE, wait_for};
use crate::script::SLOWLY;
use crate::terminal::Terminal;

#[test]
fn claude_outlives_no_salon() {
    killed(&CLAUDE);
}

#[test]
fn opencode_outlives_no_salon() {
    killed(&OPENCODE);
}

#[test]
fn codex_outlives_no_salon() {
    killed(&CODEX);
}

/// Agents of the random kills, and the time within which a kill comes.
const AGENTS: [&str; 4] = ["claude", "codex", "goose", "pi"];
const SPREAD: Duration = Duration::from_millis(2500);

/// Real agents in a home.
struct Site {
    home: Home,
    model: Model,
}

impl Site {
    fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.home.environment();
        environment.push(("SALON_RUNTIME_DIR".to_owned(), self.runtime().to_string_lossy().into_owned()));
        environment
    }

    fn root(&self) -> &Path {
        self.home.project().parent().expect("the home")
    }
}

impl KillSite for Site {
    fn salon(&self, args: &[&str]) -> Command {
        let mut command = salon(&self.home, args);
        command.envs(self.environment());
        command
    }

    fn window(&self, args: &[&str]) -> Terminal {
        Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), args, self.home.project(), &self.environment())
    }

    fn data(&self) -> PathBuf {
        self.root().join(".local/share/salon")
    }

    fn runtime(&self) -> PathBuf {
        self.root().join("run")
    }

    fn prompt(&self, mark: &str) -> String {
        format!("Count SLOW {mark}")
    }

    fn received(&self, mark: &str) -> usize {
        // goose puts a prompt that was not answered before the next one.
        self.model.heard().iter().filter(|heard| heard.prompt.ends_with(&self.prompt(mark))).count()
    }

    fn sees_every_prompt(&self) -> bool {
        false
    }

    fn agents(&self) -> Vec<u32> {
        let salon = |process: &Process| process.name.starts_with("salon");
        let listed = self.home.processes().into_iter().filter(|process| !salon(process));
        listed.filter_map(|process| u32::try_from(process.pid).ok()).collect()
    }
}

/// F3, F4: 20 kills of salon and of its server, or as many as `SALON_KILLS` says.
#[test]
fn kills_of_salon_and_its_server_at_random_moments_lose_and_repeat_no_prompt() {
    let model = Model::start();
    let site = Site { home: Home::new(model.port, &crate::installed()), model };
    let sessions = AGENTS.map(|agent| {
        let mut first = site.salon(&["new", "--json", "--agent", agent, "What is it?"]);
        let output = first.output().expect("salon");
        let told = events(&output);
        let id = told.iter().rev().find_map(|event| event["session"].as_str());
        id.unwrap_or_else(|| panic!("{agent}: {output:?}")).to_owned()
    });
    kill_at_random(&site, &AGENTS, &sessions, wanted(20), SPREAD);
    site.home.assert_nobody_is_left(&[]);
}

/// The agent is ended by the next salon if not by the death of its own; the conversation goes on; nothing is sent again.
fn killed(driven: &Driven) {
    let model = Model::start();
    let home = Home::new(model.port, &crate::installed());
    let mut first = salon(&home, &["new", "--json", "--agent", driven.name, "Count SLOW"]).spawn().expect("salon");
    let session = slowly(&mut first);
    // An agent writes its first record a moment after it has said its first word.
    wait_for("the session is on disk", || {
        salon(&home, &["show", "--json", "--limit", "1", &session]).output().is_ok_and(|shown| shown.status.success())
    });
    let were = home.processes();
    assert!(were.len() > 1, "salon and its agent: {were:?}");
    first.kill().expect("killed");
    first.wait().expect("reaped");
    let output = salon(&home, &["send", "--json", &session, "And now?"]).output().expect("salon");
    let told = events(&output);
    let last = told.iter().rfind(|event| event["type"] == "turn_end").unwrap_or_else(|| panic!("no end: {output:?}"));
    assert_eq!((last["outcome"].as_str(), output.status.code()), (Some("done"), Some(0)), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(ANSWER), "{output:?}");
    let heard = model.heard();
    assert_eq!(model.times("Count SLOW"), 1, "it was sent again: {heard:?}");
    assert!(heard.last().expect("asked").request.contains("Count SLOW"), "one conversation: {heard:?}");
    // The dead salon's children are init's to reap.
    wait_for("they are reaped", || were.iter().all(|process| Process::of(process.pid).is_none()));
    home.assert_nobody_is_left(&were);
}

fn salon(home: &Home, args: &[&str]) -> Command {
    let mut salon = Command::new(env!("CARGO_BIN_EXE_salon"));
    salon
        .args(args)
        .current_dir(home.project())
        .env_clear()
        .envs(home.environment())
        // A group of its own, as a shell would give it.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    salon
}

/// Reads events until the agent is in the middle of its answer, and gives the session's id.
fn slowly(salon: &mut Child) -> String {
    let lines = BufReader::new(salon.stdout.as_mut().expect("stdout")).lines();
    let mut session = None;
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).expect("an event");
        session = event["session"].as_str().map(str::to_owned).or(session);
        if event["type"] == "text" && line.contains(SLOWLY) {
            return session.expect("a session's id before its answer");
        }
    }
    panic!("it never answered: {:?}", salon.wait());
}

fn events(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
