//! A scene: a home, a model, and salon's live runs with one of the real agents.

use std::sync::Arc;
use std::time::{Duration, Instant};

use salon::agent::Environment;
use salon::agent::protocol::RunStart;
use salon::domain::approval::{Approval, ApprovalAnswer, ChoiceKind};
use salon::domain::configured_agent::{AgentDefinition, ConfiguredAgent};
use salon::domain::prompt::{Prompt, PromptId};
use salon::domain::run::{Conversation, Phase, RunId, RunInfo, StopReason};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::domain::transcript::Transcript;
use salon::domain::{Agent, Entry, SessionKey};
use salon::live::options::DeliveryCheck;
use salon::live::{Live, LiveOptions, this_process};
use salon::store::{Store, outbox};

use crate::home::Home;
use crate::model::Model;
use crate::support::{TIMEOUT, clock};

/// One agent, and what differs between them.
pub struct Driven {
    /// Its name on the command line.
    pub name: &'static str,
    /// The mode in which it asks before it runs `touch`; its own default where that one does.
    pub mode: Option<&'static str>,
    /// Another model than its first, as salon names it.
    pub other: &'static str,
    /// The same, as the agent asks for it.
    pub asked: &'static str,
    /// Its record has the ids of what it streams.
    pub keeps_ids: bool,
}

/// Claude Code.
pub const CLAUDE: Driven = Driven {
    name: "claude",
    mode: None,
    other: "claude-opus-4-5-20251101",
    asked: "claude-opus-4-5-20251101",
    keeps_ids: true,
};

/// OpenCode, which asks because its configuration says so.
pub const OPENCODE: Driven =
    Driven { name: "opencode", mode: None, other: "lab/lab-small", asked: "lab-small", keeps_ids: true };

/// Codex, which by default asks for what its sandbox does not let through only.
pub const CODEX: Driven =
    Driven { name: "codex", mode: Some("untrusted"), other: "gpt-5-codex", asked: "gpt-5-codex", keeps_ids: true };

/// Gemini CLI.
pub const GEMINI: Driven =
    Driven { name: "gemini", mode: None, other: "gemini-2.5-pro", asked: "gemini-2.5-pro", keeps_ids: false };

/// Qwen Code, whose configuration has one model only.
pub const QWEN: Driven = Driven { name: "qwen", mode: None, other: "", asked: "", keeps_ids: false };

/// goose.
pub const GOOSE: Driven = Driven { name: "goose", mode: None, other: "", asked: "", keeps_ids: false };

/// pi, which asks nothing by itself.
pub const PI: Driven = Driven { name: "pi", mode: None, other: "lab/lab-small", asked: "lab-small", keeps_ids: true };

/// Copilot CLI.
pub const COPILOT: Driven = Driven { name: "copilot", mode: None, other: "", asked: "", keeps_ids: true };

/// Kimi Code.
pub const KIMI: Driven = Driven { name: "kimi", mode: None, other: "", asked: "", keeps_ids: true };

/// OpenCode over the agent client protocol.
pub const OPENCODE_ACP: Driven =
    Driven { name: "opencode-acp", mode: None, other: "lab/lab-small", asked: "lab-small", keeps_ids: true };

impl Driven {
    /// Whose program: one that salon knows, or that needs no configuration, or that the configuration defines.
    pub fn agent(&self) -> Agent {
        ConfiguredAgent::define_presets(|_| true);
        let command = ["opencode", "acp"].map(str::to_owned).to_vec();
        ConfiguredAgent::define("opencode-acp", AgentDefinition { command, ..AgentDefinition::default() });
        Agent::from_name(self.name).expect("salon drives it")
    }
}

/// One agent's runs in a home of their own.
pub struct Scene {
    pub driven: &'static Driven,
    pub home: Home,
    pub model: Model,
    pub live: Live,
    /// salon's own database.
    pub store: Arc<Store>,
}

impl Scene {
    /// A new home with nothing in it, and no process yet.
    pub fn new(driven: &'static Driven) -> Self {
        let model = Model::start();
        let home = Home::new(model.port, &crate::installed());
        let file = home.project().parent().expect("the home").join("state.db");
        let store = Arc::new(Store::open(&file, clock()).expect("state.db").store);
        let live = start(&home, &store);
        Self { driven, home, model, live, store }
    }

    /// The next salon at the same place.
    pub fn restart(&mut self) {
        self.live = start(&self.home, &self.store);
    }

    /// How a conversation begins here.
    pub fn opening(&self, conversation: Conversation) -> RunStart {
        let mut opening = RunStart::new(conversation, self.home.project().to_owned());
        opening.mode = self.driven.mode.map(str::to_owned);
        opening
    }

    /// Begins a new conversation.
    pub async fn begin(&self, prompt: &str) -> RunId {
        let opening = self.opening(Conversation::New { id: None });
        self.live.open_run(self.driven.agent(), opening, Some(prompt.to_owned())).await.expect("a run")
    }

