//! Split view: the pinned conversation on the left, the topmost one with the keys on the right.

use super::Stack;
use crate::app::chat::{Chat, ChatFocus};
use crate::app::ctx::Ctx;
use crate::app::layer::Layer;

/// Minimum width for two conversations, in columns.
const WIDE: u16 = 160;

impl Stack {
    /// Returns the pinned conversation if it is on the screen: beside another one, on a wide screen.
    pub fn shown_pinned(&self, width: u16) -> Option<&Layer> {
        let beside_another = self.screen().is_some_and(Layer::is_conversation);
        self.pinned.as_ref().filter(|_| beside_another && width >= WIDE)
    }

    /// Iterates what fills the screen: the pinned conversation and the topmost screen. Empty for the home screen.
    pub(super) fn on_screen(&self, width: u16) -> impl Iterator<Item = &Layer> {
        self.shown_pinned(width).into_iter().chain(self.screen())
    }

    /// Pins the focused conversation and goes home, where another one can be opened. If one is pinned already, closes
    /// it instead.
    pub(super) fn split(&mut self, ctx: &mut Ctx) {
        if let Some(pinned) = self.pinned.take() {
            ctx.notices.info("Unpinned");
            ctx.effects.extend(pinned.closed());
            return;
        }
        if ctx.size.0 < WIDE {
            ctx.notices.info(format!("Split needs {WIDE} columns"));
            return;
        }
        let Some(mut conversation) = self.layers.pop_if(|layer| layer.is_conversation()) else {
            ctx.notices.info("Only a conversation on the whole screen can be pinned");
            return;
        };
        if let Some(chat) = conversation.chat_mut().filter(|chat| chat.read_only.is_none()) {
            chat.focus = ChatFocus::Composer;
        }
        self.pinned = Some(conversation);
        self.close_layers(ctx);
        self.home.follow_selection(ctx);
        ctx.notices.info("Pinned: open another session beside it");
    }

    /// Switches to the pinned conversation.
    pub(super) fn other_pane(&mut self, ctx: &mut Ctx) {
        if self.pinned.is_none() {
            ctx.notices.info("Nothing is pinned");
        } else {
            self.swap_panes(ctx);
        }
    }

    /// Switches to the pinned conversation if `wanted` accepts it. Returns true if it did.
    pub(super) fn go_to_pinned(&mut self, ctx: &mut Ctx, wanted: impl Fn(&Chat) -> bool) -> bool {
        self.pinned.as_ref().and_then(Layer::chat).is_some_and(wanted) && self.swap_panes(ctx)
    }

    /// Swaps the pinned and the topmost conversation; without a topmost one, unpins it. Returns false if an overlay
    /// keeps the keys.
    fn swap_panes(&mut self, ctx: &mut Ctx) -> bool {
        // An answer field has the keys, and its approval must stay on the screen.
        if ctx.approvals.field().is_some() {
            return false;
        }
        if let Some(chat) = self.top_chat() {
            chat.disarm();
        }
        match (self.layers.last_mut(), &mut self.pinned) {
            (Some(top), Some(pinned)) if top.is_conversation() => std::mem::swap(top, pinned),
            (Some(top), _) if !top.is_screen() => return false,
            (Some(_) | None, pinned) => {
                let Some(pinned) = pinned.take() else { return false };
                self.push(pinned, ctx);
            }
        }
        true
    }

    /// Notifies the user if the screen is too narrow for the pinned conversation.
    pub(super) fn notify_if_narrow(&self, ctx: &mut Ctx) {
        if self.pinned.is_some() && ctx.size.0 < WIDE {
            ctx.notices.info(format!("Split needs {WIDE} columns"));
        }
    }
}
