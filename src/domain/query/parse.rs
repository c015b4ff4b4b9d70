//! Tokens to terms: what each filter's values mean, and where something is wrong.

use std::ops::Range;

use super::filter::{Field, Filter, Has, Is, KINDS, Numbers, ROLES};
use super::lex::{Kind, tokens};
use super::matcher::Matcher;
use super::{Branch, Form, MOST_TERMS, Mistake, Needle, Query, Term, What, When};
use crate::domain::Agent;

/// Mistakes that are told; who made more mends these first.
const MOST_MISTAKES: usize = 16;

/// Understands a query as far as possible.
pub fn parse(source: &str) -> Query {
    let mut query = Query::default();
    let mut branch = Branch::default();
    let mut count = 0;
    let mut last_or = None;
    for token in tokens(source) {
        if count == MOST_TERMS {
            let message = format!("more than {MOST_TERMS} conditions: from here on they are left out");
            query.mistakes.push(Mistake { span: token.span.start..source.len(), message });
            break;
        }
        if let Kind::Or = token.kind {
            if branch.terms.is_empty() && query.branches.is_empty() {
                query.mistakes.push(Mistake { span: token.span.clone(), message: "nothing stands before OR".into() });
            }
            last_or = Some(token.span).filter(|_| !branch.terms.is_empty());
            query.branches.extend(Some(std::mem::take(&mut branch)).filter(|branch| !branch.terms.is_empty()));
            continue;
        }
        if let Some(what) = understand(token.kind, &token.span, &mut query.mistakes) {
            branch.terms.push(Term { negated: token.negated, what, span: token.span });
            count += 1;
        }
    }
    if let Some(span) = last_or.filter(|_| branch.terms.is_empty()) {
        query.mistakes.push(Mistake { span, message: "nothing stands after OR".into() });
    }
    query.branches.extend(Some(branch).filter(|branch| !branch.terms.is_empty()));
    query.mistakes.sort_by_key(|mistake| mistake.span.start);
    query.mistakes.truncate(MOST_MISTAKES);
    query
}

fn understand(kind: Kind, span: &Range<usize>, mistakes: &mut Vec<Mistake>) -> Option<What> {
    let mut wrong = |span: &Range<usize>, message: String| mistakes.push(Mistake { span: span.clone(), message });
    let needle = |text, form| Some(What::Text(Needle { text, form }));
    match kind {
        Kind::Or => None,
        Kind::Word(text) => needle(text, Form::Word),
        Kind::Phrase(text, closed) => {
            if !closed {
                wrong(span, "the quote is not closed".into());
            }
            if text.trim().is_empty() {
                if closed {
                    wrong(span, "nothing stands between the quotes".into());
                }
                return None;
            }
            needle(text, Form::Phrase)
        }
        Kind::Regex(text) => {
            let candidate = Needle { text, form: Form::Regex };
            match Matcher::new(&candidate) {
                Ok(_) => Some(What::Text(candidate)),
                Err(message) => {
                    wrong(span, message);
                    None
                }
            }
        }
        Kind::Tag(tag) => Some(What::Filter(Filter::Tag(vec![tag]))),
        Kind::Mistyped(field) => {
            wrong(span, format!("no such filter; is `{}:` meant? Quote it to search for it", field.name()));
            None
        }
        Kind::Filter(field, values) => {
            if let Some(at) = values.open {
                wrong(&(at..span.end), "the quote is not closed".into());
            }
            if values.all.is_empty() {
                wrong(span, format!("`{}:` needs a value", field.name()));
                return None;
            }
            filter(field, values.all, mistakes).map(What::Filter)
        }
    }
}

type Values = Vec<(String, Range<usize>)>;

fn filter(field: Field, values: Values, mistakes: &mut Vec<Mistake>) -> Option<Filter> {
    let texts = |values: Values| Some(values.into_iter().map(|(value, _)| value).collect::<Vec<_>>());
    let mut numbers =
        |values| each(values, mistakes, "a number such as 5, >5, <100k or 2..10 is needed", Numbers::parse);
    match field {
        Field::Dir => texts(values).map(Filter::Dir),
        Field::Workspace => texts(values).map(Filter::Workspace),
        Field::Branch => texts(values).map(Filter::Branch),
        Field::Model => texts(values).map(Filter::Model),
        Field::Tool => texts(values).map(Filter::Tool),
        Field::File => texts(values).map(Filter::File),
        Field::Id => texts(values).map(Filter::Id),
        Field::Exit => numbers(values).map(Filter::Exit),
        Field::Turns => numbers(values).map(Filter::Turns),
        Field::Tokens => numbers(values).map(Filter::Tokens),
        Field::Before => whens(values, mistakes).map(Filter::Before),
        Field::Since => whens(values, mistakes).map(Filter::Since),
        Field::On => whens(values, mistakes).map(Filter::On),
        Field::Agent => {
            let names: Vec<&str> = Agent::ALL.iter().map(|agent| agent.name()).collect();
            each(values, mistakes, &format!("one of {} is needed", names.join(", ")), Agent::from_name)
                .map(Filter::Agent)
        }
        Field::Role => {
            each(values, mistakes, "user, assistant or system is needed", |word| named(&ROLES, word)).map(Filter::Role)
        }
        Field::Kind => {
            let known = "one of prompt, text, thinking, tool, notice, plan, image, other is needed";
            each(values, mistakes, known, |word| named(&KINDS, word)).map(Filter::Kind)
        }
        Field::Is => {
            let known = "one of live, subagent, headless, fork, error, star, empty is needed";
            each(values, mistakes, known, |word| named(&Is::ALL, word)).map(Filter::Is)
        }
        Field::Has => {
            let known = "one of error, diff, image, plan is needed";
            each(values, mistakes, known, |word| named(&Has::ALL, word)).map(Filter::Has)
        }
    }
}

fn whens(values: Values, mistakes: &mut Vec<Mistake>) -> Option<Vec<When>> {
    each(values, mistakes, "a day or an age such as 2d, yesterday or 2026-11-01 is needed", When::parse)
}

fn named<T: Copy>(known: &[(T, &str)], word: &str) -> Option<T> {
    known.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(value, _)| *value)
}

/// The values that can be understood; a mistake for each other one. `None` where nothing is left.
fn each<T>(
    values: Values,
    mistakes: &mut Vec<Mistake>,
    needed: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let mut found = Vec::new();
    for (value, span) in values {
        match read(&value) {
            Some(value) => found.push(value),
            None => mistakes.push(Mistake { span, message: needed.to_owned() }),
        }
    }
    Some(found).filter(|found| !found.is_empty())
}
