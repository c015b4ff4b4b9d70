//! Events of an opened transcript, which the index sends and the reader applies.

use std::sync::Arc;

use super::search::EntryLocation;
use super::transcript::Entry;

/// Event of an opened transcript.
#[derive(Clone, Debug)]
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
        /// Indices of matching entries so far, ascending.
        entries: Vec<usize>,
        /// True if the search is complete.
        complete: bool,
    },
    /// The entry at a location.
    Located {
        /// Requested location.
        location: EntryLocation,
        /// Index of the entry; `None` if there is none, or if it is on another branch.
        entry: Option<usize>,
    },
    /// The transcript was deleted.
    Gone,
    /// The transcript cannot be opened, with the reason.
    Failed(String),
}

/// Properties of an indexed transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranscriptInfo {
    /// Number of entries.
    pub len: usize,
    /// Number of branches.
    pub branches: usize,
    /// Indices of prompts.
    pub prompts: Arc<[usize]>,
    /// Indices of errors.
    pub errors: Arc<[usize]>,
    /// Messages about records that could not be read.
    pub issues: Vec<String>,
}
