//! Text extraction from JSON-lines transcripts, by the same dialect that summaries and readers use.

use super::{RecordDecoder, SearchText, StoredRecord, TextScope, body_texts};
use crate::agent::jsonl::{self, Dialect, EntryMark};
use crate::domain::query::TextKind;
use crate::domain::{EntryKey, EntryKind};

/// Extracts the texts of lines by their dialect.
pub struct LineDecoder<D>(pub D);

impl<D: Dialect> RecordDecoder for LineDecoder<D> {
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        let Ok(metadata) = self.0.scan_line(record.bytes, record.offset) else { return };
        if let Some(rare) = &metadata.rare {
            let titles = [rare.user_title, rare.agent_title, rare.title_of.map(|(_, title)| title)];
            titles.into_iter().flatten().for_each(|title| emit_title(record, title, sink));
        }
        let marks =
            || metadata.marks.iter().filter(|mark| wanted == TextScope::All || mark.kind != EntryKind::Thinking);
        if marks().next().is_some() {
            let marks: Vec<EntryMark> = marks().copied().collect();
            self.0.decode(record.bytes, &marks, &mut |event| {
                if marks.iter().any(|mark| mark.key == event.key) {
                    body_texts(event.key, &event.body, sink);
                }
            });
        }
        // The conversation scope contains only the outcome of a result, and only if the call failed.
        let in_scope = |result: &jsonl::ResultMark| wanted == TextScope::All || result.error;
        if metadata.results.iter().any(in_scope) {
            self.0.decode_results(record.bytes, &mut |event| body_texts(event.key, &event.body, sink));
        }
    }
}

fn emit_title(record: &StoredRecord<'_>, title: jsonl::JsonStr<'_>, sink: &mut dyn FnMut(&SearchText<'_>)) {
    let key = EntryKey::new(record.session, u32::MAX);
    sink(&SearchText { key, call: "", tool: "", kind: TextKind::Title, text: &title.decode() });
}
