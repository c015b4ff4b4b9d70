//! Texts of the newest sources in memory, for repeated searches.
//!
//! All of them are in one buffer, because allocators return large areas to the system as soon as they are freed, but
//! keep small ones.

use std::io;
use std::ops::Range;

use super::store::{BlockBuffer, BlockLayout, IndexReader, Segment, TextBlock};

/// Maximum bytes of texts. Others are read again at each search.
const MAX_PINNED_BYTES: usize = 16 << 20;

/// Size of the buffer, beyond the 32 MB up to which glibc may serve areas from its heaps. Pages that are never written
/// take no memory.
const BUFFER_BYTES: usize = 33 << 20;

/// Pinned texts.
#[derive(Debug, Default)]
pub(super) struct PinnedData {
    bytes: Vec<u8>,
    /// Ranges of the blocks by segment number.
    blocks: Vec<Option<Range<usize>>>,
}

impl PinnedData {
    /// Loads the blocks of `segments`, in order, up to the maximum.
    pub(super) fn load<'a>(reader: &IndexReader, segments: impl Iterator<Item = &'a Segment>) -> Self {
        let mut pinned = Self { bytes: vec![0; BUFFER_BYTES], ..Self::default() };
        let mut end: usize = 0;
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

    /// Returns the block of a segment by its number.
    pub(super) fn block(&self, segment: usize, layout: BlockLayout) -> Option<io::Result<TextBlock<'_>>> {
        let range = self.blocks.get(segment)?.clone()?;
        Some(TextBlock::new(&self.bytes[range], layout).ok_or_else(|| io::ErrorKind::InvalidData.into()))
    }
}
