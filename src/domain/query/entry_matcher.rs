//! Query evaluation on the entries of one transcript.
//!
//! Filters on session metadata are ignored, because the session is already open. Filters on occurrences (`file:`,
//! `exit:`, `has:`) select entries only if the query has no words.

use std::ops::Range;

use super::entry_filter::EntryFilter;
use super::filter::FilterTarget;
use super::{Branch, NeedleMatcher, Query};
use crate::domain::Entry;
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::{ChangeKind, ToolAction};

/// Maximum highlighted ranges per text, because more would not help a reader.
const MAX_MATCH_RANGES: usize = 256;

/// Maximum matches that are counted per entry, because its layout is bounded too.
const MAX_COUNT: usize = 10_000;

/// A query compiled for entries.
#[derive(Debug, Default)]
pub struct EntryMatcher {
    branches: Vec<CompiledBranch>,
}

/// Extent to which an entry matches a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchLevel {
    /// No match.
    None,
    /// Some of the required conditions match.
    Partial,
    /// All required conditions match.
    Full,
}

#[derive(Debug, Default)]
struct CompiledBranch {
    required: Vec<NeedleMatcher>,
    excluded: Vec<NeedleMatcher>,
    scopes: Vec<(EntryFilter, bool)>,
    /// Filters on occurrences, which other entries than those with the words may satisfy.
    occurrences: Vec<EntryFilter>,
}

impl EntryMatcher {
    /// Parses and compiles a query. An invalid query matches nothing.
    pub fn new(source: &str) -> Self {
        let query = Query::parse(source);
        Self { branches: query.branches.iter().map(CompiledBranch::new).collect() }
    }

    /// Returns true if the query has conditions that an entry can match.
    pub fn has_entry_conditions(&self) -> bool {
        let has_conditions =
            |branch: &CompiledBranch| !(branch.required.is_empty() && branch.conditions().next().is_none());
        self.branches.iter().any(has_conditions)
    }

    /// Byte ranges of all matches in a text, ascending and merged.
    pub fn match_ranges(&self, text: &str) -> Vec<Range<usize>> {
        let required = self.branches.iter().flat_map(|branch| &branch.required);
        let mut found: Vec<_> = required.flat_map(|matcher| matcher.find_all(text, MAX_MATCH_RANGES)).collect();
        found.sort_by_key(|range| (range.start, range.end));
        found.into_iter().fold(Vec::new(), |mut joined: Vec<Range<usize>>, range| {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
            joined
        })
    }

    /// Returns true if the text contains any required needle.
    pub fn is_match(&self, text: &str) -> bool {
        self.branches.iter().flat_map(|branch| &branch.required).any(|matcher| matcher.is_match(text))
    }

    /// Number of matches in a matching entry: at least 1, because filters match an entry as a whole.
    pub fn count_matches(&self, entry: &Entry) -> usize {
        let needles = || self.branches.iter().flat_map(|branch| &branch.required);
        let mut counted: Vec<&str> = Vec::new();
        let mut count = 0;
        for text in texts(entry) {
            // The headline of a call repeats its input.
            if counted.iter().any(|other| other.contains(text)) {
                continue;
            }
            count += needles().map(|needle| needle.find_all(text, MAX_COUNT).len()).sum::<usize>();
            counted.push(text);
        }
        count.clamp(1, MAX_COUNT)
    }

    /// Extent to which an entry matches.
    pub fn match_level(&self, entry: &Entry) -> MatchLevel {
        let mut texts = texts(entry);
        // The reader shows the agent-neutral name of the tool.
        let label = entry.tool.as_ref().map(|tool| tool_label(&tool.name));
        texts.extend(label.as_deref());
        self.branches.iter().map(|branch| branch.match_level(entry, &texts)).max().unwrap_or(MatchLevel::None)
    }
}

