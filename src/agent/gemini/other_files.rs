//! Other files of a chat's session. Most of them have only a head, which a resume leaves; some versions go on in them.
//!
//! The file with the most entries is the chat. Messages that only the others have stand before its own or after them, by
//! the time of their first one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::log::{ChatLog, ChatMessage};
use super::paths;
use crate::agent::FileStamp;

/// Messages of the other files of a session.
#[derive(Debug, Default)]
pub(super) struct OtherFiles {
    /// Files with messages of their own; a message's number is the position here, from 1.
    pub paths: Vec<PathBuf>,
    /// Messages from before the first one of the chat.
    pub earlier: Vec<ChatMessage>,
    /// All others.
    pub later: Vec<ChatMessage>,
    /// All other files of the session's name when they were read.
    stamps: Vec<(PathBuf, Option<FileStamp>)>,
}

impl OtherFiles {
    /// Reads the other files of the session of a chat by `replay`.
    pub(super) fn of(path: &Path, log: &ChatLog, replay: impl Fn(&Path) -> Option<ChatLog>) -> Self {
        let mut others = Self { stamps: stamps(path), ..Self::default() };
        let mut known: HashSet<String> = log.all().into_iter().map(ChatMessage::key_id).collect();
        let first = log.shown().find_map(|message| message.time);
        let files: Vec<PathBuf> = others.stamps.iter().map(|(path, _)| path.clone()).collect();
        for file in files {
            let Some(other) = replay(&file) else { continue };
            if other.session != log.session || log.session.is_empty() {
                continue;
            }
            let is_own = |message: &&ChatMessage| message.entries > 0 && !message.id.is_empty();
            let own: Vec<ChatMessage> =
                { other.shown() }.filter(is_own).filter(|message| known.insert(message.key_id())).cloned().collect();
            if own.is_empty() {
                continue;
            }
            others.paths.push(file);
            let number = u8::try_from(others.paths.len()).unwrap_or(u8::MAX);
            let is_earlier =
                own.iter().find_map(|message| message.time).is_some_and(|time| first.is_some_and(|first| time < first));
            let list = if is_earlier { &mut others.earlier } else { &mut others.later };
            list.extend(own.into_iter().map(|message| ChatMessage { file: number, ..message }));
        }
        others
    }

    /// True if another file of the session was added, changed or removed.
    pub(super) fn have_changed(&self, path: &Path) -> bool {
        stamps(path) != self.stamps
    }
}

fn stamps(path: &Path) -> Vec<(PathBuf, Option<FileStamp>)> {
    let others = paths::siblings(path).into_iter().filter(|other| other != path);
    let stamp = |other: PathBuf| {
        let stamp = std::fs::metadata(&other).ok().map(|metadata| FileStamp::of(&metadata));
        (other, stamp)
    };
    others.map(stamp).collect()
}
