//! The task that owns a server: its process, event stream and sessions.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::event_stream::StreamEvent;
use super::health::ServerHealth;
use super::http::{Endpoint, HttpRequest, HttpResponse};
use super::response_cache::{Freshness, ResponseCache, SharedResponse};
use super::{Mailbox, ServerConfig, ServerPhase, ServerSession, ServerSource, ServerStatus};
use crate::agent::protocol::{ServerSpec, UNKNOWN_INTERFACE};
use crate::domain::run::RunFailure;
use crate::live::fingerprint::LaunchFingerprint;
use crate::live::process::{Process, ProcessEvent, ProcessExit};
use crate::live::transport_event::TransportEvent;

/// Maximum phases kept for diagnosis.
const MAX_LOG: usize = 50;

/// A command to the server task.
#[derive(Debug)]
pub(super) enum ServerCommand {
    /// Open a session that uses an interface.
    OpenSession(ServerSpec, oneshot::Sender<Result<ServerSession, RunFailure>>),
    /// Connect to the registered server, and return its process id.
    UseService(oneshot::Sender<Result<Option<u32>, RunFailure>>),
    /// Close a session.
    CloseSession(u64),
    /// Records whether a session has an open turn.
    SetBusy(u64, bool),
    /// A probe of the process with this number was completed.
    Probed(u64, bool),
    /// Send a request of a session.
    Request {
        /// Session number.
        session: u64,
        /// Id of the response.
        id: u64,
        /// The request.
        request: HttpRequest,
    },
    /// Return a shared response.
    Fetch(HttpRequest, Freshness, oneshot::Sender<SharedResponse>),
    /// A shared request was completed.
    FetchCompleted(HttpRequest, Result<HttpResponse, String>),
    /// Stop the server and end the task.
    ShutDown(oneshot::Sender<()>),
}

/// Recipient of a shared response.
#[derive(Debug)]
pub(super) enum Requester {
    Session(u64, u64),
    Caller(oneshot::Sender<SharedResponse>),
}

/// A request that waits until the server is ready.
#[derive(Debug)]
pub(super) enum PendingRequest {
    Session { session: u64, id: u64, request: HttpRequest },
    Shared(HttpRequest),
}

/// Resources of a started server.
#[derive(Debug, Default)]
pub(super) struct RunningServer {
    pub(super) process: Option<(Process, mpsc::Receiver<ProcessEvent>)>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) stream: Option<(JoinHandle<()>, mpsc::Receiver<StreamEvent>)>,
    pub(super) password: String,
    /// Process id of the registered server in use; `None` for any other server.
    pub(super) service: Option<u32>,
    /// Time by which it must be ready.
    pub(super) ready_deadline: Option<Instant>,
    /// Failure that caused the stop, if any.
    pub(super) failure: Option<String>,
    /// True if it is ended because it does not respond.
    pub(super) unresponsive: bool,
    /// Results of its probes, once it is ready.
    pub(super) health: Option<ServerHealth>,
    /// Time of its next probe.
    pub(super) next_probe: Option<Instant>,
    /// True while a probe is open.
    pub(super) is_probed: bool,
    /// Program of the process when it was started.
    pub(super) fingerprint: Option<LaunchFingerprint>,
}

/// State of the server task.
pub(super) struct ServerTask {
    pub(super) config: ServerConfig,
    /// Weak, so that the task ends with the last handle.
    pub(super) commands: mpsc::WeakUnboundedSender<ServerCommand>,
    pub(super) status: watch::Sender<ServerStatus>,
    pub(super) since: Instant,
    pub(super) phase: ServerPhase,
    pub(super) log: VecDeque<(u64, ServerPhase)>,
    pub(super) running: RunningServer,
    pub(super) sessions: HashMap<u64, Mailbox>,
    pub(super) last_session: u64,
    pub(super) pending: Vec<PendingRequest>,
    pub(super) cache: ResponseCache<Requester>,
    /// Time at which it is stopped as idle.
    pub(super) idle_deadline: Option<Instant>,
    /// Times of the latest starts.
    pub(super) starts: VecDeque<Instant>,
    /// Number of starts so far.
    pub(super) generation: u64,
    pub(super) shutdown_waiters: Vec<oneshot::Sender<()>>,
    /// True if no more sessions may be opened.
    pub(super) closed: bool,
    /// Shared with the requests of sessions that have no response yet.
    pub(super) in_flight: Arc<()>,
}

/// An event of the server task's loop.
enum ServerTaskEvent {
    Command(Option<ServerCommand>),
    Process(Option<ProcessEvent>),
    Stream(Option<StreamEvent>),
    ReadyTimeout,
    IdleTimeout,
    ProbeDue,
}

