//! Prunes byte ranges and sessions that the n-gram filters prove cannot match.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use super::execution::Execution;
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

/// Returns the absent clauses of each source; empty for a query without n-grams.
pub(super) fn absent_clauses(execution: &Execution<'_>) -> Vec<AbsentClauses> {
    if !execution.plan.has_grams() {
        return Vec::new();
    }
    let sources = execution.corpus.sources();
    let mut all = vec![AbsentClauses::default(); sources.len()];
    let (mut sampled, mut pruned_sources) = (0, 0);
    execution.state.each_filter(&execution.reader, execution.pin, |number, filter, covered| {
        all[number] = absent_in(&execution.plan, filter, covered);
        sampled += 1;
        pruned_sources += usize::from(all[number].clauses != 0 || !all[number].ranges.is_empty());
        if sampled == SAMPLE && pruned_sources < MIN_PRUNED {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    all
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

/// Prunes each source by its absent clauses. `found` returns the clauses that a session satisfies without texts, as
/// bits.
pub(super) fn prune(
    execution: &Execution<'_>,
    absent_clauses: Vec<AbsentClauses>,
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
    absent_clauses.into_iter().enumerate().map(prune_source).collect()
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
