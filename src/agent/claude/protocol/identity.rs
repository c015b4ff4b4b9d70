//! The id of the session that the process works on. A resumable id is never replaced by one that merely appears in
//! the stream: some versions tag each run with an id that has no transcript.

use std::sync::Arc;

use crate::agent::protocol::Conversation;

/// The session's id, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct SessionIdentity {
    known: Option<Arc<str>>,
    /// The session that a fork copies; the copy has a different id.
    source: Option<Arc<str>>,
    /// True if the known id was reported.
    is_reported: bool,
}

impl SessionIdentity {
    /// Takes the id from the start of the conversation.
    pub(super) fn new(conversation: Conversation) -> Self {
        match conversation {
            // The requested id counts only once the agent reports it, because early versions ignore it.
            Conversation::New { .. } => Self::default(),
            Conversation::Resume(id) => Self { known: Some(id), ..Self::default() },
            Conversation::Fork(id) => Self { source: Some(id), ..Self::default() },
        }
    }

    /// Records an id from the stream. Returns the id to report, once.
    pub(super) fn observe(&mut self, id: &str) -> Option<Arc<str>> {
        if self.known.is_none() && self.source.as_deref() != Some(id) {
            self.known = Some(id.into());
        }
        let known = self.known.clone().filter(|_| !self.is_reported)?;
        self.is_reported = true;
        Some(known)
    }

    /// Records that the conversation was cleared: the next records belong to a new session.
    pub(super) fn reset(&mut self) {
        self.source = self.known.take().or(self.source.take());
        self.is_reported = false;
    }
}
