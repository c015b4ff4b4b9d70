//! Decoding of the records of a session that salon keeps, only for the lines that are read.

use super::record::{EntryRecord, Record, ToolRecord};
use crate::agent::jsonl::EntryMark;
use crate::domain::event::NoticeLevel;
use crate::domain::{Delta, EntryKey, EntryKind, Event, EventBody};

/// Decodes the entry of a line.
pub(super) fn entries(line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
    let (Some(record), Some(mark)) = (entry(line), marks.first()) else { return };
    let (key, time) = (mark.key, record.time);
    sink(Event { key, time, body: body(record, mark.kind) });
}

/// Decodes the result of a line's tool call.
pub(super) fn results(line: &[u8], sink: &mut dyn FnMut(Event)) {
    let Some(ToolRecord { id, status, output, duration_ms, .. }) = entry(line).and_then(|record| record.tool) else {
        return;
    };
    let output = (!output.is_empty()).then_some(Delta::Replace(output));
    let key = EntryKey::new(&id, 0);
    let (id, status) = (id.into(), Some(status));
    let body = EventBody::ToolUpdate { id, status, output, duration_ms, subagent: None, action: None };
    sink(Event { key, time: None, body });
}

fn entry(line: &[u8]) -> Option<EntryRecord> {
    match serde_json::from_slice(line).ok()? {
        Record::Entry(record) => Some(*record),
        Record::Session { .. } | Record::Title { .. } | Record::Turn { .. } => None,
    }
}

fn body(record: EntryRecord, kind: EntryKind) -> EventBody {
    let EntryRecord { text, level, plan, tool, .. } = record;
    if let Some(ToolRecord { id, name, input, action, .. }) = tool {
        return EventBody::ToolCall { id: id.into(), name: name.into(), input, action };
    }
    match kind {
        EntryKind::Prompt => EventBody::Prompt(text),
        EntryKind::Text => EventBody::Text(Delta::Replace(text)),
        EntryKind::Thinking => EventBody::Thinking(Delta::Replace(text)),
        EntryKind::Notice => EventBody::Notice { level: level.unwrap_or(NoticeLevel::Info), text },
        EntryKind::Plan => EventBody::Plan(plan),
        EntryKind::Image => EventBody::Image(text),
        EntryKind::Tool | EntryKind::Other => EventBody::Other(text),
    }
}
