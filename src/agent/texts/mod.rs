//! Text extraction for search: every text of an agent's sessions, by the record that contains it.
//!
//! Search filters records (lines, rows) as raw bytes, and decodes only possible matches by [`RecordDecoder`]. Only the
//! decoder decides which records are duplicates or bookkeeping and so have no text. The index and the search of files
//! use the same decoder.

mod events;
mod lines;

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Source;
use super::jsonl::JsonStr;
use crate::domain::EntryKey;
use crate::domain::query::TextKind;

pub use events::{body_texts, entry_texts};
pub use lines::LineDecoder;

/// A text of a transcript.
#[derive(Clone, Copy, Debug)]
pub struct SearchText<'a> {
    /// The entry that shows it. Unknown for a tool output in a record of its own, where `call` identifies the entry.
    pub key: EntryKey,
    /// Id of its session, if that is another one than the record's; else empty.
    pub session: &'a str,
    /// Id of the tool call that it belongs to; empty if it belongs to none.
    pub call: &'a str,
    /// Name of the tool, if the record contains it; else empty.
    pub tool: &'a str,
    /// Kind of text.
    pub kind: TextKind,
    /// The text.
    pub text: &'a str,
}

impl<'a> SearchText<'a> {
    /// Returns the id of its session, which is that of its record unless the text names another one.
    pub fn session_or(&self, of_record: &'a str) -> &'a str {
        if self.session.is_empty() { of_record } else { self.session }
    }
}

/// Receiver of texts, each with its session's id and the offset of its record.
pub type TextSink<'s> = dyn FnMut(&str, u64, &SearchText<'_>) + 's;

/// Visitor of records, until it breaks.
pub type RecordVisitor<'v> = dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()> + 'v;

/// A stored record (a line, a row) from which texts are extracted.
#[derive(Clone, Copy, Debug)]
pub struct StoredRecord<'a> {
    /// The session that it belongs to.
    pub session: &'a str,
    /// Its own id; empty if the bytes contain it.
    pub id: &'a str,
    /// Additional data that its decoder needs; empty for lines.
    pub hint: &'a str,
    /// Its offset in the file, for a line.
    pub offset: u64,
    /// The stored JSON.
    pub bytes: &'a [u8],
}

/// Texts that the caller needs. A decoder may return others as well, but need not look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextScope {
    /// Only texts that are stored in the index: see [`TextKind::is_indexed`].
    Indexed,
    /// Only texts that are not stored in the index.
    Unindexed,
    /// All texts.
    All,
}

/// Storage of a source's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordLayout {
    /// Lines of an append-only file, all of one session.
    Lines,
    /// Lines of plain text that continue a tool's output of another source's session. None of them is indexed.
    SideText,
    /// Any other storage: [`Texts::records`] iterates over them.
    Records,
    /// The source contains no records.
    Nothing,
}

/// Decoder of the records of one source.
pub trait RecordDecoder: Send + Sync {
    /// Extracts the texts of a record, in order; none from a record that cannot be decoded.
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>));

    /// Returns the outputs of a record without other texts of [`TextScope::Unindexed`]. `None` for any other record, and
    /// where the texts are not shown as they are stored.
    fn raw_outputs<'a>(&self, record: &StoredRecord<'a>) -> Option<Vec<RawOutput<'a>>> {
        let _ = record;
        None
    }

    /// Returns false if the bytes of a record show that it has no texts of [`TextScope::Unindexed`].
    fn may_have_unindexed(&self, record: &StoredRecord<'_>) -> bool {
        let _ = record;
        true
    }
}

/// Output of a tool as encoded in its record.
#[derive(Clone, Debug)]
pub struct RawOutput<'a> {
    /// The entry that shows it, as in [`SearchText::key`].
    pub key: EntryKey,
    /// Id of the tool call.
    pub call: Cow<'a, str>,
    /// Parts of the text, which are shown one below the other.
    pub parts: Vec<&'a [u8]>,
    /// Cuts what is not shown from the decoded text; `None`: all of it is shown.
    pub shown: Option<fn(&str) -> &str>,
}

impl RawOutput<'_> {
    /// Decodes the text.
    pub fn text(&self) -> String {
        let parts: Vec<Cow<'_, str>> = self.parts.iter().map(|part| JsonStr(part).decode()).collect();
        let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        self.shown.map(|shown| shown(&text).to_owned()).unwrap_or(text)
    }
}

/// Decoder of a source, with the session of its lines.
pub struct SourceDecoder {
    /// The session of all its records, if they are lines.
    pub session: Arc<str>,
    /// Decoder of the records.
    pub decode: Box<dyn RecordDecoder>,
}

/// Access of search to an agent's records.
pub trait Texts: Sync {
    /// Storage of the source's records. Must not access the disk.
    fn layout(&self, source: &Source) -> RecordLayout;

    /// True if the source is stored as many small files, which take longer to open than to read.
    fn has_many_small_files(&self, source: &Source) -> bool {
        let _ = source;
        false
    }

    /// Names of JSON fields with base64 data (images, signatures, encrypted reasoning), which search skips.
    fn opaque_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Session whose text is in a source with [`RecordLayout::SideText`]. Called for each source of a search, so that only a
    /// format with few such sources may access the disk.
    fn side_session(&self, source: &Source) -> Option<Arc<str>> {
        let _ = source;
        None
    }

    /// True for lines whose bytes are not UTF-8: their texts are those of [`records`](Self::records). May read the
    /// beginning of the file.
    fn must_convert(&self, source: &Source) -> bool {
        let _ = source;
        false
    }

    /// Creates the source's decoder; may read the beginning of the file.
    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder>;

    /// Visits the records of the sessions that changed after `since`, session by session, until `visit` breaks. `since` is a
    /// watermark that an earlier call returned; 0: all sessions. Returns the new watermark.
    fn records(
        &self,
        source: &Source,
        since: u64,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        let _ = (source, since, visit);
        Ok(0)
    }

    /// Visits all records of a source [of many small files](Self::has_many_small_files), and returns the
    /// [table](super::entry_table) of its session's entries, for which the files would be read again. `None` if the table
    /// is not known, or if a record could not be read.
    fn records_with_table(
        &self,
        source: &Source,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<Option<Vec<u8>>> {
        self.records(source, 0, visit).map(|_| None)
    }

    /// Visits the records whose session and bytes are `wanted`, in order within each session, until `visit` breaks. May be
    /// faster than [`records`](Self::records), and may interleave sessions. If only a few sessions are wanted, `sessions`
    /// has their ids, so that the records of others need not be read.
    fn filter_records(
        &self,
        source: &Source,
        sessions: Option<&[&str]>,
        wanted: &mut dyn FnMut(&str, &[u8]) -> bool,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let _ = sessions;
        self.records(source, 0, &mut |record| {
            if wanted(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
        })
        .map(drop)
    }
}
