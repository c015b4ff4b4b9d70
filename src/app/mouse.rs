//! Clicks and the wheel. What lies under them was told by the last frame.

use super::action::Action;
use super::approvals::Among;
use super::chat::Focus;
use super::home::Pane;
use super::layer::Layer;
use super::msg::{Area, Mouse, Target};
use super::{App, Effect};

/// Rows that one turn of the wheel moves.
const WHEEL: i32 = 3;

impl App {
    pub(super) fn mouse(&mut self, kind: Mouse, column: u16, row: u16) -> Vec<Effect> {
        let target = self.target(column, row);
        match kind {
            Mouse::Click => self.click(target),
            Mouse::WheelUp => self.wheel(&target, -WHEEL),
            Mouse::WheelDown => self.wheel(&target, WHEEL),
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
            (Target::Nothing | Target::Beside, Some(Layer::Help(_) | Layer::Issues(_) | Layer::Palette(_))) => {
                self.act(Action::Back)
            }
            (target, Some(Layer::Inbox(_))) => self.click_in_inbox(&target),
            (Target::Choice(row), Some(Layer::Picker(_))) => self.click_in_picker(row),
            (Target::Answer(row), Some(Layer::Chat(chat))) => {
                let run = chat.run.clone();
                run.map_or_else(Vec::new, |run| self.desk.click(row, &self.runs, &Among::Run(run)))
            }
            (target, Some(Layer::Search(_))) => self.click_in_search(&target),
            (Target::Workspace(row), None) => {
                self.home.focus = Pane::Workspaces;
                if self.home.workspaces.choose(row) {
                    self.home.restart(&self.known);
                }
                self.selection_moved()
            }
            (Target::Row(row), None) => self.click_row(row),
            (target @ (Target::Preview | Target::Entry(_)), None) => {
                self.home.focus = Pane::Preview;
                if let (Target::Entry(index), Some(reader)) = (target, self.home.preview.reader_mut()) {
                    reader.select(index);
                }
                Vec::new()
            }
            (Target::Composer, Some(Layer::Chat(_))) => {
                if let Some(chat) = self.chat_mut() {
                    chat.focus = Focus::Composer;
                }
                Vec::new()
            }
            (Target::Beside, Some(Layer::Reader(_) | Layer::Chat(_))) => self.other_pane(),
            (Target::Entry(index), Some(Layer::Reader(_) | Layer::Chat(_))) => {
                if let Some(reader) = self.layers.last_mut().and_then(Layer::reader_mut) {
                    reader.select(index);
                }
                Vec::new()
            }
            (
                Target::Preview
                | Target::Composer
                | Target::Beside
                | Target::Entry(_)
                | Target::Choice(_)
                | Target::Answer(_)
                | Target::Nothing,
                _,
            )
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

    /// As in the list: the first click selects, and one on what is selected opens.
    fn click_in_search(&mut self, target: &Target) -> Vec<Effect> {
        let Some(search) = self.searching() else { return Vec::new() };
        match *target {
            Target::Row(row) if search.results.at() == row => self.act(Action::Open),
            Target::Row(row) => {
                search.results.choose(row);
                self.result_moved()
            }
            Target::Workspace(_)
            | Target::Preview
            | Target::Entry(_)
            | Target::Choice(_)
            | Target::Answer(_)
            | Target::Composer
            | Target::Beside
            | Target::Nothing => Vec::new(),
        }
    }

    /// Scrolls what is under the mouse, which need not be what has the focus.
    fn wheel(&mut self, target: &Target, lines: i32) -> Vec<Effect> {
        let rows = isize::try_from(lines).unwrap_or_default();
        match (self.layers.last_mut(), target) {
            (Some(Layer::Help(help)), _) => help.scroll.by(rows),
            (Some(Layer::Issues(issues)), _) => issues.scroll.by(rows),
            (Some(Layer::Reader(_) | Layer::Chat(_)), Target::Beside) => {
                if let Some(reader) = self.beside.as_mut().and_then(Layer::reader_mut) {
                    reader.scroll(lines);
                }
            }
            (Some(Layer::Reader(reader)), _) => reader.scroll(lines),
            (Some(Layer::Search(search)), Target::Preview | Target::Entry(_)) => {
                if let Some(reader) = search.preview.reader_mut() {
                    reader.scroll(lines);
                }
            }
            (Some(Layer::Search(search)), _) => {
                search.results.step(rows.signum());
                return self.result_moved();
            }
            (None, Target::Preview | Target::Entry(_)) => {
                if let Some(reader) = self.home.preview.reader_mut() {
                    reader.scroll(lines);
                }
            }
            (None, Target::Workspace(_)) => {
                let row = self.home.workspaces.at().saturating_add_signed(rows.signum());
                if self.home.workspaces.choose(row) {
                    self.home.restart(&self.known);
                }
                return self.selection_moved();
            }
            (None, Target::Row(_)) => {
                self.home.list.step(rows);
                return self.selection_moved();
            }
            (Some(Layer::Chat(chat)), _) => chat.reader.scroll(lines),
            (Some(_), _)
            | (None, Target::Choice(_) | Target::Answer(_) | Target::Composer | Target::Beside | Target::Nothing) => {}
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
