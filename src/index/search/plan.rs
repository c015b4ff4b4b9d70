//! A query made ready to run: one bit for each thing that must, or must not, occur in a session.

use super::letters;
use crate::domain::query::filter::About;
use crate::domain::query::fold::{Case, fold};
use crate::domain::query::raw::Raw;
use crate::domain::query::{Branch, Facts, Filter, Form, Has, Is, Matcher, Part, Query, What};
use crate::domain::{Role, Session};

/// A query, ready to run.
#[derive(Debug, Default)]
pub struct Plan {
    /// Its alternatives.
    pub branches: Vec<Alternative>,
    /// What is looked for in texts, over all alternatives; the bit of each is its place.
    pub probes: Vec<Probe>,
}

/// One alternative.
#[derive(Debug, Default)]
pub struct Alternative {
    /// Bits of the probes that must be found.
    pub wanted: u64,
    /// Bits of those that must not.
    pub unwanted: u64,
    /// What the session must be, each with whether it is negated.
    filters: Vec<(Filter, bool)>,
    /// Where needles may stand, each with whether it is negated.
    scope: Vec<(Filter, bool)>,
}

/// Something to look for in texts.
#[derive(Debug)]
pub struct Probe {
    /// The alternative that it belongs to.
    pub branch: usize,
    /// What it is.
    pub test: Test,
}

/// What a probe looks for.
#[derive(Debug)]
pub enum Test {
    /// A needle.
    Text {
        /// Finds it.
        matcher: Matcher,
        /// Rules raw records out; `None`: every record has to be decoded.
        raw: Option<Raw>,
        /// Rows of its letters, all of which must stand where it stands; see [`super::letters`].
        rows: Vec<u32>,
        /// It may match across texts that lie side by side, so each is looked at by itself.
        apart: bool,
    },
    /// A text of a kind: a touched file, an exit code, an error, any text of a role.
    Occurs(Filter),
}

impl Plan {
    /// Makes a query ready.
    pub fn new(query: &Query) -> Self {
        let mut plan = Self::default();
        for branch in &query.branches {
            plan.add(branch);
        }
        plan
    }

    fn add(&mut self, branch: &Branch) {
        let at = self.branches.len();
        let mut alternative = Alternative::default();
        let has_needles = branch.wanted().next().is_some();
        for term in &branch.terms {
            let test = match &term.what {
                What::Text(needle) => {
                    // A regular expression was tried when the query was understood.
                    let Ok(matcher) = Matcher::new(needle) else { continue };
                    let apart = needle.form == Form::Regex;
                    Test::Text { matcher, raw: Matcher::raw(needle), rows: letters::rows(needle), apart }
                }
                What::Filter(filter) => match filter.about() {
                    About::Session => {
                        alternative.filters.push((filter.clone(), term.negated));
                        continue;
                    }
                    About::Scope if has_needles => {
                        alternative.scope.push((filter.clone(), term.negated));
                        continue;
                    }
                    About::Scope | About::Occurrence => Test::Occurs(filter.clone()),
                },
            };
            let bit = 1 << self.probes.len().min(63);
            if term.negated {
                alternative.unwanted |= bit;
            } else {
                alternative.wanted |= bit;
            }
            self.probes.push(Probe { branch: at, test });
        }
        self.branches.push(alternative);
    }

    /// The alternatives that a session may fulfil, as bits, by what is known without its texts.
    pub fn alternatives(&self, session: &Session, facts: &Facts<'_>) -> u64 {
        let open = |branch: &Alternative| {
            branch.filters.iter().all(|(filter, negated)| filter.admits(session, facts) != *negated)
        };
        (0u64..).zip(&self.branches).filter(|(_, branch)| open(branch)).map(|(at, _)| 1 << at).sum()
    }

    /// Probes that what is known of a session fulfils already (`is:live,error` of a live one).
    pub fn given(&self, session: &Session, facts: &Facts<'_>) -> u64 {
        let holds = |probe: &Probe| match &probe.test {
            Test::Occurs(Filter::Is(values)) => values.iter().any(|value| value.admits(session, facts)),
            Test::Occurs(_) | Test::Text { .. } => false,
        };
        (0u64..).zip(&self.probes).filter(|(_, probe)| holds(probe)).map(|(at, _)| 1 << at).sum()
    }

