//! A stage: the scripted `opencode` on a `PATH` of its own, and panes that talk over one server.

use std::path::{Path, PathBuf};

use salon::agent::protocol::{Codec, Command, Conversation, Opening, Signal, Step};
use salon::agent::{Protocol, protocol};
use salon::domain::Agent;
use salon::domain::approval::Approval;
use salon::domain::prompt::PromptId;
use salon::domain::run::{Failure, Outcome};
use salon::domain::transcript::Transcript;
use salon::live::link::{Arrival, Link};
use salon::live::process::{ChildEnvironment, Exit};
use salon::live::server::{Hosting, Seat, Server, Source};
use serde_json::Value;

use crate::support::{Agents, LONG, clock};

/// The scripted agent and what it writes.
pub struct Stage {
    dir: tempfile::TempDir,
    agents: Agents,
    vars: Vec<(String, String)>,
}

impl Stage {
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

    /// With one more variable for the agent.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.into(), value.into()));
        self
    }

    /// Tells the agent how to answer for its list of models.
    pub fn control(&self, word: &str) {
        std::fs::write(self.dir.path().join("control"), word).expect("control");
    }

    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    pub fn hosting(&self) -> Hosting {
        let launch = opencode().launch(&opening(Path::new("/"), Conversation::New { id: None }));
        let environment = ChildEnvironment { vars: self.vars.clone() };
        Hosting::new(Source::Own { launch, environment }, opencode().server().expect("a server"))
    }

    pub fn server(&self) -> Server {
        Server::new(self.hosting())
    }

    /// Requests of this method and path, however long their query.
    pub fn requests(&self, start: &str) -> Vec<Value> {
        let asked = |record: &Value| record["request"].as_str().is_some_and(|request| request.starts_with(start));
        self.agents.log().into_iter().filter(asked).collect()
    }

    /// How many servers were started.
    pub fn starts(&self) -> usize {
        self.agents.starts().len()
    }
}

pub fn opencode() -> &'static dyn Protocol {
    protocol(Agent::OpenCode).expect("OpenCode is driven")
}

pub fn opening(cwd: &Path, conversation: Conversation) -> Opening {
    Opening { conversation, cwd: cwd.to_owned(), model: None, mode: None, effort: None, extra: Vec::new() }
}

/// A conversation over the server, as a run has it.
pub struct Pane {
    link: Link,
    codec: Box<dyn Codec>,
    prompts: i64,
    pub transcript: Transcript,
    pub signals: Vec<Signal>,
}

impl Pane {
    /// Opens it and waits until it can take prompts.
    pub async fn open(server: &Server, opening: Opening) -> Self {
        let mut pane = Self::begin(server.seat().await.expect("a place"), opening);
        pane.until("ready", |signal| matches!(signal, Signal::Ready(_))).await;
        pane
    }

    /// Opens it and does not wait.
    pub fn begin(seat: Seat, opening: Opening) -> Self {
        let mut pane = Self {
            link: Link::Seat(seat),
            codec: opencode().codec(),
            prompts: 0,
            transcript: Transcript::default(),
            signals: Vec::new(),
        };
        pane.command(Command::Open(opening));
        pane
    }

    pub fn command(&mut self, command: Command) {
        let step = self.codec.command(command, clock());
        self.take(step);
    }

    pub fn prompt(&mut self, text: &str) {
        self.prompts += 1;
        self.command(Command::Prompt { id: PromptId(self.prompts), text: text.to_owned() });
    }

    fn take(&mut self, step: Step) {
        for outgoing in step.outgoing {
            let _ = self.link.send(outgoing);
        }
        for signal in step.signals {
            if let Signal::Event(event) = &signal {
                self.transcript.apply(event.clone());
            }
            self.signals.push(signal);
        }
    }

    /// Takes in one thing. Its end, if that is what came.
    async fn next(&mut self) -> Option<Exit> {
        let arrival = tokio::time::timeout(LONG, self.link.arrival()).await.unwrap_or_else(|_| {
            panic!("nothing comes any more after {:?}", self.signals.iter().rev().take(5).collect::<Vec<_>>())
        });
        if let Arrival::Exited(exit) = arrival {
            return Some(exit);
        }
        if let Some(incoming) = arrival.incoming() {
            let step = self.codec.decode(incoming, clock());
            self.take(step);
        }
        None
    }

    /// Goes on until something was told that was not told before the call.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Signal) -> bool) -> Signal {
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

    /// Prompts and waits for the end of the turn.
    pub async fn turn(&mut self, text: &str) -> Outcome {
        self.prompt(text);
        self.ended().await
    }

    pub async fn ended(&mut self) -> Outcome {
        match self.until("the end of the turn", |signal| matches!(signal, Signal::TurnEnded(_))).await {
            Signal::TurnEnded(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub async fn approval(&mut self) -> Approval {
        match self.until("an approval", |signal| matches!(signal, Signal::Approval(_))).await {
            Signal::Approval(approval) => approval,
            other => panic!("{other:?}"),
        }
    }

    /// Goes on until it is told that the server is gone.
    pub async fn gone(&mut self) -> Exit {
        loop {
            if let Some(exit) = self.next().await {
                return exit;
            }
        }
    }

    /// Why it cannot go on.
    pub async fn fatal(&mut self) -> Failure {
        match self.until("a refusal", |signal| matches!(signal, Signal::Fatal(_))).await {
            Signal::Fatal(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    pub fn session(&self) -> String {
        let id = self.signals.iter().find_map(|signal| match signal {
            Signal::Session(id) => Some(id.to_string()),
            _ => None,
        });
        id.expect("a session")
    }

    /// How many turns ended.
    pub fn ends(&self) -> usize {
        self.signals.iter().filter(|signal| matches!(signal, Signal::TurnEnded(_))).count()
    }

    /// What is said, a line an entry.
    pub fn texts(&self) -> Vec<String> {
        self.transcript.entries().iter().map(|entry| entry.text.clone()).collect()
    }

    pub fn leave(&mut self) {
        match &mut self.link {
            Link::Seat(seat) => seat.leave(),
            Link::Child(_) => unreachable!("a pane sits at a server"),
        }
    }
}
