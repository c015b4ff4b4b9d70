//! Search of files after the text index: all of them, or as many as the best hits need.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::collector::Collector;
use super::execution::Execution;
use super::scan::{self, ScanRange};
use crate::domain::search::{SearchOrder, SearchUpdate};

/// Maximum time between two updates during a scan, so that a receiver that batches them can send a batch.
const MAX_SILENCE: Duration = Duration::from_millis(16);

/// Searches all files; sends each session when all of it was searched. Returns true if there are hits.
pub(super) fn search_all(
    execution: &Execution<'_>,
    collector: &mut Collector<'_>,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    let sources = collector.unscanned();
    let sources = collector.skip_pruned(sources);
    let mut found = false;
    scan_sources(execution, collector, &ScanRange::all(&sources), |collector, changed| {
        match changed {
            Some(changed) => found |= collector.emit_changed(changed, sink),
            None => sink(SearchUpdate { coverage: collector.coverage, ..SearchUpdate::default() }),
        }
        ControlFlow::Continue(())
    });
    if !execution.cancel.is_cancelled() {
        collector.complete();
        sink(SearchUpdate { coverage: collector.coverage, ..SearchUpdate::default() });
    }
    found
}

/// Returns true if [`search_best`] can stop early. Exclusions, and orders other than these, depend on all files.
pub(super) fn can_stop(execution: &Execution<'_>, order: SearchOrder) -> bool {
    !execution.plan.has_exclusions() && matches!(order, SearchOrder::Relevance | SearchOrder::Time)
}

/// Searches files until the best `limit` hits are known, with exact counts and snippets. The coverage is complete only
/// if all files were searched. Returns true if there are hits.
pub(super) fn search_best(
    execution: &Execution<'_>,
    collector: &mut Collector<'_>,
    limit: usize,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    // Texts that are not indexed yet may contain the best hit.
    let unindexed: Vec<usize> =
        collector.unscanned().into_iter().filter(|&source| !execution.is_all_indexed(source)).collect();
    scan_sources(execution, collector, &ScanRange::all(&unindexed), |_, _| ControlFlow::Continue(()));
    if !collector.are_known(limit) {
        let sources = collector.unscanned();
        let sources = collector.skip_pruned(sources);
        scan_sources(execution, collector, &ScanRange::all(&sources), |collector, changed| {
            let is_done = changed.is_some_and(|changed| !changed.is_empty()) && collector.are_known(limit);
            if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    let best = collector.unscanned_of_best(limit);
    let mut bytes: HashMap<usize, u64> = HashMap::new();
    for &number in &best {
        if let Some(source) = execution.corpus.source_of(number) {
            *bytes.entry(source).or_default() += execution.corpus.sessions()[number].bytes;
        }
    }
    // The largest ones first, so that no thread waits for the last one.
    let mut sources: Vec<usize> = bytes.keys().copied().collect();
    sources.sort_unstable_by_key(|source| (std::cmp::Reverse(bytes[source]), *source));
    let snippets = collector.missing_snippets(&best);
    let range = ScanRange { sources: &sources, sessions: Some(&best), snippets: Some(&snippets) };
    scan_sources(execution, collector, &range, |_, _| ControlFlow::Continue(()));
    if execution.cancel.is_cancelled() {
        return false;
    }
    if collector.coverage.indexed && collector.unscanned().is_empty() {
        collector.complete();
    }
    collector.emit_all(sink)
}

/// Scans sources on all processors. Calls `merged` with the collector and the sessions that changed, or with `None`
/// after some time without results, until it breaks.
fn scan_sources<'a>(
    execution: &Execution<'_>,
    collector: &mut Collector<'a>,
    range: &ScanRange<'_>,
    mut merged: impl FnMut(&mut Collector<'a>, Option<BTreeSet<usize>>) -> ControlFlow<()>,
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, found) = channel();
        for _ in 0..execution.threads.min(range.sources.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || scan::scan(execution, range, next, &sender));
        }
        drop(sender);
        loop {
            let changed = match found.recv_timeout(MAX_SILENCE) {
                // Results that arrived in the meantime are merged together.
                Ok(first) => Some(collector.merge_scanned(std::iter::once(first).chain(found.try_iter()).collect())),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if merged(collector, changed).is_break() {
                next.store(range.sources.len(), Ordering::Relaxed);
            }
        }
    });
}
