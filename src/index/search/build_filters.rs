//! Builds the n-gram filters and entry tables of indexed sources, in the background, to make later searches fast.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::Cancel;
use super::corpus::Corpus;
use super::filter_group::{BuiltFilter, encode};
use super::filter_stamps::FilterStamps;
use super::ngram::{FilterDensity, NgramFilterBuilder};
use super::store::{BlockBuffer, IndexReader, IndexStore, Segment, StoredFilter, path_of};
use super::{entry_numbers, entry_texts, merge_filters};
use crate::agent::texts::{RecordLayout, Texts};
use crate::agent::{FileStamp, Source, SummaryCursor, format};
use crate::domain::Session;
use crate::stdx::threads::processors;
use crate::stdx::{files, utf16};

/// Bytes per read of a file.
const READ_BYTES: usize = 256 << 10;

/// Maximum filters that wait for their write.
const MAX_PENDING_FILTERS: usize = 64;

/// Number of segments per write, whose filters take up some MB.
const SEGMENTS_PER_WRITE: usize = 512;

/// Maximum appended bytes without a new filter; a quarter of a large file is allowed, too.
const MAX_UNFILTERED_TAIL: u64 = 256 << 10;

/// Minimum time in ns since the last change of a session of many small files. A running one changes its files without
/// changing its stamp.
const MIN_QUIET_NS: i64 = 3600 * NS_PER_SECOND;

const NS_PER_SECOND: i64 = 1_000_000_000;

/// Filters of sources of many small files, built from the records that are read to index their texts.
#[derive(Debug, Default)]
pub(super) struct SmallFileFilters {
    /// Time in ns of the newest change of a session that counts as unchanged.
    newest_quiet: Option<i64>,
}

impl SmallFileFilters {
    /// Prepares filters of those sources that have not changed for a while.
    pub(super) fn new(store: &IndexStore) -> Self {
        Self { newest_quiet: newest_quiet(store).ok() }
    }

    /// Prepares filters, if there is a source of many small files.
    pub(super) fn for_any(store: &IndexStore, sources: &[&Source]) -> Self {
        if sources.iter().any(|source| has_many_small_files(source)) { Self::new(store) } else { Self::default() }
    }

    /// Begins the filter of a source, if its session is known not to have changed for a while.
    pub(super) fn begin(&self, source: &Source, corpus: &Corpus) -> Option<SmallFileFilter> {
        self.begin_unknown(source)
            .filter(|_| self.is_quiet(source, corpus.sessions_at(&source.path).map(|session| &**session)))
    }

    /// Begins the filter of a source whose session is still to be read, and [checked](Self::is_quiet).
    pub(super) fn begin_unknown(&self, source: &Source) -> Option<SmallFileFilter> {
        self.newest_quiet.filter(|_| has_many_small_files(source))?;
        let mut builder = NgramFilterBuilder::default();
        begin(&mut builder, source);
        Some(SmallFileFilter(builder))
    }

    /// Returns true if the sessions of a source have not changed for a while.
    pub(super) fn is_quiet<'a>(&self, source: &Source, sessions: impl Iterator<Item = &'a Session>) -> bool {
        self.newest_quiet.is_some_and(|newest| last_change(source, sessions) <= newest)
    }
}

/// Filter of a source of many small files, of which all records are read.
pub(super) struct SmallFileFilter(NgramFilterBuilder);

impl SmallFileFilter {
    /// Adds a record of a session.
    pub(super) fn add_record(&mut self, session: &str, record: &[u8]) {
        self.0.add_session(session);
        self.0.add_records(record, 0);
    }

    /// Adds indexed texts of a session. Some are worded by the reader and are in no file.
    pub(super) fn add_text(&mut self, session: &str, text: &str) {
        self.0.add_session(session);
        self.0.add_text(text.as_bytes());
    }

    /// Finishes the filter of a source, with the entry table of its only session.
    pub(super) fn finish(mut self, source: &Source, session: &Session, table: &[u8]) -> BuiltFilter {
        let stamp = FilterStamps::default().with_session(source, Some(&session.key.id));
        BuiltFilter {
            path: path_of(source),
            cursor: SummaryCursor { stamp, offset: 0 },
            segments: self.0.finish(0),
            tables: entry_numbers::table_of_only(source, session, table),
        }
    }
}

