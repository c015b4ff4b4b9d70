//! Event history of a run for its viewers, kept in a ring. A cursor from before a restart is detected and rejected.
//!
//! The open turn's prompt and end and all open approvals are pinned: the ring never drops them.

use std::sync::Arc;

use crate::domain::event::{Delta, EntryKey, Event, EventBody};
use crate::domain::run::TurnNumber;
use crate::domain::run_event::{Replay, RingCursor, RunEvent, RunEventKind};
use crate::stdx::ring::{Ring, RingBounds, RingValue};

/// Maximum items and bytes per run, because long runs must not grow without bound.
pub const BOUNDS: RingBounds = RingBounds { items: 1000, bytes: 8 << 20 };

/// Maximum bytes of text per merged item, because the ring drops whole items and an endless answer must stay divisible.
const MAX_MERGED_BYTES: usize = 64 << 10;

/// Event history of one run.
#[derive(Debug)]
pub struct RunHistory {
    epoch: u64,
    ring: Ring<RunEvent>,
    /// Items that the ring must not drop.
    pinned: Pinned,
}

#[derive(Debug, Default)]
struct Pinned {
    turn: TurnNumber,
    prompt: Option<EntryKey>,
    approvals: Vec<Arc<str>>,
}

impl RunHistory {
    /// Creates an empty history. `epoch` must differ from every earlier epoch of the run.
    pub fn new(epoch: u64) -> Self {
        Self { epoch, ring: Ring::new(BOUNDS), pinned: Pinned::default() }
    }

    /// Returns the cursor after the newest item.
    pub fn cursor(&self) -> RingCursor {
        RingCursor { epoch: self.epoch, next: self.ring.next_id() }
    }

    /// Appends an event.
    pub fn push(&mut self, turn: TurnNumber, what: RunEventKind) {
        self.pinned.observe(turn, &what);
        let pinned = &self.pinned;
        self.ring.push(RunEvent { turn, kind: what }, |item| pinned.contains(item));
    }

    /// Drops all items, because the transcript contains them. Cursors stay valid.
    pub fn clear(&mut self) {
        self.ring.clear();
        self.pinned = Pinned::default();
    }

    /// Returns the items after a cursor.
    pub fn since(&self, cursor: RingCursor) -> Replay {
        // A cursor of another epoch cannot be resolved here: return all items, the transcript has the rest.
        let from = if cursor.epoch == self.epoch { cursor.next } else { 0 };
        let since = self.ring.since(from);
        Replay { cursor: self.cursor(), missed: since.missed, events: since.items }
    }
}

impl Pinned {
    fn observe(&mut self, turn: TurnNumber, what: &RunEventKind) {
        if turn != self.turn {
            (self.turn, self.prompt) = (turn, None);
        }
        match what {
            RunEventKind::Event(Event { key, body: EventBody::Prompt(_), .. }) => self.prompt = Some(*key),
            RunEventKind::Event(_) => {}
            RunEventKind::Approval(approval) => self.approvals.push(approval.id.clone()),
            RunEventKind::ApprovalGone(id) => self.approvals.retain(|open| open != id),
            RunEventKind::TurnEnded { .. } => self.approvals.clear(),
        }
    }

    fn contains(&self, item: &RunEvent) -> bool {
        match &item.kind {
            RunEventKind::Event(event) => item.turn == self.turn && self.prompt == Some(event.key),
            RunEventKind::Approval(approval) => self.approvals.contains(&approval.id),
            RunEventKind::ApprovalGone(_) => false,
            RunEventKind::TurnEnded { .. } => item.turn == self.turn,
        }
    }
}

impl RingValue for RunEvent {
    fn bytes(&self) -> usize {
        const ITEM_OVERHEAD: usize = 96;
        ITEM_OVERHEAD
            + match &self.kind {
                RunEventKind::TurnEnded { .. } | RunEventKind::ApprovalGone(_) => 0,
                RunEventKind::Approval(approval) => 2 * approval.input.to_string().len(),
                RunEventKind::Event(event) => body_bytes(&event.body),
            }
    }

    fn merge(&mut self, next: Self) -> Result<usize, Self> {
        if self.turn != next.turn {
            return Err(next);
        }
        let (RunEventKind::Event(mine), RunEventKind::Event(theirs)) = (&mut self.kind, &next.kind) else {
            return Err(next);
        };
        if mine.key != theirs.key {
            return Err(next);
        }
        match (&mut mine.body, &theirs.body) {
            (EventBody::Text(Delta::Append(text)), EventBody::Text(Delta::Append(more)))
            | (EventBody::Thinking(Delta::Append(text)), EventBody::Thinking(Delta::Append(more)))
                if text.len() + more.len() <= MAX_MERGED_BYTES =>
            {
                let offset = text.len();
                text.push_str(more);
                Ok(offset)
            }
            _ => Err(next),
        }
    }

    fn tail(&self, offset: usize) -> Self {
        let mut rest = self.clone();
        if let RunEventKind::Event(Event {
            body: EventBody::Text(Delta::Append(text)) | EventBody::Thinking(Delta::Append(text)),
            ..
        }) = &mut rest.kind
        {
            text.drain(..offset);
        }
        rest
    }
}

fn body_bytes(body: &EventBody) -> usize {
    let delta = |delta: &Delta| match delta {
        Delta::Append(text) | Delta::Replace(text) | Delta::Longest(text) => text.len(),
    };
    match body {
        EventBody::Prompt(text) | EventBody::Image(text) | EventBody::Other(text) | EventBody::Notice { text, .. } => {
            text.len()
        }
        EventBody::Text(text) | EventBody::Thinking(text) => delta(text),
        // The input is stored twice: as raw JSON and as parsed action.
        EventBody::ToolCall { input, .. } => 2 * input.to_string().len(),
        EventBody::ToolUpdate { output, .. } => output.as_ref().map_or(0, delta),
        EventBody::Plan(items) => items.iter().map(|item| item.text.len() + 32).sum(),
        EventBody::Usage(_) | EventBody::Sender(_) | EventBody::TurnEnd { .. } => 0,
    }
}
