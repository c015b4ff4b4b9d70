//! The preview of a selected session. It opens at once after a pause, else when the selection stops moving: a held key
//! opens nothing until it is released.

use super::effect::Effect;
use super::reader::Reader;
use super::runs::is_open;
use super::ticket::{DebounceTicket, RequestTicket, Tickets};
use crate::domain::SessionKey;
use crate::domain::run::{RunId, RunInfo, TurnNumber};
use crate::domain::run_event::{Replay, RingCursor};

/// Debounce delay of the preview in ms, because a held key moves the selection faster.
const DEBOUNCE_MS: u32 = 80;

/// The preview's transcript.
#[derive(Debug, Default)]
pub struct Preview {
    reader: Option<Reader>,
    /// The pending debounce; only the newest counts.
    debounce: Option<DebounceTicket>,
    /// The run whose events are shown.
    watched: Option<WatchedRun>,
}

/// Run whose events are shown in a preview.
#[derive(Debug)]
struct WatchedRun {
    run: RunId,
    /// The transcript that shows the events.
    reader: RequestTicket,
    /// Position up to which the events were applied.
    cursor: RingCursor,
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

    /// Returns true if a debounce delay is the newest one.
    pub fn awaits(&self, ticket: DebounceTicket) -> bool {
        self.debounce == Some(ticket)
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

    /// Returns the run whose events are shown.
    pub fn watched_run(&self) -> Option<&RunId> {
        self.watched.as_ref().map(|watched| &watched.run)
    }

    /// Leaves the events of the run to another viewer.
    pub fn release_run(&mut self) {
        self.watched = None;
    }

    /// Watches the run of the shown session while a turn is open, and stops watching another one. A watched run is not
    /// evicted, so that an idle one is not watched.
    pub fn watch(&mut self, run: Option<&RunInfo>) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let (Some(info), Some(reader)) = (run, self.reader.as_mut()) {
            let ended = if is_open(&info.phase) { TurnNumber(info.turn.0.saturating_sub(1)) } else { info.turn };
            effects.extend(reader.end_turns(ended));
        }
        let of_reader = |reader: &Reader| reader.is_stored().then_some(reader.ticket);
        let wanted = run.filter(|info| is_open(&info.phase)).zip(self.reader.as_ref().and_then(of_reader));
        let is_same = |watched: &WatchedRun| {
            wanted.is_some_and(|(info, ticket)| watched.run == info.id && watched.reader == ticket)
        };
        if self.watched.as_ref().is_some_and(is_same) {
            return effects;
        }
        effects.extend(self.watched.take().map(|watched| Effect::UnwatchRun(watched.run)));
        if let Some((info, reader)) = wanted {
            let cursor = RingCursor::default();
            effects.push(Effect::WatchRun(info.id.clone(), cursor));
            self.watched = Some(WatchedRun { run: info.id.clone(), reader, cursor });
        }
        effects
    }

    /// Applies events of the watched run.
    pub fn apply_events(&mut self, run: &RunId, replay: Replay) -> Vec<Effect> {
        let (Some(reader), Some(watched)) = (&mut self.reader, &mut self.watched) else { return Vec::new() };
        if watched.run != *run || watched.reader != reader.ticket {
            return Vec::new();
        }
        if watched.cursor != RingCursor::default() && watched.cursor.epoch != replay.cursor.epoch {
            reader.clear_live();
        }
        watched.cursor = replay.cursor;
        reader.apply_events(replay.missed, replay.events.into_iter().map(|item| item.value))
    }

    fn open(&mut self, key: &SessionKey, tickets: &mut Tickets) -> Vec<Effect> {
        let mut effects = self.close();
        let (reader, open_effects) = Reader::open(tickets.issue(), key.clone());
        self.reader = Some(reader);
        effects.extend(open_effects);
        effects
    }
}
