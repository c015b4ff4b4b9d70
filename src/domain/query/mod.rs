//! The query language: what stands in the search line and behind `salon search`, as data. Pure; knows no index.
//!
//! Words all have to match, `OR` binds weaker than the words beside it, `-` negates what follows, `"…"` is an exact
//! phrase and `/…/` a regular expression; `name:value,value` filters. A part that cannot be understood becomes a
//! [`Mistake`] at its place and is left out; the rest still runs. No input is refused, none is expensive.

pub mod complete;
pub mod filter;
pub mod fold;
pub mod jump;
mod lex;
mod literals;
pub mod matcher;
mod parse;
pub mod part;
pub mod raw;
mod scope;
mod show;
pub mod sieve;
pub mod when;
pub mod within;

use std::ops::Range;

pub use filter::{Facts, Field, Filter, Has, Is, Numbers};
pub use matcher::Matcher;
pub use part::Part;
pub use when::When;
pub use within::{Fit, Within};

/// Most terms of a query that are run; what lies beyond is marked as a mistake.
pub const MOST_TERMS: usize = 64;

/// A query, understood as far as possible.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Alternatives, in order; at least one where anything was asked for. None of them is empty.
    pub branches: Vec<Branch>,
    /// What could not be understood, in order of place.
    pub mistakes: Vec<Mistake>,
}

/// Terms that all have to match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Branch {
    /// The terms, in order.
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// It must not hold.
    pub negated: bool,
    /// The condition.
    pub what: What,
    /// Its place in the query, in bytes.
    pub span: Range<usize>,
}

/// What a term asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A text that must occur.
    Text(Needle),
    /// A property.
    Filter(Filter),
}

/// A text to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    /// The text, or the regular expression.
    pub text: String,
    /// How it was written.
    pub form: Form,
}

/// How a needle was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A word: found anywhere, also within a longer word.
    Word,
    /// In quotes: spaces and punctuation count. Runs of white space are equal.
    Phrase,
    /// Between slashes.
    Regex,
}

/// Something that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the query.
    pub span: Range<usize>,
    /// What is wrong and what to do, in words.
    pub message: String,
}

impl Query {
    /// Understands a query. Never fails; see [`Query::mistakes`].
    pub fn parse(source: &str) -> Self {
        parse::parse(source)
    }

    /// Nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// The needles that must occur, over all branches.
    pub fn needles(&self) -> impl Iterator<Item = &Needle> {
        self.branches.iter().flat_map(Branch::wanted)
    }
}

impl Branch {
    /// The needles that must occur.
    pub fn wanted(&self) -> impl Iterator<Item = &Needle> {
        self.needles(false)
    }

    /// The needles that must not occur.
    pub fn unwanted(&self) -> impl Iterator<Item = &Needle> {
        self.needles(true)
    }

    fn needles(&self, negated: bool) -> impl Iterator<Item = &Needle> {
        self.terms.iter().filter_map(move |term| match &term.what {
            What::Text(needle) if term.negated == negated => Some(needle),
            What::Text(_) | What::Filter(_) => None,
        })
    }

    /// The filters, each with whether it is negated.
    pub fn filters(&self) -> impl Iterator<Item = (&Filter, bool)> {
        self.terms.iter().filter_map(|term| match &term.what {
            What::Filter(filter) => Some((filter, term.negated)),
            What::Text(_) => None,
        })
    }
}
