//! Index reader: an immutable view of the index while others write.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use foldhash::fast::RandomState;

use super::block::{BlockBuffer, TextBlock};
use super::segment::{Replaces, Segment, checksum};

/// First bytes of the manifest, with the version of both file formats.
pub(super) const MAGIC: [u8; 8] = *b"salonix4";

/// Bytes before the first record: magic and generation.
pub(super) const MANIFEST_HEADER_BYTES: u64 = 16;

/// Maximum gap between two ranges that are read together.
const MAX_GAP_BYTES: u64 = 16 << 10;

/// Bytes of the manifest per read.
const MANIFEST_READ_BYTES: usize = 64 << 10;

/// Maximum size of a record, because a segment may contain tens of thousands of sessions.
const MAX_RECORD_BYTES: u64 = 64 << 20;

/// Maximum bytes per read of several ranges.
const MAX_READ_BYTES: u64 = 256 << 10;

/// Bytes before each record: length and checksum.
const FRAME_HEADER_BYTES: usize = 16;

/// Immutable view of the index.
#[derive(Clone, Debug, Default)]
pub struct IndexReader {
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
    /// Latest segments by the bytes of the source's path.
    sources: HashMap<Bytes, LatestSegments, RandomState>,
    /// True after a checksum mismatch.
    damaged: Arc<AtomicBool>,
}

/// Indices of a source's latest segments.
#[derive(Clone, Copy, Debug, Default)]
struct LatestSegments {
    /// Last segment with texts.
    text: Option<usize>,
    /// Segment with the n-gram filter.
    filter: Option<usize>,
}

