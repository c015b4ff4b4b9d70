//! Mouse clicks and wheel events. The last frame reported the targets on the screen.

use super::action::Action;
use super::approvals::ApprovalScope;
use super::chat::ChatFocus;
use super::home::Pane;
use super::layer::Layer;
use super::msg::{Area, Mouse, Target};
use super::{App, Effect};

/// Rows per wheel event.
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
        let hit = self.layout.regions.iter().rev().find(|(area, _)| area.contains(column, row));
        hit.map_or(Target::Nothing, |(_, target)| target.clone())
    }

    fn click(&mut self, target: Target) -> Vec<Effect> {
        match (target, self.layers.last()) {
            (Target::Choice(row), Some(Layer::Dialog(dialog))) => {
                let answer = dialog.choose(row);
                self.answered(answer)
            }
            (Target::Choice(row), Some(Layer::Palette(palette))) => {
                let picked = palette.pick(row);
                self.picked(picked)
            }
            // A click outside an overlay closes it; outside a dialog it must not decide anything.
            (Target::Nothing | Target::Pinned, Some(Layer::Help(_) | Layer::Issues(_) | Layer::Palette(_))) => {
                self.act(Action::Back)
            }
            (target, Some(Layer::Inbox(_))) => self.click_in_inbox(&target),
            (Target::Choice(row), Some(Layer::Picker(_))) => self.click_in_picker(row),
            (Target::Answer(row), Some(Layer::Chat(chat))) => {
                let run = chat.run.clone();
                run.map_or_else(Vec::new, |run| self.approvals.click(row, &self.runs, &ApprovalScope::Run(run)))
            }
            (target, Some(Layer::Search(_))) => self.click_in_search(&target),
            (Target::Workspace(row), None) => self.click_workspace(row),
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
                    chat.focus = ChatFocus::Composer;
                }
                Vec::new()
            }
            (Target::Pinned, Some(Layer::Reader(_) | Layer::Chat(_))) => self.other_pane(),
            (Target::Entry(index), Some(Layer::Reader(_) | Layer::Chat(_))) => {
                if let Some(reader) = self.layers.last_mut().and_then(Layer::reader_mut) {
                    reader.select(index);
                }
                Vec::new()
            }
            (
                Target::Preview
                | Target::Composer
                | Target::Pinned
                | Target::Entry(_)
                | Target::Choice(_)
                | Target::Answer(_)
                | Target::Nothing,
                _,
            )
            | (Target::Workspace(_) | Target::Row(_), Some(_)) => Vec::new(),
        }
    }

    fn click_workspace(&mut self, row: usize) -> Vec<Effect> {
        self.home.focus = Pane::Workspaces;
        if self.home.workspaces.choose(row) {
            self.home.restart(&self.sessions);
        }
        self.selection_moved()
    }

    /// Selects a row on the first click and opens it on the second: a click that only focuses the window must not open
    /// anything.
    fn click_row(&mut self, row: usize) -> Vec<Effect> {
        let again = self.home.focus == Pane::Sessions && self.home.list.at() == Some(row);
        self.home.focus = Pane::Sessions;
        if again {
            return self.act(Action::Open);
        }
        self.home.list.choose(row);
        self.selection_moved()
    }

    /// Selects a result on the first click and opens it on the second.
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
            | Target::Pinned
            | Target::Nothing => Vec::new(),
        }
    }

    /// Scrolls the pane under the mouse, which need not have the focus.
    fn wheel(&mut self, target: &Target, lines: i32) -> Vec<Effect> {
        let rows = isize::try_from(lines).unwrap_or_default();
        match (self.layers.last_mut(), target) {
            (Some(Layer::Help(help)), _) => help.scroll.by(rows),
            (Some(Layer::Issues(issues)), _) => issues.scroll.by(rows),
            (Some(Layer::Reader(_) | Layer::Chat(_)), Target::Pinned) => {
                if let Some(reader) = self.pinned.as_mut().and_then(Layer::reader_mut) {
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
                    self.home.restart(&self.sessions);
                }
                return self.selection_moved();
            }
            (None, Target::Row(_)) => {
                self.home.list.step(rows);
                return self.selection_moved();
            }
            (Some(Layer::Chat(chat)), _) => chat.reader.scroll(lines),
            (Some(_), _)
            | (None, Target::Choice(_) | Target::Answer(_) | Target::Composer | Target::Pinned | Target::Nothing) => {}
        }
        Vec::new()
    }
}

impl Area {
    /// Returns true if the area contains a point.
    pub fn contains(self, column: u16, row: u16) -> bool {
        let within = |at: u16, from: u16, len: u16| at >= from && at - from < len;
        within(column, self.x, self.width) && within(row, self.y, self.height)
    }
}
