//! Upper bounds of scores: segments whose sessions cannot be among the best ones need not be searched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::collector::Collector;
use super::execution::Execution;
use super::index_state::LiveSegment;
use super::score::primary_score;
use super::text_index::TextIndexSearch;
use crate::domain::Time;

/// Bytes of indexed text that a thread searches before its first test, and at most between two.
const FIRST_TEST_BYTES: usize = 64 << 10;
const MAX_TEST_BYTES: usize = 1 << 20;

/// Searches the text index until the best `limit` sessions by relevance are known. Returns true if segments are left.
pub(super) fn search_best_segments(
    execution: &Execution<'_>,
    collector: &mut Collector<'_>,
    (limit, now): (usize, Time),
) -> bool {
    // What cannot match counts as searched.
    let pruned =
        execution.state.segments.iter().filter(|live| execution.is_pruned(live) && execution.is_eligible(live));
    collector.coverage.bytes += pruned.map(|live| live.segment.layout.text as u64).sum::<u64>();
    let bounds = segment_bounds(execution, collector, now);
    let mut index_search = TextIndexSearch::new(execution);
    index_search.set_order(bounds.iter().map(|(segment, _)| *segment).collect());
    // Segments that are taken are searched by each thread in any case.
    let is_known = |collector: &Collector<'_>| {
        let rest = bounds.get(index_search.searched()).map_or(0.0, |(_, bound)| *bound);
        collector.nth_best_score(limit).is_some_and(|score| score > rest)
    };
    if is_known(collector) {
        return !index_search.is_done();
    }
    let (collector, is_enough) = (Mutex::new(collector), AtomicBool::new(false));
    let search = || {
        let mut work = FIRST_TEST_BYTES;
        while !index_search.is_done() && !is_enough.load(Ordering::Relaxed) {
            let found = index_search.search_some(&AtomicUsize::new(0), work);
            let mut collector = collector.lock().unwrap_or_else(PoisonError::into_inner);
            collector.merge_indexed(found);
            is_enough.fetch_or(is_known(&collector), Ordering::Relaxed);
            work = (work * 2).min(MAX_TEST_BYTES);
        }
    };
    std::thread::scope(|scope| {
        (1..execution.threads).for_each(|_| drop(scope.spawn(search)));
        search();
    });
    !index_search.is_done()
}

/// Returns the segments of eligible sessions that may match, each with the maximum score of its sessions, the highest
/// first.
fn segment_bounds(execution: &Execution<'_>, collector: &Collector<'_>, now: Time) -> Vec<(usize, f32)> {
    let segments: Vec<(usize, &LiveSegment)> =
        execution.state.segments.iter().enumerate().filter(|(_, live)| !execution.is_pruned(live)).collect();
    // Maximum weight and maximum number of the texts of each session.
    let mut maxima = vec![(0.0_f32, 0); execution.corpus.sessions().len()];
    for (number, score) in collector.scores.iter().enumerate() {
        let best = score.as_ref().and_then(|score| score.best.first());
        maxima[number] = (best.map_or(0.0, |title| title.weight), usize::from(best.is_some()));
    }
    for (_, live) in &segments {
        for &session in live.sessions.iter().flatten() {
            let kinds = live.segment.kinds.iter(&execution.corpus.sessions()[session].title.text);
            let weight = kinds.map(|kind| execution.plan.max_weight(kind)).fold(0.0, f32::max);
            let (max_weight, count) = &mut maxima[session];
            (*max_weight, *count) = (max_weight.max(weight), *count + live.segment.layout.count);
        }
    }
    let bound = |&session: &usize| {
        let (weight, count) = maxima[session];
        primary_score(weight, count, &execution.corpus.sessions()[session], now)
    };
    let eligible = |session: &usize| execution.eligible[*session] != 0;
    let of_segment = |sessions: &[Option<usize>]| {
        sessions.iter().flatten().copied().filter(eligible).map(|session| bound(&session)).reduce(f32::max)
    };
    let mut bounds: Vec<(usize, f32)> =
        segments.into_iter().filter_map(|(number, live)| Some((number, of_segment(&live.sessions)?))).collect();
    bounds.sort_by(|a, b| b.1.total_cmp(&a.1));
    bounds
}
