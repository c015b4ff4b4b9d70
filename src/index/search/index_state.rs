//! Joins the index with the current corpus: live segments and progress per source. Computed once for each pair, so that
//! a query needs no lookup by path.

use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};

use super::build_filters;
use super::corpus::Corpus;
use super::filter_stamps::FilterStamps;
use super::pinned::PinnedData;
use super::store::{
    BlockBuffer, IndexReader, Segment, SharedFilter, SourceRecords, StoredBytes, StoredFilter, TextBlock,
};
use crate::agent::texts::RecordLayout;
use crate::agent::{FileStamp, Source, format};
use crate::stdx::threads::processors;

/// Index joined with a corpus.
#[derive(Debug)]
pub(super) struct IndexState {
    version: (u64, u64),
    corpus: u64,
    /// Live segments, those of the newest sources first.
    pub segments: Vec<LiveSegment>,
    /// State of each source in the corpus.
    sources: Vec<SourceState>,
    pinned: OnceLock<PinnedData>,
    /// True if the index contains removed sources.
    has_removed_sources: bool,
}

/// Segment, joined with the corpus.
#[derive(Debug)]
pub(super) struct LiveSegment {
    /// Segment.
    pub segment: Arc<Segment>,
    /// Number of its source.
    pub source: usize,
    /// Numbers of its sessions; `None` for sessions that moved to another source or were replaced.
    pub sessions: Vec<Option<usize>>,
}

/// Index state of a source.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    /// Indexed length of a source of lines; 0 where nothing is indexed or the file was rewritten.
    pub indexed_bytes: u64,
    /// True if the current state of the source is indexed.
    pub is_indexed: bool,
    /// True if the filter covers the current state, or nearly all of it.
    has_filter: bool,
    has_many_small_files: bool,
    /// N-gram filter, and the covered length; `u64::MAX`: the whole source.
    filter: Option<(SharedFilter, u64)>,
    /// Location of the entry tables.
    tables: Option<StoredBytes>,
}

/// Minimum number of sources that a thread joins, because starting one takes time.
const MIN_SOURCES_PER_THREAD: usize = 1024;

/// Join of some sources of a corpus.
struct JoinedSources {
    sources: Vec<SourceState>,
    segments: Vec<LiveSegment>,
    /// Number of their segments in the index, live or not.
    known: usize,
}

impl JoinedSources {
    fn new(reader: &IndexReader, corpus: &Corpus, part: Range<usize>) -> Self {
        let (mut sources, mut segments, mut known) = (Vec::with_capacity(part.len()), Vec::new(), 0);
        let mut stamps = FilterStamps::default();
        for (number, source) in part.clone().zip(&corpus.sources()[part]) {
            // The only look-up by path of each source.
            let records = reader.records_of(&source.path);
            let filter_stamp = records.filter().map(|_| stamps.of(corpus, number, source));
            let state = SourceState::of(&records, source, filter_stamp.unwrap_or_default());
            let first = segments.len();
            for stored in records.segments().filter(|stored| stored.segment.layout.count > 0) {
                known += 1;
                if !state.has_valid_text() {
                    continue;
                }
                let session = |(at, id): (usize, &str)| {
                    corpus.session_number(number, id).filter(|_| !stored.deleted_sessions.contains(&at))
                };
                let sessions = stored.segment.sessions.iter().map(|id| &**id).enumerate().map(session).collect();
                segments.push(LiveSegment { segment: stored.segment.clone(), source: number, sessions });
            }
            segments[first..].reverse();
            sources.push(state);
        }
        Self { sources, segments, known }
    }
}

impl IndexState {
    /// Joins a reader with a corpus.
    pub(super) fn new(reader: &IndexReader, corpus: &Corpus) -> Self {
        let all = corpus.sources().len();
        let part = all.div_ceil(processors()).max(MIN_SOURCES_PER_THREAD);
        let parts = (0..all).step_by(part).map(|first| first..all.min(first + part));
        let joined: Vec<JoinedSources> = std::thread::scope(|scope| {
            let join = |part| move || JoinedSources::new(reader, corpus, part);
            let others: Vec<_> = parts.clone().skip(1).map(|part| scope.spawn(join(part))).collect();
            let first = parts.take(1).map(|part| join(part)());
            let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            first.collect::<Vec<_>>().into_iter().chain(others).collect()
        });
        let (mut sources, mut segments, mut known) = (Vec::with_capacity(all), Vec::new(), 0);
        for part in joined {
            sources.extend(part.sources);
            segments.extend(part.segments);
            known += part.known;
        }
        let has_removed_sources = reader.live_segments().count() > known;
        Self {
            version: reader.version(),
            corpus: corpus.id(),
            segments,
            sources,
            pinned: OnceLock::new(),
            has_removed_sources,
        }
    }

