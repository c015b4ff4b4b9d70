//! Prunes byte ranges and sessions that the n-gram filters prove cannot match.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::execution::Execution;
use super::filter_group::decode_sessions;
use super::ngram::HASH_BITS;
use super::plan::{ClauseTest, QueryPlan};
use super::pruned::Pruned;
use super::store::{IndexReader, SharedFilter};

/// Number of matrices that a thread takes at once.
const MATRICES_PER_STEP: usize = 16;

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

/// Pass over the matrices of all filters, shared by threads.
pub(super) struct FilterPass<'a> {
    execution: &'a Execution<'a>,
    /// Numbers of the matrices in use.
    matrices: Vec<usize>,
    /// Index of the next matrix to read.
    next: AtomicUsize,
}

/// Columns of some matrices that may contain each clause, by the number of the matrix.
pub(super) type CandidateColumns = Vec<(usize, Box<[u64]>)>;

impl<'a> FilterPass<'a> {
    /// Creates a pass. Reads nothing for a query without n-grams.
    pub(super) fn new(execution: &'a Execution<'a>) -> Self {
        let mut is_used = vec![false; execution.reader.matrices().len()];
        if execution.plan.has_grams() {
            let segments = execution.state.filters().flat_map(|(_, filter, _)| filter.segments());
            segments.filter_map(|(_, column)| column).for_each(|(matrix, _)| is_used[matrix] = true);
        }
        let matrices = (0..is_used.len()).filter(|matrix| is_used[*matrix]).collect();
        Self { execution, matrices, next: AtomicUsize::new(0) }
    }

    /// Reads the rows of the query's n-grams in matrices that no other thread has taken.
    pub(super) fn read_some(&self) -> CandidateColumns {
        let Self { execution, matrices, next } = self;
        let (mut candidates, mut page) = (Vec::new(), Vec::new());
        loop {
            let first = next.fetch_add(MATRICES_PER_STEP, Ordering::Relaxed);
            let Some(part) = matrices.get(first..matrices.len().min(first + MATRICES_PER_STEP)) else {
                return candidates;
            };
            if part.is_empty() {
                return candidates;
            }
            for &number in part {
                let matrix = &execution.reader.matrices()[number];
                let row = |hash| execution.reader.read_row(matrix, (hash, HASH_BITS), &mut page);
                candidates.push((number, execution.plan.candidates(row)));
            }
        }
    }

    /// Returns the absent clauses of each source.
    pub(super) fn absent(&self, candidates: impl IntoIterator<Item = CandidateColumns>) -> Vec<(usize, AbsentClauses)> {
        let Self { execution, matrices, .. } = self;
        if matrices.is_empty() {
            return Vec::new();
        }
        let mut by_matrix: Vec<Option<Box<[u64]>>> = vec![None; execution.reader.matrices().len()];
        for (matrix, columns) in candidates.into_iter().flatten() {
            by_matrix[matrix] = Some(columns);
        }
        // After a panic less is known.
        let is_candidate = |(matrix, column): (usize, u8), clause: usize| {
            by_matrix[matrix].as_ref().is_none_or(|columns| columns[clause] >> column & 1 != 0)
        };
        let absent_in = |column: Option<(usize, u8)>| {
            let Some(column) = column else { return 0 };
            let clauses = (0..execution.plan.clauses.len()).filter(|clause| !is_candidate(column, *clause));
            clauses.fold(0, |bits, clause| bits | 1 << clause)
        };
        let absent = execution.state.filters().map(|(source, filter, covered)| {
            (source, absent_clauses(&execution.plan, &execution.reader, filter, covered, absent_in))
        });
        let is_known =
            |found: &AbsentClauses| found.clauses != 0 || !found.ranges.is_empty() || found.present.is_some();
        absent.filter(|(_, found)| is_known(found)).collect()
    }
}

/// Joins the absent clauses of a source's segments.
fn absent_clauses(
    plan: &QueryPlan,
    reader: &IndexReader,
    filter: &SharedFilter,
    covered: u64,
    absent_in: impl Fn(Option<(usize, u8)>) -> u64,
) -> AbsentClauses {
    let mut absent = AbsentClauses { clauses: u64::MAX, covered, ..AbsentClauses::default() };
    let mut start = 0;
    let mut by_segment = Vec::new();
    let sessions = filter.get().sessions;
    for (end, column) in filter.segments() {
        let clauses = absent_in(column);
        absent.clauses &= clauses;
        if sessions.len > 0 {
            by_segment.push(plan.all_clauses() & !clauses);
        }
        if clauses == plan.all_clauses() && end > start {
            match absent.ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => absent.ranges.push(start..end),
            }
        }
        start = end;
    }
    if sessions.len > 0 {
        let mut bytes = Vec::new();
        let ids = if by_segment.iter().any(|may_occur| *may_occur != 0) {
            // Damaged ids exclude no session.
            reader.read_stored(sessions, &mut bytes).ok().and_then(|()| decode_sessions(&bytes))
        } else {
            Some(Vec::new())
        };
        absent.present = ids.and_then(|ids| present(&by_segment, &ids));
    }
    absent
}

/// Returns the clauses that each session may contain, as bits, from those of its segments; `None` if a segment may
/// contain any session.
fn present(by_segment: &[u64], ids: &[Vec<&str>]) -> Option<HashMap<String, u64>> {
    let mut present = HashMap::<String, u64>::new();
    for (number, may_occur) in by_segment.iter().enumerate().filter(|(_, may_occur)| **may_occur != 0) {
        for id in ids.get(number).filter(|ids| !ids.is_empty())? {
            *present.entry((*id).to_owned()).or_default() |= may_occur;
        }
    }
    Some(present)
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

    /// Returns the columns of a matrix that may contain each clause, as bits, by its rows.
    fn candidates(&self, mut row: impl FnMut(u32) -> u64) -> Box<[u64]> {
        let of_clause = |test: &ClauseTest| match test {
            ClauseTest::Text { grams, .. } => grams.candidates(&mut row),
            ClauseTest::Occurs(_) => u64::MAX,
        };
        self.clauses.iter().map(|clause| &clause.test).map(of_clause).collect()
    }
}
