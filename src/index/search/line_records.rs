//! Records of several lines that contain given lines of a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::de::IgnoredAny;

use crate::stdx::files;
use crate::stdx::json_record::{self, MAX_RECORD_BYTES, begins_record};
use crate::stdx::lines::LineReader;

/// Bytes before a line that are searched first for the beginning of its record.
const FIRST_WINDOW: u64 = 64 << 10;

/// Maximum distance to a later line up to which lines are read one after the other.
const MAX_DISTANCE: u64 = 64 << 10;

/// Record that contains a line.
#[derive(Debug)]
pub(super) enum LineRecord {
    /// The line is a record, or a part of none.
    Line,
    /// Record of several lines: its offset and its bytes.
    Joined(u64, Vec<u8>),
    /// Bytes from the offset to the end of the file: a record that goes on, or a whole one without a newline.
    Open(u64, Vec<u8>),
}

/// Finds the records of some lines of a file, in ascending order. Opens the file once, and has one budget for the ends of
/// torn records.
#[derive(Debug)]
pub(super) struct RecordFinder<'a> {
    path: &'a Path,
    lines: Option<LineReader<File>>,
    /// True after an open record, whose lines are not followed again.
    is_at_end: bool,
}

impl<'a> RecordFinder<'a> {
    /// Creates a finder. Opens nothing.
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, lines: None, is_at_end: false }
    }

    /// Returns the record that begins with the line at an offset, which is no part of an earlier record.
    pub(super) fn beginning_at(&mut self, at: u64) -> io::Result<LineRecord> {
        let lines = self.open(at)?;
        if lines.offset() != at {
            lines.seek(at)?;
        }
        self.next_around(at)
    }

    /// Returns the record that contains a line, which begins at an offset.
    pub(super) fn around(&mut self, at: u64) -> io::Result<LineRecord> {
        let known = self.lines.as_ref().map(LineReader::offset);
        if known.is_none_or(|known| known.saturating_add(MAX_DISTANCE) < at) {
            let lines = self.open(0)?;
            let start = record_start(lines.get_ref(), known.unwrap_or(0), at)?;
            lines.seek(start)?;
        }
        self.next_around(at)
    }

    /// Opens the file at an offset, unless it is open.
    fn open(&mut self, at: u64) -> io::Result<&mut LineReader<File>> {
        let lines = match self.lines.take() {
            Some(lines) => lines,
            None => LineReader::from_offset(files::open(self.path)?, at)?,
        };
        Ok(self.lines.insert(lines))
    }

    /// Reads lines up to the record that contains an offset.
    fn next_around(&mut self, at: u64) -> io::Result<LineRecord> {
        let Some(lines) = self.lines.as_mut().filter(|_| !self.is_at_end) else { return Ok(LineRecord::Line) };
        while lines.offset() <= at {
            let Some(line) = lines.next_line()? else {
                self.is_at_end = true;
                return Ok(LineRecord::Open(lines.offset(), lines.remainder().to_vec()));
            };
            if line.lines > 1 && line.offset + line.len > at {
                return Ok(LineRecord::Joined(line.offset, line.bytes.to_vec()));
            }
        }
        Ok(LineRecord::Line)
    }
}

/// Returns the offset of a line before another one from which on lines are read like from the beginning of the file: after
/// the last line that is one whole record, or else the first one with a brace. `from`: the start of a line before it.
fn record_start(file: &File, from: u64, at: u64) -> io::Result<u64> {
    let mut bytes = Vec::new();
    for window in [FIRST_WINDOW, MAX_RECORD_BYTES as u64] {
        let start = from.max(at.saturating_sub(window));
        bytes.resize(usize::try_from(at - start).unwrap_or_default(), 0);
        file.read_exact_at(&mut bytes, start)?;
        if let Some(end) = end_of_record(&bytes) {
            return Ok(start + end as u64);
        }
        if start == from {
            return Ok(from);
        }
    }
    let brace = memchr::memmem::find(&bytes, b"\n{").map(|newline| newline + 1);
    let first = brace.or_else(|| first_indented(&bytes)).unwrap_or(bytes.len());
    Ok(at - bytes.len() as u64 + first as u64)
}

