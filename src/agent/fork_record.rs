//! Lookup of the record by which an agent forks a session before one of its prompts.

use super::format::{ForkCut, TextLimit, TranscriptReader};
use crate::domain::{Entry, EntryKind, Role};

/// Number of entries that are read at once to find an earlier one, because it is usually near.
const LOOK_BACK: usize = 256;

/// Returns the id of the record by which the agent forks a session before a prompt.
pub fn fork_record(cut: ForkCut, prompt: usize, reader: &mut dyn TranscriptReader) -> Option<String> {
    match cut {
        ForkCut::BeforePrompt => reader.record_id(prompt),
        ForkCut::AfterReply => {
            let reply = last_before(prompt, reader, |entry| entry.role == Role::Assistant)?;
            reader.record_id(reply)
        }
        ForkCut::AfterTurn => {
            let is_prompt = |entry: &Entry| entry.kind == EntryKind::Prompt && entry.sender.is_none();
            let earlier = last_before(prompt, reader, is_prompt)?;
            turn_of(&reader.raw(earlier))
        }
    }
}

/// Returns the index of the last entry of a kind before another one.
fn last_before(end: usize, reader: &mut dyn TranscriptReader, is_it: impl Fn(&Entry) -> bool) -> Option<usize> {
    let mut end = end;
    while end > 0 {
        let from = end.saturating_sub(LOOK_BACK);
        let before = reader.read(from..end, TextLimit(0));
        if let Some(found) = before.iter().rposition(&is_it) {
            return Some(from + found);
        }
        end = from;
    }
    None
}

/// Returns the id of the turn in stored records; `None` if the version of the agent stores none.
fn turn_of(records: &[u8]) -> Option<String> {
    records.split(|byte| *byte == b'\n').find_map(|line| {
        let record: serde_json::Value = serde_json::from_slice(line).ok()?;
        record["payload"]["turn_id"].as_str().map(str::to_owned)
    })
}
