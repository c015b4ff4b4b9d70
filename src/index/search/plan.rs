//! Query plan: each text condition is a clause with one bit, required or excluded in a session.

use std::ops::Range;

use super::ngram::NeedleGrams;
use super::prefilter::{JsonPrefilter, RareByteFinder};
use crate::domain::Session;
use crate::domain::query::filter::FilterTarget;
use crate::domain::query::{
    Branch, Filter, FilterContext, NeedleForm, NeedleMatcher, Query, TermKind, TextKind, text_filter,
};

/// Compiled query.
#[derive(Debug, Default)]
pub(super) struct QueryPlan {
    /// Alternatives, joined by OR.
    pub branches: Vec<Alternative>,
    /// Text clauses of all alternatives; the index of a clause is its bit.
    pub clauses: Vec<Clause>,
}

/// Alternative of a query.
#[derive(Debug, Default)]
pub(super) struct Alternative {
    /// Required clauses, as bits.
    pub required: u64,
    /// Excluded clauses, as bits.
    pub excluded: u64,
    /// Filters over session properties, each with its negation.
    filters: Vec<(Filter, bool)>,
    /// Filters over the texts that needles may match, each with its negation.
    scope: Vec<(Filter, bool)>,
}

/// Text clause.
#[derive(Debug)]
pub(super) struct Clause {
    /// Index of its alternative.
    pub branch: usize,
    /// Test of the clause.
    pub test: ClauseTest,
}

/// Test of a text clause.
#[derive(Debug)]
pub(super) enum ClauseTest {
    /// Needle.
    Text {
        /// Matcher of the needle.
        matcher: NeedleMatcher,
        /// Faster search of short texts; `None`: the matcher searches them.
        short: Option<RareByteFinder>,
        /// Prefilter of raw records; `None`: every record is decoded.
        prefilter: Option<JsonPrefilter>,
        /// N-grams that matches contain.
        grams: NeedleGrams,
        /// True if the needle could match across adjacent texts, so that each text is matched by itself.
        per_text: bool,
    },
    /// Kind of text: a touched file, an exit code, an error, any text of a role.
    Occurs(Filter),
}

impl QueryPlan {
    /// Compiles a query.
    pub(super) fn new(query: &Query) -> Self {
        let mut plan = Self::default();
        for branch in &query.branches {
            plan.add(branch);
        }
        plan
    }

    fn add(&mut self, branch: &Branch) {
        let at = self.branches.len();
        let mut alternative = Alternative::default();
        let has_needles = branch.required().next().is_some();
        for term in &branch.terms {
            let test = match &term.kind {
                TermKind::Text(needle) => {
                    // The parser has already rejected invalid regular expressions.
                    let Ok(matcher) = NeedleMatcher::new(needle) else { continue };
                    let per_text = matches!(needle.form, NeedleForm::Regex | NeedleForm::Wildcard);
                    let (short, prefilter) = (RareByteFinder::new(&matcher), JsonPrefilter::new(needle));
                    let grams = NeedleGrams::new(needle, prefilter.as_ref());
                    ClauseTest::Text { matcher, short, prefilter, grams, per_text }
                }
                TermKind::Filter(filter) => match filter.target() {
                    FilterTarget::Session => {
                        alternative.filters.push((filter.clone(), term.negated));
                        continue;
                    }
                    FilterTarget::Scope if has_needles => {
                        alternative.scope.push((filter.clone(), term.negated));
                        continue;
                    }
                    FilterTarget::Scope | FilterTarget::Occurrence => ClauseTest::Occurs(filter.clone()),
                },
            };
            let bit = 1 << self.clauses.len().min(63);
            if term.negated {
                alternative.excluded |= bit;
            } else {
                alternative.required |= bit;
            }
            self.clauses.push(Clause { branch: at, test });
        }
        self.branches.push(alternative);
    }

    /// Returns the alternatives that a session may match by its properties, as bits.
    pub(super) fn alternatives(&self, session: &Session, facts: &FilterContext<'_>) -> u64 {
        let open = |branch: &Alternative| {
            branch.filters.iter().all(|(filter, negated)| filter.admits(session, facts) != *negated)
        };
        (0u64..).zip(&self.branches).filter(|(_, branch)| open(branch)).map(|(at, _)| 1 << at).sum()
    }

