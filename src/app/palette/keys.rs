//! Keys and clicks in the palette.

use super::Palette;
use crate::app::flow::Flow;
use crate::app::line_editor::list_step;
use crate::app::msg::Target;
use crate::app::text_overlays::closes_outside;
use crate::config::key::{Key, KeyCode};

impl Palette {
    /// Handles a key.
    pub fn key(&mut self, key: Key) -> Flow {
        match key.code {
            KeyCode::Esc if self.input.is_empty() => return Flow::Pop,
            KeyCode::Esc => {
                self.input.clear();
                self.search();
            }
            KeyCode::Enter => return self.pick(self.selected),
            KeyCode::Char('c') if key.ctrl => return Flow::Pop,
            _ => match list_step(key) {
                Some(by) => self.select(self.selected.saturating_add_signed(by)),
                None if self.input.key(key) => self.search(),
                None => {}
            },
        }
        Flow::Stay
    }

    /// Inserts pasted text.
    pub fn paste(&mut self, text: &str) -> Flow {
        self.input.insert(text);
        self.search();
        Flow::Stay
    }

    /// Handles a click.
    pub fn click(&self, target: &Target) -> Flow {
        if let Target::Choice(row) = *target { self.pick(row) } else { closes_outside(target) }
    }

    /// Closes the palette and runs the action in a row.
    fn pick(&self, row: usize) -> Flow {
        self.found.get(row).map_or(Flow::Stay, |action| Flow::pop_then(Flow::Act(*action)))
    }
}
