//! Text extraction from JSON-lines transcripts, by the same dialect that summaries and readers use.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::{RecordDecoder, SearchText, StoredRecord, TextScope, body_texts};
use crate::agent::json::cursor::hash;
use crate::agent::jsonl::repaired::{self, Repair, ScannedLine};
use crate::agent::jsonl::{self, Dialect, EntryMark};
use crate::domain::query::TextKind;
use crate::domain::{EntryKey, EntryKind, Event, EventBody};

/// Extracts the texts of lines by their dialect.
pub struct LineDecoder<D>(pub D);

impl<D: Dialect> RecordDecoder for LineDecoder<D> {
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        repaired::records(&self.0, record.bytes, record.offset, 0, &mut |line| {
            self.scanned_texts(record.session, &line, wanted, sink);
        });
    }
}

impl<D: Dialect> LineDecoder<D> {
    /// Extracts the texts of a scanned line of a session, like [`RecordDecoder::texts`].
    pub(crate) fn scanned_texts(
        &self,
        session: &str,
        line: &ScannedLine<'_>,
        wanted: TextScope,
        sink: &mut dyn FnMut(&SearchText<'_>),
    ) {
        let Ok(metadata) = &line.metadata else { return };
        let is_side = metadata.rare.as_ref().is_some_and(|rare| rare.side);
        let side = if is_side { self.0.side_session(line.offset) } else { None };
        let sink: &mut dyn FnMut(&SearchText<'_>) =
            &mut |text| sink(&SearchText { session: side.as_deref().unwrap_or_default(), ..*text });
        let record = &StoredRecord { session, id: "", hint: "", offset: line.offset, bytes: line.bytes };
        self.0.other_texts(record, sink);
        let is_converted = line.repair.is_some_and(Repair::is_converted);
        let bytes = if is_converted { repaired::readable(&self.0, line.bytes) } else { line.bytes.into() };
        let bytes = &*bytes;
        if let Some(rare) = &metadata.rare {
            let titles = [rare.user_title, rare.agent_title, rare.title_of.map(|(_, title)| title)];
            titles.into_iter().flatten().for_each(|title| emit_title(record, title, sink));
        }
        let marks = || metadata.marks.iter().filter(|mark| is_in_scope(mark.kind, wanted));
        if marks().next().is_some() {
            let marks: Vec<EntryMark> = marks().copied().collect();
            let keys: HashSet<EntryKey, RandomState> = marks.iter().map(|mark| mark.key).collect();
            let mut emit = |event: Event| {
                if keys.contains(&event.key) {
                    body_texts(event.key, &event.body, sink);
                }
            };
            if wanted == TextScope::Indexed {
                self.0.decode_indexed(bytes, &marks, &mut emit);
            } else {
                self.0.decode(bytes, &marks, &mut emit);
            }
        }
        // The conversation scope contains only the outcome of a result, and only if the call failed.
        let in_scope = |result: &jsonl::ResultMark| wanted != TextScope::Indexed || result.error;
        let has_results = !metadata.results.is_empty();
        let has_unrecorded_call = has_results && self.0.has_unrecorded_call(bytes);
        if metadata.results.iter().any(in_scope) || has_unrecorded_call {
            let restates_call = self.0.restates_call(bytes);
            // What only a result has, such as a plan, is not in the index.
            let is_indexed = metadata.results.iter().any(|result| result.error) || has_unrecorded_call;
            let sink: &mut dyn FnMut(&SearchText<'_>) = &mut |text| match text.kind {
                TextKind::Plan if !is_indexed => sink(&SearchText { kind: TextKind::Output, ..*text }),
                _ => sink(text),
            };
            self.0.decode_results(bytes, &mut |event| {
                // The texts of the call are those of its own record.
                match &event.body {
                    // Where the call has a record, its texts are found there first.
                    EventBody::ToolCall { id, .. } if restates_call => {
                        body_texts(event.key, &event.body, &mut |text| {
                            sink(&SearchText { call: id, kind: TextKind::Output, ..*text });
                        });
                    }
                    EventBody::ToolCall { id, .. } if self.0.has_own_record(id) => {}
                    // The entry is that of the result.
                    EventBody::ToolCall { id, .. } => {
                        let key = jsonl::lost_call_key(hash(id.as_bytes()));
                        body_texts(key, &event.body, &mut |text| sink(&SearchText { call: id, ..*text }));
                    }
                    body => body_texts(event.key, body, sink),
                }
            });
        }
    }
}

/// Returns true if entries of a kind have texts in the scope.
fn is_in_scope(kind: EntryKind, wanted: TextScope) -> bool {
    match wanted {
        TextScope::Indexed => kind != EntryKind::Thinking,
        TextScope::Unindexed => matches!(kind, EntryKind::Thinking | EntryKind::Tool),
        TextScope::All => true,
    }
}

fn emit_title(record: &StoredRecord<'_>, title: jsonl::JsonStr<'_>, sink: &mut dyn FnMut(&SearchText<'_>)) {
    let key = EntryKey::new(record.session, u32::MAX);
    sink(&SearchText { key, session: "", call: "", tool: "", kind: TextKind::Title, text: &title.decode() });
}
