//! Runs the effects on live runs, and converts live events to app messages.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::effects::{EffectRunner, check};
use super::models::ModelLists;
use super::path_completion::{self, CompletionRequest};
use super::shell::{Purpose, Shell, TaskMessage};
use super::store_writer::StoreWriter;
use super::{desktop_notification, edited_text, env, live_options};
use crate::agent::{self, Environment};
use crate::app::Msg;
use crate::app::msg::RequestTicket;
use crate::app::runs::RunMsg;
use crate::config::paths::Paths;
use crate::config::settings::Settings;
use crate::domain::run::{Conversation, Refusal, RingCursor, RunId, RunInfo, RunStart};
use crate::domain::run_request::RunRequest;
use crate::domain::{Agent, SessionKey};
use crate::live::{self, Live, approvals};
use crate::stdx::program;
use crate::store::Store;

/// Minimum interval between two replays of a streaming run: half a frame.
const REPLAY_INTERVAL: Duration = Duration::from_millis(8);

type Step = ControlFlow<()>;

/// Live runs of this process and their services.
#[derive(Debug)]
pub struct Runs {
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
}

/// Receivers of run events and replays.
#[derive(Debug)]
pub struct RunReceivers {
    /// Changes of state.
    pub events: mpsc::UnboundedReceiver<live::LiveEvent>,
    /// New events of watched runs.
    pub replays: mpsc::Receiver<Msg>,
}

impl Runs {
    /// Starts the live layer. Starts no agent.
    pub fn start(
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
        let (live, events) = Live::start(options);
        let (replays, replay_receiver) = mpsc::channel(2);
        let (approvals, approval_changes) = mpsc::unbounded_channel();
        tokio::spawn(approvals::relay(live.clone(), store.clone(), approval_changes));
        let queue_changes = execute_in_order(&live, messages);
        let requests = execute_in_order(&live, messages);
        let lists = ModelLists {
            live: live.clone(),
            store,
            writer: writer.clone(),
            messages: messages.clone(),
            directory: environment.home.clone(),
        };
        let paths = path_completion::start({
            let messages = messages.clone();
            move |query, found| messages.send(run_message(RunMsg::Paths { query, found })).is_ok()
        });
        let viewers = HashMap::new();
        let runs = Self {
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
        };
        (runs, RunReceivers { events, replays: replay_receiver })
    }

    /// Stops all agents that salon started.
    pub async fn end(self) {
        for viewer in self.viewers.into_values() {
            viewer.abort();
        }
        self.live.shutdown().await;
    }

    /// Returns true if an agent process is running.
    pub fn any_alive(&self) -> bool {
        self.live.runs().iter().any(|info| info.pid.is_some())
    }

    /// Converts a live event to an app message.
    pub fn message(&mut self, event: live::LiveEvent) -> Msg {
        match event {
            live::LiveEvent::Run(info) => {
                if let Some(cursor) = self.pending_views.remove(&info.id) {
                    self.watch(info.id.clone(), cursor);
                }
                // An error means that salon is shutting down.
                self.approvals.send(info.clone()).ok();
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
            messages.send(run_message(RunMsg::Started { ticket, result })).ok();
        });
    }

    pub(super) fn send(&self, request: RunRequest) {
        let tasks = if request.changes_queue() { &self.queue_changes } else { &self.requests };
        if tasks.send(request).is_err() {
            tracing::error!("a request to a run was lost: the task that executes them is gone");
        }
    }

    pub(super) fn save_draft(&self, key: String, text: String) {
        self.writer.save_draft(key, text);
    }

    pub(super) fn load_draft(&self, key: String) {
        self.writer.load_draft(key);
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

impl Shell {
    /// Runs `act` with the live runs, if there are any. Without `state.db` there are none.
    pub(super) fn with_runs(&mut self, act: impl FnOnce(&mut Runs)) {
        if let Some(runs) = &mut self.runner.runs {
            act(runs);
        }
    }

    /// Starts a run, or refuses if `state.db` cannot be used.
    pub(super) fn start_run(
        &mut self,
        ticket: RequestTicket,
        agent: Agent,
        start: RunStart,
        prompt: Option<String>,
    ) -> Step {
        if let Some(runs) = &self.runner.runs {
            runs.open_run(ticket, agent, start, prompt);
            return Step::Continue(());
        }
        let refusal = Refusal::NotSaved("state.db is unavailable; sessions cannot run without it".to_owned());
        self.update(Msg::Run(RunMsg::Started { ticket, result: Err(refusal) }))
    }

    /// Reports the agents that salon can run, each with true if it is installed.
    pub(super) fn load_agents(&mut self) -> Step {
        let (environment, messages) = (self.runner.environment.clone(), self.runner.messages.clone());
        tokio::task::spawn_blocking(move || {
            // An error means that salon is shutting down.
            messages.send(run_message(RunMsg::Agents(installed_agents(&environment)))).ok();
        });
        Step::Continue(())
    }

    pub(super) fn notify(&mut self, title: &str, body: &str) {
        let sequence = desktop_notification::sequence(title, body, self.app.settings.bell, env::var);
        self.log_terminal_error(|shell| shell.terminal.write(sequence.as_bytes()));
    }

    pub(super) fn check_run(&mut self, key: SessionKey) {
        let Some(session) = self.session(&key) else { return };
        let EffectRunner { environment, paths, messages, store, .. } = &self.runner;
        let (environment, backups, messages, store) =
            (environment.clone(), paths.backups(), messages.clone(), store.clone());
        tokio::task::spawn_blocking(move || {
            let check = check(&session, &environment, &backups, store.as_deref());
            // An error means that salon is shutting down.
            messages.send(run_message(RunMsg::Checked { key, check })).ok();
        });
    }

    /// Opens a text in the editor. Its file is read and removed afterwards.
    pub(super) fn edit_text(&mut self, text: &str) -> Step {
        match edited_text::write(text) {
            Ok(file) => self.edit_for(&file, Purpose::EditText(file.clone())),
            Err(error) => self.notice(format!("could not create a file for the editor: {error}"), true),
        }
    }
}

/// Returns the agents that salon can run, each with true if its program is on `PATH`.
fn installed_agents(environment: &Environment) -> Vec<(Agent, bool)> {
    let agents = Agent::ALL.into_iter().filter_map(|agent| Some((agent, agent::protocol(agent)?)));
    let installed = agents.map(|(agent, protocol)| {
        let launch = protocol.launch(&RunStart::new(Conversation::New { id: None }, PathBuf::new()));
        (agent, program::find(&launch.program, environment.var("PATH")).is_some())
    });
    installed.collect()
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
                RunRequest::Submit { run, text } => Some((run.clone(), text.clone())),
                _ => None,
            };
            let refused = live.execute(request).await.err();
            let message = match (submitted, refused) {
                (Some((run, text)), refused) => run_message(RunMsg::Submitted { run, text, refused }),
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

fn run_message(msg: RunMsg) -> TaskMessage {
    TaskMessage::Msg(Box::new(Msg::Run(msg)))
}
