//! Search of files after the text index: all of them, or as many as the best hits need.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::collector::Collector;
use super::execution::Execution;
use super::scan;
use crate::domain::search::{SearchOrder, SearchUpdate};

/// Maximum time between two updates during a scan, so that a receiver that batches them can send a batch.
const MAX_SILENCE: Duration = Duration::from_millis(16);

/// Searches all files; sends each session when all of it was searched. Returns true if there are hits.
pub fn search_all(
    execution: &Execution<'_>,
    collector: &mut Collector<'_>,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    let sources = collector.unscanned();
    let found = scan_sources(execution, collector, &sources, None, sink);
    if !execution.cancel.is_cancelled() {
        collector.complete();
        sink(SearchUpdate { coverage: collector.coverage, ..SearchUpdate::default() });
    }
    found
}

/// Returns true if [`search_best`] can stop early. Exclusions, and orders other than these, depend on all files.
pub fn can_stop(execution: &Execution<'_>, order: SearchOrder) -> bool {
    !execution.plan.has_exclusions() && matches!(order, SearchOrder::Relevance | SearchOrder::Time)
}

/// Searches files until the best `limit` hits are known, with exact counts and snippets. The coverage is complete only
/// if all files were searched. Returns true if there are hits.
pub fn search_best(
    execution: &Execution<'_>,
    collector: &mut Collector<'_>,
    limit: usize,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    // Texts that are not indexed yet may contain the best hit.
    let unindexed: Vec<usize> =
        collector.unscanned().into_iter().filter(|&source| !execution.is_indexed(source)).collect();
    scan_sources(execution, collector, &unindexed, None, &mut |_| {});
    if !collector.are_known(limit) {
        let sources = collector.unscanned();
        scan_sources(execution, collector, &sources, Some(limit), &mut |_| {});
    }
    let sources = collector.unscanned_of_best(limit);
    scan_sources(execution, collector, &sources, None, &mut |_| {});
    if execution.cancel.is_cancelled() {
        return false;
    }
    if collector.unscanned().is_empty() {
        collector.complete();
    }
    collector.emit_all(sink)
}

/// Scans sources on all processors, until the best `limit` hits are known.
fn scan_sources(
    execution: &Execution<'_>,
    collector: &mut Collector<'_>,
    sources: &[usize],
    limit: Option<usize>,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    let next = AtomicUsize::new(0);
    let mut any = false;
    std::thread::scope(|scope| {
        let (sender, found) = channel();
        for _ in 0..execution.threads.min(sources.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || scan::scan(execution, sources, next, &sender));
        }
        drop(sender);
        loop {
            match found.recv_timeout(MAX_SILENCE) {
                Ok(first) => {
                    // Results that arrived in the meantime are sent together.
                    let pending: Vec<_> = std::iter::once(first).chain(found.try_iter()).collect();
                    any |= collector.merge_scanned(pending, sink);
                    if limit.is_some_and(|limit| collector.are_known(limit)) {
                        next.store(sources.len(), Ordering::Relaxed);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    sink(SearchUpdate { coverage: collector.coverage, ..SearchUpdate::default() });
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    any
}
