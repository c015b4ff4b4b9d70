//! Rewind of a session to before one of its prompts: what can be taken back, and what cannot.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SessionKey;

/// Maximum files that a description names, because it is shown in a dialog.
const MAX_NAMES: usize = 5;

/// Characters of the identifier of another session in a description: the agent and the beginning of its id.
const MAX_ID_LENGTH: usize = 15;

/// Characters of the title of another session in a description.
const MAX_TITLE_CHARS: usize = 40;

/// Parts of a session that a rewind to before a prompt would take back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewindPlan {
    /// Number of the turn that the prompt begins, from 1.
    pub turn: u32,
    /// Text of the prompt.
    pub prompt: String,
    /// Files that would change, or why they cannot be taken back.
    pub files: Result<Vec<RewoundFile>, String>,
    /// Beginning of the conversation that would continue, or why there is none.
    pub conversation: Result<ConversationStart, String>,
    /// Record of the prompt from which the agent can take back the conversation within the session.
    #[serde(default)]
    pub in_place: Option<Arc<str>>,
    /// Directory outside of which nothing is taken back.
    pub root: String,
    /// Other sessions in the same directory that the files concern.
    #[serde(default)]
    pub others: Vec<OtherSession>,
}

/// Another session in the directory of a rewind, which takes back its changes too or disturbs it at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherSession {
    /// Identifier of the session.
    pub session: String,
    /// Its title.
    pub title: String,
    /// True if a turn of it is open, so that it may be changing files.
    pub is_working: bool,
    /// Files with changes of it that are taken back, relative to the root of the work tree.
    pub files: Vec<String>,
}

impl fmt::Display for OtherSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.session.get(..MAX_ID_LENGTH).unwrap_or(&self.session);
        let title: String = self.title.chars().take(MAX_TITLE_CHARS).collect();
        let cut = if title.len() < self.title.len() { "…" } else { "" };
        write!(f, "\"{title}{cut}\" ({id})")?;
        if !self.files.is_empty() {
            write!(f, " changed {} since", named(self.files.iter().map(String::as_str)))?;
        }
        let and = if self.files.is_empty() { "" } else { ", and" };
        if self.is_working { write!(f, "{and} is working in this directory now") } else { Ok(()) }
    }
}

/// A file that a rewind changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewoundFile {
    /// Path relative to the root of the work tree.
    pub path: String,
    /// True if the file is deleted, false if its content is restored.
    pub is_deleted: bool,
}

/// Target of a rewind of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewindTarget {
    /// The files before a turn, counted from 1.
    BeforeTurn(u32),
    /// A snapshot that an earlier rewind kept.
    Snapshot(String),
}

/// Change of a conversation that the agent makes within the session, with the files that its own tools changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationRevert {
    /// Take back everything from a prompt on. The agent keeps it until the next prompt.
    From {
        /// Record of the prompt.
        record: Arc<str>,
        /// Number of its turn, from 1, to take the files back to before it as well.
        files: Option<u32>,
    },
    /// Undo it.
    Undo {
        /// Snapshot of the files before.
        snapshot: Option<String>,
    },
}

/// Result of a rewind of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewoundFiles {
    /// Number of files that were restored or deleted.
    pub count: usize,
    /// Snapshot of the files before, to which they can be taken back; `None` if no file differed.
    pub undo: Option<String>,
    /// Files that differ and are left as they are, because they could not be brought back.
    #[serde(default)]
    pub left: Vec<String>,
    /// Reason why some of the files were not restored.
    #[serde(default)]
    pub problem: Option<String>,
}

/// Beginning of a conversation that continues from before a prompt. The session itself stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationStart {
    /// A new session, because nothing is before the first prompt.
    New,
    /// A fork that ends at this record; see [`RunStart::fork_at`](super::run_start::RunStart::fork_at).
    Fork(Arc<str>),
}

/// Chosen extent of a rewind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewindChoice {
    /// The session.
    pub key: SessionKey,
    /// Number of the turn that the prompt begins, from 1.
    pub turn: u32,
    /// True to take back the files.
    pub files: bool,
    /// Beginning of the conversation to continue with, if any.
    pub conversation: Option<ConversationStart>,
    /// Record of the prompt from which the agent takes back the conversation within the session, if it is chosen.
    pub in_place: Option<Arc<str>>,
    /// Text of the prompt, which can be edited and sent again.
    pub prompt: String,
}

impl RewindPlan {
    /// Returns true if files would change.
    pub fn changes_files(&self) -> bool {
        self.files.as_ref().is_ok_and(|files| !files.is_empty())
    }

    /// Describes the plan, and what stays as it is.
    pub fn text(&self) -> Vec<String> {
        let first = self.prompt.trim().lines().next().unwrap_or_default();
        let files = match &self.files {
            Err(reason) => format!("Files: not available: {reason}."),
            Ok(files) if files.is_empty() => "Files: all are as they were.".to_owned(),
            Ok(files) => {
                let deleted = files.iter().filter(|file| file.is_deleted).count();
                let (restored, names) = (files.len() - deleted, named(files.iter().map(|file| file.path.as_str())));
                format!("Files: {restored} restored, {deleted} deleted: {names}.")
            }
        };
        let conversation = match &self.conversation {
            _ if self.in_place.is_some() => {
                "Conversation: the agent takes it back in this session, with the files that \
                its tools changed; the next prompt deletes it. In a fork, this session stays."
                    .to_owned()
            }
            Err(reason) => format!("Conversation: not available: {reason}."),
            Ok(ConversationStart::New) => "Conversation: a new session begins; this one stays.".to_owned(),
            Ok(ConversationStart::Fork(_)) => {
                "Conversation: a fork has everything before this prompt; this session stays.".to_owned()
            }
        };
        let limits = format!("Ignored files, and what was done outside of {}, stay as they are.", self.root);
        let others = self.others.iter().map(|other| format!("Other session: {other}."));
        let head = [format!("Prompt {}: {first}", self.turn), files];
        head.into_iter().chain(others).chain([conversation, limits]).collect()
    }
}

/// Names the first of some files, and counts the others.
fn named<'n>(files: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = files.len().saturating_sub(MAX_NAMES);
    let names = files.take(MAX_NAMES).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}
