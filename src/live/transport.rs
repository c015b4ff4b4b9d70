//! Connection of a run to its agent: the pipes of a child, or a session on a shared server.

use tokio::sync::mpsc;

use super::files;
use super::process::{ChildEnvironment, GracePeriods, Process, ProcessEvent, StdinLineId};
use super::server::{HttpRequest, ServerSession};
use super::store_handle::StoreHandle;
use super::terminals::Terminals;
pub use super::transport_event::TransportEvent;
use crate::agent::protocol::{FileRequest, Outgoing};
use crate::domain::run::RunFailure;
use crate::store::registry::ProcessId;

/// Connection to a run's own child process.
#[derive(Debug)]
pub struct ChildConnection {
    process: Process,
    outputs: mpsc::Receiver<ProcessEvent>,
    recorded: Option<ProcessId>,
    requests: RequestWorker,
}

/// Executes an agent's requests for files, on blocking threads, and for commands.
#[derive(Debug)]
struct RequestWorker {
    terminals: Terminals,
    results: mpsc::UnboundedReceiver<TransportEvent>,
    sender: mpsc::UnboundedSender<TransportEvent>,
}

impl RequestWorker {
    fn new(environment: ChildEnvironment, store: StoreHandle) -> Self {
        let (sender, results) = mpsc::unbounded_channel();
        Self { terminals: Terminals::new(environment, store, sender.clone()), results, sender }
    }

    fn execute(&self, id: u64, request: FileRequest) {
        let sender = self.sender.clone();
        tokio::task::spawn_blocking(move || {
            let result = files::execute(&request);
            // An error means that the run has ended.
            sender.send(TransportEvent::File { id, result }).ok();
        });
    }

    /// Waits for the next result; pending for ever without a request. Cancel safe.
    async fn next(&mut self) -> TransportEvent {
        match self.results.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

impl ChildConnection {
    /// Creates the connection. The agent's commands get `environment` and are recorded in `store`.
    pub(super) fn new(
        (process, outputs): (Process, mpsc::Receiver<ProcessEvent>),
        recorded: Option<ProcessId>,
        environment: ChildEnvironment,
        store: StoreHandle,
    ) -> Self {
        Self { process, outputs, recorded, requests: RequestWorker::new(environment, store) }
    }

    /// Waits for the next event; `None` after the last one of the process. Cancel safe.
    async fn next_event(&mut self) -> Option<TransportEvent> {
        let output = tokio::select! {
            biased;
            output = self.outputs.recv() => output?,
            event = self.requests.next() => return Some(event),
        };
        Some(match output {
            ProcessEvent::Line(line) => TransportEvent::Line(line),
            ProcessEvent::LineTooLong => TransportEvent::LineTooLong,
            ProcessEvent::Closed => TransportEvent::Closed,
            ProcessEvent::Exited(exit) => {
                self.process.reaped();
                TransportEvent::Exited(exit)
            }
        })
    }
}

/// Connection to an agent.
#[derive(Debug)]
pub enum AgentConnection {
    /// A child process of the run.
    Child(ChildConnection),
    /// A session on a shared server.
    Server(ServerSession),
}

/// Receipt of a sent item.
#[derive(Clone, Copy, Debug)]
pub enum Sent {
    /// A line queued for a child's stdin.
    Line(StdinLineId),
    /// A request to a server, which may have arrived.
    Request,
}

impl AgentConnection {
    /// Sends without waiting. Returns an error if the agent no longer accepts input.
    pub fn send(&mut self, outgoing: Outgoing) -> Result<Sent, RunFailure> {
        let sent = match (self, outgoing) {
            (Self::Child(child), Outgoing::Line(line)) => child.process.send(line).map(Sent::Line),
            (Self::Server(session), Outgoing::Request { id, method, path, headers, body, shared }) => {
                session.request(id, HttpRequest { method, path, headers, body, shared }).then_some(Sent::Request)
            }
            (Self::Child(child), Outgoing::File { id, request }) => {
                child.requests.execute(id, request);
                Some(Sent::Request)
            }
            (Self::Child(child), Outgoing::Terminal { id, request }) => {
                child.requests.terminals.execute(id, request);
                Some(Sent::Request)
            }
            (Self::Child(..), Outgoing::Request { .. })
            | (Self::Server(_), Outgoing::Line(_) | Outgoing::File { .. } | Outgoing::Terminal { .. }) => None,
        };
        sent.ok_or_else(|| RunFailure::Other("the agent no longer accepts input".into()))
    }

    /// Returns true if at least one byte was written. Final once the agent has exited.
    pub fn wrote(&self, sent: Sent) -> bool {
        match (self, sent) {
            (Self::Child(child), Sent::Line(line)) => child.process.wrote(line),
            (Self::Child(_) | Self::Server(_), Sent::Request | Sent::Line(_)) => true,
        }
    }

    /// Returns the next event if one is available.
    pub async fn try_next_event(&mut self) -> Option<TransportEvent> {
        tokio::select! {
            biased;
            event = self.next_event() => Some(event),
            () = std::future::ready(()) => None,
        }
    }

    /// Waits for the next event; pending for ever after the last one.
    pub async fn next_event(&mut self) -> TransportEvent {
        let next = match self {
            Self::Child(child) => child.next_event().await,
            Self::Server(session) => session.next_event().await,
        };
        match next {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Closes the connection: stops the child gracefully, or closes the server session.
    pub fn stop(&mut self, grace: GracePeriods) {
        match self {
            Self::Child(child) => {
                child.requests.terminals.end_all();
                child.process.stop(grace);
            }
            Self::Server(session) => session.close(),
        }
    }

    /// Closes the connection at once.
    pub fn kill(&mut self) {
        match self {
            Self::Child(child) => {
                child.requests.terminals.end_all();
                child.process.kill();
            }
            Self::Server(session) => session.close(),
        }
    }

    /// Records whether the run has an open turn, which matters to a shared server.
    pub fn set_busy(&self, busy: bool) {
        match self {
            Self::Child(_) => {}
            Self::Server(session) => session.set_busy(busy),
        }
    }

    /// Returns the pid of the run's own child, if any.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Child(child) => Some(child.process.pid()),
            Self::Server(_) => None,
        }
    }

    /// Returns the registry identity of the child, if any.
    pub fn recorded_child(&self) -> Option<ProcessId> {
        match self {
            Self::Child(child) => child.recorded,
            Self::Server(_) => None,
        }
    }
}
