//! A file's complete lines, many at a time, for searching them as bytes.

use std::io::{self, Read};
use std::ops::Range;

use crate::stdx::lines::LONGEST;

/// Bytes read at a time: small enough to stay in the processor's cache until they are searched.
const BLOCK: usize = 128 << 10;

/// Bytes of a buffer that are kept from file to file.
const MOST: usize = 4 << 20;

/// Complete lines of a file, block by block.
#[derive(Debug)]
pub struct Blocks<R> {
    reader: R,
    buffer: Vec<u8>,
    /// `buffer[start..end]` is read and not yet handed out.
    start: usize,
    end: usize,
    /// Offset in the file of `buffer[start]`.
    offset: u64,
}

impl<R: Read> Blocks<R> {
    /// Reads from `reader`, which stands at `offset`, the start of a line. `buffer` is used and given back.
    pub fn new(reader: R, offset: u64, mut buffer: Vec<u8>) -> Self {
        buffer.resize(buffer.len().max(2 * BLOCK), 0);
        Self { reader, buffer, start: 0, end: 0, offset }
    }

    /// The next lines, each ended by a newline, and the offset of the first.
    pub fn next_block(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        loop {
            if self.buffer.len() - self.end < BLOCK {
                self.buffer.resize(self.buffer.len() + BLOCK, 0);
            }
            let from = self.end;
            let count = match self.reader.read(&mut self.buffer[from..from + BLOCK]) {
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
            if self.end >= LONGEST {
                // A line longer than any reader takes: given as it is, cut.
                let offset = self.offset;
                self.offset += self.end as u64;
                self.start = self.end;
                return Ok(Some((offset, &self.buffer[..self.end])));
            }
        }
    }

    /// The buffer, to be used again; what a very long line took of it is given back.
    pub fn into_buffer(mut self) -> Vec<u8> {
        self.buffer.truncate(MOST);
        self.buffer.shrink_to(MOST);
        self.buffer
    }
}

/// The line of a block in which a byte lies, without its newline.
pub fn line_at(block: &[u8], at: usize) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &block[..at]).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |newline| at + newline);
    start..end
}

/// The lines of a block, each with its offset in the block and without its newline.
pub fn lines(block: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = block.get(at..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = (at, &rest[..len]);
        at += len + 1;
        Some(line)
    })
}
