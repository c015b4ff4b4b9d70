//! The command palette: a fuzzy search over the actions of the current context, by name and description.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::action::{Action, KeyContext};
use super::line_editor::LineEditor;
use super::scroll;
use crate::config::key::{Key, KeyCode};

/// The palette overlay.
#[derive(Debug)]
pub struct Palette {
    /// The query.
    pub input: LineEditor,
    /// First row on the screen.
    pub top: usize,
    actions: Vec<Action>,
    found: Vec<Action>,
    selected: usize,
    height: usize,
}

/// Outcome of a key in the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaletteOutcome {
    /// The palette stays open.
    Nothing,
    /// The palette closes.
    Closed,
    /// The palette closes and runs an action.
    Action(Action),
}

impl Palette {
    /// Creates a palette for the actions of these contexts.
    pub fn open(contexts: &[KeyContext]) -> Self {
        let available = |action: &Action| contexts.contains(&action.context()) && *action != Action::Palette;
        // Navigation keys are left out: they are quicker to press than to look up.
        let actions: Vec<_> = Action::ALL
            .iter()
            .copied()
            .filter(available)
            .filter(|action| action.context() != KeyContext::Move)
            .collect();
        Self { input: LineEditor::default(), top: 0, found: actions.clone(), actions, selected: 0, height: 0 }
    }

    /// Returns the matching actions, best first.
    pub fn found(&self) -> &[Action] {
        &self.found
    }

    /// Returns the selected row.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Sets the number of rows that fit on the screen.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key) -> PaletteOutcome {
        match key.code {
            KeyCode::Esc if self.input.is_empty() => return PaletteOutcome::Closed,
            KeyCode::Esc => {
                self.input.clear();
                self.search();
            }
            KeyCode::Enter => return self.pick(self.selected),
            KeyCode::Down => self.select(self.selected + 1),
            KeyCode::Up => self.select(self.selected.saturating_sub(1)),
            KeyCode::Char('n' | 'j') if key.ctrl => self.select(self.selected + 1),
            KeyCode::Char('p' | 'k') if key.ctrl => self.select(self.selected.saturating_sub(1)),
            KeyCode::Char('c') if key.ctrl => return PaletteOutcome::Closed,
            _ => {
                if self.input.key(key) {
                    self.search();
                }
            }
        }
        PaletteOutcome::Nothing
    }

    /// Inserts pasted text.
    pub fn paste(&mut self, text: &str) {
        self.input.insert(text);
        self.search();
    }

    /// Picks the action in a row.
    pub fn pick(&self, row: usize) -> PaletteOutcome {
        self.found.get(row).map_or(PaletteOutcome::Nothing, |action| PaletteOutcome::Action(*action))
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
            let text = format!("{} {}", action.name(), action.about());
            matcher.fuzzy_match(&text, self.input.text().trim()).map(|score| (-score, *action))
        };
        let mut found: Vec<_> = self.actions.iter().filter_map(score).collect();
        found.sort_by_key(|(score, _)| *score);
        self.found = found.into_iter().map(|(_, action)| action).collect();
        self.select(0);
    }
}
