//! Keys and clicks in the help: text filters it, other keys scroll or close it.

use super::Help;
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::flow::Flow;
use crate::app::line_editor::{LineEditor, list_step};
use crate::app::msg::Target;
use crate::app::scroll::{Scroll, steps};
use crate::app::text_overlays::closes_outside;
use crate::config::key::{Key, KeyCode};

impl Help {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &Ctx) -> Flow {
        let action = ctx.keymap.action(key, &[KeyContext::Move, KeyContext::Everywhere]);
        let is_filtering = !self.input.is_empty();
        let closes = matches!(action, Some(Action::Back | Action::Leave | Action::Quit | Action::Help));
        if let Some(by) = list_step(key) {
            self.scroll.by(by);
        } else if key.code == KeyCode::Esc && is_filtering {
            self.filter(LineEditor::clear);
        } else if key.typed().is_some() && (is_filtering || !closes) {
            self.filter(|input| _ = input.key(key));
        } else if let Some(by) = action.and_then(|action| steps(action, self.scroll.height())) {
            self.scroll.by(by);
        } else if closes {
            return Flow::Pop;
        } else {
            self.filter(|input| _ = input.key(key));
        }
        Flow::Stay
    }

    /// Pastes into the filter.
    pub fn paste(&mut self, text: &str) -> Flow {
        self.filter(|input| input.insert(text));
        Flow::Stay
    }

    /// Handles a click.
    pub fn click(&self, target: &Target) -> Flow {
        closes_outside(target)
    }

    /// Edits the filter and shows the result from its beginning.
    fn filter(&mut self, edit: impl FnOnce(&mut LineEditor)) {
        edit(&mut self.input);
        self.scroll = Scroll::default();
    }
}
