//! A place to run agents: a home, a `PATH` with nothing but the scripted agent, a `state.db`, and live runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use salon::agent::protocol::Opening;
use salon::domain::Agent;
use salon::domain::run::{Conversation, Cursor, Phase, RunId, RunInfo, Stopped, What};
use salon::domain::transcript::Transcript;
use salon::live::decide::Limits;
use salon::live::{Event, Live, Options, this_process};
use salon::store::Store;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::support::{Agents, LONG, clock};

/// Files and folders for agents; outlives the runs, as a disk does.
pub struct Place {
    dir: tempfile::TempDir,
    pub agents: Agents,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        for below in ["home", "project", "data"] {
            std::fs::create_dir(dir.path().join(below)).expect("a directory");
        }
        Self { dir, agents: Agents::of(&["claude"]) }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn project(&self) -> PathBuf {
        self.path().join("project").canonicalize().expect("the project")
    }

    pub fn store(&self) -> Arc<Store> {
        Arc::new(Store::open(&self.path().join("data/state.db"), clock()).expect("state.db").store)
    }

    pub fn options(&self) -> Options {
        let path = |below: &str| self.path().join(below).to_string_lossy().into_owned();
        let vars = [
            ("PATH", self.agents.search_path()),
            ("HOME", path("home")),
            ("CLAUDE_CONFIG_DIR", path("home/.claude")),
            ("FAKE_LOG", self.agents.log_file().to_string_lossy().into_owned()),
            ("CLAUDECODE", "1".into()),
            ("CLAUDE_CODE_ENTRYPOINT", "cli".into()),
            ("CLAUDE_CODE_MAX_RETRIES", "3".into()),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Options::new(self.store(), vars, clock, this_process())
    }

    /// A new conversation in the project.
    pub fn opening(&self) -> Opening {
        Opening::new(Conversation::New { id: None }, self.project())
    }

    /// The prompts that reached an agent, in order.
    pub fn told(&self) -> Vec<String> {
        let told = self.agents.log().into_iter().map(|mut record| record["told"].take());
        told.filter(|told| told["type"] == "user").map(|told| text_of(&told["message"]["content"])).collect()
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        blocks => blocks.as_array().expect("blocks").iter().filter_map(|block| block["text"].as_str()).collect(),
    }
}

/// Live runs in a place.
pub struct Stage {
    pub place: Place,
    pub live: Live,
    pub events: UnboundedReceiver<Event>,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With other options than the usual.
    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::at(Place::new(), change)
    }

    pub fn at(place: Place, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = place.options();
        change(&mut options);
        let (live, events) = Live::start(options);
        Self { place, live, events }
    }

    /// Begins a new conversation with a prompt.
    pub async fn begin(&self, prompt: &str) -> RunId {
        let begun = self.live.begin(Agent::Claude, self.place.opening(), Some(prompt.to_owned())).await;
        begun.expect("a run")
    }

    pub async fn submit(&self, run: &RunId, prompt: &str) {
        self.live.submit(run, prompt.to_owned()).await.expect("accepted");
    }

    pub fn info(&self, run: &RunId) -> Arc<RunInfo> {
        self.live.watch(run).expect("the run").info()
    }

    /// Waits until a run is as it should be.
    pub async fn until(&self, run: &RunId, like: impl Fn(&RunInfo) -> bool) -> Arc<RunInfo> {
        let mut viewer = self.live.watch(run).expect("the run");
        let wait = async {
            loop {
                let info = viewer.info();
                if like(&info) {
                    return info;
                }
                assert!(viewer.changed().await, "the run is over: {info:?}");
            }
        };
        let waited = tokio::time::timeout(LONG, wait).await;
        waited.unwrap_or_else(|_| panic!("it never came to that: {:#?}", self.info(run)))
    }

    /// Waits until the agent is at work on a prompt that it said to have.
    pub async fn working(&self, run: &RunId) -> Arc<RunInfo> {
        self.until(run, |info| {
            info.session.is_some() && info.queued == 0 && matches!(info.phase, Phase::Working { .. })
        })
        .await
    }

    /// Waits until there is no process any more.
    pub async fn gone(&self, run: &RunId) -> Arc<RunInfo> {
        self.until(run, |info| is_at_rest(info) && info.phase != Phase::Idle).await
    }

    /// Waits until the turn of that number is over and nothing waits behind it.
    pub async fn done(&self, run: &RunId, turn: u64) -> Arc<RunInfo> {
        self.until(run, |info| info.turn.0 >= turn && is_at_rest(info) && info.queued == 0).await
    }

    /// Waits for an event.
    pub async fn told<T>(&mut self, like: impl Fn(&Event) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the runs");
                if let Some(found) = like(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(LONG, wait).await.expect("it was never told")
    }

    /// Waits until something is said in a run.
    pub async fn until_said(&self, run: &RunId, text: &str) {
        let mut viewer = self.live.watch(run).expect("the run");
        let wait = async {
            while !self.said(run).await.contains(text) {
                assert!(viewer.changed().await, "the run is over");
            }
        };
        tokio::time::timeout(LONG, wait).await.expect("it was never said");
    }

    /// What is said in a run, as far as its ring holds it, one line an entry.
    pub async fn said(&self, run: &RunId) -> String {
        let viewer = self.live.watch(run).expect("the run");
        let replay = viewer.since(Cursor::default()).await.expect("a replay");
        let mut transcript = Transcript::default();
        for item in replay.happenings {
            if let What::Event(event) = item.value.what {
                transcript.apply(event);
            }
        }
        transcript.entries().iter().map(|entry| format!("{}: {}\n", entry.kind.name(), entry.text)).collect()
    }
}

/// No turn is open, nothing is starting.
pub fn is_at_rest(info: &RunInfo) -> bool {
    matches!(info.phase, Phase::Idle | Phase::Stopped(_)) && info.phase != Phase::Stopped(Stopped::NotStarted)
}

/// Limits by which nothing takes long.
pub fn quick() -> Limits {
    Limits { interrupt: Duration::from_millis(200), back_off: Duration::from_millis(5), ..Limits::default() }
}
