//! The composer: text, history and completion.

pub mod complete;
pub mod history;
pub mod rows;
pub mod text;

pub use complete::{CompletionKind, ComposerCompletion};
use history::PromptHistory;
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
    /// Earlier texts.
    history: PromptHistory,
    /// True if nothing was typed since the text was cleared: moving up restores it.
    cleared: bool,
}

impl Composer {
    /// Returns true if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes the text to send it.
    pub fn take_text(&mut self) -> String {
        let whole = self.text.whole();
        (self.text, self.cleared, self.completion) = (ComposerText::default(), false, None);
        self.history.sent();
        whole
    }

    /// Clears the text; moving up restores it.
    pub fn clear(&mut self) {
        self.completion = None;
        self.history.edited();
        if !self.text.is_empty() {
            self.history.keep(std::mem::take(&mut self.text));
            self.cleared = true;
        }
    }

    /// Keeps a text that was removed elsewhere; [`restore`](Self::restore) brings it back.
    pub fn keep(&mut self, text: &str) {
        self.history.keep(ComposerText::new(text));
        self.cleared = true;
    }

    /// Restores the text that was removed last; a draft becomes the newest entry of the history. Returns false if there is
    /// none.
    pub fn restore(&mut self) -> bool {
        if !std::mem::take(&mut self.cleared) {
            return false;
        }
        let Some(cleared) = self.history.take_cleared() else { return false };
        let draft = self.history.take_draft().unwrap_or_else(|| std::mem::take(&mut self.text));
        self.history.keep(draft);
        self.text = cleared;
        true
    }

    /// Puts a refused text back before the current text.
    pub fn put_back(&mut self, text: &str) {
        let since = self.history.take_draft().unwrap_or_else(|| std::mem::take(&mut self.text)).whole();
        let both = if since.is_empty() { text.to_owned() } else { format!("{text}\n{since}") };
        self.text = ComposerText::new(&both);
    }

    /// Replaces the text.
    pub fn set(&mut self, text: &str) {
        self.history.edited();
        self.text = ComposerText::new(text);
        (self.completion, self.cleared) = (None, false);
    }

    /// Starts editing a queued prompt.
    pub fn edit(&mut self, id: PromptId, text: &str) {
        let now = self.history.take_draft().unwrap_or_else(|| std::mem::take(&mut self.text));
        let before = self.editing.take().map_or(now, |(_, before)| before);
        self.set(text);
        self.editing = Some((id, before));
    }

    /// Stops editing a queued prompt, restores the draft, and returns the prompt's id.
    pub fn end_edit(&mut self) -> Option<PromptId> {
        let (id, before) = self.editing.take()?;
        self.history.take_draft();
        self.text = before;
        Some(id)
    }

    /// Returns the text to save: that before a queued prompt was edited, or before the history was shown.
    pub fn draft(&self) -> &ComposerText {
        let before_edit = self.editing.as_ref().map(|(_, before)| before);
        before_edit.or_else(|| self.history.draft()).unwrap_or(&self.text)
    }

    /// Records an edit of the text, which ends the history.
    pub fn changed(&mut self) {
        self.cleared = false;
        self.history.edited();
    }

    /// Shows the next older text. `prompts` are those of the conversation, newest first. Returns false if there is none.
    pub fn older(&mut self, prompts: impl FnOnce() -> Vec<String>) -> bool {
        self.cleared = false;
        self.history.older(&mut self.text, prompts)
    }

    /// Shows the next newer text, and finally the draft. Returns false outside the history.
    pub fn newer(&mut self) -> bool {
        self.history.newer(&mut self.text)
    }

    /// Returns true if an earlier text is shown.
    pub fn shows_history(&self) -> bool {
        self.history.draft().is_some()
    }

    /// Returns true if nothing was typed since a text was cleared.
    pub fn was_cleared(&self) -> bool {
        self.cleared && self.is_empty()
    }
}
