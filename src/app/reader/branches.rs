//! Branches of a transcript: where they part, and steps from one to the next.

use super::{Effect, Reader};
use crate::domain::transcript_event::BranchPoint;

impl Reader {
    /// Returns the branch point directly before an entry.
    pub fn branch_point(&self, entry: usize) -> Option<&BranchPoint> {
        let points = &self.opened.as_ref()?.branch_points;
        let at = points.binary_search_by_key(&entry, |point| point.entry).ok()?;
        points.get(at).filter(|_| entry < self.clip)
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
        let Some(BranchPoint { entry, branches }) = above.or(points.first()) else { return Vec::new() };
        let at = branches.iter().position(|branch| *branch == opened.branch).unwrap_or_default();
        let next = (if forward { at + 1 } else { at + branches.len() - 1 }) % branches.len();
        let (entry, branch) = (*entry, branches[next]);
        self.go_to(entry);
        vec![Effect::ShowBranch(self.ticket, branch)]
    }

    /// Returns the effect that shows the branch again that was shown before a transcript was reopened.
    pub(super) fn restore_branch(&mut self) -> Option<Effect> {
        let opened = self.opened.as_ref()?;
        let wanted = self.branch.filter(|branch| *branch != opened.branch && *branch < opened.branches)?;
        Some(Effect::ShowBranch(self.ticket, wanted))
    }
}
