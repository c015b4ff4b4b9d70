//! The palette: any action that makes sense now, found by a few letters of its name or of what it does.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::action::{Action, Place};
use super::input::Input;
use super::scroll;
use crate::config::key::{Key, KeyCode};

/// The palette overlay.
#[derive(Debug)]
pub struct Palette {
    /// What was typed.
    pub input: Input,
    /// First row on the screen.
    pub top: usize,
    actions: Vec<Action>,
    found: Vec<Action>,
    selected: usize,
    height: usize,
}

/// What a key did to the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picked {
    /// It stays open.
    Nothing,
    /// It is closed.
    Closed,
    /// An action is to be done, and the palette closed.
    Action(Action),
}

impl Palette {
    /// A palette of what makes sense in these places.
    pub fn open(places: &[Place]) -> Self {
        let sensible = |action: &Action| places.contains(&action.place()) && *action != Action::Palette;
        // Moves are quicker made than looked up.
        let actions: Vec<_> =
            Action::ALL.iter().copied().filter(sensible).filter(|action| action.place() != Place::Move).collect();
        Self { input: Input::default(), top: 0, found: actions.clone(), actions, selected: 0, height: 0 }
    }

    /// What matches, best first.
    pub fn found(&self) -> &[Action] {
        &self.found
    }

    /// The selected row.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Tells how many rows fit on the screen.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Picked {
        match key.code {
            KeyCode::Esc if self.input.is_empty() => return Picked::Closed,
            KeyCode::Esc => {
                self.input.clear();
                self.search();
            }
            KeyCode::Enter => return self.take(self.selected),
            KeyCode::Down => self.select(self.selected + 1),
            KeyCode::Up => self.select(self.selected.saturating_sub(1)),
            KeyCode::Char('n' | 'j') if key.ctrl => self.select(self.selected + 1),
            KeyCode::Char('p' | 'k') if key.ctrl => self.select(self.selected.saturating_sub(1)),
            KeyCode::Char('c') if key.ctrl => return Picked::Closed,
            _ => {
                if self.input.key(key) {
                    self.search();
                }
            }
        }
        Picked::Nothing
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        self.input.insert(text);
        self.search();
    }

    /// Takes the action of a row.
    pub fn take(&self, row: usize) -> Picked {
        self.found.get(row).map_or(Picked::Nothing, |action| Picked::Action(*action))
    }

    fn select(&mut self, row: usize) {
        self.selected = row.min(self.found.len().saturating_sub(1));
        self.reveal();
    }

    fn reveal(&mut self) {
        self.top = scroll::reveal(self.top, self.selected, self.height, self.found.len());
    }

    fn search(&mut self) {
        let matcher = SkimMatcherV2::default().ignore_case();
        let score = |action: &Action| {
            let words = format!("{} {}", action.name(), action.about());
            matcher.fuzzy_match(&words, self.input.text().trim()).map(|score| (-score, *action))
        };
        let mut found: Vec<_> = self.actions.iter().filter_map(score).collect();
        found.sort_by_key(|(score, _)| *score);
        self.found = found.into_iter().map(|(_, action)| action).collect();
        self.select(0);
    }
}
