//! What a batch holds: a table of its texts, the names of tools, and the texts, packed together.
//!
//! It is unpacked as a whole, into a buffer that is used again, and looked at where it lies.

use std::io;

use crate::domain::Key;
use crate::domain::query::Part;
use std::sync::Arc;

/// How a block is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// How many texts there are.
    pub count: usize,
    /// Bytes of the names of tools.
    pub tools: usize,
    /// Bytes of text.
    pub text: usize,
}

impl Shape {
    /// Bytes of the whole.
    pub fn bytes(self) -> usize {
        (self.count.saturating_mul(ENTRY)).saturating_add(self.tools).saturating_add(self.text)
    }
}

/// A stored text: what is known of it without reading it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its first byte, and the first one after it, in the block's text.
    pub range: (usize, usize),
    /// The entry in which it is shown.
    pub key: Key,
    /// Which of the batch's sessions.
    pub session: usize,
    /// Which of the block's tools; the first one has no name.
    pub tool: usize,
    /// What it is.
    pub part: Part,
}

/// Bytes of an entry in the table: where its text ends, its key, session, tool and part.
pub const ENTRY: usize = 17;

/// An unpacked block, to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    table: &'a [u8],
    tools: &'a [u8],
    /// All texts, each followed by a byte that no text holds.
    pub text: &'a [u8],
}

impl<'a> Block<'a> {
    /// The parts of an unpacked block; `None` where it is damaged.
    pub fn new(bytes: &'a [u8], shape: Shape) -> Option<Self> {
        let (table, rest) = bytes.split_at_checked(shape.count.checked_mul(ENTRY)?)?;
        let (tools, text) = rest.split_at_checked(shape.tools)?;
        (text.len() == shape.text).then_some(Self { table, tools, text })
    }

    /// How many texts it holds.
    pub fn count(self) -> usize {
        self.table.len() / ENTRY
    }

    /// The names of its tools.
    pub fn tools(self) -> Vec<&'a str> {
        let names = self.tools.split(|byte| *byte == 0);
        names.map(|name| std::str::from_utf8(name).unwrap_or_default()).collect()
    }

    /// A text by its number.
    pub fn entry(self, at: usize) -> Entry {
        let start = if at == 0 { 0 } else { self.end(at - 1) + 1 };
        let bytes = &self.table[at * ENTRY..][..ENTRY];
        let short = |from: usize| usize::from(u16::from_le_bytes([bytes[from], bytes[from + 1]]));
        let key = bytes[4..12].try_into().map_or(0, u64::from_le_bytes);
        let part = Part::ALL.get(usize::from(bytes[16])).copied().unwrap_or(Part::Notice);
        let end = self.end(at);
        Entry { range: (start.min(end), end), key: Key::from_raw(key), session: short(12), tool: short(14), part }
    }

    /// The bytes of a text.
    pub fn text_of(self, entry: &Entry) -> &'a [u8] {
        &self.text[entry.range.0..entry.range.1]
    }

    /// The text in which a byte lies, being none before `from`.
    pub fn entry_of(self, byte: usize, from: usize) -> usize {
        // Matches come in order, and mostly close by.
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
        let bytes = &self.table[at * ENTRY..][..4];
        bytes.try_into().map_or(0, |bytes| u32::from_le_bytes(bytes) as usize).min(self.text.len())
    }
}

/// Where blocks are unpacked, one after the other.
#[derive(Debug, Default)]
pub struct Buffer {
    /// As it lies on disk.
    pub(super) packed: Vec<u8>,
    unpacked: Vec<u8>,
    pub(super) held: Option<Arc<[u8]>>,
}

impl Buffer {
    /// Unpacks what was read into `packed`.
    pub fn unpack(&mut self, shape: Shape) -> io::Result<Block<'_>> {
        let len = shape.bytes();
        // What a damaged head says must not take all memory.
        if len > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if self.unpacked.len() < len {
            self.unpacked.resize(len, 0);
        }
        let bytes = &mut self.unpacked[..len];
        let found = lz4_flex::block::decompress_into(&self.packed, bytes).unwrap_or_default();
        let whole = if found == len { Block::new(bytes, shape) } else { None };
        whole.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Shows a block that is held.
    pub fn show(&mut self, held: Arc<[u8]>, shape: Shape) -> io::Result<Block<'_>> {
        Block::new(self.held.insert(held), shape).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Most bytes of an unpacked block: a text is added to a batch that is not full, however long it is.
const LONGEST: usize = 1 << 30;