    /// Whether a probe of an open alternative may be found in a text of that kind.
    pub fn admits(&self, probe: &Probe, open: u64, part: Part, tool: &str) -> bool {
        if open & (1 << probe.branch) == 0 {
            return false;
        }
        match &probe.test {
            Test::Text { .. } => {
                part != Part::Outcome
                    && self.branches[probe.branch]
                        .scope
                        .iter()
                        .all(|(filter, negated)| in_scope(filter, part, tool) != *negated)
            }
            Test::Occurs(filter) => may_occur(filter, part),
        }
    }

    /// Whether any text has to be looked at.
    pub fn reads_texts(&self) -> bool {
        !self.probes.is_empty()
    }

    /// Whether needles are wanted in some texts only.
    pub fn has_scope(&self) -> bool {
        self.branches.iter().any(|branch| !branch.scope.is_empty())
    }

    /// Whether it matters to which tool an output belongs.
    pub fn asks_for_tools(&self) -> bool {
        let tool = |filter: &Filter| matches!(filter, Filter::Tool(_));
        self.branches.iter().any(|branch| branch.scope.iter().any(|(filter, _)| tool(filter)))
    }

    /// Whether texts that are not in the index can matter at all.
    pub fn needs_bulk(&self) -> bool {
        let bulk = [Part::Thinking, Part::Output, Part::Input];
        self.probes.iter().any(|probe| {
            let scope = &self.branches[probe.branch].scope;
            match &probe.test {
                // Which tool is not known yet: only what is sure rules a text out.
                Test::Text { .. } => bulk.iter().any(|part| {
                    scope.iter().all(|(filter, negated)| {
                        matches!(filter, Filter::Tool(_)) || in_scope(filter, *part, "") != *negated
                    })
                }),
                Test::Occurs(_) => probe.occurs_in_bulk(),
            }
        })
    }
}

impl Alternative {
    /// Whether what was found of a session fulfils it. Before `all` was looked at, nothing unwanted can be ruled out.
    pub fn fulfilled(&self, found: u64, all: bool) -> bool {
        found & self.wanted == self.wanted && (self.unwanted == 0 || (all && found & self.unwanted == 0))
    }
}

fn in_scope(filter: &Filter, part: Part, tool: &str) -> bool {
    match filter {
        Filter::Role(roles) => roles.contains(&part.role()) || (part == Part::Title && roles.contains(&Role::User)),
        Filter::Kind(kinds) => kinds.contains(&part.kind()),
        Filter::Tool(names) => {
            let tool = fold(tool, Case::Ignored);
            !tool.is_empty() && names.iter().any(|name| tool.contains(&fold(name, Case::Ignored)))
        }
        _ => true,
    }
}

fn may_occur(filter: &Filter, part: Part) -> bool {
    match filter {
        Filter::File(_) => matches!(part, Part::File | Part::EditedFile),
        Filter::Exit(_) => part == Part::Outcome,
        Filter::Has(values) => values.iter().any(|value| shows(*value, part)),
        Filter::Is(values) => values.contains(&Is::Error) && shows(Has::Error, part),
        Filter::Tool(_) => matches!(part, Part::Input | Part::File | Part::EditedFile),
        Filter::Role(_) | Filter::Kind(_) => in_scope(filter, part, ""),
        _ => false,
    }
}

fn shows(has: Has, part: Part) -> bool {
    match has {
        Has::Error => matches!(part, Part::Outcome | Part::Error),
        Has::Diff => part == Part::EditedFile,
        Has::Image => part == Part::Image,
        Has::Plan => part == Part::Plan,
    }
}

impl Probe {
    /// Whether it is to be found outside of the talk only.
    pub fn occurs_in_bulk(&self) -> bool {
        let Test::Occurs(Filter::Kind(kinds)) = &self.test else { return false };
        kinds.contains(&Part::Thinking.kind())
    }

    /// Whether a text of a kind that [`Plan::admits`] is what an [`Test::Occurs`] looks for.
    pub fn occurs(&self, part: Part, tool: &str, text: &str) -> bool {
        let Test::Occurs(filter) = &self.test else { return false };
        match filter {
            Filter::File(names) => {
                let path = fold(text, Case::Ignored);
                names.iter().any(|name| path.contains(&fold(name, Case::Ignored)))
            }
            Filter::Exit(ranges) => text.parse().is_ok_and(|code| ranges.iter().any(|range| range.holds(code))),
            Filter::Has(_) | Filter::Is(_) => part != Part::Outcome || text != "0",
            Filter::Tool(_) => in_scope(filter, part, tool),
            _ => true,
        }
    }
}
