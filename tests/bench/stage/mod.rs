//! Runs in a temporary home, with the scripted agent as `claude`.
#![allow(dead_code, reason = "each bench uses some of it")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use salon::agent::protocol::{Conversation, RunStart};
use salon::domain::run::{Phase, RunId};
use salon::domain::run_event::RingCursor;
use salon::domain::{Agent, Time};
use salon::live::{Live, LiveOptions, this_process};
use salon::store::Store;

/// Wall clock time.
pub fn clock() -> Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Time::from_millis(i64::try_from(now.as_millis()).expect("a time"))
}

/// Runs in a temporary home.
pub struct Stage {
    pub dir: tempfile::TempDir,
    pub live: Live,
    pub runtime: tokio::runtime::Runtime,
}

impl Stage {
    /// Starts the live layer with changed options.
    pub fn new(change: impl FnOnce(&mut LiveOptions)) -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        std::fs::create_dir(dir.path().join("bin")).expect("a directory");
        symlink(fake_agent(), dir.path().join("bin/claude")).expect("the scripted agent");
        let path = |below: &str| dir.path().join(below).to_string_lossy().into_owned();
        let vars = [("PATH", path("bin")), ("HOME", path("")), ("FAKE_TRANSCRIPT", "off".into())];
        let vars = vars.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let store = Store::open(&dir.path().join("state.db"), clock()).expect("state.db").store;
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut options = LiveOptions::new(Arc::new(store), vars, clock, this_process());
        change(&mut options);
        let live = runtime.block_on(async { Live::start(options).0 });
        Self { dir, live, runtime }
    }

    /// Starts a new session with a prompt.
    pub async fn begin(&self, prompt: &str) -> RunId {
        let opening = RunStart::new(Conversation::New { id: None }, self.dir.path().to_owned());
        self.live.open_run(Agent::Claude, opening, Some(prompt.into())).await.expect("a run")
    }

    /// Waits until a turn has ended and no prompt is queued.
    pub async fn idle(&self, run: &RunId, turn: u64) {
        let mut viewer = self.live.watch(run).expect("the run");
        while viewer.info().turn.0 < turn || viewer.info().phase != Phase::Idle || viewer.info().queued > 0 {
            assert!(viewer.changed().await);
        }
    }

    /// Attaches a viewer that reads everything.
    pub fn read_all(&self, run: &RunId) {
        let mut viewer = self.live.watch(run).expect("the run");
        tokio::spawn(async move {
            let mut cursor = RingCursor::default();
            while let Some(replay) = viewer.since(cursor).await {
                cursor = replay.cursor;
                if !viewer.changed().await {
                    return;
                }
            }
        });
    }

    /// Waits until a turn was sent to the agent.
    pub async fn given(&self, run: &RunId, turn: u64) {
        let mut viewer = self.live.watch(run).expect("the run");
        while viewer.info().turn.0 < turn {
            assert!(viewer.changed().await);
        }
    }
}

fn fake_agent() -> PathBuf {
    let bench = std::env::current_exe().expect("this bench");
    let agent = bench.parent().and_then(Path::parent).expect("the target directory").join("examples/fake-agent");
    assert!(agent.exists(), "build it first: cargo build --example fake-agent, in the profile of the benches");
    agent
}
