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
use crate::agent::json::cursor::hash;
use crate::agent::json::repair;
use crate::domain::Tokens;
use crate::stdx::lines::LineReader;

/// Finds the part of a rollout that was copied from the thread `origin`; nothing if the rollout of that is missing.
pub(super) fn find(path: &Path, origin: &str) -> CopiedHistory {
    let origin = paths::find_rollout(path, origin).filter(|origin| origin != path);
    origin.and_then(|origin| compare(path, &origin).ok()).unwrap_or_default()
}

fn compare(path: &Path, origin: &Path) -> io::Result<CopiedHistory> {
    copied_from(ComparedRecord::of_file(path)?, &ComparedRollout::read(origin)?)
}

/// Finds the records at the beginning that are copies of those of the rollout `origin`.
fn copied_from(
    records: impl Iterator<Item = io::Result<ComparedRecord>>,
    origin: &ComparedRollout,
) -> io::Result<CopiedHistory> {
    let (mut found, mut next) = (CopiedHistory::default(), 0);
    // End of the copied lines including the prompt at their end, which may be an own one that repeats the other's.
    let mut with_prompt = 0;
    for record in records {
        let record = record?;
        match origin.position(&record, next) {
            Some(at) => {
                next = at + 1;
                with_prompt = record.end;
                // A copy in another thread has a new time; in a copy of the file it is that of the original.
                let is_same = record.time != 0 && origin.records[at].time == record.time;
                if !record.is_prompt || is_same {
                    found.end = record.end;
                }
                found.usage = record.usage.unwrap_or(found.usage);
            }
            None if record.is_spoken => {
                if record.is_prompt {
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

/// A record, as far as it is compared with those of another rollout.
#[derive(Clone, Copy, Debug)]
struct ComparedRecord {
    /// Offset after its line.
    end: u64,
    /// Hash of its content, without its timestamp.
    hash: u64,
    /// Hash of its timestamp; 0 if it has none.
    time: u64,
    is_prompt: bool,
    is_spoken: bool,
    /// Total usage in it.
    usage: Option<Tokens>,
}

impl ComparedRecord {
    /// Reads the records of a rollout one after the other.
    fn of_file(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Self>> + use<>> {
        let mut lines = LineReader::from_offset(text::open(path, None)?.file, 0)?;
        let mut next = move || -> io::Result<Option<Self>> {
            while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
                if let Some(parsed) = RolloutLine::parse(line.bytes) {
                    return Ok(Some(Self::of(&parsed, line.offset + line.len + 1)));
                }
            }
            Ok(None)
        };
        Ok(std::iter::from_fn(move || next().transpose()))
    }

    fn of(line: &RolloutLine<'_>, end: u64) -> Self {
        let content = hash(line.payload);
        let usage = if line.kind == LineKind::TokenCount { total_usage(line.payload) } else { None };
        let time = if line.time.is_empty() { 0 } else { hash(line.time.as_bytes()) };
        Self { end, hash: content, time, is_prompt: is_prompt(line), is_spoken: is_spoken(line), usage }
    }
}

/// All records of a rollout, read once to be compared with those of several others.
#[derive(Debug)]
pub(super) struct ComparedRollout {
    records: Vec<ComparedRecord>,
    /// Positions of the records by their hashes.
    positions: HashMap<u64, Vec<usize>>,
}

impl ComparedRollout {
    /// Reads a rollout.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let records: Vec<ComparedRecord> = ComparedRecord::of_file(path)?.collect::<io::Result<_>>()?;
        let mut positions: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, record) in records.iter().enumerate() {
            positions.entry(record.hash).or_default().push(at);
        }
        Ok(Self { records, positions })
    }

    /// Offset after the records at its beginning that an earlier rollout of the same thread has too.
    pub(super) fn repeated(&self, earlier: &Self) -> u64 {
        copied_from(self.records.iter().copied().map(Ok), earlier).map_or(0, |found| found.end)
    }

    /// First position of an equal record, from `next` on.
    fn position(&self, record: &ComparedRecord, next: usize) -> Option<usize> {
        let positions = self.positions.get(&record.hash)?;
        positions.get(positions.partition_point(|&at| at < next)).copied()
    }
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
