//! Decoding of entries from their lines and from those of their results.

use std::collections::{HashMap, HashSet};
use std::io;

use super::{TranscriptIndex, count, lost_calls};
use crate::agent::TextLimit;
use crate::agent::jsonl::EntryMark;
use crate::domain::event::EventBody;
use crate::domain::transcript::Transcript;
use crate::domain::{Entry, EntryKey, EntryKind, Event, Role};

/// Maximum entries of a line that is decoded anew for each page.
const MAX_MARKS_PER_PAGE: usize = 256;

impl TranscriptIndex {
    /// Finds the lines with results of the tool calls among some marks.
    pub(super) fn result_lines(&mut self, marks: &[u32]) -> Vec<usize> {
        self.index_calls();
        let tools = marks.iter().map(|&mark| (mark, self.marks[mark as usize].tool)).filter(|(_, tool)| *tool != 0);
        let mut lines: Vec<usize> = tools
            .flat_map(|(mark, tool)| self.results.of(tool, count(self.line_of(mark))).map(|(line, _)| line as usize))
            .collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    pub(super) fn index_calls(&mut self) {
        let lines = &self.lines;
        self.results.index(&self.marks, |mark| count(lines.partition_point(|line| line.first <= mark) - 1));
    }

    /// Returns the number of marks before a call with the id of an earlier one, whose results must be folded first.
    fn until_repeated_call(&self, marks: &[u32]) -> usize {
        let mut calls = HashSet::new();
        let is_repeated = |&mark: &u32| {
            let tool = self.marks[mark as usize].tool;
            tool != 0 && !calls.insert(tool)
        };
        marks.iter().position(is_repeated).unwrap_or(marks.len())
    }

    /// Decodes and folds the entries of some marks, which must be in order.
    pub(super) fn decode(&mut self, wanted: &[u32]) -> io::Result<Transcript> {
        let mut transcript = Transcript::default();
        let mut rest = wanted;
        while !rest.is_empty() {
            let (marks, later) = rest.split_at(self.until_repeated_call(rest));
            self.decode_entries(marks, &mut transcript)?;
            self.decode_results(marks, &mut transcript)?;
            rest = later;
        }
        Ok(transcript)
    }

    fn decode_entries(&mut self, wanted: &[u32], transcript: &mut Transcript) -> io::Result<()> {
        let mut rest = wanted;
        while let Some(&first) = rest.first() {
            let line = self.line_of(first);
            let end = self.marks_of(line).end;
            let (here, later) = rest.split_at(rest.partition_point(|&mark| mark < end));
            rest = later;
            if self.marks_of(line).len() > MAX_MARKS_PER_PAGE {
                self.decode_wide(line, here, transcript)?;
                continue;
            }
            let marks = here.iter().map(|&mark| self.marks[mark as usize]);
            let (results, marks): (Vec<EntryMark>, Vec<EntryMark>) = marks.partition(lost_calls::is_result);
            let keys: HashSet<EntryKey> = marks.iter().map(|mark| mark.key).collect();
            let bytes = self.bytes(line)?;
            let bytes = self.readable(line, &bytes);
            results.iter().for_each(|mark| self.begin_lost_call(&bytes, mark, transcript));
            self.dialect.decode(&bytes, &marks, &mut |event| {
                if keys.contains(&event.key) {
                    transcript.apply(event);
                }
            });
        }
        Ok(())
    }

    /// Folds some entries of a line with many, which is decoded once for all of its pages.
    fn decode_wide(&mut self, line: usize, wanted: &[u32], transcript: &mut Transcript) -> io::Result<()> {
        if self.wide_line.as_ref().is_none_or(|(decoded, _)| *decoded != line) {
            let marks: Vec<EntryMark> = self.marks_of(line).map(|mark| self.marks[mark as usize]).collect();
            let bytes = self.bytes(line)?;
            let bytes = self.readable(line, &bytes);
            let mut events: HashMap<EntryKey, Vec<Event>> = HashMap::with_capacity(marks.len());
            self.dialect.decode(&bytes, &marks, &mut |event| events.entry(event.key).or_default().push(event));
            self.wide_line = Some((line, events));
        }
        let Some((_, events)) = &self.wide_line else { return Ok(()) };
        for mark in wanted {
            for event in events.get(&self.marks[*mark as usize].key).into_iter().flatten() {
                transcript.apply(event.clone());
            }
        }
        Ok(())
    }

    fn decode_results(&mut self, marks: &[u32], transcript: &mut Transcript) -> io::Result<()> {
        for line in self.result_lines(marks) {
            let bytes = self.bytes(line)?;
            let bytes = self.readable(line, &bytes);
            self.dialect.decode_results(&bytes, &mut |event| {
                // The transcript ignores updates of calls that it does not contain.
                if matches!(event.body, EventBody::ToolUpdate { .. }) {
                    transcript.apply(event);
                }
            });
        }
        Ok(())
    }
}

/// Placeholder for an entry whose line has changed since it was scanned.
pub(super) fn unreadable_entry(key: EntryKey) -> Entry {
    let mut entry = Entry::new(key, EntryKind::Other, Role::System, None);
    "(this record could not be read)".clone_into(&mut entry.text);
    entry
}

/// Truncates the long texts of an entry.
pub(super) fn truncate(entry: &mut Entry, TextLimit(limit): TextLimit) {
    let output = entry.tool.as_mut().map(|tool| &mut tool.output);
    for text in [Some(&mut entry.text), output].into_iter().flatten().filter(|text| text.len() > limit) {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.shrink_to_fit();
        entry.truncated = true;
    }
}
