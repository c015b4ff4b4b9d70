//! Indexes the texts of files in the pass that summarises them, so that a first index reads each file once.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::build::{IndexedPart, MAX_PENDING_SEGMENTS, partial_cursor, tail_checksum, write_parts};
use super::store::{IndexWriter, Replaces, SegmentBuilder};
use crate::agent::texts::RecordLayout;
use crate::agent::{Format, Source, SourceSummary, SummaryCursor};
use crate::stdx::files;

/// Summarises sources and sends their texts to the index, from any thread.
#[derive(Debug)]
pub(crate) struct SummaryTexts {
    parts: SyncSender<IndexedPart>,
}

impl SummaryTexts {
    /// Creates the sender, and the receiver for [`write()`].
    pub(super) fn channel() -> (Self, Receiver<IndexedPart>) {
        let (parts, ready) = sync_channel(MAX_PENDING_SEGMENTS);
        (Self { parts }, ready)
    }

    /// Summarises a source, and indexes its texts. `None` for a source whose texts are not its lines.
    pub(crate) fn summarise(&self, format: &dyn Format, source: &Source) -> Option<SourceSummary> {
        if format.texts()?.layout(source) != RecordLayout::Lines {
            return None;
        }
        let file = files::open(&source.path).ok()?;
        let mut builder = SegmentBuilder::new(source, Replaces::Source);
        let mut last = 0;
        let summary = format.summarise_with_texts(source, &mut |session, offset, text| {
            if !text.kind.is_indexed(text.text) {
                return;
            }
            if offset > last && builder.is_full() {
                let full = std::mem::replace(&mut builder, SegmentBuilder::new(source, Replaces::Nothing));
                self.send(full, partial_cursor(source, offset), tail_checksum(&file, offset));
            }
            last = offset;
            builder.push(session, text);
        })?;
        let cursor = summary.progress.cursor;
        // The next update reads what is left of any other source, such as an unreadable one.
        if cursor.stamp.size == 0 || ends_line(&file, cursor.offset) {
            self.send(builder, cursor, tail_checksum(&file, cursor.offset));
        }
        Some(summary)
    }

    fn send(&self, builder: SegmentBuilder, cursor: SummaryCursor, watermark: u64) {
        let encoded = builder.finish(cursor, watermark);
        // After a failed write the sources are indexed by the next update, which reports the error.
        drop(self.parts.send(IndexedPart { encoded, filter: None }));
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
