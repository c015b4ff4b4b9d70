//! N-gram filters for sessions of many small files, because opening thousands of files takes longer than reading
//! gigabytes of others.
//!
//! Each filter is a set of hashed bits for the 4-grams of a session's records, some 3 % of its size on disk. A session
//! without one of a word's 4-grams does not contain the word. Trigrams would be in every larger session, because of its
//! random ids. Only sessions without changes for an hour have a filter: a running one changes its files without
//! changing its stamp.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use super::store::{BlockBuffer, IndexReader};
use super::{Cancel, Corpus};
use crate::agent::{FileStamp, Source, format};
use crate::domain::query::json_prefilter::{Literal, fold_record};

/// Minimum time since the last change of a session in ns.
const MIN_QUIET_NS: i64 = 3600 * 1_000_000_000;

/// Bytes of records per byte of the filter, and the bounds of the filter in bytes.
const RECORD_BYTES_PER_FILTER_BYTE: u64 = 32;
const MIN_FILTER_BYTES: u64 = 512;
const MAX_FILTER_BYTES: u64 = 128 << 10;

/// Version of the file format and of the hash.
const VERSION: u32 = 3;

/// Filters in a file of the index directory. Shared by threads.
#[derive(Debug)]
pub struct FileFilters {
    file: PathBuf,
    cached: Mutex<(FileStamp, Arc<FileFilterSet>)>,
}

/// Filters at one moment, by the session's path. They stay on disk, because a query reads few of their bits.
#[derive(Debug, Default)]
pub struct FileFilterSet {
    by_path: HashMap<OsString, (FileStamp, Range<u64>), RandomState>,
    file: Option<File>,
}

/// Letters per n-gram.
const GRAM_LEN: usize = 4;

/// Builder of a filter.
#[derive(Debug)]
struct FileFilterBuilder(Vec<u8>);

/// Stored filter.
#[derive(Debug)]
pub struct FileFilter<'a> {
    file: &'a File,
    range: Range<u64>,
}

#[derive(Serialize, Deserialize)]
struct FilterHeader {
    version: u32,
    sources: Vec<(PathBuf, FileStamp, usize)>,
}

impl FileFilters {
    /// Filters in a directory, which need not exist.
    pub fn open(dir: &Path) -> Self {
        Self { file: dir.join("filters"), cached: Mutex::default() }
    }

    /// Returns the current filters.
    pub fn current(&self) -> Arc<FileFilterSet> {
        let stamp = fs::metadata(&self.file).map(|metadata| FileStamp::of(&metadata)).unwrap_or_default();
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.0 != stamp {
            let current = File::open(&self.file).ok().and_then(FileFilterSet::read).unwrap_or_default();
            *cached = (stamp, Arc::new(current));
        }
        cached.1.clone()
    }

    /// Drops the filters until the next use.
    pub fn drop_cache(&self) {
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }

    /// Updates the filters to the corpus.
    pub fn update(&self, corpus: &Corpus, reader: &IndexReader, cancel: &Cancel) -> io::Result<()> {
        let previous = self.current();
        let has_many_small_files =
            |source: &&Source| format(source.agent).texts().is_some_and(|texts| texts.has_many_small_files(source));
        let candidates = || corpus.sources().iter().filter(has_many_small_files);
        let has_removed = previous.by_path.keys().any(|path| corpus.source(Path::new(path)).is_none());
        if !has_removed && candidates().all(|source| previous.get(source).is_some()) {
            return Ok(());
        }
        // The clock of the file system, which also sets the times of the sessions' files.
        let file = tempfile::NamedTempFile::new_in(self.file.parent().unwrap_or(Path::new(".")))?;
        let now = FileStamp::of(&file.as_file().metadata()?).mtime_ns;
        let sources = || candidates().filter(|source| source.stamp.mtime_ns.saturating_add(MIN_QUIET_NS) < now);
        if !has_removed && sources().all(|source| previous.get(source).is_some()) {
            return Ok(());
        }
        let mut new: HashMap<&Path, Vec<u8>> = HashMap::new();
        for source in sources().filter(|source| previous.get(source).is_none()) {
            if cancel.is_cancelled() {
                return Ok(());
            }
            // An unreadable session gets no filter, so that every query searches it.
            if let Some(filter) = FileFilterBuilder::of(source, reader) {
                new.insert(&source.path, filter.0);
            }
        }
        if new.is_empty() && !has_removed {
            return Ok(());
        }
        let all = sources().filter_map(|source| {
            let filter = new.remove(&*source.path).or_else(|| previous.get(source)?.read());
            filter.map(|filter| (source, filter))
        });
        self.write(file, &all.collect::<Vec<_>>())
    }

