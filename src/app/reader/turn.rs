//! The turn that is read: its prompt stays on the screen while its answer is longer than a screen.

use super::Reader;
use crate::domain::transcript::EntryKind;
use crate::stdx::text;

/// Maximum entries to search for a prompt before the transcript is indexed; the newest entries are not many more.
const MAX_LOOK_BACK: usize = 256;

/// Maximum characters of a prompt's line.
const MAX_LINE: usize = 300;

impl Reader {
    /// Returns the prompt of the turn that contains an entry.
    pub fn turn_prompt(&self, index: usize) -> Option<usize> {
        let is_prompt = |index: &usize| self.entry(*index).is_some_and(|shown| shown.entry.kind == EntryKind::Prompt);
        let live = (self.clip..self.len().min(index.saturating_add(1))).rev().find(is_prompt);
        if live.is_some() {
            return live;
        }
        let last = index.min(self.clip.checked_sub(1)?);
        let Some(opened) = &self.opened else { return (0..=last).rev().take(MAX_LOOK_BACK).find(is_prompt) };
        let at = opened.prompts.partition_point(|at| *at <= last).checked_sub(1)?;
        opened.prompts.get(at).copied()
    }

    /// Returns the beginning of a prompt as one line; `None` if it is not known.
    pub fn prompt_line(&self, prompt: usize) -> Option<String> {
        match self.entry(prompt) {
            Some(shown) => Some(text::one_line(text::first_chars(shown.entry.text.trim_start(), MAX_LINE))),
            // A prompt far above is not loaded.
            None => self.outline.text_of(prompt).map(str::to_owned),
        }
    }
}
