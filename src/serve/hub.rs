//! State that all connections of a server share: the runs, and the changes that every client gets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use super::message::{ServerMessage, encode};
use super::repeated_calls::RepeatedCalls;
use crate::domain::SessionKey;
use crate::domain::prompt::Prompt;
use crate::domain::run::{Phase, RunId, RunInfo};
use crate::index::IndexOptions;
use crate::live::{Live, LiveEvent};

/// Maximum changes that a slow client can be behind; then it gets the whole state again.
const MAX_PENDING_CHANGES: usize = 1024;

/// Encoded message.
pub(super) type Line = Arc<str>;

/// Encoded change of state.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Message for the clients.
    pub line: Line,
    /// Run that is new or changed.
    pub run: Option<RunId>,
}

/// Shared state of a server.
#[derive(Debug)]
pub(super) struct Hub {
    /// The runs.
    pub live: Live,
    /// Replies to the latest calls with a token.
    pub repeated: RepeatedCalls,
    /// Options of the index that each client may start; `None` if this server only has runs.
    pub index: Option<IndexOptions>,
    state: Mutex<HubState>,
    changes: broadcast::Sender<Change>,
    /// Incremented with every change that may end the use of the server.
    activity: watch::Sender<u64>,
    shutdown: watch::Sender<bool>,
    /// True once a newer salon waits to take the place of this server.
    retiring: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct HubState {
    recorded: Vec<SessionKey>,
    runs: BTreeMap<RunId, Arc<RunInfo>>,
    queues: BTreeMap<RunId, Vec<Prompt>>,
    clients: usize,
}

/// Registration of a client. While one exists, the server is in use.
#[derive(Debug)]
pub(super) struct ClientGuard {
    hub: Arc<Hub>,
}

impl Hub {
    /// Creates the state for runs that have not reported anything yet.
    pub(super) fn new(live: Live, index: Option<IndexOptions>) -> Arc<Self> {
        Arc::new(Self {
            live,
            repeated: RepeatedCalls::default(),
            index,
            state: Mutex::default(),
            changes: broadcast::channel(MAX_PENDING_CHANGES).0,
            activity: watch::channel(0).0,
            shutdown: watch::channel(false).0,
            retiring: watch::channel(false).0,
        })
    }

    /// Registers a client.
    pub(super) fn register(self: &Arc<Self>) -> ClientGuard {
        self.state().clients += 1;
        self.activity.send_modify(|count| *count += 1);
        ClientGuard { hub: self.clone() }
    }

    /// Applies an event and sends it to all clients.
    pub(super) fn publish(&self, event: LiveEvent) {
        let mut state = self.state();
        match &event {
            LiveEvent::Run(info) => drop(state.runs.insert(info.id.clone(), info.clone())),
            LiveEvent::Recorded(sessions) => state.recorded.clone_from(sessions),
            LiveEvent::Gone(run) => {
                state.runs.remove(run);
                state.queues.remove(run);
            }
            LiveEvent::Queued(run, prompts) => drop(state.queues.insert(run.clone(), prompts.clone())),
            LiveEvent::Notice { .. } => {}
        }
        let run = if let LiveEvent::Run(info) = &event { Some(info.id.clone()) } else { None };
        if let Some(line) = line(&event.into()) {
            // An error means that no client is connected.
            self.changes.send(Change { line, run }).ok();
        }
        drop(state);
        self.activity.send_modify(|count| *count += 1);
    }

    /// Returns the current state as messages, and the changes that follow it.
    pub(super) fn subscribe(&self) -> (Vec<Line>, broadcast::Receiver<Change>) {
        let state = self.state();
        let recorded = [ServerMessage::Recorded(state.recorded.clone())];
        let runs = state.runs.values().cloned().map(ServerMessage::Run);
        let queues = state.queues.iter();
        let queues = queues.map(|(run, prompts)| ServerMessage::Queued { run: run.clone(), prompts: prompts.clone() });
        let messages = recorded.into_iter().chain(runs).chain(queues).chain([ServerMessage::Ready]);
        (messages.filter_map(|message| line(&message)).collect(), self.changes.subscribe())
    }

    /// Ends the server.
    pub(super) fn shut_down(&self) {
        self.shutdown.send_replace(true);
    }

    /// Waits for [`shut_down`](Self::shut_down).
    pub(super) async fn wait_for_shutdown(&self) {
        // The sender exists as long as `self`.
        self.shutdown.subscribe().wait_for(|requested| *requested).await.ok();
    }

    /// Ends the server as soon as no agent works, because a newer salon takes its place. Returns when that is, for the user.
    pub(super) fn retire(&self) -> String {
        self.retiring.send_replace(true);
        match self.state().busy() {
            0 => "it ends now, and the newer one takes its place".to_owned(),
            1 => "it ends when its run has finished, and the newer one takes its place".to_owned(),
            busy => format!("it ends when its {busy} runs have finished, and the newer one takes its place"),
        }
    }

    /// Waits for [`retire`](Self::retire), and then until no agent works.
    pub(super) async fn wait_until_retired(&self) {
        // The senders exist as long as `self`.
        self.retiring.subscribe().wait_for(|requested| *requested).await.ok();
        let mut activity = self.activity.subscribe();
        loop {
            activity.borrow_and_update();
            if self.state().busy() == 0 {
                return;
            }
            activity.changed().await.ok();
        }
    }

    /// Waits until no agent works and no client is connected, for `grace` without interruption.
    pub(super) async fn wait_until_unused(&self, grace: std::time::Duration) {
        let mut activity = self.activity.subscribe();
        loop {
            activity.borrow_and_update();
            let interrupted = if self.state().is_used() {
                activity.changed().await.is_ok()
            } else {
                tokio::time::timeout(grace, activity.changed()).await.is_ok()
            };
            if !interrupted {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, HubState> {
        // No holder of the lock leaves the state inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HubState {
    fn is_used(&self) -> bool {
        let waits = |info: &Arc<RunInfo>| info.continues_at.is_some();
        self.clients > 0 || self.busy() > 0 || self.runs.values().any(waits)
    }

    /// Number of runs that work, or go on by themselves.
    fn busy(&self) -> usize {
        self.runs.values().filter(|info| is_busy(info)).count()
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.hub.state().clients -= 1;
        self.hub.activity.send_modify(|count| *count += 1);
    }
}

/// Returns true if a run works, or goes on by itself.
fn is_busy(info: &RunInfo) -> bool {
    let open = match info.phase {
        Phase::Starting | Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Idle | Phase::Stopped(_) => false,
    };
    let has_process = !matches!(info.phase, Phase::Stopped(_));
    open || !info.tasks.is_empty()
        || (has_process && info.queued > 0 && !info.paused && info.held == 0 && info.continues_at.is_none())
}

/// Encodes a message. A message that cannot be encoded is logged and left out.
pub(super) fn line(message: &ServerMessage) -> Option<Line> {
    match encode(message) {
        Ok(line) => Some(line.into()),
        Err(error) => {
            tracing::error!(%error, "a message to a client could not be encoded");
            None
        }
    }
}
