//! Runs queries one after the other and sends their updates in batches, so that the interface is never flooded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::Clock;
use crate::domain::SessionKey;
use crate::domain::query::Query;
use crate::domain::search::{Hit, SearchUpdate};
use crate::index::message::{IndexEvent, SearchRequest};
use crate::index::options::IndexOptions;
use crate::index::search::{Cancel, Corpus, QueryRequest, SearchIndex};

/// Minimum time between two updates of a query.
const MIN_EVENT_INTERVAL: Duration = Duration::from_millis(16);

/// Time for which segments stay in memory after a search.
const PIN_TIME: Duration = Duration::from_secs(20);

/// Maximum hits with snippets per update: more than a screen shows. Further snippets are requested when they are
/// visible.
const SNIPPET_LIMIT: usize = 50;

/// Request with its corpus.
pub(in crate::index) struct QueuedSearch {
    pub request: SearchRequest,
    pub corpus: Arc<Corpus>,
    pub cancel: Cancel,
}

/// Environment of queries: home directory, time zone and clock.
pub(super) struct QueryContext {
    home: String,
    zone: Option<TimeZone>,
    clock: Clock,
}

impl QueryContext {
    pub fn new(options: &IndexOptions) -> Self {
        let home = options.environment.home.to_string_lossy().into_owned();
        Self { home, zone: options.zone.clone(), clock: options.clock }
    }
}

/// Update on its way to the receiver.
struct PendingUpdate {
    query: Arc<str>,
    found: SearchUpdate,
    cancel: Cancel,
}

/// Starts the search thread and the thread that forwards its updates.
pub(super) fn start(
    search: Arc<SearchIndex>,
    context: QueryContext,
    events: tokio::sync::mpsc::Sender<IndexEvent>,
) -> Sender<QueuedSearch> {
    let (sender, queries) = channel::<QueuedSearch>();
    let (update_sender, updates) = channel();
    let clock = context.clock;
    spawn("search", move || {
        let mut corrected = None;
        let mut pinned = false;
        loop {
            let queued =
                if pinned { queries.recv_timeout(PIN_TIME) } else { queries.recv().map_err(RecvTimeoutError::from) };
            match queued {
                Ok(queued) => {
                    run(&queued, &search, &context, &mut corrected, &update_sender);
                    pinned = true;
                }
                Err(RecvTimeoutError::Timeout) => {
                    search.unpin();
                    pinned = false;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    spawn("search-forward", move || forward(&updates, clock, &events));
    sender
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(work) {
        tracing::error!(%error, "cannot start a search thread");
    }
}

/// Runs a query. `corrected` is the last query over all sessions that had no hits and was corrected. A later query over
/// some sessions is corrected alike.
fn run(
    queued: &QueuedSearch,
    search: &SearchIndex,
    context: &QueryContext,
    corrected: &mut Option<Arc<str>>,
    sender: &Sender<PendingUpdate>,
) {
    if queued.cancel.is_cancelled() {
        return;
    }
    let text: Arc<str> = queued.request.query.as_str().into();
    let query = Query::parse(&text);
    if query.is_empty() {
        return search.warm(&queued.corpus, &queued.cancel);
    }
    let mut params = QueryRequest::new(&query, &queued.corpus, queued.request.now);
    (params.zone, params.home) = (context.zone.as_ref(), &context.home);
    (params.order, params.snippet_limit, params.pin) = (queued.request.order, SNIPPET_LIMIT, true);
    let over_all = queued.request.within.is_none();
    params.correct_typos = over_all || corrected.as_ref() == Some(&text);
    let was_corrected = search.search(&params, &queued.cancel, &mut |found| {
        // The forwarding thread ends before this one only when the receiver of events is dropped.
        drop(sender.send(PendingUpdate { query: text.clone(), found, cancel: queued.cancel.clone() }));
    });
    if over_all {
        *corrected = was_corrected.then_some(text);
    }
}

/// Forwards updates; those of one query within [`MIN_EVENT_INTERVAL`] are merged. The first update of a query is sent
/// at once.
fn forward(updates: &Receiver<PendingUpdate>, clock: Clock, events: &tokio::sync::mpsc::Sender<IndexEvent>) {
    let mut next_emit = clock();
    let (mut carried, mut last) = (None::<PendingUpdate>, None);
    while let Some(mut update) = carried.take().or_else(|| updates.recv().ok()) {
        if last.as_ref() != Some(&update.query) {
            next_emit = clock();
        }
        last = Some(update.query.clone());
        carried = merge_pending(updates, &mut update, clock, next_emit);
        if update.cancel.is_cancelled() {
            continue;
        }
        next_emit = clock() + MIN_EVENT_INTERVAL;
        if events.blocking_send(IndexEvent::Search { query: update.query.to_string(), update: update.found }).is_err() {
            return;
        }
    }
}

/// Merges the updates of the same query until `next_emit`; returns the first update of another query.
fn merge_pending(
    updates: &Receiver<PendingUpdate>,
    update: &mut PendingUpdate,
    clock: Clock,
    next_emit: Instant,
) -> Option<PendingUpdate> {
    loop {
        match updates.recv_timeout(next_emit.saturating_duration_since(clock())) {
            Ok(next) if next.query == update.query => {
                merge(&mut update.found, next.found);
                update.cancel = next.cancel;
            }
            Ok(next) => return Some(next),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        }
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
