//! Clicks and the wheel. What lies under them was told by the last frame.

use super::action::Action;
use super::home::Pane;
use super::layer::Layer;
use super::msg::{Area, Mouse, Target};
use super::{App, Effect};

/// Rows that one turn of the wheel moves.
const WHEEL: usize = 3;

impl App {
    pub(super) fn mouse(&mut self, kind: Mouse, column: u16, row: u16) -> Vec<Effect> {
        let target = self.target(column, row);
        match kind {
            Mouse::Click => self.click(target),
            Mouse::WheelUp => self.wheel(&target, Action::Up),
            Mouse::WheelDown => self.wheel(&target, Action::Down),
        }
    }

    fn target(&self, column: u16, row: u16) -> Target {
        let under = self.drawn.regions.iter().rev().find(|(area, _)| area.contains(column, row));
        under.map_or(Target::Nothing, |(_, target)| target.clone())
    }

    fn click(&mut self, target: Target) -> Vec<Effect> {
        match (target, self.layers.last()) {
            (Target::Choice(row), Some(Layer::Dialog(dialog))) => {
                let answer = dialog.take(row);
                self.answered(answer)
            }
            (Target::Choice(row), Some(Layer::Palette(palette))) => {
                let picked = palette.take(row);
                self.picked(picked)
            }
            // A click beside an overlay closes it; beside a question it must not decide anything.
            (Target::Nothing, Some(Layer::Help(_) | Layer::Issues(_) | Layer::Palette(_))) => self.act(Action::Back),
            (Target::Workspace(row), None) => {
                self.home.focus = Pane::Workspaces;
                if self.home.workspaces.choose(row) {
                    self.home.restart(&self.known);
                }
                self.selection_moved()
            }
            (Target::Row(row), None) => self.click_row(row),
            (Target::Preview | Target::Entry(_), None) => {
                self.home.focus = Pane::Preview;
                Vec::new()
            }
            (Target::Preview | Target::Entry(_) | Target::Choice(_) | Target::Nothing, _)
            | (Target::Workspace(_) | Target::Row(_), Some(_)) => Vec::new(),
        }
    }

    /// The first click selects, and one on what is selected opens: a click that only gives the window the focus
    /// must not open anything.
    fn click_row(&mut self, row: usize) -> Vec<Effect> {
        let again = self.home.focus == Pane::Sessions && self.home.list.at() == Some(row);
        self.home.focus = Pane::Sessions;
        if again {
            return self.act(Action::Open);
        }
        self.home.list.choose(row);
        self.selection_moved()
    }

    /// Scrolls what is under the mouse, which need not be what has the focus.
    fn wheel(&mut self, target: &Target, by: Action) -> Vec<Effect> {
        let lines = if by == Action::Up { -WHEEL.cast_signed() } else { WHEEL.cast_signed() };
        match (self.layers.last_mut(), target) {
            (Some(Layer::Help(help)), _) => help.scroll.by(lines),
            (Some(Layer::Issues(issues)), _) => issues.scroll.by(lines),
            (Some(Layer::Palette(_) | Layer::Dialog(_)), _) => {}
            (Some(Layer::Reader(reader)), _) => {
                return (0..WHEEL).flat_map(|_| reader.act(by).unwrap_or_default()).collect();
            }
            (None, Target::Preview | Target::Entry(_)) => {
                let Some(reader) = self.home.preview.reader_mut() else { return Vec::new() };
                return (0..WHEEL).flat_map(|_| reader.act(by).unwrap_or_default()).collect();
            }
            (None, Target::Workspace(_)) => {
                let row = self.home.workspaces.at().saturating_add_signed(lines.signum());
                if self.home.workspaces.choose(row) {
                    self.home.restart(&self.known);
                }
                return self.selection_moved();
            }
            (None, Target::Row(_)) => {
                self.home.list.step(lines);
                return self.selection_moved();
            }
            (None, Target::Choice(_) | Target::Nothing) => {}
        }
        Vec::new()
    }
}

impl Area {
    /// Whether a point lies in it.
    pub fn contains(self, column: u16, row: u16) -> bool {
        let within = |at: u16, from: u16, len: u16| at >= from && at - from < len;
        within(column, self.x, self.width) && within(row, self.y, self.height)
    }
}
