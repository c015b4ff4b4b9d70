//! Events of an opened transcript, which the index sends and the reader applies.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::EntryKey;
use super::outline::OutlineItem;
use super::search::EntryLocation;
use super::transcript::Entry;

/// Event of an opened transcript.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptEvent {
    /// The newest entries, before the transcript is indexed. Their indices are not known yet.
    Tail(Vec<Arc<Entry>>),
    /// The transcript is indexed. Sent again after an evicted reader was reopened.
    Opened(TranscriptInfo),
    /// Requested entries.
    Page {
        /// Index of the first entry.
        from: usize,
        /// The entries.
        entries: Vec<Arc<Entry>>,
    },
    /// The transcript changed on disk: entries from `from` on must be read again.
    Grown {
        /// First changed index; 0 where the transcript was replaced.
        from: usize,
        /// New state of the transcript.
        opened: TranscriptInfo,
    },
    /// Partial result of a search in the transcript.
    Found {
        /// Query of the request.
        query: String,
        /// Matching entries so far, ascending.
        entries: Vec<EntryMatches>,
        /// True if the search is complete.
        complete: bool,
    },
    /// Part of the outline, as requested.
    Outline {
        /// Index of the first entry whose items these replace, together with those of all later entries.
        from: usize,
        /// The items, ascending.
        items: Vec<OutlineItem>,
        /// True if the outline is complete.
        complete: bool,
    },
    /// The entry at a location.
    Located {
        /// Requested location.
        location: EntryLocation,
        /// Index of the entry; `None` if there is none, or if it is on another branch.
        entry: Option<usize>,
    },
    /// The requested entries that the shown branch contains, with their indices.
    Positions(Vec<(EntryKey, usize)>),
    /// Place at which the agent can fork the session before a prompt.
    ForkPoint {
        /// Index of the prompt.
        prompt: usize,
        /// Id for [`RunStart::fork_at`](super::run_start::RunStart::fork_at); `None` if there is no such place.
        point: Option<Arc<str>>,
    },
    /// The transcript was deleted.
    Gone,
    /// The transcript cannot be opened, with the reason.
    Failed(String),
}

/// A matching entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryMatches {
    /// Index of the entry.
    pub entry: usize,
    /// Number of matches in it, at least 1.
    pub count: usize,
}

/// Point at which branches part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchPoint {
    /// Index of the first entry that the branches do not share.
    pub entry: usize,
    /// Numbers of the branches, with the shown one, ascending.
    pub branches: Vec<usize>,
    /// For each branch, the first line of its first own entry; empty for the shown one, or if it is unknown.
    pub heads: Vec<String>,
}

/// Properties of an indexed transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptInfo {
    /// Number of entries.
    pub len: usize,
    /// Number of branches.
    pub branches: usize,
    /// Number of the shown branch, from 0.
    pub branch: usize,
    /// Points at which other branches part from the shown one, ascending.
    pub branch_points: Arc<[BranchPoint]>,
    /// Indices of prompts.
    pub prompts: Arc<[usize]>,
    /// Indices of errors.
    pub errors: Arc<[usize]>,
    /// Messages about records that could not be read, after their line: `line 3: torn record`.
    pub issues: Vec<String>,
}

impl TranscriptInfo {
    /// Returns the reasons of the messages, without their lines.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.issues.iter().map(|issue| {
            let rest = issue.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
            rest.filter(|(line, _)| line.bytes().all(|byte| byte.is_ascii_digit()))
                .map_or(issue.as_str(), |(_, reason)| reason)
        })
    }
}