    fn write(&self, mut file: tempfile::NamedTempFile, all: &[(&Source, Vec<u8>)]) -> io::Result<()> {
        let sources = all.iter().map(|(source, filter)| (source.path.clone(), source.stamp, filter.len())).collect();
        let mut header = serde_json::to_vec(&FilterHeader { version: VERSION, sources })?;
        header.push(b'\n');
        file.write_all(&header)?;
        all.iter().try_for_each(|(_, filter)| file.write_all(filter))?;
        file.persist(&self.file)?;
        Ok(())
    }
}

impl FileFilterSet {
    /// Reads the header; `None` where it is damaged or outdated.
    fn read(file: File) -> Option<Self> {
        let (mut line, len) = (Vec::new(), file.metadata().ok()?.len());
        BufReader::new(&file).read_until(b'\n', &mut line).ok()?;
        let header: FilterHeader =
            serde_json::from_slice(&line).ok().filter(|header: &FilterHeader| header.version == VERSION)?;
        let (mut by_path, mut at) = (HashMap::default(), line.len() as u64);
        for (path, stamp, bytes) in header.sources {
            let range = at..at.checked_add(bytes as u64).filter(|end| *end <= len && bytes.is_power_of_two())?;
            at = range.end;
            by_path.insert(path.into_os_string(), (stamp, range));
        }
        Some(Self { by_path, file: Some(file) })
    }

    /// Returns the filter of a source in its current state.
    pub fn get(&self, source: &Source) -> Option<FileFilter<'_>> {
        let (stamp, range) = self.by_path.get(source.path.as_os_str())?;
        let file = self.file.as_ref().filter(|_| *stamp == source.stamp)?;
        Some(FileFilter { file, range: range.clone() })
    }
}

impl FileFilterBuilder {
    /// Builds the filter from a source's records and its indexed texts, some of which are worded by the reader.
    fn of(source: &Source, reader: &IndexReader) -> Option<Self> {
        let texts = format(source.agent).texts()?;
        let mut builder = Self(vec![0; usize::try_from(MAX_FILTER_BYTES).unwrap_or(0)]);
        let mut bytes = 0;
        let mut add = |_: &str, record: &[u8]| {
            bytes += record.len() as u64;
            builder.add(record);
            false
        };
        texts.filter_records(source, &mut add, &mut |_| ControlFlow::Continue(())).ok()?;
        let mut buffer = BlockBuffer::default();
        for segment in reader.segments_of(&source.path) {
            builder.add(reader.read(segment, &mut buffer).ok()?.text);
        }
        Some(builder.folded(bytes))
    }

    fn add(&mut self, text: &[u8]) {
        let folded = fold_record(text).unwrap_or_default();
        for gram in text.to_ascii_lowercase().windows(GRAM_LEN).chain(folded.as_bytes().windows(GRAM_LEN)) {
            let (byte, bit) = bit_position(gram, self.0.len());
            self.0[byte] |= bit;
        }
    }

    /// Folds the bits to the size for `bytes` of records.
    fn folded(self, bytes: u64) -> Self {
        let len = (bytes / RECORD_BYTES_PER_FILTER_BYTE).clamp(MIN_FILTER_BYTES, MAX_FILTER_BYTES).next_power_of_two();
        let mut filter = vec![0; usize::try_from(len).unwrap_or(self.0.len())];
        for part in self.0.chunks(filter.len()) {
            filter.iter_mut().zip(part).for_each(|(all, byte)| *all |= byte);
        }
        Self(filter)
    }
}

impl FileFilter<'_> {
    fn read(&self) -> Option<Vec<u8>> {
        let mut filter = vec![0; usize::try_from(self.range.end - self.range.start).ok()?];
        self.file.read_exact_at(&mut filter, self.range.start).ok()?;
        Some(filter)
    }

    /// Returns true if the filter proves that no literal occurs.
    pub fn excludes<'a>(&self, mut literals: impl Iterator<Item = &'a Literal>) -> bool {
        // Shorter literals have no n-gram.
        literals.all(|literal| {
            literal.plain_ascii().is_some_and(|text| text.windows(GRAM_LEN).any(|gram| !self.may_contain(gram)))
        })
    }

    fn may_contain(&self, gram: &[u8]) -> bool {
        let (at, bit) = bit_position(gram, usize::try_from(self.range.end - self.range.start).unwrap_or(1));
        let mut byte = [0];
        // An unreadable filter excludes nothing.
        self.file.read_exact_at(&mut byte, self.range.start + at as u64).map_or(true, |()| byte[0] & bit != 0)
    }
}

/// Returns the byte and bit of a gram in a filter of a power of two bytes. In half of the bytes the position is the
/// same, or lower by that half.
fn bit_position(gram: &[u8], bytes: usize) -> (usize, u8) {
    let code = gram.iter().fold(1, |code, &byte| code << 8 | u64::from(byte));
    let hash = code.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (usize::try_from(hash >> 3).unwrap_or(0) & (bytes - 1), 1 << (hash & 7))
}
