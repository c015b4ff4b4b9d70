//! The reader: one opened transcript with scroll position, folds and find.
//!
//! Only a window of entries is loaded; more are requested when the layout comes near its edges. Live entries of a run
//! follow those on disk. Heights and widths are unknown here: results of the layout return as [`ReaderFeedback`].

pub mod anchor;
mod branches;
pub mod code_block;
mod copy;
pub mod diff_view;
mod file_view;
pub mod find;
mod find_keys;
pub mod fold;
mod graph;
pub mod jump;
mod keys;
mod labels;
pub mod link_target;
mod live;
mod merge;
mod moves;
mod open;
pub mod outline;
mod outline_keys;
pub mod tail;
mod ticks;
mod turn;
mod window;

use std::ops::Range;

pub use anchor::{Anchor, AnchorBase};
pub use diff_view::DiffView;
pub use find::Find;
pub use fold::{Fold, Folds};
pub use jump::JumpTarget;
pub use keys::{KEY_CONTEXTS, switch_diff_view};
pub use outline::Outline;
use outline::OutlineProgress;
use tail::Tail;
pub use tail::{CallStage, EntryRef};
pub use ticks::Tick;
use window::Window;

use super::action::Action;
use super::effect::Effect;
use super::msg::{OutlinePlace, ReaderFeedback, RequestTicket};
use crate::domain::event::EntryKey;
use crate::domain::transcript::Entry;
use crate::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use crate::domain::{Agent, SessionKey};

/// An opened transcript.
#[derive(Debug)]
pub struct Reader {
    /// Identifies this opening.
    pub ticket: RequestTicket,
    /// The session.
    pub key: SessionKey,
    /// Fold levels.
    pub folds: Folds,
    /// The current find.
    pub find: Option<Find>,
    /// The outline.
    pub outline: Outline,
    /// True if new entries scroll the end into view, as long as the end is visible.
    pub follow: bool,
    /// Description of who writes a watched transcript; `None` if it is not watched.
    pub watched_by: Option<String>,
    /// Error while loading.
    pub load_error: Option<LoadError>,
    /// Sessions that this one was forked from, or that were forked from it.
    relatives: graph::Relatives,
    window: Window,
    tail: Tail,
    live_matches: find_keys::LiveMatches,
    /// Properties of the transcript; `None` while only the newest entries are loaded.
    opened: Option<TranscriptInfo>,
    /// Number of entries on disk; before the transcript is indexed, of the loaded ones.
    disk: usize,
    /// Number of shown disk entries; live entries follow them.
    clip: usize,
    /// True if a transcript on disk is known.
    stored: bool,
    /// True if another transcript replaces the loaded one as soon as it is loaded.
    replaced: bool,
    /// Number of entries that were added on disk since the transcript was opened.
    added: usize,
    /// Number of the branch that was shown last, once it changed.
    branch: Option<usize>,
    /// First entry of the branch that was requested.
    branch_jump: Option<usize>,
    /// Entry to go to once the transcript is indexed.
    entry_jump: Option<usize>,
    /// Number of entries when the end was last on the screen.
    seen_len: usize,
    anchor: Anchor,
    cursor: usize,
    /// Indices and identities of the entries at the anchor and the cursor, to find them after indices change.
    keys: (Option<(usize, EntryKey)>, Option<(usize, EntryKey)>),
    layout: ReaderFeedback,
    /// Action that was requested before the transcript was indexed.
    deferred: Option<Action>,
    /// Pending jump from the search.
    jump_target: Option<JumpTarget>,
}

/// Error while loading a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Deleted from disk; loaded entries stay visible.
    Gone,
    /// Opening failed, with the reason.
    Failed(String),
}

impl Reader {
    /// Opens a session's transcript at its end.
    pub fn open(ticket: RequestTicket, key: SessionKey) -> (Self, Vec<Effect>) {
        let reader = Self { stored: true, ..Self::unstored(ticket, key.agent) };
        let reader = Self { key: key.clone(), ..reader };
        (reader, vec![Effect::OpenTranscript(ticket, key)])
    }

    /// Creates a reader without a transcript on disk: only live entries of a run are shown.
    pub fn unstored(ticket: RequestTicket, agent: Agent) -> Self {
        Self {
            ticket,
            key: SessionKey::new(agent, ""),
            folds: Folds::default(),
            find: None,
            outline: Outline::default(),
            follow: true,
            watched_by: None,
            load_error: None,
            relatives: graph::Relatives::default(),
            window: Window::default(),
            tail: Tail::default(),
            live_matches: find_keys::LiveMatches::default(),
            opened: None,
            disk: 0,
            clip: 0,
            stored: false,
            replaced: false,
            added: 0,
            branch: None,
            branch_jump: None,
            entry_jump: None,
            seen_len: 0,
            anchor: Anchor::END,
            cursor: usize::MAX,
            keys: (None, None),
            layout: ReaderFeedback::default(),
            deferred: None,
            jump_target: None,
        }
    }

