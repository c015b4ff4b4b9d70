//! Queries as text again, for saved views and copied commands. What is shown is understood as the same query.

use std::fmt::{Display, Formatter, Result, Write};

use super::filter::{Field, Filter, Has, Is, KINDS, Numbers, ROLES};
use super::{Form, Query, Term, What};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (at, branch) in self.branches.iter().enumerate() {
            if at > 0 {
                f.write_str(" OR ")?;
            }
            for (at, term) in branch.terms.iter().enumerate() {
                if at > 0 {
                    f.write_char(' ')?;
                }
                term.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.negated {
            f.write_char('-')?;
        }
        match &self.what {
            What::Text(needle) => match needle.form {
                Form::Word => f.write_str(&needle.text),
                Form::Phrase => write_quoted(f, &needle.text),
                Form::Regex => write!(f, "/{}/", needle.text),
            },
            What::Filter(filter) => filter.fmt(f),
        }
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let names = |f: &mut Formatter<'_>, field: Field, names: &[String]| {
            list(f, field, names.iter(), |f, name| write_value(f, name))
        };
        match self {
            Self::Agent(agents) => list(f, Field::Agent, agents.iter(), |f, agent| f.write_str(agent.name())),
            Self::Dir(values) => names(f, Field::Dir, values),
            Self::Workspace(values) => names(f, Field::Workspace, values),
            Self::Branch(values) => names(f, Field::Branch, values),
            Self::Model(values) => names(f, Field::Model, values),
            Self::Tool(values) => names(f, Field::Tool, values),
            Self::File(values) => names(f, Field::File, values),
            Self::Id(values) => names(f, Field::Id, values),
            Self::Role(values) => list(f, Field::Role, values.iter(), |f, role| write_name(f, &ROLES, role)),
            Self::Kind(values) => list(f, Field::Kind, values.iter(), |f, kind| write_name(f, &KINDS, kind)),
            Self::Is(values) => list(f, Field::Is, values.iter(), |f, is| write_name(f, &Is::ALL, is)),
            Self::Has(values) => list(f, Field::Has, values.iter(), |f, has| write_name(f, &Has::ALL, has)),
            Self::Exit(values) => list(f, Field::Exit, values.iter(), |f, range| range.fmt(f)),
            Self::Turns(values) => list(f, Field::Turns, values.iter(), |f, range| range.fmt(f)),
            Self::Tokens(values) => list(f, Field::Tokens, values.iter(), |f, range| range.fmt(f)),
            Self::Before(values) => list(f, Field::Before, values.iter(), |f, when| when.fmt(f)),
            Self::Since(values) => list(f, Field::Since, values.iter(), |f, when| when.fmt(f)),
            Self::On(values) => list(f, Field::On, values.iter(), |f, when| when.fmt(f)),
            Self::Tag(values) => {
                for tag in values {
                    write!(f, "#{tag}")?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Numbers {
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
    field: Field,
    values: impl Iterator<Item = T>,
    write: impl Fn(&mut Formatter<'_>, T) -> Result,
) -> Result {
    write!(f, "{}:", field.name())?;
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

/// A filter's value: quoted where a comma, a quote or white space would end it.
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
