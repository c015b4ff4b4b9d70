//! What connects a run to its agent: a child's pipes, or a place at the server that all runs share.

use tokio::sync::mpsc;

use super::process::{Exit, Output, Patience, Process, Ticket};
use super::server::{Request, Seat};
use crate::agent::protocol::{Incoming, Outgoing};
use crate::domain::run::Failure;
use crate::store::registry::ProcessId;

/// What came from the agent.
#[derive(Debug)]
pub enum Arrival {
    /// A line of stdout.
    Line(Vec<u8>),
    /// The answer to a request.
    Response {
        /// Id of the request.
        id: u64,
        /// HTTP status; 0 where no answer came.
        status: u16,
        /// Body.
        body: Vec<u8>,
    },
    /// The data of a server-sent event.
    ServerEvent(std::sync::Arc<[u8]>),
    /// The stream of events goes on after a gap.
    Resumed,
    /// Nothing more will come from its stdout, though it lives.
    Closed,
    /// It is gone.
    Exited(Exit),
}

impl Arrival {
    /// As the codec takes it; `None` for what is not the codec's business.
    pub fn incoming(&self) -> Option<Incoming<'_>> {
        match self {
            Self::Line(line) => Some(Incoming::Line(line)),
            Self::Response { id, status, body } => Some(Incoming::Response { id: *id, status: *status, body }),
            Self::ServerEvent(data) => Some(Incoming::ServerEvent(data)),
            Self::Resumed => Some(Incoming::Resumed),
            Self::Closed | Self::Exited(_) => None,
        }
    }
}

/// A child of a run's own.
#[derive(Debug)]
pub struct Child {
    pub(super) process: Process,
    pub(super) outputs: mpsc::Receiver<Output>,
    pub(super) on_record: Option<ProcessId>,
}

/// A run's connection to its agent.
#[derive(Debug)]
pub enum Link {
    /// A child of its own.
    Child(Child),
    /// A place at a server.
    Seat(Seat),
}

/// Something that was sent.
#[derive(Clone, Copy, Debug)]
pub enum Sent {
    /// Queued for a child's stdin.
    Line(Ticket),
    /// Asked of a server: it may have arrived.
    Request,
}

impl Link {
    /// Sends, without waiting. An error: nobody is there to take it.
    pub fn send(&mut self, outgoing: Outgoing) -> Result<Sent, Failure> {
        let sent = match (self, outgoing) {
            (Self::Child(child), Outgoing::Line(line)) => child.process.send(line).map(Sent::Line),
            (Self::Seat(seat), Outgoing::Request { id, method, path, headers, body, shared }) => {
                seat.request(id, Request { method, path, headers, body, shared }).then_some(Sent::Request)
            }
            (Self::Child(..), Outgoing::Request { .. }) | (Self::Seat(_), Outgoing::Line(_)) => None,
        };
        sent.ok_or_else(|| Failure::Other("the agent takes no input any more".into()))
    }

    /// Whether any byte of it went out. Certain once the agent is gone.
    pub fn wrote(&self, sent: Sent) -> bool {
        match (self, sent) {
            (Self::Child(child), Sent::Line(line)) => child.process.wrote(line),
            (Self::Child(_) | Self::Seat(_), Sent::Request | Sent::Line(_)) => true,
        }
    }

    /// The next thing that came already.
    pub async fn ready(&mut self) -> Option<Arrival> {
        tokio::select! {
            biased;
            arrival = self.arrival() => Some(arrival),
            () = std::future::ready(()) => None,
        }
    }

    /// The next thing that comes; pending for ever once everything came.
    pub async fn arrival(&mut self) -> Arrival {
        let next = match self {
            Self::Child(child) => child.outputs.recv().await.map(|output| match output {
                Output::Line(line) => Arrival::Line(line),
                Output::Closed => Arrival::Closed,
                Output::Exited(exit) => {
                    child.process.reaped();
                    Arrival::Exited(exit)
                }
            }),
            Self::Seat(seat) => seat.arrival().await,
        };
        match next {
            Some(arrival) => arrival,
            None => std::future::pending().await,
        }
    }

    /// Ends the connection: a child is stopped, a place at a server is given up.
    pub fn stop(&mut self, patience: Patience) {
        match self {
            Self::Child(child) => child.process.stop(patience),
            Self::Seat(seat) => seat.leave(),
        }
    }

    /// Ends the connection at once.
    pub fn kill(&mut self) {
        match self {
            Self::Child(child) => child.process.kill(),
            Self::Seat(seat) => seat.leave(),
        }
    }

    /// The child's process id, where the run has a child of its own.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Child(child) => Some(child.process.pid()),
            Self::Seat(_) => None,
        }
    }

    /// The child as it is on record.
    pub fn child(&self) -> Option<ProcessId> {
        match self {
            Self::Child(child) => child.on_record,
            Self::Seat(_) => None,
        }
    }
}
