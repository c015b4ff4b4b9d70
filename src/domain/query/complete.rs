//! Completion of the word under the cursor: filter names, then their values.

use std::cmp::Reverse;
use std::ops::Range;

use super::filter::{Field, Has, Is, KINDS, ROLES};
use super::lex::{Kind, tokens};
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

/// What is being typed where the cursor is.
#[derive(Debug)]
enum Typed {
    /// A word that may become a filter's name.
    Name(String),
    /// A value of a filter, behind those that stand there already.
    Value(Field, String, Vec<String>),
}

/// Candidates for the word in which the cursor (a byte offset) stands. `values` gives the values that a filter has in
/// the present sessions, with their counts; filters with fixed values need none.
pub fn complete(source: &str, cursor: usize, values: impl Fn(Field) -> Vec<(String, usize)>) -> Completion {
    let (span, typed) = typed(source, cursor);
    let candidates = match typed {
        Typed::Name(word) => names(&word),
        Typed::Value(field, typed, given) => choices(field, &typed, &given, values(field)),
    };
    Completion { span, candidates }
}

/// The filter of which a value is typed where the cursor stands, and so much of the value.
pub fn value_at(source: &str, cursor: usize) -> Option<(Field, String)> {
    match typed(source, cursor).1 {
        Typed::Name(_) => None,
        Typed::Value(field, typed, _) => Some((field, typed)),
    }
}

/// Values that hold what is typed, the best first: those that begin so, or of paths whose last part does; then the most
/// frequent.
pub fn best(field: Field, typed: &str, mut values: Vec<(String, usize)>) -> Vec<(String, usize)> {
    let typed = typed.to_lowercase();
    values.retain(|(value, _)| value.to_lowercase().contains(&typed));
    values.sort_by_cached_key(|(value, count)| (!begins(field, &typed, value), Reverse(*count), value.clone()));
    values
}

fn begins(field: Field, typed: &str, value: &str) -> bool {
    let value = value.to_lowercase();
    let is_path = matches!(field, Field::Dir | Field::File);
    value.starts_with(typed) || (is_path && value.rsplit('/').next().is_some_and(|name| name.starts_with(typed)))
}

/// What is being typed, and its place.
fn typed(source: &str, cursor: usize) -> (Range<usize>, Typed) {
    let cursor = boundary_before(source, cursor.min(source.len()));
    let nothing = (cursor..cursor, Typed::Name(String::new()));
    let Some(token) = tokens(&source[..cursor]).last().filter(|token| token.span.end == cursor) else { return nothing };
    match token.kind {
        Kind::Filter(field, mut values) => {
            let last = values.all.pop_if(|(_, span)| span.end == cursor);
            let (value, span) = last.unwrap_or((String::new(), cursor..cursor));
            (span, Typed::Value(field, value, values.all.into_iter().map(|(value, _)| value).collect()))
        }
        Kind::Word(word) => (token.span.start + usize::from(token.negated)..cursor, Typed::Name(word)),
        Kind::Or | Kind::Phrase(..) | Kind::Regex(_) | Kind::Mistyped(_) | Kind::Tag(_) => nothing,
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

fn choices(field: Field, typed: &str, given: &[String], values: Vec<(String, usize)>) -> Vec<Candidate> {
    let typed = typed.to_lowercase();
    let fixed = fixed(field).into_iter().filter(|name| !values.iter().any(|(value, _)| value == name));
    let fixed: Vec<_> = fixed.filter(|name| name.contains(&typed)).map(|name| (name.to_owned(), None)).collect();
    let counted = best(field, &typed, values).into_iter().map(|(value, count)| (value, Some(count)));
    let mut found: Vec<_> = counted.chain(fixed).filter(|(value, _)| !given.contains(value)).collect();
    found.sort_by_key(|(value, _)| !begins(field, &typed, value));
    let candidate = |(value, count): (String, Option<usize>)| {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write_value(&mut text, &value);
        Candidate { text, hint: "", count }
    };
    found.into_iter().map(candidate).collect()
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
