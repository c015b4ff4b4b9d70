//! Page of the trash: restores sessions, or deletes them permanently.

mod keys;

use std::collections::BTreeSet;

use super::scroll;
use crate::domain::SessionKey;
use crate::domain::trash_item::TrashItem;

/// State of the page.
#[derive(Clone, Debug, Default)]
pub struct TrashPage {
    /// The sessions, newest first, or the reason why they cannot be read; `None` until they are loaded.
    pub items: Option<Result<Vec<TrashItem>, String>>,
    /// Sessions marked for an action on several.
    pub marked: BTreeSet<SessionKey>,
    /// The selected row.
    pub at: usize,
    /// The first row on the screen.
    pub top: usize,
    height: usize,
}

impl TrashPage {
    /// Applies the loaded sessions. The selection keeps its row.
    pub fn loaded(&mut self, items: Result<Vec<TrashItem>, String>) {
        self.items = Some(items);
        let left: BTreeSet<_> = self.rows().iter().map(|item| item.key.clone()).collect();
        self.marked.retain(|key| left.contains(key));
        self.select(self.at);
    }

    /// Returns the sessions that an action applies to: the marked ones, else the selected one.
    pub fn chosen(&self) -> Vec<&TrashItem> {
        if self.marked.is_empty() {
            return self.rows().get(self.at).into_iter().collect();
        }
        self.rows().iter().filter(|item| self.marked.contains(&item.key)).collect()
    }

    /// Marks the selected session and moves to the next one, or unmarks it.
    fn toggle_mark(&mut self) {
        let Some(key) = self.rows().get(self.at).map(|item| item.key.clone()) else { return };
        if !self.marked.remove(&key) {
            self.marked.insert(key);
        }
        self.step(1);
    }

    /// Marks all sessions, or none if all are marked.
    fn toggle_all_marks(&mut self) {
        let all: BTreeSet<_> = self.rows().iter().map(|item| item.key.clone()).collect();
        self.marked = if self.marked == all { BTreeSet::new() } else { all };
    }

    /// Returns the sessions that are loaded.
    pub fn rows(&self) -> &[TrashItem] {
        self.items.as_ref().and_then(|items| items.as_deref().ok()).unwrap_or_default()
    }

    /// Sets the number of visible rows.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.select(self.at);
    }

    /// Moves the selection.
    pub fn step(&mut self, by: isize) {
        self.select(self.at.saturating_add_signed(by));
    }

    fn select(&mut self, row: usize) {
        let len = self.rows().len();
        self.at = row.min(len.saturating_sub(1));
        self.top = scroll::reveal(self.top, self.at, self.height, len);
    }
}
