//! Index reader: an immutable view of the index while others write.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::RandomState;

use super::block::{BlockBuffer, TextBlock};
use super::record::{FilterGroup, IndexRecord, StoredFilter, StoredMatrix, StoredVocabulary};
use super::segment::{Replaces, Segment};
use super::stored_bytes::StoredBytes;
use crate::index::encoding::{Frame, split_frame};
use crate::stdx::files;

/// First bytes of the manifest, with the version of both file formats.
pub(super) const MAGIC: [u8; 8] = *b"salonixD";

/// Bytes before the first record: magic and generation.
pub(super) const MANIFEST_HEADER_BYTES: u64 = 16;

/// Bytes of the manifest per read.
const MANIFEST_READ_BYTES: usize = 64 << 10;

/// Typical bytes in the manifest per source.
const RECORD_BYTES: usize = 400;

/// Maximum size of a record, because a segment may contain tens of thousands of sessions.
const MAX_RECORD_BYTES: u32 = 64 << 20;

/// Immutable view of the index.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexReader {
    /// Generation of the data file.
    pub(super) generation: u64,
    /// Open data file.
    pub(super) data: Option<Arc<File>>,
    inode: u64,
    /// Decoded bytes of the manifest.
    pub(super) manifest_len: u64,
    /// Bytes of the data file that records refer to.
    pub(super) data_len: u64,
    segments: Vec<StoredSegment>,
    /// Groups of n-gram filters.
    groups: Vec<KnownGroup>,
    /// Matrices of all groups.
    matrices: Vec<StoredMatrix>,
    /// Vocabularies in use, each with the end of its record in the manifest.
    vocabularies: Vec<(StoredVocabulary, u64)>,
    /// Latest records by the bytes of the source's path.
    sources: HashMap<Arc<[u8]>, LatestRecords, RandomState>,
    /// True after a checksum mismatch.
    damaged: Arc<AtomicBool>,
}

/// Indices of a source's latest records.
#[derive(Clone, Copy, Debug, Default)]
struct LatestRecords {
    /// Last segment.
    text: Option<usize>,
    /// N-gram filter: its group, and its index there.
    filter: Option<(usize, usize)>,
}

/// Group of n-gram filters.
#[derive(Clone, Debug)]
struct KnownGroup {
    group: Arc<FilterGroup>,
    /// Index of its first matrix.
    first_matrix: usize,
    /// End of its record in the manifest.
    manifest_end: u64,
}

/// N-gram filter of a source, with its group.
#[derive(Clone, Debug)]
pub(crate) struct SharedFilter {
    group: Arc<FilterGroup>,
    /// Index in the group.
    at: usize,
    first_matrix: usize,
}

impl SharedFilter {
    /// Returns the filter.
    pub(crate) fn get(&self) -> &StoredFilter {
        &self.group.filters[self.at]
    }

    /// Returns the end of each segment, with the indices of its matrix and column; `None` for a segment that may contain
    /// everything.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (u64, Option<(usize, u8)>)> {
        let place = |(matrix, column): (u32, u8)| (self.first_matrix + matrix as usize, column);
        self.get().segments.iter().map(move |segment| (segment.end, segment.column.map(place)))
    }
}

/// Stored segment with its deletions.
#[derive(Clone, Debug)]
pub(crate) struct StoredSegment {
    /// Segment.
    pub segment: Arc<Segment>,
    /// Indices of its sessions that a later segment replaced.
    pub deleted_sessions: Vec<usize>,
    is_deleted: bool,
    /// Index of the previous segment of the same source.
    previous: Option<usize>,
    /// End of its record in the manifest.
    manifest_end: u64,
}

impl StoredSegment {
    /// Marks the sessions deleted that another segment replaces.
    fn mark_deleted(&mut self, other: &Segment) {
        let sessions = self.segment.sessions.iter().enumerate();
        let deleted_sessions = sessions
            .filter(|(at, id)| !self.deleted_sessions.contains(at) && other.sessions.iter().any(|other| other == *id));
        let deleted_sessions: Vec<usize> = deleted_sessions.map(|(at, _)| at).collect();
        self.deleted_sessions.extend(deleted_sessions);
    }
}

