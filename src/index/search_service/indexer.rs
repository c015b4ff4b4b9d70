//! Indexer thread: keeps the text index up to date at low priority.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::Clock;
use crate::domain::Issue;
use crate::domain::catalog::IndexProgress;
use crate::index::search::{Cancel, Corpus, SearchIndex};

/// Minimum time between two progress reports.
const MIN_EVENT_INTERVAL: Duration = Duration::from_millis(50);

/// Report of the indexer.
#[derive(Debug)]
pub(in crate::index) enum IndexerEvent {
    /// Progress so far.
    Progress(IndexProgress),
    /// The update is finished, or the directory cannot be written.
    Finished(Option<Issue>),
    /// Another salon process is updating.
    Busy,
}

/// Starts the thread; it ends when the sender is dropped.
pub(super) fn start(
    search: Arc<SearchIndex>,
    cancel: Cancel,
    clock: Clock,
    sink: impl Fn(IndexerEvent) + Send + 'static,
) -> Sender<Arc<Corpus>> {
    let (sender, corpora) = channel::<Arc<Corpus>>();
    let work = move || {
        lower_priority();
        while let Ok(corpus) = corpora.recv() {
            let mut next_emit = clock();
            let mut report = |progress: IndexProgress| {
                if clock() >= next_emit || progress.done == progress.total {
                    sink(IndexerEvent::Progress(progress));
                    next_emit = clock() + MIN_EVENT_INTERVAL;
                }
            };
            let outcome = match search.update(&corpus, &cancel, &mut report) {
                Ok(Some(indexed)) => {
                    sink(IndexerEvent::Progress(indexed));
                    let filtered = search.build_filters(&corpus, &cancel);
                    IndexerEvent::Finished(filtered.err().map(|error| Issue::new("", error.to_string())))
                }
                Ok(None) => IndexerEvent::Busy,
                Err(error) => IndexerEvent::Finished(Some(Issue::new("", error.to_string()))),
            };
            search.drop_caches();
            sink(outcome);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("search-indexer".into()).spawn(work) {
        tracing::error!(%error, "cannot start the indexer thread");
    }
    sender
}

/// Lowers the priority of this thread and of the threads that it starts.
fn lower_priority() {
    // On systems other than Linux the call would affect the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 15) {
        tracing::debug!(%error, "the indexer runs at full priority");
    }
}
