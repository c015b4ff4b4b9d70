//! When the preview opens a transcript: at once where the selection was at rest, else when it rests again. A held
//! key therefore opens nothing until it is let go.

use crate::app::msg::{Rest, TranscriptMsg};
use crate::app::reader::Reader;
use crate::app::{Effect, Ticket, Tickets};
use crate::domain::SessionKey;

/// How long a selection must stay to count as resting.
const REST_MS: u32 = 80;

/// The preview's transcript.
#[derive(Debug, Default)]
pub struct Preview {
    reader: Option<Reader>,
    /// The wait that is under way; only the newest counts.
    rest: Option<Rest>,
    rests: u64,
}

impl Preview {
    /// The transcript, where it is that of the session.
    pub fn reader(&self, key: &SessionKey) -> Option<&Reader> {
        self.reader.as_ref().filter(|reader| reader.key == *key)
    }

    /// The transcript, to act on it.
    pub fn reader_mut(&mut self) -> Option<&mut Reader> {
        self.reader.as_mut()
    }

    /// The selection moved to another session, or to none.
    pub fn follow(&mut self, selected: Option<&SessionKey>, tickets: &mut Tickets) -> Vec<Effect> {
        let Some(key) = selected else { return self.close() };
        if self.reader(key).is_some() {
            return Vec::new();
        }
        let mut effects = if self.rest.is_none() { self.open(key, tickets) } else { Vec::new() };
        self.rests += 1;
        self.rest = Some(Rest(self.rests));
        effects.push(Effect::Rest(Rest(self.rests), REST_MS));
        effects
    }

    /// A wait is over.
    pub fn rested(&mut self, rest: Rest, selected: Option<&SessionKey>, tickets: &mut Tickets) -> Vec<Effect> {
        if self.rest != Some(rest) {
            return Vec::new();
        }
        self.rest = None;
        match selected {
            Some(key) if self.reader(key).is_none() => self.open(key, tickets),
            _ => Vec::new(),
        }
    }

    /// Takes in what became of a transcript. `None`: it is not this one.
    pub fn update(&mut self, ticket: Ticket, msg: TranscriptMsg) -> Result<Vec<Effect>, TranscriptMsg> {
        match &mut self.reader {
            Some(reader) if reader.ticket == ticket => Ok(reader.update(msg)),
            _ => Err(msg),
        }
    }

    /// Gives the transcript away, to be read on the whole screen.
    pub fn give(&mut self, key: &SessionKey) -> Option<Reader> {
        self.reader.take_if(|reader| reader.key == *key)
    }

    /// Takes a transcript back.
    pub fn take(&mut self, reader: Reader) -> Vec<Effect> {
        let effects = self.close();
        self.reader = Some(reader);
        effects
    }

    /// Shows nothing any more.
    pub fn close(&mut self) -> Vec<Effect> {
        self.reader.take().map(|reader| Effect::CloseTranscript(reader.ticket)).into_iter().collect()
    }

    fn open(&mut self, key: &SessionKey, tickets: &mut Tickets) -> Vec<Effect> {
        let mut effects = self.close();
        let (reader, opening) = Reader::open(tickets.give(), key.clone());
        self.reader = Some(reader);
        effects.extend(opening);
        effects
    }
}
