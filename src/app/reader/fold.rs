//! How much of each entry is shown: by its kind, unless the user chose otherwise for this very entry.

use std::collections::HashMap;

use crate::domain::event::Key;
use crate::domain::transcript::{Entry, EntryKind};

/// How much of an entry is shown, from nothing to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fold {
    /// Nothing.
    Hidden,
    /// One line.
    Line,
    /// The first lines.
    Cut,
    /// All of it.
    Full,
}

impl Fold {
    /// The next one in the order in which a key cycles through them.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Hidden => Self::Line,
            Self::Line => Self::Cut,
            Self::Cut => Self::Full,
            Self::Full => Self::Hidden,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Line => "one line",
            Self::Cut => "cut",
            Self::Full => "full",
        }
    }
}

/// What is folded.
#[derive(Debug)]
pub struct Folds {
    /// Tool calls.
    pub tools: Fold,
    /// Reasoning.
    pub thinking: Fold,
    /// Entries for which the user chose otherwise. By identity: indices change when another branch is shown.
    own: HashMap<Key, Fold>,
    /// An entry that a jump led to, by index, and how much of it must be seen at least.
    pub revealed: Option<(usize, Fold)>,
}

impl Default for Folds {
    fn default() -> Self {
        Self { tools: Fold::Line, thinking: Fold::Line, own: HashMap::new(), revealed: None }
    }
}

impl Folds {
    /// How much of an entry is shown.
    pub fn of(&self, index: usize, entry: &Entry) -> Fold {
        self.shown(index, entry.key, entry.kind)
    }

    fn shown(&self, index: usize, key: Key, kind: EntryKind) -> Fold {
        let chosen = self.own.get(&key).copied().unwrap_or_else(|| self.by_kind(kind));
        match self.revealed {
            Some((revealed, least)) if revealed == index => chosen.max(least),
            _ => chosen,
        }
    }

    /// Shows all of the entry, or what its kind shows; where that is all, less of it.
    pub fn toggle(&mut self, index: usize, key: Key, kind: EntryKind) {
        let usual = self.by_kind(kind);
        let next = match (self.shown(index, key, kind), usual) {
            (Fold::Hidden | Fold::Line | Fold::Cut, _) => Fold::Full,
            (Fold::Full, Fold::Full) if kind == EntryKind::Tool => Fold::Line,
            (Fold::Full, Fold::Full) => Fold::Cut,
            (Fold::Full, _) => usual,
        };
        self.revealed = None;
        self.own.insert(key, next);
    }

    /// Tools: hidden, one line, cut, full. What was chosen for single ones is forgotten.
    pub fn cycle_tools(&mut self) {
        self.tools = self.tools.next();
        self.own.clear();
        self.revealed = None;
    }

    /// Thinking: folded or shown. What was chosen for single entries is forgotten.
    pub fn toggle_thinking(&mut self) {
        self.thinking = if self.thinking == Fold::Full { Fold::Line } else { Fold::Full };
        self.own.clear();
        self.revealed = None;
    }

    fn by_kind(&self, kind: EntryKind) -> Fold {
        match kind {
            EntryKind::Tool => self.tools,
            EntryKind::Thinking => self.thinking,
            EntryKind::Prompt | EntryKind::Text | EntryKind::Notice | EntryKind::Plan | EntryKind::Image => Fold::Full,
            EntryKind::Other => Fold::Line,
        }
    }
}
