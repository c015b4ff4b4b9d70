//! Runs queries one after the other and sends their updates in batches, so that the interface is never flooded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::Clock;
use crate::domain::query::Query;
use crate::domain::search::{Hit, SearchRequest, SearchUpdate};
use crate::domain::{SessionKey, Time};
use crate::index::message::IndexEvent;
use crate::index::options::IndexOptions;
use crate::index::search::{Cancel, Corpus, QueryRequest, SearchIndex};

/// Minimum time between two updates of a query.
const MIN_EVENT_INTERVAL: Duration = Duration::from_millis(16);

/// Time for which filters and texts stay in memory after a search; loading them again takes some milliseconds.
const PIN_TIME: Duration = Duration::from_secs(5);

/// Maximum hits with snippets per update: more than a screen shows. Further snippets are requested when they are
/// visible.
const SNIPPET_LIMIT: usize = 50;

/// Request with its corpus.
pub(in crate::index) struct QueuedSearch {
    pub request: SearchRequest,
    /// Time to which ages in the query are relative.
    pub now: Time,
    pub corpus: Arc<Corpus>,
    pub cancel: Cancel,
}

/// Environment of queries: home directory, name of this machine, time zone and clock.
pub(super) struct QueryContext {
    home: String,
    host: String,
    zone: Option<TimeZone>,
    clock: Clock,
}

impl QueryContext {
    pub(super) fn new(options: &IndexOptions) -> Self {
        let home = options.environment.home.to_string_lossy().into_owned();
        Self { home, host: options.host.clone(), zone: options.zone.clone(), clock: options.clock }
    }
}

/// Sender of the updates of one query: the first at once, later ones in batches.
struct UpdateSender<'a> {
    query: &'a str,
    cancel: &'a Cancel,
    clock: Clock,
    events: &'a tokio::sync::mpsc::Sender<IndexEvent>,
    /// Updates since the last batch.
    pending: Option<SearchUpdate>,
    /// Earliest time of the next batch; `None` before the first.
    next_batch: Option<Instant>,
    /// True if a batch covered the whole text index.
    sent_indexed: bool,
}

impl UpdateSender<'_> {
    fn push(&mut self, update: SearchUpdate) {
        let complete = update.coverage.complete;
        match &mut self.pending {
            Some(pending) => merge(pending, update),
            // Mere progress is sent with the next hits.
            None if !complete && self.sent_indexed && update.hits.is_empty() => return,
            None => self.pending = Some(update),
        }
        if complete || self.next_batch.is_none_or(|next| (self.clock)() >= next) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Some(update) = self.pending.take().filter(|_| !self.cancel.is_cancelled()) else { return };
        self.sent_indexed |= update.coverage.indexed;
        // Without a receiver the result has no use.
        drop(self.events.blocking_send(IndexEvent::Search { query: self.query.to_owned(), update }));
        self.next_batch = Some((self.clock)() + MIN_EVENT_INTERVAL);
    }
}

/// Starts the search thread.
pub(super) fn start(
    search: Arc<SearchIndex>,
    context: QueryContext,
    events: tokio::sync::mpsc::Sender<IndexEvent>,
) -> Sender<QueuedSearch> {
    let (sender, queries) = channel::<QueuedSearch>();
    let work = move || {
        let mut corrected = None;
        let mut pinned = false;
        loop {
            let queued =
                if pinned { queries.recv_timeout(PIN_TIME) } else { queries.recv().map_err(RecvTimeoutError::from) };
            match queued {
                Ok(queued) => {
                    run(&queued, &search, &context, &mut corrected, &events);
                    pinned = true;
                }
                Err(RecvTimeoutError::Timeout) => {
                    search.unpin();
                    pinned = false;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("search".into()).spawn(work) {
        tracing::error!(%error, "cannot start the search thread");
    }
    sender
}

/// Runs a query. `corrected` is the last query over all sessions that had no hits and was corrected. A later query over
/// some sessions is corrected alike.
fn run(
    queued: &QueuedSearch,
    search: &SearchIndex,
    context: &QueryContext,
    corrected: &mut Option<Arc<str>>,
    events: &tokio::sync::mpsc::Sender<IndexEvent>,
) {
    if queued.cancel.is_cancelled() {
        return;
    }
    let text: Arc<str> = queued.request.query.as_str().into();
    let query = Query::parse(&text);
    if query.is_empty() {
        return search.warm(&queued.corpus, &queued.cancel);
    }
    let mut params = QueryRequest::new(&query, &queued.corpus, queued.now);
    (params.zone, params.home, params.host) = (context.zone.as_ref(), &context.home, &context.host);
    (params.order, params.snippet_limit, params.pin) = (queued.request.order, SNIPPET_LIMIT, true);
    let over_all = queued.request.within.is_none();
    params.correct_typos = over_all || corrected.as_ref() == Some(&text);
    let mut sender = UpdateSender {
        query: &text,
        cancel: &queued.cancel,
        clock: context.clock,
        events,
        pending: None,
        next_batch: None,
        sent_indexed: false,
    };
    let was_corrected = search.search(&params, &queued.cancel, &mut |update| sender.push(update));
    if over_all {
        *corrected = was_corrected.then_some(text);
    }
}

/// Merges two updates; a later hit replaces the earlier one of the same session.
fn merge(merged: &mut SearchUpdate, next: SearchUpdate) {
    let mut at: HashMap<SessionKey, usize> =
        merged.hits.iter().enumerate().map(|(at, hit): (usize, &Hit)| (hit.session.key.clone(), at)).collect();
    for hit in next.hits {
        if let Some(&at) = at.get(&hit.session.key) {
            merged.hits[at] = hit;
        } else {
            at.insert(hit.session.key.clone(), merged.hits.len());
            merged.hits.push(hit);
        }
    }
    merged.coverage = next.coverage;
    if !next.corrections.is_empty() {
        merged.corrections = next.corrections;
    }
}
