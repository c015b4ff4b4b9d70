//! Index of one client: executes its requests, and sends it what they result in.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::hub::Line;
use super::index_message::{FoundSession, IndexCall, IndexMessage};
use super::message::{Reply, ServerMessage};
use super::packed;
use crate::domain::catalog::{Catalog, CatalogChange, IndexProgress};
use crate::domain::search::{EntryLocation, Hit};
use crate::domain::{Session, SessionKey};
use crate::index::{self, Index, IndexEvent, IndexOptions};

/// Maximum sessions per message, so that the newest are shown while the others are sent.
const MAX_SESSIONS: usize = 1_000;

/// Running index of a client. Dropping it stops the index.
#[derive(Debug)]
pub(super) struct IndexService {
    index: Index,
    /// Requests about the listed sessions.
    lists: mpsc::UnboundedSender<ListRequest>,
}

/// Request about the listed sessions.
#[derive(Debug)]
enum ListRequest {
    /// Send the list.
    List,
    /// Sessions that the client named, or no longer names. Their own titles are sent: the client has the names.
    Named(Vec<(SessionKey, bool)>),
    /// Find the entries of snippets.
    Locate(Vec<(SessionKey, Vec<EntryLocation>)>),
}

impl IndexService {
    /// Starts the index because of the client's first request.
    pub(super) fn start(options: &IndexOptions, first: &IndexCall, lines: &mpsc::Sender<Line>) -> Self {
        let mut options = options.clone();
        if let IndexCall::Start { host } = first {
            options.host.clone_from(host);
        }
        let (index, events) = Index::start(options);
        let (lists, requests) = mpsc::unbounded_channel();
        tokio::spawn(forward(events, requests, lines.clone()));
        Self { index, lists }
    }

    /// Loads annotations and hidden sessions again, because they changed.
    pub(super) fn load_user_data(&self) {
        self.index.load_user_data();
    }

    /// Executes a request.
    pub(super) fn execute(&self, call: IndexCall) -> Reply {
        let index = &self.index;
        match call {
            IndexCall::Start { .. } => {}
            IndexCall::Label { labels } => {
                let named = labels.iter().map(|(key, labels)| (key.clone(), labels.name.is_some())).collect();
                self.about_list(ListRequest::Named(named));
                index.label(labels);
            }
            IndexCall::List => self.about_list(ListRequest::List),
            IndexCall::LocateSnippets { snippets } => self.about_list(ListRequest::Locate(snippets)),
            IndexCall::Open { ticket, key } => index.open(ticket, key),
            IndexCall::Close { ticket } => index.close(ticket),
            IndexCall::Read { ticket, range } => index.read(ticket, range),
            IndexCall::Find { ticket, query } => index.find(ticket, query),
            IndexCall::Locate { ticket, location } => index.locate(ticket, location),
            IndexCall::Positions { ticket, keys } => index.positions(ticket, keys),
            IndexCall::ForkPoint { ticket, prompt } => index.fork_point(ticket, prompt),
            IndexCall::ShowBranch { ticket, branch } => index.show_branch(ticket, branch),
            IndexCall::Outline { ticket } => index.outline(ticket),
            IndexCall::Search { request, now } => index.search(request, now),
        }
        Reply::Done
    }

    fn about_list(&self, request: ListRequest) {
        // An error means that the client is gone.
        self.lists.send(request).ok();
    }
}

