//! Search within one opened transcript: entries are read, matched and dropped a few at a time.

use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::Entry;
use crate::domain::query::{EntryMatcher, MatchLevel};
use crate::domain::transcript_event::{EntryMatches, TranscriptEvent};

/// Number of entries per step.
const ENTRIES_PER_STEP: usize = 64;

/// Running search.
pub(super) struct TranscriptSearch {
    query: String,
    matcher: EntryMatcher,
    at: usize,
    /// Entries that contain all terms.
    all: Vec<EntryMatches>,
    /// Entries that contain any term; they count where no entry contains all.
    any: Vec<EntryMatches>,
    chunks: usize,
    complete: bool,
}

impl TranscriptSearch {
    pub(super) fn new(query: String) -> Self {
        let matcher = EntryMatcher::new(&query);
        Self { query, matcher, at: 0, all: Vec::new(), any: Vec::new(), chunks: 0, complete: false }
    }

    /// Returns true if there is nothing to do.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Searches again from a changed entry on.
    pub(super) fn restart(&mut self, from: usize) {
        self.at = self.at.min(from);
        for found in [&mut self.all, &mut self.any] {
            found.truncate(found.partition_point(|found| found.entry < from));
        }
        (self.chunks, self.complete) = (0, false);
    }

    /// Searches some more entries. Returns an event after 1, 2, 4, 8 … steps, so that a long search sends few messages.
    pub(super) fn step(&mut self, reader: &mut dyn TranscriptReader) -> Option<TranscriptEvent> {
        let end = (self.at + ENTRIES_PER_STEP).min(reader.len()).max(self.at);
        for (at, entry) in (self.at..).zip(reader.read(self.at..end, TextLimit::SCREEN)) {
            let level = self.matcher.match_level(&entry);
            if level == MatchLevel::None {
                continue;
            }
            let found = EntryMatches { entry: at, count: self.matcher.count_matches(&entry) };
            self.any.push(found);
            if level == MatchLevel::Full {
                self.all.push(found);
            }
        }
        self.at = end;
        self.chunks += 1;
        self.complete = end >= reader.len();
        let due = self.complete || self.chunks.is_power_of_two();
        due.then(|| self.event())
    }

    fn event(&self) -> TranscriptEvent {
        let complete = self.complete;
        let entries = if complete && self.all.is_empty() { &self.any } else { &self.all };
        TranscriptEvent::Found { query: self.query.clone(), entries: entries.clone(), complete }
    }
}

/// Returns true if an entry contains all terms of a query, as the search in a transcript requires.
pub fn matches(query: &str, entry: &Entry) -> bool {
    EntryMatcher::new(query).match_level(entry) == MatchLevel::Full
}
