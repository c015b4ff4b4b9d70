//! State of the open turn.
//!
//! A turn may have several ids: the response to its start contains one, the notification of its start sometimes
//! another.

use std::sync::Arc;

use crate::domain::run::TurnOutcome;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Closed,
    Open,
    /// Open, and its start was reported.
    Announced,
}

/// The open turn, if any.
#[derive(Debug, Default)]
pub(super) struct CodexTurn {
    stage: Stage,
    /// True while the start request has no response.
    start_pending: bool,
    ids: Vec<Arc<str>>,
    /// End of a turn that arrived before the response with the turn's id.
    early_end: Option<(Arc<str>, TurnOutcome)>,
    /// True if the user interrupted the turn before its id was known.
    pub interrupt: bool,
    /// Id of the last turn that ended.
    last_ended: Option<Arc<str>>,
}

impl CodexTurn {
    /// Records a start request. A prompt sent while a turn is open joins that turn.
    pub(super) fn request_start(&mut self) {
        self.start_pending = true;
        self.open();
    }

    /// Records the response with the turn's id. Returns the outcome if the turn's end arrived before it.
    pub(super) fn confirm_start(&mut self, id: Option<&str>) -> Option<TurnOutcome> {
        self.start_pending = false;
        let id = id?;
        self.add_id(id);
        self.early_end.take_if(|(early_end, _)| **early_end == *id).map(|(_, outcome)| outcome)
    }

    /// Records the notification of a start; `false` if that turn has ended already.
    pub(super) fn begin(&mut self, id: &str) -> bool {
        if self.last_ended.as_deref() == Some(id) {
            return false;
        }
        self.open();
        self.add_id(id);
        true
    }

    /// Marks the start as reported; returns true if it was not reported before.
    pub(super) fn announce(&mut self) -> bool {
        let is_new = self.stage == Stage::Open;
        if is_new {
            self.stage = Stage::Announced;
        }
        is_new
    }

    /// Returns true if the end is that of the open turn.
    pub(super) fn matches_end(&mut self, id: &str, outcome: &TurnOutcome) -> bool {
        if !self.is_open() {
            return false;
        }
        let is_ours = self.ids.iter().any(|known| **known == *id);
        if !is_ours && self.start_pending && self.last_ended.as_deref() != Some(id) {
            self.early_end = Some((id.into(), outcome.clone()));
        }
        is_ours
    }

    pub(super) fn close(&mut self) {
        let last_ended = self.ids.first().cloned().or(self.last_ended.take());
        *self = Self { last_ended, ..Self::default() };
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage != Stage::Closed
    }

    /// Id under which the agent ends the turn.
    pub(super) fn id(&self) -> Option<&Arc<str>> {
        self.ids.first()
    }

    fn open(&mut self) {
        if self.stage == Stage::Closed {
            self.stage = Stage::Open;
        }
    }

    fn add_id(&mut self, id: &str) {
        if self.is_open() && !self.ids.iter().any(|known| **known == *id) {
            self.ids.push(id.into());
        }
    }
}
