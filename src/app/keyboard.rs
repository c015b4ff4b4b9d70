//! Where a key goes: into a field that is being typed, to the topmost overlay, or through the key map.

use super::action::{Action, Place};
use super::chat::Focus;
use super::dialog::Answer;
use super::home::Pane;
use super::home::moves::steps;
use super::layer::Layer;
use super::palette::Picked;
use super::reader::Reader;
use super::{App, Effect};
use crate::config::key::{Key, KeyCode};

impl App {
    pub(super) fn key(&mut self, key: Key) -> Vec<Effect> {
        self.notices.seen();
        if let Some(reader) = self.typing_in() {
            return reader.key(key);
        }
        match self.layers.last_mut() {
            Some(Layer::Palette(palette)) => {
                let picked = palette.key(key);
                self.picked(picked)
            }
            Some(Layer::Dialog(dialog)) => {
                let answer = dialog.key(key);
                self.answered(answer)
            }
            Some(Layer::Inbox(_)) => self.key_in_inbox(key),
            Some(Layer::Picker(_)) => self.key_in_picker(key),
            Some(Layer::NewSession(_)) => self.key_in_new_session(key),
            Some(Layer::Search(_)) => self.key_in_search(key),
            Some(Layer::Chat(_)) => self.key_in_chat(key),
            Some(Layer::Help(_) | Layer::Issues(_)) => self.key_in_text(key),
            None if self.home.filter.typing => self.key_in_filter(key),
            Some(_) | None => {
                let action = self.keymap.action(key, &self.places());
                action.map_or_else(Vec::new, |action| self.act(action))
            }
        }
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(reader) = self.typing_in() {
            return reader.paste(text);
        }
        match self.layers.last_mut() {
            Some(Layer::Palette(palette)) => {
                palette.paste(text);
                Vec::new()
            }
            Some(Layer::Inbox(_)) => {
                self.desk.paste(text);
                Vec::new()
            }
            Some(Layer::Picker(picker)) => {
                picker.paste(text);
                Vec::new()
            }
            Some(Layer::NewSession(_)) => self.paste_in_new_session(text),
            Some(Layer::Search(_)) => self.paste_in_search(text),
            Some(Layer::Chat(_)) => self.paste_in_chat(text),
            None if self.home.filter.typing => {
                self.home.filter.input.insert(text);
                self.filter_typed()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The transcript in which a search is being typed.
    fn typing_in(&mut self) -> Option<&mut Reader> {
        let reader = match self.layers.last() {
            None => self.previewing(),
            Some(_) => self.layers.last_mut().and_then(Layer::reader_mut),
        };
        reader.filter(|reader| reader.is_typing())
    }

    /// The preview's transcript, where it has the focus.
    pub(super) fn previewing(&mut self) -> Option<&mut Reader> {
        let focused = self.focus() == Some(Pane::Preview);
        self.home.preview.reader_mut().filter(|_| focused)
    }

    /// The places whose keys count now, the nearest first.
    pub fn places(&self) -> Vec<Place> {
        match (self.screen(), self.home.focus) {
            (Some(Layer::Chat(chat)), _) if chat.focus == Focus::Transcript => {
                vec![Place::Reader, Place::Move, Place::List, Place::Chat, Place::Everywhere]
            }
            (Some(Layer::Chat(_)), _) => {
                vec![Place::Chat, Place::Reader, Place::Move, Place::List, Place::Everywhere]
            }
            (Some(Layer::Search(_)), _) => vec![Place::Search, Place::List, Place::Move, Place::Everywhere],
            (None, Pane::Workspaces | Pane::Sessions) => vec![Place::List, Place::Move, Place::Everywhere],
            (Some(_), _) | (None, Pane::Preview) => vec![Place::Reader, Place::Move, Place::List, Place::Everywhere],
        }
    }

    /// Closes the palette, or does what was picked in it.
    pub(super) fn picked(&mut self, picked: Picked) -> Vec<Effect> {
        match picked {
            Picked::Nothing => Vec::new(),
            Picked::Closed => {
                self.layers.pop();
                Vec::new()
            }
            Picked::Action(action) => {
                self.layers.pop();
                self.act(action)
            }
        }
    }

    /// Closes a dialog that was answered, and does what the answer says.
    pub(super) fn answered(&mut self, answer: Answer) -> Vec<Effect> {
        match answer {
            Answer::Open => Vec::new(),
            Answer::Given(outcome) => {
                self.layers.pop();
                self.decided(outcome)
            }
        }
    }

    /// Overlays that are only read: they scroll, and any of the keys that lead away closes them.
    fn key_in_text(&mut self, key: Key) -> Vec<Effect> {
        let Some(action) = self.keymap.action(key, &[Place::Move, Place::Everywhere]) else { return Vec::new() };
        let scroll = match self.layers.last_mut() {
            Some(Layer::Help(help)) => &mut help.scroll,
            Some(Layer::Issues(issues)) => &mut issues.scroll,
            Some(_) | None => {
                return Vec::new();
            }
        };
        match action {
            Action::Back | Action::Quit | Action::Help | Action::Issues | Action::Left => {
                self.layers.pop();
                Vec::new()
            }
            action => match steps(action, scroll.height()) {
                Some(by) => {
                    scroll.by(by);
                    Vec::new()
                }
                None => self.act(action),
            },
        }
    }

    /// The quick filter's field. Enter keeps what was typed, Esc clears it first and then leaves.
    fn key_in_filter(&mut self, key: Key) -> Vec<Effect> {
        let down = isize::from(key.code == KeyCode::Down || key == Key::ctrl('n') || key == Key::ctrl('j'));
        let up = isize::from(key.code == KeyCode::Up || key == Key::ctrl('p') || key == Key::ctrl('k'));
        match key.code {
            _ if down + up > 0 => {
                self.home.list.step(down - up);
                self.selection_moved()
            }
            KeyCode::Enter | KeyCode::Tab => {
                self.home.filter.typing = false;
                self.home.list.hold();
                Vec::new()
            }
            KeyCode::Esc => self.clear_filter(),
            _ if key == Key::ctrl('c') => self.clear_filter(),
            KeyCode::Backspace if self.home.filter.input.is_empty() => self.clear_filter(),
            _ if self.home.filter.input.key(key) => self.filter_typed(),
            _ => Vec::new(),
        }
    }

    fn filter_typed(&mut self) -> Vec<Effect> {
        let effects = self.home.filter.ask();
        if effects.is_empty() { self.show_all() } else { effects }
    }

    /// Forgets the quick filter; the selected session stays selected.
    pub(super) fn clear_filter(&mut self) -> Vec<Effect> {
        self.home.filter.clear();
        self.show_all()
    }

    fn show_all(&mut self) -> Vec<Effect> {
        self.home.list.hold();
        self.home.refresh(&self.known);
        self.selection_moved()
    }
}
