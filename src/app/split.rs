//! Split view: the pinned conversation on the left, the topmost one with the keys on the right.
//!
//! The pinned conversation is not a layer, so that it stays when the layers are closed. Messages about conversations
//! must reach the pinned one and the layers, which [`all`] iterates.

use super::chat::Chat;
use super::layer::Layer;
use super::{App, Effect};

/// Minimum width for two conversations, in columns.
const WIDE: u16 = 160;

/// Iterates the pinned conversation and the layers, topmost last. A function rather than a method, so that the rest of
/// the state can be borrowed meanwhile.
pub fn all<'a>(
    layers: &'a mut [Layer],
    pinned: &'a mut Option<Layer>,
) -> impl DoubleEndedIterator<Item = &'a mut Layer> {
    pinned.iter_mut().chain(layers)
}

impl App {
    /// Returns the pinned conversation if it is on the screen: beside another one, on a wide screen.
    pub fn shown_pinned(&self) -> Option<&Layer> {
        let beside_another = self.screen().is_some_and(Layer::is_conversation);
        self.pinned.as_ref().filter(|_| beside_another && self.size.0 >= WIDE)
    }

    /// Iterates what fills the screen: the pinned conversation and the topmost screen. Empty for the home screen.
    pub(super) fn on_screen(&self) -> impl Iterator<Item = &Layer> {
        self.shown_pinned().into_iter().chain(self.screen())
    }

    /// Pins the focused conversation and goes home, where another one can be opened. If one is pinned already, closes
    /// it instead.
    pub(super) fn split(&mut self) -> Vec<Effect> {
        if let Some(pinned) = self.pinned.take() {
            self.notices.info("Unpinned");
            return pinned.closed();
        }
        let Some(conversation) = self.layers.pop_if(|layer| layer.is_conversation()) else {
            self.notices.info("Only a conversation on the whole screen can be pinned");
            return Vec::new();
        };
        self.pinned = Some(conversation);
        let mut effects = self.close_layers();
        effects.extend(self.selection_moved());
        self.notices.info("Pinned: open another session beside it");
        effects
    }

    /// Switches to the pinned conversation.
    pub(super) fn other_pane(&mut self) -> Vec<Effect> {
        if self.pinned.is_none() {
            self.notices.info("Nothing is pinned");
        } else {
            self.swap_panes();
        }
        Vec::new()
    }

    /// Switches to the pinned conversation if `wanted` accepts it. Returns true if it did.
    pub(super) fn go_to_pinned(&mut self, wanted: impl Fn(&Chat) -> bool) -> bool {
        self.pinned.as_ref().and_then(Layer::chat).is_some_and(wanted) && self.swap_panes()
    }

    /// Swaps the pinned and the topmost conversation; without a topmost one, unpins it. Returns false if an overlay
    /// keeps the keys.
    fn swap_panes(&mut self) -> bool {
        // An answer field has the keys, and its approval must stay on the screen.
        if self.approvals.field().is_some() {
            return false;
        }
        if let Some(chat) = self.chat_mut() {
            chat.armed = false;
        }
        match (self.layers.last_mut(), &mut self.pinned) {
            (Some(top), Some(pinned)) if top.is_conversation() => std::mem::swap(top, pinned),
            (Some(top), _) if !top.is_screen() => return false,
            (Some(_) | None, pinned) => {
                let Some(pinned) = pinned.take() else { return false };
                self.push(pinned);
            }
        }
        true
    }

    /// Notifies the user if the screen is too narrow for the pinned conversation.
    pub(super) fn notify_if_narrow(&mut self) {
        if self.pinned.is_some() && self.size.0 < WIDE {
            self.notices.info(format!("Split needs {WIDE} columns"));
        }
    }
}
