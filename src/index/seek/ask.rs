//! Queries, run one after the other; what is found is told in batches, so that the interface is never flooded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::Clock;
use crate::domain::SessionKey;
use crate::domain::found::{Found, Hit};
use crate::domain::query::Query;
use crate::index::message::{Event, Sought};
use crate::index::options::Options;
use crate::index::search::{Cancel, Corpus, Request, Search};

/// Least time between two news.
const SPACE: Duration = Duration::from_millis(16);

/// How long the talk stays in memory after a search, for the next one.
const HELD: Duration = Duration::from_secs(20);

/// Hits that come with snippets at once: more than a screen shows. Others are asked for when they are looked at.
const DETAILED: usize = 50;

/// A query, and what there is to search.
pub(in crate::index) struct Ask {
    pub sought: Sought,
    pub corpus: Arc<Corpus>,
    pub cancel: Cancel,
}

/// What queries are understood by.
pub(super) struct Surroundings {
    home: String,
    zone: Option<TimeZone>,
    clock: Clock,
}

impl Surroundings {
    pub fn new(options: &Options) -> Self {
        let home = options.environment.home.to_string_lossy().into_owned();
        Self { home, zone: options.zone.clone(), clock: options.clock }
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
    search: Arc<Search>,
    surroundings: Surroundings,
    events: tokio::sync::mpsc::Sender<Event>,
) -> Sender<Ask> {
    let (sender, asks) = channel::<Ask>();
    let (news, told) = channel();
    let clock = surroundings.clock;
    spawn("search", move || {
        let mut slipped = None;
        let mut held = false;
        loop {
            let ask = if held { asks.recv_timeout(HELD) } else { asks.recv().map_err(RecvTimeoutError::from) };
            match ask {
                Ok(ask) => {
                    run(&ask, &search, &surroundings, &mut slipped, &news);
                    held = true;
                }
                Err(RecvTimeoutError::Timeout) => {
                    search.release();
                    held = false;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    spawn("search-tell", move || tell(&told, clock, &events));
    sender
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(work) {
        tracing::error!(%error, "the search has no thread");
    }
}

/// Runs a query. `slipped` is the last one over all sessions, where nothing held it and slips and abbreviations were made
/// up for: what is asked of some sessions only is answered as it was of all.
fn run(ask: &Ask, search: &Search, around: &Surroundings, slipped: &mut Option<Arc<str>>, news: &Sender<News>) {
    if ask.cancel.is_cancelled() {
        return;
    }
    let source: Arc<str> = ask.sought.query.as_str().into();
    let query = Query::parse(&source);
    if query.is_empty() {
        return search.prepare(&ask.corpus, &ask.cancel);
    }
    let mut request = Request::new(&query, &ask.corpus, ask.sought.now);
    (request.zone, request.home) = (around.zone.as_ref(), &around.home);
    (request.order, request.detailed, request.hold) = (ask.sought.order, DETAILED, true);
    let whole = ask.sought.within.is_none();
    request.slips = whole || slipped.as_ref() == Some(&source);
    let made_up_for = search.search(&request, &ask.cancel, &mut |found| {
        // The teller ends before this thread only when nobody takes answers.
        drop(news.send(News { query: source.clone(), found, cancel: ask.cancel.clone() }));
    });
    if whole {
        *slipped = made_up_for.then_some(source);
    }
}

/// Tells news as they come; those of the same query that come within [`SPACE`] are told together. The first ones of a
/// query wait for nothing.
fn tell(told: &Receiver<News>, clock: Clock, events: &tokio::sync::mpsc::Sender<Event>) {
    let mut free = clock();
    let (mut held, mut last) = (None::<News>, None);
    while let Some(mut news) = held.take().or_else(|| told.recv().ok()) {
        if last.as_ref() != Some(&news.query) {
            free = clock();
        }
        last = Some(news.query.clone());
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
        if let Some(&at) = at.get(&hit.session.key) {
            found.hits[at] = hit;
        } else {
            at.insert(hit.session.key.clone(), found.hits.len());
            found.hits.push(hit);
        }
    }
    found.reach = next.reach;
    if !next.instead.is_empty() {
        found.instead = next.instead;
    }
}