/// Records of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceRecords<'a> {
    reader: &'a IndexReader,
    latest: LatestRecords,
}

impl<'a> SourceRecords<'a> {
    /// Returns the last segment, with its cursor.
    pub(crate) fn last_segment(&self) -> Option<&'a Segment> {
        self.latest.text.map(|at| &*self.reader.segments[at].segment)
    }

    /// Returns the n-gram filter.
    pub(crate) fn filter(&self) -> Option<&'a StoredFilter> {
        self.latest.filter.map(|(group, at)| &self.reader.groups[group].group.filters[at])
    }

    /// Returns the n-gram filter with its group.
    pub(crate) fn shared_filter(&self) -> Option<SharedFilter> {
        self.reader.shared_filter(self.latest)
    }

    /// Returns the live segments, the last one first.
    pub(crate) fn segments(self) -> impl Iterator<Item = &'a StoredSegment> {
        let Self { reader, latest } = self;
        let mut at = latest.text;
        let chain = std::iter::from_fn(move || {
            let stored = &reader.segments[at?];
            at = stored.previous;
            Some(stored)
        });
        chain.filter(|stored| !stored.is_deleted)
    }
}

impl IndexReader {
    /// Reads the index in a directory.
    pub(crate) fn load(dir: &Path) -> io::Result<Self> {
        let mut file = files::open(&dir.join("manifest"))?;
        let mut preamble = [0; 16];
        file.read_exact(&mut preamble)?;
        let (magic, generation) = preamble.split_at(8);
        if magic != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "search index of another version"));
        }
        let generation = generation.try_into().map_or(0, u64::from_le_bytes);
        let data = Arc::new(files::open(&data_path(dir, generation))?);
        let inode = file.metadata()?.ino();
        let mut reader = Self::empty(generation, data, inode);
        reader.read_manifest(&mut file)?;
        Ok(reader)
    }

    /// Returns the current index, if it differs from this view.
    pub(crate) fn refresh(&self, dir: &Path) -> Option<Self> {
        let mut file = files::open(&dir.join("manifest")).ok()?;
        let metadata = file.metadata().ok()?;
        if metadata.ino() != self.inode || metadata.len() < self.manifest_len {
            return Self::load(dir).ok();
        }
        if metadata.len() == self.manifest_len {
            return None;
        }
        let mut reader = self.clone();
        reader.read_manifest(&mut file).ok()?;
        (reader.manifest_len > self.manifest_len).then_some(reader)
    }

    /// Decodes the records after the known ones, up to the first incomplete or damaged one.
    fn read_manifest(&mut self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.manifest_len))?;
        let data = self.data.as_ref().map_or(Ok(0), |data| data.metadata().map(|metadata| metadata.len()))?;
        let records =
            usize::try_from(file.metadata()?.len().saturating_sub(self.manifest_len)).unwrap_or(0) / RECORD_BYTES;
        self.sources.reserve(records);
        self.segments.reserve(records);
        let (mut bytes, mut start) = (Vec::new(), 0);
        loop {
            bytes.drain(..start);
            // A record may be longer than one read.
            let known = bytes.len();
            bytes.resize(known + MANIFEST_READ_BYTES.max(known), 0);
            let read = file.read(&mut bytes[known..])?;
            bytes.truncate(known + read);
            start = 0;
            loop {
                match split_frame(&bytes[start..], MAX_RECORD_BYTES) {
                    Frame::Complete(record, behind) => {
                        let record = IndexRecord::decode(record, |path| self.path(path));
                        let record = record.filter(|record| record.end() <= data);
                        let Some(record) = record else { return Ok(()) };
                        let len = bytes.len() - start - behind.len();
                        start += len;
                        self.add(record, self.manifest_len + len as u64);
                    }
                    Frame::Damaged => return Ok(()),
                    Frame::Incomplete => break,
                }
            }
            if read == 0 {
                return Ok(());
            }
        }
    }

    /// Returns the bytes of a path, which all records of its source share.
    fn path(&self, path: &[u8]) -> Arc<[u8]> {
        self.sources.get_key_value(path).map_or_else(|| path.into(), |(known, _)| known.clone())
    }

    /// Adds a record after all others; `manifest_end` is the end of its frame in the manifest.
    pub(super) fn add(&mut self, record: IndexRecord, manifest_end: u64) {
        match record {
            IndexRecord::Segment(segment) => self.add_segment(Arc::new(segment), manifest_end),
            IndexRecord::Filters(group) => self.add_filters(Arc::new(group), manifest_end),
            IndexRecord::Vocabulary(vocabulary) => self.add_vocabulary(vocabulary, manifest_end),
        }
    }

    fn add_vocabulary(&mut self, vocabulary: StoredVocabulary, manifest_end: u64) {
        self.extend_to(vocabulary.stored, manifest_end);
        if vocabulary.is_whole {
            self.vocabularies.clear();
        }
        self.vocabularies.push((vocabulary, manifest_end));
    }

    fn add_filters(&mut self, group: Arc<FilterGroup>, manifest_end: u64) {
        group.stored().for_each(|stored| self.extend_to(stored, manifest_end));
        self.manifest_len = manifest_end;
        for (at, filter) in group.filters.iter().enumerate() {
            self.sources.entry(filter.path.clone()).or_default().filter = Some((self.groups.len(), at));
        }
        let first_matrix = self.matrices.len();
        self.matrices.extend_from_slice(&group.matrices);
        self.groups.push(KnownGroup { group, first_matrix, manifest_end });
    }

    fn add_segment(&mut self, segment: Arc<Segment>, manifest_end: u64) {
        self.extend_to(segment.stored, manifest_end);
        let here = self.segments.len();
        let latest = self.sources.entry(segment.path.clone()).or_default();
        let previous = latest.text.replace(here);
        if segment.replaces == Replaces::Source {
            latest.filter = None;
        }
        let mut at = previous;
        while let Some(stored) = at.map(|at| &mut self.segments[at]) {
            at = stored.previous;
            match segment.replaces {
                Replaces::Nothing => break,
                Replaces::Source => stored.is_deleted = true,
                Replaces::Sessions => stored.mark_deleted(&segment),
            }
        }
        let previous = if segment.replaces == Replaces::Source { None } else { previous };
        self.segments.push(StoredSegment {
            segment,
            deleted_sessions: Vec::new(),
            is_deleted: false,
            previous,
            manifest_end,
        });
    }

    fn extend_to(&mut self, stored: StoredBytes, manifest_end: u64) {
        self.data_len = self.data_len.max(stored.end());
        self.manifest_len = manifest_end;
    }

    /// Returns the records of a source.
    pub(crate) fn records_of(&self, path: &Path) -> SourceRecords<'_> {
        let latest = self.sources.get(path.as_os_str().as_bytes()).copied().unwrap_or_default();
        SourceRecords { reader: self, latest }
    }

    /// Returns the last segment of a source, with its cursor.
    pub(crate) fn last_segment(&self, path: &Path) -> Option<&Segment> {
        self.records_of(path).last_segment()
    }

    /// Returns the last segment of each source.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Segment> {
        self.sources.values().filter_map(|latest| latest.text).map(|at| &*self.segments[at].segment)
    }

    /// Returns the n-gram filter of a source.
    pub(crate) fn filter_of(&self, path: &Path) -> Option<&StoredFilter> {
        self.records_of(path).filter()
    }

    /// Returns the n-gram filters of all sources.
    pub(crate) fn filters(&self) -> impl Iterator<Item = SharedFilter> {
        self.sources.values().filter_map(|latest| self.shared_filter(*latest))
    }

    fn shared_filter(&self, latest: LatestRecords) -> Option<SharedFilter> {
        let (group, at) = latest.filter?;
        let KnownGroup { group, first_matrix, .. } = &self.groups[group];
        Some(SharedFilter { group: group.clone(), at, first_matrix: *first_matrix })
    }

    /// Returns the matrices of n-gram filters.
    pub(crate) fn matrices(&self) -> &[StoredMatrix] {
        &self.matrices
    }

    /// Reads the row of a matrix for a hash of `bits` bits; a bit per column. Where it is damaged, all bits are set.
    pub(crate) fn read_row(&self, matrix: &StoredMatrix, (hash, bits): (u32, u32), page: &mut Vec<u8>) -> u64 {
        let mut read = || {
            let location = matrix.shape.row(hash, bits)?;
            let (start, len) = location.page;
            page.resize(len, 0);
            self.data.as_ref()?.read_exact_at(page, matrix.stored.at.checked_add(start as u64)?).ok()?;
            location.bits(page)
        };
        read().unwrap_or_else(|| {
            self.damaged.store(true, Ordering::Relaxed);
            u64::MAX
        })
    }

    /// Returns the vocabularies. Together they cover the segments up to the end of the last one.
    pub(crate) fn vocabularies(&self) -> impl ExactSizeIterator<Item = &StoredVocabulary> {
        self.vocabularies.iter().map(|(vocabulary, _)| vocabulary)
    }

    /// Returns the live segments that were recorded at or after a length of the manifest.
    pub(crate) fn segments_since(&self, manifest_len: u64) -> impl Iterator<Item = &StoredSegment> {
        self.live_segments().filter(move |stored| stored.manifest_end > manifest_len)
    }

    /// Returns the live segments of a source, the last one first.
    pub(crate) fn segments_of(&self, path: &Path) -> impl Iterator<Item = &Arc<Segment>> {
        self.records_of(path).segments().map(|stored| &stored.segment)
    }

    /// Returns all segments that are not deleted.
    pub(crate) fn live_segments(&self) -> impl Iterator<Item = &StoredSegment> {
        self.segments.iter().filter(|stored| !stored.is_deleted && stored.segment.layout.count > 0)
    }

    /// Returns the bytes of the data file, and the obsolete ones among them.
    pub(crate) fn obsolete_bytes(&self) -> (u64, u64) {
        let stored: usize = self
            .live_segments()
            .map(|stored| {
                if stored.deleted_sessions.len() == stored.segment.sessions.len() {
                    0
                } else {
                    stored.segment.stored.len
                }
            })
            .sum();
        let vocabulary: usize = self.vocabularies().map(|vocabulary| vocabulary.stored.len).sum();
        let used = stored + self.filter_bytes() + vocabulary;
        (self.data_len, self.data_len.saturating_sub(used as u64))
    }

    /// Returns the bytes of the filters in use, with the part of their columns in the matrices.
    fn filter_bytes(&self) -> usize {
        let mut columns = vec![0; self.matrices.len()];
        let mut bytes = 0;
        for (group, at) in self.sources.values().filter_map(|latest| latest.filter) {
            let KnownGroup { group, first_matrix, .. } = &self.groups[group];
            let filter = &group.filters[at];
            bytes += filter.sessions.len + filter.tables.len;
            let matrices = filter.segments.iter().filter_map(|segment| segment.column);
            matrices.for_each(|(matrix, _)| columns[first_matrix + matrix as usize] += 1);
        }
        let used = self.matrices.iter().zip(columns).map(|(matrix, used)| matrix.stored.len * used / matrix.columns());
        bytes + used.sum::<usize>()
    }

    /// Reads the block of a segment into `buffer`. Fails where it is missing or damaged.
    pub(crate) fn read<'a>(&self, segment: &Segment, buffer: &'a mut BlockBuffer) -> io::Result<TextBlock<'a>> {
        if buffer.holds != Some(segment.stored.at) {
            buffer.holds = None;
            self.read_stored(segment.stored, &mut buffer.packed)?;
            buffer.unpack(segment.layout)?;
            buffer.holds = Some(segment.stored.at);
        }
        buffer.view(segment.layout)
    }

    /// Reads the block of a segment into `bytes`, which are as long as the block.
    pub(crate) fn read_into(&self, segment: &Segment, buffer: &mut BlockBuffer, bytes: &mut [u8]) -> io::Result<()> {
        self.read_stored(segment.stored, &mut buffer.packed)?;
        let found = lz4_flex::block::decompress_into(&buffer.packed, bytes).unwrap_or_default();
        if found == bytes.len() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Returns true if the checksum of stored bytes matches; else records the damage.
    pub(crate) fn is_intact(&self, stored: StoredBytes, bytes: &[u8]) -> bool {
        let intact = stored.is_intact(bytes);
        if !intact {
            self.damaged.store(true, Ordering::Relaxed);
        }
        intact
    }

    /// Returns true after a checksum mismatch.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Reads stored bytes and verifies their checksum.
    pub(crate) fn read_stored(&self, stored: StoredBytes, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(stored.len, 0);
        let data = self.data.as_ref().ok_or(io::ErrorKind::NotFound)?;
        data.read_exact_at(bytes, stored.at)?;
        if self.is_intact(stored, bytes) { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Returns the version of the view: generation and length of the manifest.
    pub(crate) fn version(&self) -> (u64, u64) {
        (self.generation, self.manifest_len)
    }

    /// Returns the view up to the first record whose bytes have a wrong checksum.
    pub(super) fn verified_prefix(&self, dir: &Path) -> Self {
        let Some(data) = self.data.clone() else { return Self::default() };
        let mut verified = Self::empty(self.generation, data, self.inode);
        let mut buffer = Vec::new();
        // All records in their order in the manifest.
        let segments = self.segments.iter().map(|stored| (stored.manifest_end, KnownRecord::Segment(&stored.segment)));
        let filters = self.groups.iter().map(|known| (known.manifest_end, KnownRecord::Filters(&known.group)));
        let vocabularies = self.vocabularies.iter().map(|(words, end)| (*end, KnownRecord::Vocabulary(words)));
        let mut records: Vec<(u64, KnownRecord<'_>)> = segments.chain(filters).chain(vocabularies).collect();
        records.sort_by_key(|(end, _)| *end);
        for (end, record) in records {
            if record.stored().into_iter().any(|stored| self.read_stored(stored, &mut buffer).is_err()) {
                tracing::warn!(dir = %dir.display(), "the search index is damaged; the rest is indexed again");
                break;
            }
            match record {
                KnownRecord::Segment(segment) => verified.add_segment(segment.clone(), end),
                KnownRecord::Filters(group) => verified.add_filters(group.clone(), end),
                KnownRecord::Vocabulary(vocabulary) => verified.add_vocabulary(*vocabulary, end),
            }
        }
        verified
    }

    /// Returns the empty view of new files.
    pub(super) fn empty(generation: u64, data: Arc<File>, inode: u64) -> Self {
        Self { generation, data: Some(data), inode, manifest_len: MANIFEST_HEADER_BYTES, ..Self::default() }
    }
}

/// Record of a view.
enum KnownRecord<'a> {
    Segment(&'a Arc<Segment>),
    Filters(&'a Arc<FilterGroup>),
    Vocabulary(&'a StoredVocabulary),
}

impl KnownRecord<'_> {
    /// Returns the locations of its bytes.
    fn stored(&self) -> Vec<StoredBytes> {
        match self {
            Self::Segment(segment) => vec![segment.stored],
            Self::Filters(group) => group.stored().collect(),
            Self::Vocabulary(vocabulary) => vec![vocabulary.stored],
        }
    }
}

pub(super) fn data_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("data-{generation}"))
}
