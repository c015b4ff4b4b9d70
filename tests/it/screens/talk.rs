//! A conversation made by hand: a run that tells what the test says, and a disk that answers as the index would.

use std::sync::Arc;

use salon::app::chat::Chat;
use salon::app::layer::Layer;
use salon::app::msg::{Opened, Ticket, TranscriptMsg};
use salon::app::runs::{RunEffect, RunMsg};
use salon::app::{Effect, Msg};
use salon::domain::event::{Body, Event, Key, Level, Piece};
use salon::domain::prompt::{Prompt, PromptId, PromptState};
use salon::domain::run::{Activity, Cursor, Happening, Offers, Outcome, Phase, Replay, RunId, RunInfo, Turn, What};
use salon::domain::transcript::{Action, Entry, ToolStatus, Transcript};
use salon::domain::{Agent, SessionKey, Time, Tokens};
use salon::stdx::ring::Item;

use super::stage::{NOW, Stage, change, session};

pub const SESSION: &str = "5d0c0f6e-0004";

/// A conversation on the screen, its run, and its disk.
pub struct Talk {
    pub stage: Stage,
    pub info: RunInfo,
    pub disk: Vec<Entry>,
    pub asked: Vec<Effect>,
    drafts: Vec<(String, String)>,
    next: u64,
    epoch: u64,
    ticket: Option<Ticket>,
}

impl Talk {
    /// A run of a new session that has no transcript yet.
    pub fn new(width: u16, height: u16) -> Self {
        let mut talk = Self::closed(width, height);
        talk.changed(|_| {});
        talk.open();
        talk
    }

    /// Nothing is known of the run yet.
    pub fn closed(width: u16, height: u16) -> Self {
        let id = run();
        let mut info = RunInfo::starting(id, Agent::Claude, "/home/ann/shop-api".into());
        info.phase = Phase::Idle;
        info.model = Some("claude-opus-4-8-20260801".into());
        info.mode = Some("acceptEdits".into());
        info.pid = Some(4711);
        info.offers = Arc::new(Offers {
            commands: vec![
                ("compact".into(), "condense the context".into()),
                ("clear".into(), "forget the conversation".into()),
                ("review".into(), "look through a pull request".into()),
            ],
            ..Offers::default()
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

    /// A run of a session whose transcript is on disk.
    pub fn of(width: u16, height: u16, disk: Vec<Entry>) -> Self {
        let mut talk = Self::closed(width, height);
        talk.disk = disk;
        talk.listed();
        talk.changed(|info| info.session = Some(SessionKey::new(Agent::Claude, SESSION)));
        talk.open();
        talk
    }

    /// Opens the chat of the run.
    pub fn open(&mut self) {
        let effects = self.stage.app.open_chat(&run());
        self.stage.effects.extend(effects);
        self.settle();
    }

    /// The index knows the session.
    pub fn listed(&mut self) {
        let found = session(Agent::Claude, SESSION, "Explain the flaky test in cart_total", 5);
        self.stage.send(Msg::Catalog(change(vec![found])));
        self.settle();
    }

    /// The run changed.
    pub fn changed(&mut self, change: impl FnOnce(&mut RunInfo)) {
        change(&mut self.info);
        let info = Arc::new(self.info.clone());
        self.send(RunMsg::Changed(info));
    }

    /// A turn is open, or it is not.
    pub fn working(&mut self, working: bool) {
        let since = Time::from_millis(NOW.millis() - 83_000);
        self.changed(|info| {
            info.phase = if working { Phase::Working { since, activity: Activity::Answering } } else { Phase::Idle };
        });
    }

    /// Sends what runs tell, and answers what the state asks the disk.
    pub fn send(&mut self, msg: RunMsg) {
        self.stage.send(Msg::Run(msg));
        self.settle();
    }

    /// Things happen in a turn.
    pub fn happen(&mut self, turn: u64, whats: Vec<What>) {
        self.replay(turn, 0, whats);
    }

    /// Things happen after so many that are not held.
    pub fn replay(&mut self, turn: u64, missed: u64, whats: Vec<What>) {
        let items = whats.into_iter().map(|what| {
            let id = self.next;
            self.next += 1;
            Item { first: id, last: id, value: Happening { turn: Turn(turn), what } }
        });
        let happenings = items.collect();
        let cursor = Cursor { epoch: self.epoch, next: self.next };
        self.send(RunMsg::Happened(run(), Replay { cursor, missed, happenings }));
    }

    /// The run has another history from now on.
    pub fn restart(&mut self) {
        (self.epoch, self.next) = (self.epoch + 1, 0);
    }

    /// The transcript has these entries from now on.
    pub fn written(&mut self, entries: Vec<Entry>) {
        let from = self.disk.len();
        self.disk.extend(entries);
        self.grown(from);
    }

    /// The transcript changed from an entry on.
    pub fn grown(&mut self, from: usize) {
        let opened = self.opened();
        if let Some(ticket) = self.ticket {
            self.stage.send(Msg::Transcript(ticket, TranscriptMsg::Grown { from, opened }));
        }
        self.settle();
    }

    /// Presses keys, and answers what they ask the disk.
    pub fn keys(&mut self, words: &str) -> &mut Self {
        for word in words.split_whitespace() {
            self.stage.keys(word);
            self.settle();
        }
        self
    }

    /// Types letters.
    pub fn type_in(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.stage.send(Msg::Key(salon::config::key::Key::char(c)));
        }
        self.settle();
        self
    }

    /// What was asked of runs since it was last taken.
    pub fn take(&mut self) -> Vec<RunEffect> {
        let asked = std::mem::take(&mut self.asked).into_iter();
        asked.filter_map(|effect| if let Effect::Run(effect) = effect { Some(effect) } else { None }).collect()
    }

    /// What was last kept of what is being written.
    pub fn kept(&self) -> Option<(String, String)> {
        self.drafts.last().cloned()
    }

    /// What was kept last under that name.
    pub fn draft(&self, name: &str) -> Option<String> {
        self.drafts.iter().rev().find(|(key, _)| key == name).map(|(_, text)| text.clone())
    }

    pub fn chat(&self) -> &Chat {
        self.stage.app.layers.iter().rev().find_map(Layer::chat).expect("a chat")
    }

    /// The texts of the entries that are shown, from the disk and live.
    pub fn shown(&self) -> Vec<String> {
        let reader = &self.chat().reader;
        (0..reader.len()).map(|at| reader.entry(at).map_or("…".into(), |shown| shown.entry.text.clone())).collect()
    }

    pub fn screen(&mut self) -> String {
        self.stage.screen()
    }

    /// Answers until nothing more is asked of the disk.
    fn settle(&mut self) {
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
                        self.stage.send(Msg::Transcript(ticket, TranscriptMsg::Opened(opened)));
                    }
                    Effect::ReadEntries(ticket, range) => {
                        let (from, to) = (range.start.min(self.disk.len()), range.end.min(self.disk.len()));
                        let entries = self.disk[from..to].iter().cloned().map(Arc::new).collect();
                        self.stage.send(Msg::Transcript(ticket, TranscriptMsg::Page { from, entries }));
                    }
                    Effect::Run(RunEffect::KeepDraft { key, text }) => self.drafts.push((key, text)),
                    other => self.asked.push(other),
                }
            }
        }
        panic!("it never has enough");
    }

    fn opened(&self) -> Opened {
        use salon::domain::transcript::EntryKind;
        let prompts = self.disk.iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::Prompt);
        Opened { len: self.disk.len(), branches: 1, prompts: prompts.map(|(at, _)| at).collect(), ..Opened::default() }
    }
}