impl CompiledBranch {
    fn new(branch: &Branch) -> Self {
        let mut compiled = Self {
            required: branch.required().filter_map(|needle| NeedleMatcher::new(needle).ok()).collect(),
            excluded: branch.excluded().filter_map(|needle| NeedleMatcher::new(needle).ok()).collect(),
            ..Self::default()
        };
        for (filter, negated) in branch.filters() {
            match (filter.target(), EntryFilter::new(filter)) {
                (FilterTarget::Scope, Some(scope)) => compiled.scopes.push((scope, negated)),
                // A negated occurrence filter concerns the whole session, not one entry.
                (FilterTarget::Occurrence, Some(scope)) if !negated => compiled.occurrences.push(scope),
                (FilterTarget::Scope | FilterTarget::Occurrence | FilterTarget::Session, _) => {}
            }
        }
        compiled
    }

    fn match_level(&self, entry: &Entry, texts: &[&str]) -> MatchLevel {
        let contains = |matcher: &NeedleMatcher| texts.iter().any(|text| matcher.is_match(text));
        if self.required.is_empty() {
            // Without words, the filters on entries decide.
            return if self.excluded.iter().any(contains) { MatchLevel::None } else { self.match_filters_only(entry) };
        }
        if self.scopes.iter().any(|(scope, negated)| scope.admits(entry) == *negated) {
            return MatchLevel::None;
        }
        match self.required.iter().filter(|matcher| contains(matcher)).count() {
            0 => MatchLevel::None,
            _ if self.excluded.iter().any(contains) => MatchLevel::None,
            found if found == self.required.len() => MatchLevel::Full,
            _ => MatchLevel::Partial,
        }
    }

    /// Filters alone may match in different entries of the session, so a partial match is reported.
    fn match_filters_only(&self, entry: &Entry) -> MatchLevel {
        if self.scopes.iter().any(|(scope, negated)| *negated && scope.admits(entry)) {
            return MatchLevel::None;
        }
        let (met, all) =
            self.conditions().fold((0, 0), |(met, all), scope| (met + usize::from(scope.admits(entry)), all + 1));
        match met {
            _ if all == 0 => {
                if self.scopes.is_empty() {
                    MatchLevel::None
                } else {
                    MatchLevel::Full
                }
            }
            0 => MatchLevel::None,
            met if met == all => MatchLevel::Full,
            _ => MatchLevel::Partial,
        }
    }

    /// Conditions on an entry for a query without words.
    fn conditions(&self) -> impl Iterator<Item = &EntryFilter> {
        let scopes = self.scopes.iter().filter(|(_, negated)| !negated).map(|(scope, _)| scope);
        scopes.chain(&self.occurrences)
    }
}

/// Texts of an entry that the reader shows when it is unfolded.
fn texts(entry: &Entry) -> Vec<&str> {
    let mut texts = vec![entry.text.as_str()];
    let Some(tool) = &entry.tool else { return texts };
    texts.extend([&*tool.name, tool.output.as_str()]);
    match &tool.action {
        ToolAction::Command { command, .. } => texts.push(command),
        ToolAction::Read { path } => texts.push(path),
        ToolAction::Edit(changes) => {
            for change in changes {
                texts.push(&change.path);
                match &change.kind {
                    ChangeKind::Write(text) | ChangeKind::Patch(text) => texts.push(text),
                    ChangeKind::Replace(pairs) => {
                        texts.extend(pairs.iter().flat_map(|(old, new)| [old.as_str(), new.as_str()]));
                    }
                    ChangeKind::Delete => {}
                }
            }
        }
        ToolAction::Search { pattern, path } => texts.extend([pattern.as_str(), path.as_deref().unwrap_or_default()]),
        ToolAction::Web { query } => texts.push(query),
        ToolAction::Task { description, prompt } => texts.extend([description.as_str(), prompt.as_str()]),
        ToolAction::Plan(items) => texts.extend(items.iter().map(|item| item.text.as_str())),
        ToolAction::PlanText(text) => texts.push(text),
        ToolAction::Question { question, answer } => {
            texts.extend([question.as_str(), answer.as_deref().unwrap_or_default()]);
        }
        ToolAction::Other(text) => texts.push(text),
    }
    texts
}
