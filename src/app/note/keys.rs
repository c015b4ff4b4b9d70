//! Keys, pastes and clicks in the form.

use super::NoteForm;
use crate::app::annotate::annotate;
use crate::app::ctx::Ctx;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::app::text_overlays::closes_outside;
use crate::config::key::{Key, KeyCode};
use crate::domain::annotation::AnnotationEdit;

impl NoteForm {
    /// Handles a key: Enter saves, Alt-Enter begins a line, Esc cancels.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        self.error = None;
        match key.code {
            KeyCode::Esc => return Flow::Pop,
            KeyCode::Char('c') if key.ctrl => return Flow::Pop,
            KeyCode::Enter if key.alt || key.shift => self.text.insert("\n"),
            KeyCode::Enter => return self.save(ctx),
            KeyCode::Up | KeyCode::Down => drop(self.text.step(key.code == KeyCode::Down, ctx.layout.composer)),
            _ => drop(self.text.key(key)),
        }
        Flow::Stay
    }

    /// Inserts pasted text with its lines.
    pub fn paste(&mut self, pasted: &str) -> Flow {
        self.error = None;
        self.text.paste(pasted);
        Flow::Stay
    }

    /// Closes the form after a click outside.
    pub fn click(&self, target: &Target) -> Flow {
        closes_outside(target)
    }

    fn save(&mut self, ctx: &mut Ctx) -> Flow {
        match AnnotationEdit::note(&self.text.whole()) {
            Ok(edit) => {
                annotate(std::slice::from_ref(&self.key), &edit, ctx);
                Flow::pop_then(Flow::SessionsChanged)
            }
            Err(reason) => {
                self.error = Some(reason);
                Flow::Stay
            }
        }
    }
}
