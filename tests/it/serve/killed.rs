//! Kills at random moments, with the scripted agents.
//!
//! `SALON_KILLS=200 cargo test --test it -- random_moments --nocapture` kills as often as wanted.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Stage;
use crate::kill_loop::{KillSite, kill_at_random, wanted};
use crate::support::is_alive;
use crate::terminal::Terminal;

/// Agents whose sessions are prompted. Each has a protocol of its own, or a record of its own.
const AGENTS: [&str; 4] = ["claude", "codex", "gemini", "qwen"];

/// Time within which a kill comes: from the start of the command into the turn.
const SPREAD: Duration = Duration::from_millis(450);

impl KillSite for Stage {
    fn salon(&self, args: &[&str]) -> Command {
        let mut salon = self.command(args);
        // As slow as the real one, which writes a prompt some time after it received it.
        salon.env("FAKE_RECORD_DELAY", "80").stdout(Stdio::piped()).stderr(Stdio::piped());
        salon
    }

    fn window(&self, args: &[&str]) -> Terminal {
        Self::window(self, args)
    }

    fn data(&self) -> PathBuf {
        self.home.path().join(".local/share/salon")
    }

    fn runtime(&self) -> PathBuf {
        Self::runtime(self)
    }

    fn prompt(&self, mark: &str) -> String {
        format!("say {mark}\ngrandchild\nwait 200")
    }

    fn received(&self, mark: &str) -> usize {
        let log = self.agents.log();
        log.iter().filter(|record| record["received"].to_string().contains(mark)).count()
    }

    fn agents(&self) -> Vec<u32> {
        let started = self.agents.started().into_iter().chain(self.agents.grandchildren());
        started.filter(|pid| is_alive(*pid)).collect()
    }
}

/// Creates a session and returns its id.
fn session(stage: &Stage, agent: &str) -> String {
    let events = stage.run(&["new", "--agent", agent, "--json", "say hello"]);
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let id = events.filter_map(|event| event["session"].as_str().map(str::to_owned)).next_back();
    id.expect("a session")
}

#[test]
fn f3_f4_kills_of_salon_and_its_server_at_random_moments_lose_and_repeat_no_prompt() {
    let stage = Stage::new();
    let sessions = AGENTS.map(|agent| session(&stage, agent));
    kill_at_random(&stage, &AGENTS, &sessions, wanted(14), SPREAD);
}
