//! The scripted agent as `claude`: what it says is heard as the real one is, and what it leaves on disk reads the same.

use salon::agent;
use salon::agent::protocol::{Conversation, Outgoing, ProtocolCommand, ProtocolSignal};
use salon::domain::approval::ApprovalAnswer;
use salon::domain::run::{Activity, RunFailure, RunSetting, TurnOutcome};
use salon::domain::{EntryKind, ToolStatus};

use super::captured::{compare, on_disk};
use super::opening;
use super::talk::Talk;
use crate::support::{Agents, FakeAgent, Home};

/// The program, and a codec that speaks with it.
struct Scripted {
    program: FakeAgent,
    talk: Talk,
    written: usize,
}

impl Scripted {
    fn start(home: &Home, agents: &Agents, conversation: Conversation) -> Self {
        let opening = opening(conversation);
        let launch = agent::protocol(salon::domain::Agent::Claude).expect("a protocol").launch(&opening);
        let program = agents.spawn(home, "claude", &launch.args, &[]);
        let mut scripted = Self { program, talk: Talk::with(opening), written: 0 };
        scripted.write();
        scripted
    }

    fn ready(home: &Home, agents: &Agents, conversation: Conversation) -> Self {
        let mut scripted = Self::start(home, agents, conversation);
        scripted.until(|signal| matches!(signal, ProtocolSignal::Ready(_)));
        scripted
    }

    fn tell(&mut self, command: ProtocolCommand) {
        self.talk.command(command);
        self.write();
    }

    fn write(&mut self) {
        for outgoing in &self.talk.outgoing[self.written..] {
            let Outgoing::Line(line) = outgoing else { panic!("{outgoing:?}") };
            self.program.write(line);
        }
        self.written = self.talk.outgoing.len();
    }

    /// Hears until something new is told.
    fn until(&mut self, wanted: impl Fn(&ProtocolSignal) -> bool) {
        loop {
            let seen = self.talk.signals.len();
            self.talk.line(&self.program.read_line());
            self.write();
            if self.talk.signals[seen..].iter().any(&wanted) {
                return;
            }
        }
    }

    fn prompt(&mut self, text: &str) {
        self.talk.prompt(text);
        self.write();
    }

    fn end(&mut self) -> TurnOutcome {
        self.until(|signal| matches!(signal, ProtocolSignal::TurnEnded(_)));
        self.talk.outcomes().pop().expect("an end")
    }

    fn turn(&mut self, text: &str) -> TurnOutcome {
        self.prompt(text);
        self.end()
    }

    fn answer(&mut self, answer: ApprovalAnswer) {
        self.until(|signal| matches!(signal, ProtocolSignal::Approval(_)));
        let id = self.talk.approvals().pop().expect("an approval").id;
        self.tell(ProtocolCommand::Answer { id, answer });
    }

    fn choose(&mut self, token: &str) {
        self.answer(ApprovalAnswer::Choice { token: token.into(), reason: None });
    }

    /// Closes its stdin; its exit code, and what it wrote to stderr.
    fn leave(mut self) -> (Option<i32>, String, Talk) {
        let (said, code, stderr) = self.program.close();
        for line in &said {
            self.talk.line(line);
        }
        (code, stderr, self.talk)
    }
}

const ID: &str = "11111111-2222-4333-8444-555555555555";

fn new() -> Conversation {
    Conversation::New { id: Some(ID.into()) }
}

#[test]
fn h16_the_scripted_agent_streams_what_it_stores() {
    let (home, agents) = (Home::empty(), Agents::of(&["claude"]));
    let mut agent = Scripted::ready(&home, &agents, new());
    assert_eq!(agent.turn("think hm hm\nsay hello there\nrun ls\nplan A | B\nlong 5000\nflood 50"), TurnOutcome::Done);
    agent.prompt("ask make\nask rm\nquestion Which? | Red | Blue\nsay done");
    agent.choose("allow");
    agent.choose("deny");
    agent.answer(ApprovalAnswer::Answers(vec![vec!["Blue".to_owned()]]));
    assert_eq!(agent.end(), TurnOutcome::Done);
    assert_eq!(agent.turn("retry\nsay on\ncompact\nsay bye"), TurnOutcome::Done);
    let limited = agent.turn("fail 429 slow down");
    assert!(matches!(limited, TurnOutcome::Failed(RunFailure::RateLimited { until: Some(_), .. })), "{limited:?}");
    assert!(matches!(agent.turn("fail 401 who?"), TurnOutcome::Failed(RunFailure::NotLoggedIn(_))));
    let (code, stderr, talk) = agent.leave();
    assert_eq!((code, &*stderr), (Some(0), ""));
    let fold = talk.fold();
    let (live, disk) = compare(fold.entries(), &on_disk(&home, ID));
    assert_eq!((live.as_slice(), disk.as_slice()), (&[][..], &[][..]));
    let texts: Vec<&str> = fold.entries().iter().map(|entry| entry.text.as_str()).collect();
    for text in ["hello there", "You chose Blue.", "API Error: 429 slow down"] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    let tools = fold.entries().iter().filter_map(|entry| entry.tool.as_deref());
    let ended: Vec<_> = tools.map(|tool| (&*tool.name, tool.status)).collect();
    use ToolStatus::{Denied, Done};
    let shell = [("Bash", Done), ("TodoWrite", Done), ("Bash", Done), ("Bash", Denied), ("AskUserQuestion", Done)];
    assert_eq!(ended, shell);
    assert!(talk.activities().iter().any(|activity| matches!(activity, Activity::Retrying { .. })));
    assert!(talk.activities().contains(&Activity::Compacting));
    assert_eq!(talk.accepted().len(), talk.prompts);
}

