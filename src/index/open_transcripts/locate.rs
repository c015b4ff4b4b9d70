//! Lookup of a location in an opened transcript, a few entries at a time.

use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::Entry;
use crate::domain::search::EntryLocation;
use crate::domain::transcript_event::TranscriptEvent;

/// Number of entries per step.
const ENTRIES_PER_STEP: usize = 256;

/// Running lookup.
pub(super) struct EntryLookup {
    place: EntryLocation,
    at: usize,
}

impl EntryLookup {
    pub fn new(place: EntryLocation) -> Self {
        Self { place, at: 0 }
    }

    /// Checks some more entries. Returns an event once the entry is found, or the whole transcript is checked.
    pub fn step(&mut self, reader: &mut dyn TranscriptReader) -> Option<TranscriptEvent> {
        let from = self.at;
        self.at = (from + ENTRIES_PER_STEP).min(reader.len());
        // Only the identities are needed, no texts.
        let entries = reader.read(from..self.at, TextLimit(0));
        let entry = entries.iter().position(|entry| is_at(entry, &self.place)).map(|at| from + at);
        let ended = entry.is_some() || self.at >= reader.len();
        ended.then(|| TranscriptEvent::Located { location: self.place.clone(), entry })
    }
}

/// Returns true if an entry has a location.
fn is_at(entry: &Entry, place: &EntryLocation) -> bool {
    match place {
        EntryLocation::Title => false,
        EntryLocation::Entry { key, call } => entry.matches(*key, call),
    }
}