    /// Goes on with one.
    pub async fn submit(&self, run: &RunId, prompt: &str) {
        self.live.submit(run, prompt.to_owned()).await.expect("accepted");
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
        if let Ok(info) = tokio::time::timeout(TIMEOUT, wait).await {
            return info;
        }
        let info = self.live.watch(run).expect("the run").info();
        panic!("it never came to that: {info:#?}\n{}", self.said(run).await)
    }

    /// Waits until the turn of that number is over and nothing waits behind it.
    pub async fn done(&self, run: &RunId, turn: u64) -> Arc<RunInfo> {
        self.until(run, |info| info.turn.0 >= turn && is_at_rest(info) && info.queued == 0).await
    }

    /// The newest prompt of a run, in any state.
    pub fn newest_prompt(&self) -> Prompt {
        let found = self.store.with(|db| {
            let id = db.query_row("SELECT max(id) FROM prompts", [], |row| row.get(0))?;
            outbox::find(db, PromptId(id))
        });
        found.expect("state.db").expect("a prompt")
    }

    /// Waits until something is said.
    pub async fn until_said(&self, run: &RunId, text: &str) {
        let mut viewer = self.live.watch(run).expect("the run");
        let wait = async {
            while !self.said(run).await.contains(text) {
                assert!(viewer.changed().await, "the run is over");
            }
        };
        let waited = tokio::time::timeout(TIMEOUT, wait).await;
        assert!(waited.is_ok(), "{text} was never said: {:#?}\n{}", viewer.info(), self.said(run).await);
    }

    /// Waits for a question, and answers it.
    pub async fn answer(&self, run: &RunId, kind: ChoiceKind, reason: Option<&str>) -> Approval {
        let info = self.until(run, |info| !info.approvals.is_empty()).await;
        let approval = info.approvals[0].clone();
        let choice = approval.choices.iter().find(|choice| choice.kind == kind).expect("such a choice");
        let answer = ApprovalAnswer::Choice { token: choice.token.clone(), reason: reason.map(str::to_owned) };
        self.live.answer(run, &approval.id, answer).expect("told");
        approval
    }

    /// What happened in a run since its beginning, as its viewers see it.
    pub async fn entries(&self, run: &RunId) -> Vec<Entry> {
        let viewer = self.live.watch(run).expect("the run");
        let replay = viewer.since(RingCursor::default()).await.expect("a replay");
        assert_eq!(replay.missed, 0, "all of it is held");
        let mut transcript = Transcript::default();
        for item in replay.events {
            if let RunEventKind::Event(event) = item.value.kind {
                transcript.apply(event);
            }
        }
        transcript.into_entries()
    }

    /// The same in words.
    pub async fn said(&self, run: &RunId) -> String {
        self.entries(run).await.iter().map(|entry| format!("{}: {}\n", entry.kind.name(), entry.text)).collect()
    }

    /// Whether the tools made a file in the project.
    pub fn made(&self, name: &str) -> bool {
        self.home.project().join(name).exists()
    }

    /// Waits until the agent can open a session again: salon waits too, but not within the time of a test.
    pub fn until_resumable(&self, session: &SessionKey) {
        let earliest = salon::agent::format(session.agent).earliest_resume(&environment(&self.home), &session.id);
        wait_for("the minute of the session is over", || earliest.is_none_or(|earliest| clock() >= earliest));
    }

    /// Ends salon's runs; then nobody is left, by process and by group.
    pub async fn close(&mut self) {
        let were = self.home.processes();
        assert!(!were.is_empty(), "a process was looked for");
        self.live.clone().shutdown().await;
        self.home.assert_nobody_is_left(&were);
    }
}

fn start(home: &Home, store: &Arc<Store>) -> Live {
    let mut options = LiveOptions::new(store.clone(), home.environment(), clock, this_process());
    options.is_delivered = record_check(home);
    options.recorded = environment(home).recorded;
    let environment = environment(home);
    options.earliest_resume =
        Arc::new(move |key| salon::agent::format(key.agent).earliest_resume(&environment, &key.id));
    Live::start(options).0
}

/// The program's look into an agent's own record.
pub fn record_check(home: &Home) -> DeliveryCheck {
    let environment = environment(home);
    let cache = environment.home.join("salon-cache");
    salon::runtime::delivery::check(environment, cache)
}

/// Where salon looks for the sessions of a home.
pub fn environment(home: &Home) -> Environment {
    let place = home.project().parent().expect("the home").to_owned();
    let recorded = Some(place.join("salon-sessions"));
    Environment { home: place, vars: home.environment().into_iter().collect(), recorded, ..Environment::default() }
}

/// No turn is open, nothing is starting.
pub fn is_at_rest(info: &RunInfo) -> bool {
    matches!(info.phase, Phase::Idle | Phase::Stopped(_)) && info.phase != Phase::Stopped(StopReason::NotStarted)
}

/// Waits for something that nobody tells.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !done() {
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
