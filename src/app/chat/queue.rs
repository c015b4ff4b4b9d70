//! The prompts that wait to be sent, and the keys that change them.

use super::{Chat, Focus};
use crate::config::key::{Key, KeyCode};
use crate::domain::prompt::{Prompt, PromptId, PromptState};

/// What a key wants of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing.
    Nothing,
    /// Another one is selected.
    Move {
        /// The one below.
        down: bool,
    },
    /// Change its text.
    Edit(PromptId),
    /// Before the one before it.
    Up(PromptId),
    /// Take it back.
    Cancel(PromptId),
    /// Let it be sent.
    Release(PromptId),
    /// It is not the queue's.
    Else,
}

impl Chat {
    pub(super) fn key_in_queue(&mut self, key: Key, id: PromptId) -> Wanted {
        let lifted = key.alt || key.shift || key.ctrl;
        match key.code {
            KeyCode::Up if lifted => Wanted::Up(id),
            KeyCode::Char('K') => Wanted::Up(id),
            KeyCode::Up | KeyCode::Char('k') if !lifted => Wanted::Move { down: false },
            KeyCode::Down | KeyCode::Char('j') if !lifted => Wanted::Move { down: true },
            KeyCode::Enter | KeyCode::Char('e') if !lifted => Wanted::Edit(id),
            KeyCode::Char('x' | 'd') | KeyCode::Delete | KeyCode::Backspace if !lifted => Wanted::Cancel(id),
            KeyCode::Char('r') if !lifted => Wanted::Release(id),
            _ if key.typed().is_some() => Wanted::Nothing,
            _ => Wanted::Else,
        }
    }

    /// Selects the next or the previous one; behind the last one is the composer.
    pub(super) fn step_in_queue(&mut self, queue: &[Prompt], down: bool) {
        let Focus::Queue(id) = self.focus else { return };
        let at = queue.iter().position(|prompt| prompt.id == id).unwrap_or(0);
        let next = if down { queue.get(at + 1) } else { at.checked_sub(1).and_then(|at| queue.get(at)) };
        match next {
            Some(prompt) => self.focus = Focus::Queue(prompt.id),
            None if down => self.focus = Focus::Composer,
            None => {}
        }
    }

    /// The queue is another one: what was selected or is being changed may be gone.
    pub(in crate::app) fn queue_changed(&mut self, queue: &[Prompt]) {
        let there = |id: PromptId| queue.iter().any(|prompt| prompt.id == id);
        if let Focus::Queue(id) = self.focus
            && !there(id)
        {
            self.focus = queue.last().map_or(Focus::Composer, |prompt| Focus::Queue(prompt.id));
        }
        if let Some((id, _)) = self.composer.editing
            && !there(id)
        {
            // It was sent in the meantime: what was changed is a prompt of its own now, and nothing is lost.
            let changed = self.composer.text.whole();
            self.composer.end_edit();
            self.composer.put_back(&changed);
        }
    }
}

/// What a prompt waits for and which key of the queue helps, in words; nothing where it only waits for its turn.
pub fn waits_for(prompt: &Prompt) -> Option<String> {
    let because = prompt.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match prompt.state {
        PromptState::Pending => None,
        PromptState::Sending => Some("being sent".to_owned()),
        PromptState::Held => Some(format!("held (r sends it){because}")),
        PromptState::Failed => Some(format!("failed (r tries again){because}")),
        PromptState::Delivered | PromptState::Cancelled => Some(prompt.state.name().to_owned()),
    }
}
