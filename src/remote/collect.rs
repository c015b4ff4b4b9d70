//! One list, or one search, of all sources for a command, which has no window that can wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{RemoteEvent, RemoteOptions, Remotes};
use crate::domain::remote::{RemoteSource, RemoteState, RemoteStatus};
use crate::domain::search::{Hit, LocatedEntry, SearchRequest, SearchResults, SearchUpdate};
use crate::domain::{Session, SessionKey, Time};
use crate::serve::index_message::IndexCall;

/// Answer of a source.
#[derive(Debug)]
pub struct CollectedSource {
    /// State of the connection, with the time of the list.
    pub status: RemoteStatus,
    /// Sessions: of the source, or of the cache if it cannot be reached.
    pub sessions: HashMap<SessionKey, Arc<Session>>,
    /// Hits of the search, if one was requested.
    pub results: SearchResults,
    /// Entries of the snippets of hits, in their order, counted from 0.
    pub entries: HashMap<SessionKey, Vec<Option<LocatedEntry>>>,
    /// True if nothing more will come.
    pub is_complete: bool,
    progress: SearchProgress,
}

/// Search whose hits are collected.
#[derive(Clone, Debug)]
pub struct CollectedSearch {
    /// The request.
    pub request: SearchRequest,
    /// Time to which ages in the query are relative.
    pub now: Time,
    /// Number of best hits that will be shown, with their snippets and the entries of these.
    pub shown: usize,
}

/// Progress of the search of a source.
#[derive(Debug, Default)]
enum SearchProgress {
    /// The search was not requested yet, or its connection was lost.
    #[default]
    Waiting,
    /// The hits arrive.
    Searching,
    /// Snippets arrive of hits that came without. Contains those whose snippets were not requested yet.
    Detailing(Vec<SessionKey>),
    /// Entries of the snippets arrive. Contains the sessions whose entries were not requested yet, the worst first.
    Locating(Vec<SessionKey>),
}

/// Maximum hits per request of snippets or entries, because a search sends no more snippets at once.
const MAX_REQUESTED: usize = 50;

impl CollectedSource {
    fn new(source: &RemoteSource) -> Self {
        Self {
            status: RemoteStatus { name: source.name.clone(), state: RemoteState::Connecting, as_of: None },
            sessions: HashMap::new(),
            results: SearchResults::default(),
            entries: HashMap::new(),
            is_complete: false,
            progress: SearchProgress::default(),
        }
    }

    /// Applies hits, and continues with what is missing of them.
    fn found(&mut self, update: SearchUpdate, search: &CollectedSearch, remotes: &Remotes) {
        let is_complete = update.coverage.complete;
        match &self.progress {
            SearchProgress::Searching => {
                self.results.apply(update, search.request.order);
                if is_complete {
                    let shown = self.results.hits.iter().take(search.shown);
                    let without = shown.filter(|hit| hit.count > 0 && hit.snippets.is_empty());
                    let without = without.map(|hit| hit.session.key.clone()).collect();
                    self.detail_next(without, search, remotes);
                }
            }
            SearchProgress::Detailing(rest) => {
                let rest = rest.clone();
                // The hits are part of those that were counted.
                let coverage = self.results.coverage;
                self.results.apply(SearchUpdate { coverage, ..update }, search.request.order);
                if is_complete {
                    self.detail_next(rest, search, remotes);
                }
            }
            SearchProgress::Waiting | SearchProgress::Locating(_) => {}
        }
    }

    /// Requests the snippets of the next hits, or else the entries of the first ones.
    fn detail_next(&mut self, mut rest: Vec<SessionKey>, search: &CollectedSearch, remotes: &Remotes) {
        let later = rest.split_off(rest.len().min(MAX_REQUESTED));
        if rest.is_empty() {
            let shown = self.results.hits.iter().take(search.shown).filter(|hit| !hit.snippets.is_empty());
            let located = shown.rev().map(|hit| hit.session.key.clone()).collect();
            return self.locate_next(located, remotes);
        }
        let request = SearchRequest { within: Some(rest), ..search.request.clone() };
        remotes.index(Some(&self.status.name), &IndexCall::Search { request, now: search.now });
        self.progress = SearchProgress::Detailing(later);
    }

