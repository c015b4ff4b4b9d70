//! Completions of the word under the cursor while they are chosen from: each press puts the next one into the line.

use std::collections::HashMap;

use crate::app::input::Input;
use crate::domain::catalog::Catalog;
use crate::domain::query::complete::{Candidate, Completion, complete};
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

impl Completing {
    /// Completions of the word under the cursor; `None` where there are none.
    pub fn begin(line: &Input, catalog: &Catalog) -> Option<Self> {
        let completion = complete(line.text(), line.cursor(), |field| values(field, catalog));
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
