//! Live runs of this process and their services: viewers, drafts, model lists. Converts live events to app messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::models::ModelLists;
use super::path_completion::{self, CompletionRequest};
use super::saved_backends::SavedBackends;
use super::store_writer::StoreWriter;
use super::task_message::TaskMessage;
use super::turn_snapshots::TurnSnapshots;
use super::{env, live_options};
use crate::agent::Environment;
use crate::app::Msg;
use crate::app::msg::RequestTicket;
use crate::app::runs::RunMsg;
use crate::config::paths::Paths;
use crate::config::settings::Settings;
use crate::domain::Agent;
use crate::domain::run::{RingCursor, RunId, RunInfo, RunStart};
use crate::domain::run_request::RunRequest;
use crate::git::Git;
use crate::live::{self, Live, approvals};
use crate::stdx::process;
use crate::store::Store;

/// Minimum interval between two replays of a streaming run: half a frame.
const REPLAY_INTERVAL: Duration = Duration::from_millis(8);

/// Live runs of this process and their services.
#[derive(Debug)]
pub(super) struct Runs {
    live: Live,
    writer: StoreWriter,
    paths: Sender<CompletionRequest>,
    /// Requests that change a queue, executed one by one in the user's order.
    queue_changes: mpsc::UnboundedSender<RunRequest>,
    /// Requests that need no disk; an interrupt never waits for a queue change.
    requests: mpsc::UnboundedSender<RunRequest>,
    viewers: HashMap<RunId, JoinHandle<()>>,
    /// Cursors of watched runs that do not exist yet; viewers attach when the run starts.
    pending_views: HashMap<RunId, RingCursor>,
    lists: ModelLists,
    replays: mpsc::Sender<Msg>,
    approvals: mpsc::UnboundedSender<Arc<RunInfo>>,
    messages: mpsc::UnboundedSender<TaskMessage>,
    snapshots: TurnSnapshots,
    backends: SavedBackends,
}

/// Receivers of run events and replays.
#[derive(Debug)]
pub(super) struct RunReceivers {
    /// Changes of state.
    pub events: mpsc::UnboundedReceiver<live::LiveEvent>,
    /// New events of watched runs.
    pub replays: mpsc::Receiver<Msg>,
}

impl Runs {
    /// Starts the live layer. Starts no agent.
    pub(super) fn start(
        store: Arc<Store>,
        writer: &StoreWriter,
        environment: &Environment,
        paths: &Paths,
        settings: &Settings,
        messages: &mpsc::UnboundedSender<TaskMessage>,
    ) -> (Self, RunReceivers) {
        let mut options = live_options::options(store.clone(), environment, &paths.cache, &settings.server);
        options.limits.runs = settings.limits.runs;
        options.limits.idle = Duration::from_mins(settings.limits.idle_minutes.into());
        let own_repositories = paths.repositories();
        let (live, events) = Live::start(options);
        let (replays, replay_receiver) = mpsc::channel(2);
        let (approvals, approval_changes) = mpsc::unbounded_channel();
        tokio::spawn(approvals::relay(live.clone(), store.clone(), approval_changes));
        let queue_changes = execute_in_order(&live, messages);
        let requests = execute_in_order(&live, messages);
        let snapshots = TurnSnapshots::start(Git::new(env::vars()), own_repositories, store.clone());
        let lists = ModelLists {
            live: live.clone(),
            store,
            writer: writer.clone(),
            messages: messages.clone(),
            directory: environment.home.clone(),
        };
        let paths = path_completion::start({
            let messages = messages.clone();
            move |query, found| messages.send(TaskMessage::of_run(RunMsg::Paths { query, found })).is_ok()
        });
        let viewers = HashMap::new();
        let runs = Self {
            snapshots,
            live,
            writer: writer.clone(),
            paths,
            queue_changes,
            requests,
            viewers,
            pending_views: HashMap::new(),
            lists,
            replays,
            approvals,
            messages: messages.clone(),
            backends: SavedBackends::default(),
        };
        (runs, RunReceivers { events, replays: replay_receiver })
    }

    /// Stops all agents that salon started.
    pub(super) async fn end(self) {
        for viewer in self.viewers.into_values() {
            viewer.abort();
        }
        SavedBackends::remove(&self.writer);
        self.live.shutdown().await;
    }

    /// Returns true if an agent process is running.
    pub(super) fn any_alive(&self) -> bool {
        self.live.runs().iter().any(|info| info.pid.is_some())
    }

