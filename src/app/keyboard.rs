//! Key dispatch: to a text field, to the topmost overlay, or through the key map.

use super::action::{Action, KeyContext};
use super::chat::ChatFocus;
use super::dialog::DialogResponse;
use super::home::Pane;
use super::home::moves::steps;
use super::layer::Layer;
use super::palette::PaletteOutcome;
use super::reader::Reader;
use super::{App, Effect};
use crate::config::key::{Key, KeyCode};

impl App {
    pub(super) fn key(&mut self, key: Key) -> Vec<Effect> {
        self.notices.dismiss_current();
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
                let action = self.keymap.action(key, &self.key_contexts());
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
                self.approvals.paste(text);
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

    /// Returns the transcript whose find line is being edited.
    fn typing_in(&mut self) -> Option<&mut Reader> {
        let reader = match self.layers.last() {
            None => self.previewing(),
            Some(_) => self.layers.last_mut().and_then(Layer::reader_mut),
        };
        reader.filter(|reader| reader.is_typing())
    }

    /// Returns the preview's transcript if it has the focus.
    pub(super) fn previewing(&mut self) -> Option<&mut Reader> {
        let focused = self.focus() == Some(Pane::Preview);
        self.home.preview.reader_mut().filter(|_| focused)
    }

    /// Returns the active key contexts, nearest first.
    pub fn key_contexts(&self) -> Vec<KeyContext> {
        match (self.screen(), self.home.focus) {
            (Some(Layer::Chat(chat)), _) if chat.focus == ChatFocus::Transcript => {
                vec![KeyContext::Reader, KeyContext::Move, KeyContext::List, KeyContext::Chat, KeyContext::Everywhere]
            }
            (Some(Layer::Chat(_)), _) => {
                vec![KeyContext::Chat, KeyContext::Reader, KeyContext::Move, KeyContext::List, KeyContext::Everywhere]
            }
            (Some(Layer::Search(_)), _) => {
                vec![KeyContext::Search, KeyContext::List, KeyContext::Move, KeyContext::Everywhere]
            }
            (None, Pane::Workspaces | Pane::Sessions) => {
                vec![KeyContext::List, KeyContext::Move, KeyContext::Everywhere]
            }
            (Some(_), _) | (None, Pane::Preview) => {
                vec![KeyContext::Reader, KeyContext::Move, KeyContext::List, KeyContext::Everywhere]
            }
        }
    }

    /// Closes the palette, or runs the picked action.
    pub(super) fn picked(&mut self, picked: PaletteOutcome) -> Vec<Effect> {
        match picked {
            PaletteOutcome::Nothing => Vec::new(),
            PaletteOutcome::Closed => {
                self.layers.pop();
                Vec::new()
            }
            PaletteOutcome::Action(action) => {
                self.layers.pop();
                self.act(action)
            }
        }
    }

    /// Closes an answered dialog and performs its outcome.
    pub(super) fn answered(&mut self, answer: DialogResponse) -> Vec<Effect> {
        match answer {
            DialogResponse::Open => Vec::new(),
            DialogResponse::Given(outcome) => {
                self.layers.pop();
                self.perform(outcome)
            }
        }
    }

    /// Handles a key in a text overlay: navigation keys scroll, and keys that lead away close it.
    fn key_in_text(&mut self, key: Key) -> Vec<Effect> {
        let Some(action) = self.keymap.action(key, &[KeyContext::Move, KeyContext::Everywhere]) else {
            return Vec::new();
        };
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

    /// Handles a key in the quick filter. Enter keeps the query, Esc clears it.
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
                self.home.list.pin_selection();
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
        let effects = self.home.filter.request();
        if effects.is_empty() { self.show_all() } else { effects }
    }

    /// Clears the quick filter; the selected session stays selected.
    pub(super) fn clear_filter(&mut self) -> Vec<Effect> {
        self.home.filter.clear();
        self.show_all()
    }

    fn show_all(&mut self) -> Vec<Effect> {
        self.home.list.pin_selection();
        self.home.refresh(&self.sessions);
        self.selection_moved()
    }
}
