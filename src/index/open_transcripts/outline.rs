//! Outline of one opened transcript: entries are read and dropped a few at a time, when nothing else is to do.

use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::outline::OutlineItem;
use crate::domain::transcript_event::TranscriptEvent;

/// Number of entries per step: pages that are requested meanwhile must not wait for long.
const ENTRIES_PER_STEP: usize = 32;

/// Maximum bytes of an entry's text, of which the outline shows the beginning.
const MAX_BYTES: TextLimit = TextLimit(1 << 10);

/// Maximum items per event, because one event must not be large.
const ITEMS_PER_EVENT: usize = 4_096;

/// Running scan for the outline.
#[derive(Default)]
pub(super) struct OutlineScan {
    /// First entry that the items which were not sent replace.
    from: usize,
    at: usize,
    items: Vec<OutlineItem>,
    steps: usize,
    /// True once the last event was sent, until entries change.
    complete: bool,
}

impl OutlineScan {
    /// Returns true if there is nothing to do.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Scans again from a changed entry on.
    pub(super) fn restart(&mut self, from: usize) {
        self.from = self.from.min(from);
        self.at = self.at.min(from);
        self.items.truncate(self.items.partition_point(|item| item.entry < from));
        (self.steps, self.complete) = (0, false);
    }

    /// Scans some more entries. Returns an event after 1, 2, 4, 8 … steps, so that a long scan sends few messages.
    pub(super) fn step(&mut self, reader: &mut dyn TranscriptReader) -> Option<TranscriptEvent> {
        let end = (self.at + ENTRIES_PER_STEP).min(reader.len());
        let entries = if self.at < end { reader.read(self.at..end, MAX_BYTES) } else { Vec::new() };
        self.items.extend((self.at..).zip(&entries).filter_map(|(at, entry)| OutlineItem::of(at, entry)));
        self.at = end.max(self.at);
        self.steps += 1;
        self.complete = self.at >= reader.len();
        let due = self.complete || self.steps.is_power_of_two() || self.items.len() >= ITEMS_PER_EVENT;
        due.then(|| {
            let from = std::mem::replace(&mut self.from, self.at);
            TranscriptEvent::Outline { from, items: std::mem::take(&mut self.items), complete: self.complete }
        })
    }
}