    /// Converts a live event to an app message.
    pub(super) fn message(&mut self, event: live::LiveEvent) -> Msg {
        match event {
            live::LiveEvent::Run(info) => {
                if let Some(cursor) = self.pending_views.remove(&info.id) {
                    self.watch(info.id.clone(), cursor);
                }
                self.snapshots.run_changed(&info);
                // An error means that salon is shutting down.
                self.approvals.send(info.clone()).ok();
                self.backends.changed(&info, &self.live, &self.writer);
                Msg::Run(RunMsg::Changed(info))
            }
            live::LiveEvent::Recorded(sessions) => Msg::Run(RunMsg::Recorded(sessions)),
            live::LiveEvent::Gone(run) => Msg::Run(RunMsg::Gone(run)),
            live::LiveEvent::Queued(run, prompts) => Msg::Run(RunMsg::Queued(run, prompts)),
            live::LiveEvent::Notice { text, error, .. } => Msg::Notice { text, error },
        }
    }

    pub(super) fn watch(&mut self, run: RunId, cursor: RingCursor) {
        let Some(viewer) = self.live.watch(&run) else {
            self.pending_views.insert(run, cursor);
            return;
        };
        let task = tokio::spawn(forward_replays(viewer, run.clone(), cursor, self.replays.clone()));
        if let Some(before) = self.viewers.insert(run, task) {
            before.abort();
        }
    }

    pub(super) fn unwatch(&mut self, run: &RunId) {
        self.pending_views.remove(run);
        if let Some(viewer) = self.viewers.remove(run) {
            viewer.abort();
        }
    }

    pub(super) fn open_run(&self, ticket: RequestTicket, agent: Agent, start: RunStart, prompt: Option<String>) {
        let (live, messages) = (self.live.clone(), self.messages.clone());
        tokio::spawn(async move {
            let result = live.open_run(agent, start, prompt).await;
            messages.send(TaskMessage::of_run(RunMsg::Started { ticket, result })).ok();
        });
    }

    pub(super) fn send(&self, request: RunRequest) {
        let tasks = if request.changes_queue() { &self.queue_changes } else { &self.requests };
        if tasks.send(request).is_err() {
            tracing::error!("a request to a run was lost: the task that executes them is gone");
        }
    }

    pub(super) fn save_draft(&self, key: String, text: String) {
        let of_key = |info: &&Arc<RunInfo>| {
            let session = info.session.as_ref().map(ToString::to_string);
            session.is_some_and(|session| session == key) || key == format!("run:{}", info.id)
        };
        if let Some(info) = self.live.runs().iter().find(of_key) {
            self.live.set_drafted(&info.id, !text.trim().is_empty());
        }
        self.writer.save_draft(key, text);
    }

    pub(super) fn load_draft(&self, key: String) {
        self.writer.load_draft(key);
    }

    /// Sends the backends with their memory.
    pub(super) fn load_backends(&self) {
        let (live, messages) = (self.live.clone(), self.messages.clone());
        tokio::task::spawn_blocking(move || {
            let mut backends = live.backends();
            for backend in &mut backends {
                backend.memory = backend.pid.and_then(process::group_memory);
            }
            // An error means that salon is shutting down.
            messages.send(TaskMessage::of_run(RunMsg::Backends(backends))).ok();
        });
    }

    pub(super) fn load_models(&self, agent: Agent, refresh: bool) {
        tokio::spawn(self.lists.clone().load(agent, refresh));
    }

    pub(super) fn complete(&self, request: CompletionRequest) {
        if self.paths.send(request).is_err() {
            tracing::error!("a path was not completed: the thread that completes them is gone");
        }
    }
}

/// Forwards the events of a run at the pace of the event loop.
async fn forward_replays(mut viewer: live::Viewer, run: RunId, mut cursor: RingCursor, replays: mpsc::Sender<Msg>) {
    let mut first = true;
    while let Some(replay) = viewer.since(cursor).await {
        let changed = std::mem::take(&mut first) || replay.cursor != cursor;
        cursor = replay.cursor;
        if changed && replays.send(Msg::Run(RunMsg::Events(run.clone(), replay))).await.is_err() {
            return;
        }
        tokio::time::sleep(REPLAY_INTERVAL).await;
        if !viewer.changed().await {
            return;
        }
    }
}

/// Starts a task that executes requests one by one.
fn execute_in_order(live: &Live, messages: &mpsc::UnboundedSender<TaskMessage>) -> mpsc::UnboundedSender<RunRequest> {
    let (live, messages) = (live.clone(), messages.clone());
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(request) = receiver.recv().await {
            let submitted = match &request {
                RunRequest::Submit { run, text } | RunRequest::Steer { run, text } => Some((run.clone(), text.clone())),
                _ => None,
            };
            let refused = live.execute(request).await.err();
            let message = match (submitted, refused) {
                (Some((run, text)), refused) => TaskMessage::of_run(RunMsg::Submitted { run, text, refused }),
                (None, Some(refusal)) => {
                    TaskMessage::Msg(Box::new(Msg::Notice { text: refusal.to_string(), error: true }))
                }
                (None, None) => continue,
            };
            // An error means that salon is shutting down.
            messages.send(message).ok();
        }
    });
    sender
}
