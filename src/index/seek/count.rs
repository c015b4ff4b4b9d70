//! Counts the values of a filter on a thread that lives as long as that takes: nobody asks often enough for one that
//! stays.

use std::sync::Arc;

use crate::domain::query::Field;
use crate::index::message::Event;
use crate::index::search::{Cancel, Corpus, Search};

/// What is counted.
pub(super) struct Count {
    pub field: Field,
    pub typed: String,
    pub corpus: Arc<Corpus>,
    pub cancel: Cancel,
}

/// Counts, and tells what was counted unless nobody waits for it any more.
pub(super) fn start(search: Arc<Search>, count: Count, events: tokio::sync::mpsc::Sender<Event>) {
    let work = move || {
        let Count { field, typed, corpus, cancel } = count;
        let values = search.values(&corpus, (field, &typed), &cancel);
        if !cancel.is_cancelled() {
            // Who takes no events any more has no use for this one.
            drop(events.blocking_send(Event::Values { field, typed, values }));
        }
    };
    if let Err(error) = std::thread::Builder::new().name("search-values".into()).spawn(work) {
        tracing::error!(%error, "the values of a filter cannot be counted");
    }
}
