//! Folding of entries: by kind, unless the user chose otherwise for an entry.

use std::collections::HashMap;

use crate::domain::event::{EntryKey, NoticeLevel};
use crate::domain::transcript::{Entry, EntryKind};

/// Number of lines of an entry that is cut.
pub const CUT_LINES: usize = 8;

/// Maximum bytes of a prompt or notice that is shown in full, because more is a paste.
const MAX_TYPED_BYTES: usize = 8_000;

/// Maximum lines of a prompt or notice that is shown in full.
const MAX_TYPED_LINES: usize = 60;

/// Fold level of an entry, from hidden to full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fold {
    /// Hidden.
    Hidden,
    /// One line.
    Line,
    /// One line, and a few lines of what a command printed or of what changed.
    Few,
    /// The first and the last lines.
    Cut,
    /// The whole entry.
    Full,
}

impl Fold {
    /// Returns the next level in the order in which the key cycles.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Hidden => Self::Line,
            Self::Line => Self::Few,
            Self::Few => Self::Cut,
            Self::Cut => Self::Full,
            Self::Full => Self::Hidden,
        }
    }

    /// Returns the label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Line => "one line",
            Self::Few => "a few lines",
            Self::Cut => "cut",
            Self::Full => "full",
        }
    }
}

/// Fold levels of a transcript.
#[derive(Debug)]
pub struct Folds {
    /// Level of tool calls.
    pub tools: Fold,
    /// Level of thinking.
    pub thinking: Fold,
    /// Levels that the user chose for single entries. Keyed by identity, because indices change with the branch.
    own: HashMap<EntryKey, Fold>,
    /// Entry that a jump revealed, by index, with its minimum level.
    pub revealed: Option<(usize, Fold)>,
}

impl Default for Folds {
    fn default() -> Self {
        Self { tools: Fold::Few, thinking: Fold::Line, own: HashMap::new(), revealed: None }
    }
}

impl Folds {
    /// Returns the level of an entry.
    pub fn of(&self, index: usize, entry: &Entry) -> Fold {
        let chosen = self.own.get(&entry.key).copied().unwrap_or_else(|| self.usual(entry));
        match self.revealed {
            Some((revealed, least)) if revealed == index => chosen.max(least),
            _ => chosen,
        }
    }

    /// Toggles an entry between full and the level of its kind; if that is full, folds it further.
    pub fn toggle(&mut self, index: usize, entry: &Entry) {
        let next = self.toggled(index, entry);
        self.revealed = None;
        self.own.insert(entry.key, next);
    }

    /// Returns the level that an entry has after it is toggled.
    pub fn toggled(&self, index: usize, entry: &Entry) -> Fold {
        let usual = self.usual(entry);
        match (self.of(index, entry), usual) {
            (Fold::Hidden | Fold::Line | Fold::Few | Fold::Cut, _) => Fold::Full,
            (Fold::Full, Fold::Full) if entry.kind == EntryKind::Tool => Fold::Line,
            (Fold::Full, Fold::Full) => Fold::Cut,
            (Fold::Full, _) => usual,
        }
    }

    /// Cycles the level of tools: hidden, one line, a few lines, cut, full. Clears the levels of single entries.
    pub fn cycle_tools(&mut self) {
        self.tools = self.tools.next();
        self.own.clear();
        self.revealed = None;
    }

    /// Toggles thinking between one line and full. Clears the levels of single entries.
    pub fn toggle_thinking(&mut self) {
        self.thinking = if self.thinking == Fold::Full { Fold::Line } else { Fold::Full };
        self.own.clear();
        self.revealed = None;
    }

    fn usual(&self, entry: &Entry) -> Fold {
        match entry.kind {
            // The agent no longer sees it.
            _ if entry.reverted => Fold::Line,
            EntryKind::Tool => self.tools,
            EntryKind::Thinking => self.thinking,
            EntryKind::Notice if entry.level == NoticeLevel::Boundary => Fold::Line,
            EntryKind::Prompt | EntryKind::Notice if is_long(&entry.text) => Fold::Cut,
            EntryKind::Prompt | EntryKind::Text | EntryKind::Notice | EntryKind::Plan | EntryKind::Image => Fold::Full,
            EntryKind::Other => Fold::Line,
        }
    }
}

/// Returns true for a text that was not typed: a paste, or a log in a notice.
fn is_long(text: &str) -> bool {
    text.len() > MAX_TYPED_BYTES
        || memchr::memchr_iter(b'\n', text.as_bytes()).take(MAX_TYPED_LINES).count() == MAX_TYPED_LINES
}
