//! Which session the process works on. An id that is known to be resumable is never given up for one that merely
//! appears in the stream: some versions tag each run with an id that has no transcript.

use std::sync::Arc;

use crate::agent::protocol::Conversation;

/// What is known of the session's id.
#[derive(Debug, Default)]
pub struct Identity {
    known: Option<Arc<str>>,
    /// The session that is copied; the copy's id is another one.
    source: Option<Arc<str>>,
    /// The known id was told to the run.
    told: bool,
}

impl Identity {
    /// What the opening says of it.
    pub fn new(conversation: Conversation) -> Self {
        match conversation {
            // The one that was chosen counts only once the agent took it: an older version may not have.
            Conversation::New { .. } => Self::default(),
            Conversation::Resume(id) => Self { known: Some(id), ..Self::default() },
            Conversation::Fork(id) => Self { source: Some(id), ..Self::default() },
        }
    }

    /// The agent said which session it is at; the id to tell, if that is news.
    pub fn heard(&mut self, id: &str) -> Option<Arc<str>> {
        if self.known.is_none() && self.source.as_deref() != Some(id) {
            self.known = Some(id.into());
        }
        let known = self.known.clone().filter(|_| !self.told)?;
        self.told = true;
        Some(known)
    }

    /// The conversation was cleared: what comes is a session of its own.
    pub fn reset(&mut self) {
        self.source = self.known.take().or(self.source.take());
        self.told = false;
    }
}
