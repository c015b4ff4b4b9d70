//! Branches of a transcript: where they part, and steps from one to the next.

use super::{Anchor, Effect, Reader};
use crate::domain::transcript_event::{BranchPoint, TranscriptInfo};

/// Rows above the first entry of a branch: the mark with blank rows around it, and the end of what the branches share.
const ROWS_ABOVE: i32 = 5;

impl Reader {
    /// Returns the branch point directly before an entry.
    pub fn branch_point(&self, entry: usize) -> Option<&BranchPoint> {
        let points = &self.opened.as_ref()?.branch_points;
        let at = points.binary_search_by_key(&entry, |point| point.entry).ok()?;
        points.get(at).filter(|_| entry < self.clip)
    }

    /// Returns the number of the shown branch, from 0; `None` for the newest one, until the transcript is opened.
    pub fn shown_branch(&self) -> Option<usize> {
        self.opened.as_ref().map(|opened| opened.branch)
    }

    /// Returns true if other branches can be shown: a run continues only one.
    pub fn has_branches(&self) -> bool {
        self.tail.is_empty() && self.opened.as_ref().is_some_and(|opened| !opened.branch_points.is_empty())
    }

    /// Shows the next or previous branch of those that part at or above the current entry, else of the first ones below.
    /// Goes to the first entry that differs.
    pub(super) fn step_branch(&mut self, forward: bool) -> Vec<Effect> {
        let Some(opened) = self.opened.as_ref().filter(|_| self.has_branches()) else { return Vec::new() };
        let (cursor, points) = (self.cursor(), &opened.branch_points);
        let above = points.iter().rfind(|point| point.entry <= cursor + 1);
        let Some(BranchPoint { entry, branches, .. }) = above.or(points.first()) else { return Vec::new() };
        let at = branches.iter().position(|branch| *branch == opened.branch).unwrap_or_default();
        let next = (if forward { at + 1 } else { at + branches.len() - 1 }) % branches.len();
        let (entry, branch) = (*entry, branches[next]);
        self.show_branch_at(branch, entry)
    }

    /// Shows a branch, and goes to the entry before which it parts.
    pub(super) fn show_branch_at(&mut self, branch: usize, entry: usize) -> Vec<Effect> {
        self.branch_jump = Some(entry);
        vec![Effect::ShowBranch(self.ticket, branch)]
    }

    /// Returns the number of entries that a newly shown branch shares with the one before; `None` for the same branch.
    pub(super) fn shared_with(&self, opened: &TranscriptInfo) -> Option<usize> {
        let before = self.opened.as_ref().filter(|before| before.branch != opened.branch)?.branch;
        let part_from_it = opened.branch_points.iter().filter(|point| point.branches.contains(&before));
        Some(part_from_it.map(|point| point.entry).min().unwrap_or(0))
    }

    /// Goes to the place at which the requested branch parts, once it is shown.
    pub(super) fn go_to_branch(&mut self) {
        let Some(entry) = self.branch_jump.take() else { return };
        self.go_to(entry);
        self.anchor = Anchor::line(self.cursor(), -ROWS_ABOVE, 0);
    }

    /// Returns the effect that shows the branch again that was shown before a transcript was reopened.
    pub(super) fn restore_branch(&mut self) -> Option<Effect> {
        let opened = self.opened.as_ref()?;
        let wanted = self.branch.filter(|branch| *branch != opened.branch && *branch < opened.branches)?;
        Some(Effect::ShowBranch(self.ticket, wanted))
    }
}