/// Builds all missing filters. `None` while another process writes.
pub(super) fn build(store: &IndexStore, corpus: &Corpus, cancel: &Cancel) -> io::Result<Option<()>> {
    build_for(store, corpus, cancel, |_| true)
}

/// Builds the missing filters of sessions of many small files only, which are few and save the most.
pub(super) fn build_for_small_files(store: &IndexStore, corpus: &Corpus, cancel: &Cancel) -> io::Result<Option<()>> {
    build_for(store, corpus, cancel, has_many_small_files)
}

fn build_for(
    store: &IndexStore,
    corpus: &Corpus,
    cancel: &Cancel,
    is_wanted: impl Fn(&Source) -> bool,
) -> io::Result<Option<()>> {
    let reader = store.refresh();
    let needs_clock = without_filter(&reader, corpus).any(|(source, ..)| has_many_small_files(source));
    // Without a clock none of them is due.
    let newest = if needs_clock { newest_quiet(store).unwrap_or(i64::MIN) } else { i64::MIN };
    let is_due = |(source, ..): &(&Source, &Segment, FileStamp)| {
        let sessions = corpus.sessions_at(&source.path).map(|session| &**session);
        is_wanted(source) && (!has_many_small_files(source) || last_change(source, sessions) <= newest)
    };
    if !without_filter(&reader, corpus).any(|missing| is_due(&missing)) {
        return Ok(Some(()));
    }
    let Some(mut writer) = store.writer()? else { return Ok(None) };
    let reader = writer.reader();
    let todo: Vec<(&Source, &Segment, FileStamp)> = without_filter(&reader, corpus).filter(is_due).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, ready) = sync_channel(MAX_PENDING_FILTERS);
        for _ in 0..processors().min(todo.len()) {
            let (sender, todo, next, reader) = (sender.clone(), &todo, &next, &reader);
            scope.spawn(move || {
                let (mut builder, mut buffer) = (NgramFilterBuilder::default(), BlockBuffer::default());
                while let Some((source, last, stamp)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let read = add_source(source, last, reader, corpus, &mut builder, &mut buffer);
                    let previous = previous_tables(source, reader);
                    let segments = builder.finish(last.cursor.offset);
                    let tables = entry_numbers::tables(source, corpus, &previous);
                    if let Err(error) = read {
                        tracing::debug!(path = %source.path.display(), %error, "n-gram filter cannot be built");
                        continue;
                    }
                    let cursor = SummaryCursor { stamp: *stamp, ..last.cursor };
                    let filter = BuiltFilter { path: path_of(source), cursor, segments, tables };
                    if cancel.is_cancelled() || sender.send(filter).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let (mut pending, mut segments) = (Vec::new(), 0);
        for filter in ready {
            segments += filter.segments.len();
            pending.push(filter);
            if segments >= SEGMENTS_PER_WRITE {
                writer.append([encode(&pending)])?;
                (pending, segments) = (Vec::new(), 0);
            }
        }
        if pending.is_empty() { Ok(()) } else { writer.append([encode(&pending)]) }
    })?;
    merge_filters::merge_small(&mut writer)?;
    Ok(Some(()))
}

/// Reads the last entry tables of a source; empty if there are none, or damaged ones.
fn previous_tables(source: &Source, reader: &IndexReader) -> Vec<u8> {
    let mut bytes = Vec::new();
    match reader.filter_of(&source.path).map(|filter| reader.read_stored(filter.tables, &mut bytes)) {
        Some(Ok(())) => bytes,
        Some(Err(_)) | None => Vec::new(),
    }
}

/// Returns the indexed sources without a current filter, the newest first, each with its last segment and the stamp of what
/// its filter must cover.
fn without_filter<'a>(
    reader: &'a IndexReader,
    corpus: &'a Corpus,
) -> impl Iterator<Item = (&'a Source, &'a Segment, FileStamp)> {
    let mut stamps = FilterStamps::default();
    corpus.sources().iter().enumerate().filter_map(move |(number, source)| {
        let last = reader.last_segment(&source.path).filter(|last| last.cursor.stamp == source.stamp)?;
        let stamp = stamps.of(corpus, number, source);
        (!covers(reader.filter_of(&source.path), source, stamp)).then_some((source, last, stamp))
    })
}

