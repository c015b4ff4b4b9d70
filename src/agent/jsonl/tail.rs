//! Reading the ends of a file: its newest entries for a first screen, and a preliminary list row.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::branch::ChainRecord;
use super::scan::scan;
use super::summary_state::SummaryState;
use super::transcript_index::TranscriptIndex;
use super::{Dialect, SourceIdentity};
use crate::agent::{Source, TextLimit, TranscriptReader};
use crate::domain::{Entry, Session};

/// Number of bytes read at each end of a file for a preliminary row.
const PEEK_BYTES: u64 = 32 << 10;

/// Number of bytes read first at the end of a file for its newest entries.
const FIRST_TAIL: u64 = 128 << 10;

/// Reads the newest entries of a file, at least `count` if there are as many. Quadruples the window until it has them.
pub(crate) fn tail(dialect: &Arc<dyn Dialect>, path: &Path, count: usize) -> io::Result<Vec<Entry>> {
    let text = dialect.open_text(path, None)?;
    let size = text.len()?;
    let mut window = FIRST_TAIL;
    loop {
        let start = match size.saturating_sub(window) {
            0 => 0,
            from => line_start(&text.file, from)?.unwrap_or(size),
        };
        // A window inside a single line contains no entry; a larger one will.
        let mut index = TranscriptIndex::of_text(dialect.clone(), path, text.try_clone()?, start)?;
        if index.len() >= count || start == 0 {
            let from = index.len().saturating_sub(count);
            return Ok(index.read(from..index.len(), TextLimit::SCREEN));
        }
        window *= 4;
    }
}

/// Finds the start of the first line that begins at or after `from`.
fn line_start(file: &File, from: u64) -> io::Result<Option<u64>> {
    let mut chunk = [0; 8 << 10];
    let mut at = from - 1;
    loop {
        let read = file.read_at(&mut chunk, at)?;
        if read == 0 {
            return Ok(None);
        }
        if let Some(newline) = memchr::memchr(b'\n', &chunk[..read]) {
            return Ok(Some(at + newline as u64 + 1));
        }
        at += read as u64;
    }
}

/// Builds a preliminary row from both ends of a file. Counts are lower bounds; a small file is read completely.
pub(crate) fn peek(dialect: &dyn Dialect, source: &Source, identity: &SourceIdentity) -> Session {
    let mut summary = SummaryState::default();
    // Errors are reported by the full summary later.
    let complete = scan_ends(dialect, source, &mut summary).unwrap_or(false);
    let mut session = summary.session(source, identity);
    // The unread middle may contain entries.
    session.flags.empty = session.flags.empty && (complete || source.stamp.size == 0);
    session.flags.unreadable = false;
    session
}

/// Scans both ends; returns true if they are the whole file.
fn scan_ends(dialect: &dyn Dialect, source: &Source, summary: &mut SummaryState) -> io::Result<bool> {
    if source.stamp.size == 0 {
        return Ok(true);
    }
    let text = dialect.open_text(&source.path, Some(PEEK_BYTES))?;
    let (size, file) = (text.len()?, text.file);
    if text.is_copy {
        // Its end is not known before all of it is decompressed.
        scan_range(dialect, &file, 0, None, summary)?;
        return Ok(size < PEEK_BYTES);
    }
    if size <= 2 * PEEK_BYTES {
        scan_range(dialect, &file, 0, None, summary)?;
        return Ok(true);
    }
    scan_range(dialect, &file, 0, Some(PEEK_BYTES), summary)?;
    if let Some(start) = line_start(&file, size - PEEK_BYTES)? {
        scan_range(dialect, &file, start, None, summary)?;
    }
    Ok(false)
}

fn scan_range(
    dialect: &dyn Dialect,
    file: &File,
    from: u64,
    end: Option<u64>,
    summary: &mut SummaryState,
) -> io::Result<()> {
    scan(dialect, file, (from, 0), end, |line| {
        let Ok(metadata) = line.metadata else { return };
        summary.add(&metadata);
        if let Some(record) = ChainRecord::of(&metadata) {
            summary.messages += record.entries;
            summary.turns += record.turns;
        }
    })
    .map(|_| ())
}
