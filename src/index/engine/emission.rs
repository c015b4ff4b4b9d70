//! Events of the engine: sent as far as they are due and the channel has room; the others stay pending and are merged.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;

use super::super::message::IndexEvent;
use super::Engine;
use crate::domain::Session;

/// Maximum sessions per catalog change, because the interface is busy while it applies one.
const MAX_SESSIONS_PER_CHANGE: usize = 4_000;

impl Engine {
    /// Sends pending events, as far as they are due and the channel has room.
    pub(super) fn emit(&mut self) {
        let now = (self.clock)();
        if let Some(state) = self.emitted.watch.take() {
            self.emitted.watch = self.send(IndexEvent::Watch(state)).err().and_then(|event| match event {
                IndexEvent::Watch(state) => Some(state),
                _ => None,
            });
        }
        if !self.emitted.live && self.emitted.first && self.send(IndexEvent::Live(self.live.clone())).is_ok() {
            self.emitted.live = true;
        }
        if let Some(progress) = self.search_service.indexed.take()
            && self.send(IndexEvent::Indexed(progress)).is_err()
        {
            self.search_service.indexed = Some(progress);
        }
        let progress = Some(self.scanner.progress());
        if !self.emitted.first && !self.scanner.first_screen_done() && !self.scanner.table.changed() {
            // An empty list before the first scan would mean that there are no sessions.
            return;
        }
        if !self.scanner.table.changed() && progress == self.emitted.progress {
            return;
        }
        if self.timers.may_emit(now, &self.scanner, self.emitted.first) {
            self.emit_catalog(now);
        }
    }

    fn emit_catalog(&mut self, now: Instant) {
        let permit = match self.events.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Full(())) => return self.timers.retry_emit(now),
            Err(TrySendError::Closed(())) => {
                self.stopping = true;
                return;
            }
        };
        let mut change = self.scanner.table.take_change(MAX_SESSIONS_PER_CHANGE);
        let has_more = self.scanner.table.changed();
        let progress = self.scanner.progress();
        // The progress is complete only with the last sessions.
        change.progress = (!has_more && self.emitted.progress != Some(progress)).then_some(progress);
        self.emitted.progress = change.progress.or(self.emitted.progress);
        self.emitted.first = true;
        if !change.sessions.is_empty() || !change.removed.is_empty() {
            self.rows_changed = true;
            self.corpus = None;
        }
        // Only a removed source removes texts here; the texts of new sources are reported when they are read.
        if !change.removed.is_empty() {
            self.search_service.changed();
        }
        let sessions: Vec<Arc<Session>> =
            if self.transcripts.is_empty() { Vec::new() } else { change.sessions.clone() };
        permit.send(IndexEvent::Catalog(change));
        self.timers.emitted(now);
        self.client_labels.is_unsent &= has_more;
        if has_more {
            self.timers.retry_emit(now);
        }
        for session in sessions {
            self.transcripts.session_changed(&session);
        }
    }

    /// Sends an event if the channel has room; else returns it for a retry.
    pub(super) fn send(&mut self, event: IndexEvent) -> Result<(), IndexEvent> {
        match self.events.try_send(event) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(event)) => {
                self.timers.retry_emit((self.clock)());
                Err(event)
            }
            Err(TrySendError::Closed(event)) => {
                self.stopping = true;
                Err(event)
            }
        }
    }
}
