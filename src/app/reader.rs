//! The reader's state: one opened transcript, the place in it, what is folded, what is found.

use super::msg::{ReaderDrawn, Ticket, TranscriptMsg};
use super::{Action, Effect};
use crate::domain::SessionKey;

/// A transcript that is being read.
#[derive(Debug)]
pub struct Reader {
    /// Names this opening.
    pub ticket: Ticket,
    /// Whose transcript it is.
    pub key: SessionKey,
}

impl Reader {
    /// Opens a session's transcript at its end.
    pub fn open(ticket: Ticket, key: SessionKey) -> (Self, Vec<Effect>) {
        (Self { ticket, key: key.clone() }, vec![Effect::OpenTranscript(ticket, key)])
    }

    /// Takes in what became of the transcript.
    pub fn update(&mut self, _msg: TranscriptMsg) -> Vec<Effect> {
        Vec::new()
    }

    /// Does what a key asks for. `None`: not the reader's business.
    pub fn act(&mut self, _action: Action) -> Option<Vec<Effect>> {
        None
    }

    /// Takes in what drawing found out.
    pub fn drawn(&mut self, _drawn: ReaderDrawn) -> Vec<Effect> {
        Vec::new()
    }
}
