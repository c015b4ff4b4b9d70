//! Form for the note of a session: a text of any number of lines.

mod keys;

use super::chat::composer::ComposerText;
use super::sessions::Sessions;
use crate::domain::SessionKey;

/// The form.
#[derive(Clone, Debug)]
pub struct NoteForm {
    /// Session of the note.
    pub key: SessionKey,
    /// The text.
    pub text: ComposerText,
    /// Error of the last attempt to save.
    pub error: Option<String>,
}

impl NoteForm {
    /// Creates a form that shows the current note.
    pub fn new(key: SessionKey, sessions: &Sessions) -> Self {
        let note = sessions.catalog.get(&key).and_then(|session| session.note()).unwrap_or_default();
        Self { text: ComposerText::new(note), key, error: None }
    }
}
