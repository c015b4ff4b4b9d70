//! Records of the queue of prompts that wait while Claude Code works.
//!
//! Verified with 2.0.76, 2.1.110 and 2.1.332, and with early records in which a removal has the text:
//!
//! | operation | prompt |
//! |---|---|
//! | `enqueue` | added, with its text |
//! | `dequeue` | sent in a record of its own |
//! | `remove` with a text, without a reason | sent within the turn; this record has its text |
//! | `remove` without both | sent within the turn; its text is in its `enqueue`, or in an attachment `queued_command` |
//! | `remove` with a reason | sent within the turn, and attached, if no record was lost; or not sent, see [`is_sent`] |
//! | `popAll`, `popOne` | taken back into the editor |
//!
//! A prompt of which no other record has the text is shown as one that was not sent: it waited when the program ended.

use super::block::Content;
use crate::agent::jsonl::{EntryMark, JsonStr, QueueStep};
use crate::domain::{EntryKey, EntryKind};

/// Reasons of removals of prompts that reached the agent.
const SENT: [&[u8]; 6] = [
    b"absorbed_mid_turn",
    b"carried_to_background",
    b"delivered_as_tool_result",
    b"delivered_to_agent",
    b"stored_at_idle",
    b"written_at_exit",
];

/// True for the reason of a removal whose prompt reached the agent; other records have the text.
pub(super) fn is_sent(reason: &[u8]) -> bool {
    SENT.contains(&reason)
}

/// Returns the change of the queue by an operation. `base` is the base of the keys of the line's entries.
pub(super) fn step(operation: &[u8], reason: &[u8], content: &Content<'_>, base: &str) -> Option<QueueStep> {
    let text = hash_of(content);
    let first = content.0.iter().find_map(|block| block.text);
    let is_command = first.is_some_and(|text| matches!(text.0.first(), Some(b'/' | b'!')));
    let added = |text| QueueStep::Added { text, marks: marks(content, base), is_command };
    match operation {
        b"enqueue" => Some(added(text.unwrap_or_default())),
        b"dequeue" => Some(QueueStep::Delivered),
        b"remove" if text.is_none() && reason.is_empty() => Some(QueueStep::Inserted),
        b"remove" if is_sent(reason) => Some(QueueStep::Absorbed { text, marks: marks(content, base) }),
        b"remove" if text.is_none() => Some(QueueStep::Dropped),
        b"remove" | b"popOne" => Some(QueueStep::Removed(text)),
        b"popAll" => Some(QueueStep::Cleared),
        // An operation that this version does not know may add a prompt.
        _ => text.map(added),
    }
}

/// True for an operation that adds a prompt, or may do so.
pub(super) fn adds(operation: &[u8]) -> bool {
    !matches!(operation, b"dequeue" | b"remove" | b"popAll" | b"popOne")
}

/// Hash of the first text of a queued prompt.
pub(super) fn hash_of(content: &Content<'_>) -> Option<u64> {
    content.0.iter().find_map(|block| block.text).map(JsonStr::hash)
}

fn marks(content: &Content<'_>, base: &str) -> Vec<EntryMark> {
    let prompts = (0..).zip(&content.0).filter(|(_, block)| block.kind(b"user") == Some(EntryKind::Prompt));
    let mark =
        |block| EntryMark { key: EntryKey::new(base, block), kind: EntryKind::Prompt, block, tool: 0, error: false };
    prompts.map(|(block, _)| mark(block)).collect()
}
