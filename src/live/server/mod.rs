//! The server that all runs of an agent share: started on first use, stopped when idle.
//!
//! Sessions are data, not processes: each run has a [`ServerSession`], which carries its requests to the server and all
//! server events back. The codec decodes them; this module is agent-neutral.

pub mod event_stream;
pub mod health;
pub mod http;
mod lifecycle;
mod probe;
mod registered;
mod requests;
pub mod response_cache;
mod task;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::health::HealthLimits;
pub use self::http::{HttpRequest, HttpResponse};
pub use self::response_cache::{Freshness, SharedResponse};
use self::task::{ServerCommand, ServerTask};
use super::process::{ChildEnvironment, ProcessExit};
use super::transport_event::TransportEvent;
use crate::agent::protocol::{RegisteredServer, ServerSpec};
use crate::domain::launch::Launch;
use crate::domain::run::RunFailure;

/// Origin of a server.
#[derive(Clone)]
pub enum ServerSource {
    /// Started and stopped by this process.
    Own {
        /// Program and arguments.
        launch: Launch,
        /// Environment without the password.
        environment: ChildEnvironment,
    },
    /// Started by the user, and never stopped by this process.
    Attached {
        /// Listening address.
        address: SocketAddr,
        /// Password for basic authentication.
        password: String,
    },
}

/// Omits the password.
impl std::fmt::Debug for ServerSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own { launch, .. } => f.debug_struct("Own").field("launch", launch).finish_non_exhaustive(),
            Self::Attached { address, .. } => {
                f.debug_struct("Attached").field("address", address).finish_non_exhaustive()
            }
        }
    }
}

/// Configuration of a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Origin.
    pub source: ServerSource,
    /// Paths, user and variables of its HTTP interface.
    pub spec: ServerSpec,
    /// Lookup of a registered server, which is used instead of an own one.
    pub service: Option<ServiceLookup>,
    /// Maximum time until it is ready.
    pub ready_timeout: Duration,
    /// Time without sessions and requests after which it is stopped.
    pub idle_timeout: Duration,
    /// Timeout of a shared request.
    pub shared_timeout: Duration,
    /// Checks of its health.
    pub health: HealthLimits,
    /// Receiver of its process events, if any.
    pub process_events: Option<mpsc::UnboundedSender<ServerProcessEvent>>,
}

impl ServerConfig {
    /// Creates a configuration with default timeouts.
    pub fn new(source: ServerSource, spec: ServerSpec) -> Self {
        let (ready_timeout, idle_timeout) = (Duration::from_secs(30), Duration::from_mins(5));
        Self {
            source,
            spec,
            service: None,
            ready_timeout,
            idle_timeout,
            shared_timeout: response_cache::LIMIT,
            health: HealthLimits::default(),
            process_events: None,
        }
    }
}

/// Lookup of the server that the user's own program registered. Blocks.
#[derive(Clone)]
pub struct ServiceLookup(pub Arc<dyn Fn() -> Option<RegisteredServer> + Send + Sync>);

impl std::fmt::Debug for ServiceLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceLookup").finish_non_exhaustive()
    }
}

/// Start or end of a server process, for the registry of children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerProcessEvent {
    /// The process was started as leader of its own group.
    Started {
        /// Process id.
        pid: u32,
        /// Program name.
        program: String,
    },
    /// The process was reaped.
    Reaped {
        /// Process id.
        pid: u32,
    },
}

/// Phase of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerPhase {
    /// Not used yet.
    #[default]
    NotStarted,
    /// Started or being attached, and not healthy yet.
    Starting,
    /// Accepts requests and sends events.
    Ready,
    /// Accepts requests, but its event stream is being reopened.
    Degraded,
    /// Being stopped.
    Stopping,
    /// Stopped on request or because it was idle.
    Stopped,
    /// Exited by itself or could not be started, with the reason.
    Failed(String),
}

