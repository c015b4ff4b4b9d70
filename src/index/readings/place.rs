//! Where in an opened transcript a place is, looked for a few entries at a time.

use crate::agent::{Reading, TextLimit};
use crate::domain::Entry;
use crate::domain::found::Place;
use crate::index::message::TranscriptEvent;

/// Entries that are looked at at once.
const CHUNK: usize = 256;

/// A place that is looked for.
pub(super) struct Locating {
    place: Place,
    at: usize,
}

impl Locating {
    pub fn new(place: Place) -> Self {
        Self { place, at: 0 }
    }

    /// Looks at some more entries. Tells once it is found, or is nowhere.
    pub fn step(&mut self, reading: &mut dyn Reading) -> Option<TranscriptEvent> {
        let from = self.at;
        self.at = (from + CHUNK).min(reading.len());
        // Identities are wanted, no texts.
        let entries = reading.read(from..self.at, TextLimit(0));
        let entry = entries.iter().position(|entry| is_at(entry, &self.place)).map(|at| from + at);
        let ended = entry.is_some() || self.at >= reading.len();
        ended.then(|| TranscriptEvent::Located { place: self.place.clone(), entry })
    }
}

/// Whether an entry is the one that a place is in.
fn is_at(entry: &Entry, place: &Place) -> bool {
    match place {
        Place::Title => false,
        Place::Entry { key, call } => entry.is(*key, call),
    }
}
