//! Joins the index with the current corpus: live segments and progress per source. Computed once for each pair, so that
//! a query needs no lookup by path.

use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use super::build_filters;
use super::corpus::Corpus;
use super::pinned::PinnedData;
use super::store::{BlockBuffer, IndexReader, Segment, StoredBytes, StoredFilter, StoredSegment, TextBlock};
use crate::agent::texts::RecordLayout;
use crate::agent::{Source, format};

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
    /// N-gram filter, and the covered length.
    filter: Option<(Arc<StoredFilter>, u64)>,
    /// Location of the entry tables.
    tables: Option<StoredBytes>,
}

impl IndexState {
    /// Joins a reader with a corpus.
    pub(super) fn new(reader: &IndexReader, corpus: &Corpus) -> Self {
        let sources: Vec<SourceState> = corpus.sources().iter().map(|source| SourceState::of(reader, source)).collect();
        let mut has_removed_sources = false;
        let join = |stored: &StoredSegment| {
            let source = corpus.source_number(stored.segment.path());
            has_removed_sources |= source.is_none();
            let source = source?;
            sources[source].has_valid_text().then(|| LiveSegment {
                segment: stored.segment.clone(),
                source,
                sessions: stored
                    .segment
                    .sessions
                    .iter()
                    .enumerate()
                    .map(|(at, id)| {
                        corpus.session_number(source, id).filter(|_| !stored.deleted_sessions.contains(&at))
                    })
                    .collect(),
            })
        };
        let mut segments: Vec<LiveSegment> = reader.live_segments().filter_map(join).collect();
        segments.sort_by_key(|live| live.source);
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
            let filters = self.sources.iter().filter_map(|source| source.filter.as_ref());
            let filter_bytes = filters.map(|(filter, _)| filter.stored.len).sum();
            let load_filters = |sink: &mut dyn FnMut(usize, &[u8])| {
                self.each_filter(reader, false, |number, bytes, _| {
                    sink(number, bytes);
                    ControlFlow::Continue(())
                });
            };
            let segments = self.segments.iter().map(|live| &*live.segment);
            PinnedData::load(reader, filter_bytes, load_filters, segments)
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

    /// Calls `sink` with each filter: source number, bytes, covered length (`u64::MAX`: the whole source). `pin` reads
    /// those in memory.
    pub(super) fn each_filter(
        &self,
        reader: &IndexReader,
        pin: bool,
        mut sink: impl FnMut(usize, &[u8], u64) -> ControlFlow<()>,
    ) {
        let covered = |number: usize| self.sources[number].filter.as_ref().map_or(0, |(_, covered)| *covered);
        if let Some(filters) = pin.then(|| self.pinned(reader).filters()).flatten() {
            for (number, bytes) in filters {
                if sink(number, bytes, covered(number)).is_break() {
                    break;
                }
            }
            return;
        }
        let stored_filter =
            |(number, source): (usize, &'_ SourceState)| Some((number, source.filter.as_ref()?.0.clone()));
        let mut wanted: Vec<(usize, Arc<StoredFilter>)> =
            self.sources.iter().enumerate().filter_map(stored_filter).collect();
        wanted.sort_unstable_by_key(|(_, filter)| filter.stored.at);
        let ranges: Vec<Range<u64>> = wanted.iter().map(|(_, filter)| filter.stored.range()).collect();
        reader.read_ranges(&ranges, |at, bytes| {
            let (number, filter) = &wanted[at];
            // A damaged filter prunes nothing.
            if reader.is_intact(filter.stored, bytes) {
                sink(*number, bytes, covered(*number))
            } else {
                ControlFlow::Continue(())
            }
        });
    }
}

impl SourceState {
    fn of(reader: &IndexReader, source: &Source) -> Self {
        let Some(last) = reader.last_segment(&source.path) else { return Self::default() };
        let cursor = last.cursor;
        let is_indexed = cursor.stamp == source.stamp;
        let has_grown = cursor.stamp.inode == source.stamp.inode && source.stamp.size >= cursor.offset;
        let indexed_bytes = if is_indexed || has_grown { cursor.offset } else { 0 };
        let stored_filter = reader.filter_of(&source.path);
        let has_filter = is_indexed && build_filters::covers(stored_filter, source);
        Self {
            indexed_bytes,
            is_indexed,
            has_filter,
            has_many_small_files: build_filters::has_many_small_files(source),
            filter: stored_filter.and_then(|filter| valid_filter(filter, source)),
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

/// Returns a valid filter with its covered length.
fn valid_filter(filter: &Arc<StoredFilter>, source: &Source) -> Option<(Arc<StoredFilter>, u64)> {
    let cursor = filter.cursor;
    let lines = format(source.agent).texts().is_some_and(|texts| texts.layout(source) == RecordLayout::Lines);
    let covered = if lines {
        let has_grown = cursor.stamp.inode == source.stamp.inode && source.stamp.size >= cursor.offset;
        has_grown.then_some(cursor.offset)
    } else {
        (cursor.stamp == source.stamp).then_some(u64::MAX)
    };
    covered.map(|covered| (filter.clone(), covered))
}
