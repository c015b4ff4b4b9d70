//! Text extraction from Claude Code's transcripts: shown lines, sidechains of early versions, queued prompts (sent or
//! not), and replaced titles.

use std::io;

use super::dialect;
use super::{Claude, paths};
use crate::agent::Source;
use crate::agent::jsonl::{JsonCursor, JsonStr as Raw};
use crate::agent::texts::{
    LineDecoder, RecordDecoder, RecordLayout, SearchText, SourceDecoder, StoredRecord, TextScope, Texts,
};
use crate::domain::EntryKey;
use crate::domain::query::TextKind;

impl Texts for Claude {
    fn layout(&self, _unit: &Source) -> RecordLayout {
        RecordLayout::Lines
    }

    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder> {
        let session = paths::identity(&source.path, source.kind).key.id;
        // Search includes sidechains, whichever file they are in.
        let lines = LineDecoder(dialect::ClaudeDialect { subagent: true, ..dialect::ClaudeDialect::default() });
        Ok(SourceDecoder { session, decode: Box::new(TranscriptDecoder(lines)) })
    }
}

struct TranscriptDecoder(LineDecoder<dialect::ClaudeDialect>);

impl RecordDecoder for TranscriptDecoder {
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        if record.bytes.starts_with(br#"{"type":"queue-operation""#) {
            queued_prompt(record, sink);
        } else {
            self.0.texts(record, wanted, sink);
        }
    }
}

fn queued_prompt(record: &StoredRecord<'_>, sink: &mut dyn FnMut(&SearchText<'_>)) {
    let mut content: Option<Raw<'_>> = None;
    let read = JsonCursor::new(record.bytes).object(|key, value| {
        if key == b"content" {
            content = value.text()?;
        }
        Ok(())
    });
    if let (Ok(()), Some(content)) = (read, content) {
        let key = EntryKey::new(record.session, u32::MAX);
        sink(&SearchText { key, call: "", tool: "", kind: TextKind::Notice, text: &content.decode() });
    }
}
