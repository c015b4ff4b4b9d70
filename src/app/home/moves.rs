//! Navigation on the home screen: in the list, in the workspaces column, between panes.

use super::{Home, Pane, Panes, Sessions};
use crate::app::Action;

/// Outcome of a navigation action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Not a navigation action of this pane.
    No,
    /// The selection or the focus moved.
    Yes,
}

impl Home {
    /// Performs a navigation action. The preview's navigation is its reader's.
    pub fn go(&mut self, action: Action, panes: Panes, sessions: &Sessions) -> Moved {
        match action {
            Action::Left => self.change_pane(panes, -1),
            Action::Right => self.change_pane(panes, 1),
            _ => match self.focus {
                Pane::Sessions => return self.go_in_list(action),
                Pane::Workspaces => return self.go_in_column(action, sessions),
                Pane::Preview => return Moved::No,
            },
        }
        Moved::Yes
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

    fn go_in_list(&mut self, action: Action) -> Moved {
        let Some(by) = steps(action, self.list.height()) else { return Moved::No };
        self.list.step(by);
        Moved::Yes
    }

    fn go_in_column(&mut self, action: Action, sessions: &Sessions) -> Moved {
        let Some(by) = steps(action, self.workspaces.height()) else { return Moved::No };
        let row = self.workspaces.at().saturating_add_signed(by);
        if self.workspaces.choose(row) {
            self.restart(sessions);
        }
        Moved::Yes
    }
}

/// Returns the number of rows by which an action moves in a list with `height` visible rows.
pub fn steps(action: Action, height: usize) -> Option<isize> {
    let page = isize::try_from(height).unwrap_or(isize::MAX).max(2);
    Some(match action {
        Action::Down => 1,
        Action::Up => -1,
        Action::HalfDown => page / 2,
        Action::HalfUp => -(page / 2),
        Action::PageDown => page - 1,
        Action::PageUp => 1 - page,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        _ => return None,
    })
}
