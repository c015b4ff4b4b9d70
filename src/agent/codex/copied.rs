//! History that a rollout copied from another one: the beginning of a fork, or of a sub-agent that was given its parent's
//! conversation.
//!
//! Up to 0.149, Codex writes the other thread's records again, with new timestamps, after the thread's own
//! `session_meta`. The history for a sub-agent may leave some out (tool calls, reasoning). `total_token_usage` continues
//! from the copied value. Nothing marks the end, so the records are compared with those of the other rollout, in order.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::dialect::{CopiedHistory, total_usage};
use super::fields::{self, field};
use super::injected::is_injected;
use super::line::{ItemKind, LineKind, RolloutLine};
use super::{paths, text};
use crate::agent::json::repair;
use crate::agent::jsonl::JsonStr;
use crate::stdx::lines::LineReader;

/// Finds the part of a rollout that was copied from the thread `origin`; nothing if the rollout of that is missing.
pub(super) fn find(path: &Path, origin: &str) -> CopiedHistory {
    let origin = paths::find_rollout(path, origin).filter(|origin| origin != path);
    origin.and_then(|origin| compare(path, &origin).ok()).unwrap_or_default()
}

/// Offset after the records at the beginning of a rollout that another one of the same thread has too.
pub(super) fn repeated(path: &Path, earlier: &Path) -> u64 {
    compare(path, earlier).map_or(0, |found| found.end)
}

fn compare(path: &Path, origin: &Path) -> io::Result<CopiedHistory> {
    let records = Records::read(origin)?;
    let mut lines = LineReader::from_offset(text::open(path, None)?.file, 0)?;
    let (mut found, mut next) = (CopiedHistory::default(), 0);
    // End of the copied lines including the prompt at their end, which may be an own one that repeats the other's.
    let mut with_prompt = 0;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        let end = line.offset + line.len + 1;
        let Some(line) = RolloutLine::parse(line.bytes) else { continue };
        match records.position(&line, next) {
            Some(at) => {
                next = at + 1;
                with_prompt = end;
                if !is_prompt(&line) {
                    found.end = end;
                }
                if line.kind == LineKind::TokenCount
                    && let Some(usage) = total_usage(line.payload)
                {
                    found.usage = usage;
                }
            }
            None if is_spoken(&line) => {
                if is_prompt(&line) {
                    found.end = with_prompt;
                }
                found.is_final = true;
                return Ok(found);
            }
            // Settings of the thread itself.
            None => {}
        }
    }
    found.end = with_prompt;
    Ok(found)
}

/// Positions of a rollout's records by their hashes, without timestamps.
struct Records(HashMap<u64, Vec<usize>>);

impl Records {
    fn read(path: &Path) -> io::Result<Self> {
        let mut lines = LineReader::from_offset(text::open(path, None)?.file, 0)?;
        let mut positions: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut at = 0;
        while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
            if let Some(line) = RolloutLine::parse(line.bytes) {
                positions.entry(hash(&line)).or_default().push(at);
            }
            at += 1;
        }
        Ok(Self(positions))
    }

    /// First position of an equal record, from `next` on.
    fn position(&self, line: &RolloutLine<'_>, next: usize) -> Option<usize> {
        let positions = self.0.get(&hash(line))?;
        positions.get(positions.partition_point(|&at| at < next)).copied()
    }
}

fn hash(line: &RolloutLine<'_>) -> u64 {
    JsonStr(line.payload).hash()
}

fn is_prompt(line: &RolloutLine<'_>) -> bool {
    match line.kind {
        LineKind::UserMessage | LineKind::Item(ItemKind::User) => true,
        LineKind::Message => field(line.payload, &fields::ROLE) == Some(b"user"),
        _ => false,
    }
}

/// True for a record of the conversation itself, which only a turn of the thread writes. Context is none.
fn is_spoken(line: &RolloutLine<'_>) -> bool {
    match line.kind {
        LineKind::Message => {
            let is_user = field(line.payload, &fields::ROLE) == Some(b"user") && !line.text().is_some_and(is_injected);
            is_user || field(line.payload, &fields::ROLE) == Some(b"assistant")
        }
        LineKind::Reasoning
        | LineKind::Call
        | LineKind::UserMessage
        | LineKind::AgentMessage
        | LineKind::AgentReasoning
        | LineKind::InterAgent
        | LineKind::VoiceSegment
        | LineKind::Item(_) => true,
        LineKind::Meta
        | LineKind::TurnContext
        | LineKind::Compacted
        | LineKind::UsageRecord
        | LineKind::CallOutput
        | LineKind::TokenCount
        | LineKind::Started
        | LineKind::Complete
        | LineKind::Aborted
        | LineKind::Error
        | LineKind::RolledBack
        | LineKind::CallEnd
        | LineKind::Goal
        | LineKind::ThreadName
        | LineKind::ReviewEnded
        | LineKind::Review
        | LineKind::Rerouted
        | LineKind::Warning
        | LineKind::Ignored
        | LineKind::Unknown => false,
    }
}
