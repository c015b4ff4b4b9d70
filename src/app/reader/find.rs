//! Finding in one transcript: the line one types, what was found so far, which hit one stands on.

use crate::domain::query::Mistake;

/// A search in the transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// What is searched for.
    pub query: String,
    /// What of it could not be understood, where it was typed here.
    pub mistakes: Vec<Mistake>,
    /// The line is being typed.
    pub typing: bool,
    /// Matching entries so far, ascending.
    pub entries: Vec<usize>,
    /// Everything was searched.
    pub complete: bool,
    /// Position in `entries` of the one that one stands on.
    pub current: Option<usize>,
    /// Which of its lines with a hit one stands on.
    pub nth: usize,
    /// Entry from which one searches.
    pub from: usize,
    /// The next hit from this entry on was asked for and is still searched for: one goes on to it when it is found.
    pub awaited: Option<usize>,
    /// It came with the transcript, from a search of all sessions, and was not typed here.
    pub given: bool,
}

impl Find {
    /// Takes in entries that match, ascending. True where it now stands on a hit and did not before.
    pub fn found(&mut self, entries: Vec<usize>, complete: bool) -> bool {
        let stood_on = self.current.and_then(|at| self.entries.get(at).copied());
        self.entries = entries;
        self.complete = complete;
        if let Some(entry) = stood_on {
            self.current = self.entries.binary_search(&entry).ok();
            return false;
        }
        let from = self.awaited.unwrap_or(self.from);
        let ahead = self.entries.partition_point(|entry| *entry < from);
        // Behind the last hit of one session the next one is in another.
        let begins_anew = complete && !self.entries.is_empty() && !(self.awaited.is_some() && self.given);
        self.current = match self.entries.get(ahead) {
            Some(_) => Some(ahead),
            // Before the search is complete the next hit may still lie ahead.
            None => begins_anew.then_some(0),
        };
        self.awaited = self.awaited.filter(|_| self.current.is_none() && !complete);
        self.nth = 0;
        self.current.is_some()
    }

    /// The entry that one stands on.
    pub fn entry(&self) -> Option<usize> {
        self.current.and_then(|at| self.entries.get(at).copied())
    }

    /// Steps to the next hit: a further line of the entry one stands on, of which `lines` hold a hit, or the next
    /// entry after `cursor`. At the end it begins anew. `None`: there is none, or none yet.
    pub fn next(&mut self, cursor: usize, lines: usize) -> Option<(usize, usize)> {
        if self.entry() == Some(cursor) && self.nth + 1 < lines {
            self.nth += 1;
        } else {
            let ahead = self.entries.partition_point(|entry| *entry <= cursor);
            if ahead == self.entries.len() && !self.complete {
                (self.current, self.awaited) = (None, Some(cursor + 1));
                return None;
            }
            self.current = Some(if ahead < self.entries.len() { ahead } else { 0 });
            self.nth = 0;
        }
        Some((self.entry()?, self.nth))
    }

    /// Steps to the previous hit, as [`next`](Self::next) does to the next one.
    pub fn previous(&mut self, cursor: usize, lines: usize) -> Option<(usize, usize)> {
        if self.entry() == Some(cursor) && self.nth > 0 {
            self.nth = (self.nth - 1).min(lines.saturating_sub(1));
        } else {
            let behind = self.entries.partition_point(|entry| *entry < cursor);
            self.current = Some(behind.checked_sub(1).unwrap_or(self.entries.len().saturating_sub(1)));
            // The last line with a hit; drawing knows which that is.
            self.nth = usize::MAX;
        }
        Some((self.entry()?, self.nth))
    }
}
