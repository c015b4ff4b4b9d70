//! Search within one opened transcript: entries are read, matched and dropped a few at a time.

use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::Entry;
use crate::domain::query::{EntryMatcher, MatchLevel};
use crate::domain::transcript_event::TranscriptEvent;

/// Number of entries per step.
const ENTRIES_PER_STEP: usize = 64;

/// Running search.
pub(super) struct TranscriptSearch {
    query: String,
    matcher: EntryMatcher,
    at: usize,
    /// Entries that contain all terms.
    all: Vec<usize>,
    /// Entries that contain any term; they count where no entry contains all.
    any: Vec<usize>,
    chunks: usize,
}

/// Result of a step.
pub(super) struct SearchStep {
    pub event: Option<TranscriptEvent>,
    pub complete: bool,
}

impl TranscriptSearch {
    pub(super) fn new(query: String) -> Self {
        let matcher = EntryMatcher::new(&query);
        Self { query, matcher, at: 0, all: Vec::new(), any: Vec::new(), chunks: 0 }
    }

    /// Searches some more entries. Returns an event after 1, 2, 4, 8 … steps, so that a long search sends few messages.
    pub(super) fn step(&mut self, reader: &mut dyn TranscriptReader) -> SearchStep {
        let end = (self.at + ENTRIES_PER_STEP).min(reader.len());
        for (at, entry) in (self.at..).zip(reader.read(self.at..end, TextLimit::SCREEN)) {
            match self.matcher.match_level(&entry) {
                MatchLevel::None => {}
                MatchLevel::Partial => self.any.push(at),
                MatchLevel::Full => {
                    self.any.push(at);
                    self.all.push(at);
                }
            }
        }
        self.at = end;
        self.chunks += 1;
        let complete = end >= reader.len();
        let due = complete || self.chunks.is_power_of_two();
        SearchStep { event: due.then(|| self.event(complete)), complete }
    }

    fn event(&self, complete: bool) -> TranscriptEvent {
        let entries = if complete && self.all.is_empty() { &self.any } else { &self.all };
        TranscriptEvent::Found { query: self.query.clone(), entries: entries.clone(), complete }
    }
}

/// Returns true if an entry contains all terms of a query, as the search in a transcript requires.
pub fn matches(query: &str, entry: &Entry) -> bool {
    EntryMatcher::new(query).match_level(entry) == MatchLevel::Full
}
