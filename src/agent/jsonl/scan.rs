//! One pass over the lines of a file, from an offset on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::repaired::{self, Repair, ScannedLine};
use super::{Dialect, MalformedJson};
use crate::agent::json::cursor::hash;
use crate::agent::json::repair;
use crate::stdx::lines::{LineReader, RawLine};

/// Number of bytes hashed at a file's beginning and before the cursor, to detect a replaced file.
const CHECK_BYTES: usize = 256;

/// End of a pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanEnd {
    /// Offset after the last complete line.
    pub offset: u64,
    /// Number of lines so far, including those before the pass.
    pub lines: u64,
    /// Bytes read from disk.
    pub bytes_read: u64,
    /// Explanation of what is at the end of the file and has no end, so that the next pass begins with it.
    pub open_end: Option<&'static str>,
}

impl ScanEnd {
    /// Line number and explanation of the record that has no end.
    pub(crate) fn open_record(self) -> Option<(u64, &'static str)> {
        Some((self.lines + 1, self.open_end?))
    }
}

/// Scans the lines of `file` from `offset` (after `before` lines) to `end`, or to the end of the file.
///
/// A last line without a newline counts if it is complete: no prefix of an object is an object.
pub(crate) fn scan(
    dialect: &dyn Dialect,
    file: &File,
    (offset, before): (u64, u64),
    end: Option<u64>,
    mut each: impl FnMut(ScannedLine<'_>),
) -> io::Result<ScanEnd> {
    let mut lines = LineReader::from_offset(file, offset)?;
    let mut number = before;
    let is_whole: fn(&[u8]) -> bool = if end.is_none() { repair::is_whole } else { |_| false };
    while end.is_none_or(|end| lines.offset() < end) {
        let Some(line) = lines.next_line_or_rest(is_whole)? else { break };
        let RawLine { offset, bytes, len, lines: count } = line;
        number += 1;
        if len > bytes.len() as u64 {
            each(ScannedLine { offset, bytes: &[], len, number, metadata: Err(MalformedJson), repair: None });
        } else if !bytes.is_empty() {
            repaired::checked_records(dialect, bytes, offset, number, &mut |line: ScannedLine<'_>| {
                let repair = line.repair.or((count > 1).then_some(Repair::Joined));
                each(ScannedLine { repair, ..line });
            });
        }
        number += count - 1;
    }
    let open_end = if end.is_none() { repair::open_end(&lines) } else { None };
    Ok(ScanEnd { offset: lines.offset(), lines: number, bytes_read: lines.bytes_read(), open_end })
}

/// Hashes the bytes before `offset`; a different hash at the next scan means that the file was replaced.
pub(crate) fn check(file: &File, offset: u64) -> io::Result<u64> {
    let mut bytes = [0; 2 * CHECK_BYTES];
    let len = usize::try_from(offset).unwrap_or(CHECK_BYTES).min(CHECK_BYTES);
    let (head, tail) = bytes.split_at_mut(CHECK_BYTES);
    file.read_exact_at(&mut head[..len], 0)?;
    file.read_exact_at(&mut tail[..len], offset - len as u64)?;
    Ok(hash(&bytes))
}
