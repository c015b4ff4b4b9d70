//! Page of the trash: restores sessions, or deletes them permanently.

mod keys;

use super::scroll;
use crate::domain::trash_item::TrashItem;

/// State of the page.
#[derive(Clone, Debug, Default)]
pub struct TrashPage {
    /// The sessions, newest first, or the reason why they cannot be read; `None` until they are loaded.
    pub items: Option<Result<Vec<TrashItem>, String>>,
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
        self.select(self.at);
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
