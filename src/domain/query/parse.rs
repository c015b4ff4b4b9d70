//! Parser of the query language: tokens to terms, filter values, and errors.

use std::ops::Range;

use super::filter::{Filter, FilterKey, HasValue, IsValue, KINDS, NumberRange, ROLES};
use super::lex::{self, TokenKind, tokens};
use super::matcher::NeedleMatcher;
use super::{Branch, MAX_TERMS, Needle, NeedleForm, Query, QueryError, QueryErrorKind, Term, TermKind, TimeSpec};
use crate::domain::Agent;

/// Maximum reported errors per query, because a screen shows only a few.
const MAX_ERRORS: usize = 16;

/// Parses a query and collects its errors.
pub(super) fn parse(source: &str) -> Query {
    let mut query = Query::default();
    let mut branch = Branch::default();
    let mut count = 0;
    let mut last_or = None;
    for token in tokens(source) {
        if count == MAX_TERMS {
            let message = format!("more than {MAX_TERMS} conditions; the rest is ignored");
            query.errors.push(QueryError::invalid(token.span.start..source.len(), message));
            break;
        }
        if let TokenKind::Or = token.kind {
            if branch.terms.is_empty() && query.branches.is_empty() {
                query.errors.push(QueryError::invalid(token.span.clone(), "nothing before OR".into()));
            }
            last_or = Some(token.span).filter(|_| !branch.terms.is_empty());
            query.branches.extend(Some(std::mem::take(&mut branch)).filter(|branch| !branch.terms.is_empty()));
            continue;
        }
        if let Some(what) = term_kind(token.kind, &token.span, &mut query.errors) {
            branch.terms.push(Term { negated: token.negated, kind: what, span: token.span });
            count += 1;
        }
    }
    if let Some(span) = last_or.filter(|_| branch.terms.is_empty()) {
        query.errors.push(QueryError::unfinished(span, "nothing after OR"));
    }
    query.branches.extend(Some(branch).filter(|branch| !branch.terms.is_empty()));
    query.errors.sort_by_key(|mistake| mistake.span.start);
    query.errors.truncate(MAX_ERRORS);
    query
}

fn term_kind(kind: TokenKind, span: &Range<usize>, mistakes: &mut Vec<QueryError>) -> Option<TermKind> {
    let needle = |text, form| Some(TermKind::Text(Needle { text, form }));
    match kind {
        TokenKind::Or => None,
        TokenKind::Word(text) => needle(text, NeedleForm::Word),
        TokenKind::Wildcard(text) => compiled(Needle { text, form: NeedleForm::Wildcard }, span, mistakes),
        TokenKind::UnknownFilter(text) => {
            let message = "unknown filter, searched as text".to_owned();
            mistakes.push(QueryError { span: span.clone(), message, kind: QueryErrorKind::SearchedAsText });
            needle(text, NeedleForm::Word)
        }
        TokenKind::Phrase(text, closed) => {
            if !closed {
                mistakes.push(QueryError::unfinished(span.clone(), "unclosed quote"));
            }
            if text.trim().is_empty() {
                if closed {
                    mistakes.push(QueryError::invalid(span.clone(), "empty quotes".into()));
                }
                return None;
            }
            needle(text, NeedleForm::Phrase)
        }
        TokenKind::Regex(text) => compiled(Needle { text, form: NeedleForm::Regex }, span, mistakes),
        TokenKind::Tag(tag) => Some(TermKind::Filter(Filter::Tag(vec![tag]))),
        TokenKind::Typo(key) => {
            let message = format!("unknown filter; did you mean `{}:`? Quote it to search for it", key.name());
            mistakes.push(QueryError::invalid(span.clone(), message));
            None
        }
        TokenKind::Filter(key, values) => filter_term(key, values, span, mistakes),
    }
}

/// Returns the needle if its pattern compiles.
fn compiled(needle: Needle, span: &Range<usize>, mistakes: &mut Vec<QueryError>) -> Option<TermKind> {
    if let Err(message) = NeedleMatcher::new(&needle) {
        mistakes.push(QueryError::invalid(span.clone(), message));
        return None;
    }
    Some(TermKind::Text(needle))
}

