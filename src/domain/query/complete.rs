//! Completion at the cursor: filter names, then their values.

use std::cmp::Reverse;
use std::ops::Range;

use super::display::write_value;
use super::filter::{FilterKey, HasValue, IsValue, KINDS, ROLES};
use super::lex::{TokenKind, tokens};
use crate::domain::Agent;
use crate::stdx::text::boundary_before;

/// Completion candidates at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryCompletion {
    /// Bytes of the query that a candidate replaces.
    pub span: Range<usize>,
    /// Candidates, best first.
    pub candidates: Vec<QueryCandidate>,
}

/// One completion candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryCandidate {
    /// Replacement text.
    pub text: String,
    /// Description; empty if there is none.
    pub hint: &'static str,
    /// Number of sessions that the filter would keep, if known.
    pub count: Option<usize>,
}

/// Syntactic context at the cursor.
#[derive(Debug)]
enum Context {
    /// Word that may become a filter's name.
    Name(String),
    /// Value of a filter: the filter, the typed prefix, and the values before it.
    Value(FilterKey, String, Vec<String>),
}

/// Completes the word at the cursor (a byte offset). `values` returns the values of a filter in the current sessions,
/// with their counts. Filters with fixed values need none.
pub fn complete(source: &str, cursor: usize, values: impl Fn(FilterKey) -> Vec<(String, usize)>) -> QueryCompletion {
    let (span, typed) = context_at(source, cursor);
    let candidates = match typed {
        Context::Name(word) => names(&word),
        Context::Value(key, typed, given) => values_of(key, &typed, &given, values(key)),
    };
    QueryCompletion { span, candidates }
}

/// Returns the filter whose value is at the cursor, and the typed part of the value.
pub fn value_at(source: &str, cursor: usize) -> Option<(FilterKey, String)> {
    match context_at(source, cursor).1 {
        Context::Name(_) => None,
        Context::Value(key, typed, _) => Some((key, typed)),
    }
}

/// Ranks the values that contain the typed text: prefix matches first (for paths also of the last component), then the
/// most frequent.
pub fn rank_values(key: FilterKey, typed: &str, mut values: Vec<(String, usize)>) -> Vec<(String, usize)> {
    let typed = typed.to_lowercase();
    values.retain(|(value, _)| value.to_lowercase().contains(&typed));
    values.sort_by_cached_key(|(value, count)| (!is_prefix_match(key, &typed, value), Reverse(*count), value.clone()));
    values
}

fn is_prefix_match(key: FilterKey, typed: &str, value: &str) -> bool {
    let value = value.to_lowercase();
    let is_path = matches!(key, FilterKey::Dir | FilterKey::File);
    value.starts_with(typed) || (is_path && value.rsplit('/').next().is_some_and(|name| name.starts_with(typed)))
}

/// Returns the context at the cursor and its byte range.
fn context_at(source: &str, cursor: usize) -> (Range<usize>, Context) {
    let cursor = boundary_before(source, cursor.min(source.len()));
    let nothing = (cursor..cursor, Context::Name(String::new()));
    let Some(token) = tokens(&source[..cursor]).last().filter(|token| token.span.end == cursor) else { return nothing };
    match token.kind {
        TokenKind::Filter(key, mut values) => {
            let last = values.all.pop_if(|(_, span)| span.end == cursor);
            let (value, span) = last.unwrap_or((String::new(), cursor..cursor));
            (span, Context::Value(key, value, values.all.into_iter().map(|(value, _)| value).collect()))
        }
        TokenKind::Word(word) => (token.span.start + usize::from(token.negated)..cursor, Context::Name(word)),
        TokenKind::Tag(tag) => (cursor - tag.len()..cursor, Context::Value(FilterKey::Tag, tag, Vec::new())),
        TokenKind::Or
        | TokenKind::Phrase(..)
        | TokenKind::Regex(_)
        | TokenKind::Typo(_)
        | TokenKind::Wildcard(_)
        | TokenKind::UnknownFilter(_) => nothing,
    }
}

fn names(word: &str) -> Vec<QueryCandidate> {
    let known = |name: &str| !word.is_empty() && name.starts_with(&word.to_ascii_lowercase());
    FilterKey::ALL
        .into_iter()
        .filter(|(_, name, _)| known(name))
        .map(|(_, name, hint)| QueryCandidate { text: format!("{name}:"), hint, count: None })
        .collect()
}

fn values_of(key: FilterKey, typed: &str, given: &[String], values: Vec<(String, usize)>) -> Vec<QueryCandidate> {
    let typed = typed.to_lowercase();
    let fixed = fixed(key).into_iter().filter(|name| !values.iter().any(|(value, _)| value == name));
    let fixed: Vec<_> = fixed.filter(|name| name.contains(&typed)).map(|name| (name.to_owned(), None)).collect();
    let counted = rank_values(key, &typed, values).into_iter().map(|(value, count)| (value, Some(count)));
    let mut found: Vec<_> = counted.chain(fixed).filter(|(value, _)| !given.contains(value)).collect();
    found.sort_by_key(|(value, _)| !is_prefix_match(key, &typed, value));
    let candidate = |(value, count): (String, Option<usize>)| {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write_value(&mut text, &value);
        QueryCandidate { text, hint: "", count }
    };
    found.into_iter().map(candidate).collect()
}

fn fixed(key: FilterKey) -> Vec<&'static str> {
    match key {
        // A configured agent is among the counted values once it has a session.
        FilterKey::Agent => Agent::ALL.into_iter().map(Agent::name).collect(),
        FilterKey::Role => ROLES.iter().map(|(_, name)| *name).collect(),
        FilterKey::Kind => KINDS.iter().map(|(_, name)| *name).collect(),
        FilterKey::Is => IsValue::ALL.iter().map(|(_, name)| *name).collect(),
        FilterKey::Has => HasValue::ALL.iter().map(|(_, name)| *name).collect(),
        FilterKey::Before | FilterKey::Since | FilterKey::On => vec!["today", "yesterday", "2d", "1w", "1m"],
        FilterKey::Exit => vec!["0", ">0"],
        FilterKey::Turns => vec![">5"],
        FilterKey::Tokens => vec![">100k"],
        FilterKey::Dir
        | FilterKey::Workspace
        | FilterKey::Branch
        | FilterKey::Model
        | FilterKey::Tool
        | FilterKey::File
        | FilterKey::Tag
        | FilterKey::Note
        | FilterKey::Host
        | FilterKey::Id => Vec::new(),
    }
}
