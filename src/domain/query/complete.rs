//! Completion of the word under the cursor: filter names, then their values.

use std::ops::Range;

use super::filter::{Field, Has, Is, KINDS, ROLES};
use super::show::write_value;
use crate::domain::Agent;
use crate::stdx::text::boundary_before;

/// What can stand where the cursor is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// What a chosen candidate replaces, in bytes of the query.
    pub span: Range<usize>,
    /// The candidates, best first.
    pub candidates: Vec<Candidate>,
}

/// One completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is put in place of the span.
    pub text: String,
    /// A hint, where there is one.
    pub hint: &'static str,
    /// How many sessions it would leave, where that is known.
    pub count: Option<usize>,
}

/// Candidates for the word in which the cursor (a byte offset) stands. `values` gives the values that a filter has in
/// the present sessions, with their counts; filters with fixed values need none.
pub fn complete(source: &str, cursor: usize, values: impl Fn(Field) -> Vec<(String, usize)>) -> Completion {
    let cursor = boundary_before(source, cursor.min(source.len()));
    let before = &source[..cursor];
    let start =
        before.rfind(char::is_whitespace).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let start = start + usize::from(before[start..].starts_with('-'));
    let word = &before[start..];
    let named = word.split_once(':').and_then(|(name, rest)| Some((Field::from_name(name)?, rest)));
    match named {
        None => Completion { span: start..cursor, candidates: names(word) },
        Some((field, rest)) => {
            let typed = rest.rsplit(',').next().unwrap_or(rest);
            Completion { span: cursor - typed.len()..cursor, candidates: choices(field, typed, values(field)) }
        }
    }
}

fn names(word: &str) -> Vec<Candidate> {
    let known = |name: &str| !word.is_empty() && name.starts_with(&word.to_ascii_lowercase());
    Field::ALL
        .into_iter()
        .filter(|(_, name, _)| known(name))
        .map(|(_, name, hint)| Candidate { text: format!("{name}:"), hint, count: None })
        .collect()
}

fn choices(field: Field, typed: &str, mut values: Vec<(String, usize)>) -> Vec<Candidate> {
    let typed = typed.trim_start_matches('"').to_lowercase();
    values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let fixed = fixed(field).into_iter().filter(|name| !values.iter().any(|(value, _)| value == name));
    let fixed = fixed.map(|name| (name.to_owned(), None)).collect::<Vec<_>>();
    let all = values.into_iter().map(|(value, count)| (value, Some(count))).chain(fixed);
    let mut found: Vec<_> = all.filter(|(value, _)| value.to_lowercase().contains(&typed)).collect();
    found.sort_by_key(|(value, _)| !value.to_lowercase().starts_with(&typed));
    found
        .into_iter()
        .map(|(value, count)| {
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = write_value(&mut text, &value);
            Candidate { text, hint: "", count }
        })
        .collect()
}

fn fixed(field: Field) -> Vec<&'static str> {
    match field {
        Field::Agent => Agent::ALL.iter().map(|agent| agent.name()).collect(),
        Field::Role => ROLES.iter().map(|(_, name)| *name).collect(),
        Field::Kind => KINDS.iter().map(|(_, name)| *name).collect(),
        Field::Is => Is::ALL.iter().map(|(_, name)| *name).collect(),
        Field::Has => Has::ALL.iter().map(|(_, name)| *name).collect(),
        Field::Before | Field::Since | Field::On => vec!["today", "yesterday", "2d", "1w", "1m"],
        Field::Exit => vec!["0", ">0"],
        Field::Turns => vec![">5"],
        Field::Tokens => vec![">100k"],
        Field::Dir | Field::Workspace | Field::Branch | Field::Model | Field::Tool | Field::File | Field::Id => {
            Vec::new()
        }
    }
}
