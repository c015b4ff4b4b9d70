//! Marked results: the sessions of a search to which one action applies.

use std::collections::BTreeSet;

use super::SearchScreen;
use crate::app::ctx::Ctx;
use crate::domain::SessionKey;

impl SearchScreen {
    /// Returns the marked sessions that are listed. A mark on a session that is no longer listed must not be acted on.
    pub fn marked_sessions(&self) -> Vec<SessionKey> {
        self.results.keys().filter(|key| self.marked.contains(*key)).cloned().collect()
    }

    /// Marks the selected session and moves to the next one, or unmarks it.
    pub(super) fn toggle_mark(&mut self) {
        let Some(key) = self.results.key().cloned() else { return };
        if let Some(next) = self.results.neighbour(&key, true).cloned() {
            self.results.select(&next);
        }
        if !self.marked.remove(&key) {
            self.marked.insert(key);
        }
    }

    /// Marks all sessions that were found so far, or none if all are marked.
    pub(super) fn toggle_all_marks(&mut self, ctx: &mut Ctx) {
        let found: BTreeSet<_> = self.results.keys().cloned().collect();
        self.marked = if self.marked == found { BTreeSet::new() } else { found };
        if !self.marked.is_empty() && !self.is_complete() {
            ctx.notices.info(format!("Marked the {} sessions found so far; the search continues", self.marked.len()));
        }
    }
}