    /// Applies an event of the transcript.
    pub fn update(&mut self, msg: TranscriptEvent) -> Vec<Effect> {
        match msg {
            TranscriptEvent::Tail(mut entries) if self.opened.is_none() && !self.replaced => {
                let position = self.position();
                self.tail.correct_durations(&mut entries);
                self.disk = entries.len();
                self.window.insert(0, entries);
                self.merge(position);
                Vec::new()
            }
            TranscriptEvent::Tail(_) => Vec::new(),
            TranscriptEvent::Opened(opened) => self.indexed(opened),
            TranscriptEvent::Page { from, mut entries } => {
                let position = self.position();
                self.tail.correct_durations(&mut entries);
                self.window.store_response(from, entries, self.disk);
                self.merge(position);
                self.request_entries()
            }
            TranscriptEvent::Grown { from, opened } => self.grown(from, opened),
            TranscriptEvent::Found { query, entries, complete } => {
                self.found(&query, entries, complete);
                Vec::new()
            }
            TranscriptEvent::Outline { from, items, complete } => {
                self.outline.store(from, items, complete);
                self.follow_in_outline();
                Vec::new()
            }
            TranscriptEvent::Located { location, entry } => {
                self.located(&location, entry);
                Vec::new()
            }
            TranscriptEvent::Positions(found) => {
                self.relatives.place(&found);
                self.update_graph();
                Vec::new()
            }
            // The stack of screens opens the fork.
            TranscriptEvent::ForkPoint { .. } => Vec::new(),
            TranscriptEvent::Gone => self.load_failed(LoadError::Gone),
            TranscriptEvent::Failed(reason) => self.load_failed(LoadError::Failed(reason)),
        }
    }

    /// Applies the results of the layout and requests entries for the next frames.
    pub fn apply_layout(&mut self, layout: ReaderFeedback) -> Vec<Effect> {
        if layout.ticket != self.ticket {
            return Vec::new();
        }
        self.layout = layout;
        if layout.resolved {
            self.cursor = layout.cursor;
            self.anchor = if layout.at_end && self.follow {
                Anchor::END
            } else {
                Anchor::line(layout.anchor, layout.anchor_line, layout.anchor_of)
            };
            if let Some(find) = self.find.as_mut().filter(|find| find.entry() == Some(layout.cursor)) {
                find.correct(layout.cursor_hits);
            }
        }
        if layout.at_end {
            self.seen_len = self.len();
        }
        let key = |index| Some((index, self.entry(index)?.entry.key));
        self.keys = (self.anchor.entry().and_then(key), key(self.cursor));
        self.outline.fit(layout.outline_rows);
        self.follow_in_outline();
        let mut effects = self.request_entries();
        effects.extend(self.request_outline());
        effects
    }

