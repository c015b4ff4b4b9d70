//! Events of a run in its ring, and their replay to a viewer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::approval::Approval;
use super::run::{TurnNumber, TurnOutcome};
use super::{Event, Time};
use crate::stdx::ring::RingItem;

/// Read position in a run's event ring. Another epoch is another history, which must be read from the transcript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingCursor {
    /// Id of the history.
    pub epoch: u64,
    /// Id of the next event to read.
    pub next: u64,
}

/// An event of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunEvent {
    /// Turn to which the event belongs.
    pub turn: TurnNumber,
    /// Content of the event.
    pub kind: RunEventKind,
}

/// Content of a run event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEventKind {
    /// Event of the conversation.
    Event(Event),
    /// The agent waits for an approval.
    Approval(Approval),
    /// An approval is no longer pending: it was answered, here or elsewhere, or its turn is over.
    ApprovalGone(Arc<str>),
    /// End of a turn.
    TurnEnded {
        /// Outcome of the turn.
        outcome: TurnOutcome,
        /// Time of the end.
        time: Time,
        /// Duration in ms.
        duration_ms: u64,
    },
}

/// Events that are replayed to a viewer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replay {
    /// Position after the replayed events.
    pub cursor: RingCursor,
    /// Number of dropped events that the viewer has not seen; the transcript contains them.
    pub missed: u64,
    /// Events in the ring after the viewer's position.
    pub events: Vec<RingItem<RunEvent>>,
}
