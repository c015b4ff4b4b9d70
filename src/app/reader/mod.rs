//! The reader's state: one opened transcript, the place in it, what is folded, what is found.
//!
//! It holds a window of entries and asks for others when drawing came near its edges; behind them come those that a
//! run has told and the disk does not have yet. It knows no heights and no widths: those come back from drawing as
//! [`ReaderDrawn`].

pub mod find;
pub mod fold;
mod live;
mod merge;
mod moves;
pub mod place;
pub mod stand;
pub mod tail;
mod window;

use std::ops::Range;

pub use find::Find;
pub use fold::{Fold, Folds};
pub use place::{Anchor, Base};
pub use stand::Stand;
use tail::Tail;
pub use tail::{Shown, Stage};
use window::Window;

use super::msg::{Opened, ReaderDrawn, Ticket, TranscriptMsg};
use super::{Action, Effect};
use crate::domain::event::Key;
use crate::domain::transcript::Entry;
use crate::domain::{Agent, SessionKey};

/// A transcript that is being read.
#[derive(Debug)]
pub struct Reader {
    /// Names this opening.
    pub ticket: Ticket,
    /// Whose transcript it is.
    pub key: SessionKey,
    /// What is folded.
    pub folds: Folds,
    /// What is searched for, if anything.
    pub find: Option<Find>,
    /// New entries bring the end onto the screen again, as long as it is there.
    pub follow: bool,
    /// It was attached to: who writes it, in words.
    pub attached: Option<String>,
    /// What stands in the way of reading it.
    pub trouble: Option<Trouble>,
    window: Window,
    tail: Tail,
    /// What is known of the whole; nothing while only the newest entries are here.
    opened: Option<Opened>,
    /// Number of entries on disk; before the whole is known, of those that are here.
    disk: usize,
    /// How many of them are shown: what comes after them is shown as the run told it.
    clip: usize,
    /// There is a transcript on disk, as far as is known.
    stored: bool,
    /// Another transcript takes the place of the one that is held, as soon as it is here.
    replaced: bool,
    /// Entries that there were when the end was on the screen last.
    seen: usize,
    anchor: Anchor,
    cursor: usize,
    /// Indices and identities of the entries at the anchor and at the cursor, for when their indices change.
    keys: (Option<(usize, Key)>, Option<(usize, Key)>),
    drawn: ReaderDrawn,
    /// Asked for before the whole was known.
    deferred: Option<Action>,
    /// Where a search wants it to stand, until it does.
    stand: Option<Stand>,
}

/// What stands in the way of reading a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is gone from disk; what is held stays.
    Gone,
    /// It could not be opened.
    Failed(String),
}

impl Reader {
    /// Opens a session's transcript at its end.
    pub fn open(ticket: Ticket, key: SessionKey) -> (Self, Vec<Effect>) {
        let reader = Self { stored: true, ..Self::unstored(ticket, key.agent) };
        let reader = Self { key: key.clone(), ..reader };
        (reader, vec![Effect::OpenTranscript(ticket, key)])
    }

    /// One for a conversation that has no transcript yet: what its run tells is all there is.
    pub fn unstored(ticket: Ticket, agent: Agent) -> Self {
        Self {
            ticket,
            key: SessionKey::new(agent, ""),
            folds: Folds::default(),
            find: None,
            follow: true,
            attached: None,
            trouble: None,
            window: Window::default(),
            tail: Tail::default(),
            opened: None,
            disk: 0,
            clip: 0,
            stored: false,
            replaced: false,
            seen: 0,
            anchor: Anchor::END,
            cursor: usize::MAX,
            keys: (None, None),
            drawn: ReaderDrawn::default(),
            deferred: None,
            stand: None,
        }
    }

    /// Takes in what became of the transcript.
    pub fn update(&mut self, msg: TranscriptMsg) -> Vec<Effect> {
        match msg {
            TranscriptMsg::Tail(entries) if self.opened.is_none() && !self.replaced => {
                let place = self.place();
                self.disk = entries.len();
                self.window.insert(0, entries);
                self.merge(place);
                Vec::new()
            }
            TranscriptMsg::Tail(_) => Vec::new(),
            TranscriptMsg::Opened(opened) => self.whole_known(opened),
            TranscriptMsg::Page { from, entries } => {
                let place = self.place();
                self.window.answer(from, entries, self.disk);
                self.merge(place);
                self.ask()
            }
            TranscriptMsg::Grown { from, opened } => self.grown(from, opened),
            TranscriptMsg::Found { query, entries, complete } => {
                self.found(&query, entries, complete);
                Vec::new()
            }
            TranscriptMsg::Located { place, entry } => {
                self.located(&place, entry);
                Vec::new()
            }
            TranscriptMsg::Gone => self.troubled(Trouble::Gone),
            TranscriptMsg::Failed(reason) => self.troubled(Trouble::Failed(reason)),
        }
    }

