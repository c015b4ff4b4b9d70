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

    /// Follows marks that moved because others were inserted.
    pub(super) fn move_to(&mut self, to: impl Fn(u32) -> u32) {
        let to = |mark: usize| u32::try_from(mark).map_or(mark, |mark| to(mark) as usize);
        for range in &mut self.0 {
            *range = to(range.start)..range.end.checked_sub(1).map_or(0, |last| to(last) + 1);
        }
    }

    /// True if a mark was undone.
    pub(super) fn contains(&self, mark: usize) -> bool {
        self.0.iter().any(|range| range.contains(&mark))
    }
}
