//! What a run adds to a transcript before it is on disk: live entries, folded from what happens, turn by turn.
//!
//! It knows nothing of the screen. How it is brought together with the disk is `merge`'s matter.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::Time;
use crate::domain::event::{Body, Event, Key, Level, Piece};
use crate::domain::run::{Happening, Outcome, Turn, What};
use crate::domain::transcript::{Entry, EntryKind, ToolStatus, Transcript};

/// Revisions of live entries lie above all that a window of the disk will ever count to: what was laid out is kept by
/// revision, and both are drawn side by side.
const REVISIONS: u64 = 1 << 63;

/// An entry, from the disk or live.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Changes with every change of the entry and is never used again: what was laid out for it can be kept by it.
    pub revision: u64,
    /// Names an entry to which text is only being added; as long as the name stays, what was there before is as it was.
    pub growing: Option<u64>,
    /// What it means that a call has no outcome yet.
    pub stage: Stage,
}

/// What it means that a call has no outcome yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// None will come.
    #[default]
    Past,
    /// Its turn is open.
    AtWork,
    /// The agent asked the user about it.
    Waits,
}

/// Live entries.
#[derive(Debug, Default)]
pub struct Tail {
    pub(super) transcript: Transcript,
    /// One for each entry.
    pub(super) marks: Vec<Mark>,
    /// The turns that are not all on disk, the oldest first.
    pub(super) turns: Vec<LiveTurn>,
    /// The newest turn that is on disk as a whole: what still comes of it stands there.
    pub(super) settled: Option<Turn>,
    /// Prompts on disk before this index belong to settled turns.
    pub(super) claimed: usize,
    /// It is drawn: it was found out how much of it is on disk. Never taken back, so that nothing vanishes.
    pub(super) shown: bool,
    /// The calls that wait for the user, by their questions.
    waiting: HashMap<Arc<str>, (Turn, Arc<str>)>,
    counter: u64,
}

/// What is known of a live entry besides itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub turn: Turn,
    revision: u64,
    growing: u64,
}

/// A turn of which live entries are held.
#[derive(Clone, Debug)]
pub(super) struct LiveTurn {
    pub turn: Turn,
    pub asked: Option<Asked>,
    pub ended: bool,
    /// Entries that the disk had when it began, where that was known: its prompt is not among them.
    pub born: Option<usize>,
    /// Some of what happened in it was not told: the disk has it.
    pub gap: bool,
    /// Index of its prompt on disk, once it is there.
    pub at: Option<usize>,
    /// Entries, from the prompt on, that the disk has taken over.
    pub taken: usize,
}

/// A turn's first prompt: by it the turn is found on disk.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub key: Key,
    pub text: String,
    pub time: Option<Time>,
}

impl Tail {
    /// Entries that are drawn.
    pub fn len(&self) -> usize {
        if self.shown { self.marks.len() } else { 0 }
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// An entry that is drawn.
    pub fn get(&self, at: usize) -> Option<Shown<'_>> {
        let (entry, mark) = (self.transcript.entries().get(at)?, self.marks.get(at)?);
        let grows = matches!(entry.kind, EntryKind::Text | EntryKind::Thinking) && at + 1 == self.marks.len();
        let open = self.is_open(mark.turn);
        let growing = (grows && open).then_some(mark.growing);
        self.shown.then_some(Shown { entry, revision: mark.revision, growing, stage: self.stage(entry, open) })
    }

    /// Where an entry of that identity is.
    pub fn position(&self, key: Key) -> Option<usize> {
        self.transcript.entries().iter().position(|entry| entry.key == key).filter(|_| self.shown)
    }

    /// The entries that are drawn, in order.
    pub fn entries(&self) -> &[Entry] {
        if self.shown { self.transcript.entries() } else { &[] }
    }

    /// Folds in what happened, while the disk had so many entries. True where a turn began or ended, so that it is to be brought together with the disk.
    pub fn happened(&mut self, happening: Happening, disk: Option<usize>) -> bool {
        let Happening { turn, what } = happening;
        let notice = matches!(what, What::Event(Event { body: Body::Notice { .. }, .. }));
        if self.settled.is_some_and(|settled| turn <= settled) && !notice {
            return false;
        }
        match what {
            What::Approval(approval) => {
                if let Some(call) = approval.tool_id {
                    self.asked_about(turn, call, approval.id);
                }
                false
            }
            What::ApprovalGone(id) => {
                self.answered(&id);
                false
            }
            What::TurnEnded(outcome) => {
                let stopped = if outcome == Outcome::Done { ToolStatus::Pending } else { ToolStatus::Interrupted };
                self.end(turn, stopped);
                true
            }
            What::Event(event) => {
                let begun = self.turn(turn, &event, disk);
                self.add(turn, event);
                begun
            }
        }
    }

    /// So much of what happened, before what is told next and is of this turn, is not told.
    pub fn missed(&mut self, count: u64, turn: Turn) {
        let text = format!("{count} earlier messages not held: loaded from the transcript");
        let event = Event { key: missed_key(), time: None, body: Body::Notice { level: Level::Info, text } };
        self.turn(turn, &event, None);
        self.add(turn, event);
        if let Some(live) = self.turns.iter_mut().find(|live| live.turn == turn) {
            live.gap = true;
        }
    }

