//! Keys and clicks in the form.

use super::{AnnotationForm, annotate};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::app::text_overlays::closes_outside;
use crate::config::key::{Key, KeyCode};
use crate::domain::annotation::AnnotationEdit;

impl AnnotationForm {
    /// Handles a key: Enter saves, Alt-Enter also in the agent's own files, Esc cancels.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        match key.code {
            KeyCode::Esc => return Flow::Pop,
            KeyCode::Char('c') if key.ctrl => return Flow::Pop,
            KeyCode::Enter => return self.save(key.alt && self.renamable.is_some(), ctx),
            _ => {
                if self.input.key(key) {
                    self.error = None;
                }
            }
        }
        Flow::Stay
    }

    /// Inserts pasted text.
    pub fn paste(&mut self, text: &str) -> Flow {
        self.input.insert(text);
        Flow::Stay
    }

    /// Closes the form after a click outside.
    pub fn click(&self, target: &Target) -> Flow {
        closes_outside(target)
    }

    /// Saves the annotation, and a name also in the agent's own files if `write_back` is set.
    fn save(&mut self, write_back: bool, ctx: &mut Ctx) -> Flow {
        match self.edits() {
            Ok(edits) => {
                edits.iter().for_each(|edit| annotate(&self.keys, edit, ctx));
                for edit in edits.into_iter().filter(|_| write_back) {
                    if let (AnnotationEdit::Name(Some(title)), [key]) = (edit, self.keys.as_slice()) {
                        ctx.effects.push(Effect::WriteTitle { key: key.clone(), title });
                    }
                }
                Flow::pop_then(Flow::SessionsChanged)
            }
            Err(reason) => {
                self.error = Some(reason);
                Flow::Stay
            }
        }
    }
}