/// Returns the modification time of the newest session that counts as unchanged. The clock is that of the file system,
/// which also sets the times of the sessions' files.
fn newest_quiet(store: &IndexStore) -> io::Result<i64> {
    let file = tempfile::tempfile_in(store.dir())?;
    Ok(FileStamp::of(&file.metadata()?).mtime_ns.saturating_sub(MIN_QUIET_NS))
}

/// Returns the time in ns of the last change of a source. The times of a copied home are those of the copy, so that an
/// earlier time in the records of its sessions counts.
fn last_change<'a>(source: &Source, sessions: impl Iterator<Item = &'a Session>) -> i64 {
    let recorded = sessions.filter_map(|session| session.last_activity).max();
    recorded
        .map_or(source.stamp.mtime_ns, |at| at.millis().saturating_mul(NS_PER_SECOND / 1000).min(source.stamp.mtime_ns))
}

/// Returns true for sources of many small files, whose stamp does not cover all changes.
pub(super) fn has_many_small_files(source: &Source) -> bool {
    format(source.agent).texts().is_some_and(|texts| texts.has_many_small_files(source))
}

/// Returns true if a filter covers all of a source with a stamp, or nearly all.
pub(super) fn covers(filter: Option<&StoredFilter>, source: &Source, stamp: FileStamp) -> bool {
    filter.is_some_and(|filter| {
        let covered = filter.cursor;
        let appended = stamp.size.saturating_sub(covered.stamp.size);
        let is_small = covered.offset > 0 && appended <= MAX_UNFILTERED_TAIL.max(covered.offset / 4);
        covered.stamp == stamp
            || (!has_many_small_files(source)
                && covered.stamp.inode == stamp.inode
                && is_small
                && stamp.size >= covered.offset)
    })
}

fn add_source(
    source: &Source,
    last: &Segment,
    reader: &IndexReader,
    corpus: &Corpus,
    builder: &mut NgramFilterBuilder,
    buffer: &mut BlockBuffer,
) -> io::Result<()> {
    let texts = format(source.agent).texts();
    let is_costly = begin(builder, source);
    // Some indexed texts are worded by the reader and are in no file.
    for segment in reader.segments_of(&source.path) {
        if is_costly {
            segment.sessions.iter().for_each(|id| builder.add_session(id));
        }
        builder.add_text(reader.read(segment, buffer)?.text);
    }
    let Some(texts) = texts else {
        let sessions: Vec<&Session> = corpus.sessions_at(&source.path).map(|session| &**session).collect();
        entry_texts::texts(source.agent, &sessions, &mut |_, text| builder.add_text(text.text.as_bytes()));
        return Ok(());
    };
    match texts.layout(source) {
        RecordLayout::Nothing => Ok(()),
        RecordLayout::Lines => add_file(source, last.cursor.offset, builder),
        RecordLayout::SideText => add_file(source, source.stamp.size, builder),
        RecordLayout::Records => add_records(source, texts, builder),
    }
}

/// Begins the filter of a source. Returns true for one that is costly to search.
fn begin(builder: &mut NgramFilterBuilder, source: &Source) -> bool {
    let texts = format(source.agent).texts();
    // A false match costs the reading of a whole database, or the opening of many small files.
    let is_costly = texts.is_some_and(|texts| texts.layout(source) == RecordLayout::Records);
    builder.begin(
        texts.map_or(&[], |texts| texts.opaque_fields()),
        if is_costly { FilterDensity::SPARSE } else { FilterDensity::COMPACT },
    );
    is_costly
}

fn add_file(source: &Source, end: u64, builder: &mut NgramFilterBuilder) -> io::Result<()> {
    let file = files::open(&source.path)?;
    // The bytes of a text in UTF-16 are converted by each search.
    if utf16::byte_order(&file).is_some() {
        return Ok(());
    }
    let mut blocks = super::line_blocks::LineBlocks::new(file.take(end), 0, vec![0; READ_BYTES]);
    while let Some((start, block)) = blocks.next_block()? {
        builder.add_records(block, start + block.len() as u64);
    }
    Ok(())
}

fn add_records(source: &Source, texts: &dyn Texts, builder: &mut NgramFilterBuilder) -> io::Result<()> {
    let mut add = |session: &str, record: &[u8]| {
        builder.add_session(session);
        builder.add_records(record, 0);
        false
    };
    texts.filter_records(source, None, &mut add, &mut |_| ControlFlow::Continue(()))
}
