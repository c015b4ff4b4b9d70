//! Connection of a run to its agent: the pipes of a child, or a session on a shared server.

use std::pin::Pin;

use tokio::sync::mpsc;

use super::files;
use super::process::{ChildEnvironment, GracePeriods, Process, ProcessEvent, StdinLineId};
use super::server::{HttpRequest, ServerSession};
use super::store_handle::StoreHandle;
use super::terminals::Terminals;
pub use super::transport_event::TransportEvent;
use crate::agent::protocol::{FileRequest, Outgoing};
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
    async fn next_output(&mut self) -> Option<TransportEvent> {
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

/// Receipt of a sent item.
#[derive(Clone, Copy, Debug)]
pub enum Sent {
    /// A line queued for a child's stdin.
    Line(StdinLineId),
    /// A request to a server, which may have arrived.
    Request,
}

/// Future of a connection's next event.
pub type NextEvent<'a> = Pin<Box<dyn Future<Output = TransportEvent> + Send + 'a>>;

/// Connection of a run to its agent.
pub trait Connection: std::fmt::Debug + Send {
    /// Sends without waiting. Returns `None` if the agent no longer accepts input.
    fn send(&mut self, outgoing: Outgoing) -> Option<Sent>;

    /// Returns true if at least one byte was written. Final once the agent has exited.
    fn wrote(&self, sent: Sent) -> bool;

    /// Waits for the next event; pending for ever after the last one. Cancel safe.
    fn next_event(&mut self) -> NextEvent<'_>;

    /// Closes the connection: stops the child gracefully, or closes the server session.
    fn stop(&mut self, grace: GracePeriods);

    /// Closes the connection at once.
    fn kill(&mut self);

    /// Records whether the run has an open turn, which matters to a shared server.
    fn set_busy(&self, _busy: bool) {}

    /// Returns the pid of the run's own child, if any.
    fn pid(&self) -> Option<u32> {
        None
    }

    /// Returns the pid of the registered server of the user that has the session, if one has it.
    fn service(&self) -> Option<u32> {
        None
    }

    /// Returns the registry identity of the child, if any.
    fn recorded_child(&self) -> Option<ProcessId> {
        None
    }
}

/// Returns the next event of a connection if one is available.
pub(super) async fn try_next_event(connection: &mut dyn Connection) -> Option<TransportEvent> {
    tokio::select! {
        biased;
        event = connection.next_event() => Some(event),
        () = std::future::ready(()) => None,
    }
}

impl Connection for ChildConnection {
    fn send(&mut self, outgoing: Outgoing) -> Option<Sent> {
        match outgoing {
            Outgoing::Line(line) => self.process.send(line).map(Sent::Line),
            Outgoing::File { id, request } => {
                self.requests.execute(id, request);
                Some(Sent::Request)
            }
            Outgoing::Terminal { id, request } => {
                self.requests.terminals.execute(id, request);
                Some(Sent::Request)
            }
            Outgoing::Request { .. } => None,
        }
    }

    fn wrote(&self, sent: Sent) -> bool {
        match sent {
            Sent::Line(line) => self.process.wrote(line),
            Sent::Request => true,
        }
    }

    fn next_event(&mut self) -> NextEvent<'_> {
        Box::pin(async {
            match self.next_output().await {
                Some(event) => event,
                None => std::future::pending().await,
            }
        })
    }

    fn stop(&mut self, grace: GracePeriods) {
        self.requests.terminals.end_all();
        self.process.stop(grace);
    }

    fn kill(&mut self) {
        self.requests.terminals.end_all();
        self.process.kill();
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.pid())
    }

    fn recorded_child(&self) -> Option<ProcessId> {
        self.recorded
    }
}

impl Connection for ServerSession {
    fn send(&mut self, outgoing: Outgoing) -> Option<Sent> {
        let Outgoing::Request { id, method, path, headers, body, shared, pause } = outgoing else { return None };
        self.request(id, HttpRequest { method, path, headers, body, shared, pause }).then_some(Sent::Request)
    }

    fn wrote(&self, _sent: Sent) -> bool {
        true
    }

    fn next_event(&mut self) -> NextEvent<'_> {
        Box::pin(async {
            match self.next_message().await {
                Some(event) => event,
                None => std::future::pending().await,
            }
        })
    }

    fn stop(&mut self, _grace: GracePeriods) {
        self.close();
    }

    fn kill(&mut self) {
        self.close();
    }

    fn set_busy(&self, busy: bool) {
        self.record_busy(busy);
    }

    fn service(&self) -> Option<u32> {
        self.registered_service()
    }
}
