//! Totals of the files that precede a session's own file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::concatenated::{History, MissingHistory};
use super::{Dialect, SourceIdentity, summary};
use crate::agent::{FileStamp, Source, SourceSessions};
use crate::domain::{Session, Time, Title, TitleSource};

/// Totals of the files before a session's own file. Their part of the conversation never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InheritedHistory {
    messages: u32,
    turns: u32,
    title: Title,
    model: Option<Arc<str>>,
    branch: Option<Arc<str>>,
    started: Option<Time>,
    last: Option<Time>,
    /// Explanation of a missing part.
    missing: Option<String>,
    #[serde(skip)]
    bytes_read: u64,
}

impl InheritedHistory {
    /// Summarises the files that precede the one of `source`.
    pub(super) fn of<D: Dialect>(history: History<D>, source: &Source, identity: &SourceIdentity) -> Self {
        // The notice about a missing part is an entry as well.
        let messages = u32::from(history.missing.is_some());
        let missing = history.missing.map(|MissingHistory { text, .. }| text);
        let mut sum = Self { messages, missing, ..Self::default() };
        for (path, dialect) in history.parts {
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let part = Source { stamp: FileStamp::of(&metadata), path, ..source.clone() };
            let summary = summary::summarise(&dialect, &part, identity, None, &mut |_| {});
            sum.bytes_read += summary.bytes_read;
            let (SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. }) = summary.sessions;
            sessions.into_iter().for_each(|session| sum.append(session));
        }
        sum
    }

    fn append(&mut self, part: Session) {
        self.messages += part.messages;
        self.turns += part.turns;
        self.started = self.started.or(part.started_at);
        self.last = part.started_at.and(part.last_activity).or(self.last);
        self.model = part.model.or(self.model.take());
        self.branch = part.branch.or(self.branch.take());
        if self.title.text.is_empty() {
            self.title = part.title;
        }
    }

    /// Explanation of a missing part.
    pub(super) fn missing(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    /// Bytes read from disk.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Adds the totals to the session of the own file.
    pub(super) fn add_to(&self, session: &mut Session) {
        session.messages += self.messages;
        session.turns += self.turns;
        session.flags.empty = session.messages == 0;
        if session.title.source == TitleSource::Prompt && !self.title.text.is_empty() {
            session.title = self.title.clone();
        }
        session.model = session.model.take().or_else(|| self.model.clone());
        session.branch = session.branch.take().or_else(|| self.branch.clone());
        session.started_at = self.started.or(session.started_at);
        session.last_activity = session.last_activity.max(self.last);
    }
}
