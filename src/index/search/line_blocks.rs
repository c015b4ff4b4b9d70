//! Blocks of complete lines of a file, for byte searches.

use std::io::{self, Read};
use std::ops::Range;

use crate::stdx::lines::MAX_LINE_BYTES;

/// Bytes per read; a block fits into the processor's cache.
const READ_BYTES: usize = 128 << 10;

/// Maximum bytes of the buffer that are kept for the next file.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// Reader of blocks of complete lines.
#[derive(Debug)]
pub(super) struct LineBlocks<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Unread bytes are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// File offset of `buffer[start]`.
    offset: u64,
}

impl<R: Read> LineBlocks<R> {
    /// Creates a reader at `offset`, the start of a line. Takes a buffer for reuse; see
    /// [`into_buffer`](Self::into_buffer).
    pub(super) fn new(reader: R, offset: u64, mut buffer: Vec<u8>) -> Self {
        buffer.resize(buffer.len().max(2 * READ_BYTES), 0);
        Self { reader, buffer, start: 0, end: 0, offset }
    }

    /// Returns the next complete lines and the offset of the first one.
    pub(super) fn next_block(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        loop {
            if self.buffer.len() - self.end < READ_BYTES {
                self.buffer.resize(self.buffer.len() + READ_BYTES, 0);
            }
            let from = self.end;
            let count = match self.reader.read(&mut self.buffer[from..from + READ_BYTES]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            self.end += count;
            if count == 0 {
                return Ok(None);
            }
            if let Some(newline) = memchr::memrchr(b'\n', &self.buffer[from..self.end]) {
                let len = from + newline + 1;
                let offset = self.offset;
                self.start = len;
                self.offset += len as u64;
                return Ok(Some((offset, &self.buffer[..len])));
            }
            if self.end >= MAX_LINE_BYTES {
                // A line beyond the maximum of all readers is returned in parts.
                let offset = self.offset;
                self.offset += self.end as u64;
                self.start = self.end;
                return Ok(Some((offset, &self.buffer[..self.end])));
            }
        }
    }

    /// Returns the bytes after the last newline and their offset, once all blocks were read.
    pub(super) fn remainder(&self) -> (u64, &[u8]) {
        (self.offset, &self.buffer[self.start..self.end])
    }

    /// Returns the buffer, shrunk to its maximum.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.buffer.truncate(MAX_KEPT_BYTES);
        self.buffer.shrink_to(MAX_KEPT_BYTES);
        self.buffer
    }
}

/// Returns the range of the line that contains a byte, without its newline.
pub(super) fn line_at(block: &[u8], at: usize) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &block[..at]).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |newline| at + newline);
    start..end
}

/// Returns the lines of a block with their offsets, without newlines.
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = block.get(at..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = (at, &rest[..len]);
        at += len + 1;
        Some(line)
    })
}
