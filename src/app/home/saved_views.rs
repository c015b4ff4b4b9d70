//! Saved views in the workspaces column.

use super::Home;
use crate::app::ctx::Ctx;
use crate::app::search::SavedView;

impl Home {
    /// Returns the name of the saved view with a query.
    pub fn view_name(&self, query: &str) -> Option<&str> {
        self.workspaces.views().iter().find(|view| view.query == query).map(|view| view.name.as_str())
    }

    /// Saves a view, instead of one with the same name.
    pub fn save_view(&mut self, view: SavedView, ctx: &mut Ctx) {
        ctx.notices.info(format!("Saved as “{}” in the workspaces column", view.name));
        let mut views = self.workspaces.views().to_vec();
        match views.iter_mut().find(|known| known.name == view.name) {
            Some(known) => *known = view,
            None => views.push(view),
        }
        ctx.effects.push(SavedView::save(&views));
        self.workspaces.set_views(views);
    }

    /// Deletes the selected view.
    pub(super) fn delete_view(&mut self, ctx: &mut Ctx) {
        let Some(deleted) = self.workspaces.view().cloned() else { return };
        let views: Vec<_> = self.workspaces.views().iter().filter(|view| **view != deleted).cloned().collect();
        ctx.notices.info(format!("Deleted view “{}”", deleted.name));
        ctx.effects.push(SavedView::save(&views));
        self.workspaces.set_views(views);
    }
}
