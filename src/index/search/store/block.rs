//! Compressed block of a segment: a table of its texts, the names of tools, and the texts.
//!
//! A block is decompressed as a whole into a reused buffer, and read in place.

use std::io;

use serde::{Deserialize, Serialize};

use crate::domain::EntryKey;
use crate::domain::query::TextKind;

/// Layout of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockLayout {
    /// Number of texts.
    pub count: usize,
    /// Bytes of the tool names.
    pub tools: usize,
    /// Bytes of text.
    pub text: usize,
}

impl BlockLayout {
    /// Returns the size of the whole block in bytes.
    pub(crate) fn bytes(self) -> usize {
        (self.count.saturating_mul(ENTRY_BYTES)).saturating_add(self.tools).saturating_add(self.text)
    }
}

/// Table entry of a stored text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextEntry {
    /// Byte range in the block's text: first byte, and first byte after it.
    pub range: (usize, usize),
    /// Transcript entry that shows the text.
    pub key: EntryKey,
    /// Index of the session in the segment.
    pub session: usize,
    /// Index of the tool in the block; the first one has no name.
    pub tool: usize,
    /// Kind of the text.
    pub kind: TextKind,
}

/// Bytes of a table entry: end of its text, entry key, session, tool and kind.
pub(super) const ENTRY_BYTES: usize = 17;

/// Decompressed block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextBlock<'a> {
    table: &'a [u8],
    tools: &'a [u8],
    /// All texts, each followed by a separator that occurs in no text.
    pub text: &'a [u8],
}

impl<'a> TextBlock<'a> {
    /// Splits a decompressed block; `None` where it is damaged.
    pub(crate) fn new(bytes: &'a [u8], layout: BlockLayout) -> Option<Self> {
        let (table, rest) = bytes.split_at_checked(layout.count.checked_mul(ENTRY_BYTES)?)?;
        let (tools, text) = rest.split_at_checked(layout.tools)?;
        (text.len() == layout.text).then_some(Self { table, tools, text })
    }

    /// Returns the number of texts.
    pub(crate) fn count(self) -> usize {
        self.table.len() / ENTRY_BYTES
    }

    /// Returns the tool names.
    pub(crate) fn tools(self) -> Vec<&'a str> {
        let names = self.tools.split(|byte| *byte == 0);
        names.map(|name| std::str::from_utf8(name).unwrap_or_default()).collect()
    }

    /// Returns the table entry with this number.
    pub(crate) fn entry(self, at: usize) -> TextEntry {
        let start = if at == 0 { 0 } else { self.end(at - 1) + 1 };
        let bytes = &self.table[at * ENTRY_BYTES..][..ENTRY_BYTES];
        let short = |from: usize| usize::from(u16::from_le_bytes([bytes[from], bytes[from + 1]]));
        let key = bytes[4..12].try_into().map_or(0, u64::from_le_bytes);
        let kind = TextKind::ALL.get(usize::from(bytes[16])).copied().unwrap_or(TextKind::Notice);
        let end = self.end(at);
        TextEntry {
            range: (start.min(end), end),
            key: EntryKey::from_raw(key),
            session: short(12),
            tool: short(14),
            kind,
        }
    }

    /// Returns the bytes of a text.
    pub(crate) fn text_of(self, entry: &TextEntry) -> &'a [u8] {
        &self.text[entry.range.0..entry.range.1]
    }

    /// Returns the number of the text that contains a byte; the search begins at text `from`.
    pub(crate) fn entry_of(self, byte: usize, from: usize) -> usize {
        // Matches come in order, and mostly close together: galloping search.
        let (mut low, mut step) = (from, 1);
        while low + step < self.count() && self.end(low + step) < byte {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(self.count());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.end(middle) < byte { low = middle + 1 } else { high = middle }
        }
        low.min(self.count().saturating_sub(1))
    }

    fn end(self, at: usize) -> usize {
        let bytes = &self.table[at * ENTRY_BYTES..][..4];
        bytes.try_into().map_or(0, |bytes| u32::from_le_bytes(bytes) as usize).min(self.text.len())
    }
}

/// Reusable buffers for decompression. Each belongs to one reader.
#[derive(Debug, Default)]
pub(crate) struct BlockBuffer {
    /// Offset of the block that is decompressed.
    pub(super) holds: Option<u64>,
    /// Compressed bytes, as stored.
    pub(super) packed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl BlockBuffer {
    /// Decompresses `packed`.
    pub(crate) fn unpack(&mut self, layout: BlockLayout) -> io::Result<()> {
        let len = layout.bytes();
        // A damaged record must not allocate all memory.
        if len > MAX_BLOCK_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if self.unpacked.len() < len {
            self.unpacked.resize(len, 0);
        }
        let found = lz4_flex::block::decompress_into(&self.packed, &mut self.unpacked[..len]).unwrap_or_default();
        if found == len { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Returns the view of the decompressed block.
    pub(crate) fn view(&self, layout: BlockLayout) -> io::Result<TextBlock<'_>> {
        let block = self.unpacked.get(..layout.bytes()).and_then(|bytes| TextBlock::new(bytes, layout));
        block.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Maximum size of a decompressed block. A text of any length is added to a segment that is not full.
const MAX_BLOCK_BYTES: usize = 1 << 30;
