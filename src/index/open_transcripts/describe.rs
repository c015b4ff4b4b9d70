//! Description of an opened transcript: its length, its marks, its branches.

use std::sync::Arc;

use crate::agent::{Fork, MarkKind, TranscriptReader};
use crate::domain::Issue;
use crate::domain::transcript_event::{BranchPoint, TranscriptInfo};

/// Describes a transcript again after each change. The branch points are kept, because finding them takes long.
#[derive(Default)]
pub(super) struct TranscriptDescription {
    /// Branch points, for a number of branches of which one is shown.
    points: Option<((usize, usize), Arc<[BranchPoint]>)>,
}

impl TranscriptDescription {
    /// Drops what is known of entries from a changed one on.
    pub(super) fn outdate(&mut self, from: usize) {
        self.points.take_if(|(_, points)| from == 0 || points.iter().any(|point| point.entry >= from));
    }

    /// Describes the transcript.
    pub(super) fn describe(&mut self, reader: &mut dyn TranscriptReader) -> TranscriptInfo {
        TranscriptInfo {
            len: reader.len(),
            branches: reader.branches(),
            branch: reader.shown_branch(),
            branch_points: self.branch_points(reader),
            prompts: reader.marks(MarkKind::Prompts).into(),
            errors: reader.marks(MarkKind::Errors).into(),
            issues: reader.issues().iter().map(issue_text).collect(),
        }
    }

    fn branch_points(&mut self, reader: &mut dyn TranscriptReader) -> Arc<[BranchPoint]> {
        let state = (reader.branches(), reader.shown_branch());
        if state.0 < 2 {
            return Arc::default();
        }
        if let Some((_, points)) = self.points.as_ref().filter(|(known, _)| *known == state) {
            return points.clone();
        }
        let forks = reader.forks().into_iter();
        let points: Arc<[BranchPoint]> = forks.map(|fork| branch_point(fork, state.1)).collect();
        self.points = Some((state, points.clone()));
        points
    }
}

fn branch_point(Fork { entry, branches, heads }: Fork, shown: usize) -> BranchPoint {
    let shown = (shown, String::new());
    let mut all: Vec<_> = branches.into_iter().zip(heads).chain([shown]).collect();
    all.sort_unstable();
    let (branches, heads) = all.into_iter().unzip();
    BranchPoint { entry: entry.map_or(0, |last_shared| last_shared + 1), branches, heads }
}

fn issue_text(issue: &Issue) -> String {
    match issue.line {
        Some(line) => format!("line {line}: {}", issue.reason),
        None => issue.reason.clone(),
    }
}
