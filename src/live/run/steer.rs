//! Steering: prompts of the queue that join the open turn.

use super::{Run, lifecycle::ConnectionState};
use crate::agent::protocol::ProtocolCommand;
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::{PromptId, PromptState};
use crate::domain::run::Phase;

impl Run {
    /// Sends the next prompt that is to join the open turn, once the prompt before it is in the agent's record. Without an
    /// open turn, such prompts are delivered like any other.
    pub(super) async fn steer_next(&mut self) {
        if !matches!(self.info.phase, Phase::Working { .. } | Phase::Starting) {
            self.steering.clear();
        }
        let is_free = self.turn.is_acknowledged() && !self.is_delivering() && self.unsaved.is_empty();
        let is_open = matches!((&self.connection, &self.info.phase), (ConnectionState::Up(_), Phase::Working { .. }));
        if !(is_free && is_open && self.info.stopping.is_none()) {
            return;
        }
        let Some(id) = self.steering.pop_front() else { return };
        let prompt = match self.store.claim_one(id).await {
            Ok(Some(prompt)) => prompt,
            // Cancelled, or delivered meanwhile.
            Ok(None) => return,
            Err(failure) => return self.store_failed(&format!("The prompt is not sent yet: {failure}")),
        };
        self.queue_changed = true;
        let images = self.load_images(&prompt.text).await;
        self.delivery.steered(prompt.id);
        let command = ProtocolCommand::Steer { id: prompt.id, text: prompt.text.clone(), images };
        self.send_prompt(prompt, command).await;
    }

    /// Returns a prompt to the queue that could not join the turn.
    pub(super) async fn steer_refused(&mut self, id: PromptId, reason: &str) {
        if self.turn.take_sending_if(id).is_none() {
            return;
        }
        self.set_prompt_state(id, PromptState::Pending, None).await;
        self.notice(&format!("The prompt waits for the end of the turn: {reason}"), NoticeLevel::Info);
    }
}
