//! Parser of the query language: tokens to terms, filter values, and errors.

use std::ops::Range;

use super::filter::{Filter, FilterKey, HasValue, IsValue, KINDS, NumberRange, ROLES};
use super::lex::{TokenKind, tokens};
use super::matcher::NeedleMatcher;
use super::{Branch, MAX_TERMS, Needle, NeedleForm, Query, QueryError, Term, TermKind, TimeSpec};
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
            query.errors.push(QueryError { span: token.span.start..source.len(), message });
            break;
        }
        if let TokenKind::Or = token.kind {
            if branch.terms.is_empty() && query.branches.is_empty() {
                query.errors.push(QueryError { span: token.span.clone(), message: "nothing before OR".into() });
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
        query.errors.push(QueryError { span, message: "nothing after OR".into() });
    }
    query.branches.extend(Some(branch).filter(|branch| !branch.terms.is_empty()));
    query.errors.sort_by_key(|mistake| mistake.span.start);
    query.errors.truncate(MAX_ERRORS);
    query
}

fn term_kind(kind: TokenKind, span: &Range<usize>, mistakes: &mut Vec<QueryError>) -> Option<TermKind> {
    let mut wrong = |span: &Range<usize>, message: String| mistakes.push(QueryError { span: span.clone(), message });
    let needle = |text, form| Some(TermKind::Text(Needle { text, form }));
    match kind {
        TokenKind::Or => None,
        TokenKind::Word(text) => needle(text, NeedleForm::Word),
        TokenKind::Phrase(text, closed) => {
            if !closed {
                wrong(span, "unclosed quote".into());
            }
            if text.trim().is_empty() {
                if closed {
                    wrong(span, "empty quotes".into());
                }
                return None;
            }
            needle(text, NeedleForm::Phrase)
        }
        TokenKind::Regex(text) => {
            let candidate = Needle { text, form: NeedleForm::Regex };
            match NeedleMatcher::new(&candidate) {
                Ok(_) => Some(TermKind::Text(candidate)),
                Err(message) => {
                    wrong(span, message);
                    None
                }
            }
        }
        TokenKind::Tag(tag) => Some(TermKind::Filter(Filter::Tag(vec![tag]))),
        TokenKind::Typo(key) => {
            wrong(span, format!("unknown filter; did you mean `{}:`? Quote it to search for it", key.name()));
            None
        }
        TokenKind::Filter(key, values) => {
            if let Some(at) = values.open {
                wrong(&(at..span.end), "unclosed quote".into());
            }
            if values.all.is_empty() {
                wrong(span, format!("`{}:` needs a value", key.name()));
                return None;
            }
            filter(key, values.all, mistakes).map(TermKind::Filter)
        }
    }
}

type Values = Vec<(String, Range<usize>)>;

fn filter(key: FilterKey, values: Values, mistakes: &mut Vec<QueryError>) -> Option<Filter> {
    let texts = |values: Values| Some(values.into_iter().map(|(value, _)| value).collect::<Vec<_>>());
    let mut numbers =
        |values| each(values, mistakes, "must be a number such as 5, >5, <100k or 2..10", NumberRange::parse);
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
        FilterKey::Exit => numbers(values).map(Filter::Exit),
        FilterKey::Turns => numbers(values).map(Filter::Turns),
        FilterKey::Tokens => numbers(values).map(Filter::Tokens),
        FilterKey::Before => whens(values, mistakes).map(Filter::Before),
        FilterKey::Since => whens(values, mistakes).map(Filter::Since),
        FilterKey::On => whens(values, mistakes).map(Filter::On),
        FilterKey::Agent => {
            let names: Vec<&str> = Agent::ALL.iter().map(|agent| agent.name()).collect();
            each(values, mistakes, &format!("must be one of {}", names.join(", ")), Agent::from_name).map(Filter::Agent)
        }
        FilterKey::Role => {
            each(values, mistakes, "must be user, assistant or system", |word| named(&ROLES, word)).map(Filter::Role)
        }
        FilterKey::Kind => {
            let known = "must be one of prompt, text, thinking, tool, notice, plan, image, other";
            each(values, mistakes, known, |word| named(&KINDS, word)).map(Filter::Kind)
        }
        FilterKey::Is => {
            let known = "must be one of live, subagent, headless, fork, error, star, empty";
            each(values, mistakes, known, |word| named(&IsValue::ALL, word)).map(Filter::Is)
        }
        FilterKey::Has => {
            let known = "must be one of error, diff, image, plan";
            each(values, mistakes, known, |word| named(&HasValue::ALL, word)).map(Filter::Has)
        }
    }
}

fn whens(values: Values, mistakes: &mut Vec<QueryError>) -> Option<Vec<TimeSpec>> {
    each(values, mistakes, "must be a day or an age such as 2d, yesterday or 2026-11-01", TimeSpec::parse)
}

fn named<T: Copy>(known: &[(T, &str)], word: &str) -> Option<T> {
    known.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(value, _)| *value)
}

/// Parses each value and reports an error for the invalid ones. Returns `None` if none is valid.
fn each<T>(
    values: Values,
    mistakes: &mut Vec<QueryError>,
    needed: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let mut found = Vec::new();
    for (value, span) in values {
        match read(&value) {
            Some(value) => found.push(value),
            None => mistakes.push(QueryError { span, message: needed.to_owned() }),
        }
    }
    Some(found).filter(|found| !found.is_empty())
}
