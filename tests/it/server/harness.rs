//! Test harness: the scripted `opencode` on its own `PATH`, and clients of one server.

use std::path::{Path, PathBuf};

use salon::agent::protocol::{Codec, CodecStep, Conversation, ProtocolCommand, ProtocolSignal, RunStart};
use salon::agent::{Protocol, protocol};
use salon::domain::Agent;
use salon::domain::approval::Approval;
use salon::domain::prompt::PromptId;
use salon::domain::run::{RunFailure, TurnOutcome};
use salon::domain::transcript::Transcript;
use salon::live::process::{ChildEnvironment, ProcessExit};
use salon::live::server::{ServerConfig, ServerHandle, ServerSession, ServerSource};
use salon::live::transport::{Connection, TransportEvent};
use serde_json::Value;

use crate::support::{Agents, TIMEOUT, clock};

/// The scripted agent and its output.
pub struct ServerHarness {
    dir: tempfile::TempDir,
    agents: Agents,
    vars: Vec<(String, String)>,
}

impl ServerHarness {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let agents = Agents::of(&["opencode"]);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let vars = vec![
            ("PATH".into(), format!("{}:/usr/bin:/bin", agents.search_path())),
            ("HOME".into(), text(dir.path())),
            ("FAKE_LOG".into(), text(&agents.log_file())),
            ("FAKE_CONTROL".into(), text(&dir.path().join("control"))),
        ];
        Self { dir, agents, vars }
    }

    /// Adds an environment variable for the agent.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.into(), value.into()));
        self
    }

    /// Sets how the agent answers requests for its model list.
    pub fn control(&self, word: &str) {
        std::fs::write(self.dir.path().join("control"), word).expect("control");
    }

    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    pub fn config(&self) -> ServerConfig {
        let launch = opencode().launch(&opening(Path::new("/"), Conversation::New { id: None }));
        let environment = ChildEnvironment { vars: self.vars.clone() };
        ServerConfig::new(ServerSource::Own { launch, environment }, opencode().server().expect("a server"))
    }

    /// Server with the interface of a version 2.x.
    pub fn api_server(&self) -> ServerHandle {
        ServerHandle::new(ServerConfig { spec: api().server().expect("a server"), ..self.config() })
    }

    pub fn server(&self) -> ServerHandle {
        ServerHandle::new(self.config())
    }

    /// Logged requests that start with this method and path.
    pub fn requests(&self, start: &str) -> Vec<Value> {
        let asked = |record: &Value| record["request"].as_str().is_some_and(|request| request.starts_with(start));
        self.agents.log().into_iter().filter(asked).collect()
    }

    /// Stops a server's process without ending it, so that it answers nothing.
    pub fn freeze(pid: u32) {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it is stopped");
    }

    /// True if no server is alive.
    pub fn all_ended(&self) -> bool {
        self.agents.started().iter().all(|pid| !crate::support::is_alive(*pid))
    }

    /// Number of started servers.
    pub fn starts(&self) -> usize {
        self.agents.starts().len()
    }
}

pub fn opencode() -> &'static dyn Protocol {
    protocol(Agent::OpenCode).expect("OpenCode is driven")
}

/// The protocol of 2.x.
pub fn api() -> &'static dyn Protocol {
    opencode().fallback(&RunFailure::UnsupportedVersion(String::new())).expect("another protocol")
}

pub fn opening(cwd: &Path, conversation: Conversation) -> RunStart {
    RunStart::new(conversation, cwd.to_owned())
}

/// A client session, as a run has it.
pub struct Client {
    connection: ServerSession,
    codec: Box<dyn Codec>,
    prompts: i64,
    pub transcript: Transcript,
    pub signals: Vec<ProtocolSignal>,
}

impl Client {
    /// Opens a session and waits until it is ready.
    pub async fn open(server: &ServerHandle, opening: RunStart) -> Self {
        let mut client = Self::begin(server.open_session().await.expect("a place"), opening);
        client.until("ready", |signal| matches!(signal, ProtocolSignal::Ready(_))).await;
        client
    }

    /// Opens a session without waiting.
    pub fn begin(session: ServerSession, opening: RunStart) -> Self {
        Self::begin_with(session, opening, opencode())
    }

