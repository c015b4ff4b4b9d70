//! Updates the text index: reads new texts, the newest sources first, on all processors.
//!
//! Memory is bounded by one segment per thread and a few that wait for their write, however long the history is.

use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::Cancel;
use super::build_filters::SmallFileFilters;
use super::corpus::Corpus;
use super::entry_texts;
use super::filter_group::{BuiltFilter, encode};
use super::line_blocks::{LineBlocks, lines};
use super::line_records::{LineRecord, RecordFinder};
use super::store::{
    EncodedSegment, IndexReader, IndexRecord, IndexStore, IndexWriter, RecordBytes, Replaces, Segment, SegmentBuilder,
};
use crate::agent::texts::{RecordLayout, SourceDecoder, StoredRecord, TextScope, Texts};
use crate::agent::{FileStamp, Source, SummaryCursor, format};
use crate::domain::Session;
use crate::domain::catalog::IndexProgress;
use crate::index::encoding::checksum;
use crate::stdx::threads::processors;
use crate::stdx::{files, json_record};

/// Maximum segments that wait for their write; each has at most some MB.
pub(super) const MAX_PENDING_SEGMENTS: usize = 4;

/// Maximum bytes of text per write; the first writes are much smaller.
const MAX_WRITE_BYTES: usize = 4 << 20;

