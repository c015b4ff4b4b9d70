//! Live runs and their services: viewers, drafts, model lists. Converts live events to app messages.
//!
//! The runs belong to this process, or to a `salon serve` to which it is connected.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::mpsc;

use super::models::ModelLists;
use super::path_completion::{self, CompletionRequest};
use super::saved_backends::SavedBackends;
use super::serve::{self, ServeConnection};
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
use crate::domain::run::{Conversation, Refusal, RunId, RunInfo, RunStart};
use crate::domain::run_event::{Replay, RingCursor};
use crate::domain::run_request::RunRequest;
use crate::git::Git;
use crate::live::{self, Live, approvals};
use crate::serve::message::Call;
use crate::serve::{Client, RunHost, ServedEvent, Viewers};
use crate::stdx::process;
use crate::store::Store;
use crate::store::registry::ProcessId;

/// Live runs and their services.
#[derive(Debug)]
pub(super) struct Runs {
    owner: RunOwner,
    writer: StoreWriter,
    paths: Sender<CompletionRequest>,
    /// Requests that change a queue, executed one by one in the user's order.
    queue_changes: mpsc::UnboundedSender<RunRequest>,
    /// Requests that need no disk; an interrupt never waits for a queue change.
    requests: mpsc::UnboundedSender<RunRequest>,
    lists: ModelLists,
    messages: mpsc::UnboundedSender<TaskMessage>,
}

/// Process that owns the runs.
#[derive(Debug)]
enum RunOwner {
    /// This process.
    Here(Box<OwnRuns>),
    /// A server, which outlives this process.
    Server(Client),
}

/// Runs of this process, with what follows them.
#[derive(Debug)]
struct OwnRuns {
    live: Live,
    viewers: Viewers,
    /// Publishes open approvals for other processes.
    approvals: mpsc::UnboundedSender<Arc<RunInfo>>,
    snapshots: TurnSnapshots,
    backends: SavedBackends,
}

/// Services of this process that runs use.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunServices<'a> {
    /// Handle of `state.db`.
    pub store: &'a Arc<Store>,
    /// Writer of choices and drafts.
    pub writer: &'a StoreWriter,
    /// Roots of agent files, and environment variables.
    pub environment: &'a Environment,
    /// Directories of salon's own files.
    pub paths: &'a Paths,
    /// Configuration.
    pub settings: &'a Settings,
    /// Channel to the event loop.
    pub messages: &'a mpsc::UnboundedSender<TaskMessage>,
}

/// Receivers of run events and replays.
#[derive(Debug)]
pub(super) struct RunReceivers {
    /// Changes of state.
    pub events: mpsc::UnboundedReceiver<live::LiveEvent>,
    /// New events of watched runs.
    pub replays: mpsc::Receiver<(RunId, Replay)>,
}

impl Runs {
    /// Starts the live layer in this process, after a `predecessor` whose connection has closed. Starts no agent.
    pub(super) fn start_here(services: RunServices<'_>, predecessor: Option<ProcessId>) -> (Self, RunReceivers) {
        let RunServices { store, environment, paths, settings, .. } = services;
        let mut options = live_options::limited(store.clone(), environment, &paths.cache, settings);
        options.predecessor = predecessor;
        let (live, events) = Live::start(options);
        let (replays, replay_receiver) = mpsc::channel(2);
        let (approvals, approval_changes) = mpsc::unbounded_channel();
        tokio::spawn(approvals::relay(live.clone(), store.clone(), approval_changes));
        let snapshots = TurnSnapshots::start(Git::new(env::vars()), paths.repositories(), store.clone());
        let viewers = Viewers::new(live.clone(), replays);
        let host = RunHost::Here(live.clone());
        let own = OwnRuns { live, viewers, approvals, snapshots, backends: SavedBackends::default() };
        let runs = Self::new(RunOwner::Here(Box::new(own)), &host, services);
        (runs, RunReceivers { events, replays: replay_receiver })
    }

    /// Uses the runs of a server.
    pub(super) fn of_server((client, received): ServeConnection, services: RunServices<'_>) -> (Self, RunReceivers) {
        let (events, event_receiver) = mpsc::unbounded_channel();
        let (replays, replay_receiver) = mpsc::channel(2);
        tokio::spawn(forward(received, events, replays, services.messages.clone()));
        let host = RunHost::Served(client.clone());
        let runs = Self::new(RunOwner::Server(client), &host, services);
        (runs, RunReceivers { events: event_receiver, replays: replay_receiver })
    }

