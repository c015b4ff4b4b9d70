//! What need not be looked at of sessions that are stored as many small files: opening thousands of files takes longer
//! than reading gigabytes of others.
//!
//! For each such session one bit is kept for each four letters that stand beside each other in its records, as a
//! hash; 3 % of what it takes on disk. A session that lacks four letters of a word lacks the word; three would be in
//! any session of some size, its ids being made of random ones. Only sessions that had been left alone for an hour are
//! kept: while one is written, its files change without its stamp telling.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use super::store::{Buffer, View};
use super::{Cancel, Corpus};
use crate::agent::{Stamp, Unit, format};
use crate::domain::query::raw::{Atom, folded_record};

/// How long a session must have been left alone, in ns.
const QUIET: i64 = 3600 * 1_000_000_000;

/// Bits per byte of a session's records, one in so many; and the bounds of that, in bytes.
const SHARE: u64 = 32;
const LEAST: u64 = 512;
const MOST: u64 = 128 << 10;

/// Bumped when the bits come to mean something else.
const VERSION: u32 = 2;

/// What is kept, in a file of the index directory. Shared by threads.
#[derive(Debug)]
pub struct Small {
    file: PathBuf,
    held: Mutex<(Stamp, Arc<Kept>)>,
}

/// By a session's file.
#[derive(Debug, Default)]
pub struct Kept {
    of: HashMap<OsString, (Stamp, Range<usize>), RandomState>,
    letters: Vec<u8>,
}

/// Letters beside each other.
const ROW: usize = 4;

/// Which letters stand beside each other.
#[derive(Debug)]
pub struct Letters<B>(B);

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    units: Vec<(PathBuf, Stamp, usize)>,
}

impl Small {
    /// What is kept in a directory, which need not exist.
    pub fn open(dir: &Path) -> Self {
        Self { file: dir.join("small"), held: Mutex::default() }
    }

    /// What is kept now.
    pub fn kept(&self) -> Arc<Kept> {
        let stamp = fs::metadata(&self.file).map(|metadata| Stamp::of(&metadata)).unwrap_or_default();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != stamp {
            let kept = fs::read(&self.file).ok().and_then(Kept::parse).unwrap_or_default();
            *held = (stamp, Arc::new(kept));
        }
        held.1.clone()
    }

    /// Holds nothing until it is asked again.
    pub fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }

    /// Keeps what there is now.
    pub fn update(&self, corpus: &Corpus, view: &View, cancel: &Cancel) -> io::Result<()> {
        let last = self.kept();
        let is_small = |unit: &&Unit| format(unit.agent).search().is_some_and(|texts| texts.is_scattered(unit));
        let small = || corpus.units().iter().filter(is_small);
        let gone = last.of.keys().any(|path| corpus.unit(Path::new(path)).is_none());
        if !gone && small().all(|unit| last.of(unit).is_some()) {
            return Ok(());
        }
        // What is written now tells the time by which files are dated.
        let file = tempfile::NamedTempFile::new_in(self.file.parent().unwrap_or(Path::new(".")))?;
        let now = Stamp::of(&file.as_file().metadata()?).mtime_ns;
        let units = || small().filter(|unit| unit.stamp.mtime_ns.saturating_add(QUIET) < now);
        if !gone && units().all(|unit| last.of(unit).is_some()) {
            return Ok(());
        }
        let mut fresh: HashMap<&Path, Letters<Vec<u8>>> = HashMap::new();
        for unit in units().filter(|unit| last.of(unit).is_none()) {
            if cancel.is_cancelled() {
                return Ok(());
            }
            // What cannot be read now is not kept, and so looked at whenever something is sought.
            if let Some(letters) = Letters::gather(unit, view) {
                fresh.insert(&unit.path, letters);
            }
        }
        if fresh.is_empty() && !gone {
            return Ok(());
        }
        let all = units().filter_map(|unit| match fresh.get(&*unit.path) {
            Some(letters) => Some((unit, letters.0.as_slice())),
            None => last.of(unit).map(|letters| (unit, letters.0)),
        });
        self.write(file, &all.collect::<Vec<_>>())
    }

    fn write(&self, mut file: tempfile::NamedTempFile, all: &[(&Unit, &[u8])]) -> io::Result<()> {
        let units = all.iter().map(|(unit, letters)| (unit.path.clone(), unit.stamp, letters.len())).collect();
        let mut head = serde_json::to_vec(&Head { version: VERSION, units })?;
        head.push(b'\n');
        file.write_all(&head)?;
        all.iter().try_for_each(|(_, letters)| file.write_all(letters))?;
        file.persist(&self.file)?;
        Ok(())
    }
}

