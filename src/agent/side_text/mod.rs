//! Texts beside the records: an agent writes a long output into a file of its own, and only a preview into the record.
//!
//! A format offers such a text in three places:
//!
//! - **Reading**: its dialect names the file in [`Dialect::side_text`](super::jsonl::Dialect::side_text); other readers
//!   call [`fill`] on the entry, or read from an [`OutputFolder`]. Only the part that the caller's limit allows is read.
//! - **Search**: it lists the file as a source of its own, with [`RecordLayout::SideText`](super::texts::RecordLayout)
//!   and the session in [`Texts::side_session`](super::texts::Texts::side_session); [`SideTextDecoder`] decodes it.
//!   A format with [`RecordLayout::Records`](super::texts::RecordLayout) visits the text as further records instead, see
//!   [`OutputFolder::chunks`].
//! - **Lists**: the source's summary is [`summary`], which adds the file's size to the session's.

mod folder;
mod named;
pub(super) mod preview;
mod read;

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::texts::{RecordDecoder, SearchText, StoredRecord, TextScope};
use super::{
    Source, SourceSummary, SummaryCursor, SummaryNote, SummaryProgress, TextLimit, tolerant_json, unknown_record,
};
use crate::domain::query::TextKind;
use crate::domain::{Entry, EntryKey, Issue};
use crate::stdx::files;
use crate::stdx::lines::LineReader;

pub(super) use folder::OutputFolder;
pub(super) use named::NamedFiles;

/// Replaces the preview in an entry by the text of its file, up to the limit.
pub(super) fn fill(entry: &mut Entry, path: &Path, limit: TextLimit) -> io::Result<()> {
    let (text, is_cut) = read::beginning(path, limit)?;
    if text.trim().is_empty() && !is_cut && limit.0 > 0 {
        // The preview is all that is left.
        return Ok(());
    }
    let text = blocks_text(&text).unwrap_or(text);
    entry.truncated |= is_cut;
    match &mut entry.tool {
        Some(tool) => tool.output = text,
        None => entry.text = text,
    }
    Ok(())
}

/// Joins the texts of the blocks in a file that contains the result of a tool as JSON; `None` for any other text. What
/// was cut off at the end is read as far as it goes.
fn blocks_text(text: &str) -> Option<String> {
    if !text.trim_start().starts_with("[{\"") && !text.trim_start().starts_with("[\n") {
        return None;
    }
    let (Value::Array(blocks), _) = tolerant_json::value(text.as_bytes())? else { return None };
    let block = |block: &Value| match block["type"].as_str()? {
        "text" => block["text"].as_str().map(str::to_owned),
        "resource" => block["resource"]["text"].as_str().map(str::to_owned),
        "image" => Some("[image]".to_owned()),
        kind => {
            let text = unknown_record::longest_text(block).map(|text| format!(" {text}")).unwrap_or_default();
            Some(format!("[{kind}{text}]"))
        }
    };
    let texts: Option<Vec<String>> = blocks.iter().map(block).collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("\n"))
}

/// Summarises the file of a session's text: its size, and an issue if it cannot be opened.
pub(super) fn summary(source: &Source, session: Arc<str>) -> SourceSummary {
    let note = SummaryNote::Bytes { id: session, bytes: source.stamp.size };
    let refusal = files::open(&source.path).err();
    let cursor = SummaryCursor { stamp: source.stamp, offset: 0 };
    SourceSummary {
        notes: vec![note],
        issues: refusal.map(|error| Issue::new(&source.path, error)).into_iter().collect(),
        progress: SummaryProgress { cursor, state: Vec::new() },
        ..SourceSummary::none()
    }
}

/// Visits the lines of a session's text in another encoding than UTF-8, until `visit` breaks.
pub(super) fn converted_lines(
    path: &Path,
    session: &str,
    visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut lines = LineReader::from_offset(read::open(path)?, 0)?;
    let mut record =
        |offset, bytes: &[u8]| visit(&StoredRecord { session, id: "", hint: "", offset, bytes }).is_continue();
    while let Some(line) = lines.next_line()? {
        if !record(line.offset, line.bytes) {
            return Ok(());
        }
    }
    record(lines.offset(), lines.remainder());
    Ok(())
}

/// Decodes the lines of a tool's output in a file of its own.
#[derive(Debug)]
pub(super) struct SideTextDecoder {
    /// Id of the tool call.
    pub call: String,
}

impl RecordDecoder for SideTextDecoder {
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        if wanted != TextScope::Indexed {
            let text = String::from_utf8_lossy(record.bytes);
            let text = blocks_text(&text).map_or(text, Cow::Owned);
            let key = EntryKey::new(&self.call, u32::MAX);
            sink(&SearchText { key, session: "", call: &self.call, tool: "", kind: TextKind::Output, text: &text });
        }
    }
}
