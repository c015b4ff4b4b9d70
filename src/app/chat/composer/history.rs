//! History of the composer: the draft, cleared texts, and the prompts of the conversation. No text that was typed is lost
//! by moving through it.

use super::text::ComposerText;

/// Maximum number of cleared texts, because older ones are in the way.
const MAX_CLEARED: usize = 20;

/// History of the composer.
#[derive(Debug, Default)]
pub struct PromptHistory {
    /// Cleared texts, newest first.
    cleared: Vec<ClearedText>,
    /// Entries of the history while it is shown, newest first.
    entries: Vec<ComposerText>,
    /// Index of the shown entry, and the draft.
    shown: Option<(usize, ComposerText)>,
}

/// Text that was cleared.
#[derive(Debug)]
struct ClearedText {
    text: ComposerText,
    /// Number of prompts that were sent since, by which it is placed among them.
    sent_since: usize,
}

impl PromptHistory {
    /// Adds a text as the newest entry.
    pub fn keep(&mut self, text: ComposerText) {
        if text.is_empty() || self.cleared.first().is_some_and(|cleared| cleared.text == text) {
            return;
        }
        self.cleared.insert(0, ClearedText { text, sent_since: 0 });
        self.cleared.truncate(MAX_CLEARED);
    }

    /// Removes the newest cleared text.
    pub fn take_cleared(&mut self) -> Option<ComposerText> {
        (!self.cleared.is_empty()).then(|| self.cleared.remove(0).text)
    }

    /// Records that a prompt was sent, and keeps the draft behind it.
    pub fn sent(&mut self) {
        self.cleared.iter_mut().for_each(|cleared| cleared.sent_since += 1);
        self.edited();
    }

    /// Ends the history: its shown entry is the text from now on, and the draft becomes the newest entry.
    pub fn edited(&mut self) {
        if let Some((_, draft)) = self.shown.take() {
            self.keep(draft);
        }
    }

    /// Ends the history and returns the draft, if an entry is shown.
    pub fn take_draft(&mut self) -> Option<ComposerText> {
        self.shown.take().map(|(_, draft)| draft)
    }

    /// Returns the draft while an entry is shown.
    pub fn draft(&self) -> Option<&ComposerText> {
        self.shown.as_ref().map(|(_, draft)| draft)
    }

    /// Replaces the text by the next older entry. `prompts` are those of the conversation, newest first. Returns false if
    /// there is none.
    pub fn older(&mut self, text: &mut ComposerText, prompts: impl FnOnce() -> Vec<String>) -> bool {
        if self.shown.is_none() {
            self.entries = self.merged(prompts());
        }
        let next = self.shown.as_ref().map_or(0, |(at, _)| at + 1);
        let Some(older) = self.entries.get(next) else { return false };
        let before = std::mem::replace(text, older.clone());
        let draft = self.take_draft().unwrap_or(before);
        self.shown = Some((next, draft));
        true
    }

    /// Replaces the text by the next newer entry, and finally by the draft. Returns false if no entry is shown.
    pub fn newer(&mut self, text: &mut ComposerText) -> bool {
        let Some((at, draft)) = self.shown.take() else { return false };
        match at.checked_sub(1) {
            Some(newer) => {
                *text = self.entries[newer].clone();
                self.shown = Some((newer, draft));
            }
            None => *text = draft,
        }
        true
    }

    /// Merges prompts and cleared texts, newest first.
    fn merged(&self, mut prompts: Vec<String>) -> Vec<ComposerText> {
        prompts.dedup();
        let mut entries: Vec<_> = prompts.iter().map(|prompt| ComposerText::new(prompt)).collect();
        // From the oldest on, so that newer ones are placed before them.
        for cleared in self.cleared.iter().rev() {
            entries.insert(cleared.sent_since.min(entries.len()), cleared.text.clone());
        }
        entries
    }
}
