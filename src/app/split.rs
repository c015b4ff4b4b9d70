//! Two conversations side by side: one is pinned and waits on the left, the topmost one stands on the right and has
//! the keys.
//!
//! The pinned one is no layer: home and the search lie below the topmost conversation only, and what is pinned stays
//! when those are left. Whatever is told of a conversation must reach both, which is what [`all`] is for.

use super::chat::Chat;
use super::layer::Layer;
use super::{App, Effect};

/// Columns that two conversations need.
const WIDE: u16 = 160;

/// Everything that may be a conversation, the topmost last: the pinned one and the layers. No method, so that the rest
/// of the state can be looked at meanwhile.
pub fn all<'a>(
    layers: &'a mut [Layer],
    beside: &'a mut Option<Layer>,
) -> impl DoubleEndedIterator<Item = &'a mut Layer> {
    beside.iter_mut().chain(layers)
}

impl App {
    /// The pinned conversation, where it is shown: beside another one, and where there is room for two.
    pub fn shown_beside(&self) -> Option<&Layer> {
        let beside_another = self.screen().is_some_and(Layer::is_conversation);
        self.beside.as_ref().filter(|_| beside_another && self.size.0 >= WIDE)
    }

    /// What fills the screen: the topmost screen, and the pinned conversation beside it. Nothing: the home screen.
    pub(super) fn on_screen(&self) -> impl Iterator<Item = &Layer> {
        self.shown_beside().into_iter().chain(self.screen())
    }

    /// Pins the conversation that has the keys and goes home, where another one can be opened; or closes the pinned
    /// one.
    pub(super) fn split(&mut self) -> Vec<Effect> {
        if let Some(pinned) = self.beside.take() {
            self.notices.tell("unpinned");
            return pinned.closed();
        }
        let Some(conversation) = self.layers.pop_if(|layer| layer.is_conversation()) else {
            self.notices.tell("only a conversation that fills the screen can be pinned");
            return Vec::new();
        };
        self.beside = Some(conversation);
        let mut effects = self.close_layers();
        effects.extend(self.selection_moved());
        self.notices.tell("pinned: open another beside it");
        effects
    }

    /// Goes to the pinned conversation.
    pub(super) fn other_pane(&mut self) -> Vec<Effect> {
        if self.beside.is_none() {
            self.notices.tell("nothing is pinned");
        } else {
            self.change_places();
        }
        Vec::new()
    }

    /// Goes to the pinned conversation where it is the one that is looked for. Whether it is.
    pub(super) fn go_to_pinned(&mut self, wanted: impl Fn(&Chat) -> bool) -> bool {
        self.beside.as_ref().and_then(Layer::chat).is_some_and(wanted) && self.change_places()
    }

    /// The pinned conversation becomes the topmost one and that one is pinned; where there is none, nothing is pinned
    /// any more. Whether it could be done: an overlay keeps the keys.
    fn change_places(&mut self) -> bool {
        // A line that is typed for a question has the keys, and its question must stay on the screen.
        if self.desk.field().is_some() {
            return false;
        }
        if let Some(chat) = self.chat_mut() {
            chat.armed = false;
        }
        match (self.layers.last_mut(), &mut self.beside) {
            (Some(top), Some(pinned)) if top.is_conversation() => std::mem::swap(top, pinned),
            (Some(top), _) if !top.is_screen() => return false,
            (Some(_) | None, pinned) => {
                let Some(pinned) = pinned.take() else { return false };
                self.push(pinned);
            }
        }
        true
    }

    /// Says so where there is no room for the pinned conversation.
    pub(super) fn tell_if_narrow(&mut self) {
        if self.beside.is_some() && self.size.0 < WIDE {
            self.notices.tell(format!("{WIDE} columns are needed for two"));
        }
    }
}
