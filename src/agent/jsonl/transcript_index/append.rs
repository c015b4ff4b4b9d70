//! Lines that are added to an index: entries, results, usage and the queue of prompts.

use super::{ISSUES, LinePosition, TranscriptIndex, count};
use crate::agent::json::repair::{OPEN_LINE, OPEN_RECORD};
use crate::agent::jsonl::branch::ChainRecord;
use crate::agent::jsonl::repaired::{Repair, ScannedLine};
use crate::agent::jsonl::{EntryMark, LineMetadata, ReplyUsage, UsageTotal};
use crate::domain::{Issue, Time};

impl TranscriptIndex {
    /// Adds a scanned line.
    pub(super) fn line(&mut self, line: ScannedLine<'_>) {
        let Ok(metadata) = line.metadata else {
            return self.add_damage(line.number, line.repair.map_or("unreadable record", Repair::reason));
        };
        if let Some(repair) = line.repair.filter(|repair| *repair != Repair::Notation) {
            self.add_damage(line.number, repair.reason());
        }
        if let Some(total) = metadata.rare.as_ref().and_then(|rare| rare.total) {
            self.record_total(total);
        }
        let queued = |marks: &[EntryMark]| (line.offset, line.len, marks.to_vec());
        if let Some((offset, len, marks)) = self.queue.apply(&metadata, queued) {
            self.insert_prompt((offset, len), &marks, metadata.time);
        }
        let record = ChainRecord::of(&metadata);
        if record.is_none() && metadata.results.is_empty() {
            return;
        }
        let (at, first) = (count(self.lines.len()), count(self.marks.len()));
        if line.repair.is_some_and(Repair::is_converted) {
            self.converted.insert(at);
        }
        if !self.is_tail && metadata.rare.as_ref().is_some_and(|rare| rare.changes_tasks) {
            self.tasks.lines.push(at);
        }
        self.results.extend(at, metadata.results.iter().map(|result| (result.tool, result.error)));
        self.lines.push(LinePosition { offset: line.offset, len: length(line.len), first });
        let record = record.unwrap_or_else(|| ChainRecord::aside(metadata.time));
        self.chain(record);
        if let Some(turns) = metadata.rare.as_ref().and_then(|rare| rare.undone_turns) {
            self.undone.add(&self.marks, turns);
        }
        self.is_outdated |= metadata.marks.iter().any(|mark| self.lost_calls.contains(&mark.tool));
        if record.entries > 0 {
            self.record_usage(&metadata, first);
            self.marks.extend(&metadata.marks);
            self.shown.extend(first..count(self.marks.len()));
        }
    }

    /// Adds the entries of an earlier line, whose prompt was sent here.
    fn insert_prompt(&mut self, (offset, len): (u64, u64), marks: &[EntryMark], time: Option<Time>) {
        let first = count(self.marks.len());
        self.lines.push(LinePosition { offset, len: length(len), first });
        self.chain(ChainRecord::inserted(count(marks.len()), time));
        self.marks.extend(marks);
        self.shown.extend(first..count(self.marks.len()));
    }

    fn chain(&mut self, record: ChainRecord) {
        self.records.push(record);
        let other_is_shown = self.wanted_branch.is_some();
        self.left_branch = self.left_branch || other_is_shown || !self.tip.extend(&record);
    }

    /// Replaces the issue about the record that had no end at the last scan.
    pub(super) fn note_open_record(&mut self, now: Option<(u64, &str)>) {
        self.issues.retain(|issue| ![OPEN_RECORD, OPEN_LINE].contains(&&*issue.reason));
        if let Some((line, reason)) = now {
            self.add_damage(line, reason);
        }
    }

    /// Adds an issue about a line.
    pub(super) fn add_damage(&mut self, line: u64, reason: &str) {
        if self.issues.len() < ISSUES {
            self.issues.push(Issue { line: Some(line), ..Issue::new(&self.path, reason) });
        }
    }

    /// Assigns a reply's usage to the reply's first entry.
    fn record_usage(&mut self, metadata: &LineMetadata<'_>, first: u32) {
        let Some(ReplyUsage { key, tokens }) = metadata.usage.filter(|usage| usage.tokens.total() > 0) else { return };
        let first = *self.replies.entry(key).or_insert(first);
        let kept = self.usage.entry(first).or_default();
        if tokens.total() > kept.total() {
            *kept = tokens;
            self.changed_usage = self.changed_usage.into_iter().chain([first]).min();
        }
    }

    /// Assigns the growth of the total usage to the last entry before its record.
    fn record_total(&mut self, total: UsageTotal) {
        let grown = self.counts.add(total);
        if let Some(last) = self.marks.len().checked_sub(1).filter(|_| grown.total() > 0) {
            *self.usage.entry(count(last)).or_default() += grown;
            self.changed_usage = self.changed_usage.into_iter().chain([count(last)]).min();
        }
    }

    /// Returns the index of the first shown entry whose usage changed.
    pub(super) fn changed_usage(&self) -> Option<usize> {
        let changed = self.changed_usage?;
        let at = self.shown.partition_point(|mark| *mark < changed);
        Some(at).filter(|at| *at < self.shown.len())
    }
}

/// Converts the length of a line to 32 bits.
fn length(len: u64) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