impl ServerPhase {
    /// Returns true if the transition to `next` is valid.
    pub fn may_become(&self, next: &Self) -> bool {
        use ServerPhase::{Degraded, Failed, NotStarted, Ready, Starting, Stopped, Stopping};
        match next {
            NotStarted => false,
            Starting => matches!(self, NotStarted | Stopped | Failed(_)),
            Ready => matches!(self, Starting | Degraded),
            Degraded => matches!(self, Ready),
            Stopping => matches!(self, Starting | Ready | Degraded),
            Stopped => matches!(self, Stopping),
            Failed(_) => matches!(self, NotStarted | Starting | Ready | Degraded | Stopping | Stopped | Failed(_)),
        }
    }
}

/// Published state of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerStatus {
    /// Current phase.
    pub phase: ServerPhase,
    /// Process id, if this process started it.
    pub pid: Option<u32>,
    /// Process id of the registered server in use.
    pub service: Option<u32>,
    /// Interface in use; `None` before the server task runs.
    pub spec: Option<ServerSpec>,
    /// Listening address.
    pub address: Option<SocketAddr>,
    /// Number of open sessions.
    pub sessions: usize,
    /// Number of starts of its process.
    pub generation: u64,
    /// Consecutive failures of its health check.
    pub failures: u32,
    /// Latest phases, oldest first, with seconds since the server task started; bounded.
    pub log: Vec<(u64, ServerPhase)>,
    /// Start of the server task.
    pub since: Option<Instant>,
}

impl ServerStatus {
    /// Returns the seconds since the server task started.
    pub fn uptime_secs(&self) -> u64 {
        self.since.map_or(0, |since| since.elapsed().as_secs())
    }
}

/// Handle of a server. Clones share the same server.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    /// Interface that its caller uses.
    spec: ServerSpec,
    commands: mpsc::UnboundedSender<ServerCommand>,
    status: watch::Receiver<ServerStatus>,
}

impl ServerHandle {
    /// Creates the task of a server. The process starts on first use.
    pub fn new(config: ServerConfig) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let (sender, status) = watch::channel(ServerStatus::default());
        let spec = config.spec;
        tokio::spawn(ServerTask::new(config, commands.downgrade(), sender).run(receiver));
        Self { spec, commands, status }
    }

    /// Returns a handle of the same server for a caller that uses an interface.
    #[must_use]
    pub fn with_interface(mut self, spec: ServerSpec) -> Self {
        self.spec = spec;
        self
    }

    /// Opens a session, and starts the server if necessary. Requests are queued until it is ready. Returns an error if
    /// it cannot be started.
    pub async fn open_session(&self) -> Result<ServerSession, RunFailure> {
        let (sender, response) = oneshot::channel();
        self.commands.send(ServerCommand::OpenSession(self.spec, sender)).map_err(|_| shutting_down())?;
        response.await.map_err(|_| shutting_down())?
    }

    /// Connects to the registered server, and returns its process id. `None` if none is used; nothing is started then.
    pub(super) async fn use_service(&self) -> Result<Option<u32>, RunFailure> {
        let (sender, response) = oneshot::channel();
        self.commands.send(ServerCommand::UseService(sender)).map_err(|_| shutting_down())?;
        response.await.map_err(|_| shutting_down())?
    }

    /// Sends a shared request: one for all concurrent callers, with a timeout of ten seconds once the server is ready.
    pub async fn fetch(&self, request: HttpRequest, freshness: Freshness) -> SharedResponse {
        let (sender, response) = oneshot::channel();
        let sent = self.commands.send(ServerCommand::Fetch(request, freshness, sender)).is_ok();
        let unavailable =
            || SharedResponse { response: None, received_at: None, error: Some("salon is shutting down".into()) };
        if sent { response.await.unwrap_or_else(|_| unavailable()) } else { unavailable() }
    }

    /// Returns the current state.
    pub fn status(&self) -> ServerStatus {
        self.status.borrow().clone()
    }

    /// Subscribes to changes of state.
    pub fn watch(&self) -> watch::Receiver<ServerStatus> {
        self.status.clone()
    }

    /// Stops the server, if this process started it, and closes all sessions. Returns when it has ended.
    pub async fn shut_down(&self) {
        let (sender, done) = oneshot::channel();
        if self.commands.send(ServerCommand::ShutDown(sender)).is_ok() {
            // An error means that the task has already ended.
            done.await.ok();
        }
    }
}

