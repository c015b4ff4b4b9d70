//! Keys and clicks in the form.

use std::path::PathBuf;

use super::{ExportField, ExportForm};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::app::text_overlays::closes_outside;
use crate::config::key::{Key, KeyCode};
use crate::domain::document::DocumentFormat;

impl ExportForm {
    /// Handles a key: Enter writes the files, Esc cancels.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        match key.code {
            KeyCode::Esc => return Flow::Pop,
            KeyCode::Char('c') if key.ctrl => return Flow::Pop,
            KeyCode::Enter => return self.write(ctx),
            KeyCode::Tab if key.shift => self.field = self.field.step(ExportField::ALL.len() - 1),
            KeyCode::Up => self.field = self.field.step(ExportField::ALL.len() - 1),
            KeyCode::Tab | KeyCode::Down => self.field = self.field.step(1),
            _ => self.change(key),
        }
        Flow::Stay
    }

    /// Inserts pasted text into the folder.
    pub fn paste(&mut self, text: &str) -> Flow {
        if self.field == ExportField::Folder {
            self.folder.insert(text.trim());
        }
        Flow::Stay
    }

    /// Closes the form after a click outside.
    pub fn click(&self, target: &Target) -> Flow {
        closes_outside(target)
    }

    /// Handles a key of the focused field.
    fn change(&mut self, key: Key) {
        let all = DocumentFormat::ALL;
        let step = match key.code {
            KeyCode::Right | KeyCode::Char(' ') => 1,
            KeyCode::Left => all.len() - 1,
            _ => 0,
        };
        match self.field {
            ExportField::Format => {
                let at = all.iter().position(|format| *format == self.format).unwrap_or(0);
                self.format = all[(at + step) % all.len()];
            }
            ExportField::Secrets => self.with_secrets ^= step > 0,
            ExportField::Folder => drop(self.folder.key(key)),
        }
    }

    fn write(&self, ctx: &mut Ctx) -> Flow {
        let folder = self.folder.text().trim();
        ctx.effects.push(Effect::Export {
            keys: self.keys.clone(),
            format: self.format,
            with_secrets: self.with_secrets,
            folder: PathBuf::from(if folder.is_empty() { "." } else { folder }),
        });
        Flow::Pop
    }
}
