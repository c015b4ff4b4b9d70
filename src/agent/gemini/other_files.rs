//! Other files of a chat's session: in the same folder, or in that of another project, which a moved project leaves.
//!
//! Most of them have only a head, which a resume leaves; some versions go on in them. The file with the most entries is
//! the chat. Messages that only the others have stand among its own, by time.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::chat_message::ChatMessage;
use super::log::ChatLog;
use super::paths;
use crate::agent::FileStamp;
use crate::domain::Time;

/// Maximum messages of the logs that are stored with a summary, because each file of the session stores them.
const MAX_STORED_MESSAGES: usize = 2000;

/// The log of a file as far as it was replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplayedLog {
    /// The file.
    pub path: PathBuf,
    /// State of the file.
    pub stamp: FileStamp,
    /// Offset after the last line that was applied.
    pub offset: u64,
    /// The log.
    pub log: ChatLog,
}

/// Replays a file; goes on with a known log of it.
type Replay = fn(&Path, Option<&ReplayedLog>) -> Option<ReplayedLog>;

/// Messages of the other files of a session.
#[derive(Debug, Default)]
pub(super) struct OtherFiles {
    /// Files with messages of their own; a message's number is the position here, from 1.
    pub paths: Vec<PathBuf>,
    /// Messages that the chat does not have, in the order of their times.
    pub messages: Vec<ChatMessage>,
    /// Time of each of them: its own, or that of a message beside it in its file.
    times: Vec<Option<Time>>,
    /// Logs of all other files of the session.
    logs: Vec<ReplayedLog>,
    /// All other files of the session's name when they were read.
    stamps: Vec<(PathBuf, Option<FileStamp>)>,
}

impl OtherFiles {
    /// Reads the other ones of the `files` of a chat's session by `replay`, which goes on with a log that is `known`.
    pub(super) fn of(
        (path, files): (&Path, Vec<PathBuf>),
        log: &ChatLog,
        known: &[ReplayedLog],
        replay: Replay,
    ) -> Self {
        let mut others = Self { stamps: stamps(path, files), ..Self::default() };
        others.logs = others.replayed(log, known, replay).collect();
        others.select(log);
        others
    }

    /// Reads the other files, unless one of them is to be shown in place of the chat's: one that has more entries, or as
    /// many and is the first by name.
    pub(super) fn of_shown(
        (path, files): (&Path, Vec<PathBuf>),
        log: &ChatLog,
        known: &[ReplayedLog],
        replay: Replay,
    ) -> Option<Self> {
        let mut others = Self { stamps: stamps(path, files), ..Self::default() };
        let own = log.entries();
        let mut logs = Vec::new();
        for other in others.replayed(log, known, replay) {
            let theirs = other.log.entries();
            if theirs > own || (theirs == own && *other.path < *path) {
                return None;
            }
            logs.push(other);
        }
        others.logs = logs;
        others.select(log);
        Some(others)
    }

    fn replayed(&self, log: &ChatLog, known: &[ReplayedLog], replay: Replay) -> impl Iterator<Item = ReplayedLog> {
        let files = self.stamps.iter().map(|(path, _)| path);
        let replayed = files.filter_map(move |path| replay(path, known.iter().find(|known| known.path == *path)));
        replayed.filter(|other| is_same_session(&other.log, log))
    }

    /// Selects the messages that the chat does not have. Returns false if they are those of before.
    pub(super) fn select(&mut self, log: &ChatLog) -> bool {
        let before = std::mem::take(&mut self.messages);
        self.paths.clear();
        if self.logs.is_empty() {
            return !before.is_empty();
        }
        let mut known: HashSet<String> = log.all().into_iter().map(ChatMessage::key_id).collect();
        let mut timed: Vec<(Option<Time>, ChatMessage)> = Vec::new();
        for other in &self.logs {
            let number = u32::try_from(self.paths.len() + 1).unwrap_or(u32::MAX);
            // A message without a time stands after the one before it, the first one before the next.
            let (mut last, from) = (other.log.shown().find_map(|message| message.time), timed.len());
            for message in other.log.shown() {
                last = message.time.max(last);
                let has_entries = message.entries > 0 && !message.id.is_empty();
                if has_entries && known.insert(message.key_id()) {
                    timed.push((last, ChatMessage { file: number, ..message.clone() }));
                }
            }
            if timed.len() > from {
                self.paths.push(other.path.clone());
            }
        }
        // Those of a file without any time are the last.
        timed.sort_by_key(|(time, _)| (time.is_none(), *time));
        (self.times, self.messages) = timed.into_iter().unzip();
        self.messages != before
    }

    /// Puts the messages among those of a branch, by time.
    pub(super) fn among<'a>(&'a self, branch: impl Iterator<Item = &'a ChatMessage>) -> Vec<&'a ChatMessage> {
        let (mut all, mut others) = (Vec::new(), self.times.iter().zip(&self.messages).peekable());
        let mut last = None;
        for message in branch {
            last = message.time.max(last);
            while let Some((_, other)) = others.next_if(|(time, _)| time.is_some() && **time < last) {
                all.push(other);
            }
            all.push(message);
        }
        all.extend(others.map(|(_, other)| other));
        all
    }

    /// Logs to store with a summary, so that the next one need not replay them.
    pub(super) fn to_store(&self) -> &[ReplayedLog] {
        let messages: usize = self.logs.iter().map(|other| other.log.messages.len()).sum();
        if messages > MAX_STORED_MESSAGES { &[] } else { &self.logs }
    }

    /// The logs, to go on with.
    pub(super) fn into_logs(self) -> Vec<ReplayedLog> {
        self.logs
    }

    /// True if another file of the session was added, changed or removed.
    pub(super) fn have_changed(&self, path: &Path) -> bool {
        stamps(path, paths::files_of_session(path)) != self.stamps
    }
}

fn is_same_session(other: &ChatLog, log: &ChatLog) -> bool {
    other.session == log.session && !log.session.is_empty()
}

/// The `files` beside a chat, the largest first, which is probably the chat of the session.
fn stamps(path: &Path, files: Vec<PathBuf>) -> Vec<(PathBuf, Option<FileStamp>)> {
    let others = files.into_iter().filter(|other| other != path);
    let stamp = |other: PathBuf| {
        let stamp = std::fs::metadata(&other).ok().map(|metadata| FileStamp::of(&metadata));
        (other, stamp)
    };
    let mut stamps: Vec<_> = others.map(stamp).collect();
    stamps.sort_by_key(|(_, stamp)| std::cmp::Reverse(stamp.map(|stamp| stamp.size)));
    stamps
}
