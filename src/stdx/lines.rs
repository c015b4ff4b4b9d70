//! Lines of a growing file, read in chunks from any offset.
//!
//! Memory is bounded whatever the file holds: a line longer than [`LONGEST`] is handed over as its head only.
//! A last line without a newline is *not* a line yet; the offset to continue from stays in front of it.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of one line that are kept; what lies beyond is skipped and told.
pub const LONGEST: usize = 64 << 20;

const CHUNK: usize = 256 << 10;

/// Room that is kept between lines; more is given back.
const BUFFER: usize = 4 << 20;

/// One complete line of a file.
#[derive(Debug)]
pub struct Line<'a> {
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// Its bytes without the newline; at most [`LONGEST`] of them.
    pub bytes: &'a [u8],
    /// Its full length in the file without the newline.
    pub len: u64,
}

/// Reads complete lines from a reader, from an offset on.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    /// `buffer[start..end]` is read and not yet handed out.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the file of `buffer[start]`.
    offset: u64,
    read: u64,
    longest: usize,
}

impl<R: Read + Seek> Lines<R> {
    /// Starts at `offset`, which must be the start of a line.
    pub fn from_offset(reader: R, offset: u64) -> io::Result<Self> {
        Self::with_longest(reader, offset, LONGEST)
    }

    /// The same, keeping `longest` bytes of a line instead of [`LONGEST`].
    pub fn with_longest(mut reader: R, offset: u64, longest: usize) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(offset))?;
        Ok(Self { reader, buffer: vec![0; CHUNK], start: 0, end: 0, offset, read: 0, longest })
    }

    /// Offset after the last complete line handed out: where the next reading begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes taken from the file so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Memory held for lines, in bytes.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// What is left after the last newline: a line that is still being written, or was left unfinished.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The next complete line, or `None` where only a part of a line (or nothing) is left.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut scanned = 0;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[self.start + scanned..self.end]) {
                let len = scanned + found;
                let (offset, from) = (self.offset, self.start);
                self.start += len + 1;
                self.offset += len as u64 + 1;
                let kept = len.min(self.longest);
                return Ok(Some(Line { offset, bytes: &self.buffer[from..from + kept], len: len as u64 }));
            }
            scanned = self.end - self.start;
            if scanned >= self.longest {
                return self.skip_long_line();
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Appends one chunk behind what is held, moving it to the front first where the room is short.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 && self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // No more than a line of the longest length needs, whatever doubling would give.
            let most = self.longest.saturating_add(CHUNK).max(self.end + CHUNK);
            self.grow((self.buffer.len() * 2).min(most));
        } else if self.buffer.len() > BUFFER && self.end < CHUNK {
            // A long line is gone: so may its memory.
            self.buffer.truncate(CHUNK * 2);
            self.buffer.shrink_to_fit();
        }
        let count = read(&mut self.reader, &mut self.buffer[self.end..])?;
        self.end += count;
        self.read += count as u64;
        Ok(count)
    }

    fn grow(&mut self, len: usize) {
        self.buffer.reserve_exact(len.saturating_sub(self.buffer.len()));
        self.buffer.resize(len, 0);
    }

    /// Keeps the head of a line that is too long and skips to its end; `None` where it has no end yet.
    fn skip_long_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut chunk = vec![0; CHUNK];
        let mut beyond = (self.end - self.start - self.longest) as u64;
        loop {
            let count = read(&mut self.reader, &mut chunk)?;
            if count == 0 {
                return Ok(None);
            }
            self.read += count as u64;
            if let Some(found) = memchr::memchr(b'\n', &chunk[..count]) {
                beyond += found as u64;
                let (offset, len) = (self.offset, self.longest as u64 + beyond);
                self.offset += len + 1;
                let rest = &chunk[found + 1..count];
                let head = self.start..self.start + self.longest;
                self.grow(head.end + rest.len().max(CHUNK));
                self.buffer[head.end..head.end + rest.len()].copy_from_slice(rest);
                self.start = head.end;
                self.end = head.end + rest.len();
                return Ok(Some(Line { offset, bytes: &self.buffer[head], len }));
            }
            beyond += count as u64;
        }
    }
}

/// Reads once, not minding interruptions.
fn read(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
