//! One list, or one search, of all sources for a command, which has no window that can wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{RemoteEvent, RemoteOptions, Remotes};
use crate::domain::remote::{RemoteSource, RemoteState, RemoteStatus};
use crate::domain::search::{SearchRequest, SearchResults};
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
    /// True if nothing more will come.
    pub is_complete: bool,
}

/// Returns the sessions of sources, and the hits of a search, as far as they arrive in time.
pub async fn collect(
    sources: &[RemoteSource],
    options: &RemoteOptions,
    search: Option<(SearchRequest, Time)>,
    limit: Duration,
) -> Vec<CollectedSource> {
    let (remotes, mut events) = Remotes::start(sources, options);
    let start = |source: &RemoteSource| CollectedSource {
        status: RemoteStatus { name: source.name.clone(), state: RemoteState::Connecting, as_of: None },
        sessions: HashMap::new(),
        results: SearchResults::default(),
        is_complete: false,
    };
    let mut collected: Vec<_> = sources.iter().map(start).collect();
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
                    Some((request, now)) if complete && !source.is_complete => {
                        let call = IndexCall::Search { request: request.clone(), now: *now };
                        remotes.index(Some(&host), &call);
                    }
                    _ => source.is_complete |= complete,
                }
            }
            RemoteEvent::Found { host, update, .. } => {
                let Some(at) = find(&mut collected, &host) else { continue };
                let source = &mut collected[at];
                if let (Some(update), Some((request, _))) = (update, &search) {
                    source.is_complete |= update.coverage.complete;
                    source.results.apply(update, request.order);
                }
            }
            RemoteEvent::Transcript(..) | RemoteEvent::Live(..) | RemoteEvent::Replay(..) => {}
        }
    }
    drop(events);
    remotes.stop();
    collected
}
