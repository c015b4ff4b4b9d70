//! Events of the index. The runtime converts them to the interface's own messages.

use crate::domain::SessionKey;
use crate::domain::catalog::{CatalogChange, IndexProgress};
use crate::domain::live_status::LiveStatus;
use crate::domain::query::FilterKey;
use crate::domain::search::SearchUpdate;
use crate::domain::transcript_event::TranscriptEvent;

/// Id of one opened transcript, chosen by the caller of [`super::Index::open`].
pub type TranscriptTicket = u64;

/// Event sent by the index.
#[derive(Clone, Debug)]
pub enum IndexEvent {
    /// Sessions were added, changed or removed.
    Catalog(CatalogChange),
    /// Complete list of the sessions that are open in running processes.
    Live(Vec<LiveStatus>),
    /// Event of an opened transcript.
    Transcript(TranscriptTicket, TranscriptEvent),
    /// Result of [`super::Index::rank`].
    Ranked {
        /// Query of the request.
        query: String,
        /// Matching sessions, best first.
        keys: Vec<SessionKey>,
    },
    /// Partial result of [`super::Index::search`].
    Search {
        /// Query of the request.
        query: String,
        /// New hits and the coverage so far.
        update: SearchUpdate,
    },
    /// Result of [`super::Index::count_values`].
    Values {
        /// Key of the filter.
        field: FilterKey,
        /// Typed part of the value.
        typed: String,
        /// Matching values, best first, each with the number of sessions that it selects.
        values: Vec<(String, usize)>,
    },
    /// Progress of the text index.
    Indexed(IndexProgress),
    /// Way in which changes on disk are detected from now on.
    Watch(WatchState),
}

/// Way in which changes on disk are detected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// By file system notifications.
    Native {
        /// Number of recursively watched directories.
        paths: usize,
    },
    /// By rescanning every few seconds.
    Poll {
        /// Reason why notifications cannot be used.
        reason: String,
    },
}
