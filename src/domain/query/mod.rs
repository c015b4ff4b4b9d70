//! Query language of the search line and of `salon search`. Pure data; independent of the index.
//!
//! Words must all match, `OR` binds weaker than the words beside it, and `-` negates the term that follows. `*` within a
//! word matches any characters except white space. `"…"` is an exact phrase, `/…/` a regular expression,
//! `name:value,value` a filter. An invalid part becomes a [`QueryError`] with its position and is ignored. Every input
//! is accepted and cheap to run.

pub mod complete;
mod display;
mod entry_filter;
pub mod entry_matcher;
pub mod filter;
mod filter_context;
pub mod fold;
pub mod foldable;
pub mod jump;
mod lex;
pub mod matcher;
mod parse;
pub mod session_values;
pub mod text_filter;
pub mod text_kind;
pub mod time_spec;

use std::ops::Range;

pub use entry_matcher::{EntryMatcher, MatchLevel};
pub use filter::{Filter, FilterContext, FilterKey, HasValue, IsValue, NumberRange};
pub use matcher::NeedleMatcher;
pub use text_kind::TextKind;
pub use time_spec::TimeSpec;

/// Maximum terms per query, because each term costs a scan; the rest is reported as an error.
pub const MAX_TERMS: usize = 64;

/// A parsed query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Non-empty alternatives, in order; none if the query is empty.
    pub branches: Vec<Branch>,
    /// Errors by position.
    pub errors: Vec<QueryError>,
}

/// Terms that must all match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Branch {
    /// Terms in order.
    pub terms: Vec<Term>,
}

/// One condition of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// True if the condition is negated.
    pub negated: bool,
    /// Condition.
    pub kind: TermKind,
    /// Byte range in the query.
    pub span: Range<usize>,
}

/// Condition of a term.
#[derive(Clone, Debug, PartialEq)]
pub enum TermKind {
    /// Text that must occur.
    Text(Needle),
    /// Filter that must pass.
    Filter(Filter),
}

/// Text to search for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    /// Text or regular expression.
    pub text: String,
    /// Notation in the query.
    pub form: NeedleForm,
}

/// Notation of a needle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedleForm {
    /// Word; also matches within a longer word.
    Word,
    /// Word in which each `*` matches any characters except white space.
    Wildcard,
    /// Quoted phrase with significant punctuation. Runs of white space are equal.
    Phrase,
    /// Regular expression between slashes.
    Regex,
}

/// An error in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// Byte range in the query.
    pub span: Range<usize>,
    /// Description of the error and its remedy.
    pub message: String,
    /// Severity of the error.
    pub kind: QueryErrorKind,
}

impl QueryError {
    /// Creates an error of a part that is ignored.
    fn invalid(span: Range<usize>, message: String) -> Self {
        Self { span, message, kind: QueryErrorKind::Invalid }
    }

    /// Creates an error that more text at the end of the part may mend.
    fn unfinished(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), kind: QueryErrorKind::Unfinished }
    }
}

/// Severity of a [`QueryError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryErrorKind {
    /// The marked part is ignored.
    Invalid,
    /// The marked part is ignored, and more text at its end may make it valid.
    Unfinished,
    /// The marked part resembles a filter and is searched as text.
    SearchedAsText,
}

impl Query {
    /// Parses a query. Never fails; see [`Query::errors`].
    pub fn parse(source: &str) -> Self {
        parse::parse(source)
    }

    /// Returns true if the query has no conditions.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// Needles that must occur, over all branches.
    pub fn needles(&self) -> impl Iterator<Item = &Needle> {
        self.branches.iter().flat_map(Branch::required)
    }
}

impl Branch {
    /// Needles that must occur.
    pub fn required(&self) -> impl Iterator<Item = &Needle> {
        self.needles(false)
    }

    /// Needles that must not occur.
    pub fn excluded(&self) -> impl Iterator<Item = &Needle> {
        self.needles(true)
    }

    fn needles(&self, negated: bool) -> impl Iterator<Item = &Needle> {
        self.terms.iter().filter_map(move |term| match &term.kind {
            TermKind::Text(needle) if term.negated == negated => Some(needle),
            TermKind::Text(_) | TermKind::Filter(_) => None,
        })
    }

    /// Filters, each with true if it is negated.
    pub fn filters(&self) -> impl Iterator<Item = (&Filter, bool)> {
        self.terms.iter().filter_map(|term| match &term.kind {
            TermKind::Filter(filter) => Some((filter, term.negated)),
            TermKind::Text(_) => None,
        })
    }
}
