//! Queries, run one after the other; what is found is told in batches, so that the interface is never flooded.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::Clock;
use crate::domain::SessionKey;
use crate::domain::found::{Found, Hit, Reach};
use crate::domain::query::Query;
use crate::index::message::{Event, Sought};
use crate::index::options::Options;
use crate::index::search::{Cancel, Corpus, Request, Search};

/// Least time between two news.
const SPACE: Duration = Duration::from_millis(16);

/// A query, and what there is to search.
pub(in crate::index) struct Ask {
    pub sought: Sought,
    pub corpus: Arc<Corpus>,
    pub cancel: Cancel,
}

/// What queries are understood by, and how far the one over all sessions is.
#[derive(Clone)]
pub(super) struct Surroundings {
    home: String,
    zone: Option<TimeZone>,
    clock: Clock,
    reach: Arc<Mutex<(String, Reach)>>,
}

impl Surroundings {
    pub fn new(options: &Options) -> Self {
        let home = options.environment.home.to_string_lossy().into_owned();
        Self { home, zone: options.zone.clone(), clock: options.clock, reach: Arc::default() }
    }

    /// The reach of a query's answer: news within some sessions do not change it.
    fn reach(&self, query: &str, whole: Option<Reach>) -> Reach {
        let mut held = self.reach.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = whole {
            *held = (query.to_owned(), reach);
            return reach;
        }
        if held.0 == query { held.1 } else { Reach::default() }
    }
}

/// News on their way.
struct News {
    query: Arc<str>,
    found: Found,
    cancel: Cancel,
}

/// Starts a thread that searches and one that tells.
pub(super) fn start(
    name: &str,
    search: Arc<Search>,
    surroundings: Surroundings,
    events: tokio::sync::mpsc::Sender<Event>,
) -> Sender<Ask> {
    let (sender, asks) = channel::<Ask>();
    let (news, told) = channel();
    let clock = surroundings.clock;
    let searching = move || {
        while let Ok(ask) = asks.recv() {
            run(&ask, &search, &surroundings, &news);
        }
    };
    let telling = move || tell(&told, clock, &events);
    for (name, work) in [
        (name.to_owned(), Box::new(searching) as Box<dyn FnOnce() + Send>),
        (format!("{name}-tell"), Box::new(telling)),
    ] {
        if let Err(error) = std::thread::Builder::new().name(name).spawn(work) {
            tracing::error!(%error, "the search has no thread");
        }
    }
    sender
}

fn run(ask: &Ask, search: &Search, surroundings: &Surroundings, news: &Sender<News>) {
    if ask.cancel.is_cancelled() {
        return;
    }
    let source: Arc<str> = ask.sought.query.as_str().into();
    let query = Query::parse(&source);
    let mut request = Request::new(&query, &ask.corpus, ask.sought.now);
    (request.zone, request.home) = (surroundings.zone.as_ref(), &surroundings.home);
    request.order = ask.sought.order;
    let whole = ask.sought.within.is_none();
    request.slips = whole;
    search.search(&request, &ask.cancel, &mut |mut found| {
        found.reach = surroundings.reach(&source, whole.then_some(found.reach));
        if whole || !found.hits.is_empty() {
            // The teller ends before this thread only when nobody takes answers.
            drop(news.send(News { query: source.clone(), found, cancel: ask.cancel.clone() }));
        }
    });
}

/// Tells news as they come; those of the same query that come within [`SPACE`] are told together.
fn tell(told: &Receiver<News>, clock: Clock, events: &tokio::sync::mpsc::Sender<Event>) {
    let mut free = clock();
    let mut held = None;
    while let Some(mut news) = held.take().or_else(|| told.recv().ok()) {
        held = gather(told, &mut news, clock, free);
        if news.cancel.is_cancelled() {
            continue;
        }
        free = clock() + SPACE;
        if events.blocking_send(Event::Found { query: news.query.to_string(), found: news.found }).is_err() {
            return;
        }
    }
}

/// Adds to news what comes of the same query until `free`; gives what comes of another.
fn gather(told: &Receiver<News>, news: &mut News, clock: Clock, free: Instant) -> Option<News> {
    loop {
        match told.recv_timeout(free.saturating_duration_since(clock())) {
            Ok(next) if next.query == news.query => {
                add(&mut news.found, next.found);
                news.cancel = next.cancel;
            }
            Ok(next) => return Some(next),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Later hits replace earlier ones of the same session.
fn add(found: &mut Found, next: Found) {
    let mut at: HashMap<SessionKey, usize> =
        found.hits.iter().enumerate().map(|(at, hit): (usize, &Hit)| (hit.session.key.clone(), at)).collect();
    for hit in next.hits {
        match at.get(&hit.session.key) {
            Some(&at) => found.hits[at] = hit,
            None => {
                at.insert(hit.session.key.clone(), found.hits.len());
                found.hits.push(hit);
            }
        }
    }
    found.reach = next.reach;
    if !next.instead.is_empty() {
        found.instead = next.instead;
    }
}
