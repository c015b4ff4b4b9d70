//! Find in a transcript: the query, the matches so far, and the current match.

use crate::app::line_editor::LineEditor;
use crate::domain::query::QueryError;

/// Search in a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// The line with the query.
    pub input: LineEditor,
    /// Parse errors of a query that was typed here.
    pub mistakes: Vec<QueryError>,
    /// True while the query is edited.
    pub typing: bool,
    /// Matching entries so far, ascending.
    pub entries: Vec<usize>,
    /// True if the search is complete.
    pub complete: bool,
    /// Index in `entries` of the current match.
    pub current: Option<usize>,
    /// Index of the current line among the entry's matching lines.
    pub nth: usize,
    /// Entry at which the search started.
    pub from: usize,
    /// Entry from which the next match was requested but not found yet; once found, it becomes current.
    pub pending_from: Option<usize>,
    /// True if the query comes from the search screen and was not typed here.
    pub from_search: bool,
}

impl Find {
    /// Returns the query.
    pub fn query(&self) -> &str {
        self.input.text()
    }

    /// Stores the matching entries, ascending. Returns true if there is a current match now and was none before.
    pub fn set_matches(&mut self, entries: Vec<usize>, complete: bool) -> bool {
        let previous = self.current.and_then(|at| self.entries.get(at).copied());
        self.entries = entries;
        self.complete = complete;
        if let Some(entry) = previous {
            self.current = self.entries.binary_search(&entry).ok();
            return false;
        }
        let from = self.pending_from.unwrap_or(self.from);
        let ahead = self.entries.partition_point(|entry| *entry < from);
        // After the last match of a session, the next one is in another session.
        let wraps_around = complete && !self.entries.is_empty() && !(self.pending_from.is_some() && self.from_search);
        self.current = match self.entries.get(ahead) {
            Some(_) => Some(ahead),
            // Until the search is complete, the next match may still lie ahead.
            None => wraps_around.then_some(0),
        };
        self.pending_from = self.pending_from.filter(|_| self.current.is_none() && !complete);
        self.nth = 0;
        self.current.is_some()
    }

    /// Returns the entry of the current match.
    pub fn entry(&self) -> Option<usize> {
        self.current.and_then(|at| self.entries.get(at).copied())
    }

    /// Moves to the next match: the next of the entry's `lines` matching lines, or the next entry after `cursor`. Wraps
    /// around at the end. `None` if there is none, or none yet.
    pub fn next(&mut self, cursor: usize, lines: usize) -> Option<(usize, usize)> {
        if self.entry() == Some(cursor) && self.nth + 1 < lines {
            self.nth += 1;
        } else {
            let ahead = self.entries.partition_point(|entry| *entry <= cursor);
            if ahead == self.entries.len() && !self.complete {
                (self.current, self.pending_from) = (None, Some(cursor + 1));
                return None;
            }
            self.current = Some(if ahead < self.entries.len() { ahead } else { 0 });
            self.nth = 0;
        }
        Some((self.entry()?, self.nth))
    }

    /// Moves to the previous match; see [`next`](Self::next).
    pub fn previous(&mut self, cursor: usize, lines: usize) -> Option<(usize, usize)> {
        if self.entry() == Some(cursor) && self.nth > 0 {
            self.nth = (self.nth - 1).min(lines.saturating_sub(1));
        } else {
            let earlier = self.entries.partition_point(|entry| *entry < cursor);
            self.current = Some(earlier.checked_sub(1).unwrap_or(self.entries.len().saturating_sub(1)));
            // The last matching line; the layout resolves its index.
            self.nth = usize::MAX;
        }
        Some((self.entry()?, self.nth))
    }
}