impl Kept {
    /// `None` where it is damaged, or another version's.
    fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        let letters = bytes.split_off(memchr::memchr(b'\n', &bytes)? + 1);
        let head: Head = serde_json::from_slice(&bytes).ok().filter(|head: &Head| head.version == VERSION)?;
        let (mut of, mut at) = (HashMap::default(), 0_usize);
        for (path, stamp, len) in head.units {
            let range = at..at.checked_add(len)?;
            letters.get(range.clone()).filter(|_| len.is_power_of_two())?;
            at = range.end;
            of.insert(path.into_os_string(), (stamp, range));
        }
        Some(Self { of, letters })
    }

    /// What is known of a unit as it is now.
    pub fn of(&self, unit: &Unit) -> Option<Letters<&[u8]>> {
        let (stamp, range) = self.of.get(unit.path.as_os_str())?;
        (*stamp == unit.stamp).then(|| Letters(&self.letters[range.clone()]))
    }
}

impl Letters<Vec<u8>> {
    /// Of a unit's records, and of the talk that is stored of it, some of which is worded by us.
    fn gather(unit: &Unit, view: &View) -> Option<Self> {
        let texts = format(unit.agent).search()?;
        let mut rows = Self(vec![0; usize::try_from(MOST).unwrap_or(0)]);
        let mut bytes = 0;
        let mut take = |_: &str, record: &[u8]| {
            bytes += record.len() as u64;
            rows.add(record);
            false
        };
        texts.sift(unit, &mut take, &mut |_| ControlFlow::Continue(())).ok()?;
        let mut buffer = Buffer::default();
        for batch in view.of_unit(&unit.path) {
            rows.add(view.read(batch, &mut buffer).ok()?.text);
        }
        Some(rows.folded(bytes))
    }

    fn add(&mut self, text: &[u8]) {
        let folded = folded_record(text).unwrap_or_default();
        for row in text.to_ascii_lowercase().windows(ROW).chain(folded.as_bytes().windows(ROW)) {
            let (byte, bit) = place(row, self.0.len());
            self.0[byte] |= bit;
        }
    }

    /// As many of the bits as so many bytes of records are worth, by laying them over each other.
    fn folded(self, bytes: u64) -> Self {
        let len = (bytes / SHARE).clamp(LEAST, MOST).next_power_of_two();
        let mut letters = vec![0; usize::try_from(len).unwrap_or(self.0.len())];
        for part in self.0.chunks(letters.len()) {
            letters.iter_mut().zip(part).for_each(|(all, byte)| *all |= byte);
        }
        Self(letters)
    }
}

impl<B: AsRef<[u8]>> Letters<B> {
    /// Whether certainly none of what is sought is there.
    pub fn lacks<'a>(&self, mut atoms: impl Iterator<Item = &'a Atom>) -> bool {
        // Of fewer letters nothing is known.
        atoms.all(|atom| atom.letters().is_some_and(|text| text.windows(ROW).any(|row| !self.holds(row))))
    }

    fn holds(&self, row: &[u8]) -> bool {
        let letters = self.0.as_ref();
        let (byte, bit) = place(row, letters.len());
        letters[byte] & bit != 0
    }
}

/// The bit of a row in so many bytes, a power of two: the byte, and the bit in it. In half as many it is the same, or
/// that many bytes before.
fn place(row: &[u8], bytes: usize) -> (usize, u8) {
    let code = row.iter().fold(1, |code, &byte| code << 8 | u64::from(byte));
    let hash = code.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (usize::try_from(hash >> 3).unwrap_or(0) & (bytes - 1), 1 << (hash & 7))
}
