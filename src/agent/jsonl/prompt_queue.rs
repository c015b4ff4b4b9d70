//! Prompts that wait in an agent's queue while it works, as a transcript records them.
//!
//! A prompt that is sent after the turn is a record of its own. One that is sent within the turn may be in the queue's
//! records only. Such a prompt becomes an entry where it leaves the queue. One that is taken back becomes none. One that
//! no other record contains, because the agent ended before it was sent, is shown after everything else.

use serde::{Deserialize, Serialize};

use super::{EntryMark, JsonStr, LineMetadata, QueueStep, RecordLink};

/// Maximum prompts kept in a queue, because a damaged file may add any number.
const MAX_WAITING: usize = 256;

/// Queue of prompts, each with what its line yields.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PromptQueue<T> {
    waiting: Vec<QueuedPrompt<T>>,
    /// Prompts that left the queue, and are in no other record so far.
    left: Vec<QueuedPrompt<T>>,
    /// Delivered prompts whose own records have not followed yet.
    delivered: u32,
    /// Prompts that were sent within the turn, until the next entry shows that no record beside the removal has them.
    #[serde(default = "Vec::new")]
    absorbed: Vec<QueuedPrompt<T>>,
    /// Records with prompts that are not known here, since the last entry: they have another form of one.
    #[serde(default)]
    unknown: u32,
}

impl<T> Default for PromptQueue<T> {
    fn default() -> Self {
        Self { waiting: Vec::new(), left: Vec::new(), delivered: 0, absorbed: Vec::new(), unknown: 0 }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a prompt")]
struct QueuedPrompt<T> {
    text: u64,
    is_prompt: bool,
    is_command: bool,
    /// True if another record contains it.
    is_stated: bool,
    /// True if it left the queue for a record of its own.
    is_delivered: bool,
    line: T,
}

impl<T> PromptQueue<T> {
    /// True if there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.left.is_empty() && self.delivered == 0 && self.absorbed.is_empty()
    }

    /// Prompts that are in no other record, each as what its line yields; with true for one that was sent.
    pub(super) fn unsent(&self) -> impl Iterator<Item = (&T, bool)> {
        let all = self.left.iter().chain(&self.waiting).filter(|queued| queued.is_prompt && !queued.is_stated);
        let absorbed = self.absorbed.iter().map(|queued| (&queued.line, true));
        absorbed.chain(all.map(|queued| (&queued.line, false)))
    }

    /// Applies a line, and returns what the prompt yields that it inserts. `line` creates it for an added prompt.
    pub(super) fn apply(&mut self, metadata: &LineMetadata<'_>, line: impl FnOnce(&[EntryMark]) -> T) -> Option<T> {
        let Some(step) = metadata.rare.as_ref().and_then(|rare| rare.queue.as_ref()) else {
            self.prompt_follows(metadata);
            return self.take_absorbed(metadata);
        };
        match step {
            QueueStep::Added { text, marks, is_command } if self.waiting.len() < MAX_WAITING => {
                let (text, is_prompt, is_command) = (*text, !marks.is_empty(), *is_command);
                let line = line(marks);
                self.waiting.push(QueuedPrompt {
                    text,
                    is_prompt,
                    is_command,
                    is_stated: false,
                    is_delivered: false,
                    line,
                });
            }
            QueueStep::Added { .. } => {}
            QueueStep::Stated(text) => self.state(*text),
            QueueStep::Absorbed { text, marks } => {
                let stated = self.waiting.iter().position(|waiting| waiting.is_stated);
                let own = |line| QueuedPrompt {
                    text: text.unwrap_or_default(),
                    is_prompt: !marks.is_empty(),
                    is_command: false,
                    is_stated: false,
                    is_delivered: false,
                    line,
                };
                let prompt = match (text, stated) {
                    (Some(text), _) => self.take(*text).unwrap_or_else(|| own(line(marks))),
                    (None, Some(at)) => self.waiting.remove(at),
                    (None, None) => self.take_first()?,
                };
                self.absorb(prompt);
            }
            QueueStep::Delivered => {
                self.delivered += 1;
                let first = self.take_first().filter(|first| !first.is_command);
                self.leave(first.map(|first| QueuedPrompt { is_delivered: true, ..first }));
            }
            QueueStep::Inserted => {
                let stated = self.waiting.iter().position(|waiting| waiting.is_stated);
                let Some(at) = stated else {
                    return self.take_first().filter(|first| first.is_prompt).map(|first| first.line);
                };
                self.waiting.remove(at);
            }
            QueueStep::Removed(Some(text)) => {
                if self.take(*text).is_none() {
                    self.remove_left(*text);
                }
            }
            QueueStep::Removed(None) => _ = self.take_first(),
            QueueStep::Dropped => {
                let first = self.take_first();
                self.leave(first);
            }
            QueueStep::Cleared => self.waiting.retain(|waiting| !waiting.is_prompt),
        }
        None
    }

    /// Notes that a record has the text of a prompt.
    fn state(&mut self, text: u64) {
        let is_left = self.remove_left(text);
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.text == text) {
            waiting.is_stated = true;
        } else if !is_left {
            // The record may have another form of the prompt, such as one with a pasted text.
            match self.absorbed.iter().position(|absorbed| absorbed.text == text) {
                Some(at) => _ = self.absorbed.remove(at),
                None if self.absorbed.is_empty() => self.unknown += 1,
                None => _ = self.absorbed.remove(0),
            }
        }
    }

