//! The reader's state: one opened transcript, the place in it, what is folded, what is found.
//!
//! It holds a window of entries and asks for others when drawing came near its edges. It knows no heights and no
//! widths: those come back from drawing as [`ReaderDrawn`].

pub mod find;
pub mod fold;
mod moves;
pub mod place;
pub mod stand;
mod window;

use std::ops::Range;
use std::sync::Arc;

pub use find::Find;
pub use fold::{Fold, Folds};
pub use place::{Anchor, Base};
pub use stand::Stand;
pub use window::Held;
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
    /// What is known of the whole; nothing while only the newest entries are here.
    opened: Option<Opened>,
    /// Number of entries; before the whole is known, of those that are here.
    len: usize,
    /// Entries that there were when the end was on the screen last.
    seen: usize,
    anchor: Anchor,
    cursor: usize,
    /// Identities of the entries at the anchor and at the cursor, for when their indices change.
    keys: (Option<Key>, Option<Key>),
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
        let reader = Self {
            ticket,
            key: key.clone(),
            folds: Folds::default(),
            find: None,
            follow: true,
            attached: None,
            trouble: None,
            window: Window::default(),
            opened: None,
            len: 0,
            seen: 0,
            anchor: Anchor::END,
            cursor: usize::MAX,
            keys: (None, None),
            drawn: ReaderDrawn::default(),
            deferred: None,
            stand: None,
        };
        (reader, vec![Effect::OpenTranscript(ticket, key)])
    }

    /// Takes in what became of the transcript.
    pub fn update(&mut self, msg: TranscriptMsg) -> Vec<Effect> {
        match msg {
            TranscriptMsg::Tail(entries) if self.opened.is_none() => {
                self.len = entries.len();
                self.window.insert(0, entries);
                Vec::new()
            }
            TranscriptMsg::Tail(_) => Vec::new(),
            TranscriptMsg::Opened(opened) => self.whole_known(opened),
            TranscriptMsg::Page { from, entries } => {
                self.window.answer(from, entries, self.len);
                self.find_place_again();
                Vec::new()
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
            TranscriptMsg::Gone => {
                self.trouble = Some(Trouble::Gone);
                Vec::new()
            }
            TranscriptMsg::Failed(reason) => {
                self.trouble = Some(Trouble::Failed(reason));
                Vec::new()
            }
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
            self.seen = self.len;
        }
        let key = |index| self.window.get(index).map(|held| held.entry.key);
        self.keys = (key(drawn.anchor), key(self.cursor));
        self.ask()
    }

    /// An entry that is held.
    pub fn entry(&self, index: usize) -> Option<&Held> {
        self.window.get(index)
    }

    /// Number of entries; before the whole is known, of those that are here.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No entries at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
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
        self.cursor.min(self.len.saturating_sub(1))
    }

    /// The end is on the screen and stays there.
    pub fn is_following(&self) -> bool {
        self.follow && self.anchor.base == Base::End && self.anchor.delta >= 0
    }

    /// Entries that came since the end was on the screen last.
    pub fn unseen(&self) -> usize {
        self.len.saturating_sub(self.seen)
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

    fn current(&self) -> Option<&Arc<Entry>> {
        self.window.get(self.cursor()).map(|held| &held.entry)
    }

    /// The newest entries were here without their indices; now those are known.
    fn whole_known(&mut self, opened: Opened) -> Vec<Effect> {
        let held = self.len;
        self.len = opened.len;
        if self.opened.is_none() {
            self.shift(held);
            self.seen = opened.len;
        }
        self.opened = Some(opened);
        self.window.outdate(0, self.len);
        let mut effects = match self.deferred.take() {
            Some(action) => self.act(action).unwrap_or_default(),
            None => Vec::new(),
        };
        effects.extend(self.ask());
        effects
    }

    /// Gives the newest entries, `held` of them, the last indices.
    fn shift(&mut self, held: usize) {
        let by = i64::try_from(self.len).unwrap_or(i64::MAX) - i64::try_from(held).unwrap_or(0);
        let moved = |index: usize| {
            i64::try_from(index).map_or(usize::MAX, |index| usize::try_from(index.saturating_add(by)).unwrap_or(0))
        };
        self.window.shift(by);
        if let Some(entry) = self.anchor.entry() {
            self.anchor = self.anchor.moved(moved(entry));
        }
        if self.cursor < held {
            self.cursor = moved(self.cursor);
        }
    }

    fn grown(&mut self, from: usize, opened: Opened) -> Vec<Effect> {
        let at_end = self.cursor.saturating_add(1) >= self.len && self.is_following();
        self.len = opened.len;
        self.seen = self.seen.min(self.len);
        if at_end {
            self.cursor = usize::MAX;
        }
        if self.trouble == Some(Trouble::Gone) {
            self.trouble = None;
        }
        self.opened = Some(opened);
        self.window.outdate(from, self.len);
        self.ask()
    }

    /// After entries were read, those at the place may stand elsewhere: the place goes with them.
    fn find_place_again(&mut self) {
        let moved = |at: usize, key: Option<Key>, window: &Window| {
            let key = key?;
            let here = window.get(at)?.entry.key;
            (here != key).then(|| window.find(key)).flatten()
        };
        if let Some(to) = self.anchor.entry().and_then(|entry| moved(entry, self.keys.0, &self.window)) {
            self.anchor = self.anchor.moved(to);
        }
        if let Some(to) = moved(self.cursor, self.keys.1, &self.window) {
            self.cursor = to;
        }
    }

    /// Asks for the entries around the place that are not here.
    fn ask(&mut self) -> Vec<Effect> {
        if self.opened.is_none() {
            return Vec::new();
        }
        let (shown, ahead) = (self.shown(), self.drawn.height.max(8));
        let ranges = self.window.ask(shown.clone(), ahead, self.len);
        self.window.trim(shown, ahead, self.len);
        ranges.into_iter().map(|range| Effect::ReadEntries(self.ticket, range)).collect()
    }

    /// The entries on the screen as far as one can tell before it is drawn.
    fn shown(&self) -> Range<usize> {
        let extent = self.drawn.last.saturating_sub(self.drawn.entry).max(1) + 1;
        match self.anchor.entry() {
            None => self.len.saturating_sub(extent)..self.len,
            Some(entry) => entry.min(self.len)..(entry + extent).min(self.len),
        }
    }
}