    /// Returns a loaded entry.
    pub fn entry(&self, index: usize) -> Option<EntryRef<'_>> {
        match index.checked_sub(self.clip) {
            Some(live) => self.tail.get(live),
            None => self.window.get(index),
        }
    }

    /// Returns the number of entries; before the transcript is indexed, of the loaded ones.
    pub fn len(&self) -> usize {
        self.clip + self.tail.len()
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the properties of the transcript; `None` while only the newest entries are loaded.
    pub fn opened(&self) -> Option<&TranscriptInfo> {
        self.opened.as_ref()
    }

    /// Returns true if an entry is on disk under this index.
    pub fn is_on_disk(&self, index: usize) -> bool {
        self.opened.is_some() && index < self.clip
    }

    /// Returns the scroll anchor.
    pub fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// Returns the index of the current entry.
    pub fn cursor(&self) -> usize {
        self.cursor.min(self.len().saturating_sub(1))
    }

    /// Returns true if the end is on the screen and stays there.
    pub fn is_following(&self) -> bool {
        self.follow && self.anchor.base == AnchorBase::End && self.anchor.delta >= 0
    }

    /// Returns true if entries were added on disk since the transcript was opened.
    pub fn has_grown(&self) -> bool {
        self.added > 0
    }

    /// Returns the number of entries added since the end was last on the screen.
    pub fn unseen(&self) -> usize {
        self.len().saturating_sub(self.seen_len)
    }

    /// Returns the bytes of loaded text.
    pub fn loaded_bytes(&self) -> usize {
        self.window.bytes()
    }

    /// Returns the session of the sub-agent that the current entry started.
    pub fn subagent(&self) -> Option<SessionKey> {
        let tool = self.current()?.tool.as_ref()?;
        let on_same_host = |key: SessionKey| SessionKey { host: self.key.host.clone(), ..key };
        tool.subagent.as_ref().map(|id| on_same_host(SessionKey::new(self.agent(), id.clone())))
    }

    /// Returns the id of the tool call that the current entry is.
    pub fn current_call(&self) -> Option<&str> {
        Some(&self.current()?.tool.as_ref()?.id)
    }

    fn agent(&self) -> Agent {
        self.key.agent
    }

    fn current(&self) -> Option<&Entry> {
        self.entry(self.cursor()).map(|shown| shown.entry)
    }

    /// Applies the index of the transcript: the loaded newest entries get their final indices.
    fn indexed(&mut self, opened: TranscriptInfo) -> Vec<Effect> {
        let position = self.position();
        let loaded = self.disk;
        self.disk = opened.len;
        if std::mem::take(&mut self.replaced) {
            self.window = Window::default();
        } else if self.opened.is_none() {
            self.shift(loaded);
        }
        self.opened = Some(opened);
        self.window.outdate(0, self.disk);
        self.tail.outdate(0);
        self.merge(position);
        if let Some(entry) = self.entry_jump.take() {
            self.go_to(entry);
        }
        let mut effects = match self.deferred.take() {
            Some(action) => self.navigate(action).unwrap_or_default(),
            None => Vec::new(),
        };
        effects.extend(self.request_entries());
        // A reopened transcript has lost the earlier request.
        self.outline.progress = OutlineProgress::NotRequested;
        self.update_graph();
        effects.extend(self.find_relatives());
        effects.extend(self.request_outline());
        effects.extend(self.restore_branch());
        effects
    }

    /// Shifts the `loaded` newest entries to the last indices.
    fn shift(&mut self, loaded: usize) {
        let by = i64::try_from(self.disk).unwrap_or(i64::MAX) - i64::try_from(loaded).unwrap_or(0);
        let moved = |index: usize| {
            i64::try_from(index).map_or(usize::MAX, |index| usize::try_from(index.saturating_add(by)).unwrap_or(0))
        };
        self.window.shift(by);
        if self.tail.shown {
            return;
        }
        self.seen_len = self.disk;
        if let Some(entry) = self.anchor.entry() {
            self.anchor = self.anchor.moved(moved(entry));
        }
        if self.cursor < loaded {
            self.cursor = moved(self.cursor);
        }
    }

    fn grown(&mut self, from: usize, opened: TranscriptInfo) -> Vec<Effect> {
        let position = self.position();
        let shared = self.shared_with(&opened);
        self.added += if shared.is_none() { opened.len.saturating_sub(self.disk) } else { 0 };
        self.branch = Some(opened.branch);
        self.disk = opened.len;
        if self.load_error == Some(LoadError::Gone) {
            self.load_error = None;
        }
        self.opened = Some(opened);
        match shared {
            Some(shared) => self.window.outdate(shared, shared),
            None => self.window.outdate(from, self.disk),
        }
        self.tail.outdate(from);
        self.merge(position);
        self.update_graph();
        let mut effects = Vec::new();
        if shared.is_some() {
            self.go_to_branch();
            effects.extend(self.find_relatives());
        }
        effects.extend(self.request_entries());
        effects
    }

    fn load_failed(&mut self, load_error: LoadError) -> Vec<Effect> {
        self.load_error = Some(load_error);
        let position = self.position();
        self.merge(position);
        Vec::new()
    }

    /// Requests missing entries around the position.
    fn request_entries(&mut self) -> Vec<Effect> {
        if self.opened.is_none() {
            return Vec::new();
        }
        let (shown, ahead) = (self.shown(), self.layout.height.max(8));
        let near = shown.end + ahead >= self.len();
        let shown = shown.start.min(self.clip)..shown.end.min(self.clip);
        let mut ranges = self.window.request(shown.clone(), ahead, self.disk);
        if near {
            ranges.extend(self.request_for_merge());
        }
        self.window.trim(shown, ahead, self.disk);
        ranges.into_iter().map(|range| Effect::ReadEntries(self.ticket, range)).collect()
    }

    /// Requests the outline once, of a transcript on the whole screen.
    fn request_outline(&mut self) -> Option<Effect> {
        let is_missing = self.outline.progress == OutlineProgress::NotRequested;
        let due = self.layout.outline != OutlinePlace::Nowhere && self.opened.is_some() && is_missing;
        if due {
            self.outline.progress = OutlineProgress::Partial;
        }
        due.then_some(Effect::ReadOutline(self.ticket))
    }

    /// Selects the row of the current entry in the outline, unless the user selects one there.
    fn follow_in_outline(&mut self) {
        if !self.outline.focused {
            self.outline.follow(self.cursor());
        }
    }

    /// Estimates the entries on the screen before the layout.
    fn shown(&self) -> Range<usize> {
        let (extent, len) = (self.layout.last.saturating_sub(self.layout.entry).max(1) + 1, self.len());
        match self.anchor.entry() {
            None => len.saturating_sub(extent)..len,
            Some(entry) => entry.min(len)..(entry + extent).min(len),
        }
    }
}
