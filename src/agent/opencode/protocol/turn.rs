//! The open turn: how it is known to be this one's doing that something happens, and when it is over.

use crate::domain::prompt::PromptId;
use crate::domain::run::Outcome;

/// A turn, from the prompt to the session's falling idle.
#[derive(Debug, Default)]
pub struct Turn {
    /// The prompt that opened it, until the server has it; none where somebody else prompted.
    pub prompt: Option<PromptId>,
    /// The user's message that opened it, once known.
    pub message: Option<String>,
    /// The server took the prompt.
    pub accepted: bool,
    /// The server told something that belongs to this turn; what it told before may belong to the last.
    pub begun: bool,
    /// An answer to its message was completed.
    pub answered: bool,
    /// The request that carried it was answered, which for a command is its end.
    pub done: bool,
    /// It was interrupted by us.
    pub interrupted: bool,
    /// The interruption waits for the prompt to arrive, for it would stop nothing before that.
    pub abort_waits: bool,
    /// An error was told.
    pub fault: Option<Outcome>,
    /// The context is being condensed.
    pub compacting: bool,
    /// A retry was announced.
    pub retrying: bool,
}

impl Turn {
    /// Opened by a prompt of ours.
    pub fn of_prompt(prompt: PromptId, message: Option<String>) -> Self {
        Self { prompt: Some(prompt), message, ..Self::default() }
    }

    /// Opened by somebody else, with the first thing that is heard of it.
    pub fn of_others() -> Self {
        Self { accepted: true, begun: true, ..Self::default() }
    }

    /// Whether it may be over: something came of it. A prompt that was just taken makes no session busy yet.
    pub fn may_be_over(&self) -> bool {
        self.begun || self.done || self.interrupted || self.fault.is_some()
    }

    /// How it ended, now that it did.
    pub fn outcome(&self) -> Outcome {
        if self.interrupted {
            return Outcome::Interrupted;
        }
        self.fault.clone().unwrap_or(Outcome::Done)
    }

    /// Something happened that can only belong to this turn.
    pub fn begin(&mut self) {
        if !self.begun {
            self.begun = true;
            // An error before that was the last turn's.
            self.fault = None;
        }
    }
}
