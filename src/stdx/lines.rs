//! Line reader for growing files, in chunks from any offset.
//!
//! Memory is bounded for any file: only the head of a line longer than [`MAX_LINE_BYTES`] is returned. A last line
//! without a newline is *not* a line yet; the reader's offset stays before it. A JSON record of
//! [several lines](super::json_record) counts as one line, so that one that goes on is not a line yet either.

use std::io::{self, Read, Seek, SeekFrom};

use super::json_record::{self, RecordBalance, RecordBudget, RecordStep};

/// Maximum bytes returned per line, because a corrupt file can be one line; the rest is skipped and counted.
pub const MAX_LINE_BYTES: usize = 64 << 20;

const CHUNK: usize = 256 << 10;

/// Maximum buffer capacity between lines; more is freed.
const MAX_IDLE_BUFFER: usize = 4 << 20;

/// A complete line of a file.
#[derive(Debug)]
pub struct RawLine<'a> {
    /// Offset of the line in the file, in bytes.
    pub offset: u64,
    /// Line without its newline; at most [`MAX_LINE_BYTES`] bytes.
    pub bytes: &'a [u8],
    /// Full length in the file, without the newline.
    pub len: u64,
    /// Number of lines in the file that it takes.
    pub lines: u64,
}

/// Place of a line in the buffer and in the file.
#[derive(Clone, Copy, Debug)]
struct LineSpan {
    offset: u64,
    from: usize,
    kept: usize,
    len: u64,
    lines: u64,
}

/// Reads complete lines, starting at an offset.
#[derive(Debug)]
pub struct LineReader<R> {
    reader: R,
    /// `buffer[start..end]` is read but not returned yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// File offset of `buffer[start]`.
    offset: u64,
    read: u64,
    /// Bytes of the returned lines.
    passed: u64,
    max_line: usize,
    is_finished: bool,
    budget: RecordBudget,
}

impl<R: Read + Seek> LineReader<R> {
    /// Starts at `offset`, which must be the start of a line.
    pub fn from_offset(reader: R, offset: u64) -> io::Result<Self> {
        Self::with_max_line(reader, offset, MAX_LINE_BYTES)
    }