    fn new(owner: RunOwner, host: &RunHost, services: RunServices<'_>) -> Self {
        let RunServices { store, writer, environment, messages, .. } = services;
        let lists = ModelLists {
            host: host.clone(),
            store: store.clone(),
            writer: writer.clone(),
            messages: messages.clone(),
            directory: environment.home.clone(),
        };
        let paths = path_completion::start({
            let messages = messages.clone();
            move |query, found| messages.send(TaskMessage::of_run(RunMsg::Paths { query, found })).is_ok()
        });
        let outlive = matches!(owner, RunOwner::Server(_));
        // An error means that salon is shutting down.
        messages.send(TaskMessage::of_run(RunMsg::Outlive(outlive))).ok();
        Self {
            owner,
            writer: writer.clone(),
            paths,
            queue_changes: execute_in_order(host, messages),
            requests: execute_in_order(host, messages),
            lists,
            messages: messages.clone(),
        }
    }

    /// Returns the process id of the server that owns the runs.
    pub(super) fn server_pid(&self) -> Option<u32> {
        match &self.owner {
            RunOwner::Here(_) => None,
            RunOwner::Server(client) => Some(client.pid()),
        }
    }

    fn host(&self) -> RunHost {
        match &self.owner {
            RunOwner::Here(own) => RunHost::Here(own.live.clone()),
            RunOwner::Server(client) => RunHost::Served(client.clone()),
        }
    }

    /// Stops all agents of this process. Those of a server go on.
    pub(super) async fn end(self) {
        match self.owner {
            RunOwner::Here(own) => {
                drop(own.viewers);
                SavedBackends::remove(&self.writer);
                own.live.shutdown().await;
            }
            RunOwner::Server(_) => {}
        }
    }

    /// Lets the runs of this process send no further prompt; with false, lets them go on.
    pub(super) fn drain(&self, drains: bool) {
        if let RunOwner::Here(own) = &self.owner {
            own.live.drain(drains);
        }
    }

    /// Leaves the runs of this process to the background process, which is started if there is none. Returns the outcome
    /// for the user.
    pub(super) async fn detach(self, paths: &Paths, config: &Path) -> String {
        let RunOwner::Here(own) = self.owner else { return "the runs continue in the background".to_owned() };
        drop(own.viewers);
        SavedBackends::remove(&self.writer);
        let client = match serve::connect_or_start(paths, config).await {
            Ok((client, _)) => client,
            Err(error) => {
                own.live.shutdown().await;
                return format!("the background process did not start ({error}); queued prompts are kept");
            }
        };
        let left = own.live.release().await;
        let mut refused = Vec::new();
        for info in &left {
            refused.extend(hand_over(&client, info).await.err().map(|refusal| refusal.to_string()));
        }
        let pid = client.pid();
        match &refused[..] {
            [] => format!("the runs continue in the background (pid {pid}); \"salon serve --stop\" ends them"),
            [first, ..] => format!("{} of {} runs were not taken over: {first}", refused.len(), left.len()),
        }
    }

    /// Returns true if this process has an agent process.
    pub(super) fn any_alive(&self) -> bool {
        match &self.owner {
            RunOwner::Here(own) => own.live.runs().iter().any(|info| info.pid.is_some()),
            RunOwner::Server(_) => false,
        }
    }

    /// Converts a live event to an app message.
    pub(super) fn message(&mut self, event: live::LiveEvent) -> Msg {
        match event {
            live::LiveEvent::Run(info) => {
                if let RunOwner::Here(own) = &mut self.owner {
                    let OwnRuns { live, viewers, approvals, snapshots, backends } = &mut **own;
                    viewers.run_changed(&info.id);
                    snapshots.run_changed(&info);
                    backends.changed(&info, live, &self.writer);
                    // An error means that salon is shutting down.
                    approvals.send(info.clone()).ok();
                }
                Msg::Run(RunMsg::Changed(info))
            }
            live::LiveEvent::Recorded(sessions) => Msg::Run(RunMsg::Recorded(sessions)),
            live::LiveEvent::Gone(run) => Msg::Run(RunMsg::Gone(run)),
            live::LiveEvent::Queued(run, prompts) => Msg::Run(RunMsg::Queued(run, prompts)),
            live::LiveEvent::Notice { run, text, error } => notice(run, text, error),
        }
    }

    pub(super) fn watch(&mut self, run: RunId, cursor: RingCursor) {
        match &mut self.owner {
            RunOwner::Here(own) => own.viewers.watch(run, cursor),
            RunOwner::Server(client) => client.send(Call::Watch { run, cursor }),
        }
    }

