//! Navigation on the home screen: in the list, in the workspaces column, between panes.

use super::{Home, Pane, Panes};
use crate::app::action::Action;
use crate::app::scroll::steps;
use crate::app::sessions::Sessions;

impl Home {
    /// Performs a navigation action. Returns false if it is another action. The preview's navigation is its reader's.
    pub(super) fn go(&mut self, action: Action, panes: Panes, sessions: &Sessions) -> bool {
        match action {
            Action::Left => self.change_pane(panes, -1),
            Action::Right => self.change_pane(panes, 1),
            _ => match self.focus {
                Pane::Sessions => return self.go_in_list(action),
                Pane::Workspaces => return self.go_in_column(action, sessions),
                Pane::Preview => return false,
            },
        }
        true
    }

    /// Moves the focus away from a hidden pane.
    pub fn refocus(&mut self, panes: Panes) {
        if !panes.shows(self.focus) {
            self.focus = Pane::Sessions;
        }
    }

    fn change_pane(&mut self, panes: Panes, by: isize) {
        const ORDER: [Pane; 3] = [Pane::Workspaces, Pane::Sessions, Pane::Preview];
        let now = ORDER.iter().position(|pane| *pane == self.focus).unwrap_or(1);
        let next = now.checked_add_signed(by).and_then(|at| ORDER.get(at)).copied();
        if let Some(pane) = next.filter(|pane| panes.shows(*pane)) {
            self.focus = pane;
            self.workspaces.leave_views();
            self.list.pin_selection();
        }
    }

    fn go_in_list(&mut self, action: Action) -> bool {
        let Some(by) = steps(action, self.list.height()) else { return false };
        self.list.step(by);
        true
    }

    fn go_in_column(&mut self, action: Action, sessions: &Sessions) -> bool {
        let Some(by) = steps(action, self.workspaces.height()) else { return false };
        let row = self.workspaces.at().saturating_add_signed(by);
        if self.workspaces.choose(row) {
            self.restart(sessions);
        }
        true
    }
}
