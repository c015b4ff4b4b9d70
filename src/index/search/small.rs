//! What need not be looked at of sessions that are stored as many small files: opening thousands of files takes longer
//! than reading gigabytes of others.
//!
//! For each such session one bit is kept for each three letters that stand beside each other in its records, as a
//! hash; 3 % of what it takes on disk. A session that lacks three letters of a word lacks the word. Only sessions that
//! had been left alone for an hour are kept: while one is written, its files change without its stamp telling.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Cancel, Corpus};
use crate::agent::{Stamp, Unit, format};
use crate::domain::query::raw::{Atom, folded_record};

/// How long a session must have been left alone, in ns.
const QUIET: i64 = 3600 * 1_000_000_000;

/// Bits per byte of a session's records, one in so many; and the bounds of that, in bytes.
const SHARE: u64 = 32;
const LEAST: u64 = 512;
const MOST: u64 = 64 << 10;

/// Bumped when the bits come to mean something else.
const VERSION: u32 = 1;

/// What is kept, in a file of the index directory. Shared by threads.
#[derive(Debug)]
pub struct Small {
    file: PathBuf,
    held: Mutex<(Stamp, Arc<Kept>)>,
}

/// By a session's file.
#[derive(Debug, Default)]
pub struct Kept {
    of: HashMap<PathBuf, (Stamp, Letters)>,
}

/// Which three letters stand beside each other.
#[derive(Debug)]
struct Letters(Box<[u8]>);

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
            let kept = fs::read(&self.file).ok().and_then(|bytes| Kept::parse(&bytes)).unwrap_or_default();
            *held = (stamp, Arc::new(kept));
        }
        held.1.clone()
    }

    /// Holds nothing until it is asked again.
    pub fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }

    /// Keeps what there is now.
    pub fn update(&self, corpus: &Corpus, cancel: &Cancel) -> io::Result<()> {
        let last = self.kept();
        let is_small = |unit: &&Unit| format(unit.agent).search().is_some_and(|texts| texts.is_scattered(unit));
        let small = || corpus.units().iter().filter(is_small);
        let gone = last.of.keys().any(|path| corpus.unit(path).is_none());
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
        let mut fresh: HashMap<&Path, Letters> = HashMap::new();
        for unit in units().filter(|unit| last.of(unit).is_none()) {
            if cancel.is_cancelled() {
                return Ok(());
            }
            // What cannot be read now is not kept, and so looked at whenever something is sought.
            if let Some(letters) = Letters::of(unit) {
                fresh.insert(&unit.path, letters);
            }
        }
        if fresh.is_empty() && !gone {
            return Ok(());
        }
        let all = units().filter_map(|unit| Some((unit, fresh.get(&*unit.path).or_else(|| last.of(unit))?)));
        self.write(file, &all.collect::<Vec<_>>())
    }

    fn write(&self, mut file: tempfile::NamedTempFile, all: &[(&Unit, &Letters)]) -> io::Result<()> {
        let units = all.iter().map(|(unit, letters)| (unit.path.clone(), unit.stamp, letters.0.len())).collect();
        let mut head = serde_json::to_vec(&Head { version: VERSION, units })?;
        head.push(b'\n');
        file.write_all(&head)?;
        all.iter().try_for_each(|(_, letters)| file.write_all(&letters.0))?;
        file.persist(&self.file)?;
        Ok(())
    }
}

impl Kept {
    /// `None` where it is damaged, or another version's.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(memchr::memchr(b'\n', bytes)? + 1)?;
        let head: Head = serde_json::from_slice(head).ok().filter(|head: &Head| head.version == VERSION)?;
        let mut of = HashMap::new();
        for (path, stamp, len) in head.units {
            let (letters, others) = rest.split_at_checked(len).filter(|_| len.is_power_of_two())?;
            of.insert(path, (stamp, Letters(letters.into())));
            rest = others;
        }
        Some(Self { of })
    }

    fn of(&self, unit: &Unit) -> Option<&Letters> {
        self.of.get(&unit.path).filter(|(stamp, _)| *stamp == unit.stamp).map(|(_, letters)| letters)
    }

    /// Whether a unit certainly holds none of what is sought.
    pub fn lacks<'a>(&self, unit: &Unit, mut atoms: impl Iterator<Item = &'a Atom>) -> bool {
        self.of(unit).is_some_and(|letters| {
            atoms.all(|atom| {
                // Of less than three letters nothing is known.
                atom.letters().is_some_and(|text| text.windows(3).any(|three| !letters.holds(three)))
            })
        })
    }
}

impl Letters {
    fn of(unit: &Unit) -> Option<Self> {
        let texts = format(unit.agent).search()?;
        let mut threes = vec![0_u64; 1 << 18];
        let mut bytes = 0;
        let mut add = |text: &[u8]| {
            for three in text.windows(3) {
                let three = code(three) as usize;
                threes[three / 64] |= 1 << (three % 64);
            }
        };
        let mut take = |_: &str, record: &[u8]| {
            bytes += record.len() as u64;
            add(&record.to_ascii_lowercase());
            if let Some(folded) = folded_record(record) {
                add(folded.as_bytes());
            }
            false
        };
        texts.sift(unit, &mut take, &mut |_| ControlFlow::Continue(())).ok()?;
        Some(Self::new(bytes, &threes))
    }

    fn new(bytes: u64, threes: &[u64]) -> Self {
        let len = (bytes / SHARE).clamp(LEAST, MOST).next_power_of_two();
        let mut letters = Self(vec![0; usize::try_from(len).unwrap_or(0)].into());
        for (at, word) in threes.iter().enumerate().filter(|(_, word)| **word != 0) {
            for bit in (0..64).filter(|bit| word & (1 << bit) != 0) {
                let (byte, bit) = letters.place(u32::try_from(at * 64 + bit).unwrap_or(0));
                letters.0[byte] |= bit;
            }
        }
        letters
    }

    fn holds(&self, three: &[u8]) -> bool {
        let (byte, bit) = self.place(code(three));
        self.0[byte] & bit != 0
    }

    fn place(&self, code: u32) -> (usize, u8) {
        let bits = self.0.len() as u64 * 8;
        let hash = (u64::from(code) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let place = hash & (bits - 1);
        (usize::try_from(place / 8).unwrap_or(0), 1 << (place % 8))
    }
}

fn code(three: &[u8]) -> u32 {
    three.iter().fold(0, |code, &byte| code << 8 | u32::from(byte))
}
