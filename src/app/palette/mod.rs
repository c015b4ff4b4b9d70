//! The command palette: a fuzzy search over the actions of the current context, by name, description and synonyms.

mod keys;
pub mod synonyms;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::action::{Action, KeyContext};
use super::line_editor::LineEditor;
use super::scroll;

/// Score of a synonym per typed byte, about that of a word's beginning.
const SYNONYM_SCORE: i64 = 24;

/// Additional score of the beginning of a word of the description, which is better than a synonym.
const OWN_WORD_BONUS: i64 = 8;

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

impl Palette {
    /// Creates a palette for the actions of these contexts, which are nearest first. Actions of the nearest come first.
    pub fn open(contexts: &[KeyContext]) -> Self {
        // The run of the selected session takes these from everywhere.
        let concerns_run = |action: &Action| matches!(action, Action::Models | Action::Mute);
        let available = |action: &Action| {
            (contexts.contains(&action.context()) || concerns_run(action)) && *action != Action::Palette
        };
        // Navigation keys are left out: they are quicker to press than to look up.
        let mut actions: Vec<_> = Action::ALL
            .iter()
            .copied()
            .filter(available)
            .filter(|action| action.context() != KeyContext::Move)
            .collect();
        actions.sort_by_key(|action| match action.context() {
            KeyContext::Everywhere => usize::MAX,
            context => contexts.iter().position(|nearest| *nearest == context).unwrap_or(contexts.len()),
        });
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

    fn select(&mut self, row: usize) {
        self.selected = row.min(self.found.len().saturating_sub(1));
        self.reveal();
    }

    fn reveal(&mut self) {
        self.top = scroll::reveal(self.top, self.selected, self.height, self.found.len());
    }

    fn search(&mut self) {
        let matcher = SkimMatcherV2::default().ignore_case();
        let typed = self.input.text().trim().to_lowercase();
        let score = |action: &Action| {
            let text = format!("{} {}", action.name(), action.about());
            let fuzzy = matcher.fuzzy_match(&text, &typed);
            // A synonym is as good as the beginning of a word of the description.
            let begins = |word: &str| !typed.is_empty() && word.starts_with(&typed);
            let words = SYNONYM_SCORE * i64::try_from(typed.len()).unwrap_or(i64::MAX / SYNONYM_SCORE);
            let synonym = synonyms::of(*action).split(' ').any(begins).then_some(words);
            // Its own words are better, and the first one is the best.
            let about = action.about().to_lowercase();
            let own = about.split(|letter: char| !letter.is_alphanumeric()).any(begins);
            let own = own.then(|| words + OWN_WORD_BONUS + if begins(&about) { OWN_WORD_BONUS } else { 0 });
            fuzzy.max(synonym).max(own).map(|score| (-score, *action))
        };
        let mut found: Vec<_> = self.actions.iter().filter_map(score).collect();
        found.sort_by_key(|(score, _)| *score);
        self.found = found.into_iter().map(|(_, action)| action).collect();
        self.select(0);
    }
}
