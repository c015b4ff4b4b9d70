//! What a run keeps for its viewers: events and what else happened, in the ring, with a cursor that survives restarts
//! by being refused. The open turn's prompt and its end, and every open question, stay whatever else comes.

use std::sync::Arc;

use crate::domain::event::{Body, Event, Key, Piece};
use crate::domain::run::{Cursor, Happening, Replay, Turn, What};
use crate::stdx::ring::{Bounds, Held, Ring};

/// Merged events that a run keeps.
pub const BOUNDS: Bounds = Bounds { items: 1000, bytes: 8 << 20 };

/// Text that is merged into one item; more begins another, for an endless answer must be dropped piece by piece.
const MERGED: usize = 64 << 10;

/// The history of one run.
#[derive(Debug)]
pub struct History {
    epoch: u64,
    ring: Ring<Happening>,
    /// What must stay whatever comes.
    open: Open,
}

#[derive(Debug, Default)]
struct Open {
    turn: Turn,
    prompt: Option<Key>,
    approvals: Vec<Arc<str>>,
}

impl History {
    /// An empty history; `epoch` must differ from that of every earlier one of the run.
    pub fn new(epoch: u64) -> Self {
        Self { epoch, ring: Ring::new(BOUNDS), open: Open::default() }
    }

    /// The place after all that is held.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, next: self.ring.next_id() }
    }

    /// Adds what happened.
    pub fn push(&mut self, turn: Turn, what: What) {
        self.open.note(turn, &what);
        let open = &self.open;
        self.ring.push(Happening { turn, what }, |held| open.keeps(held));
    }

    /// Forgets what is held: it stands in the transcript. Cursors go on.
    pub fn clear(&mut self) {
        self.ring.clear();
        self.open = Open::default();
    }

    /// What is held since a cursor.
    pub fn since(&self, cursor: Cursor) -> Replay {
        // A cursor of another history says nothing about this one: all that is held, and the rest from the transcript.
        let from = if cursor.epoch == self.epoch { cursor.next } else { 0 };
        let since = self.ring.since(from);
        Replay { cursor: self.cursor(), missed: since.missed, happenings: since.items }
    }
}

impl Open {
    fn note(&mut self, turn: Turn, what: &What) {
        if turn != self.turn {
            (self.turn, self.prompt) = (turn, None);
        }
        match what {
            What::Event(Event { key, body: Body::Prompt(_), .. }) => self.prompt = Some(*key),
            What::Event(_) => {}
            What::Approval(approval) => self.approvals.push(approval.id.clone()),
            What::ApprovalGone(id) => self.approvals.retain(|open| open != id),
            What::TurnEnded(_) => self.approvals.clear(),
        }
    }

    fn keeps(&self, held: &Happening) -> bool {
        match &held.what {
            What::Event(event) => held.turn == self.turn && self.prompt == Some(event.key),
            What::Approval(approval) => self.approvals.contains(&approval.id),
            What::ApprovalGone(_) => false,
            What::TurnEnded(_) => held.turn == self.turn,
        }
    }
}

impl Held for Happening {
    fn bytes(&self) -> usize {
        const FRAME: usize = 96;
        FRAME
            + match &self.what {
                What::TurnEnded(_) | What::ApprovalGone(_) => 0,
                What::Approval(approval) => 2 * approval.input.to_string().len(),
                What::Event(event) => body_bytes(&event.body),
            }
    }

    fn merge(&mut self, next: Self) -> Result<usize, Self> {
        if self.turn != next.turn {
            return Err(next);
        }
        let (What::Event(mine), What::Event(theirs)) = (&mut self.what, &next.what) else { return Err(next) };
        if mine.key != theirs.key {
            return Err(next);
        }
        match (&mut mine.body, &theirs.body) {
            (Body::Text(Piece::Delta(text)), Body::Text(Piece::Delta(more)))
            | (Body::Thinking(Piece::Delta(text)), Body::Thinking(Piece::Delta(more)))
                if text.len() + more.len() <= MERGED =>
            {
                let offset = text.len();
                text.push_str(more);
                Ok(offset)
            }
            _ => Err(next),
        }
    }

    fn rest(&self, offset: usize) -> Self {
        let mut rest = self.clone();
        if let What::Event(Event {
            body: Body::Text(Piece::Delta(text)) | Body::Thinking(Piece::Delta(text)), ..
        }) = &mut rest.what
        {
            text.drain(..offset);
        }
        rest
    }
}

fn body_bytes(body: &Body) -> usize {
    let piece = |piece: &Piece| match piece {
        Piece::Delta(text) | Piece::Whole(text) => text.len(),
    };
    match body {
        Body::Prompt(text) | Body::Image(text) | Body::Other(text) | Body::Notice { text, .. } => text.len(),
        Body::Text(text) | Body::Thinking(text) => piece(text),
        // A tool's input is held twice: as it came, and as what it does.
        Body::ToolCall { input, .. } => 2 * input.to_string().len(),
        Body::ToolUpdate { output, .. } => output.as_ref().map_or(0, piece),
        Body::Plan(items) => items.iter().map(|item| item.text.len() + 32).sum(),
        Body::Usage(_) | Body::TurnEnd { .. } => 0,
    }
}
