//! The preview of a selected session. It opens at once after a pause, else when the selection stops moving: a held key
//! opens nothing until it is released.

use super::effect::Effect;
use super::reader::Reader;
use super::ticket::{DebounceTicket, Tickets};
use crate::domain::SessionKey;

/// Debounce delay of the preview in ms, because a held key moves the selection faster.
const DEBOUNCE_MS: u32 = 80;

/// The preview's transcript.
#[derive(Debug, Default)]
pub struct Preview {
    reader: Option<Reader>,
    /// The pending debounce; only the newest counts.
    debounce: Option<DebounceTicket>,
}

impl Preview {
    /// Returns the transcript if it is the session's.
    pub fn reader(&self, key: &SessionKey) -> Option<&Reader> {
        self.reader.as_ref().filter(|reader| reader.key == *key)
    }

    /// Returns the transcript mutably.
    pub fn reader_mut(&mut self) -> Option<&mut Reader> {
        self.reader.as_mut()
    }

    /// Follows the selection to another session, or to none.
    pub fn follow_selection(&mut self, selected: Option<&SessionKey>, tickets: &mut Tickets) -> Vec<Effect> {
        let Some(key) = selected else { return self.close() };
        if self.reader(key).is_some() {
            return Vec::new();
        }
        let mut effects = if self.debounce.is_none() { self.open(key, tickets) } else { Vec::new() };
        let debounce = tickets.issue_debounce();
        self.debounce = Some(debounce);
        effects.push(Effect::Debounce(debounce, DEBOUNCE_MS));
        effects
    }

    /// Opens the selected session's transcript after the debounce delay.
    pub fn debounce_elapsed(
        &mut self,
        ticket: DebounceTicket,
        selected: Option<&SessionKey>,
        tickets: &mut Tickets,
    ) -> Vec<Effect> {
        if self.debounce != Some(ticket) {
            return Vec::new();
        }
        self.debounce = None;
        match selected {
            Some(key) if self.reader(key).is_none() => self.open(key, tickets),
            _ => Vec::new(),
        }
    }

    /// Hands the transcript over to the whole screen.
    pub fn take_reader(&mut self, key: &SessionKey) -> Option<Reader> {
        self.reader.take_if(|reader| reader.key == *key)
    }

    /// Takes a transcript back from the whole screen.
    pub fn set_reader(&mut self, reader: Reader) -> Vec<Effect> {
        let effects = self.close();
        self.reader = Some(reader);
        effects
    }

    /// Closes the transcript.
    pub fn close(&mut self) -> Vec<Effect> {
        self.reader.take().map(|reader| Effect::CloseTranscript(reader.ticket)).into_iter().collect()
    }

    fn open(&mut self, key: &SessionKey, tickets: &mut Tickets) -> Vec<Effect> {
        let mut effects = self.close();
        let (reader, open_effects) = Reader::open(tickets.issue(), key.clone());
        self.reader = Some(reader);
        effects.extend(open_effects);
        effects
    }
}