fn filter_term(
    key: FilterKey,
    values: lex::Values,
    span: &Range<usize>,
    mistakes: &mut Vec<QueryError>,
) -> Option<TermKind> {
    if let Some(at) = values.open {
        mistakes.push(QueryError::unfinished(at..span.end, "unclosed quote"));
    }
    if values.all.is_empty() {
        mistakes.push(QueryError::unfinished(span.clone(), format!("`{}:` needs a value", key.name())));
        return None;
    }
    filter(key, values.all, mistakes).map(TermKind::Filter)
}

type Values = Vec<(String, Range<usize>)>;

fn filter(key: FilterKey, values: Values, mistakes: &mut Vec<QueryError>) -> Option<Filter> {
    let texts = |values: Values| Some(values.into_iter().map(|(value, _)| value).collect::<Vec<_>>());
    let mut numbers = |values| {
        let is_started =
            |value: &str| value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'<' | b'>' | b'=' | b'.'));
        let needed = "must be a number such as 5, >5, <100k or 2..10";
        each(values, mistakes, needed, is_started, NumberRange::parse)
    };
    match key {
        FilterKey::Dir => texts(values).map(Filter::Dir),
        FilterKey::Workspace => texts(values).map(Filter::Workspace),
        FilterKey::Branch => texts(values).map(Filter::Branch),
        FilterKey::Model => texts(values).map(Filter::Model),
        FilterKey::Tool => texts(values).map(Filter::Tool),
        FilterKey::File => texts(values).map(Filter::File),
        FilterKey::Id => texts(values).map(Filter::Id),
        FilterKey::Tag => texts(values).map(Filter::Tag),
        FilterKey::Note => texts(values).map(Filter::Note),
        FilterKey::Host => texts(values).map(Filter::Host),
        FilterKey::Exit => numbers(values).map(Filter::Exit),
        FilterKey::Turns => numbers(values).map(Filter::Turns),
        FilterKey::Tokens => numbers(values).map(Filter::Tokens),
        FilterKey::Before => whens(values, mistakes).map(Filter::Before),
        FilterKey::Since => whens(values, mistakes).map(Filter::Since),
        FilterKey::On => whens(values, mistakes).map(Filter::On),
        FilterKey::Agent => {
            let names: Vec<_> = Agent::all().into_iter().map(|agent| (agent, agent.name())).collect();
            one_of(values, mistakes, &names).map(Filter::Agent)
        }
        FilterKey::Role => one_of(values, mistakes, &ROLES).map(Filter::Role),
        FilterKey::Kind => one_of(values, mistakes, &KINDS).map(Filter::Kind),
        FilterKey::Is => one_of(values, mistakes, &IsValue::ALL).map(Filter::Is),
        FilterKey::Has => one_of(values, mistakes, &HasValue::ALL).map(Filter::Has),
    }
}

fn whens(values: Values, mistakes: &mut Vec<QueryError>) -> Option<Vec<TimeSpec>> {
    let needed = "must be a day or an age such as 2d, yesterday or 2026-11-01";
    let is_started = |value: &str| {
        let is_date = value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b':' | b'.' | b'T' | b'm' | b'i'));
        is_date || ["today", "yesterday"].iter().any(|name| name.starts_with(value))
    };
    each(values, mistakes, needed, is_started, TimeSpec::parse)
}

/// Parses values that are names, ignoring case.
fn one_of<T: Copy>(values: Values, mistakes: &mut Vec<QueryError>, known: &[(T, &str)]) -> Option<Vec<T>> {
    let names: Vec<_> = known.iter().map(|(_, name)| *name).collect();
    let is_started = |value: &str| {
        names.iter().any(|name| name.get(..value.len()).is_some_and(|head| head.eq_ignore_ascii_case(value)))
    };
    let find = |word: &str| known.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(value, _)| *value);
    each(values, mistakes, &format!("must be one of {}", names.join(", ")), is_started, find)
}

/// Parses each value and reports an error for the invalid ones. Returns `None` if none is valid. `is_started` returns
/// true for the beginning of a valid value.
fn each<T>(
    values: Values,
    mistakes: &mut Vec<QueryError>,
    needed: &str,
    is_started: impl Fn(&str) -> bool,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let mut found = Vec::new();
    for (value, span) in values {
        match read(&value) {
            Some(value) => found.push(value),
            None if is_started(&value) => mistakes.push(QueryError::unfinished(span, needed)),
            None => mistakes.push(QueryError::invalid(span, needed.to_owned())),
        }
    }
    Some(found).filter(|found| !found.is_empty())
}
