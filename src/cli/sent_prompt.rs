//! Prompt of a turn without a terminal: its way through the queue to the agent.

use std::sync::Arc;

use super::error::CliError;
use super::state;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::TurnNumber;
use crate::live::store_handle::DELIVERY_UNCERTAIN;
use crate::store::Store;

/// Prompt that was accepted into the queue of a run, of this process or of a server.
pub(super) struct SentPrompt {
    store: Arc<Store>,
    id: PromptId,
    text: String,
    /// Turn that the prompt began, once its agent reported it.
    turn: Option<TurnNumber>,
}

/// Delivery of a prompt to its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptDelivery {
    /// The agent has the prompt.
    Delivered,
    /// No agent has it, and it is still in the queue.
    Waiting,
    /// No agent has it: it was cancelled by another process.
    Cancelled,
    /// The agent ended before it confirmed the prompt, which is held for the user's decision.
    Uncertain,
}

impl PromptDelivery {
    /// Message about the prompt, once nothing waits for it any more.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Delivered => "the prompt was delivered",
            Self::Waiting => "the prompt was not delivered",
            Self::Cancelled => "the prompt was cancelled before it was delivered",
            Self::Uncertain => "the prompt may not have been delivered: it is held, see `salon queue`",
        }
    }
}

impl SentPrompt {
    /// Creates the record of a prompt that is in the queue.
    pub(super) fn new(store: Arc<Store>, id: PromptId, text: String) -> Self {
        Self { store, id, text, turn: None }
    }

    /// Id of the prompt.
    pub(super) fn id(&self) -> PromptId {
        self.id
    }

    /// Turn that the prompt began, if its agent reported it.
    pub(super) fn turn(&self) -> Option<TurnNumber> {
        self.turn
    }

    /// Records a prompt that began a turn. Returns true if it is this one.
    pub(super) fn begins(&mut self, text: &str, turn: TurnNumber) -> bool {
        let is_this = self.turn.is_none() && self.text.trim() == text.trim();
        if is_this {
            self.turn = Some(turn);
        }
        is_this
    }

    /// Current state. A prompt that is no longer recorded was delivered.
    pub(super) fn state(&self) -> Result<PromptState, CliError> {
        Ok(self.find()?.map_or(PromptState::Delivered, |prompt| prompt.state))
    }

    /// Returns true if no agent has the prompt, and it is not held.
    pub(super) fn is_waiting(&self) -> Result<bool, CliError> {
        Ok(self.state()? == PromptState::Pending)
    }

    /// Delivery of the prompt so far, and the reason why it waits.
    pub(super) fn delivery(&self) -> Result<(PromptDelivery, Option<String>), CliError> {
        let Some(prompt) = self.find()? else { return Ok((PromptDelivery::Delivered, None)) };
        let delivery = match prompt.state {
            PromptState::Held if prompt.reason.as_deref() == Some(DELIVERY_UNCERTAIN) => PromptDelivery::Uncertain,
            PromptState::Pending | PromptState::Held | PromptState::Failed => PromptDelivery::Waiting,
            PromptState::Cancelled => PromptDelivery::Cancelled,
            PromptState::Sending | PromptState::Delivered => PromptDelivery::Delivered,
        };
        Ok((delivery, prompt.reason.filter(|_| delivery == PromptDelivery::Waiting)))
    }

    fn find(&self) -> Result<Option<Prompt>, CliError> {
        state::prompt(&self.store, self.id)
    }
}
