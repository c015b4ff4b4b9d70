//! Texts beside the records: an agent writes a long output into a file of its own, and only a preview into the record.
//!
//! A format offers such a text in three places:
//!
//! - **Reading**: its dialect names the file in [`Dialect::side_text`](super::jsonl::Dialect::side_text); other readers
//!   call [`fill`] on the entry. Only the part that the caller's limit allows is read.
//! - **Search**: it lists the file as a source of its own, with [`RecordLayout::SideText`](super::texts::RecordLayout)
//!   and the session in [`Texts::side_session`](super::texts::Texts::side_session); [`SideTextDecoder`] decodes it.
//!   A format with [`RecordLayout::Records`](super::texts::RecordLayout) visits the text as further records instead.
//! - **Lists**: the source's summary is [`summary`], which adds the file's size to the session's.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::texts::{RecordDecoder, SearchText, StoredRecord, TextScope};
use super::{Source, SourceSummary, SummaryCursor, SummaryNote, SummaryProgress, TextLimit};
use crate::domain::query::TextKind;
use crate::domain::{Entry, EntryKey, Issue};

/// Maximum bytes of a text in memory, whatever the limit, because an output may be larger than the memory.
const MAX_BYTES: usize = 64 << 20;

/// Replaces the preview in an entry by the text of its file, up to the limit.
pub fn fill(entry: &mut Entry, path: &Path, TextLimit(limit): TextLimit) -> io::Result<()> {
    let limit = limit.min(MAX_BYTES);
    let file = crate::stdx::files::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(limit).min(limit));
    file.take(limit as u64).read_to_end(&mut bytes)?;
    entry.truncated |= metadata.len() > bytes.len() as u64;
    // A cut inside a character leaves no half of it.
    if entry.truncated
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    match &mut entry.tool {
        Some(tool) => tool.output = text,
        None => entry.text = text,
    }
    Ok(())
}

/// Summarises the file of a session's text: its size, and an issue if it cannot be opened.
pub fn summary(source: &Source, session: Arc<str>) -> SourceSummary {
    let note = SummaryNote::Bytes { id: session, bytes: source.stamp.size };
    let refusal = crate::stdx::files::open(&source.path).err();
    let cursor = SummaryCursor { stamp: source.stamp, offset: 0 };
    SourceSummary {
        notes: vec![note],
        issues: refusal.map(|error| Issue::new(&source.path, error)).into_iter().collect(),
        progress: SummaryProgress { cursor, state: Vec::new() },
        ..SourceSummary::none()
    }
}

/// Decodes the lines of a tool's output in a file of its own.
#[derive(Debug)]
pub struct SideTextDecoder {
    /// Id of the tool call.
    pub call: String,
}

impl RecordDecoder for SideTextDecoder {
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        if wanted == TextScope::All {
            let text = String::from_utf8_lossy(record.bytes);
            let key = EntryKey::new(&self.call, u32::MAX);
            sink(&SearchText { key, call: &self.call, tool: "", kind: TextKind::Output, text: &text });
        }
    }
}