impl ServerTask {
    /// Creates a task that has started nothing.
    pub(super) fn new(
        config: ServerConfig,
        commands: mpsc::WeakUnboundedSender<ServerCommand>,
        status: watch::Sender<ServerStatus>,
    ) -> Self {
        Self {
            config,
            commands,
            status,
            since: Instant::now(),
            phase: ServerPhase::NotStarted,
            log: VecDeque::new(),
            running: RunningServer::default(),
            sessions: HashMap::new(),
            last_session: 0,
            pending: Vec::new(),
            cache: ResponseCache::default(),
            idle_deadline: None,
            starts: VecDeque::new(),
            generation: 0,
            shutdown_waiters: Vec::new(),
            closed: false,
            in_flight: Arc::default(),
        }
    }

    /// Runs until the last handle is dropped and the server has ended.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<ServerCommand>) {
        let mut open = true;
        while open || self.running.process.is_some() {
            match self.next(&mut commands, open).await {
                ServerTaskEvent::Command(Some(command)) => self.handle_command(command).await,
                ServerTaskEvent::Command(None) => {
                    open = false;
                    self.closed = true;
                    self.stop(None);
                }
                ServerTaskEvent::Process(event) => self.handle_process(event).await,
                ServerTaskEvent::Stream(event) => self.handle_stream(event),
                ServerTaskEvent::ReadyTimeout => {
                    let limit = self.config.ready_timeout.as_secs();
                    self.stop(Some(format!("{} did not become ready within {limit} s", self.name())));
                }
                ServerTaskEvent::IdleTimeout => self.stop(None),
                ServerTaskEvent::ProbeDue => self.probe(),
            }
            self.update_idle_deadline();
            self.publish_status();
        }
    }

    async fn next(&mut self, commands: &mut mpsc::UnboundedReceiver<ServerCommand>, open: bool) -> ServerTaskEvent {
        let (ready, idle, probe) = (self.running.ready_deadline, self.idle_deadline, self.running.next_probe);
        let process_events = async {
            match &mut self.running.process {
                Some((_, process_events)) => process_events.recv().await,
                None => std::future::pending().await,
            }
        };
        let stream = async {
            match &mut self.running.stream {
                Some((_, events)) => events.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv(), if open => ServerTaskEvent::Command(command),
            event = process_events => ServerTaskEvent::Process(event),
            event = stream => ServerTaskEvent::Stream(event),
            () = until(ready) => ServerTaskEvent::ReadyTimeout,
            () = until(idle) => ServerTaskEvent::IdleTimeout,
            () = until(probe) => ServerTaskEvent::ProbeDue,
        }
    }

    async fn handle_command(&mut self, command: ServerCommand) {
        match command {
            ServerCommand::OpenSession(spec, answer) => {
                self.replace_outdated().await;
                let session = self.ensure_started().await.and_then(|()| self.open_session(spec));
                // An error means that the caller is gone; dropping the session closes it.
                answer.send(session).ok();
            }
            ServerCommand::UseService(answer) => {
                // An error means that the caller is gone.
                answer.send(self.use_service().await).ok();
            }
            ServerCommand::CloseSession(number) => {
                if let Some(mailbox) = self.sessions.remove(&number) {
                    mailbox.respond(TransportEvent::Exited(ProcessExit::new(Some(0), String::new())));
                }
                self.pending.retain(
                    |request| !matches!(request, PendingRequest::Session { session, .. } if *session == number),
                );
            }
            ServerCommand::SetBusy(number, busy) => {
                if let Some(mailbox) = self.sessions.get_mut(&number) {
                    mailbox.is_busy = busy;
                }
                self.check_health();
            }
            ServerCommand::Probed(generation, healthy) => self.probed(generation, healthy),
            ServerCommand::Request { session, id, request } => self.request(session, id, request).await,
            ServerCommand::Fetch(request, freshness, answer) => match self.ensure_started().await {
                Ok(()) => self.fetch_shared(request, freshness, Requester::Caller(answer)),
                Err(failure) => {
                    let (_, shared) = self.cache.complete(&request, Err(failure.to_string()), Instant::now());
                    answer.send(shared).ok();
                }
            },
            ServerCommand::FetchCompleted(request, result) => {
                let (requesters, shared) = self.cache.complete(&request, result, Instant::now());
                for requester in requesters {
                    self.respond(requester, &shared);
                }
            }
            ServerCommand::ShutDown(done) => {
                self.closed = true;
                self.shutdown_waiters.push(done);
                self.stop(None);
                self.notify_shutdown();
            }
        }
    }

    /// Opens a session, unless it uses another interface than the server has.
    fn open_session(&mut self, spec: ServerSpec) -> Result<ServerSession, RunFailure> {
        if spec != self.config.spec {
            return Err(RunFailure::UnsupportedVersion(format!("{} {UNKNOWN_INTERFACE}", self.name())));
        }
        self.last_session += 1;
        let (mut session, mailbox) = ServerSession::new(self.last_session, self.commands.clone());
        session.service = self.running.service;
        self.sessions.insert(self.last_session, mailbox);
        Ok(session)
    }

    /// Starts the server, unless it is running or starting.
    pub(super) async fn ensure_started(&mut self) -> Result<(), RunFailure> {
        if self.closed {
            return Err(super::shutting_down());
        }
        match self.phase {
            // A stopping server is started again once it has ended.
            ServerPhase::Starting | ServerPhase::Ready | ServerPhase::Degraded | ServerPhase::Stopping => Ok(()),
            ServerPhase::NotStarted | ServerPhase::Stopped | ServerPhase::Failed(_) => self.start().await,
        }
    }

    fn handle_stream(&mut self, event: Option<StreamEvent>) {
        match event {
            Some(StreamEvent::Open) => {
                self.running.ready_deadline = None;
                self.watch_health();
                if self.phase == ServerPhase::Starting {
                    self.become_phase(ServerPhase::Ready);
                    self.send_pending();
                } else {
                    self.become_phase(ServerPhase::Ready);
                    self.fan_out(|| TransportEvent::Resumed);
                }
            }
            Some(StreamEvent::Disconnected) => {
                if self.phase == ServerPhase::Ready {
                    self.become_phase(ServerPhase::Degraded);
                }
                self.probe();
            }
            Some(StreamEvent::Event(data)) => {
                self.alive();
                self.fan_out(|| TransportEvent::ServerEvent(data.clone()));
            }
            Some(StreamEvent::OtherInterface(reason)) => self.change_interface(&reason),
            Some(StreamEvent::Lost(reason)) => self.stream_lost(&reason),
            None => self.stream_lost("its event stream ended"),
        }
    }

    fn fan_out(&self, event: impl Fn() -> TransportEvent) {
        for mailbox in self.sessions.values() {
            mailbox.deliver(event());
        }
    }

    pub(super) fn notify_shutdown(&mut self) {
        if self.running.process.is_none() {
            for done in self.shutdown_waiters.drain(..) {
                // An error means that the caller is gone.
                done.send(()).ok();
            }
        }
    }

    /// Starts the idle timer when there are no sessions and no pending requests.
    fn update_idle_deadline(&mut self) {
        let up = matches!(self.phase, ServerPhase::Ready | ServerPhase::Degraded);
        let unused = self.sessions.is_empty() && self.pending.is_empty();
        if !(up && unused) {
            self.idle_deadline = None;
        } else if self.idle_deadline.is_none() {
            self.idle_deadline = Some(Instant::now() + self.config.idle_timeout);
        }
    }

    pub(super) fn become_phase(&mut self, next: ServerPhase) {
        if self.phase == next {
            return;
        }
        if !self.phase.may_become(&next) {
            tracing::error!("{}: invalid transition from {:?} to {next:?}", self.name(), self.phase);
            return;
        }
        tracing::info!("{}: {next:?}", self.name());
        if self.log.len() == MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back((self.since.elapsed().as_secs(), next.clone()));
        self.phase = next;
    }

    fn publish_status(&self) {
        let status = ServerStatus {
            phase: self.phase.clone(),
            pid: self.running.process.as_ref().map(|(process, _)| process.pid()),
            service: self.running.service,
            spec: Some(self.config.spec),
            address: self.running.endpoint.as_ref().map(|endpoint| endpoint.address),
            sessions: self.sessions.len(),
            generation: self.generation,
            failures: self.running.health.map_or(0, |health| health.failures()),
            log: self.log.iter().cloned().collect(),
            since: Some(self.since),
        };
        self.status.send_if_modified(|current| {
            let changed = *current != status;
            *current = status;
            changed
        });
    }

    pub(super) fn name(&self) -> String {
        if let Some(pid) = self.running.service {
            return format!("the background service (pid {pid})");
        }
        match &self.config.source {
            ServerSource::Own { launch, .. } => {
                format!("{} {}", launch.program, launch.args.first().map_or("", |arg| arg))
            }
            ServerSource::Attached { address, .. } => format!("the server at {address}"),
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
