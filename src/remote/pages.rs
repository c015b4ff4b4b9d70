//! Pages of open transcripts that were read lately: scrolling back needs no round trip, and no connection.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::domain::Entry;
use crate::domain::transcript_event::TranscriptEvent;

/// Maximum bytes of the texts of all pages of a source.
const MAX_BYTES: usize = 8 << 20;

/// Bytes of an entry without its texts, estimated.
const ENTRY_BYTES: usize = 400;

/// Pages, the one that was used last at the end.
#[derive(Debug, Default)]
pub(super) struct PageCache {
    pages: VecDeque<CachedPage>,
    bytes: usize,
}

#[derive(Debug)]
struct CachedPage {
    ticket: u64,
    from: usize,
    entries: Vec<Arc<Entry>>,
    bytes: usize,
}

impl PageCache {
    /// Applies an event of a transcript: keeps pages, and drops those that changed.
    pub(super) fn apply(&mut self, ticket: u64, event: &TranscriptEvent) {
        match event {
            TranscriptEvent::Page { from, entries } => self.put(ticket, *from, entries),
            TranscriptEvent::Grown { from, .. } => self.drop_from(ticket, *from),
            TranscriptEvent::Opened(_) | TranscriptEvent::Gone | TranscriptEvent::Failed(_) => {
                self.drop_from(ticket, 0);
            }
            TranscriptEvent::Tail(_)
            | TranscriptEvent::Found { .. }
            | TranscriptEvent::Outline { .. }
            | TranscriptEvent::Located { .. }
            | TranscriptEvent::Positions(_)
            | TranscriptEvent::ForkPoint { .. } => {}
        }
    }

    /// Returns the page with a range of entries, if it is kept.
    pub(super) fn get(&mut self, ticket: u64, range: &Range<usize>) -> Option<TranscriptEvent> {
        let holds = |page: &CachedPage| {
            page.ticket == ticket && page.from <= range.start && range.end <= page.from + page.entries.len()
        };
        let page = self.pages.remove(self.pages.iter().position(holds)?)?;
        let entries = page.entries.get(range.start - page.from..range.end - page.from).map(<[_]>::to_vec);
        self.pages.push_back(page);
        Some(TranscriptEvent::Page { from: range.start, entries: entries? })
    }

    /// Drops the pages of a transcript that contain entries from an index on.
    pub(super) fn drop_from(&mut self, ticket: u64, from: usize) {
        self.pages.retain(|page| page.ticket != ticket || page.from + page.entries.len() <= from);
        self.bytes = self.pages.iter().map(|page| page.bytes).sum();
    }

    fn put(&mut self, ticket: u64, from: usize, entries: &[Arc<Entry>]) {
        let bytes = entries.iter().map(|entry| size(entry)).sum();
        self.pages.retain(|page| (page.ticket, page.from) != (ticket, from));
        self.pages.push_back(CachedPage { ticket, from, entries: entries.to_vec(), bytes });
        self.bytes = self.pages.iter().map(|page| page.bytes).sum();
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.pages.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
    }
}

fn size(entry: &Entry) -> usize {
    ENTRY_BYTES + entry.text.len() + entry.tool.as_ref().map_or(0, |tool| 2 * tool.output.len())
}
