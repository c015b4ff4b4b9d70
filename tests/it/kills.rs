//! Kills of salon at chosen moments between Enter and the agent's record of the prompt.
//!
//! `SALON_KILLS=1000 cargo test --test it -- kills --nocapture` kills as often as wanted; the suite kills once per
//! moment, and a few times with a disk that fills before the kill. All prompts read the same, so that a text proves
//! nothing.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{Agents, Home, SmallDisk, is_alive, wait_until};

/// Time between the agent's acknowledgement and its record, as with the real ones.
const RECORD_DELAY: &str = "120";

const PROMPT: &str = "say the same\ngrandchild\nwait 300";

/// Moment of a kill.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While the command starts and saves the prompt.
    Enter,
    /// Once the outbox marks the prompt as being sent.
    Claim,
    /// Once the agent has received it.
    Write,
    /// Once the agent has begun its turn, which it acknowledges.
    Acknowledgement,
    /// Once the agent has stored it.
    Record,
    /// While the turn is open.
    Answer,
}

const MOMENTS: [Moment; 6] =
    [Moment::Enter, Moment::Claim, Moment::Write, Moment::Acknowledgement, Moment::Record, Moment::Answer];

/// Numbers of records of the prompt: in the outbox, at the agent, and in its transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    saved: i64,
    received: usize,
    begun: usize,
    recorded: usize,
}

struct Stage {
    home: Home,
    agents: Agents,
    session: String,
    /// Disk of salon's data, if it is a small one.
    disk: Option<SmallDisk>,
}

impl Stage {
    fn new(disk: Option<SmallDisk>) -> Self {
        let home = Home::empty();
        std::fs::create_dir(home.path().join("project")).expect("a project");
        let mut stage = Self { home, agents: Agents::of(&["claude"]), session: String::new(), disk };
        let first = stage.salon(&["new", "--json", "say hello"]).output().expect("salon");
        assert!(first.status.success(), "{first:?}");
        let stdout = String::from_utf8_lossy(&first.stdout);
        let events = stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let id = events.filter_map(|event| event["session"].as_str().map(str::to_owned)).next_back();
        stage.session = id.expect("a session");
        stage
    }

    fn salon(&self, args: &[&str]) -> Command {
        let mut salon = Command::new(env!("CARGO_BIN_EXE_salon"));
        salon
            .args(args)
            .current_dir(self.home.path().join("project"))
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", self.agents.path())
            .env("FAKE_LOG", self.agents.log_file())
            .env("FAKE_RECORD_DELAY", RECORD_DELAY)
            .env("SALON_DATA_DIR", self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        salon
    }

    fn run(&self, args: &[&str]) -> Output {
        let output = self.salon(args).output().expect("salon");
        assert!(output.status.success(), "{args:?}: {output:?}");
        output
    }

    fn data(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(|| self.home.path().join(".local/share/salon"), |disk| disk.path().to_owned())
    }

    fn db(&self) -> Connection {
        Connection::open(self.data().join("state.db")).expect("state.db")
    }

    fn counts(&self) -> Counts {
        let saved = self.db().query_row("SELECT coalesce(max(id), 0) FROM prompts", [], |row| row.get(0));
        let log = self.agents.log();
        Counts {
            saved: saved.expect("read"),
            received: log.iter().filter(|record| record["received"]["type"] == "user").count(),
            begun: self.agents.prompts().len(),
            recorded: transcripts(&self.home.path().join(".claude/projects"))
                .iter()
                .map(|path| std::fs::read_to_string(path).unwrap_or_default().matches("\"promptSource\"").count())
                .sum(),
        }
    }

    fn state(&self, prompt: i64) -> String {
        let state = self.db().query_row("SELECT state FROM prompts WHERE id = ?1", [prompt], |row| row.get(0));
        state.expect("a prompt")
    }

    /// True once the moment has come.
    fn has_come(&self, moment: Moment, before: Counts) -> bool {
        let now = self.counts();
        match moment {
            Moment::Enter => true,
            Moment::Claim => now.saved > before.saved && self.state(now.saved) != "pending",
            Moment::Write => now.received > before.received,
            Moment::Acknowledgement => now.begun > before.begun,
            Moment::Record | Moment::Answer => now.recorded > before.recorded,
        }
    }

    /// Kills a salon that sends the prompt at a moment, lets the next one recover, and checks the outcome. A small disk is
    /// full from the moment `full` on, and free again after the kill.
    fn kill(&self, moment: Moment, full: Moment, delay: Duration) {
        let before = self.counts();
        let mut salon = Killed(self.salon(&["send", "--json", &self.session, PROMPT]).spawn().expect("salon"));
        let mut is_filled = false;
        let mut has_come = |moment| self.has_come(moment, before) || salon.0.try_wait().is_ok_and(|end| end.is_some());
        wait_until("the moment", || {
            if let Some(disk) = self.disk.as_ref().filter(|_| !is_filled && has_come(full)) {
                disk.fill();
                is_filled = true;
            }
            has_come(moment)
        });
        wait(delay);
        salon.0.kill().expect("killed");
        salon.0.wait().expect("reaped");
        if let Some(disk) = self.disk.as_ref().filter(|_| is_filled) {
            disk.free();
        }
        self.run(&["stop", &self.session]);
        let after = self.counts();
        let what = format!("{moment:?} and {delay:?}, full at {full:?} ({is_filled}): {before:?} {after:?}");
        assert!(after.received <= before.received + 1 && after.recorded <= before.recorded + 1, "sent twice: {what}");
        self.agents.assert_all_exited();
        if after.saved == before.saved {
            return assert_eq!(after, before, "it was sent without being saved: {what}");
        }
        let state = self.state(after.saved);
        let expected = if after.recorded > before.recorded { "delivered" } else { "held" };
        assert_eq!(state, expected, "{what}");
        if state == "held" {
            self.run(&["queue", "--cancel", &after.saved.to_string()]);
        }
    }
}

/// A salon process; killed on drop.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        crate::support::end(&mut self.0);
    }
}

fn transcripts(root: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root).into_iter().flatten().flatten();
    folders
        .filter_map(|folder| std::fs::read_dir(folder.path()).ok())
        .flatten()
        .flatten()
        .map(|file| file.path())
        .collect()
}

fn wait(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Number of kills: as wanted, else `usual`.
fn wanted(usual: u64) -> u64 {
    std::env::var("SALON_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

fn kill_repeatedly(stage: &Stage, count: u64) {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for (kill, moment) in (0..count).zip(MOMENTS.iter().cycle()) {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(kill);
        let spread = if matches!(moment, Moment::Enter) { 120 } else { 40 };
        let delay = Duration::from_millis((random >> 33) % spread);
        let full = MOMENTS[usize::try_from(random >> 40).unwrap_or(0) % MOMENTS.len()];
        println!("kill {kill}: {moment:?} and {delay:?}, full at {full:?}");
        stage.kill(*moment, full, delay);
    }
    let left = stage.agents.started().into_iter().filter(|pid| is_alive(*pid)).count();
    assert_eq!(left, 0);
}

#[test]
fn f3_f4_f10_a_killed_salon_neither_loses_nor_repeats_a_prompt_nor_leaves_a_process() {
    kill_repeatedly(&Stage::new(None), wanted(6));
}

#[test]
fn f1_f3_a_killed_salon_whose_disk_filled_neither_loses_nor_repeats_a_prompt() {
    let Some(disk) = SmallDisk::mount() else { return };
    kill_repeatedly(&Stage::new(Some(disk)), wanted(3));
}
