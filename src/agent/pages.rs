//! A paged transcript, for agents that store messages one by one: maps entries to messages, and loads texts on request.
//!
//! Must not depend on any agent's fields; those are behind [`MessageStore`] and [`StoredMessage`].

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::sqlite::DatabaseError;
use super::tolerant_json::Repairs;
use super::{MarkKind, RefreshOutcome, TextLimit, TranscriptReader};
use crate::domain::{Entry, Issue};

/// Version of a message; changes whenever the message or one of its parts changes.
pub(super) type MessageVersion = [i64; 5];

/// Storage of a session's messages.
pub(super) trait MessageStore: Send {
    /// Type of a loaded message.
    type Message: StoredMessage;

    /// Returns true if anything may have changed since the last call; the first call may also return true.
    fn may_have_changed(&mut self) -> bool;

    /// Lists the messages' ids in order, with their versions; `None` if the session no longer exists.
    fn versions(&mut self) -> Result<Option<Vec<(String, MessageVersion)>>, DatabaseError>;

    /// Lists the ids of the newest messages, newest first: skips `skip` of them, and returns at most `count`.
    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, DatabaseError>;

    /// Loads a message with all its parts.
    fn message(&mut self, id: &str) -> Result<Self::Message, DatabaseError>;
}

/// A message as stored, with its parts or its tools' results.
pub(super) trait StoredMessage {
    /// Counts the entries that it yields. [`entries`](Self::entries) returns exactly as many.
    fn outline(&self) -> MessageOutline;

    /// Its entries.
    fn entries(&self, limit: TextLimit) -> Vec<Entry>;

    /// Returns the stored records of its `index`th entry.
    fn stored(&self, index: usize) -> Vec<u8>;

    /// Size of the stored records in bytes.
    fn bytes(&self) -> u64;
}

/// Number and kinds of the entries of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MessageOutline {
    /// Number of entries.
    pub len: usize,
    /// Index of the first prompt.
    pub prompt: Option<usize>,
    /// Indices of errors.
    pub errors: Vec<usize>,
    /// Number of parts that could not be parsed.
    pub unreadable: u32,
    /// Repairs that the stored records needed.
    pub repairs: Repairs,
}

/// A message with the position of its entries.
#[derive(Debug)]
struct MessagePosition {
    id: String,
    version: MessageVersion,
    /// Index of its first entry, if it has any.
    first: usize,
}

/// Reader of a session from any message store.
#[derive(Debug)]
pub(super) struct PagedTranscript<S> {
    store: S,
    path: PathBuf,
    messages: Vec<MessagePosition>,
    len: usize,
    prompts: Vec<usize>,
    errors: Vec<usize>,
    issues: Vec<Issue>,
    bytes_read: u64,
    /// True if the last refresh failed halfway: the next one must not rely on `may_have_changed`.
    is_stale: bool,
}

impl<S: MessageStore> PagedTranscript<S> {
    /// Opens a session and outlines every message once. `path` is the file that issues refer to.
    pub(super) fn open(mut store: S, path: PathBuf) -> io::Result<Self> {
        store.may_have_changed();
        let versions = store.versions()?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut transcript = Self {
            store,
            path,
            messages: Vec::with_capacity(versions.len()),
            len: 0,
            prompts: Vec::new(),
            errors: Vec::new(),
            issues: Vec::new(),
            bytes_read: 0,
            is_stale: false,
        };
        transcript.append(versions)?;
        Ok(transcript)
    }

    /// Appends messages.
    fn append(&mut self, versions: Vec<(String, MessageVersion)>) -> Result<(), DatabaseError> {
        for (id, version) in versions {
            let outline = self.load(&id)?.outline();
            let first = self.len;
            // A prompt of several texts is one jump target.
            self.prompts.extend(outline.prompt.map(|at| first + at));
            self.errors.extend(outline.errors.iter().map(|at| first + at));
            self.len += outline.len;
            let unreadable = (outline.unreadable > 0).then(|| format!("{} unreadable record(s)", outline.unreadable));
            let repaired = (!outline.repairs.is_empty()).then(|| outline.repairs.to_string());
            let facts: Vec<String> = [unreadable, repaired].into_iter().flatten().collect();
            if !facts.is_empty() {
                self.issues.push(Issue::new(&self.path, format!("message {id}: {}", facts.join("; "))));
            }
            self.messages.push(MessagePosition { id, version, first });
        }
        Ok(())
    }

    fn load(&mut self, id: &str) -> Result<S::Message, DatabaseError> {
        let message = self.store.message(id)?;
        self.bytes_read += message.bytes();
        Ok(message)
    }