#[test]
fn the_scripted_agent_heeds_an_interrupt_and_takes_settings() {
    let (home, agents) = (Home::empty(), Agents::of(&["claude"]));
    let mut agent = Scripted::ready(&home, &agents, new());
    agent.prompt("say a\nhang");
    agent.until(|signal| matches!(signal, ProtocolSignal::PromptAccepted { .. }));
    agent.tell(ProtocolCommand::Interrupt);
    assert_eq!(agent.end(), TurnOutcome::Interrupted);
    agent.prompt("ask rm");
    agent.until(|signal| matches!(signal, ProtocolSignal::Approval(_)));
    agent.tell(ProtocolCommand::Interrupt);
    assert_eq!(agent.end(), TurnOutcome::Interrupted);
    assert!(agent.talk.signals.iter().any(|signal| matches!(signal, ProtocolSignal::ApprovalGone(_))));
    agent.tell(ProtocolCommand::Set(RunSetting::Model("haiku".to_owned())));
    agent.tell(ProtocolCommand::Set(RunSetting::Mode("plan".to_owned())));
    agent.tell(ProtocolCommand::Set(RunSetting::Effort("high".to_owned())));
    agent.prompt("plan one | two\nsay begun");
    agent.choose("accept-edits");
    assert_eq!(agent.end(), TurnOutcome::Done);
    let (_, _, talk) = agent.leave();
    let settings = talk.settings();
    let last = |of: fn(&(Option<String>, Option<String>, Option<String>)) -> Option<&String>| {
        settings.iter().filter_map(of).next_back().map(String::as_str)
    };
    assert_eq!((last(|told| told.0.as_ref()), last(|told| told.1.as_ref())), (Some("haiku"), Some("acceptEdits")));
    assert!(settings.iter().any(|(.., effort)| effort.as_deref() == Some("high")));
    let (live, disk) = compare(talk.fold().entries(), &on_disk(&home, ID));
    assert_eq!(disk, [""; 0]);
    assert!(live.iter().all(|entry| entry.contains("Set model to")), "{live:?}");
}

#[test]
fn the_scripted_agent_misbehaves_and_no_turn_ends_twice() {
    let (home, agents) = (Home::empty(), Agents::of(&["claude"]));
    let mut agent = Scripted::ready(&home, &agents, new());
    assert_eq!(agent.turn("stray\ngarbage\ntwice\nsay one"), TurnOutcome::Done);
    assert_eq!(agent.turn("say two"), TurnOutcome::Done);
    agent.prompt("say three\ncrash 3");
    let (code, stderr, talk) = agent.leave();
    assert_eq!(code, Some(3));
    assert!(stderr.contains("told to crash"), "{stderr}");
    assert_eq!(talk.outcomes(), [TurnOutcome::Done, TurnOutcome::Done]);
    let others = talk.fold().entries().iter().filter(|entry| entry.kind == EntryKind::Other).count();
    assert_eq!(others, 5, "each line of garbage is kept");
}

#[test]
fn the_scripted_agent_is_resumed_forked_and_refused() {
    let (home, agents) = (Home::empty(), Agents::of(&["claude"]));
    let mut agent = Scripted::ready(&home, &agents, new());
    agent.turn("say first");
    agent.leave();
    let mut agent = Scripted::ready(&home, &agents, Conversation::Resume(ID.into()));
    // Names of prompts are unique over all runs.
    agent.talk.prompts = 1;
    agent.turn("say second");
    assert_eq!(agent.leave().2.sessions(), [ID]);
    let prompts = |id: &str| on_disk(&home, id).iter().filter(|entry| entry.kind == EntryKind::Prompt).count();
    assert_eq!(prompts(ID), 2);
    let mut agent = Scripted::ready(&home, &agents, Conversation::Fork(ID.into()));
    agent.talk.prompts = 2;
    agent.turn("say third");
    let copy = agent.leave().2.sessions().pop().expect("an id");
    assert!(copy != ID && prompts(&copy) == 3 && prompts(ID) == 2);
    let (code, stderr, talk) = Scripted::start(&home, &agents, Conversation::Resume("unknown".into())).leave();
    assert!(code == Some(1) && stderr.contains("No conversation found"), "{stderr}");
    assert!(matches!(talk.signals.last(), Some(ProtocolSignal::Fatal(RunFailure::UnknownSession(_)))));
    let (code, stderr, _) = Scripted::start(&home, &agents, new()).leave();
    assert!(code == Some(1) && stderr.contains("already in use"), "{stderr}");
}
