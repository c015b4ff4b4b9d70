//! The queue of a chat and its keys.

use super::{Chat, ChatFocus};
use crate::app::runs::RunTable;
use crate::config::key::{Key, KeyCode};
use crate::domain::prompt::{Prompt, PromptId, PromptState};

/// Command of a key in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueCommand {
    /// Ignore the key.
    Nothing,
    /// Select another prompt.
    Move {
        /// True for the prompt below.
        down: bool,
    },
    /// Edit a prompt.
    Edit(PromptId),
    /// Move a prompt up.
    Up(PromptId),
    /// Cancel a prompt.
    Cancel(PromptId),
    /// Release a prompt.
    Release(PromptId),
    /// Restore the prompt that was cancelled last.
    Undo,
    /// Not a key of the queue.
    NotQueue,
}

impl QueueCommand {
    /// Returns the command of a key for the selected prompt.
    pub(super) fn of(key: Key, id: PromptId) -> Self {
        let modified = key.alt || key.shift || key.ctrl;
        match key.code {
            KeyCode::Up if modified => Self::Up(id),
            KeyCode::Char('K') => Self::Up(id),
            KeyCode::Up | KeyCode::Char('k') if !modified => Self::Move { down: false },
            KeyCode::Down | KeyCode::Char('j') if !modified => Self::Move { down: true },
            KeyCode::Enter | KeyCode::Char('e') if !modified => Self::Edit(id),
            KeyCode::Char('x' | 'd') | KeyCode::Delete | KeyCode::Backspace if !modified => Self::Cancel(id),
            KeyCode::Char('r') if !modified => Self::Release(id),
            KeyCode::Char('u') if !modified => Self::Undo,
            _ if key.typed().is_some() => Self::Nothing,
            _ => Self::NotQueue,
        }
    }
}

impl Chat {
    /// Returns the prompts of the queue. One that is being sent, and that the transcript shows already, is not among them.
    pub fn queue<'a>(&self, runs: &'a RunTable) -> Vec<&'a Prompt> {
        let prompts = self.run.as_ref().map_or(&[][..], |run| runs.queue(run)).iter();
        let is_shown = |prompt: &Prompt| self.reader.shows_prompt(&prompt.text, prompt.submitted);
        prompts.filter(|prompt| prompt.state != PromptState::Sending || !is_shown(prompt)).collect()
    }

    /// Selects the next or previous prompt. Below the last one is the composer, above the first one its history.
    pub(super) fn step_in_queue(&mut self, queue: &[&Prompt], down: bool) {
        let ChatFocus::Queue(id) = self.focus else { return };
        let at = queue.iter().position(|prompt| prompt.id == id).unwrap_or(0);
        let next = if down { queue.get(at + 1) } else { at.checked_sub(1).and_then(|at| queue.get(at)) };
        match next {
            Some(prompt) => self.focus = ChatFocus::Queue(prompt.id),
            None if down || self.show_older() => self.focus = ChatFocus::Composer,
            None => {}
        }
    }

    /// Updates selection and editing after the queue changed.
    pub(super) fn queue_changed(&mut self, queue: &[&Prompt]) {
        let there = |id: PromptId| queue.iter().any(|prompt| prompt.id == id);
        if let ChatFocus::Queue(id) = self.focus
            && !there(id)
        {
            self.focus = queue.last().map_or(ChatFocus::Composer, |prompt| ChatFocus::Queue(prompt.id));
        }
        if let Some((id, _)) = self.composer.editing
            && !there(id)
        {
            // The prompt was sent meanwhile: its edited text becomes a draft, so that nothing is lost.
            let changed = self.composer.text.whole();
            self.composer.end_edit();
            self.composer.put_back(&changed);
        }
    }
}

/// Returns a note about a blocked prompt with the key that helps. `None` for a pending prompt.
pub fn waits_for(prompt: &Prompt) -> Option<String> {
    let because = prompt.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match prompt.state {
        PromptState::Pending => None,
        PromptState::Sending => Some("sending".to_owned()),
        PromptState::Held => Some(format!("on hold (r sends it){because}")),
        PromptState::Failed => Some(format!("failed (r retries){because}")),
        PromptState::Delivered | PromptState::Cancelled => Some(prompt.state.name().to_owned()),
    }
}
