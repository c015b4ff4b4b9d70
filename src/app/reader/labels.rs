//! Labels of the toggles: the effect of the key in the present state.

use super::link_target::targets;
use super::{Action, Fold, Reader};
use crate::domain::Entry;

/// Maximum bytes of an entry that is searched for files and links in each frame.
const MAX_SEARCHED: usize = 16 << 10;

impl Reader {
    /// Returns the label of a toggle. `None` for other actions, whose label is always the same.
    pub fn label(&self, action: Action) -> Option<&'static str> {
        Some(match action {
            Action::Tools => match self.folds.tools.next() {
                Fold::Hidden => "hide tools",
                Fold::Line => "show tools",
                Fold::Few => "show output",
                Fold::Cut => "more output",
                Fold::Full => "all output",
            },
            Action::Thinking if self.folds.thinking == Fold::Full => "fold thinking",
            Action::Thinking => "unfold thinking",
            Action::Follow if self.is_following() => "stop following",
            Action::Follow => "follow",
            Action::Expand if self.has_targets() => "open or fold",
            Action::Expand if self.is_unfolded() => "fold",
            Action::Expand => "unfold",
            _ => return None,
        })
    }

    /// Returns true if the key that unfolds offers the files and links of the current entry.
    pub fn has_targets(&self) -> bool {
        self.is_unfolded() && self.current().is_some_and(has_targets)
    }

    /// Returns true if the current entry is shown as a whole.
    fn is_unfolded(&self) -> bool {
        self.current().is_some_and(|entry| self.folds.of(self.cursor(), entry) == Fold::Full)
    }
}

fn has_targets(entry: &Entry) -> bool {
    let output = entry.tool.as_ref().map_or(0, |tool| tool.output.len());
    entry.text.len() + output <= MAX_SEARCHED && !targets(entry).is_empty()
}