    /// Keeps a prompt that was sent within the turn, unless a record before its removal has it.
    fn absorb(&mut self, prompt: QueuedPrompt<T>) {
        if !prompt.is_prompt || prompt.is_stated {
            return;
        }
        match self.unknown.checked_sub(1) {
            Some(others) => self.unknown = others,
            None if self.absorbed.len() < MAX_WAITING => self.absorbed.push(prompt),
            None => {}
        }
    }

    /// Takes a prompt that was sent before an entry, and that no record beside its removal has.
    fn take_absorbed(&mut self, metadata: &LineMetadata<'_>) -> Option<T> {
        if metadata.marks.is_empty() && metadata.results.is_empty() {
            return None;
        }
        self.unknown = 0;
        (!self.absorbed.is_empty()).then(|| self.absorbed.remove(0).line)
    }

    /// Empties the queue at a prompt that was not in it: the agent was idle, or has been started again.
    fn prompt_follows(&mut self, metadata: &LineMetadata<'_>) {
        if metadata.turns == 0 || !matches!(metadata.link, RecordLink::Node { .. }) {
            return;
        }
        let text = metadata.prompt.map(JsonStr::hash);
        let is_absorbed = |absorbed: &QueuedPrompt<T>| Some(absorbed.text) == text;
        if let Some(at) = self.absorbed.iter().position(is_absorbed) {
            self.absorbed.remove(at);
            return;
        }
        let is_known = text.is_some_and(|text| self.remove_left(text) || self.take(text).is_some());
        if let Some(others) = self.delivered.checked_sub(1) {
            self.delivered = others;
            if !is_known {
                // Its record may have several prompts, or another form of one.
                self.left.retain(|left| !left.is_delivered);
            }
        } else {
            let waiting = std::mem::take(&mut self.waiting);
            waiting.into_iter().for_each(|waiting| self.leave(Some(waiting)));
        }
    }

    /// Keeps a prompt that left the queue, unless another record contains it.
    fn leave(&mut self, prompt: Option<QueuedPrompt<T>>) {
        let prompt = prompt.filter(|prompt| prompt.is_prompt && !prompt.is_stated && self.left.len() < MAX_WAITING);
        self.left.extend(prompt);
    }

    /// Removes a prompt that left the queue, because another record contains it; false if there is none.
    fn remove_left(&mut self, text: u64) -> bool {
        let found = self.left.iter().position(|left| left.text == text);
        found.map(|at| self.left.remove(at)).is_some()
    }

    fn take(&mut self, text: u64) -> Option<QueuedPrompt<T>> {
        let at = self.waiting.iter().position(|waiting| waiting.text == text)?;
        Some(self.waiting.remove(at))
    }

    /// Takes the first prompt; prompts of the user come before other messages.
    fn take_first(&mut self) -> Option<QueuedPrompt<T>> {
        let at = self.waiting.iter().position(|waiting| waiting.is_prompt).unwrap_or(0);
        (at < self.waiting.len()).then(|| self.waiting.remove(at))
    }
}
