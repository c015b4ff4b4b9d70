//! State of the open turn: attributes events to it, and detects its end.

use crate::domain::prompt::PromptId;
use crate::domain::run::TurnOutcome;

/// A turn, from the prompt to the idle session.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each from another message")]
pub(super) struct OpenCodeTurn {
    /// Prompt that opened it, until the server has accepted it; `None` for another client's turn.
    pub prompt: Option<PromptId>,
    /// Prompt that opened it, until the server has stored it.
    pub unrecorded: Option<PromptId>,
    /// Id of the user's message that opened it, once known.
    pub message: Option<String>,
    /// True if the server accepted the prompt.
    pub accepted: bool,
    /// True after the first event of this turn; earlier events may belong to the last one.
    pub began: bool,
    /// True if a reply to its message is complete.
    pub answered: bool,
    /// True if its request has a response, which for a command is its end.
    pub done: bool,
    /// True if salon interrupted it.
    pub interrupted: bool,
    /// True if an abort waits for the prompt to arrive, because an abort before that has no effect.
    pub abort_pending: bool,
    /// Outcome of a reported error.
    pub error: Option<TurnOutcome>,
    /// True during a compaction.
    pub compacting: bool,
    /// True after a retry was reported.
    pub retrying: bool,
}

impl OpenCodeTurn {
    /// Turn opened by a prompt of salon.
    pub(super) fn of_prompt(prompt: PromptId, message: Option<String>) -> Self {
        Self { prompt: Some(prompt), unrecorded: Some(prompt), message, ..Self::default() }
    }

    /// Turn opened by another client, at its first event.
    pub(super) fn foreign() -> Self {
        Self { accepted: true, began: true, ..Self::default() }
    }

    /// True if the turn may have ended. A prompt that was only accepted does not make a session busy yet.
    pub(super) fn may_have_ended(&self) -> bool {
        self.began || self.done || self.interrupted || self.error.is_some()
    }

    /// Outcome after the turn's end.
    pub(super) fn outcome(&self) -> TurnOutcome {
        if self.interrupted {
            return TurnOutcome::Interrupted;
        }
        self.error.clone().unwrap_or(TurnOutcome::Done)
    }

    /// Marks the turn as begun, at the first event that can only belong to it.
    pub(super) fn begin(&mut self) {
        if !self.began {
            self.began = true;
            // An earlier error was the last turn's.
            self.error = None;
        }
    }
}
