//! Execution of one query: plan, text index, then files, with updates on the way.

use std::sync::{Arc, Mutex, OnceLock};

use super::bounds::search_best_segments;
use super::collector::Collector;
use super::execution::Execution;
use super::plan::QueryPlan;
use super::prune::{FilterPass, prune};
use super::query_cache::{QueryCache, is_cacheable};
use super::store::IndexReader;
use super::text_index::TextIndexSearch;
use super::{Cancel, QueryRequest, file_search};
use crate::domain::query::Query;
use crate::domain::search::{SearchOrder, SearchUpdate};
use crate::stdx::threads::processors;

/// Bytes of indexed text before the first update; some milliseconds of work.
const FIRST_SLICE_BYTES: usize = 8 << 20;

/// Executes a query and sends updates; the last one has complete coverage. Returns true if there are hits.
pub(super) fn search(
    request: &QueryRequest<'_>,
    query: &Query,
    reader: Arc<IndexReader>,
    query_cache: &QueryCache,
    cancel: &Cancel,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    let plan = QueryPlan::new(query);
    let sessions = request.corpus.sessions();
    let eligible: Vec<u64> = sessions.iter().map(|session| plan.alternatives(session, &request.facts())).collect();
    let version = reader.version();
    let cached = if is_cacheable(&plan) { query_cache.previous(version, &eligible) } else { None };
    let (scored_clauses, needs_files) = (plan.scored_clauses(), plan.needs_files());
    let QueryRequest { corpus, context, pin, .. } = *request;
    let execution = Execution {
        plan,
        corpus,
        state: query_cache.index_state(&reader, corpus),
        reader,
        cancel,
        eligible,
        scored_clauses,
        cached,
        needs_files,
        context,
        threads: processors(),
        pin,
        pruned: OnceLock::new(),
        unreadable: Mutex::default(),
    };
    let mut collector = Collector::new(&execution, request);
    let pass = FilterPass::new(&execution);
    let absent_clauses = std::thread::scope(|scope| {
        let other = scope.spawn(|| pass.read_some());
        collector.match_titles(execution.threads);
        let mine = pass.read_some();
        pass.absent([mine, other.join().unwrap_or_default()])
    });
    let pruned =
        prune(&execution, absent_clauses, |number| collector.scores[number].as_ref().map_or(0, |score| score.matched));
    // Set only here.
    drop(execution.pruned.set(pruned));
    let stops_at = request
        .limit
        .filter(|_| execution.plan.needs_texts() && !execution.pin && file_search::can_stop(&execution, request.order));
    let mut found = false;
    let mut has_rest = false;
    if let Some(limit) = stops_at.filter(|_| request.order == SearchOrder::Relevance) {
        has_rest = search_best_segments(&execution, &mut collector, (limit, request.now));
    } else if execution.plan.needs_texts() {
        let mut index_search = TextIndexSearch::new(&execution);
        // While the user types, the newest texts are searched first.
        let mut work = if execution.pin { FIRST_SLICE_BYTES } else { usize::MAX };
        loop {
            collector.merge_indexed(index_search.advance(work));
            if cancel.is_cancelled() {
                return false;
            }
            if index_search.is_done() {
                break;
            }
            found |= collector.emit_all(sink);
            work = usize::MAX;
        }
        // Only repeated queries use the cache.
        if execution.pin {
            query_cache.store(
                &execution.plan,
                version,
                execution.eligible.clone(),
                index_search.segment_offsets(),
                index_search.matches,
            );
        }
    }
    collector.coverage.indexed = !has_rest;
    if !execution.plan.needs_texts() {
        (collector.coverage.complete, collector.coverage.sessions) = (true, execution.eligible_sessions());
    }
    if let Some(limit) = stops_at {
        return file_search::search_best(&execution, &mut collector, limit, sink);
    }
    found |= collector.emit_all(sink);
    if execution.plan.needs_texts() {
        found |= file_search::search_all(&execution, &mut collector, sink);
    }
    found
}
