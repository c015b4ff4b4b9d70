//! Search service of the engine: queries, value counts and the indexer, each on its own thread.
//!
//! A newer query cancels the older one; a query over some sessions (changed ones, or hits without locations) cancels
//! nothing. The engine passes the corpus and never waits.

mod indexer;
mod queries;
mod value_counts;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

pub(super) use self::indexer::IndexerEvent;
pub(super) use self::queries::QueuedSearch;
use super::message::IndexEvent;
use super::options::{IndexOptions, search_dir};
use super::search::{Cancel, Corpus, Latest, SearchIndex};
use crate::domain::catalog::IndexProgress;
use crate::domain::query::FilterKey;
use crate::domain::search::SearchRequest;
use crate::domain::{Issue, Time};

/// Handles of the search threads, and the state of the indexer.
pub(super) struct SearchService {
    dir: Option<PathBuf>,
    search: Arc<SearchIndex>,
    events: tokio::sync::mpsc::Sender<IndexEvent>,
    queries: Sender<QueuedSearch>,
    latest_query: Latest,
    cancel: Cancel,
    latest_count: Latest,
    indexer: Sender<Arc<Corpus>>,
    shutdown: Latest,
    state: IndexerState,
    /// Progress of the text index that is not sent yet.
    pub indexed: Option<IndexProgress>,
    last_progress: Option<IndexProgress>,
    /// Reason why the text index cannot be written.
    pub issue: Option<Issue>,
}

/// State of the indexer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct IndexerState {
    /// Sources may have changed since its last start.
    stale: bool,
    /// An update is running.
    running: bool,
    /// At least one update was started.
    started: bool,
}

/// Urgency of an index update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexerNeed {
    /// No update is needed.
    Nothing,
    /// Update at once: no update has run yet.
    Now,
    /// Update after a delay that collects further changes.
    Soon,
}

impl SearchService {
    /// Starts the threads. They end with this value, or with the receiver of events.
    pub(super) fn start(
        options: &IndexOptions,
        events: &tokio::sync::mpsc::Sender<IndexEvent>,
        report: impl Fn(IndexerEvent) + Clone + Send + 'static,
    ) -> Self {
        let dir = options.cache_dir.as_deref().map(search_dir);
        let search = Arc::new(dir.as_deref().map_or_else(SearchIndex::without_index, SearchIndex::open));
        let queries = queries::start(search.clone(), queries::QueryContext::new(options), events.clone());
        let (latest_query, shutdown) = (Latest::default(), Latest::default());
        let indexer = indexer::start(search.clone(), shutdown.begin(), options.clock, report);
        Self {
            dir,
            search,
            events: events.clone(),
            queries,
            cancel: latest_query.begin(),
            latest_query,
            latest_count: Latest::default(),
            indexer,
            shutdown,
            state: IndexerState::default(),
            indexed: None,
            last_progress: None,
            issue: None,
        }
    }

    /// Queues a search over `corpus`.
    pub(super) fn search(&mut self, request: SearchRequest, now: Time, corpus: Arc<Corpus>) {
        // An outdated or damaged index is detected by the first update.
        self.state.stale |= !self.state.started;
        let queued = QueuedSearch { request, now, corpus, cancel: self.cancel.clone() };
        // The thread ends only with this value, or with the receiver of events.
        drop(self.queries.send(queued));
    }

    /// Cancels the running searches before a new one.
    pub(super) fn cancel(&mut self) {
        self.cancel = self.latest_query.begin();
        self.latest_count.cancel();
    }

    /// Counts the values of a filter, beside the running search.
    pub(super) fn count(&mut self, field: FilterKey, typed: String, corpus: Arc<Corpus>) {
        let cancel = self.latest_count.begin();
        value_counts::start(
            self.search.clone(),
            value_counts::ValueCount { field, typed, corpus, cancel },
            self.events.clone(),
        );
    }

    /// Records that sources changed.
    pub(super) fn changed(&mut self) {
        self.state.stale = true;
    }

    /// Returns the urgency of the next index update.
    pub(super) fn indexer_need(&self) -> IndexerNeed {
        match self.state {
            _ if self.dir.is_none() => IndexerNeed::Nothing,
            IndexerState { stale: true, running: false, started: false } => IndexerNeed::Now,
            IndexerState { stale: true, running: false, started: true } => IndexerNeed::Soon,
            IndexerState { .. } => IndexerNeed::Nothing,
        }
    }

    /// Starts an index update over `corpus`.
    pub(super) fn update_index(&mut self, corpus: Arc<Corpus>) {
        self.state = IndexerState { stale: false, running: true, started: true };
        drop(self.indexer.send(corpus));
    }

    /// Handles a report of the indexer.
    pub(super) fn handle(&mut self, report: IndexerEvent) {
        match report {
            IndexerEvent::Progress(progress) if self.last_progress == Some(progress) => {}
            IndexerEvent::Progress(progress) => (self.last_progress, self.indexed) = (Some(progress), Some(progress)),
            IndexerEvent::Finished(issue) => {
                // An aborted update makes no further progress.
                if issue.is_some()
                    && self.last_progress.is_some_and(|last_progress| last_progress.done < last_progress.total)
                {
                    (self.last_progress, self.indexed) = (None, Some(IndexProgress::default()));
                }
                (self.state.running, self.issue) = (false, issue);
            }
            // The segments of the other process are visible here; a later update checks for completeness.
            IndexerEvent::Busy => (self.state.running, self.state.stale) = (false, true),
        }
    }
}

impl Drop for SearchService {
    fn drop(&mut self) {
        self.latest_query.cancel();
        self.latest_count.cancel();
        self.shutdown.cancel();
    }
}

/// Clock of the index.
type Clock = fn() -> Instant;
