//! Completions of the word under the cursor while they are chosen from: each press puts the next one into the line.
//!
//! What sessions tell of themselves is counted here at once; what stands in their texts is asked for, and chosen from
//! when the answer comes, if the line is still the same.

use std::collections::HashMap;

use crate::app::Effect;
use crate::app::input::Input;
use crate::domain::catalog::Catalog;
use crate::domain::query::complete::{Candidate, Completion, complete, value_at};
use crate::domain::query::{Field, Is};
use crate::domain::{Session, State};

/// Completions to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completing {
    /// The line before.
    before: Input,
    completion: Completion,
    at: usize,
}

/// Values that are being counted elsewhere, to choose from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counting {
    /// The line for which they are.
    line: Input,
    field: Field,
    typed: String,
}

impl Counting {
    /// Asks for the values of the filter under the cursor, where they stand in texts.
    pub fn begin(line: &Input) -> Option<(Self, Effect)> {
        let (field, typed) = value_at(line.text(), line.cursor()).filter(|(field, _)| stands_in_texts(*field))?;
        let effect = Effect::CountValues(field, typed.clone());
        Some((Self { line: line.clone(), field, typed }, effect))
    }

    /// Whether these values are what was asked for, of the line as it stands.
    pub fn is_answered_by(&self, field: Field, typed: &str, line: &Input) -> bool {
        self.field == field && self.typed == typed && self.line == *line
    }
}

impl Completing {
    /// Completions of the word under the cursor, with the values that were `counted` in texts; `None` where there are
    /// none.
    pub fn begin(line: &Input, catalog: &Catalog, counted: &[(String, usize)]) -> Option<Self> {
        let values = |field| [values(field, catalog).as_slice(), counted].concat();
        let completion = complete(line.text(), line.cursor(), values);
        (!completion.candidates.is_empty()).then(|| Self { before: line.clone(), completion, at: 0 })
    }

    /// The candidates, best first.
    pub fn candidates(&self) -> &[Candidate] {
        &self.completion.candidates
    }

    /// The one that is in the line.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes on by so many candidates; at the end it begins anew.
    pub fn step(&mut self, by: isize) {
        let count = self.completion.candidates.len();
        let by = by.rem_euclid(isize::try_from(count).unwrap_or(isize::MAX)).unsigned_abs();
        self.at = (self.at + by) % count.max(1);
    }

    /// The line with the candidate in it.
    pub fn line(&self) -> Input {
        let mut line = self.before.clone();
        if let Some(candidate) = self.completion.candidates.get(self.at) {
            line.replace(self.completion.span.clone(), &candidate.text);
        }
        line
    }

    /// The line as it was before.
    pub fn before(&self) -> &Input {
        &self.before
    }
}

/// Whether the values of a filter are known from the texts of sessions, at least some of them.
fn stands_in_texts(field: Field) -> bool {
    match field {
        Field::Role | Field::Kind | Field::Tool | Field::File | Field::Exit | Field::Is | Field::Has => true,
        Field::Agent
        | Field::Dir
        | Field::Workspace
        | Field::Branch
        | Field::Model
        | Field::Before
        | Field::Since
        | Field::On
        | Field::Turns
        | Field::Tokens
        | Field::Id => false,
    }
}

/// The values that a filter has in the sessions, each with its count.
fn values(field: Field, catalog: &Catalog) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for session in catalog.iter() {
        for value in values_of(field, session) {
            *counts.entry(value).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}

fn values_of(field: Field, session: &Session) -> Vec<String> {
    let one = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned).into_iter().collect();
    match field {
        Field::Agent => vec![session.key.agent.name().to_owned()],
        Field::Dir => one(Some(&session.cwd)),
        Field::Workspace => one(session.workspace.rsplit('/').find(|part| !part.is_empty())),
        Field::Branch => one(session.branch.as_deref()),
        Field::Model => one(session.model.as_deref()),
        Field::Is => {
            let flags = session.flags;
            let is = [
                (session.state != State::Past, Is::Live),
                (flags.subagent, Is::Subagent),
                (flags.headless, Is::Headless),
                (flags.fork || session.forked_from.is_some(), Is::Fork),
                (flags.empty, Is::Empty),
            ];
            let named = |wanted: Is| Is::ALL.into_iter().find(|(is, _)| *is == wanted).map(|(_, name)| name.to_owned());
            is.into_iter().filter(|(holds, _)| *holds).filter_map(|(_, is)| named(is)).collect()
        }
        Field::Role
        | Field::Kind
        | Field::Tool
        | Field::File
        | Field::Exit
        | Field::Before
        | Field::Since
        | Field::On
        | Field::Turns
        | Field::Tokens
        | Field::Has
        | Field::Id => Vec::new(),
    }
}