    /// Takes in what drawing found out, and asks for the entries that the next frames may need.
    pub fn drawn(&mut self, drawn: ReaderDrawn) -> Vec<Effect> {
        if drawn.ticket != self.ticket {
            return Vec::new();
        }
        self.drawn = drawn;
        if drawn.settled {
            self.cursor = drawn.cursor;
            self.anchor = if drawn.at_end && self.follow {
                Anchor::END
            } else {
                Anchor::line(drawn.anchor, drawn.anchor_line, drawn.anchor_of)
            };
            if let Some(find) = self.find.as_mut().filter(|find| find.entry() == Some(drawn.cursor)) {
                find.nth = find.nth.min(drawn.cursor_hits.saturating_sub(1));
            }
        }
        if drawn.at_end {
            self.seen = self.len();
        }
        let key = |index| Some((index, self.entry(index)?.entry.key));
        self.keys = (self.anchor.entry().and_then(key), key(self.cursor));
        self.ask()
    }

    /// An entry that is held.
    pub fn entry(&self, index: usize) -> Option<Shown<'_>> {
        match index.checked_sub(self.clip) {
            Some(live) => self.tail.get(live),
            None => self.window.get(index),
        }
    }

    /// Number of entries; before the whole is known, of those that are here.
    pub fn len(&self) -> usize {
        self.clip + self.tail.len()
    }

    /// No entries at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of the whole; nothing while only the newest entries are here.
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// What is to be on the screen.
    pub fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// The current entry; past the end for the last one.
    pub fn cursor(&self) -> usize {
        self.cursor.min(self.len().saturating_sub(1))
    }

    /// The end is on the screen and stays there.
    pub fn is_following(&self) -> bool {
        self.follow && self.anchor.base == Base::End && self.anchor.delta >= 0
    }

    /// Entries that came since the end was on the screen last.
    pub fn unseen(&self) -> usize {
        self.len().saturating_sub(self.seen)
    }

    /// Bytes of text that are held.
    pub fn bytes_held(&self) -> usize {
        self.window.bytes()
    }

    /// The session of the sub-agent that the current entry started: Enter opens it.
    pub fn subagent(&self) -> Option<SessionKey> {
        let tool = self.current()?.tool.as_ref()?;
        tool.subagent.as_ref().map(|id| SessionKey::new(self.agent(), id.clone()))
    }

    fn agent(&self) -> Agent {
        self.key.agent
    }

    fn current(&self) -> Option<&Entry> {
        self.entry(self.cursor()).map(|shown| shown.entry)
    }

    /// The newest entries were here without their indices; now those are known.
    fn whole_known(&mut self, opened: Opened) -> Vec<Effect> {
        let place = self.place();
        let held = self.disk;
        self.disk = opened.len;
        if std::mem::take(&mut self.replaced) {
            self.window = Window::default();
        } else if self.opened.is_none() {
            self.shift(held);
        }
        self.opened = Some(opened);
        self.window.outdate(0, self.disk);
        self.tail.outdate(0);
        self.merge(place);
        let mut effects = match self.deferred.take() {
            Some(action) => self.act(action).unwrap_or_default(),
            None => Vec::new(),
        };
        effects.extend(self.ask());
        effects
    }

    /// Gives the newest entries, `held` of them, the last indices.
    fn shift(&mut self, held: usize) {
        let by = i64::try_from(self.disk).unwrap_or(i64::MAX) - i64::try_from(held).unwrap_or(0);
        let moved = |index: usize| {
            i64::try_from(index).map_or(usize::MAX, |index| usize::try_from(index.saturating_add(by)).unwrap_or(0))
        };
        self.window.shift(by);
        if self.tail.shown {
            return;
        }
        self.seen = self.disk;
        if let Some(entry) = self.anchor.entry() {
            self.anchor = self.anchor.moved(moved(entry));
        }
        if self.cursor < held {
            self.cursor = moved(self.cursor);
        }
    }

    fn grown(&mut self, from: usize, opened: Opened) -> Vec<Effect> {
        let place = self.place();
        self.disk = opened.len;
        if self.trouble == Some(Trouble::Gone) {
            self.trouble = None;
        }
        self.opened = Some(opened);
        self.window.outdate(from, self.disk);
        self.tail.outdate(from);
        self.merge(place);
        self.ask()
    }

    fn troubled(&mut self, trouble: Trouble) -> Vec<Effect> {
        self.trouble = Some(trouble);
        let place = self.place();
        self.merge(place);
        Vec::new()
    }

    /// Asks for the entries around the place that are not here.
    fn ask(&mut self) -> Vec<Effect> {
        if self.opened.is_none() {
            return Vec::new();
        }
        let (shown, ahead) = (self.shown(), self.drawn.height.max(8));
        let near = shown.end + ahead >= self.len();
        let shown = shown.start.min(self.clip)..shown.end.min(self.clip);
        let mut ranges = self.window.ask(shown.clone(), ahead, self.disk);
        if near {
            ranges.extend(self.ask_to_merge());
        }
        self.window.trim(shown, ahead, self.disk);
        ranges.into_iter().map(|range| Effect::ReadEntries(self.ticket, range)).collect()
    }

    /// The entries on the screen as far as one can tell before it is drawn.
    fn shown(&self) -> Range<usize> {
        let (extent, len) = (self.drawn.last.saturating_sub(self.drawn.entry).max(1) + 1, self.len());
        match self.anchor.entry() {
            None => len.saturating_sub(extent)..len,
            Some(entry) => entry.min(len)..(entry + extent).min(len),
        }
    }
}
