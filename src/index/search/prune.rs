//! Prunes byte ranges and sessions that the n-gram filters prove cannot match.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::execution::Execution;
use super::index_state::SourceFilter;
use super::ngram::segments;
use super::plan::{ClauseTest, QueryPlan};
use super::pruned::Pruned;

/// Number of sources in the sample, and the minimum of pruned ones among them; below it pruning is given up.
const SAMPLE: usize = 128;
const MIN_PRUNED: usize = SAMPLE / 16;

/// Clauses that are absent from a source, independent of its sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct AbsentClauses {
    /// Absent clauses as bits, in the covered part.
    clauses: u64,
    covered: u64,
    /// Ranges of a file without any clause, in order.
    ranges: Vec<Range<u64>>,
    /// In a source of many sessions: the clauses that each of them may contain, as bits; without one, none.
    present: Option<HashMap<String, u64>>,
}

/// Pass over all filters, shared by threads.
pub(super) struct FilterPass<'a> {
    execution: &'a Execution<'a>,
    filters: Vec<SourceFilter>,
    /// Index of the next filter to read.
    next: AtomicUsize,
}

/// Absent clauses of some sources by their numbers.
pub(super) type AbsentBySource = Vec<(usize, AbsentClauses)>;

impl<'a> FilterPass<'a> {
    /// Creates a pass. Reads nothing for a query without n-grams.
    pub(super) fn new(execution: &'a Execution<'a>) -> Self {
        let filters = if execution.plan.has_grams() { execution.state.filters() } else { Vec::new() };
        Self { execution, filters, next: AtomicUsize::new(0) }
    }

    /// Reads filters that no other thread has taken. Ends early if the first ones prune too little.
    pub(super) fn read_some(&self) -> AbsentBySource {
        let Self { execution, filters, next } = self;
        let mut absent = Vec::new();
        loop {
            let first = next.fetch_add(SAMPLE, Ordering::Relaxed);
            let Some(part) = filters.get(first..filters.len().min(first + SAMPLE)).filter(|part| !part.is_empty())
            else {
                return absent;
            };
            let before = absent.len();
            execution.state.read_filters(&execution.reader, part, execution.pin, |filter, bytes| {
                let found = absent_in(&execution.plan, bytes, filter.covered);
                if found.clauses != 0 || !found.ranges.is_empty() || found.present.is_some() {
                    absent.push((filter.source, found));
                }
            });
            let prunes = |(_, found): &&(usize, AbsentClauses)| found.clauses != 0 || !found.ranges.is_empty();
            if first == 0 && part.len() == SAMPLE && absent[before..].iter().filter(prunes).count() < MIN_PRUNED {
                next.store(filters.len(), Ordering::Relaxed);
            }
        }
    }
}

fn absent_in(plan: &QueryPlan, filter: &[u8], covered: u64) -> AbsentClauses {
    let (mut absent_everywhere, mut start) = (u64::MAX, 0);
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let (mut present, mut has_sessions) = (HashMap::<String, u64>::new(), true);
    for segment in segments(filter) {
        let absent_clauses =
            plan.absent_clauses(|test| matches!(test, ClauseTest::Text { grams, .. } if !segment.may_contain(grams)));
        absent_everywhere &= absent_clauses;
        has_sessions &= !segment.sessions.is_empty();
        let may_occur = plan.all_clauses() & !absent_clauses;
        for session in segment.sessions.iter().filter(|_| may_occur != 0) {
            *present.entry((*session).to_owned()).or_default() |= may_occur;
        }
        if absent_clauses == plan.all_clauses() && segment.end > start {
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = segment.end,
                _ => ranges.push(start..segment.end),
            }
        }
        start = segment.end;
    }
    AbsentClauses { clauses: absent_everywhere, covered, ranges, present: has_sessions.then_some(present) }
}

/// Prunes each source by its absent clauses; nothing of the others. `found` returns the clauses that a session satisfies without texts, as
/// bits.
pub(super) fn prune(
    execution: &Execution<'_>,
    absent_clauses: impl IntoIterator<Item = (usize, AbsentClauses)>,
    found: impl Fn(usize) -> u64,
) -> Vec<Pruned> {
    let prune_source = |(number, absent): (usize, AbsentClauses)| {
        let AbsentClauses { clauses, covered, ranges, present } = absent;
        if is_excluded(execution, number, clauses, &found) {
            let whole = 0..covered;
            return Pruned { all: Some(covered), ranges: vec![whole], candidates: None };
        }
        let may_match = |session: &usize| {
            let id = &*execution.corpus.sessions()[*session].key.id;
            let present = present.as_ref().map_or(u64::MAX, |present| present.get(id).copied().unwrap_or(0));
            !is_session_excluded(execution, *session, !present, &found)
        };
        let candidates = present.is_some().then(|| execution.corpus.numbers_in(number).filter(may_match).collect());
        Pruned { all: None, ranges, candidates }
    };
    let mut pruned = Vec::new();
    for (number, absent) in absent_clauses {
        if pruned.is_empty() {
            pruned = vec![Pruned::default(); execution.corpus.sources().len()];
        }
        pruned[number] = prune_source((number, absent));
    }
    pruned
}

/// Returns true if every alternative of every session in the source has an absent clause.
fn is_excluded(execution: &Execution<'_>, source: usize, absent_clauses: u64, found: impl Fn(usize) -> u64) -> bool {
    absent_clauses != 0
        && execution
            .corpus
            .numbers_in(source)
            .all(|number| is_session_excluded(execution, number, absent_clauses, &found))
}

/// Returns true if every alternative of a session has an absent clause.
fn is_session_excluded(
    execution: &Execution<'_>,
    number: usize,
    absent_clauses: u64,
    found: impl Fn(usize) -> u64,
) -> bool {
    let absent_clauses = absent_clauses & !found(number);
    let eligible = execution.eligible[number];
    (0..execution.plan.branches.len())
        .filter(|at| eligible & (1 << at) != 0)
        .all(|at| execution.plan.branches[at].required & absent_clauses != 0)
}

impl QueryPlan {
    /// Returns true if a clause has n-grams.
    fn has_grams(&self) -> bool {
        let has = |test: &ClauseTest| matches!(test, ClauseTest::Text { grams, .. } if !grams.is_empty());
        self.clauses.iter().any(|clause| has(&clause.test))
    }

    /// Returns all clauses, as bits.
    fn all_clauses(&self) -> u64 {
        (0u64..).zip(&self.clauses).fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// Returns the clauses for which `is_absent` is true, as bits.
    fn absent_clauses(&self, is_absent: impl Fn(&ClauseTest) -> bool) -> u64 {
        (0u64..)
            .zip(&self.clauses)
            .filter(|(_, clause)| is_absent(&clause.test))
            .fold(0, |bits, (at, _)| bits | 1 << at)
    }
}
