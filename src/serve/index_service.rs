//! Index of one client: executes its requests, and sends it what they result in.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::hub::Line;
use super::index_message::{FoundSession, IndexCall, IndexMessage};
use super::message::{Reply, ServerMessage};
use super::packed;
use crate::domain::Session;
use crate::domain::catalog::{Catalog, CatalogChange, IndexProgress};
use crate::domain::search::Hit;
use crate::index::{Index, IndexEvent, IndexOptions};

/// Maximum sessions per message, so that the newest are shown while the others are sent.
const MAX_SESSIONS: usize = 1_000;

/// Running index of a client. Dropping it stops the index.
#[derive(Debug)]
pub(super) struct IndexService {
    index: Index,
    /// Requests of the list.
    lists: mpsc::UnboundedSender<()>,
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
            // An error means that the client is gone.
            IndexCall::List => drop(self.lists.send(())),
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
}

/// Sends the events of the index until the client is gone. Sessions are sent once the list was requested.
async fn forward(
    mut events: mpsc::Receiver<IndexEvent>,
    mut lists: mpsc::UnboundedReceiver<()>,
    lines: mpsc::Sender<Line>,
) {
    let mut catalog = Catalog::default();
    let mut progress = None;
    let mut is_listing = false;
    loop {
        let messages = tokio::select! {
            event = events.recv() => match event {
                Some(IndexEvent::Catalog(change)) => {
                    catalog.apply(change.clone());
                    progress = change.progress.or(progress);
                    if is_listing { vec![sessions(change)] } else { Vec::new() }
                }
                Some(event) => message(event).into_iter().collect(),
                None => return,
            },
            request = lists.recv() => match request {
                Some(()) => {
                    is_listing = true;
                    snapshot(&catalog, progress)
                }
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
