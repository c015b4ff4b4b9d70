//! Keys and clicks on the page of usage.

use super::{StatsPage, StatsPeriod, UsageGroup};
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::app::scroll::steps;
use crate::config::key::{Key, KeyCode};

/// Key contexts of the page, nearest first.
pub const KEY_CONTEXTS: &[KeyContext] = &[KeyContext::Move, KeyContext::Everywhere];

impl StatsPage {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &Ctx) -> Flow {
        match key.code {
            KeyCode::Char(digit @ '1'..='5') if key == Key::char(digit) => {
                let number = usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or_default();
                self.period = StatsPeriod::ALL.get(number).copied().unwrap_or_default();
                self.restart(ctx);
            }
            KeyCode::Tab => {
                self.scope = if self.scope.is_some() { None } else { self.workspace.clone() };
                self.restart(ctx);
            }
            KeyCode::Enter => return self.open_selected(ctx),
            _ => return self.navigate(key, ctx),
        }
        Flow::Stay
    }

    fn navigate(&mut self, key: Key, ctx: &Ctx) -> Flow {
        match ctx.keymap.action(key, KEY_CONTEXTS) {
            Some(Action::Left) => self.switch_group(UsageGroup::ALL.len() - 1),
            Some(Action::Right) => self.switch_group(1),
            Some(Action::Back | Action::Leave | Action::Stats) => return Flow::Pop,
            Some(action) => match steps(action, self.height) {
                Some(by) => self.select(self.selected.saturating_add_signed(by)),
                None => return Flow::Act(action),
            },
            None => {}
        }
        Flow::Stay
    }

    /// Handles a click: selects a row, or opens the selected one.
    pub fn click(&mut self, target: &Target, ctx: &Ctx) -> Flow {
        match *target {
            Target::Choice(row) if row == self.selected => return self.open_selected(ctx),
            Target::Choice(row) => self.select(row),
            _ => {}
        }
        Flow::Stay
    }

    /// Scrolls the list.
    pub fn wheel(&mut self, lines: i32) {
        self.select(self.selected.saturating_add_signed(isize::try_from(lines).unwrap_or_default()));
    }

    /// Opens the selected session, or limits the page to the selected workspace.
    fn open_selected(&mut self, ctx: &Ctx) -> Flow {
        if let Some(key) = self.session() {
            return Flow::Open(key.clone());
        }
        if self.group == UsageGroup::Workspaces
            && let Some((workspace, _)) = self.report.workspaces.get(self.selected)
        {
            (self.scope, self.workspace) = (Some(workspace.clone()), Some(workspace.clone()));
            self.group = UsageGroup::Sessions;
            self.restart(ctx);
        }
        Flow::Stay
    }

    fn switch_group(&mut self, by: usize) {
        let at = UsageGroup::ALL.iter().position(|group| *group == self.group).unwrap_or_default();
        self.group = UsageGroup::ALL[(at + by) % UsageGroup::ALL.len()];
        (self.top, self.selected) = (0, 0);
    }

    fn restart(&mut self, ctx: &Ctx) {
        (self.top, self.selected) = (0, 0);
        self.refresh(ctx);
    }
}