    /// Removes the messages from `at` on.
    fn truncate(&mut self, at: usize) {
        let Some(first) = self.messages.get(at).map(|message| message.first) else {
            return;
        };
        self.messages.truncate(at);
        self.len = first;
        self.prompts.retain(|&index| index < first);
        self.errors.retain(|&index| index < first);
    }

    /// Finds the messages that contain the entries of a range. A message without entries has the same first index as the
    /// next: the last one that begins at or before the range contains its first entry.
    fn messages_of(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.messages.partition_point(|message| message.first <= range.start).saturating_sub(1);
        let end = self.messages.partition_point(|message| message.first < range.end);
        start..end
    }

    fn end_of(&self, at: usize) -> usize {
        self.messages.get(at + 1).map_or(self.len, |next| next.first)
    }

    fn try_refresh(&mut self) -> Result<RefreshOutcome, DatabaseError> {
        let Some(mut versions) = self.store.versions()? else {
            return Ok(RefreshOutcome::Gone);
        };
        let known = self.messages.iter().zip(&versions);
        let same = known.take_while(|(old, new)| old.id == new.0 && old.version == new.1).count();
        if same == versions.len() && same == self.messages.len() {
            return Ok(RefreshOutcome::Same);
        }
        // Removed messages (an undo) invalidate more than the entries after them.
        let removed = self.messages[same..].iter().zip(&versions[same..]).any(|(old, new)| old.id != new.0)
            || versions.len() < self.messages.len();
        let from = self.messages.get(same).map_or(self.len, |message| message.first);
        self.truncate(same);
        self.append(versions.split_off(same))?;
        Ok(if removed { RefreshOutcome::Reset } else { RefreshOutcome::Grown { from } })
    }

    fn report(&mut self, error: &DatabaseError) {
        let issue = Issue::new(&self.path, error);
        if !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }
}

impl<S: MessageStore> TranscriptReader for PagedTranscript<S> {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let range = range.start.min(self.len)..range.end.min(self.len);
        let mut found = Vec::with_capacity(range.len());
        if range.is_empty() {
            return found;
        }
        for at in self.messages_of(&range) {
            let (id, first, end) = (self.messages[at].id.clone(), self.messages[at].first, self.end_of(at));
            if first == end {
                continue;
            }
            match self.load(&id) {
                Ok(message) => {
                    let inside = (first..end).zip(message.entries(limit)).filter(|(index, _)| range.contains(index));
                    found.extend(inside.map(|(_, entry)| entry));
                }
                Err(error) => self.report(&error),
            }
        }
        found
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let Some(at) = self.messages_of(&(index..index + 1)).find(|&at| self.end_of(at) > index) else {
            return Vec::new();
        };
        let (id, first) = (self.messages[at].id.clone(), self.messages[at].first);
        match self.load(&id) {
            Ok(message) => message.stored(index - first),
            Err(error) => {
                self.report(&error);
                Vec::new()
            }
        }
    }

    fn record_id(&mut self, index: usize) -> Option<String> {
        let at = self.messages_of(&(index..index + 1)).find(|&at| self.end_of(at) > index)?;
        Some(self.messages[at].id.clone())
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        match which {
            MarkKind::Prompts => self.prompts.clone(),
            MarkKind::Errors => self.errors.clone(),
        }
    }

    fn refresh(&mut self) -> RefreshOutcome {
        if !self.store.may_have_changed() && !self.is_stale {
            return RefreshOutcome::Same;
        }
        let refreshed = self.try_refresh();
        self.is_stale = refreshed.is_err();
        match refreshed {
            Ok(outcome) => outcome,
            Err(DatabaseError::Io(error)) if error.kind() == io::ErrorKind::NotFound => RefreshOutcome::Gone,
            Err(error) => {
                self.report(&error);
                RefreshOutcome::Same
            }
        }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// Reads the newest entries, at least `count` if there are as many.
pub(super) fn tail<S: MessageStore>(store: &mut S, count: usize) -> io::Result<Vec<Entry>> {
    const BATCH: u32 = 16;
    let mut newest_first: Vec<Vec<Entry>> = Vec::new();
    let (mut found, mut skip) = (0, 0);
    while found < count {
        let ids = store.newest(skip, BATCH)?;
        skip += BATCH;
        if ids.is_empty() {
            break;
        }
        for id in ids {
            let page = store.message(&id)?.entries(TextLimit::SCREEN);
            found += page.len();
            newest_first.push(page);
            if found >= count {
                break;
            }
        }
    }
    Ok(newest_first.into_iter().rev().flatten().collect())
}
