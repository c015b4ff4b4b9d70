//! One pass over the lines of a file, from an offset on, each skimmed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::pull::hash;
use super::{Dialect, Malformed, Skim};
use crate::stdx::lines::{Line, Lines};

/// Bytes at the beginning, and before the place to go on from, that tell whether a file is the one that was read.
const CHECKED: usize = 256;

/// Where a pass ended.
#[derive(Clone, Copy, Debug)]
pub struct Scanned {
    /// Offset after the last complete line.
    pub offset: u64,
    /// Lines so far, those before the pass included.
    pub lines: u64,
    /// Bytes taken from disk.
    pub bytes_read: u64,
}

/// A line, and what it tells.
#[derive(Debug)]
pub struct Scan<'a> {
    /// Where it starts.
    pub offset: u64,
    /// Its length without the newline.
    pub len: u64,
    /// Its number, from 1.
    pub number: u64,
    /// What it tells.
    pub skim: Result<Skim<'a>, Malformed>,
}

/// Skims the lines of `file` from `offset` (after `before` lines) to `end`, or to the end of the file.
///
/// A last line without a newline counts when it is whole: no beginning of an object is an object.
pub fn scan(
    dialect: &dyn Dialect,
    file: &File,
    (offset, before): (u64, u64),
    end: Option<u64>,
    mut each: impl FnMut(Scan<'_>),
) -> io::Result<Scanned> {
    let mut lines = Lines::from_offset(file, offset)?;
    let mut number = before;
    while end.is_none_or(|end| lines.offset() < end) {
        let Some(Line { offset, bytes, len }) = lines.next_line()? else { break };
        number += 1;
        if !bytes.is_empty() {
            let skim = if len > bytes.len() as u64 { Err(Malformed) } else { dialect.skim(bytes, offset) };
            each(Scan { offset, len, number, skim });
        }
    }
    let mut offset = lines.offset();
    let rest = lines.rest();
    if end.is_none() && is_whole(rest) {
        let len = rest.len() as u64;
        number += 1;
        each(Scan { offset, len, number, skim: dialect.skim(rest, offset) });
        offset += len;
    }
    Ok(Scanned { offset, lines: number, bytes_read: lines.bytes_read() })
}

fn is_whole(rest: &[u8]) -> bool {
    rest.first() == Some(&b'{')
        && rest.trim_ascii_end().last() == Some(&b'}')
        && serde_json::from_slice::<serde::de::IgnoredAny>(rest).is_ok()
}

/// A number that stands for what lies before `offset`: another one at the next reading means another file.
pub fn check(file: &File, offset: u64) -> io::Result<u64> {
    let mut bytes = [0; 2 * CHECKED];
    let len = usize::try_from(offset).unwrap_or(CHECKED).min(CHECKED);
    let (head, tail) = bytes.split_at_mut(CHECKED);
    file.read_exact_at(&mut head[..len], 0)?;
    file.read_exact_at(&mut tail[..len], offset - len as u64)?;
    Ok(hash(&bytes))
}
