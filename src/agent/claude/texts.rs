//! Text extraction from Claude Code's transcripts: shown lines, sidechains of early versions, queued prompts (sent or
//! not), and replaced titles.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::block::Content;
use super::{queue, raw_outputs};
use crate::agent::jsonl::{Dialect, JsonCursor};
use crate::agent::texts::{LineDecoder, RawOutput, RecordDecoder, SearchText, StoredRecord, TextScope};
use crate::domain::EntryKey;
use crate::domain::query::TextKind;

/// Creates the decoder of a transcript's texts, in which records of sub-agents may be among those of their parent.
pub(super) fn decoder<D: Dialect + 'static>(dialect: D, with_sidechains: bool) -> Box<dyn RecordDecoder> {
    Box::new(TranscriptDecoder { lines: LineDecoder(dialect), with_sidechains })
}

/// Bytes at the beginning of a record that have its type.
const HEAD: usize = 64;

static QUEUE_RECORD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"queue-operation\""));

struct TranscriptDecoder<D> {
    lines: LineDecoder<D>,
    with_sidechains: bool,
}

impl<D: Dialect> RecordDecoder for TranscriptDecoder<D> {
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        self.lines.texts(record, wanted, sink);
    }

    fn raw_outputs<'a>(&self, record: &StoredRecord<'a>) -> Option<Vec<RawOutput<'a>>> {
        raw_outputs::read(record.bytes, self.with_sidechains)
    }

    fn may_have_unindexed(&self, record: &StoredRecord<'_>) -> bool {
        raw_outputs::may_have_unindexed(record.bytes)
    }
}

/// Extracts the texts of a prompt that was queued.
pub(super) fn queued_prompt(record: &StoredRecord<'_>, sink: &mut dyn FnMut(&SearchText<'_>)) {
    if QUEUE_RECORD.find(&record.bytes[..record.bytes.len().min(HEAD)]).is_none() {
        return;
    }
    let (mut content, mut is_added) = (Content::default(), false);
    let read = JsonCursor::new(record.bytes).object(|key, value| {
        match key {
            b"content" => content = Content::read(value)?,
            b"operation" => is_added = value.text()?.is_some_and(|operation| queue::adds(operation.0)),
            _ => {}
        }
        Ok(())
    });
    if read.is_err() {
        return;
    }
    for (block, text) in (0..).zip(content.0.iter().map(|block| block.text)) {
        let Some(text) = text else { continue };
        // A prompt that was sent within a turn is an entry of the line that added it.
        let key = if is_added {
            EntryKey::new(&format!("@{}", record.offset), block)
        } else {
            EntryKey::new(record.session, u32::MAX)
        };
        sink(&SearchText { key, session: "", call: "", tool: "", kind: TextKind::Notice, text: &text.decode() });
    }
}
