//! Keys and the mouse on an image.

use super::PictureView;
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::config::key::Key;

impl PictureView {
    /// Handles a key.
    pub fn key(&self, key: Key, ctx: &mut Ctx) -> Flow {
        match ctx.keymap.action(key, &[KeyContext::Reader, KeyContext::Move, KeyContext::Everywhere]) {
            Some(Action::EditEntry) => {
                ctx.effects.push(Effect::OpenAttachment(self.ticket, self.entry));
                Flow::Stay
            }
            Some(Action::Back | Action::Leave | Action::Quit | Action::Open | Action::Expand | Action::Left) => {
                Flow::Pop
            }
            Some(action @ (Action::Help | Action::Palette)) => Flow::Act(action),
            _ => Flow::Stay,
        }
    }

    /// Requests the image for another size of the terminal.
    pub fn resized(&self) -> Effect {
        Effect::ResizeImage(self.ticket, self.entry)
    }
}
