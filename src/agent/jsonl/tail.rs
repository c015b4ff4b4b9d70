//! The ends of a file: its newest entries for a first screen, and enough of it for a row in a list.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::chain::Record;
use super::facts::Facts;
use super::outline::Outline;
use super::scan::scan;
use super::{Dialect, Identity};
use crate::agent::{Reading, TextLimit, Unit};
use crate::domain::{Entry, Session};

/// Bytes of each end that a glance looks at.
const GLANCE: u64 = 32 << 10;

/// Bytes of the end that are looked at first for the newest entries.
const FIRST_TAIL: u64 = 128 << 10;

/// The newest entries of a file, at least `count` where there are as many. Reads twice as much until it has them.
pub fn tail(dialect: &Arc<dyn Dialect>, path: &Path, count: usize) -> io::Result<Vec<Entry>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut window = FIRST_TAIL;
    loop {
        let start = match size.saturating_sub(window) {
            0 => 0,
            from => line_start(&file, from)?.unwrap_or(size),
        };
        // A window that begins inside its only line shows nothing; a larger one will.
        let mut outline = Outline::open_from(dialect.clone(), path, start)?;
        if outline.len() >= count || start == 0 {
            let from = outline.len().saturating_sub(count);
            return Ok(outline.read(from..outline.len(), TextLimit::SCREEN));
        }
        window *= 4;
    }
}

/// The start of the first line that begins at or after `from`.
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

/// A row from both ends of a file. Counts are lower bounds; a file that can be read at once is read whole.
pub fn glance(dialect: &dyn Dialect, unit: &Unit, identity: &Identity) -> Session {
    let mut facts = Facts::default();
    // What cannot be read now is told by the summary.
    let whole = look(dialect, unit, &mut facts).unwrap_or(false);
    let mut session = facts.session(unit, identity);
    // Too little was seen to say that there is nothing.
    session.flags.empty = session.flags.empty && (whole || unit.stamp.size == 0);
    session.flags.unreadable = false;
    session
}

/// Whether all of the file was seen.
fn look(dialect: &dyn Dialect, unit: &Unit, facts: &mut Facts) -> io::Result<bool> {
    if unit.stamp.size == 0 {
        return Ok(true);
    }
    let file = File::open(&unit.path)?;
    let size = file.metadata()?.len();
    if size <= 2 * GLANCE {
        skim(dialect, &file, 0, None, facts)?;
        return Ok(true);
    }
    skim(dialect, &file, 0, Some(GLANCE), facts)?;
    if let Some(start) = line_start(&file, size - GLANCE)? {
        skim(dialect, &file, start, None, facts)?;
    }
    Ok(false)
}

fn skim(dialect: &dyn Dialect, file: &File, from: u64, end: Option<u64>, facts: &mut Facts) -> io::Result<()> {
    scan(dialect, file, (from, 0), end, |line| {
        let Ok(skim) = line.skim else { return };
        facts.take(&skim);
        if let Some(record) = Record::of(&skim) {
            facts.messages += record.entries;
            facts.turns += record.turns;
        }
    })
    .map(|_| ())
}
