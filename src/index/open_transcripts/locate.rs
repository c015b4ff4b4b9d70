//! Lookup of a location in an opened transcript, a few entries at a time.

use crate::agent::{BranchPosition, TextLimit, TranscriptReader};
use crate::domain::Entry;
use crate::domain::search::EntryLocation;
use crate::domain::transcript_event::TranscriptEvent;
use crate::index::locate::nearest;

/// Number of entries per step.
const ENTRIES_PER_STEP: usize = 256;

/// Running lookup.
pub(super) struct EntryLookup {
    place: EntryLocation,
    at: usize,
}

impl EntryLookup {
    pub(super) fn new(place: EntryLocation) -> Self {
        Self { place, at: 0 }
    }

    /// Checks some more entries. Returns an event once the entry is found, or the whole transcript is checked. Shows the
    /// branch that contains the entry; returns true if that is another one than before.
    pub(super) fn step(&mut self, reader: &mut dyn TranscriptReader) -> Option<(bool, TranscriptEvent)> {
        let from = self.at;
        self.at = (from + ENTRIES_PER_STEP).min(reader.len());
        // Only the identities are needed, no texts.
        let entries = reader.read(from..self.at, TextLimit(0));
        let entry = entries.iter().position(|entry| is_at(entry, &self.place)).map(|at| from + at);
        if entry.is_none() && self.at < reader.len() {
            return None;
        }
        let elsewhere = if entry.is_none() { self.on_other_branch(reader) } else { None };
        let entry = entry.map(|index| {
            let branch = reader.shown_branch();
            nearest(reader, &self.place, BranchPosition { branch, index }).index
        });
        let entry = entry.or(elsewhere);
        Some((elsewhere.is_some(), TranscriptEvent::Located { location: self.place.clone(), entry }))
    }

    fn on_other_branch(&self, reader: &mut dyn TranscriptReader) -> Option<usize> {
        let EntryLocation::Entry { key, call, .. } = &self.place else { return None };
        let position = reader.locate(&[(*key, call)]).into_iter().next()??;
        let position = nearest(reader, &self.place, position);
        reader.show_branch(position.branch).then_some(position.index)
    }
}

/// Returns true if an entry has a location.
fn is_at(entry: &Entry, place: &EntryLocation) -> bool {
    match place {
        EntryLocation::Title => false,
        EntryLocation::Entry { key, call, .. } => entry.matches(*key, call),
    }
}