    /// Returns true if this is the join of these versions.
    pub(super) fn is_for(&self, reader: &IndexReader, corpus: &Corpus) -> bool {
        self.version == reader.version() && self.corpus == corpus.id()
    }

    /// Returns the data that stays in memory between searches; loads it at the first call.
    pub(super) fn pinned(&self, reader: &IndexReader) -> &PinnedData {
        self.pinned.get_or_init(|| {
            let segments = self.segments.iter().map(|live| &*live.segment);
            PinnedData::load(reader, segments)
        })
    }

    /// Reads the block of a live segment by its number, from memory with `pin`. Fails where it is missing or damaged.
    pub(super) fn read_block<'a>(
        &'a self,
        reader: &IndexReader,
        number: usize,
        pin: bool,
        buffer: &'a mut BlockBuffer,
    ) -> io::Result<TextBlock<'a>> {
        let segment = &self.segments.get(number).ok_or(io::ErrorKind::NotFound)?.segment;
        let pinned = if pin { self.pinned(reader).block(number, segment.layout) } else { None };
        pinned.unwrap_or_else(|| reader.read(segment, buffer))
    }

    /// Returns true if the index contains all sources, and no others.
    pub(super) fn is_current(&self) -> bool {
        !self.has_removed_sources && self.sources.iter().all(|source| source.is_indexed)
    }

    /// Returns the number of sources without a current filter, and of those among them that are many small files.
    pub(super) fn missing_filters(&self) -> (usize, usize) {
        let missing = || self.sources.iter().filter(|source| !source.has_filter);
        (missing().count(), missing().filter(|source| source.has_many_small_files).count())
    }

    /// Returns the state of a source by its number.
    pub(super) fn source(&self, number: usize) -> &SourceState {
        &self.sources[number]
    }

    /// Returns the valid n-gram filters: the number of the source, the filter, and the covered length.
    pub(super) fn filters(&self) -> impl Iterator<Item = (usize, &SharedFilter, u64)> {
        let sources = self.sources.iter().enumerate();
        sources.filter_map(|(source, state)| state.filter.as_ref().map(|(filter, covered)| (source, filter, *covered)))
    }
}

impl SourceState {
    /// Creates the state of a source; `stamp` is what a filter must cover.
    fn of(records: &SourceRecords<'_>, source: &Source, stamp: FileStamp) -> Self {
        let Some(last) = records.last_segment() else { return Self::default() };
        let cursor = last.cursor;
        let is_indexed = cursor.stamp == source.stamp;
        let has_grown = cursor.stamp.inode == source.stamp.inode && source.stamp.size >= cursor.offset;
        let indexed_bytes = if is_indexed || has_grown { cursor.offset } else { 0 };
        let stored_filter = records.filter();
        let has_filter = is_indexed && build_filters::covers(stored_filter, source, stamp);
        Self {
            indexed_bytes,
            is_indexed,
            has_filter,
            has_many_small_files: build_filters::has_many_small_files(source),
            filter: stored_filter
                .and_then(|filter| covered(filter, source, stamp))
                .zip(records.shared_filter())
                .map(|(covered, filter)| (filter, covered)),
            tables: stored_filter.map(|filter| filter.tables),
        }
    }

    /// Returns the location of the entry tables, which have versions of their own.
    pub(super) fn tables(&self) -> Option<StoredBytes> {
        self.tables.filter(|tables| tables.len > 0)
    }

    /// Returns true if the segments of the source are valid.
    fn has_valid_text(&self) -> bool {
        self.indexed_bytes > 0 || self.is_indexed
    }
}

/// Returns the covered length of a filter; `None` if it is invalid for the stamp.
fn covered(filter: &StoredFilter, source: &Source, stamp: FileStamp) -> Option<u64> {
    let cursor = filter.cursor;
    let lines = format(source.agent).texts().is_some_and(|texts| texts.layout(source) == RecordLayout::Lines);
    if lines {
        let has_grown = cursor.stamp.inode == source.stamp.inode && source.stamp.size >= cursor.offset;
        has_grown.then_some(cursor.offset)
    } else {
        (cursor.stamp == stamp).then_some(u64::MAX)
    }
}
