//! Completion menu of the search line: each press of the key inserts the next candidate.
//!
//! Values from session metadata are counted at once. Values from texts are requested, and offered when they arrive if
//! the line is unchanged.

use crate::app::Effect;
use crate::app::line_editor::LineEditor;
use crate::domain::catalog::Catalog;
use crate::domain::query::FilterKey;
use crate::domain::query::complete::{QueryCandidate, QueryCompletion, complete, value_at};
use crate::domain::query::session_values::session_values;

/// Menu of completions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionMenu {
    /// The original line.
    before: LineEditor,
    completion: QueryCompletion,
    at: usize,
}

/// Pending request for the values of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingValues {
    /// The line when they were requested.
    line: LineEditor,
    field: FilterKey,
    typed: String,
}

impl PendingValues {
    /// Requests the values of the filter under the cursor. `None` if they do not come from texts.
    pub fn request(line: &LineEditor) -> Option<(Self, Effect)> {
        let (field, typed) = value_at(line.text(), line.cursor()).filter(|(field, _)| is_counted_in_texts(*field))?;
        let effect = Effect::CountValues(field, typed.clone());
        Some((Self { line: line.clone(), field, typed }, effect))
    }

    /// Returns true if these values answer the request and the line is unchanged.
    pub fn is_answered_by(&self, field: FilterKey, typed: &str, line: &LineEditor) -> bool {
        self.field == field && self.typed == typed && self.line == *line
    }
}

impl CompletionMenu {
    /// Opens the menu for the word under the cursor, with the values `counted` in texts. `None` without candidates.
    pub fn open(line: &LineEditor, catalog: &Catalog, counted: &[(String, usize)]) -> Option<Self> {
        let values =
            |field| [session_values(field, catalog.iter().map(|session| &**session)).as_slice(), counted].concat();
        let completion = complete(line.text(), line.cursor(), values);
        (!completion.candidates.is_empty()).then(|| Self { before: line.clone(), completion, at: 0 })
    }

    /// Returns the candidates, best first.
    pub fn candidates(&self) -> &[QueryCandidate] {
        &self.completion.candidates
    }

    /// Returns the byte offset of the completed word in the line.
    pub fn start(&self) -> usize {
        self.completion.span.start
    }

    /// Returns the index of the inserted candidate.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Moves by a number of candidates, wrapping around.
    pub fn step(&mut self, by: isize) {
        let count = self.completion.candidates.len();
        let by = by.rem_euclid(isize::try_from(count).unwrap_or(isize::MAX)).unsigned_abs();
        self.at = (self.at + by) % count.max(1);
    }

    /// Returns the line with the candidate inserted.
    pub fn line(&self) -> LineEditor {
        let mut line = self.before.clone();
        if let Some(candidate) = self.completion.candidates.get(self.at) {
            line.replace(self.completion.span.clone(), &candidate.text);
        }
        line
    }

    /// Returns the original line.
    pub fn before(&self) -> &LineEditor {
        &self.before
    }
}

/// Returns true if values of a filter come from the texts of sessions.
fn is_counted_in_texts(field: FilterKey) -> bool {
    match field {
        FilterKey::Role
        | FilterKey::Kind
        | FilterKey::Tool
        | FilterKey::File
        | FilterKey::Exit
        | FilterKey::Is
        | FilterKey::Has => true,
        FilterKey::Agent
        | FilterKey::Dir
        | FilterKey::Workspace
        | FilterKey::Branch
        | FilterKey::Model
        | FilterKey::Before
        | FilterKey::Since
        | FilterKey::On
        | FilterKey::Turns
        | FilterKey::Tokens
        | FilterKey::Tag
        | FilterKey::Note
        | FilterKey::Host
        | FilterKey::Id => false,
    }
}
