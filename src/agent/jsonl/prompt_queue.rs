//! Prompts that wait in an agent's queue while it works, as a transcript records them.
//!
//! A prompt that is sent after the turn is a record of its own. One that is sent within the turn may be in the queue's
//! records only. Such a prompt becomes an entry where it leaves the queue. One that is taken back becomes none.

use serde::{Deserialize, Serialize};

use super::{EntryMark, LineMetadata, QueueStep, RecordLink};

/// Maximum prompts kept in a queue, because a damaged file may add any number.
const MAX_WAITING: usize = 256;

/// Queue of prompts, each with what its line yields.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PromptQueue<T> {
    waiting: Vec<Waiting<T>>,
    /// Delivered prompts whose own records have not followed yet.
    delivered: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting<T> {
    text: u64,
    is_prompt: bool,
    is_stated: bool,
    line: T,
}

impl<T> PromptQueue<T> {
    /// True if no prompt waits, and none was delivered whose record has not followed.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.delivered == 0
    }

    /// Applies a line, and returns what the prompt yields that it inserts. `line` creates it for an added prompt.
    pub(super) fn apply(&mut self, metadata: &LineMetadata<'_>, line: impl FnOnce(&[EntryMark]) -> T) -> Option<T> {
        let Some(step) = metadata.rare.as_ref().and_then(|rare| rare.queue.as_ref()) else {
            self.prompt_follows(metadata);
            return None;
        };
        match step {
            QueueStep::Added { text, marks } if self.waiting.len() < MAX_WAITING => {
                let (is_prompt, line) = (!marks.is_empty(), line(marks));
                self.waiting.push(Waiting { text: *text, is_prompt, is_stated: false, line });
            }
            QueueStep::Added { .. } => {}
            QueueStep::Stated(text) => {
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.text == *text) {
                    waiting.is_stated = true;
                }
            }
            QueueStep::Delivered => {
                self.delivered += 1;
                self.take_first();
            }
            QueueStep::Inserted => {
                let stated = self.waiting.iter().position(|waiting| waiting.is_stated);
                let Some(at) = stated else {
                    return self.take_first().filter(|first| first.is_prompt).map(|first| first.line);
                };
                self.waiting.remove(at);
            }
            QueueStep::Removed(Some(text)) => {
                if let Some(at) = self.waiting.iter().position(|waiting| waiting.text == *text) {
                    self.waiting.remove(at);
                }
            }
            QueueStep::Removed(None) => _ = self.take_first(),
            QueueStep::Cleared => self.waiting.retain(|waiting| !waiting.is_prompt),
        }
        None
    }

    /// Empties the queue at a prompt that was not in it: the agent was idle, or has been started again.
    fn prompt_follows(&mut self, metadata: &LineMetadata<'_>) {
        if metadata.turns == 0 || !matches!(metadata.link, RecordLink::Node { .. }) {
            return;
        }
        match self.delivered.checked_sub(1) {
            Some(others) => self.delivered = others,
            None => self.waiting.clear(),
        }
    }

    /// Takes the first prompt; prompts of the user come before other messages.
    fn take_first(&mut self) -> Option<Waiting<T>> {
        let at = self.waiting.iter().position(|waiting| waiting.is_prompt).unwrap_or(0);
        (at < self.waiting.len()).then(|| self.waiting.remove(at))
    }
}