fn shutting_down() -> RunFailure {
    RunFailure::Other("salon is shutting down".into())
}

/// A run's session on a server. Dropping it closes it.
#[derive(Debug)]
pub struct ServerSession {
    number: u64,
    commands: mpsc::WeakUnboundedSender<ServerCommand>,
    /// Responses and the exit; bounded by the number of requests.
    responses: mpsc::UnboundedReceiver<TransportEvent>,
    /// Server events; bounded.
    events: mpsc::Receiver<TransportEvent>,
    /// True if an event was dropped because the queue was full.
    missed: Arc<AtomicBool>,
    ended: Option<ProcessExit>,
    /// Process id of the registered server that has it.
    service: Option<u32>,
}

/// Sending half of a session, owned by the server task.
#[derive(Debug)]
pub(super) struct Mailbox {
    responses: mpsc::UnboundedSender<TransportEvent>,
    events: mpsc::Sender<TransportEvent>,
    missed: Arc<AtomicBool>,
    /// True while the session has an open turn.
    is_busy: bool,
}

/// Maximum queued events per session, because a slow run must not exhaust memory. More are dropped, and the run
/// refetches its state.
const EVENT_CAPACITY: usize = 2048;

impl ServerSession {
    fn new(number: u64, commands: mpsc::WeakUnboundedSender<ServerCommand>) -> (Self, Mailbox) {
        let (responses, response_receiver) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let missed = Arc::new(AtomicBool::new(false));
        let session = Self {
            number,
            commands,
            responses: response_receiver,
            events: event_receiver,
            missed: missed.clone(),
            ended: None,
            service: None,
        };
        (session, Mailbox { responses, events, missed, is_busy: false })
    }

    /// Sends a request once the server is ready; the response has the same id. Returns false if the session is closed.
    pub fn request(&self, id: u64, request: HttpRequest) -> bool {
        let Some(commands) = self.commands.upgrade() else { return false };
        !self.responses.is_closed()
            && commands.send(ServerCommand::Request { session: self.number, id, request }).is_ok()
    }

    /// Waits for the next event; `None` after the exit, which is the last one.
    pub(super) async fn next_message(&mut self) -> Option<TransportEvent> {
        loop {
            if self.events.is_empty() {
                if self.missed.swap(false, Ordering::AcqRel) {
                    return Some(TransportEvent::Resumed);
                }
                if let Some(exit) = self.ended.take() {
                    self.responses.close();
                    return Some(TransportEvent::Exited(exit));
                }
            }
            tokio::select! {
                Some(event) = self.events.recv() => return Some(event),
                response = self.responses.recv(), if self.ended.is_none() => match response? {
                    TransportEvent::Exited(exit) => self.ended = Some(exit),
                    response => return Some(response),
                },
            }
        }
    }

    /// Returns the pid of the registered server that has the session, if one has it.
    pub(super) fn registered_service(&self) -> Option<u32> {
        self.service
    }

    /// Records whether the session has an open turn, which holds a restart of the server off.
    pub(super) fn record_busy(&self, busy: bool) {
        if let Some(commands) = self.commands.upgrade() {
            // An error means that the server task has ended.
            commands.send(ServerCommand::SetBusy(self.number, busy)).ok();
        }
    }

    /// Closes the session. [`TransportEvent::Exited`] follows.
    pub fn close(&mut self) {
        if let Some(commands) = self.commands.upgrade() {
            // An error means that the server task has ended, and the session with it.
            commands.send(ServerCommand::CloseSession(self.number)).ok();
        }
    }
}

impl Drop for ServerSession {
    fn drop(&mut self) {
        self.close();
    }
}

impl Mailbox {
    fn respond(&self, event: TransportEvent) {
        // An error means that the session was dropped, which sends its own command.
        self.responses.send(event).ok();
    }

    /// Delivers an event without waiting for a slow run.
    fn deliver(&self, event: TransportEvent) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.missed.store(true, Ordering::Release);
        }
    }
}
