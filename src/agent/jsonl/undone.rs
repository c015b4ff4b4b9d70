//! Entries of turns that the user undid without a branch: a later record takes the last turns back.

use std::ops::Range;

use super::EntryMark;
use crate::domain::EntryKind;

/// Ranges of marks that were undone.
#[derive(Debug, Default)]
pub(super) struct UndoneTurns(Vec<Range<usize>>);

impl UndoneTurns {
    /// Adds the last turns among the marks, except those that were undone before.
    pub(super) fn add(&mut self, marks: &[EntryMark], turns: u32) {
        let is_prompt = |(at, mark): &(usize, &EntryMark)| mark.kind == EntryKind::Prompt && !self.contains(*at);
        let prompts = marks.iter().enumerate().rev().filter(is_prompt);
        if let Some((from, _)) = prompts.take(turns as usize).last() {
            self.0.push(from..marks.len());
        }
    }

    /// True if a mark was undone.
    pub(super) fn contains(&self, mark: usize) -> bool {
        self.0.iter().any(|range| range.contains(&mark))
    }
}
