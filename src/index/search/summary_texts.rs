//! Indexes the texts of files in the pass that summarises them, so that a first index reads each file once.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::build::{IndexedPart, MAX_PENDING_SEGMENTS, complete_cursor, partial_cursor, tail_checksum, write_parts};
use super::build_filters::SmallFileFilters;
use super::filter_group::BuiltFilter;
use super::store::{IndexStore, IndexWriter, Replaces, SegmentBuilder};
use crate::agent::texts::{RecordLayout, TextScope};
use crate::agent::{Format, Source, SourceSessions, SourceSummary, SummaryCursor};
use crate::stdx::files;

/// Summarises sources and sends their texts to the index, from any thread.
#[derive(Debug)]
pub(crate) struct SummaryTexts {
    parts: SyncSender<IndexedPart>,
    filters: SmallFileFilters,
}

impl SummaryTexts {
    /// Creates the sender, and the receiver for [`write()`].
    pub(super) fn channel(store: &IndexStore) -> (Self, Receiver<IndexedPart>) {
        let (parts, ready) = sync_channel(MAX_PENDING_SEGMENTS);
        (Self { parts, filters: SmallFileFilters::new(store) }, ready)
    }

    /// Summarises a source, and indexes its texts. `None` for a database, and for a source without texts of its own.
    pub(crate) fn summarise(&self, format: &dyn Format, source: &Source) -> Option<SourceSummary> {
        let texts = format.texts()?;
        match texts.layout(source) {
            RecordLayout::Lines => self.summarise_lines(format, source),
            RecordLayout::Records if texts.has_many_small_files(source) => self.summarise_small_files(format, source),
            RecordLayout::Records | RecordLayout::SideText | RecordLayout::Nothing => None,
        }
    }

    fn summarise_lines(&self, format: &dyn Format, source: &Source) -> Option<SourceSummary> {
        let file = files::open(&source.path).ok()?;
        let mut builder = SegmentBuilder::new(source, Replaces::Source);
        let mut last = 0;
        let summary = format.summarise_with_texts(source, &mut |session, offset, text| {
            if !text.kind.is_indexed(text.text) {
                return;
            }
            if offset > last && builder.is_full() {
                let full = std::mem::replace(&mut builder, SegmentBuilder::new(source, Replaces::Nothing));
                self.send(full, partial_cursor(source, offset), tail_checksum(&file, offset), None);
            }
            last = offset;
            builder.push(session, text);
        })?;
        let cursor = summary.progress.cursor;
        // The next update reads what is left of any other source, such as an unreadable one.
        if cursor.stamp.size == 0 || ends_line(&file, cursor.offset) {
            self.send(builder, cursor, tail_checksum(&file, cursor.offset), None);
        }
        Some(summary)
    }

    fn summarise_small_files(&self, format: &dyn Format, source: &Source) -> Option<SourceSummary> {
        let decoder = format.texts()?.decoder(source).ok()?;
        let mut builder = SegmentBuilder::new(source, Replaces::Source);
        let mut filter = self.filters.begin_unknown(source);
        let (summary, table) = format.summarise_with_records(source, &mut |record| {
            builder.add_session(record.session);
            if let Some(filter) = &mut filter {
                filter.add_record(record.session, record.bytes);
            }
            decoder.decode.texts(record, TextScope::Indexed, &mut |text| {
                if text.kind.is_indexed(text.text) {
                    builder.push(record.session, text);
                }
            });
            ControlFlow::Continue(())
        })?;
        // A source without a session was removed meanwhile; one that cannot be read is left to the next update.
        if let SourceSessions::All(sessions) = &summary.sessions
            && let [session] = sessions.as_slice()
            && summary.bytes_read > 0
        {
            let filter = filter.zip(table).filter(|_| self.filters.is_quiet(source, std::iter::once(session)));
            let filter = filter.map(|(mut filter, table)| {
                filter.add_text(&session.key.id, builder.text());
                filter.finish(source, session, &table)
            });
            self.send(builder, complete_cursor(source, 0), 0, filter);
        }
        Some(summary)
    }

    fn send(&self, builder: SegmentBuilder, cursor: SummaryCursor, watermark: u64, filter: Option<BuiltFilter>) {
        let encoded = builder.finish(cursor, watermark);
        // After a failed write the sources are indexed by the next update, which reports the error.
        drop(self.parts.send(IndexedPart { encoded, filter }));
    }
}

/// Writes the texts of summarised sources until the last sender is gone.
pub(super) fn write(mut writer: IndexWriter<'_>, parts: Receiver<IndexedPart>) -> io::Result<()> {
    write_parts(&mut writer, parts, &mut |_| {})
}

/// True if the byte before an offset is a newline. A whole record without one is indexed when its line has ended.
fn ends_line(file: &File, offset: u64) -> bool {
    let mut byte = [0];
    offset > 0 && file.read_exact_at(&mut byte, offset - 1).is_ok() && byte == *b"\n"
}
