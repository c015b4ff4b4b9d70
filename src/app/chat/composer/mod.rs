//! The composer: text, prompt history and completion.

pub mod complete;
pub mod rows;
pub mod text;

pub use complete::{CompletionKind, ComposerCompletion};
pub use text::ComposerText;

use crate::domain::prompt::PromptId;

/// The composer.
#[derive(Debug, Default)]
pub struct Composer {
    /// The text.
    pub text: ComposerText,
    /// Open completion list.
    pub completion: Option<ComposerCompletion>,
    /// The queued prompt that is being edited, and the draft before that.
    pub editing: Option<(PromptId, ComposerText)>,
    /// Width of the last frame in columns.
    pub width: usize,
    /// The last cleared text, which can be restored.
    cleared: Option<ComposerText>,
    /// Index in the earlier prompts, and the draft before that.
    history: Option<(usize, ComposerText)>,
    /// Earlier prompts, newest first; collected on first use.
    earlier: Vec<String>,
}

impl Composer {
    /// Returns true if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes the text to send it.
    pub fn take_text(&mut self) -> String {
        let whole = self.text.whole();
        self.leave_history();
        (self.text, self.cleared, self.completion) = (ComposerText::default(), None, None);
        whole
    }

    /// Clears the text; moving up restores it.
    pub fn clear(&mut self) {
        if !self.text.is_empty() {
            self.cleared = Some(std::mem::take(&mut self.text));
        }
        self.completion = None;
        self.leave_history();
    }

    /// Puts a refused text back before the current text.
    pub fn put_back(&mut self, text: &str) {
        let since = self.text.whole();
        let both = if since.is_empty() { text.to_owned() } else { format!("{text}\n{since}") };
        self.text = ComposerText::new(&both);
        self.leave_history();
    }

    /// Replaces the text.
    pub fn set(&mut self, text: &str) {
        self.text = ComposerText::new(text);
        self.completion = None;
        self.leave_history();
    }

    /// Starts editing a queued prompt.
    pub fn edit(&mut self, id: PromptId, text: &str) {
        let before = match self.editing.take() {
            Some((_, before)) => before,
            None => std::mem::take(&mut self.text),
        };
        self.set(text);
        self.editing = Some((id, before));
    }

    /// Stops editing a queued prompt, restores the draft, and returns the prompt's id.
    pub fn end_edit(&mut self) -> Option<PromptId> {
        let (id, before) = self.editing.take()?;
        self.text = before;
        self.leave_history();
        Some(id)
    }

    /// Leaves the history after an edit.
    pub fn changed(&mut self) {
        self.leave_history();
    }

    /// Shows the next older prompt. `prompts` are those of the conversation, newest first. Returns false if there is
    /// none.
    pub fn older(&mut self, prompts: impl FnOnce() -> Vec<String>) -> bool {
        if self.text.is_empty()
            && let Some(cleared) = self.cleared.take()
        {
            self.text = cleared;
            return true;
        }
        if self.history.is_none() {
            self.earlier = prompts();
            self.earlier.dedup();
        }
        let next = self.history.as_ref().map_or(0, |(at, _)| at + 1);
        let Some(older) = self.earlier.get(next) else { return false };
        let now = ComposerText::new(older);
        let replaced = std::mem::replace(&mut self.text, now);
        self.history = Some((next, self.history.take().map_or(replaced, |(_, first)| first)));
        true
    }

    /// Shows the next newer prompt, and finally the draft. Returns false outside the history.
    pub fn newer(&mut self) -> bool {
        let Some((at, draft)) = self.history.take() else { return false };
        match at.checked_sub(1) {
            Some(newer) => {
                self.text = ComposerText::new(&self.earlier[newer]);
                self.history = Some((newer, draft));
            }
            None => self.text = draft,
        }
        true
    }

    /// Returns true if a cleared text can be restored.
    pub fn has_cleared(&self) -> bool {
        self.cleared.is_some()
    }

    fn leave_history(&mut self) {
        self.history = None;
    }
}
