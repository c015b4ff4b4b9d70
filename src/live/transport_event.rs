//! Events of a connection, from a child process or a server.

use super::process::ProcessExit;
use crate::agent::protocol::{FileError, Incoming};
use crate::agent::terminal_request::TerminalResult;

/// An event from the agent.
#[derive(Debug)]
pub enum TransportEvent {
    /// A line of stdout.
    Line(Vec<u8>),
    /// The response to a request.
    Response {
        /// Request id.
        id: u64,
        /// HTTP status; 0 if there was no response.
        status: u16,
        /// Response body.
        body: Vec<u8>,
    },
    /// The data of a server-sent event.
    ServerEvent(std::sync::Arc<[u8]>),
    /// The event stream resumed after a gap.
    Resumed,
    /// The result of a request for a file.
    File {
        /// Request id.
        id: u64,
        /// Text that was read.
        result: Result<String, FileError>,
    },
    /// The result of a request about a command.
    Terminal {
        /// Request id.
        id: u64,
        /// The result.
        result: Result<TerminalResult, FileError>,
    },
    /// A line of stdout was too long and was skipped.
    LineTooLong,
    /// Stdout ended, but the process is still alive.
    Closed,
    /// The process has exited.
    Exited(ProcessExit),
}

impl TransportEvent {
    /// Returns the event as codec input; `None` for process events.
    pub fn incoming(&self) -> Option<Incoming<'_>> {
        match self {
            Self::Line(line) => Some(Incoming::Line(line)),
            Self::Response { id, status, body } => Some(Incoming::Response { id: *id, status: *status, body }),
            Self::ServerEvent(data) => Some(Incoming::ServerEvent(data)),
            Self::Resumed => Some(Incoming::Resumed),
            Self::File { id, result } => Some(Incoming::File { id: *id, result: result.as_ref().map(String::as_str) }),
            Self::Terminal { id, result } => Some(Incoming::Terminal { id: *id, result: result.as_ref() }),
            Self::LineTooLong | Self::Closed | Self::Exited(_) => None,
        }
    }
}
