//! Find in a transcript: the query, the matches so far, and the current match.

use crate::app::line_editor::LineEditor;
use crate::domain::query::QueryError;
use crate::domain::transcript_event::EntryMatches;

/// Search in a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// The line with the query.
    pub input: LineEditor,
    /// Parse errors of a query that was typed here.
    pub mistakes: Vec<QueryError>,
    /// True while the query is edited.
    pub typing: bool,
    /// True if the search is complete.
    pub complete: bool,
    /// Index of the current match among those of its entry; the layout limits it.
    pub nth: usize,
    /// Entry at which the search started.
    pub from: usize,
    /// Entry from which the next match was requested but not found yet; once found, it becomes current.
    pub pending_from: Option<usize>,
    /// True if the query comes from the search screen and was not typed here.
    pub from_search: bool,
    /// Number of queries that the history was browsed back by; `None` for the typed query.
    pub browsed: Option<usize>,
    /// The matches so far.
    pub matches: FindMatches,
}

/// Matches of a find query so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindMatches {
    /// Matching entries, ascending.
    entries: Vec<usize>,
    /// Number of matches in each of them.
    counts: Vec<usize>,
    /// Matching entries on disk, before live entries hide some of them.
    stored: Vec<EntryMatches>,
    /// Index in `entries` of the current match.
    current: Option<usize>,
    /// Number of matches before the current entry, and of all.
    totals: (usize, usize),
}

impl Find {
    /// Returns the query.
    pub fn query(&self) -> &str {
        self.input.text()
    }

    /// Returns the matching entries so far, ascending.
    pub fn entries(&self) -> &[usize] {
        &self.matches.entries
    }

    /// Returns the number of the current match among all, from 1.
    pub fn number(&self) -> Option<usize> {
        let count = *self.matches.counts.get(self.matches.current?)?;
        Some(self.matches.totals.0 + self.nth.min(count.saturating_sub(1)) + 1)
    }

    /// Returns the number of matches so far.
    pub fn count(&self) -> usize {
        self.matches.totals.1
    }

    /// Returns the entry of the current match.
    pub fn entry(&self) -> Option<usize> {
        self.matches.current.and_then(|at| self.matches.entries.get(at).copied())
    }

    /// Stores the matches on disk. Returns true if there is a current match now and was none before.
    pub(super) fn store(
        &mut self,
        stored: Vec<EntryMatches>,
        complete: bool,
        clip: usize,
        live: &[EntryMatches],
    ) -> bool {
        // After the search was complete, only changes of the transcript follow, which move nothing.
        let is_change = std::mem::replace(&mut self.complete, complete) && self.matches.current.is_none();
        self.matches.stored = stored;
        self.combine(clip, live) && !is_change
    }

    /// Combines the matches on disk before `clip` with those of live entries. Returns true if there is a current match
    /// now and was none before.
    pub(super) fn combine(&mut self, clip: usize, live: &[EntryMatches]) -> bool {
        let stored = self.matches.stored.iter().take_while(|found| found.entry < clip);
        let all: Vec<EntryMatches> = stored.chain(live).copied().collect();
        self.set_matches(&all, self.complete)
    }

    /// Sets the matching entries, ascending. Returns true if there is a current match now and was none before.
    pub fn set_matches(&mut self, matches: &[EntryMatches], complete: bool) -> bool {
        let previous = self.entry();
        self.matches.entries = matches.iter().map(|found| found.entry).collect();
        self.matches.counts = matches.iter().map(|found| found.count).collect();
        self.complete = complete;
        if let Some(entry) = previous {
            self.set_current(self.matches.entries.binary_search(&entry).ok());
            return false;
        }
        let from = self.pending_from.unwrap_or(self.from);
        let ahead = self.matches.entries.partition_point(|entry| *entry < from);
        // After the last match of a session, the next one is in another session.
        let wraps_around =
            complete && !self.matches.entries.is_empty() && !(self.pending_from.is_some() && self.from_search);
        self.set_current(match self.matches.entries.get(ahead) {
            Some(_) => Some(ahead),
            // Until the search is complete, the next match may still lie ahead.
            None => wraps_around.then_some(0),
        });
        self.pending_from = self.pending_from.filter(|_| self.matches.current.is_none() && !complete);
        self.nth = 0;
        self.matches.current.is_some()
    }

    /// Makes the match in an entry current, if there is one.
    pub(super) fn select(&mut self, entry: usize, nth: usize) {
        self.nth = nth;
        self.set_current(self.matches.entries.binary_search(&entry).ok());
    }

    /// Corrects the number of matches in the current entry by those that its layout shows.
    pub(super) fn correct(&mut self, shown: usize) {
        if let Some(at) = self.matches.current.filter(|_| shown > 0) {
            self.matches.counts[at] = shown;
            self.nth = self.nth.min(shown - 1);
            self.set_current(Some(at));
        }
    }

    /// Moves to the next match: the next of the entry's `shown` matches, or the next entry after `cursor`. Wraps around
    /// at the end. `None` if there is none, or none yet.
    pub fn next(&mut self, cursor: usize, shown: usize) -> Option<(usize, usize)> {
        if self.entry() == Some(cursor) && self.nth.saturating_add(1) < shown {
            self.nth += 1;
        } else {
            let ahead = self.matches.entries.partition_point(|entry| *entry <= cursor);
            if ahead == self.matches.entries.len() && !self.complete {
                self.set_current(None);
                self.pending_from = Some(cursor + 1);
                return None;
            }
            self.set_current(Some(if ahead < self.matches.entries.len() { ahead } else { 0 }));
            self.nth = 0;
        }
        Some((self.entry()?, self.nth))
    }

    /// Moves to the previous match; see [`next`](Self::next).
    pub fn previous(&mut self, cursor: usize, shown: usize) -> Option<(usize, usize)> {
        if self.entry() == Some(cursor) && self.nth > 0 {
            self.nth = (self.nth - 1).min(shown.saturating_sub(1));
        } else {
            let earlier = self.matches.entries.partition_point(|entry| *entry < cursor);
            self.set_current(Some(earlier.checked_sub(1).unwrap_or(self.matches.entries.len().saturating_sub(1))));
            // The last match; the layout resolves its index.
            self.nth = usize::MAX;
        }
        Some((self.entry()?, self.nth))
    }

    fn set_current(&mut self, current: Option<usize>) {
        self.matches.current = current.filter(|at| *at < self.matches.entries.len());
        let before = self.matches.counts.iter().take(self.matches.current.unwrap_or(0)).sum();
        self.matches.totals = (before, self.matches.counts.iter().sum());
    }
}
