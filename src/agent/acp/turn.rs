//! The open turn, and the keys of its entries.

use std::sync::Arc;

use crate::domain::prompt::PromptId;
use crate::domain::{EntryKey, Time};

/// Kind of streamed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// Answer.
    Text,
    /// Reasoning.
    Thinking,
}

/// The open turn.
#[derive(Debug)]
pub(super) struct AcpTurn {
    /// Its prompt.
    pub prompt: PromptId,
    /// True once the agent showed that it has the prompt.
    pub accepted: bool,
    /// True once the user interrupted the turn.
    pub cancelled: bool,
    /// Text by which the agent reported a failure.
    pub error: String,
}

/// Keys of the entries of a conversation.
#[derive(Debug, Default)]
pub(super) struct EntryKeys {
    /// Id of the latest prompt.
    turn: String,
    /// Number of entries since the prompt.
    count: u32,
    /// Number of replayed prompts.
    replayed: u32,
    /// Text of the replayed prompt, as long as no other entry follows.
    prompt: String,
    /// The text that is streamed, by its kind and the agent's id of its message.
    stream: Option<(StreamKind, Option<Arc<str>>)>,
}

impl EntryKeys {
    /// Begins a turn; returns the key of its prompt.
    pub(super) fn begin(&mut self, prompt: PromptId, sent: Time) -> EntryKey {
        *self = Self { turn: format!("acp-{}-{:x}", prompt.0, sent.millis()), ..Self::default() };
        self.next()
    }

    /// Adds a piece of a replayed prompt. Returns the key and the text of the prompt so far.
    pub(super) fn replayed(&mut self, session: &str, piece: &str) -> (EntryKey, String) {
        if self.prompt.is_empty() {
            let replayed = self.replayed + 1;
            *self = Self { turn: format!("acp-{session}-{replayed}"), replayed, ..Self::default() };
        }
        self.prompt.push_str(piece);
        (EntryKey::new(&self.turn, 0), self.prompt.clone())
    }

    /// Key of a new entry, which ends the streamed text.
    pub(super) fn next(&mut self) -> EntryKey {
        self.stream = None;
        self.prompt.clear();
        self.count += 1;
        EntryKey::new(&self.turn, self.count)
    }

    /// Key of the entry that a piece of text belongs to.
    pub(super) fn stream(&mut self, kind: StreamKind, message: Option<Arc<str>>) -> EntryKey {
        let stream = Some((kind, message));
        self.prompt.clear();
        if self.stream != stream {
            self.count += 1;
            self.stream = stream;
        }
        EntryKey::new(&self.turn, self.count)
    }

    /// True while a text of this kind is streamed.
    pub(super) fn is_streaming(&self, kind: StreamKind) -> bool {
        self.stream.as_ref().is_some_and(|(streamed, _)| *streamed == kind)
    }

    /// Ends the streamed text: what follows is another entry.
    pub(super) fn end_stream(&mut self) {
        self.stream = None;
        self.prompt.clear();
    }

    /// Key of the turn's plan, which is replaced as a whole.
    pub(super) fn plan(&self) -> EntryKey {
        EntryKey::new(&format!("plan of {}", self.turn), 0)
    }
}
