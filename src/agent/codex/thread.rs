//! Transcript of a thread: its own rollout, preceded by the parts of the threads that it was forked from.
//!
//! A paginated fork does not copy history; it names a thread and an ordinal, and that thread may be a fork as well.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dialect::Rollout;
use super::head::RolloutHead;
use super::paths;
use crate::agent::jsonl::transcript_index::TranscriptIndex;
use crate::agent::{MarkKind, RefreshOutcome, TextLimit, TranscriptReader};
use crate::domain::event::NoticeLevel;
use crate::domain::{Entry, EntryKey, EntryKind, Issue, Role};

/// Maximum number of ancestors of a fork, because a damaged file may name itself.
const MAX_FORK_DEPTH: usize = 32;

/// Rollouts before a thread's own one.
#[derive(Debug, Default)]
pub struct Ancestors {
    /// Rollouts, oldest first, each with a dialect that skips the lines after the fork.
    pub parts: Vec<(PathBuf, Rollout)>,
    /// Thread whose rollout is missing; its own ancestors are unknown.
    pub missing_thread: Option<String>,
}

/// Finds the rollouts that precede the one at `path`.
pub fn ancestors(path: &Path, head: &RolloutHead) -> Ancestors {
    let mut ancestors = Ancestors::default();
    let mut base = head.base.clone();
    while let Some(at) = base {
        let found = paths::find_rollout(path, &at.thread_id).filter(|_| ancestors.parts.len() < MAX_FORK_DEPTH);
        let Some((path, head)) = found.and_then(|path| RolloutHead::read(&path).ok().map(|head| (path, head))) else {
            ancestors.missing_thread = Some(at.thread_id);
            break;
        };
        ancestors.parts.push((path, Rollout { until: Some(at.end_ordinal_exclusive), ..head.dialect() }));
        base = head.base;
    }
    ancestors.parts.reverse();
    ancestors
}

/// Text of the notice about a missing part of the history.
pub fn missing_history_text(thread: &str) -> String {
    format!("The conversation before this fork is in thread {thread}, whose rollout is missing.")
}

/// Opens a thread's transcript.
pub fn open(path: &Path) -> io::Result<Box<dyn TranscriptReader>> {
    let head = RolloutHead::read(path)?;
    let own = TranscriptIndex::open(Arc::new(head.dialect()), path)?;
    if head.base.is_none() {
        return Ok(Box::new(own));
    }
    let ancestors = ancestors(path, &head);
    let mut parts: Vec<Box<dyn TranscriptReader>> = Vec::new();
    if let Some(thread) = ancestors.missing_thread {
        parts.push(Box::new(MissingHistoryReader::new(path, &thread)));
    }
    for (path, dialect) in ancestors.parts {
        parts.push(Box::new(TranscriptIndex::open(Arc::new(dialect), &path)?));
    }
    parts.push(Box::new(own));
    let mut reader = ConcatenatedReader { parts, issues: Vec::new() };
    reader.collect_issues();
    Ok(Box::new(reader))
}

/// Several readers in sequence. Only the last one grows.
struct ConcatenatedReader {
    parts: Vec<Box<dyn TranscriptReader>>,
    issues: Vec<Issue>,
}

impl ConcatenatedReader {
    fn collect_issues(&mut self) {
        self.issues = self.parts.iter().flat_map(|part| part.issues()).cloned().collect();
    }

    /// Parts, each with the index of its first entry.
    fn parts_with_offsets(&mut self) -> impl Iterator<Item = (usize, &mut Box<dyn TranscriptReader>)> {
        self.parts.iter_mut().scan(0, |first, part| {
            let at = *first;
            *first += part.len();
            Some((at, part))
        })
    }
}

impl TranscriptReader for ConcatenatedReader {
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (first, part) in self.parts_with_offsets() {
            let (start, end) = (range.start.saturating_sub(first), range.end.saturating_sub(first));
            if start < end.min(part.len()) {
                entries.extend(part.read(start..end, limit));
            }
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let part = self.parts_with_offsets().find(|(first, part)| (*first..first + part.len()).contains(&index));
        part.map(|(first, part)| part.raw(index - first)).unwrap_or_default()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        let marks = |(first, part): (usize, &mut Box<dyn TranscriptReader>)| {
            part.marks(which).into_iter().map(move |at| first + at).collect::<Vec<_>>()
        };
        self.parts_with_offsets().flat_map(marks).collect()
    }

    fn positions(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<usize>> {
        let mut found = vec![None; wanted.len()];
        for (first, part) in self.parts_with_offsets() {
            for (found, at) in found.iter_mut().zip(part.positions(wanted)) {
                *found = found.or(at.map(|at| first + at));
            }
        }
        found
    }

    fn refresh(&mut self) -> RefreshOutcome {
        let Some(own) = self.parts.last_mut() else { return RefreshOutcome::Same };
        let refreshed = own.refresh();
        let inherited = self.len() - self.parts.last().map_or(0, |own| own.len());
        self.collect_issues();
        match refreshed {
            RefreshOutcome::Grown { from } => RefreshOutcome::Grown { from: inherited + from },
            other @ (RefreshOutcome::Same | RefreshOutcome::Reset | RefreshOutcome::Gone) => other,
        }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes_read()).sum()
    }
}

/// Reader with one notice in place of a missing history.
struct MissingHistoryReader {
    entry: Entry,
    issues: Vec<Issue>,
}

impl MissingHistoryReader {
    fn new(path: &Path, thread: &str) -> Self {
        let mut entry = Entry::new(EntryKey::new(thread, u32::MAX), EntryKind::Notice, Role::System, None);
        entry.level = NoticeLevel::Warning;
        entry.text = missing_history_text(thread);
        Self { entry, issues: vec![Issue::new(path, missing_history_text(thread))] }
    }
}

impl TranscriptReader for MissingHistoryReader {
    fn len(&self) -> usize {
        1
    }

    fn read(&mut self, range: Range<usize>, _limit: TextLimit) -> Vec<Entry> {
        range.contains(&0).then(|| self.entry.clone()).into_iter().collect()
    }

    fn raw(&mut self, _index: usize) -> Vec<u8> {
        Vec::new()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, _which: MarkKind) -> Vec<usize> {
        Vec::new()
    }

    fn refresh(&mut self) -> RefreshOutcome {
        RefreshOutcome::Same
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        0
    }
}
