//! A query asked of the entries of one transcript: which of them hold what is looked for, and where.
//!
//! What a filter says about the session is left aside: the session is open already. Of one that says what must occur
//! somewhere in it (`file:`, `exit:`, `has:`) the entries are shown where nothing else is looked for.

use std::ops::Range;

use super::filter::About;
use super::scope::Scope;
use super::{Branch, Matcher, Query};
use crate::domain::Entry;
use crate::domain::transcript::{Action, Change};

/// Most places that are marked in one text.
const MARKED: usize = 256;

/// A query, ready to be asked of entries.
#[derive(Debug, Default)]
pub struct Within {
    branches: Vec<Asked>,
}

/// How well an entry fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Not at all.
    Not,
    /// It holds some of what must occur.
    Some,
    /// It holds all of it.
    All,
}

#[derive(Debug, Default)]
struct Asked {
    wanted: Vec<Matcher>,
    unwanted: Vec<Matcher>,
    scopes: Vec<(Scope, bool)>,
    /// What must occur, be it in another entry than the words.
    occurrences: Vec<Scope>,
}

impl Within {
    /// Understands a query as far as possible; what is no query finds nothing.
    pub fn new(source: &str) -> Self {
        let query = Query::parse(source);
        Self { branches: query.branches.iter().map(Asked::new).collect() }
    }

    /// Whether there is anything that an entry could fit.
    pub fn asks_entries(&self) -> bool {
        let asks = |branch: &Asked| !(branch.wanted.is_empty() && branch.conditions().next().is_none());
        self.branches.iter().any(asks)
    }

    /// Byte ranges of what is looked for in a text, ascending, overlaps joined.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let wanted = self.branches.iter().flat_map(|branch| &branch.wanted);
        let mut found: Vec<_> = wanted.flat_map(|matcher| matcher.find_all(text, MARKED)).collect();
        found.sort_by_key(|range| (range.start, range.end));
        found.into_iter().fold(Vec::new(), |mut joined: Vec<Range<usize>>, range| {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
            joined
        })
    }

    /// Whether any of what is looked for is in a text.
    pub fn is_in(&self, text: &str) -> bool {
        self.branches.iter().flat_map(|branch| &branch.wanted).any(|matcher| matcher.is_in(text))
    }

    /// How well an entry fits.
    pub fn fit(&self, entry: &Entry) -> Fit {
        let texts = texts(entry);
        self.branches.iter().map(|branch| branch.fit(entry, &texts)).max().unwrap_or(Fit::Not)
    }
}

impl Asked {
    fn new(branch: &Branch) -> Self {
        let mut asked = Self {
            wanted: branch.wanted().filter_map(|needle| Matcher::new(needle).ok()).collect(),
            unwanted: branch.unwanted().filter_map(|needle| Matcher::new(needle).ok()).collect(),
            ..Self::default()
        };
        for (filter, negated) in branch.filters() {
            match (filter.about(), Scope::new(filter)) {
                (About::Scope, Some(scope)) => asked.scopes.push((scope, negated)),
                // That something must not occur anywhere says nothing of an entry.
                (About::Occurrence, Some(scope)) if !negated => asked.occurrences.push(scope),
                (About::Scope | About::Occurrence | About::Session, _) => {}
            }
        }
        asked
    }

    fn fit(&self, entry: &Entry, texts: &[&str]) -> Fit {
        let holds = |matcher: &Matcher| texts.iter().any(|text| matcher.is_in(text));
        if self.wanted.is_empty() {
            // Only what an entry can answer by itself makes it a hit.
            return if self.unwanted.iter().any(holds) { Fit::Not } else { self.fit_without_words(entry) };
        }
        if self.scopes.iter().any(|(scope, negated)| scope.admits(entry) == *negated) {
            return Fit::Not;
        }
        match self.wanted.iter().filter(|matcher| holds(matcher)).count() {
            0 => Fit::Not,
            _ if self.unwanted.iter().any(holds) => Fit::Not,
            found if found == self.wanted.len() => Fit::All,
            _ => Fit::Some,
        }
    }

    /// Filters alone need not all be met by one entry, as they are met by the session.
    fn fit_without_words(&self, entry: &Entry) -> Fit {
        if self.scopes.iter().any(|(scope, negated)| *negated && scope.admits(entry)) {
            return Fit::Not;
        }
        let (met, all) =
            self.conditions().fold((0, 0), |(met, all), scope| (met + usize::from(scope.admits(entry)), all + 1));
        match met {
            _ if all == 0 => {
                if self.scopes.is_empty() {
                    Fit::Not
                } else {
                    Fit::All
                }
            }
            0 => Fit::Not,
            met if met == all => Fit::All,
            _ => Fit::Some,
        }
    }

    /// What an entry should be, where no words say it.
    fn conditions(&self) -> impl Iterator<Item = &Scope> {
        let scopes = self.scopes.iter().filter(|(_, negated)| !negated).map(|(scope, _)| scope);
        scopes.chain(&self.occurrences)
    }
}

/// The texts of an entry that a reader shows when all of it is unfolded.
fn texts(entry: &Entry) -> Vec<&str> {
    let mut texts = vec![entry.text.as_str()];
    let Some(tool) = &entry.tool else { return texts };
    texts.extend([&*tool.name, tool.output.as_str()]);
    match &tool.action {
        Action::Command { command, .. } => texts.push(command),
        Action::Read { path } => texts.push(path),
        Action::Edit(changes) => {
            for change in changes {
                texts.push(&change.path);
                match &change.change {
                    Change::Write(text) | Change::Patch(text) => texts.push(text),
                    Change::Replace(pairs) => {
                        texts.extend(pairs.iter().flat_map(|(old, new)| [old.as_str(), new.as_str()]));
                    }
                    Change::Delete => {}
                }
            }
        }
        Action::Search { pattern, path } => texts.extend([pattern.as_str(), path.as_deref().unwrap_or_default()]),
        Action::Web { query } => texts.push(query),
        Action::Task { description, prompt } => texts.extend([description.as_str(), prompt.as_str()]),
        Action::Plan(items) => texts.extend(items.iter().map(|item| item.text.as_str())),
        Action::Question { question } => texts.push(question),
        Action::Other(text) => texts.push(text),
    }
    texts
}
