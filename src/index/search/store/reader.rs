//! Index reader: an immutable view of the index while others write.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::RandomState;

use super::block::{BlockBuffer, TextBlock};
use super::record::{IndexRecord, StoredFilter, StoredVocabulary};
use super::segment::{Replaces, Segment};
use super::stored_bytes::StoredBytes;
use crate::index::encoding::{Frame, split_frame};
use crate::stdx::files;

/// First bytes of the manifest, with the version of both file formats.
pub(super) const MAGIC: [u8; 8] = *b"salonix8";

/// Bytes before the first record: magic and generation.
pub(super) const MANIFEST_HEADER_BYTES: u64 = 16;

/// Maximum gap between two ranges that are read together.
const MAX_GAP_BYTES: u64 = 16 << 10;

/// Bytes of the manifest per read.
const MANIFEST_READ_BYTES: usize = 64 << 10;

/// Maximum size of a record, because a segment may contain tens of thousands of sessions.
const MAX_RECORD_BYTES: u32 = 64 << 20;

/// Maximum bytes per read of several ranges.
const MAX_READ_BYTES: u64 = 256 << 10;

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
    /// N-gram filters, each with the end of its record in the manifest.
    filters: Vec<(Arc<StoredFilter>, u64)>,
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
    /// N-gram filter.
    filter: Option<usize>,
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
    pub(crate) fn filter(&self) -> Option<&'a Arc<StoredFilter>> {
        self.latest.filter.map(|at| &self.reader.filters[at].0)
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
            IndexRecord::Filter(filter) => self.add_filter(Arc::new(filter), manifest_end),
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

    fn add_filter(&mut self, filter: Arc<StoredFilter>, manifest_end: u64) {
        self.extend_to(filter.stored, manifest_end);
        self.extend_to(filter.tables, manifest_end);
        self.sources.entry(filter.path.clone()).or_default().filter = Some(self.filters.len());
        self.filters.push((filter, manifest_end));
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
    pub(crate) fn filter_of(&self, path: &Path) -> Option<&Arc<StoredFilter>> {
        self.records_of(path).filter()
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
        let filters = self.sources.values().filter_map(|latest| latest.filter);
        let filter: usize = filters.map(|at| self.filters[at].0.stored.len + self.filters[at].0.tables.len).sum();
        let vocabulary: usize = self.vocabularies().map(|vocabulary| vocabulary.stored.len).sum();
        (self.data_len, self.data_len.saturating_sub((stored + filter + vocabulary) as u64))
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

    /// Reads ascending ranges, close ones together. Calls `sink` with the number and bytes of each range; with no bytes
    /// where the read failed.
    pub(crate) fn read_ranges(&self, ranges: &[Range<u64>], mut sink: impl FnMut(usize, &[u8])) {
        let (mut bytes, mut number) = (Vec::new(), 0);
        while let Some(first) = ranges.get(number) {
            let near = |pair: &[Range<u64>]| {
                pair[1].start >= pair[0].end
                    && pair[1].start - pair[0].end <= MAX_GAP_BYTES
                    && pair[1].end - first.start <= MAX_READ_BYTES
            };
            let count = 1 + ranges[number..].windows(2).take_while(|pair| near(pair)).count();
            let together = &ranges[number..number + count];
            let end = together.last().map_or(first.end, |last| last.end);
            bytes.resize(usize::try_from(end - first.start).unwrap_or(0), 0);
            let data = self.data.as_ref().ok_or(io::ErrorKind::NotFound);
            let verified = data.is_ok_and(|data| data.read_exact_at(&mut bytes, first.start).is_ok());
            let at = |offset: u64| usize::try_from(offset - first.start).unwrap_or(0);
            for range in together {
                let read = if verified { &bytes[at(range.start)..at(range.end)] } else { &[] };
                sink(number, read);
                number += 1;
            }
        }
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
        let filters = self.filters.iter().map(|(filter, end)| (*end, KnownRecord::Filter(filter)));
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
                KnownRecord::Filter(filter) => verified.add_filter(filter.clone(), end),
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
    Filter(&'a Arc<StoredFilter>),
    Vocabulary(&'a StoredVocabulary),
}

impl KnownRecord<'_> {
    /// Returns the locations of its bytes.
    fn stored(&self) -> [StoredBytes; 2] {
        match self {
            Self::Segment(segment) => [segment.stored, StoredBytes::default()],
            Self::Filter(filter) => [filter.stored, filter.tables],
            Self::Vocabulary(vocabulary) => [vocabulary.stored, StoredBytes::default()],
        }
    }
}

pub(super) fn data_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("data-{generation}"))
}
