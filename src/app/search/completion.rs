//! Completion menu of the search line: each press of the key inserts the next candidate.
//!
//! Values from session metadata are counted at once. Values from texts are requested, and offered when they arrive if
//! the line is unchanged.

use std::collections::HashMap;

use crate::app::Effect;
use crate::app::line_editor::LineEditor;
use crate::domain::catalog::Catalog;
use crate::domain::query::complete::{QueryCandidate, QueryCompletion, complete, value_at};
use crate::domain::query::filter::LOCAL_HOST;
use crate::domain::query::{FilterKey, IsValue};
use crate::domain::{Session, SessionState};

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
        let values = |field| [values(field, catalog).as_slice(), counted].concat();
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

/// Returns the values of a filter in the sessions' metadata, each with its count.
fn values(field: FilterKey, catalog: &Catalog) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for session in catalog.iter() {
        for value in values_of(field, session) {
            *counts.entry(value).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}

fn values_of(field: FilterKey, session: &Session) -> Vec<String> {
    let one = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned).into_iter().collect();
    match field {
        FilterKey::Agent => vec![session.key.agent.name().to_owned()],
        FilterKey::Dir => one(Some(&session.cwd)),
        FilterKey::Workspace => one(session.workspace.rsplit('/').find(|part| !part.is_empty())),
        FilterKey::Branch => one(session.branch.as_deref()),
        FilterKey::Model => one(session.model.as_deref()),
        FilterKey::Host => vec![session.key.host.as_deref().unwrap_or(LOCAL_HOST).to_owned()],
        FilterKey::Tag => session.tags().iter().map(ToString::to_string).collect(),
        FilterKey::Is => {
            let flags = session.flags;
            let is = [
                (session.state != SessionState::Past, IsValue::Live),
                (flags.subagent, IsValue::Subagent),
                (flags.headless, IsValue::Headless),
                (flags.fork || session.forked_from.is_some(), IsValue::Fork),
                (session.is_starred(), IsValue::Star),
                (flags.empty, IsValue::Empty),
            ];
            let named = |wanted: IsValue| {
                IsValue::ALL.into_iter().find(|(is, _)| *is == wanted).map(|(_, name)| name.to_owned())
            };
            is.into_iter().filter(|(applies, _)| *applies).filter_map(|(_, is)| named(is)).collect()
        }
        FilterKey::Role
        | FilterKey::Kind
        | FilterKey::Tool
        | FilterKey::File
        | FilterKey::Exit
        | FilterKey::Before
        | FilterKey::Since
        | FilterKey::On
        | FilterKey::Turns
        | FilterKey::Tokens
        | FilterKey::Has
        | FilterKey::Note
        | FilterKey::Id => Vec::new(),
    }
}