    /// Opens a session over the interface of 2.x.
    pub async fn open_api(server: &ServerHandle, opening: RunStart) -> Self {
        let mut client = Self::begin_with(server.open_session().await.expect("a place"), opening, api());
        client.until("ready", |signal| matches!(signal, ProtocolSignal::Ready(_))).await;
        client
    }

    /// Opens a session without waiting, with a protocol.
    pub fn begin_with(session: ServerSession, opening: RunStart, protocol: &dyn Protocol) -> Self {
        let mut client = Self {
            connection: session,
            codec: protocol.codec(),
            prompts: 0,
            transcript: Transcript::default(),
            signals: Vec::new(),
        };
        client.command(ProtocolCommand::Open(opening));
        client
    }

    pub fn command(&mut self, command: ProtocolCommand) {
        let step = self.codec.command(command, clock());
        self.take(step);
    }

    pub fn prompt(&mut self, text: &str) {
        self.prompts += 1;
        self.command(ProtocolCommand::Prompt { id: PromptId(self.prompts), text: text.to_owned(), images: Vec::new() });
    }

    fn take(&mut self, step: CodecStep) {
        for outgoing in step.outgoing {
            let _ = self.connection.send(outgoing);
        }
        for signal in step.signals {
            if let ProtocolSignal::Event(event) = &signal {
                self.transcript.apply(event.clone());
            }
            self.signals.push(signal);
        }
    }

    /// Handles the next event. Returns the exit, if it was one.
    async fn next(&mut self) -> Option<ProcessExit> {
        let event = tokio::time::timeout(TIMEOUT, self.connection.next_event()).await.unwrap_or_else(|_| {
            panic!("nothing comes any more after {:?}", self.signals.iter().rev().take(5).collect::<Vec<_>>())
        });
        if let TransportEvent::Exited(exit) = event {
            return Some(exit);
        }
        if let Some(incoming) = event.incoming() {
            let step = self.codec.decode(incoming, clock());
            self.take(step);
        }
        None
    }

    /// Reads signals until a new one matches.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&ProtocolSignal) -> bool) -> ProtocolSignal {
        let mut seen = self.signals.len();
        loop {
            if let Some(signal) = self.signals[seen..].iter().find(|signal| wanted(signal)) {
                return signal.clone();
            }
            seen = self.signals.len();
            if let Some(exit) = self.next().await {
                panic!("the server is gone before {what}: {exit:?}");
            }
        }
    }

    /// Sends a prompt and waits for the end of the turn.
    pub async fn turn(&mut self, text: &str) -> TurnOutcome {
        self.prompt(text);
        self.ended().await
    }

    pub async fn ended(&mut self) -> TurnOutcome {
        match self.until("the end of the turn", |signal| matches!(signal, ProtocolSignal::TurnEnded(_))).await {
            ProtocolSignal::TurnEnded(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub async fn approval(&mut self) -> Approval {
        match self.until("an approval", |signal| matches!(signal, ProtocolSignal::Approval(_))).await {
            ProtocolSignal::Approval(approval) => approval,
            other => panic!("{other:?}"),
        }
    }

    /// Reads until the server has exited.
    pub async fn gone(&mut self) -> ProcessExit {
        loop {
            if let Some(exit) = self.next().await {
                return exit;
            }
        }
    }

    /// Waits for a fatal failure.
    pub async fn fatal(&mut self) -> RunFailure {
        match self.until("a refusal", |signal| matches!(signal, ProtocolSignal::Fatal(_))).await {
            ProtocolSignal::Fatal(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    pub fn session(&self) -> String {
        let id = self.signals.iter().find_map(|signal| match signal {
            ProtocolSignal::Session(id) => Some(id.to_string()),
            _ => None,
        });
        id.expect("a session")
    }

    /// Number of ended turns.
    pub fn ends(&self) -> usize {
        self.signals.iter().filter(|signal| matches!(signal, ProtocolSignal::TurnEnded(_))).count()
    }

    /// Texts of the transcript, one per entry.
    pub fn texts(&self) -> Vec<String> {
        self.transcript.entries().iter().map(|entry| entry.text.clone()).collect()
    }

    /// Tells the server that a turn is open.
    pub fn set_busy(&self) {
        self.connection.set_busy(true);
    }

    pub fn leave(&mut self) {
        self.connection.close();
    }
}