/// Updates the index to the corpus and reports the number of finished sources. Returns `None` while another process
/// writes.
pub(super) fn update(
    store: &IndexStore,
    corpus: &Corpus,
    cancel: &Cancel,
    progress: &mut dyn FnMut(IndexProgress),
) -> io::Result<Option<IndexProgress>> {
    let reader = store.refresh();
    if store.is_verified() && is_current(&reader, corpus) {
        return Ok(Some(IndexProgress { done: corpus.sources().len(), total: corpus.sources().len() }));
    }
    let Some(mut writer) = store.writer()? else { return Ok(None) };
    let (bytes, waste) = writer.reader().obsolete_bytes();
    if waste > (1 << 20) && waste > bytes / 2 {
        writer = writer.clear()?;
    }
    let reader = writer.reader();
    delete_removed(&mut writer, &reader, corpus)?;
    let todo: Vec<&Source> = stale(&reader, corpus).collect();
    let total = corpus.sources().len();
    let mut indexed = IndexProgress { done: total - todo.len(), total };
    progress(indexed);
    let (next, filters) = (AtomicUsize::new(0), SmallFileFilters::for_any(store, &todo));
    std::thread::scope(|scope| {
        let (sender, ready) = sync_channel::<IndexedPart>(MAX_PENDING_SEGMENTS);
        for _ in 0..processors().min(todo.len()) {
            let (sender, todo, next) = (sender.clone(), &todo, &next);
            let indexing = Indexing { reader: &reader, corpus, cancel, filters: &filters };
            scope.spawn(move || {
                while let Some(source) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if cancel.is_cancelled() || index_source(source, indexing, &sender).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        write_parts(&mut writer, ready, &mut |sources| {
            indexed.done += sources;
            progress(indexed);
        })
    })?;
    indexed.done = indexed.done.min(total);
    progress(indexed);
    Ok(Some(indexed))
}

/// Writes the parts of sources as they become ready. Reports the number of sources that each write completes.
pub(super) fn write_parts(
    writer: &mut IndexWriter<'_>,
    parts: impl IntoIterator<Item = IndexedPart>,
    written: &mut dyn FnMut(usize),
) -> io::Result<()> {
    let (mut pending, mut built): (Vec<EncodedSegment>, Vec<BuiltFilter>) = Default::default();
    // The first texts become searchable early; later, larger writes are cheaper.
    let (mut bytes, mut limit, mut complete) = (0, 64 << 10, 0);
    for IndexedPart { encoded, filter } in parts {
        bytes += encoded.segment.layout.text;
        complete += usize::from(encoded.segment.cursor.stamp.mtime_ns != 0);
        pending.push(encoded);
        built.extend(filter);
        if bytes >= limit {
            writer.append(records(std::mem::take(&mut pending)))?;
            written(std::mem::take(&mut complete));
            (bytes, limit) = (0, (limit * 2).min(MAX_WRITE_BYTES));
        }
    }
    writer.append(records(pending))?;
    if !built.is_empty() {
        writer.append([encode(&built)])?;
    }
    written(complete);
    Ok(())
}

/// Returns the sources that are not indexed completely, the newest first.
fn stale<'a>(reader: &'a IndexReader, corpus: &'a Corpus) -> impl Iterator<Item = &'a Source> {
    corpus
        .sources()
        .iter()
        .filter(|source| reader.last_segment(&source.path).is_none_or(|last| last.cursor.stamp != source.stamp))
}

/// Returns true if the index contains all sources of the corpus, and no others.
fn is_current(reader: &IndexReader, corpus: &Corpus) -> bool {
    stale(reader, corpus).next().is_none() && !reader.sources().any(|last| is_removed(last, corpus))
}

fn is_removed(last: &Segment, corpus: &Corpus) -> bool {
    corpus.source(last.path()).is_none() && last.cursor != SummaryCursor::default()
}

/// Deletes the segments of removed sources.
fn delete_removed(writer: &mut IndexWriter<'_>, reader: &IndexReader, corpus: &Corpus) -> io::Result<()> {
    let removed = reader.sources().filter(|last| is_removed(last, corpus));
    let tombstones: Vec<EncodedSegment> =
        removed.map(|last| SegmentBuilder::tombstone(last).finish(SummaryCursor::default(), 0)).collect();
    if tombstones.is_empty() { Ok(()) } else { writer.append(records(tombstones)) }
}

fn records(segments: Vec<EncodedSegment>) -> impl Iterator<Item = (IndexRecord, RecordBytes)> {
    segments.into_iter().map(|EncodedSegment { segment, bytes }| (IndexRecord::Segment(segment), bytes.into()))
}

/// The receiver of segments is gone.
struct Closed;

/// Segment of a source, with the filter of the source if it was built on the way.
pub(super) struct IndexedPart {
    pub encoded: EncodedSegment,
    pub filter: Option<BuiltFilter>,
}

/// Shared state of an update.
#[derive(Clone, Copy)]
struct Indexing<'a> {
    reader: &'a IndexReader,
    corpus: &'a Corpus,
    cancel: &'a Cancel,
    filters: &'a SmallFileFilters,
}

/// Indexes the new texts of a source. An unreadable source is skipped until it changes.
fn index_source(source: &Source, indexing: Indexing<'_>, out: &SyncSender<IndexedPart>) -> Result<(), Closed> {
    let Indexing { reader, corpus, cancel, .. } = indexing;
    let last = reader.last_segment(&source.path);
    let Some(texts) = format(source.agent).texts() else { return index_entries(source, corpus, out) };
    match texts.layout(source) {
        RecordLayout::Nothing | RecordLayout::SideText => {
            send(out, SegmentBuilder::new(source, Replaces::Source), complete_cursor(source, 0), 0)
        }
        // Its bytes are converted by each search.
        RecordLayout::Lines if texts.must_convert(source) => {
            send(out, SegmentBuilder::new(source, Replaces::Source), complete_cursor(source, 0), 0)
        }
        RecordLayout::Lines => {
            let done = texts.decoder(source).and_then(|decoder| index_lines(source, &decoder, last, cancel, out));
            done.unwrap_or_else(|error| {
                log_unreadable(source, &error);
                Ok(())
            })
        }
        RecordLayout::Records => index_records(source, texts, indexing, out),
    }
}

fn log_unreadable(source: &Source, error: &io::Error) {
    tracing::debug!(path = %source.path.display(), %error, "source cannot be indexed");
}

fn send(
    out: &SyncSender<IndexedPart>,
    builder: SegmentBuilder,
    cursor: SummaryCursor,
    watermark: u64,
) -> Result<(), Closed> {
    let encoded = builder.finish(cursor, watermark);
    out.send(IndexedPart { encoded, filter: None }).map_err(|_| Closed)
}

pub(super) fn complete_cursor(source: &Source, offset: u64) -> SummaryCursor {
    SummaryCursor { stamp: source.stamp, offset }
}

/// Returns the cursor of an incomplete source.
pub(super) fn partial_cursor(source: &Source, offset: u64) -> SummaryCursor {
    SummaryCursor { stamp: FileStamp { inode: source.stamp.inode, size: offset, mtime_ns: 0 }, offset }
}

fn index_lines(
    source: &Source,
    decoder: &SourceDecoder,
    last: Option<&Segment>,
    cancel: &Cancel,
    out: &SyncSender<IndexedPart>,
) -> io::Result<Result<(), Closed>> {
    let mut file = files::open(&source.path)?;
    let from = last.filter(|last| is_append(source, last, &file)).map_or(0, |last| last.cursor.offset);
    file.seek(SeekFrom::Start(from))?;
    let mut builder = SegmentBuilder::new(source, if from == 0 { Replaces::Source } else { Replaces::Nothing });
    // Records of several lines are read apart, because reading moves the position in a file.
    let mut finder = RecordFinder::new(&source.path);
    let (mut offset, mut joined_end) = (from, 0);
    let mut blocks = LineBlocks::new(&file, from, Vec::new());
    'file: while let Some((start, block)) = blocks.next_block()? {
        if cancel.is_cancelled() {
            return Ok(Err(Closed));
        }
        for (at, line) in lines(block) {
            let (session, mut at) = (&*decoder.session, start + at as u64);
            if at < joined_end {
                continue;
            }
            let found = if json_record::may_go_on(line) { finder.beginning_at(at)? } else { LineRecord::Line };
            let bytes = match &found {
                LineRecord::Line => line,
                LineRecord::Joined(start, bytes) => {
                    (at, joined_end) = (*start, start + bytes.len() as u64 + 1);
                    bytes
                }
                LineRecord::Open(..) => {
                    // The next update begins with this record.
                    offset = at;
                    break 'file;
                }
            };
            let record = StoredRecord { session, id: "", hint: "", offset: at, bytes };
            decoder.decode.texts(&record, TextScope::Indexed, &mut |text| {
                if text.kind.is_indexed(text.text) {
                    builder.push(text.session_or(session), text);
                }
            });
        }
        offset = joined_end.max(start + block.len() as u64);
        if builder.is_full() {
            let full = std::mem::replace(&mut builder, SegmentBuilder::new(source, Replaces::Nothing));
            if send(out, full, partial_cursor(source, offset), tail_checksum(&file, offset)).is_err() {
                return Ok(Err(Closed));
            }
        }
    }
    Ok(send(out, builder, complete_cursor(source, offset), tail_checksum(&file, offset)))
}

/// Returns true if the file was only appended to since its last segment.
fn is_append(source: &Source, last: &Segment, file: &std::fs::File) -> bool {
    let SummaryCursor { stamp, offset } = last.cursor;
    stamp.inode == source.stamp.inode && source.stamp.size >= offset && tail_checksum(file, offset) == last.watermark
}

/// Computes the checksum of the bytes before an offset; another one means that the file was rewritten.
pub(super) fn tail_checksum(file: &std::fs::File, offset: u64) -> u64 {
    let mut bytes = [0; 256];
    let len = offset.min(bytes.len() as u64);
    let tail = &mut bytes[..usize::try_from(len).unwrap_or_default()];
    // An unreadable tail does not match, so that the file is indexed again.
    file.read_exact_at(tail, offset - len).map_or(0, |()| checksum(tail).into())
}

fn index_records(
    source: &Source,
    texts: &dyn Texts,
    indexing: Indexing<'_>,
    out: &SyncSender<IndexedPart>,
) -> Result<(), Closed> {
    let Indexing { reader, corpus, cancel, filters } = indexing;
    let last = reader.last_segment(&source.path).filter(|last| last.cursor.stamp.inode == source.stamp.inode);
    let since = last.map_or(0, |last| last.watermark);
    let mut builder = SegmentBuilder::new(source, if last.is_some() { Replaces::Sessions } else { Replaces::Source });
    let mut session = String::new();
    let mut closed = false;
    let decoder = match texts.decoder(source) {
        Ok(decoder) => decoder,
        Err(error) => {
            log_unreadable(source, &error);
            return Ok(());
        }
    };
    let mut filter = filters.begin(source, corpus);
    let has_filter = filter.is_some();
    let mut visit = |record: &StoredRecord<'_>| {
        if record.session != session {
            record.session.clone_into(&mut session);
            if builder.is_full() {
                let full = std::mem::replace(&mut builder, SegmentBuilder::new(source, Replaces::Sessions));
                closed = send(out, full, partial_cursor(source, 0), since).is_err();
            }
            builder.add_session(&session);
        }
        if let Some(filter) = &mut filter {
            filter.add_record(record.session, record.bytes);
        }
        if closed || cancel.is_cancelled() {
            closed = true;
            return std::ops::ControlFlow::Break(());
        }
        decoder.decode.texts(record, TextScope::Indexed, &mut |text| {
            if text.kind.is_indexed(text.text) {
                builder.push(text.session_or(record.session), text);
            }
        });
        std::ops::ControlFlow::Continue(())
    };
    let walked = if has_filter {
        texts.records_with_table(source, &mut visit).map(|table| (0, table))
    } else {
        texts.records(source, since, &mut visit).map(|watermark| (watermark, None))
    };
    match walked {
        _ if closed => Err(Closed),
        Ok((watermark, table)) => {
            let filter = filter.zip(table).and_then(|(mut filter, table)| {
                filter.add_text(&session, builder.text());
                Some(filter.finish(source, corpus.sessions_at(&source.path).next()?, &table))
            });
            let encoded = builder.finish(complete_cursor(source, 0), watermark);
            out.send(IndexedPart { encoded, filter }).map_err(|_| Closed)
        }
        Err(error) => {
            log_unreadable(source, &error);
            Ok(())
        }
    }
}

/// Indexes the entries of sessions, for agents without [`Texts`].
fn index_entries(source: &Source, corpus: &Corpus, out: &SyncSender<IndexedPart>) -> Result<(), Closed> {
    let mut builder = SegmentBuilder::new(source, Replaces::Source);
    let sessions: Vec<&Session> = corpus.sessions_at(&source.path).map(|session| &**session).collect();
    let (mut last, mut sent) = (None, Ok(()));
    entry_texts::texts(source.agent, &sessions, &mut |session, text| {
        let id = &session.key.id;
        if sent.is_ok() && last.replace(id.clone()).is_some_and(|last| last != *id) && builder.is_full() {
            let full = std::mem::replace(&mut builder, SegmentBuilder::new(source, Replaces::Nothing));
            sent = send(out, full, partial_cursor(source, 0), 0);
        }
        if sent.is_ok() && text.kind.is_indexed(text.text) {
            builder.push(id, text);
        }
    });
    sent?;
    send(out, builder, complete_cursor(source, 0), 0)
}
