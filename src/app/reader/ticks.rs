//! Ticks of the scrollbar: entries by which a reader finds the way in the whole transcript.

use std::ops::Range;

use super::Reader;
use crate::domain::outline::{OutlineItem, OutlineKind};

/// Kind of a tick. Where several entries share a row, the first of these kinds is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// A match of the find query.
    Match,
    /// An error.
    Error,
    /// A prompt.
    Prompt,
    /// An edit of files.
    Edit,
}

impl Reader {
    /// Returns the most important tick among some entries.
    pub fn tick(&self, entries: Range<usize>) -> Option<Tick> {
        if entries.is_empty() {
            return None;
        }
        let live = |wanted: OutlineKind| {
            let is_wanted = |item: &OutlineItem| item.kind == wanted && entries.contains(&(self.clip + item.entry));
            entries.end > self.clip && self.outline.live().iter().any(is_wanted)
        };
        let stored = entries.start..entries.end.min(self.clip);
        let matches = self.find.as_ref().is_some_and(|find| any(find.entries(), &entries));
        let opened = self.opened.as_ref();
        let error = || opened.is_some_and(|opened| any(&opened.errors, &stored)) || live(OutlineKind::Error);
        let prompt = || opened.is_some_and(|opened| any(&opened.prompts, &stored)) || live(OutlineKind::Prompt);
        let edit = || any(self.outline.edits(), &stored) || live(OutlineKind::Edit);
        match () {
            () if matches => Some(Tick::Match),
            () if error() => Some(Tick::Error),
            () if prompt() => Some(Tick::Prompt),
            () if edit() => Some(Tick::Edit),
            () => None,
        }
    }
}

/// Returns true if any of the ascending indices is in the range.
fn any(indices: &[usize], range: &Range<usize>) -> bool {
    let at = indices.partition_point(|index| *index < range.start);
    indices.get(at).is_some_and(|index| *index < range.end)
}
