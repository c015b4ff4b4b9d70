//! Record of a session whose agent keeps none that salon can read. Each entry is appended once it is complete, in the
//! order in which the entries began.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Run;
use crate::agent::protocol::{Conversation, ListedSession};
use crate::agent::recorded::record;
use crate::domain::event::{Delta, Event, EventBody, NoticeLevel};
use crate::domain::transcript::{ToolStatus, Transcript};
use crate::domain::{EntryKey, EntryKind, SessionKey, Tokens};
use crate::live::session_files;

/// Maximum bytes of the texts of one entry, because an answer may have no end.
const MAX_ENTRY_BYTES: usize = 4 << 20;

/// Maximum entries that wait for an earlier one to be completed.
const MAX_OPEN: usize = 512;

/// Maximum bytes that wait for a disk that cannot be written.
const MAX_UNWRITTEN: usize = 4 << 20;

/// An entry that is not written yet, as a transcript of its own.
#[derive(Debug)]
struct OpenEntry {
    key: EntryKey,
    call: Option<Arc<str>>,
    transcript: Transcript,
}

/// Entries of a session that are not written yet.
#[derive(Debug)]
pub(super) struct SessionRecorder {
    folder: PathBuf,
    open: VecDeque<OpenEntry>,
    /// Encoded records that are complete.
    complete: Vec<u8>,
    /// Usage of the session before the open turn.
    counted: Tokens,
    /// True if the last write failed, so that the failure is reported once.
    is_failing: bool,
}

impl SessionRecorder {
    /// Creates a recorder of sessions below `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        let (open, complete) = (VecDeque::new(), Vec::new());
        Self { folder, open, complete, counted: Tokens::default(), is_failing: false }
    }

    /// Records an event of the conversation.
    pub(super) fn observe(&mut self, event: &Event) {
        let known = match &event.body {
            EventBody::ToolUpdate { id, .. } => self.open.iter().position(|entry| entry.call.as_ref() == Some(id)),
            _ => self.open.iter().position(|entry| entry.key == event.key),
        };
        match (known, &event.body) {
            (Some(at), _) => self.open[at].apply(event),
            // The entry was written before.
            (None, EventBody::ToolUpdate { .. } | EventBody::Usage(_) | EventBody::Sender(_)) => {}
            (None, EventBody::TurnEnd { .. }) => {}
            (None, _) => self.open.push_back(OpenEntry::new(event)),
        }
        while self.open.len() > MAX_OPEN {
            self.write_first();
        }
    }

    /// Completes all entries of a turn, and records its model and usage.
    pub(super) fn end_turn(&mut self, model: Option<&str>, tokens: Tokens) {
        self.complete_all();
        let used = tokens.since(self.counted);
        self.counted = tokens;
        if used.total() > 0 {
            self.complete.extend(record::turn(model, used));
        }
    }

    /// Completes all entries, because nothing more is reported of them.
    pub(super) fn complete_all(&mut self) {
        while !self.open.is_empty() {
            self.write_first();
        }
    }

    /// Records the title that the agent gave the session.
    pub(super) fn title(&mut self, title: &str) {
        self.complete.extend(record::title(title));
    }

    /// Takes the complete records.
    fn take(&mut self) -> Vec<u8> {
        while self.open.len() > 1 && self.open.front().is_some_and(OpenEntry::is_complete) {
            self.write_first();
        }
        std::mem::take(&mut self.complete)
    }

    fn write_first(&mut self) {
        let entries = self.open.pop_front().map(|entry| entry.transcript.into_entries());
        entries.into_iter().flatten().for_each(|entry| self.complete.extend(record::entry(&entry)));
    }
}

impl OpenEntry {
    fn new(event: &Event) -> Self {
        let call = match &event.body {
            EventBody::ToolCall { id, .. } => Some(id.clone()),
            _ => None,
        };
        let mut entry = Self { key: event.key, call, transcript: Transcript::default() };
        entry.apply(event);
        entry
    }

    fn apply(&mut self, event: &Event) {
        let is_appended = matches!(
            &event.body,
            EventBody::Text(Delta::Append(_))
                | EventBody::Thinking(Delta::Append(_))
                | EventBody::ToolUpdate { output: Some(Delta::Append(_)), .. }
        );
        let entries = self.transcript.entries().iter();
        let bytes: usize =
            entries.map(|entry| entry.text.len() + entry.tool.as_ref().map_or(0, |tool| tool.output.len())).sum();
        if !is_appended || bytes < MAX_ENTRY_BYTES {
            self.transcript.apply(event.clone());
        }
    }

    /// Returns true if an entry that began before another one cannot change any more.
    fn is_complete(&self) -> bool {
        self.transcript.entries().iter().all(|entry| match (&entry.tool, entry.kind) {
            (Some(tool), _) => !matches!(tool.status, ToolStatus::Pending | ToolStatus::Running),
            // A plan is replaced until the turn ends.
            (None, kind) => kind != EntryKind::Plan,
        })
    }
}

impl Run {
    /// Writes the complete records of the session.
    pub(super) async fn record_session(&mut self) {
        let (Some(recorder), Some(session)) = (&mut self.recorder, self.info.session.clone()) else { return };
        let records = recorder.take();
        if records.is_empty() {
            return;
        }
        let (folder, cwd, now) = (recorder.folder.clone(), self.info.cwd.clone(), self.store.now());
        let written = tokio::task::spawn_blocking(move || {
            let written = session_files::append(&folder, &session, &cwd, now, &records);
            (written, records)
        });
        let Ok((written, records)) = written.await else { return };
        let Some(recorder) = &mut self.recorder else { return };
        let was_failing = std::mem::replace(&mut recorder.is_failing, written.is_err());
        if let Err(error) = written {
            if records.len() + recorder.complete.len() < MAX_UNWRITTEN {
                recorder.complete.splice(0..0, records);
            }
            if !was_failing {
                self.notice(&format!("The conversation is not recorded: {error}"), NoticeLevel::Warning);
            }
        }
    }

    /// Finds out whether the history of a resumed session has to come from the agent.
    pub(super) async fn look_for_history(&mut self) {
        let (Some(recorder), Conversation::Resume(id)) = (&self.recorder, &self.opening.conversation) else { return };
        let (folder, key) = (recorder.folder.clone(), SessionKey::new(self.agent, id.clone()));
        let has_history = tokio::task::spawn_blocking(move || session_files::has_prompts(&folder, &key));
        self.opening.needs_history = !has_history.await.unwrap_or(true);
    }

    /// Records the sessions that the agent lists and salon does not know.
    pub(super) fn record_listed(&self, sessions: Vec<ListedSession>) {
        let Some(recorder) = &self.recorder else { return };
        let (folder, agent, now) = (recorder.folder.clone(), self.agent, self.store.now());
        tokio::task::spawn_blocking(move || {
            for session in sessions {
                if let Err(error) = session_files::add_listed(&folder, agent, &session, now) {
                    tracing::warn!(%agent, %error, "a session that the agent lists was not recorded");
                }
            }
        });
    }
}

/// Returns the recorder of a run, if its agent keeps no record that salon can read.
pub(super) fn of_run(folder: Option<&Path>, has_record: bool) -> Option<SessionRecorder> {
    folder.filter(|_| !has_record).map(|folder| SessionRecorder::new(folder.to_owned()))
}
