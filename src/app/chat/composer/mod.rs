//! What the user writes to an agent: the text, what was written before, what can be completed.

pub mod complete;
pub mod rows;
pub mod text;

pub use complete::{Completion, Kind};
pub use text::Text;

use crate::domain::prompt::PromptId;

/// The composer.
#[derive(Debug, Default)]
pub struct Composer {
    /// What is being written.
    pub text: Text,
    /// What can be completed now.
    pub completion: Option<Completion>,
    /// The queued prompt that is being changed, and what was being written before that.
    pub editing: Option<(PromptId, Text)>,
    /// Columns of its rows, as it was drawn last.
    pub width: usize,
    /// What was cleared last: it can be had back.
    cleared: Option<Text>,
    /// Where one is in what was written before, and what was being written.
    history: Option<(usize, Text)>,
    /// What was written before, the newest first; made when it is first asked for.
    before: Vec<String>,
}

impl Composer {
    /// Nothing is written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes the text out, to be sent.
    pub fn take(&mut self) -> String {
        let whole = self.text.whole();
        self.forget_history();
        (self.text, self.cleared, self.completion) = (Text::default(), None, None);
        whole
    }

    /// Clears the text; it can be had back by going up.
    pub fn clear(&mut self) {
        if !self.text.is_empty() {
            self.cleared = Some(std::mem::take(&mut self.text));
        }
        self.completion = None;
        self.forget_history();
    }

    /// Puts text back that was not taken, before what was written since.
    pub fn put_back(&mut self, text: &str) {
        let since = self.text.whole();
        let both = if since.is_empty() { text.to_owned() } else { format!("{text}\n{since}") };
        self.text = Text::new(&both);
        self.forget_history();
    }

    /// Another text.
    pub fn set(&mut self, text: &str) {
        self.text = Text::new(text);
        self.completion = None;
        self.forget_history();
    }

    /// Begins to change a queued prompt.
    pub fn edit(&mut self, id: PromptId, text: &str) {
        let before = match self.editing.take() {
            Some((_, before)) => before,
            None => std::mem::take(&mut self.text),
        };
        self.set(text);
        self.editing = Some((id, before));
    }

    /// Ends the change of a queued prompt, with what was being written before it. Which one it was.
    pub fn end_edit(&mut self) -> Option<PromptId> {
        let (id, before) = self.editing.take()?;
        self.text = before;
        self.forget_history();
        Some(id)
    }

    /// The text was changed by a key: it is no longer the one of the history.
    pub fn changed(&mut self) {
        self.forget_history();
    }

    /// Goes to what was written before. `prompts`: those of the conversation, the newest first. `false`: there is
    /// none.
    pub fn older(&mut self, prompts: impl FnOnce() -> Vec<String>) -> bool {
        if self.text.is_empty()
            && let Some(cleared) = self.cleared.take()
        {
            self.text = cleared;
            return true;
        }
        if self.history.is_none() {
            self.before = prompts();
            self.before.dedup();
        }
        let next = self.history.as_ref().map_or(0, |(at, _)| at + 1);
        let Some(older) = self.before.get(next) else { return false };
        let now = Text::new(older);
        let written = std::mem::replace(&mut self.text, now);
        self.history = Some((next, self.history.take().map_or(written, |(_, first)| first)));
        true
    }

    /// Goes back to what was written after that, and at last to what was being written.
    pub fn newer(&mut self) -> bool {
        let Some((at, written)) = self.history.take() else { return false };
        match at.checked_sub(1) {
            Some(newer) => {
                self.text = Text::new(&self.before[newer]);
                self.history = Some((newer, written));
            }
            None => self.text = written,
        }
        true
    }

    /// Something was cleared that can be had back.
    pub fn has_cleared(&self) -> bool {
        self.cleared.is_some()
    }

    fn forget_history(&mut self) {
        self.history = None;
    }
}