/// Stored segment with its deletions.
#[derive(Clone, Debug)]
pub struct StoredSegment {
    /// Segment.
    pub segment: Arc<Segment>,
    /// Indices of its sessions that a later segment replaced.
    pub deleted_sessions: Vec<usize>,
    is_deleted: bool,
    /// Index of the previous segment of the same source.
    previous: Option<usize>,
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

impl IndexReader {
    /// Reads the index in a directory.
    pub fn load(dir: &Path) -> io::Result<Self> {
        let mut file = File::open(dir.join("manifest"))?;
        let mut preamble = [0; 16];
        file.read_exact(&mut preamble)?;
        let (magic, generation) = preamble.split_at(8);
        if magic != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "search index of another version"));
        }
        let generation = generation.try_into().map_or(0, u64::from_le_bytes);
        let data = Arc::new(File::open(data_path(dir, generation))?);
        let inode = file.metadata()?.ino();
        let mut reader = Self::empty(generation, data, inode);
        reader.read_manifest(&mut file)?;
        Ok(reader)
    }

    /// Returns the current index, if it differs from this view.
    pub fn refresh(&self, dir: &Path) -> Option<Self> {
        let mut file = File::open(dir.join("manifest")).ok()?;
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

    /// Decodes the records after the known ones, up to the first incomplete one.
    fn read_manifest(&mut self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.manifest_len))?;
        let data = self.data.as_ref().map_or(Ok(0), |data| data.metadata().map(|metadata| metadata.len()))?;
        let mut rest = Bytes::new();
        loop {
            // Segments keep slices of this buffer. A record may be longer than one read.
            let mut bytes = BytesMut::zeroed(rest.len() + MANIFEST_READ_BYTES.max(rest.len()));
            bytes[..rest.len()].copy_from_slice(&rest);
            let read = file.read(&mut bytes[rest.len()..])?;
            bytes.truncate(rest.len() + read);
            rest = bytes.freeze();
            while let Some((record, behind)) = split_frame(&rest) {
                let segment = Segment::decode(record).filter(|segment| segment.at + segment.packed as u64 <= data);
                let Some(segment) = segment else { return Ok(()) };
                self.manifest_len += (rest.len() - behind.len()) as u64;
                self.add(Arc::new(segment));
                rest = behind;
            }
            if read == 0 || is_damaged(&rest) {
                return Ok(());
            }
        }
    }

    /// Adds a segment after all others.
    pub(super) fn add(&mut self, segment: Arc<Segment>) {
        self.data_len = self.data_len.max(segment.at + segment.packed as u64);
        let here = self.segments.len();
        let latest = self.sources.entry(segment.path.clone()).or_default();
        if segment.replaces == Replaces::Filter {
            latest.filter = Some(here);
            self.segments.push(StoredSegment {
                segment,
                deleted_sessions: Vec::new(),
                is_deleted: true,
                previous: None,
            });
            return;
        }
        let previous = latest.text.replace(here);
        if segment.replaces == Replaces::Source {
            latest.filter = None;
        }
        let mut at = previous;
        while let Some(stored) = at.map(|at| &mut self.segments[at]) {
            at = stored.previous;
            match segment.replaces {
                Replaces::Nothing | Replaces::Filter => break,
                Replaces::Source => stored.is_deleted = true,
                Replaces::Sessions => stored.mark_deleted(&segment),
            }
        }
        let previous = if segment.replaces == Replaces::Source { None } else { previous };
        self.segments.push(StoredSegment { segment, deleted_sessions: Vec::new(), is_deleted: false, previous });
    }

    fn latest(&self, path: &Path) -> LatestSegments {
        self.sources.get(path.as_os_str().as_bytes()).copied().unwrap_or_default()
    }

    /// Returns the last segment of a source, with its cursor.
    pub fn last_segment(&self, path: &Path) -> Option<&Segment> {
        self.latest(path).text.map(|at| &*self.segments[at].segment)
    }

    /// Returns the last segment of each source.
    pub fn sources(&self) -> impl Iterator<Item = &Segment> {
        self.sources.values().filter_map(|latest| latest.text).map(|at| &*self.segments[at].segment)
    }

    /// Returns the segment with the n-gram filter of a source.
    pub fn filter_of(&self, path: &Path) -> Option<&Arc<Segment>> {
        self.latest(path).filter.map(|at| &self.segments[at].segment)
    }

    /// Returns the live segments of a source, the last one first.
    pub fn segments_of(&self, path: &Path) -> impl Iterator<Item = &Arc<Segment>> {
        let mut at = self.latest(path).text;
        let chain = std::iter::from_fn(move || {
            let stored = &self.segments[at?];
            at = stored.previous;
            Some(stored)
        });
        chain.filter(|stored| !stored.is_deleted).map(|stored| &stored.segment)
    }

    /// Returns all segments that are not deleted.
    pub fn live_segments(&self) -> impl Iterator<Item = &StoredSegment> {
        self.segments.iter().filter(|stored| !stored.is_deleted && stored.segment.layout.count > 0)
    }

    /// Returns the bytes of the data file, and the obsolete ones among them.
    pub fn obsolete_bytes(&self) -> (u64, u64) {
        let stored: usize =
            self.live_segments()
                .map(|stored| {
                    if stored.deleted_sessions.len() == stored.segment.sessions.len() {
                        0
                    } else {
                        stored.segment.packed
                    }
                })
                .sum();
        let filters = self.sources.values().filter_map(|latest| latest.filter);
        let filter: usize = filters.map(|at| self.segments[at].segment.packed).sum();
        (self.data_len, self.data_len.saturating_sub((stored + filter) as u64))
    }

    /// Reads the block of a segment into `buffer`. Fails where it is missing or damaged.
    pub fn read<'a>(&self, segment: &Segment, buffer: &'a mut BlockBuffer) -> io::Result<TextBlock<'a>> {
        if let Some(pinned) = segment.pinned() {
            return buffer.view_pinned(pinned, segment.layout);
        }
        self.read_packed(segment, &mut buffer.packed)?;
        buffer.unpack(segment.layout)
    }

    /// Reads the block of a segment and pins it in memory until [`unpin`](Self::unpin).
    pub fn pin<'a>(&self, segment: &Segment, buffer: &'a mut BlockBuffer) -> io::Result<TextBlock<'a>> {
        if segment.pinned().is_none() {
            let mut bytes = vec![0; segment.layout.bytes()];
            self.read_packed(segment, &mut buffer.packed)?;
            let found = lz4_flex::block::decompress_into(&buffer.packed, &mut bytes).unwrap_or_default();
            if found != bytes.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            segment.pin(Some(bytes.into()));
        }
        self.read(segment, buffer)
    }

    /// Drops all pinned blocks.
    pub fn unpin(&self) {
        self.segments.iter().for_each(|stored| stored.segment.pin(None));
    }

    /// Returns true if the checksum of a segment's bytes matches; else records the damage.
    pub fn is_intact(&self, segment: &Segment, bytes: &[u8]) -> bool {
        let intact = checksum(bytes) == segment.sum;
        if !intact {
            self.damaged.store(true, Ordering::Relaxed);
        }
        intact
    }

    /// Returns true after a checksum mismatch.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Reads the compressed bytes of a segment and verifies their checksum.
    fn read_packed(&self, segment: &Segment, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(segment.packed, 0);
        let data = self.data.as_ref().ok_or(io::ErrorKind::NotFound)?;
        data.read_exact_at(bytes, segment.at)?;
        if self.is_intact(segment, bytes) { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Reads ascending ranges, close ones together. Calls `sink` with the number and bytes of each range; with no bytes
    /// where the read failed.
    pub fn read_ranges(&self, ranges: &[Range<u64>], mut sink: impl FnMut(usize, &[u8]) -> ControlFlow<()>) {
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
                if sink(number, read).is_break() {
                    return;
                }
                number += 1;
            }
        }
    }

    /// Returns the version of the view: generation and length of the manifest.
    pub fn version(&self) -> (u64, u64) {
        (self.generation, self.manifest_len)
    }

    /// Returns the view up to the first segment with a wrong checksum.
    pub(super) fn verified_prefix(&self, dir: &Path) -> Self {
        let Some(data) = self.data.clone() else { return Self::default() };
        let mut verified = Self::empty(self.generation, data, self.inode);
        let mut buffer = Vec::new();
        for stored in &self.segments {
            let segment = &stored.segment;
            if self.read_packed(segment, &mut buffer).is_err() {
                tracing::warn!(dir = %dir.display(), "the search index is damaged; the rest is indexed again");
                return verified;
            }
            verified.manifest_len += (segment.encode().len() + FRAME_HEADER_BYTES) as u64;
            verified.add(segment.clone());
        }
        verified
    }

    /// Returns the empty view of new files.
    pub(super) fn empty(generation: u64, data: Arc<File>, inode: u64) -> Self {
        Self { generation, data: Some(data), inode, manifest_len: MANIFEST_HEADER_BYTES, ..Self::default() }
    }
}

pub(super) fn data_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("data-{generation}"))
}

/// Frames a record with its length and checksum.
pub(super) fn frame(record: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&(record.len() as u64).to_le_bytes());
    to.extend_from_slice(&checksum(record).to_le_bytes());
    to.extend_from_slice(record);
}

/// Returns true if the first bytes cannot be a record, however many bytes follow.
fn is_damaged(bytes: &[u8]) -> bool {
    let Some((len, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let len = u64::from_le_bytes(*len);
    len > MAX_RECORD_BYTES || rest.len() as u64 >= len.saturating_add(8)
}

/// Splits off the first record; `None` where it is incomplete or damaged.
fn split_frame(bytes: &Bytes) -> Option<(Bytes, Bytes)> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let (record, behind) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    (checksum(record) == u64::from_le_bytes(*sum)).then(|| (bytes.slice_ref(record), bytes.slice_ref(behind)))
}
