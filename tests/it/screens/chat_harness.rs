//! Harness of the chat: a scripted run, and a disk that responds as the index would.

use std::sync::Arc;

use salon::app::chat::Chat;
use salon::app::layer::Layer;
use salon::app::msg::RequestTicket;
use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::event::{Delta, EntryKey, Event, EventBody, NoticeLevel};
use salon::domain::prompt::{Prompt, PromptId, PromptState};
use salon::domain::run::{Activity, Capabilities, Phase, RunId, RunInfo, TurnNumber, TurnOutcome};
use salon::domain::run_event::{Replay, RingCursor, RunEvent, RunEventKind};
use salon::domain::transcript::{Entry, ToolAction, ToolStatus, Transcript};
use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use salon::domain::{Agent, SessionKey, Time, Tokens};
use salon::stdx::ring::RingItem;

use super::live::is_about_runs;
use super::stage::{NOW, Stage, change, session};

pub const SESSION: &str = "5d0c0f6e-0004";

/// A chat with its run and its disk.
pub struct ChatHarness {
    pub stage: Stage,
    pub info: RunInfo,
    pub disk: Vec<Entry>,
    pub asked: Vec<Effect>,
    drafts: Vec<(String, String)>,
    next: u64,
    epoch: u64,
    ticket: Option<RequestTicket>,
}

impl ChatHarness {
    /// Creates a run of a new session without a transcript.
    pub fn new(width: u16, height: u16) -> Self {
        let mut harness = Self::closed(width, height);
        harness.changed(|_| {});
        harness.open();
        harness
    }

    /// Creates the screen before the run is known.
    pub fn closed(width: u16, height: u16) -> Self {
        let id = run();
        let mut info = RunInfo::starting(id, Agent::Claude, "/home/ann/shop-api".into());
        info.phase = Phase::Idle;
        info.model = Some("claude-opus-4-8-20260801".into());
        info.mode = Some("acceptEdits".into());
        info.pid = Some(4711);
        info.capabilities = Arc::new(Capabilities {
            commands: vec![
                ("compact".into(), "condense the context".into()),
                ("clear".into(), "forget the conversation".into()),
                ("review".into(), "look through a pull request".into()),
            ],
            ..Capabilities::default()
        });
        Self {
            stage: Stage::new(width, height),
            info,
            disk: Vec::new(),
            asked: Vec::new(),
            drafts: Vec::new(),
            next: 0,
            epoch: 7,
            ticket: None,
        }
    }

    /// Creates a run of a session with a transcript on disk.
    pub fn of(width: u16, height: u16, disk: Vec<Entry>) -> Self {
        let mut harness = Self::closed(width, height);
        harness.disk = disk;
        harness.listed();
        harness.changed(|info| info.session = Some(SessionKey::new(Agent::Claude, SESSION)));
        harness.open();
        harness
    }

    /// Opens the chat of the run.
    pub fn open(&mut self) {
        let effects = self.stage.app.perform(salon::app::Flow::OpenChat(run()));
        self.stage.effects.extend(effects);
        self.respond();
    }

    /// Adds the session to the catalog.
    pub fn listed(&mut self) {
        let found = session(Agent::Claude, SESSION, "Explain the flaky test in cart_total", 5);
        self.stage.send(Msg::Catalog(change(vec![found])));
        self.respond();
    }

    /// Changes the run.
    pub fn changed(&mut self, change: impl FnOnce(&mut RunInfo)) {
        change(&mut self.info);
        let info = Arc::new(self.info.clone());
        self.send(RunMsg::Changed(info));
    }

    /// Opens or closes a turn.
    pub fn working(&mut self, working: bool) {
        let since = Time::from_millis(NOW.millis() - 83_000);
        self.changed(|info| {
            info.phase = if working { Phase::Working { since, activity: Activity::Answering } } else { Phase::Idle };
        });
    }

    /// Sends a message about runs and responds to the effects.
    pub fn send(&mut self, msg: RunMsg) {
        self.stage.send(Msg::Run(msg));
        self.respond();
    }

    /// Sends events of a turn.
    pub fn happen(&mut self, turn: u64, whats: Vec<RunEventKind>) {
        self.replay(turn, 0, whats);
    }

    /// Sends events after a gap of `missed` events.
    pub fn replay(&mut self, turn: u64, missed: u64, whats: Vec<RunEventKind>) {
        let items = whats.into_iter().map(|what| {
            let id = self.next;
            self.next += 1;
            RingItem { first: id, last: id, value: RunEvent { turn: TurnNumber(turn), kind: what } }
        });
        let happenings = items.collect();
        let cursor = RingCursor { epoch: self.epoch, next: self.next };
        self.send(RunMsg::Events(run(), Replay { cursor, missed, events: happenings }));
    }

    /// Replaces the run's event ring.
    pub fn restart(&mut self) {
        (self.epoch, self.next) = (self.epoch + 1, 0);
    }

    /// Sets the entries on disk.
    pub fn written(&mut self, entries: Vec<Entry>) {
        let from = self.disk.len();
        self.disk.extend(entries);
        self.grown(from);
    }

    /// Reports a change on disk from an entry on.
    pub fn grown(&mut self, from: usize) {
        let opened = self.opened();
        if let Some(ticket) = self.ticket {
            self.stage.send(Msg::Transcript(ticket, TranscriptEvent::Grown { from, opened }));
        }
        self.respond();
    }

