//! Data of repeated searches in memory: n-gram filters, and the texts of the newest sources.
//!
//! All of it is in one buffer, because allocators return large areas to the system as soon as they are freed, but keep
//! small ones.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::store::{BlockBuffer, BlockLayout, IndexReader, Segment, TextBlock};

/// Maximum bytes of filters, and of both filters and texts. Others are read again at each search.
const MAX_FILTER_BYTES: usize = 16 << 20;
const MAX_PINNED_BYTES: usize = 26 << 20;

/// Size of the buffer, beyond the 32 MB up to which glibc may serve areas from its heaps. Pages that are never written
/// take no memory.
const BUFFER_BYTES: usize = 33 << 20;

/// Pinned filters and texts.
#[derive(Debug, Default)]
pub(super) struct PinnedData {
    bytes: Vec<u8>,
    /// Ranges of the filters by source number; `None` if they exceed their maximum.
    filters: Option<HashMap<usize, Range<usize>, RandomState>>,
    /// Ranges of the blocks by segment number.
    blocks: Vec<Option<Range<usize>>>,
}

impl PinnedData {
    /// Loads filters with their source numbers by `filters`, and the blocks of `segments`, in order, up to the maximum.
    pub(super) fn load<'a>(
        reader: &IndexReader,
        filter_bytes: usize,
        filters: impl FnOnce(&mut dyn FnMut(usize, &[u8])),
        segments: impl Iterator<Item = &'a Segment>,
    ) -> Self {
        let mut pinned = Self { bytes: vec![0; BUFFER_BYTES], ..Self::default() };
        let mut end = 0;
        if filter_bytes <= MAX_FILTER_BYTES {
            let mut ranges = HashMap::default();
            filters(&mut |number, bytes| {
                if let Some(room) = pinned.bytes.get_mut(end..end + bytes.len()) {
                    room.copy_from_slice(bytes);
                    ranges.insert(number, end..end + bytes.len());
                    end += bytes.len();
                }
            });
            pinned.filters = Some(ranges);
        }
        let mut buffer = BlockBuffer::default();
        for segment in segments {
            let range = end..end.saturating_add(segment.layout.bytes());
            if range.end > MAX_PINNED_BYTES {
                break;
            }
            // A read error appears again when the segment is searched.
            let loaded = reader.read_into(segment, &mut buffer, &mut pinned.bytes[range.clone()]);
            end = if loaded.is_ok() { range.end } else { end };
            pinned.blocks.push(loaded.ok().map(|()| range));
        }
        pinned
    }

    /// Returns true if it contains the filters.
    pub(super) fn has_filters(&self) -> bool {
        self.filters.is_some()
    }

    /// Returns the filter of a source by its number; `None` if it is damaged.
    pub(super) fn filter(&self, source: usize) -> Option<&[u8]> {
        Some(&self.bytes[self.filters.as_ref()?.get(&source)?.clone()])
    }

    /// Returns the block of a segment by its number.
    pub(super) fn block(&self, segment: usize, layout: BlockLayout) -> Option<io::Result<TextBlock<'_>>> {
        let range = self.blocks.get(segment)?.clone()?;
        Some(TextBlock::new(&self.bytes[range], layout).ok_or_else(|| io::ErrorKind::InvalidData.into()))
    }
}
