//! The scripted agent as `codex`: what it says is heard as the real one is, and what it leaves on disk is read the same.

use salon::agent::protocol::{Conversation, ProtocolCommand, ProtocolSignal, RunSetting};
use salon::domain::approval::{ApprovalAnswer, ChoiceKind};
use salon::domain::run::{RunFailure, TurnOutcome};
use salon::domain::{EntryKind, ToolStatus};

use super::{Driven, kept, opening, stored_in, told};
use crate::support::{Agents, FakeAgent, Home};

/// A scripted agent with a codec before it.
struct Agent {
    program: FakeAgent,
    driven: Driven,
    /// How many of the codec's messages were written.
    written: usize,
    _agents: Agents,
}

impl Agent {
    fn start(home: &Home, conversation: Conversation) -> Self {
        let agents = Agents::of(&["codex"]);
        let vars = [("CODEX_HOME", home.path().join(".codex"))];
        let program = agents.spawn(home, "codex", &["app-server".to_owned()], &vars);
        let mut agent = Self { program, driven: Driven::new(), written: 0, _agents: agents };
        agent.tell(ProtocolCommand::Open(opening(conversation)));
        agent
    }

    /// With a thread that is loaded.
    fn ready(home: &Home, conversation: Conversation) -> Self {
        let mut agent = Self::start(home, conversation);
        agent.until(|signal| matches!(signal, ProtocolSignal::Ready(offers) if !offers.models.is_empty()));
        agent
    }

    fn tell(&mut self, command: ProtocolCommand) {
        self.driven.command(command);
        self.write();
    }

    fn write(&mut self) {
        for message in &self.driven.sent[self.written..] {
            self.program.write(message.to_string().as_bytes());
        }
        self.written = self.driven.sent.len();
    }

    /// Hears until something is told that was not before.
    fn until(&mut self, wanted: impl Fn(&ProtocolSignal) -> bool) {
        let mut seen = self.driven.signals.len();
        loop {
            self.driven.hear_bytes(&self.program.read_line());
            self.write();
            if self.driven.signals[seen..].iter().any(&wanted) {
                return;
            }
            seen = self.driven.signals.len();
        }
    }

    fn prompt(&mut self, id: i64, text: &str) {
        self.tell(ProtocolCommand::Prompt {
            id: salon::domain::prompt::PromptId(id),
            text: text.to_owned(),
            images: Vec::new(),
        });
    }

    fn turn(&mut self, id: i64, text: &str) -> TurnOutcome {
        self.prompt(id, text);
        self.end()
    }

    fn end(&mut self) -> TurnOutcome {
        self.until(|signal| matches!(signal, ProtocolSignal::TurnEnded(_)));
        self.driven.ends().pop().expect("an end")
    }

    fn asked(&mut self, kind: ChoiceKind) {
        self.until(|signal| matches!(signal, ProtocolSignal::Approval(_)));
        self.driven.choose(kind, None);
        self.write();
    }

    fn thread(&self) -> String {
        self.driven.sessions()[0].to_owned()
    }

    /// Closes its stdin, which is its end.
    fn close(self) -> Driven {
        assert_eq!(self.program.close().1, Some(0));
        self.driven
    }
}

fn texts(driven: &Driven) -> Vec<&str> {
    let said = driven.entries().iter().filter(|entry| entry.kind == EntryKind::Text);
    said.map(|entry| entry.text.as_str()).collect()
}

fn statuses(driven: &Driven) -> Vec<ToolStatus> {
    driven.entries().iter().filter_map(|entry| entry.tool.as_ref()).map(|tool| tool.status).collect()
}

#[test]
fn h16_the_scripted_agent_streams_what_it_stores() {
    let home = Home::empty();
    let mut agent = Agent::ready(&home, Conversation::New { id: None });
    let script = "think hard about it\nsay one two three\nflood 20\nlong 500\nrun ls -la\nretry\nsay done";
    assert_eq!(agent.turn(1, script), TurnOutcome::Done);
    agent.prompt(2, "ask make\nask rm -rf x\nsay after");
    agent.asked(ChoiceKind::AllowOnce);
    agent.asked(ChoiceKind::Deny);
    assert_eq!(agent.end(), TurnOutcome::Done);
    agent.prompt(3, "ask stop me\nsay never");
    agent.asked(ChoiceKind::DenyAndStop);
    assert_eq!(agent.end(), TurnOutcome::Interrupted);
    assert_eq!(agent.turn(4, "fail 500 high demand"), TurnOutcome::Failed(RunFailure::Other("high demand".into())));
    agent.prompt(5, "question Which? | this | that");
    agent.until(|signal| matches!(signal, ProtocolSignal::Approval(_)));
    let id = agent.driven.approval().id;
    agent.tell(ProtocolCommand::Answer { id, answer: ApprovalAnswer::Answers(vec![vec!["that".to_owned()]]) });
    assert_eq!(agent.end(), TurnOutcome::Done);
    let thread = agent.thread();
    let driven = agent.close();
    use ToolStatus::{Denied, Done, Interrupted};
    assert_eq!(statuses(&driven), [Done, Done, Denied, Interrupted, Done]);
    assert_eq!(texts(&driven).last(), Some(&"You chose that."));
    let disk = stored_in(&home, &thread);
    let (live, disk) = (kept(driven.entries()), kept(&disk));
    for (live, disk) in live.iter().zip(&disk) {
        assert_eq!((told(live), live.key), (told(disk), disk.key));
    }
    assert_eq!(live.len(), disk.len());
}