    /// Forgets everything; what is drawn stays drawn.
    pub fn forget(&mut self) {
        *self = Self { shown: self.shown, counter: self.counter, ..Self::default() };
    }

    /// No turn up to this one is open any more, whatever was told. Whether one was.
    pub fn end_turns(&mut self, last: Turn) -> bool {
        let open = self.turns.iter().any(|live| live.turn <= last && !live.ended);
        if open {
            self.end(last, ToolStatus::Interrupted);
        }
        open
    }

    /// Ends the turns up to one. Nothing is at work in them any more: what was, stopped like this.
    fn end(&mut self, last: Turn, stopped: ToolStatus) {
        let mut ended = Vec::new();
        for live in self.turns.iter_mut().filter(|live| live.turn <= last && !live.ended) {
            live.ended = true;
            ended.push(live.turn);
        }
        let of_ended = self.transcript.entries().iter().zip(&self.marks).filter(|(_, mark)| ended.contains(&mark.turn));
        let at_work = |(entry, mark): (&Entry, &Mark)| {
            let tool = entry.tool.as_ref()?;
            let at_work = matches!(tool.status, ToolStatus::Pending | ToolStatus::Running);
            at_work.then(|| (mark.turn, tool.id.clone()))
        };
        let at_work: Vec<_> = of_ended.filter_map(at_work).collect();
        self.waiting.retain(|_, (turn, _)| !ended.contains(turn));
        for (turn, id) in at_work {
            self.update(turn, id, Some(stopped));
        }
    }

    /// A call waits for the user.
    fn asked_about(&mut self, turn: Turn, call: Arc<str>, approval: Arc<str>) {
        self.update(turn, call.clone(), None);
        self.waiting.insert(approval, (turn, call));
    }

    /// It waits no more. What comes of it is told by the agent.
    fn answered(&mut self, approval: &str) {
        if let Some((turn, call)) = self.waiting.remove(approval) {
            self.update(turn, call, None);
        }
    }

    /// Changes a call's status, or only how it is shown.
    fn update(&mut self, turn: Turn, id: Arc<str>, status: Option<ToolStatus>) {
        // It finds its call by the id, and needs no key.
        let key = Key::new(&id, 0);
        let body = Body::ToolUpdate { id, status, output: None, duration_ms: None, subagent: None, action: None };
        self.add(turn, Event { key, time: None, body });
    }

    fn stage(&self, entry: &Entry, open: bool) -> Stage {
        let asked = |id: &Arc<str>| self.waiting.values().any(|(_, call)| call == id);
        match &entry.tool {
            Some(tool) if open && asked(&tool.id) => Stage::Waits,
            Some(_) if open => Stage::AtWork,
            Some(_) | None => Stage::Past,
        }
    }

    fn is_open(&self, turn: Turn) -> bool {
        self.turns.last().is_some_and(|live| live.turn == turn && !live.ended)
    }

    /// Keeps the entries for which `wanted` is true.
    pub(super) fn retain(&mut self, wanted: impl Fn(usize, &Mark, &Entry) -> bool) {
        let entries = self.transcript.entries().iter().zip(&self.marks).enumerate();
        let keep: Vec<_> = entries.map(|(at, (entry, mark))| wanted(at, mark, entry)).collect();
        if keep.iter().all(|kept| *kept) {
            return;
        }
        self.transcript.retain(&keep);
        let mut kept = keep.iter();
        self.marks.retain(|_| kept.next().copied().unwrap_or(true));
    }

    /// Notes the turn that an event belongs to. True where it is a new one.
    fn turn(&mut self, turn: Turn, event: &Event, born: Option<usize>) -> bool {
        let begun = self.turns.last().is_none_or(|live| live.turn < turn);
        if begun {
            self.end(Turn(turn.0.saturating_sub(1)), ToolStatus::Interrupted);
            self.turns.push(LiveTurn { turn, asked: None, ended: false, born, gap: false, at: None, taken: 0 });
        }
        let live = self.turns.iter_mut().find(|live| live.turn == turn);
        if let (Some(live), Body::Prompt(text)) = (live, &event.body)
            && live.asked.is_none()
        {
            live.asked = Some(Asked { key: event.key, text: text.clone(), time: event.time });
        }
        begun
    }

    fn add(&mut self, turn: Turn, event: Event) {
        let only_more = self.only_adds(&event);
        let Some(at) = self.transcript.apply(event) else { return };
        self.counter += 2;
        let revision = REVISIONS + self.counter;
        match self.marks.get_mut(at) {
            Some(mark) => {
                mark.revision = revision;
                if !only_more {
                    mark.growing = revision + 1;
                }
            }
            None => self.marks.push(Mark { turn, revision, growing: revision + 1 }),
        }
    }

    /// Whether an event leaves what was said as it was.
    fn only_adds(&self, event: &Event) -> bool {
        match &event.body {
            Body::Text(Piece::Whole(all)) | Body::Thinking(Piece::Whole(all)) => {
                let before = self.transcript.entries().iter().rev().find(|entry| entry.key == event.key);
                before.is_none_or(|before| all.starts_with(&before.text))
            }
            Body::Text(Piece::Delta(_)) | Body::Thinking(Piece::Delta(_)) | Body::Usage(_) => true,
            _ => false,
        }
    }
}

/// Identity of the notice that something was not told.
pub(super) fn missed_key() -> Key {
    Key::new("salon: not held", 0)
}