/// Sends the events of the index until the client is gone. Sessions are sent once the list was requested.
async fn forward(
    mut events: mpsc::Receiver<IndexEvent>,
    mut lists: mpsc::UnboundedReceiver<ListRequest>,
    lines: mpsc::Sender<Line>,
) {
    let mut catalog = Catalog::default();
    let mut progress = None;
    let mut is_listing = false;
    let mut named = HashSet::new();
    loop {
        let messages = tokio::select! {
            // Names come before the sessions that have them.
            biased;
            request = lists.recv() => match request {
                Some(ListRequest::List) => {
                    is_listing = true;
                    snapshot(&catalog, progress)
                }
                Some(ListRequest::Named(changes)) => {
                    for (key, is_named) in changes {
                        if is_named { named.insert(key) } else { named.remove(&key) };
                    }
                    continue;
                }
                Some(ListRequest::Locate(snippets)) => {
                    let find = |(key, locations)| (catalog.get(&key).cloned(), key, locations);
                    let snippets = snippets.into_iter().map(find).collect();
                    drop(tokio::spawn(send_located(snippets, lines.clone())));
                    continue;
                }
                None => return,
            },
            event = events.recv() => match event {
                Some(IndexEvent::Catalog(mut change)) => {
                    change.sessions.iter_mut().for_each(|session| remove_name(session, &named));
                    catalog.apply(change.clone());
                    progress = change.progress.or(progress);
                    if is_listing { vec![sessions(change)] } else { Vec::new() }
                }
                Some(event) => message(event).into_iter().collect(),
                None => return,
            },
        };
        for line in messages.into_iter().filter_map(|message| packed::line(&ServerMessage::Index(message))) {
            if lines.send(line).await.is_err() {
                return;
            }
        }
    }
}

/// Restores the title of a session that has a name of the client.
fn remove_name(session: &mut Arc<Session>, named: &HashSet<SessionKey>) {
    if let Some(applied) = session.annotated.clone().filter(|_| named.contains(&session.key)) {
        Arc::make_mut(session).title = applied.derived.0;
    }
}

/// Sends the entries of snippets. Transcripts may have to be opened.
async fn send_located(
    snippets: Vec<(Option<Arc<Session>>, SessionKey, Vec<EntryLocation>)>,
    lines: mpsc::Sender<Line>,
) {
    let locate = |(session, key, locations): (Option<Arc<Session>>, SessionKey, Vec<EntryLocation>)| {
        let entries = session.map(|session| index::locate(&session, &locations.iter().collect::<Vec<_>>()));
        (key, entries.unwrap_or_default())
    };
    let located = tokio::task::spawn_blocking(move || snippets.into_iter().map(locate).collect()).await;
    // An error means that a reader panicked, which is in the log.
    let message = IndexMessage::SnippetsLocated { entries: located.unwrap_or_default() };
    if let Some(line) = packed::line(&ServerMessage::Index(message)) {
        // An error means that the client is gone.
        lines.send(line).await.ok();
    }
}

/// Messages with all sessions. The last one has the progress, if the index has any.
fn snapshot(catalog: &Catalog, progress: Option<IndexProgress>) -> Vec<IndexMessage> {
    let all: Vec<_> = catalog.iter().cloned().collect();
    let mut messages: Vec<_> = all.chunks(MAX_SESSIONS).map(|chunk| listed(chunk.to_vec())).collect();
    if let Some(IndexMessage::Sessions { progress: last, .. }) = messages.last_mut() {
        *last = progress;
    } else if progress.is_some() {
        messages.push(IndexMessage::Sessions { sessions: Vec::new(), removed: Vec::new(), progress });
    }
    messages
}

fn listed(sessions: Vec<Arc<Session>>) -> IndexMessage {
    IndexMessage::Sessions { sessions, removed: Vec::new(), progress: None }
}

fn sessions(change: CatalogChange) -> IndexMessage {
    let CatalogChange { sessions, removed, progress, issues: _ } = change;
    IndexMessage::Sessions { sessions, removed, progress }
}

/// Returns the message of an event; `None` for what a client does not request.
fn message(event: IndexEvent) -> Option<IndexMessage> {
    match event {
        IndexEvent::Transcript(ticket, event) => Some(IndexMessage::Transcript { ticket, event }),
        IndexEvent::Search { query, update } => {
            let hit = |hit: Hit| FoundSession {
                key: hit.session.key.clone(),
                score: hit.score,
                count: hit.count,
                snippets: hit.snippets,
            };
            let hits = update.hits.into_iter().map(hit).collect();
            let (coverage, corrections) = (update.coverage, update.corrections);
            Some(IndexMessage::Found { query, hits, coverage, corrections })
        }
        IndexEvent::Catalog(_)
        | IndexEvent::Live(_)
        | IndexEvent::Ranked { .. }
        | IndexEvent::Values { .. }
        | IndexEvent::Indexed(_)
        | IndexEvent::Watch(_) => None,
    }
}
