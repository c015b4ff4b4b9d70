//! What an index tells. The runtime turns these into the interface's own messages.

use std::sync::Arc;

use crate::domain::catalog::{Change, Progress};
use crate::domain::found::{Found, Order, Place};
use crate::domain::live::LiveSign;
use crate::domain::query::Field;
use crate::domain::transcript::Entry;
use crate::domain::{SessionKey, Time};

/// Names one opening of a transcript; chosen by whoever opens it.
pub type Ticket = u64;

/// Something that the index found.
#[derive(Clone, Debug)]
pub enum Event {
    /// Sessions came, changed or went.
    Catalog(Change),
    /// Which sessions are open in living processes, all of them.
    Live(Vec<LiveSign>),
    /// Something about an opened transcript.
    Transcript(Ticket, TranscriptEvent),
    /// The answer to [`super::Index::rank`].
    Ranked {
        /// The query it answers.
        query: String,
        /// Matching sessions, best first.
        keys: Vec<SessionKey>,
    },
    /// News of [`super::Index::search`].
    Found {
        /// The query it answers.
        query: String,
        /// What was found, and how far the search is.
        found: Found,
    },
    /// The answer to [`super::Index::count_values`].
    Values {
        /// The filter.
        field: Field,
        /// What is typed of a value.
        typed: String,
        /// Values that hold it, the best first, each with how many sessions it would leave.
        values: Vec<(String, usize)>,
    },
    /// How far the talk of all sessions is stored for searching.
    Indexed(Progress),
    /// How changes on disk are noticed now.
    Watch(WatchState),
}

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Sought {
    /// The query, as it was typed.
    pub query: String,
    /// What comes first.
    pub order: Order,
    /// Only these sessions, because they changed or their places are wanted; `None`: all.
    pub within: Option<Vec<SessionKey>>,
    /// The present moment.
    pub now: Time,
}

/// What became of an opened transcript.
#[derive(Clone, Debug)]
pub enum TranscriptEvent {
    /// The newest entries, before the whole is known.
    Tail(Vec<Arc<Entry>>),
    /// The whole is known. Told again where a reading was given up for want of room and taken up anew.
    Opened(Opened),
    /// Entries that were asked for.
    Page {
        /// Index of the first.
        from: usize,
        /// The entries.
        entries: Vec<Arc<Entry>>,
    },
    /// It grew or changed: entries from `from` on are not what they were.
    Grown {
        /// Index of the first entry that is not as it was; 0 where it is another transcript altogether.
        from: usize,
        /// The whole, as it is now.
        opened: Opened,
    },
    /// The answer to a search in it.
    Found {
        /// The query it answers.
        query: String,
        /// Matching entries so far, ascending.
        entries: Vec<usize>,
        /// Everything was searched.
        complete: bool,
    },
    /// Which entry a place is in.
    Located {
        /// The place.
        place: Place,
        /// Index of the entry; `None` where it is in none.
        entry: Option<usize>,
    },
    /// It is gone from disk.
    Gone,
    /// It could not be opened, and why.
    Failed(String),
}

/// What is known of an opened transcript as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Number of entries.
    pub len: usize,
    /// Number of branches.
    pub branches: usize,
    /// Indices of prompts.
    pub prompts: Arc<[usize]>,
    /// Indices of errors.
    pub errors: Arc<[usize]>,
    /// What could not be read, in words.
    pub issues: Vec<String>,
}

/// How changes on disk are noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// By the system's notifications.
    Native {
        /// Directories that were asked to be watched, with what is below them.
        paths: usize,
    },
    /// By looking at everything every few seconds.
    Poll {
        /// Why.
        reason: String,
    },
}