pub fn run() -> RunId {
    RunId("r-1".into())
}

fn event(id: &str, body: Body) -> Event {
    Event { key: Key::new(id, 0), time: Some(Time::from_millis(NOW.millis() - 60_000)), body }
}

pub fn prompt(id: &str, text: &str) -> What {
    What::Event(event(id, Body::Prompt(text.into())))
}

pub fn delta(id: &str, text: &str) -> What {
    What::Event(event(id, Body::Text(Piece::Delta(text.into()))))
}

pub fn thought(id: &str, text: &str) -> What {
    What::Event(event(id, Body::Thinking(Piece::Delta(text.into()))))
}

pub fn notice(id: &str, level: Level, text: &str) -> What {
    What::Event(event(id, Body::Notice { level, text: text.into() }))
}

pub fn command(id: &str, line: &str) -> What {
    let action = Action::Command { command: line.into(), exit_code: None };
    let input = serde_json::json!({ "command": line });
    What::Event(event(id, Body::ToolCall { id: id.into(), name: "Bash".into(), input, action }))
}

pub fn result(id: &str, status: ToolStatus, output: &str) -> What {
    let output = Some(Piece::Whole(output.into()));
    let update = Body::ToolUpdate {
        id: id.into(),
        status: Some(status),
        output,
        duration_ms: None,
        subagent: None,
        action: None,
    };
    What::Event(event(id, update))
}

pub fn ended() -> What {
    What::TurnEnded(Outcome::Done)
}

/// What the disk makes of these.
pub fn on_disk(whats: Vec<What>) -> Vec<Entry> {
    let mut transcript = Transcript::default();
    for what in whats {
        if let What::Event(event) = what {
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
    }
}

pub fn tokens() -> Tokens {
    Tokens { input: 1_200, output: 3_400, cache_read: 41_000, cache_write: 0 }
}