    /// Returns the clauses that a session's properties satisfy already (`is:live,error` of a live one), as bits.
    pub(super) fn satisfied_by(&self, session: &Session) -> u64 {
        let is_satisfied = |clause: &Clause| match &clause.test {
            ClauseTest::Occurs(Filter::Is(values)) => values.iter().any(|value| value.admits(session)),
            ClauseTest::Occurs(_) | ClauseTest::Text { .. } => false,
        };
        (0u64..).zip(&self.clauses).filter(|(_, clause)| is_satisfied(clause)).map(|(at, _)| 1 << at).sum()
    }

    /// Returns true if a clause of an eligible alternative may match a text of this kind.
    pub(super) fn admits(&self, clause: &Clause, open: u64, kind: TextKind, tool: &str) -> bool {
        if open & (1 << clause.branch) == 0 {
            return false;
        }
        match &clause.test {
            ClauseTest::Text { .. } => {
                kind != TextKind::Outcome
                    && self.branches[clause.branch]
                        .scope
                        .iter()
                        .all(|(filter, negated)| text_filter::in_scope(filter, kind, tool) != *negated)
            }
            ClauseTest::Occurs(filter) => text_filter::may_occur(filter, kind),
        }
    }

    /// Returns true if the query has text clauses.
    pub(super) fn needs_texts(&self) -> bool {
        !self.clauses.is_empty()
    }

    /// Returns true if an alternative has exclusions.
    pub(super) fn has_exclusions(&self) -> bool {
        self.branches.iter().any(|branch| branch.excluded != 0)
    }

    /// Returns true if needles are limited to some texts.
    pub(super) fn has_scope(&self) -> bool {
        self.branches.iter().any(|branch| !branch.scope.is_empty())
    }

    /// Returns true if the tool of an output matters.
    pub(super) fn needs_tool_names(&self) -> bool {
        let tool = |filter: &Filter| matches!(filter, Filter::Tool(_));
        self.branches.iter().any(|branch| branch.scope.iter().any(|(filter, _)| tool(filter)))
    }

    /// Returns true if texts outside of the index may match.
    pub(super) fn needs_files(&self) -> bool {
        let outside = [TextKind::Thinking, TextKind::Output, TextKind::Input];
        self.clauses.iter().any(|clause| {
            let scope = &self.branches[clause.branch].scope;
            match &clause.test {
                // The tool is unknown here; only certain mismatches exclude a text.
                ClauseTest::Text { .. } => outside.iter().any(|kind| {
                    scope.iter().all(|(filter, negated)| {
                        matches!(filter, Filter::Tool(_)) || text_filter::in_scope(filter, *kind, "") != *negated
                    })
                }),
                ClauseTest::Occurs(_) => clause.occurs_outside_index(),
            }
        })
    }
}

impl Alternative {
    /// Returns true if a session with the matched clauses satisfies the alternative. Exclusions hold only once all of
    /// the session was searched.
    pub(super) fn is_satisfied(&self, found: u64, all: bool) -> bool {
        found & self.required == self.required && (self.excluded == 0 || (all && found & self.excluded == 0))
    }
}

impl ClauseTest {
    /// Returns the first match of a needle in a short text at or after `from`.
    pub(super) fn find_short(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        match self {
            Self::Text { matcher, short: Some(short), .. } => matcher.with_folded(bytes, from, short.find(bytes, from)),
            Self::Text { matcher, short: None, .. } => matcher.find_in(bytes, from),
            Self::Occurs(_) => None,
        }
    }
}

impl Clause {
    /// Returns true if the clause matches only texts outside of the index.
    pub(super) fn occurs_outside_index(&self) -> bool {
        let ClauseTest::Occurs(Filter::Kind(kinds)) = &self.test else { return false };
        kinds.contains(&TextKind::Thinking.kind())
    }

    /// Returns true if a text that [`QueryPlan::admits`] satisfies the kind test of the clause.
    pub(super) fn occurs(&self, kind: TextKind, tool: &str, text: &str) -> bool {
        matches!(&self.test, ClauseTest::Occurs(filter) if text_filter::occurs(filter, kind, tool, text))
    }
}
