//! Counts the values of a filter on a short-lived thread, since counts are rare.

use std::sync::Arc;

use crate::domain::query::FilterKey;
use crate::index::message::IndexEvent;
use crate::index::search::{Cancel, Corpus, SearchIndex};

/// Request for a count.
pub(super) struct ValueCount {
    pub field: FilterKey,
    pub typed: String,
    pub corpus: Arc<Corpus>,
    pub cancel: Cancel,
}

/// Starts the count; the result is sent unless the request is cancelled.
pub(super) fn start(search: Arc<SearchIndex>, request: ValueCount, events: tokio::sync::mpsc::Sender<IndexEvent>) {
    let work = move || {
        let ValueCount { field, typed, corpus, cancel } = request;
        let values = search.values(&corpus, (field, &typed), &cancel);
        if !cancel.is_cancelled() {
            // Without a receiver of events the result has no use.
            drop(events.blocking_send(IndexEvent::Values { field, typed, values }));
        }
    };
    if let Err(error) = std::thread::Builder::new().name("search-values".into()).spawn(work) {
        tracing::error!(%error, "cannot start a thread to count filter values");
    }
}
