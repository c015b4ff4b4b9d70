//! Bounded reads of texts in files of their own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::agent::TextLimit;
use crate::stdx::{files, utf16};

/// Maximum bytes of a text in memory, whatever the limit, because an output may be larger than the memory.
const MAX_BYTES: usize = 64 << 20;

/// Opens a text; one in UTF-16, as programs of Windows print, as a copy in UTF-8.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = files::open(path)?;
    let Some(order) = utf16::byte_order(&file) else { return Ok(file) };
    let mut copy = utf16::to_utf8(&file, order)?;
    copy.seek(SeekFrom::Start(0))?;
    Ok(copy)
}

/// Reads the beginning of a text; true if there is more.
pub(super) fn beginning(path: &Path, TextLimit(limit): TextLimit) -> io::Result<(String, bool)> {
    let limit = limit.min(MAX_BYTES);
    let file = open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(limit).min(limit));
    file.take(limit as u64).read_to_end(&mut bytes)?;
    let is_cut = size > bytes.len() as u64;
    if is_cut {
        bytes.truncate(complete_len(&bytes));
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok((text, is_cut))
}

/// Length without a character that is cut off at the end.
pub(super) fn complete_len(bytes: &[u8]) -> usize {
    let is_lead = |at: &usize| bytes[*at] & 0xc0 != 0x80;
    let Some(last) = (bytes.len().saturating_sub(4)..bytes.len()).rev().find(is_lead) else { return bytes.len() };
    let len = match bytes[last] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if last + len > bytes.len() { last } else { bytes.len() }
}