    /// Requests the entries of the next hits. Nothing more will come after the last ones.
    fn locate_next(&mut self, mut rest: Vec<SessionKey>, remotes: &Remotes) {
        let next = rest.split_off(rest.len().saturating_sub(MAX_REQUESTED));
        self.is_complete = next.is_empty();
        if !self.is_complete {
            let hits: HashMap<_, _> = self.results.hits.iter().map(|hit| (&hit.session.key, hit)).collect();
            let locations = |hit: &&Hit| hit.snippets.iter().map(|snippet| snippet.location.clone()).collect();
            let snippets = next.into_iter().map(|key| (hits.get(&key).map(locations).unwrap_or_default(), key));
            let snippets = snippets.map(|(locations, key)| (key, locations)).collect();
            remotes.index(Some(&self.status.name), &IndexCall::LocateSnippets { snippets });
        }
        self.progress = SearchProgress::Locating(rest);
    }
}

/// Returns the sessions of sources, and the hits of a search, as far as they arrive in time.
pub async fn collect(
    sources: &[RemoteSource],
    options: &RemoteOptions,
    search: Option<CollectedSearch>,
    limit: Duration,
) -> Vec<CollectedSource> {
    let (remotes, mut events) = Remotes::start(sources, options);
    let mut collected: Vec<_> = sources.iter().map(CollectedSource::new).collect();
    let deadline = Instant::now() + limit;
    while collected.iter().any(|source| !source.is_complete) {
        let Ok(Some(event)) = timeout_at(deadline, events.recv()).await else { break };
        let find = |collected: &mut Vec<CollectedSource>, host: &str| {
            collected.iter().position(|source| *source.status.name == *host)
        };
        match event {
            RemoteEvent::State(status) => {
                let Some(at) = find(&mut collected, &status.name) else { continue };
                collected[at].is_complete |= matches!(status.state, RemoteState::Offline { .. });
                collected[at].status = status;
            }
            RemoteEvent::Sessions { host, change, complete } => {
                let Some(at) = find(&mut collected, &host) else { continue };
                let source = &mut collected[at];
                for key in &change.removed {
                    source.sessions.remove(key);
                }
                source.sessions.extend(change.sessions.into_iter().map(|session| (session.key.clone(), session)));
                match &search {
                    // A change of the list is no reason to search again.
                    Some(_) if !matches!(source.progress, SearchProgress::Waiting) => {}
                    Some(search) if complete && !source.is_complete => {
                        source.progress = SearchProgress::Searching;
                        let call = IndexCall::Search { request: search.request.clone(), now: search.now };
                        remotes.index(Some(&host), &call);
                    }
                    _ => source.is_complete |= complete,
                }
            }
            RemoteEvent::Found { host, update, .. } => {
                let Some(at) = find(&mut collected, &host) else { continue };
                match (update, &search) {
                    (Some(update), Some(search)) => collected[at].found(update, search, &remotes),
                    _ => collected[at].progress = SearchProgress::Waiting,
                }
            }
            RemoteEvent::SnippetsLocated { host, entries } => {
                let Some(at) = find(&mut collected, &host) else { continue };
                collected[at].entries.extend(entries);
                if let SearchProgress::Locating(rest) = &mut collected[at].progress {
                    let rest = std::mem::take(rest);
                    collected[at].locate_next(rest, &remotes);
                }
            }
            RemoteEvent::Copies(_) | RemoteEvent::Transcript(..) | RemoteEvent::Live(..) | RemoteEvent::Replay(..) => {}
        }
    }
    drop(events);
    remotes.stop();
    collected
}