/// Start of the first line, after an incomplete one, with an indented brace alone.
fn first_indented(text: &[u8]) -> Option<usize> {
    let starts = memchr::memchr_iter(b'\n', text).map(|newline| newline + 1);
    starts.into_iter().find(|start| {
        let line = text[*start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        json_record::may_go_on(line)
    })
}

/// End of the last line in a text that is one whole record, and no item of a list, with its newline.
fn end_of_record(text: &[u8]) -> Option<usize> {
    let mut end = memchr::memrchr(b'\n', text)?;
    loop {
        let start = memchr::memrchr(b'\n', &text[..end])? + 1;
        let line = &text[start..end];
        let may_be_whole = begins_record(line) && line.trim_ascii_end().ends_with(b"}");
        if may_be_whole && !follows_item(text, start) && serde_json::from_slice::<IgnoredAny>(line).is_ok() {
            return Some(end + 1);
        }
        end = start - 1;
    }
}

/// True for a line after which a list or a field goes on.
fn follows_item(text: &[u8], start: usize) -> bool {
    matches!(text[..start].trim_ascii_end().last(), Some(b'[' | b',' | b':'))
}

/// Returns true if the line at `start..end` of a block may be a part of a record of several lines. The first line of a block
/// may follow a list item, which is in the block before.
pub(super) fn may_be_part(block: &[u8], start: usize, end: usize) -> bool {
    let line = &block[start..end];
    start == 0 || !begins_record(line) || json_record::may_go_on(line) || follows_item(block, start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::search::line_blocks::lines;

    /// Bytes of a file, in pieces.
    fn file() -> impl Strategy<Value = Vec<u8>> {
        let pieces = [
            "{\"a\":1}\n",
            "{\n",
            "  \"k\": \"v\",\n",
            "}\n",
            "  {\n",
            "  }\n",
            "  },\n",
            "no record\n",
            "{\"torn\n",
            "\n",
            "{\"a\":",
            "[\n",
            "{\"a\":1},\n",
            "]}\n",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat().into())
    }

    /// Records of several lines, in a reading from the beginning: offset, bytes, and if they have an end.
    fn records(bytes: &[u8]) -> Vec<(u64, Vec<u8>, bool)> {
        let mut lines = LineReader::from_offset(io::Cursor::new(bytes), 0).expect("an offset");
        let mut records = Vec::new();
        while let Some(line) = lines.next_line().expect("a line") {
            if line.lines > 1 {
                records.push((line.offset, line.bytes.to_vec(), true));
            }
        }
        records.push((lines.offset(), lines.remainder().to_vec(), false));
        records
    }

    #[test]
    fn the_ends_of_torn_records_are_looked_for_with_one_budget() {
        let filler = "x".repeat(1 << 10) + "\n";
        let torn = "{\"torn\n".to_owned() + &filler.repeat(4 << 10);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), torn.repeat(10)).expect("written");
        let mut finder = RecordFinder::new(file.path());
        for number in 0..10 {
            finder.beginning_at(number * torn.len() as u64).expect("read");
        }
        let read = finder.lines.expect("an open file").bytes_read();
        // Twice the bytes of each of five, because a buffer grows to its double; of all it would be 20 times.
        assert!(read < 12 * torn.len() as u64, "{read} bytes");
    }

    proptest! {
        #[test]
        fn records_of_some_lines_are_those_of_a_whole_reading(bytes in file(), chosen in any::<u64>()) {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), &bytes).expect("written");
            let records = records(&bytes);
            let mut finder = RecordFinder::new(file.path());
            let mut joined_end = 0;
            for (number, (at, line)) in lines(&bytes).enumerate().filter(|(number, _)| chosen >> (number % 64) & 1 != 0) {
                let is_part = may_be_part(&bytes, at, at + line.len());
                let at = at as u64;
                if at < joined_end || !is_part {
                    continue;
                }
                let wanted = records.iter().find(|(start, bytes, _)| (*start..start + bytes.len() as u64).contains(&at));
                match finder.around(at).expect("read") {
                    LineRecord::Joined(start, bytes) => {
                        prop_assert_eq!(Some(&(start, bytes.clone(), true)), wanted, "line {}", number);
                        joined_end = start + bytes.len() as u64;
                    }
                    LineRecord::Open(start, bytes) => {
                        prop_assert_eq!(Some(&(start, bytes, false)), wanted, "line {}", number);
                        break;
                    }
                    LineRecord::Line => prop_assert!(wanted.is_none(), "line {number} of {wanted:?}"),
                }
            }
        }
    }
}
