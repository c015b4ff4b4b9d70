//! Test harness for live runs: a home, a `PATH` with only the scripted agent, a `state.db`, and a supervisor.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use salon::agent::protocol::RunStart;
use salon::domain::Agent;
use salon::domain::run::{Conversation, Phase, RunId, RunInfo, StopReason};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::domain::transcript::Transcript;
use salon::live::policy::LiveLimits;
use salon::live::{Live, LiveEvent, LiveOptions, this_process};
use salon::store::Store;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::support::{Agents, TIMEOUT, clock};

/// Directories for agents. Outlives the runs, as a disk does.
pub struct Sandbox {
    dir: tempfile::TempDir,
    pub agents: Agents,
}

impl Sandbox {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        for below in ["home", "project", "data"] {
            std::fs::create_dir(dir.path().join(below)).expect("a directory");
        }
        Self { dir, agents: Agents::of(&["claude", "opencode", "codex", "gemini", "qwen", "goose"]) }
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

    pub fn options(&self) -> LiveOptions {
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
        LiveOptions::new(self.store(), vars, clock, this_process())
    }

    /// A new session in the project.
    pub fn opening(&self) -> RunStart {
        RunStart::new(Conversation::New { id: None }, self.project())
    }

    /// Prompts that reached an agent, in order.
    pub fn prompts(&self) -> Vec<String> {
        let records = self.agents.log().into_iter().map(|mut record| record["received"].take());
        records
            .filter(|records| records["type"] == "user")
            .map(|records| text_of(&records["message"]["content"]))
            .collect()
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        blocks => blocks.as_array().expect("blocks").iter().filter_map(|block| block["text"].as_str()).collect(),
    }
}

/// Live runs in a sandbox.
pub struct Harness {
    pub sandbox: Sandbox,
    /// The store of the runs.
    pub store: Arc<Store>,
    pub live: Live,
    pub events: UnboundedReceiver<LiveEvent>,
}

impl Harness {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// Starts live runs with changed options.
    pub fn with(change: impl FnOnce(&mut LiveOptions)) -> Self {
        Self::at(Sandbox::new(), change)
    }

    pub fn at(sandbox: Sandbox, change: impl FnOnce(&mut LiveOptions)) -> Self {
        let mut options = sandbox.options();
        change(&mut options);
        let store = options.store.clone();
        let (live, events) = Live::start(options);
        Self { sandbox, store, live, events }
    }

    /// Starts a new session with a prompt.
    pub async fn begin(&self, prompt: &str) -> RunId {
        let begun = self.live.open_run(Agent::Claude, self.sandbox.opening(), Some(prompt.to_owned())).await;
        begun.expect("a run")
    }

    /// Starts a new session of an agent with a prompt.
    pub async fn begin_with(&self, agent: Agent, prompt: &str) -> RunId {
        let begun = self.live.open_run(agent, self.sandbox.opening(), Some(prompt.to_owned())).await;
        begun.expect("a run")
    }

    /// Events of a run, as far as its ring contains them.
    pub async fn history(&self, run: &RunId) -> Vec<RunEventKind> {
        let viewer = self.live.watch(run).expect("the run");
        let replay = viewer.since(RingCursor::default()).await.expect("a replay");
        replay.events.into_iter().map(|item| item.value.kind).collect()
    }

    pub async fn submit(&self, run: &RunId, prompt: &str) {
        self.live.submit(run, prompt.to_owned()).await.expect("accepted");
    }

    pub fn info(&self, run: &RunId) -> Arc<RunInfo> {
        self.live.watch(run).expect("the run").info()
    }

    /// Waits until the state of a run matches.
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
        let waited = tokio::time::timeout(TIMEOUT, wait).await;
        waited.unwrap_or_else(|_| panic!("it never came to that: {:#?}", self.info(run)))
    }

    /// Waits until the agent is working on an acknowledged prompt.
    pub async fn working(&self, run: &RunId) -> Arc<RunInfo> {
        self.until(run, |info| {
            info.session.is_some() && info.queued == 0 && matches!(info.phase, Phase::Working { .. })
        })
        .await
    }

    /// Waits until the run has no process.
    pub async fn gone(&self, run: &RunId) -> Arc<RunInfo> {
        self.until(run, |info| is_idle(info) && info.phase != Phase::Idle).await
    }

    /// Waits until the given turn has ended and the queue is empty.
    pub async fn done(&self, run: &RunId, turn: u64) -> Arc<RunInfo> {
        self.until(run, |info| info.turn.0 >= turn && is_idle(info) && info.queued == 0).await
    }

    /// Waits for a matching event.
    pub async fn event<T>(&mut self, like: impl Fn(&LiveEvent) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the runs");
                if let Some(found) = like(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.expect("the event never came")
    }

    /// Waits until the transcript of a run contains a text.
    pub async fn until_text(&self, run: &RunId, text: &str) {
        let mut viewer = self.live.watch(run).expect("the run");
        let wait = async {
            while !self.transcript_text(run).await.contains(text) {
                assert!(viewer.changed().await, "the run is over");
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.expect("it was never said");
    }

    /// Transcript of a run as far as its ring contains it, one line per entry.
    pub async fn transcript_text(&self, run: &RunId) -> String {
        let viewer = self.live.watch(run).expect("the run");
        let replay = viewer.since(RingCursor::default()).await.expect("a replay");
        let mut transcript = Transcript::default();
        for item in replay.events {
            if let RunEventKind::Event(event) = item.value.kind {
                transcript.apply(event);
            }
        }
        transcript.entries().iter().map(|entry| format!("{}: {}\n", entry.kind.name(), entry.text)).collect()
    }
}

/// True if no turn is open and no process is starting.
pub fn is_idle(info: &RunInfo) -> bool {
    matches!(info.phase, Phase::Idle | Phase::Stopped(_)) && info.phase != Phase::Stopped(StopReason::NotStarted)
}

/// Limits with short timeouts.
pub fn short_limits() -> LiveLimits {
    LiveLimits { interrupt: Duration::from_millis(200), back_off: Duration::from_millis(5), ..LiveLimits::default() }
}