#[test]
fn the_scripted_agent_is_resumed_forked_and_refused() {
    let home = Home::empty();
    let mut first = Agent::ready(&home, Conversation::New { id: None });
    first.turn(1, "say one");
    let thread = first.thread();
    let mut second = Agent::start(&home, Conversation::Resume(thread.as_str().into()));
    second.until(|signal| matches!(signal, ProtocolSignal::Fatal(RunFailure::OpenElsewhere(_))));
    first.close();
    let mut again = Agent::ready(&home, Conversation::Resume(thread.as_str().into()));
    again.turn(2, "say two");
    assert_eq!(again.thread(), thread);
    again.close();
    let mut fork = Agent::ready(&home, Conversation::Fork(thread.as_str().into()));
    let forked = fork.thread();
    fork.turn(3, "say three");
    fork.close();
    assert_ne!(forked, thread);
    let said = |thread: &str| {
        let entries = stored_in(&home, thread);
        let said = entries.into_iter().filter(|entry| entry.kind == EntryKind::Text).map(|entry| entry.text);
        said.collect::<Vec<_>>()
    };
    assert_eq!(
        (said(&thread), said(&forked)),
        (vec!["one".into(), "two".into()], vec!["one".into(), "two".into(), "three".into()])
    );
    let mut unknown = Agent::start(&home, Conversation::Resume("01a1fd83-0000-7000-8000-000000000000".into()));
    unknown.until(|signal| matches!(signal, ProtocolSignal::Fatal(RunFailure::UnknownSession(_))));
}

#[test]
fn the_scripted_agent_heeds_an_interrupt_and_takes_settings() {
    let home = Home::empty();
    let mut agent = Agent::ready(&home, Conversation::New { id: None });
    agent.prompt(1, "say begun\nhang");
    agent.until(|signal| matches!(signal, ProtocolSignal::TurnStarted));
    agent.tell(ProtocolCommand::Interrupt);
    assert_eq!(agent.end(), TurnOutcome::Interrupted);
    agent.tell(ProtocolCommand::Set(RunSetting::Mode("full-access".into())));
    assert_eq!(agent.turn(2, "ask no leave needed\nplan look | do"), TurnOutcome::Done);
    assert_eq!(agent.driven.last().text, "- [~] look\n- [ ] do");
    agent.tell(ProtocolCommand::Set(RunSetting::Model("nope".into())));
    assert_eq!(agent.turn(3, "say x"), TurnOutcome::Failed(RunFailure::UnknownModel("model: nope".into())));
    agent.tell(ProtocolCommand::Set(RunSetting::Model("gpt-5".into())));
    assert!(matches!(
        agent.turn(4, "fail 429 slow down"),
        TurnOutcome::Failed(RunFailure::RateLimited { until: Some(_), .. })
    ));
    assert!(matches!(agent.turn(5, "fail 401 who are you"), TurnOutcome::Failed(RunFailure::NotLoggedIn(_))));
}

#[test]
fn the_scripted_agent_misbehaves_and_no_turn_ends_twice() {
    let home = Home::empty();
    let mut agent = Agent::ready(&home, Conversation::New { id: None });
    assert_eq!(agent.turn(1, "garbage\nstray\ntwice\nsay on"), TurnOutcome::Done);
    assert_eq!(agent.turn(2, "/compact"), TurnOutcome::Done);
    assert_eq!(agent.turn(3, "/review"), TurnOutcome::Done);
    assert_eq!(agent.driven.ends().len(), 3);
    assert_eq!(texts(&agent.driven), ["on", "It looks good to me."]);
    assert!(home.path().join(".codex/sessions").is_dir());
}