    /// Presses keys and responds to the effects.
    pub fn keys(&mut self, words: &str) -> &mut Self {
        for word in words.split_whitespace() {
            self.stage.keys(word);
            self.respond();
        }
        self
    }

    /// Types letters.
    pub fn type_in(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.stage.send(Msg::Key(salon::config::key::Key::char(c)));
        }
        self.respond();
        self
    }

    /// Takes the commands to runs since the last call.
    pub fn take(&mut self) -> Vec<Effect> {
        let asked = std::mem::take(&mut self.asked).into_iter();
        asked.filter(is_about_runs).collect()
    }

    /// Returns the last saved draft with its key.
    pub fn kept(&self) -> Option<(String, String)> {
        self.drafts.last().cloned()
    }

    /// Returns the last saved draft of a key.
    pub fn draft(&self, name: &str) -> Option<String> {
        self.drafts.iter().rev().find(|(key, _)| key == name).map(|(_, text)| text.clone())
    }

    pub fn chat(&self) -> &Chat {
        self.stage.app.stack.layers.iter().rev().find_map(Layer::chat).expect("a chat")
    }

    /// Returns the texts of the shown entries, from disk and live.
    pub fn shown(&self) -> Vec<String> {
        let reader = &self.chat().reader;
        (0..reader.len()).map(|at| reader.entry(at).map_or("…".into(), |shown| shown.entry.text.clone())).collect()
    }

    pub fn screen(&mut self) -> String {
        self.stage.screen()
    }

    /// Responds until nothing more is requested.
    fn respond(&mut self) {
        for _ in 0..20 {
            let effects = self.stage.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::OpenTranscript(ticket, _) => {
                        self.ticket = Some(ticket);
                        let opened = self.opened();
                        self.stage.send(Msg::Transcript(ticket, TranscriptEvent::Opened(opened)));
                    }
                    Effect::ReadEntries(ticket, range) => {
                        let (from, to) = (range.start.min(self.disk.len()), range.end.min(self.disk.len()));
                        let entries = self.disk[from..to].iter().cloned().map(Arc::new).collect();
                        self.stage.send(Msg::Transcript(ticket, TranscriptEvent::Page { from, entries }));
                    }
                    Effect::SaveDraft { key, text } => self.drafts.push((key, text)),
                    other => self.asked.push(other),
                }
            }
        }
        panic!("it never has enough");
    }

    fn opened(&self) -> TranscriptInfo {
        use salon::domain::transcript::EntryKind;
        let prompts = self.disk.iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::Prompt);
        TranscriptInfo {
            len: self.disk.len(),
            branches: 1,
            prompts: prompts.map(|(at, _)| at).collect(),
            ..TranscriptInfo::default()
        }
    }
}

pub fn run() -> RunId {
    RunId("r-1".into())
}

fn event(id: &str, body: EventBody) -> Event {
    Event { key: EntryKey::new(id, 0), time: Some(Time::from_millis(NOW.millis() - 60_000)), body }
}

pub fn prompt(id: &str, text: &str) -> RunEventKind {
    RunEventKind::Event(event(id, EventBody::Prompt(text.into())))
}

pub fn delta(id: &str, text: &str) -> RunEventKind {
    RunEventKind::Event(event(id, EventBody::Text(Delta::Append(text.into()))))
}

pub fn thought(id: &str, text: &str) -> RunEventKind {
    RunEventKind::Event(event(id, EventBody::Thinking(Delta::Append(text.into()))))
}

pub fn notice(id: &str, level: NoticeLevel, text: &str) -> RunEventKind {
    RunEventKind::Event(event(id, EventBody::Notice { level, text: text.into() }))
}

pub fn command(id: &str, line: &str) -> RunEventKind {
    let action = ToolAction::Command { command: line.into(), exit_code: None };
    let input = serde_json::json!({ "command": line });
    RunEventKind::Event(event(id, EventBody::ToolCall { id: id.into(), name: "Bash".into(), input, action }))
}

pub fn result(id: &str, status: ToolStatus, output: &str) -> RunEventKind {
    let output = Some(Delta::Replace(output.into()));
    let update = EventBody::ToolUpdate {
        id: id.into(),
        status: Some(status),
        output,
        duration_ms: None,
        subagent: None,
        action: None,
    };
    RunEventKind::Event(event(id, update))
}

pub fn ended() -> RunEventKind {
    RunEventKind::TurnEnded { outcome: TurnOutcome::Done, time: Time::default(), duration_ms: 0 }
}

/// Returns the entries that result from these events.
pub fn on_disk(whats: Vec<RunEventKind>) -> Vec<Entry> {
    let mut transcript = Transcript::default();
    for what in whats {
        if let RunEventKind::Event(event) = what {
            transcript.apply(event);
        }
    }
    transcript.into_entries()
}

pub fn queued(id: i64, text: &str, state: PromptState, reason: Option<&str>) -> Prompt {
    Prompt {
        id: PromptId(id),
        run: run(),
        text: text.into(),
        state,
        reason: reason.map(str::to_owned),
        submitted: Time::from_millis(NOW.millis() - id * 120_000),
        attempts: 0,
        barrier: false,
        sent: None,
        not_before: None,
    }
}

pub fn tokens() -> Tokens {
    Tokens { input: 1_200, output: 3_400, cache_read: 41_000, cache_write: 0 }
}