    pub(super) fn unwatch(&mut self, run: &RunId) {
        match &mut self.owner {
            RunOwner::Here(own) => own.viewers.unwatch(run),
            RunOwner::Server(client) => client.send(Call::Unwatch { run: run.clone() }),
        }
    }

    pub(super) fn open_run(&self, ticket: RequestTicket, agent: Agent, start: RunStart, prompt: Option<String>) {
        let (host, messages) = (self.host(), self.messages.clone());
        tokio::spawn(async move {
            let result = host.open_run(agent, start, prompt).await;
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
        let drafted = !text.trim().is_empty();
        match &self.owner {
            RunOwner::Here(own) => own.live.draft_changed(&key, drafted),
            RunOwner::Server(client) => client.send(Call::DraftChanged { key: key.clone(), drafted }),
        }
        self.writer.save_draft(key, text);
    }

    pub(super) fn load_draft(&self, key: String) {
        self.writer.load_draft(key);
    }

    /// Sends the backends with their memory.
    pub(super) fn load_backends(&self) {
        let (host, messages) = (self.host(), self.messages.clone());
        tokio::spawn(async move {
            let mut backends = host.backends().await;
            let measured = tokio::task::spawn_blocking(move || {
                for backend in &mut backends {
                    backend.memory = backend.pid.and_then(process::group_memory);
                }
                backends
            });
            if let Ok(backends) = measured.await {
                // An error means that salon is shutting down.
                messages.send(TaskMessage::of_run(RunMsg::Backends(backends))).ok();
            }
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

/// Opens a run of this process, which has released it, in a server.
async fn hand_over(client: &Client, info: &RunInfo) -> Result<(), Refusal> {
    let host = RunHost::Served(client.clone());
    let Some(session) = &info.session else { return host.open_recorded(&info.id).await };
    let text = |value: &Option<Arc<str>>| value.as_deref().map(str::to_owned);
    let start = RunStart {
        model: text(&info.model),
        mode: text(&info.mode),
        effort: text(&info.effort),
        ..RunStart::new(Conversation::Resume(session.id.clone()), info.cwd.clone())
    };
    host.open_run(info.agent, start, None).await.map(drop)
}

fn notice(run: Option<RunId>, text: String, error: bool) -> Msg {
    match run {
        Some(run) => Msg::Run(RunMsg::Notice { run, text, error }),
        None => Msg::Notice { text, error },
    }
}

/// Converts an event of a run of another machine to an app message.
pub(super) fn remote_message(event: live::LiveEvent) -> Msg {
    match event {
        live::LiveEvent::Run(info) => Msg::Run(RunMsg::Changed(info)),
        live::LiveEvent::Recorded(sessions) => Msg::Run(RunMsg::Recorded(sessions)),
        live::LiveEvent::Gone(run) => Msg::Run(RunMsg::Gone(run)),
        live::LiveEvent::Queued(run, prompts) => Msg::Run(RunMsg::Queued(run, prompts)),
        live::LiveEvent::Notice { run, text, error } => notice(run, text, error),
    }
}

/// Forwards the events of a server.
async fn forward(
    mut received: mpsc::Receiver<ServedEvent>,
    events: mpsc::UnboundedSender<live::LiveEvent>,
    replays: mpsc::Sender<(RunId, Replay)>,
    messages: mpsc::UnboundedSender<TaskMessage>,
) {
    while let Some(event) = received.recv().await {
        let open = match event {
            ServedEvent::Live(event) => events.send(event).is_ok(),
            ServedEvent::Replay(run, replay) => replays.send((run, replay)).await.is_ok(),
            // A server of this machine is not asked for sessions.
            ServedEvent::Index(_) | ServedEvent::Ready => true,
            ServedEvent::Lost(reason) => messages.send(TaskMessage::ServerLost(reason)).is_ok(),
        };
        if !open {
            return;
        }
    }
}

/// Starts a task that executes requests one by one.
fn execute_in_order(
    host: &RunHost,
    messages: &mpsc::UnboundedSender<TaskMessage>,
) -> mpsc::UnboundedSender<RunRequest> {
    let (host, messages) = (host.clone(), messages.clone());
    let (sender, mut receiver) = mpsc::unbounded_channel::<RunRequest>();
    tokio::spawn(async move {
        while let Some(request) = receiver.recv().await {
            let submitted = request.text().map(|text| (request.run().clone(), text.to_owned()));
            let refused = host.execute(request).await.err();
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
