//! Search within one opened transcript: what is read is matched and dropped, a few entries at a time.

use crate::agent::{Reading, TextLimit};
use crate::domain::Entry;
use crate::domain::query::{Fit, Within};
use crate::index::message::TranscriptEvent;

/// Entries that are read and dropped at once.
const CHUNK: usize = 64;

/// A search under way.
pub(super) struct Search {
    query: String,
    wanted: Within,
    at: usize,
    /// Entries that hold all that is looked for.
    full: Vec<usize>,
    /// Entries that hold any of it: they count where none holds all.
    some: Vec<usize>,
    chunks: usize,
}

/// What a step came to.
pub(super) struct Step {
    pub tell: Option<TranscriptEvent>,
    pub complete: bool,
}

impl Search {
    pub fn new(query: String) -> Self {
        let wanted = Within::new(&query);
        Self { query, wanted, at: 0, full: Vec::new(), some: Vec::new(), chunks: 0 }
    }

    /// Searches some more entries. Tells after 1, 2, 4, 8 … of such steps, so that a long search costs few messages.
    pub fn step(&mut self, reading: &mut dyn Reading) -> Step {
        let end = (self.at + CHUNK).min(reading.len());
        for (at, entry) in (self.at..).zip(reading.read(self.at..end, TextLimit::SCREEN)) {
            match self.wanted.fit(&entry) {
                Fit::Not => {}
                Fit::Some => self.some.push(at),
                Fit::All => {
                    self.some.push(at);
                    self.full.push(at);
                }
            }
        }
        self.at = end;
        self.chunks += 1;
        let complete = end >= reading.len();
        let due = complete || self.chunks.is_power_of_two();
        Step { tell: due.then(|| self.told(complete)), complete }
    }

    fn told(&self, complete: bool) -> TranscriptEvent {
        let entries = if complete && self.full.is_empty() { &self.some } else { &self.full };
        TranscriptEvent::Found { query: self.query.clone(), entries: entries.clone(), complete }
    }
}

/// Whether an entry holds all that a query looks for, as a search in a transcript finds it.
pub fn matches(query: &str, entry: &Entry) -> bool {
    Within::new(query).fit(entry) == Fit::All
}