    /// Starts at `offset` with a line limit of `max_line` bytes instead of [`MAX_LINE_BYTES`].
    pub fn with_max_line(mut reader: R, offset: u64, max_line: usize) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(offset))?;
        let (buffer, budget) = (vec![0; CHUNK], RecordBudget::default());
        let (start, end, read, passed) = (0, 0, 0, 0);
        Ok(Self { reader, buffer, start, end, offset, read, passed, max_line, is_finished: false, budget })
    }

    /// Reads a file that does not grow any more: where its last record goes on at the end, it is torn.
    #[must_use]
    pub fn of_finished_file(self) -> Self {
        Self { is_finished: true, ..self }
    }

    /// Goes on at another offset, which must be the start of a line. Budgets and counts stay.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(offset))?;
        (self.start, self.end, self.offset) = (0, 0, offset);
        // A buffer that a long record has grown would be read full.
        self.buffer.truncate(CHUNK);
        Ok(())
    }

    /// The file that is read.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Offset after the last returned line, where the next read starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes read from the file so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Capacity of the line buffer in bytes.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Text after the last complete line: an incomplete line, or a record that goes on.
    pub fn remainder(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// True at the end of a file where a record of several lines has no end: it is being written, or it is torn.
    pub fn has_open_record(&self) -> bool {
        memchr::memchr(b'\n', self.remainder()).is_some()
    }

    /// Returns the next complete line, or `None` at an incomplete line or the end.
    pub fn next_line(&mut self) -> io::Result<Option<RawLine<'_>>> {
        let span = self.advance()?;
        Ok(span.map(|span| self.line(span)))
    }

    /// Returns the next line. The text after the last newline is one if `is_whole` says so.
    pub fn next_line_or_rest(&mut self, is_whole: fn(&[u8]) -> bool) -> io::Result<Option<RawLine<'_>>> {
        let mut span = self.advance()?;
        let rest = self.remainder();
        if span.is_none() && !rest.is_empty() && is_whole(rest) {
            let lines = memchr::memchr_iter(b'\n', rest).count() as u64 + 1;
            let (from, kept) = (self.start, rest.len());
            span = Some(LineSpan { offset: self.offset, from, kept, len: kept as u64, lines });
            self.offset += kept as u64;
            self.passed += kept as u64;
            self.start = self.end;
        }
        Ok(span.map(|span| self.line(span)))
    }

    fn line(&self, LineSpan { offset, from, kept, len, lines }: LineSpan) -> RawLine<'_> {
        RawLine { offset, bytes: &self.buffer[from..from + kept], len, lines }
    }

    /// Moves after the next complete line.
    fn advance(&mut self) -> io::Result<Option<LineSpan>> {
        let mut scanned = 0;
        loop {
            if let Some(found) = json_record::line_end(&self.buffer[self.start..self.end], scanned) {
                let Some((len, lines)) = self.record_len(found)? else { return Ok(None) };
                let (offset, from) = (self.offset, self.start);
                self.start += len + 1;
                self.offset += len as u64 + 1;
                self.passed += len as u64 + 1;
                return Ok(Some(LineSpan { offset, from, kept: len.min(self.max_line), len: len as u64, lines }));
            }
            let len = self.end - self.start;
            // The next byte may tell if the last one ends a line.
            scanned = len.saturating_sub(1);
            if len >= self.max_line {
                return self.skip_long_line();
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Length of the record that begins with a line of `len` bytes, and the number of its lines. `None`: it goes on at the
    /// end of the file, or ends there without a newline.
    fn record_len(&mut self, len: usize) -> io::Result<Option<(usize, u64)>> {
        let first = &self.buffer[self.start..self.start + len];
        if !json_record::may_go_on(first) || !self.budget.allows(self.passed) {
            return Ok(Some((len, 1)));
        }
        let mut balance = RecordBalance::default();
        let (mut start, mut end, mut lines) = (0, len, 1);
        let mut step = balance.read(first);
        while step == RecordStep::GoesOn {
            let from = end + 1;
            let mut scanned = 0;
            let next = loop {
                if let Some(found) = memchr::memchr(b'\n', &self.buffer[self.start + from + scanned..self.end]) {
                    break Some(from + scanned + found);
                }
                scanned = self.end - self.start - from;
                if scanned > json_record::MAX_RECORD_BYTES {
                    break None;
                }
                if self.fill()? == 0 {
                    let rest = &self.buffer[self.start + from..self.end];
                    // Records that are printed over several lines begin with a brace alone. A first line with more that
                    // ends the file is torn; otherwise its loss would show only with the next record.
                    let first = &self.buffer[self.start..self.start + len];
                    // So is one that only a whole record follows.
                    let last = &self.buffer[self.start + start..self.start + end];
                    let is_last = lines == 1 || (lines == 2 && json_record::is_record(last));
                    let ends_torn = is_last && rest.is_empty() && json_record::begins_record(first);
                    let is_torn = match balance.read(rest) {
                        RecordStep::GoesOn => self.is_finished || ends_torn,
                        RecordStep::Ends => false,
                        RecordStep::Torn => self.is_finished || json_record::begins_record(rest),
                    };
                    self.budget.spend(balance.len());
                    return Ok(is_torn.then_some((len, 1)));
                }
            };
            let Some(next) = next else { break };
            step = balance.read(&self.buffer[self.start + from..self.start + next]);
            (start, end, lines) = (from, next, lines + 1);
        }
        if step == RecordStep::Ends && lines > 1 {
            return Ok(Some((end, lines)));
        }
        self.budget.spend(balance.len());
        Ok(Some((len, 1)))
    }

    /// Reads one more chunk, after moving the buffered bytes to the front if space is short.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 && self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // Doubling must not exceed the space for the longest line.
            let most = self.max_line.saturating_add(CHUNK).max(self.end + CHUNK);
            self.grow((self.buffer.len() * 2).min(most));
        } else if self.buffer.len() > MAX_IDLE_BUFFER && self.end < CHUNK {
            // Free the memory of a long line.
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

    /// Keeps the head of an overlong line and skips to its end. Returns `None` if the line has no end yet.
    fn skip_long_line(&mut self) -> io::Result<Option<LineSpan>> {
        let mut chunk = vec![0; CHUNK];
        let mut beyond = (self.end - self.start - self.max_line) as u64;
        loop {
            let count = read(&mut self.reader, &mut chunk)?;
            if count == 0 {
                return Ok(None);
            }
            self.read += count as u64;
            if let Some(found) = memchr::memchr(b'\n', &chunk[..count]) {
                beyond += found as u64;
                let (offset, len) = (self.offset, self.max_line as u64 + beyond);
                self.offset += len + 1;
                self.passed += len + 1;
                let rest = &chunk[found + 1..count];
                let head = self.start..self.start + self.max_line;
                self.grow(head.end + rest.len().max(CHUNK));
                self.buffer[head.end..head.end + rest.len()].copy_from_slice(rest);
                self.start = head.end;
                self.end = head.end + rest.len();
                return Ok(Some(LineSpan { offset, from: head.start, kept: head.len(), len, lines: 1 }));
            }
            beyond += count as u64;
        }
    }
}

/// Reads once, and retries after interrupts.
fn read(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
