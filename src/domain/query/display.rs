//! Formatting of queries, for saved views and copied commands. The output parses to the same query.

use std::fmt::{Display, Formatter, Result, Write};

use super::filter::{Filter, FilterKey, HasValue, IsValue, KINDS, NumberRange, ROLES};
use super::{NeedleForm, Query, Term, TermKind, lex};
use crate::domain::annotation::AnnotationEdit;

impl Display for Query {
    /// Formats from the last term to the first, because a word such as `/` would begin a regular expression with a later
    /// slash if what separated them was no term. Such a word is quoted.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut shown = String::new();
        for (nth, branch) in self.branches.iter().enumerate().rev() {
            for (at, term) in branch.terms.iter().enumerate().rev() {
                let mut text = term.to_string();
                text.push_str(&shown);
                if let TermKind::Text(needle) = &term.kind
                    && needle.form == NeedleForm::Word
                    && lex::regex(&text[usize::from(term.negated)..]).is_some()
                {
                    text.clear();
                    text.push_str(if term.negated { "-" } else { "" });
                    write_quoted(&mut text, &needle.text)?;
                    text.push_str(&shown);
                }
                shown = match (nth, at) {
                    (0, 0) => text,
                    (_, 0) => format!(" OR {text}"),
                    _ => format!(" {text}"),
                };
            }
        }
        f.write_str(&shown)
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.negated {
            f.write_char('-')?;
        }
        match &self.kind {
            TermKind::Text(needle) => match needle.form {
                NeedleForm::Word | NeedleForm::Wildcard => f.write_str(&needle.text),
                NeedleForm::Phrase => write_quoted(f, &needle.text),
                NeedleForm::Regex => write!(f, "/{}/", needle.text),
            },
            TermKind::Filter(filter) => filter.fmt(f),
        }
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let names = |f: &mut Formatter<'_>, key: FilterKey, names: &[String]| {
            list(f, key, names.iter(), |f, name| write_value(f, name))
        };
        match self {
            Self::Agent(agents) => list(f, FilterKey::Agent, agents.iter(), |f, agent| f.write_str(agent.name())),
            Self::Dir(values) => names(f, FilterKey::Dir, values),
            Self::Workspace(values) => names(f, FilterKey::Workspace, values),
            Self::Branch(values) => names(f, FilterKey::Branch, values),
            Self::Model(values) => names(f, FilterKey::Model, values),
            Self::Tool(values) => names(f, FilterKey::Tool, values),
            Self::File(values) => names(f, FilterKey::File, values),
            Self::Id(values) => names(f, FilterKey::Id, values),
            Self::Role(values) => list(f, FilterKey::Role, values.iter(), |f, role| write_name(f, &ROLES, role)),
            Self::Kind(values) => list(f, FilterKey::Kind, values.iter(), |f, kind| write_name(f, &KINDS, kind)),
            Self::Is(values) => list(f, FilterKey::Is, values.iter(), |f, is| write_name(f, &IsValue::ALL, is)),
            Self::Has(values) => list(f, FilterKey::Has, values.iter(), |f, has| write_name(f, &HasValue::ALL, has)),
            Self::Exit(values) => list(f, FilterKey::Exit, values.iter(), |f, range| range.fmt(f)),
            Self::Turns(values) => list(f, FilterKey::Turns, values.iter(), |f, range| range.fmt(f)),
            Self::Tokens(values) => list(f, FilterKey::Tokens, values.iter(), |f, range| range.fmt(f)),
            Self::Before(values) => list(f, FilterKey::Before, values.iter(), |f, when| when.fmt(f)),
            Self::Since(values) => list(f, FilterKey::Since, values.iter(), |f, when| when.fmt(f)),
            Self::On(values) => list(f, FilterKey::On, values.iter(), |f, when| when.fmt(f)),
            Self::Note(values) => names(f, FilterKey::Note, values),
            Self::Host(values) => names(f, FilterKey::Host, values),
            Self::Tag(values) => match values.as_slice() {
                [tag] if AnnotationEdit::tag(tag).is_ok_and(|known| known == *tag) => write!(f, "#{tag}"),
                values => names(f, FilterKey::Tag, values),
            },
        }
    }
}

impl Display for NumberRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self { from, to } if from == to => write!(f, "{from}"),
            Self { from, to: u64::MAX } => write!(f, ">={from}"),
            Self { from: 0, to } => write!(f, "<={to}"),
            Self { from, to } => write!(f, "{from}..{to}"),
        }
    }
}

fn list<T>(
    f: &mut Formatter<'_>,
    key: FilterKey,
    values: impl Iterator<Item = T>,
    write: impl Fn(&mut Formatter<'_>, T) -> Result,
) -> Result {
    write!(f, "{}:", key.name())?;
    for (at, value) in values.enumerate() {
        if at > 0 {
            f.write_char(',')?;
        }
        write(f, value)?;
    }
    Ok(())
}

fn write_name<T: PartialEq>(f: &mut Formatter<'_>, known: &[(T, &str)], value: &T) -> Result {
    known.iter().find(|(one, _)| one == value).map_or(Ok(()), |(_, name)| f.write_str(name))
}

/// Writes a filter value, quoted if a comma, a quote or white space would end it.
pub(super) fn write_value(f: &mut impl Write, value: &str) -> Result {
    if value.contains(|c: char| c == ',' || c == '"' || c.is_whitespace()) {
        return write_quoted(f, value);
    }
    f.write_str(value)
}

fn write_quoted(f: &mut impl Write, text: &str) -> Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
