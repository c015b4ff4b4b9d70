//! Messages about the sessions of a server's machine: its list, transcripts and searches.
//!
//! A client begins with [`IndexCall::Start`], because queries call the machine by the name that the client has for it.
//! Keys of sessions have no host in messages. Each transcript has a ticket that the client chose; the events of a ticket
//! are those of the reader on this machine.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::annotation::Labels;
use crate::domain::catalog::IndexProgress;
use crate::domain::search::{Coverage, EntryLocation, LocatedEntries, SearchRequest, Snippet};
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::{EntryKey, Session, SessionKey, Time};

/// Request of the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexCall {
    /// Start the index.
    Start {
        /// Name of the machine, for `host:` in queries.
        host: String,
    },
    /// Search by the client's labels of sessions instead of those of the machine, of which only names remain. Each
    /// replaces the earlier ones of its session.
    Label {
        /// Labels of sessions; empty ones of a session that has none any more.
        labels: Vec<(SessionKey, Labels)>,
    },
    /// Send all sessions, the newest first, then every change, as [`IndexMessage::Sessions`].
    List,
    /// Open a transcript. Events follow: its newest entries, the whole, then its changes.
    Open {
        /// Chosen by the client.
        ticket: u64,
        /// The session.
        key: SessionKey,
    },
    /// Close a transcript.
    Close {
        /// The transcript.
        ticket: u64,
    },
    /// Read entries of a transcript.
    Read {
        /// The transcript.
        ticket: u64,
        /// Indices of the entries.
        range: Range<usize>,
    },
    /// Search a transcript. A newer query cancels the older one; an empty query only cancels.
    Find {
        /// The transcript.
        ticket: u64,
        /// The query.
        query: String,
    },
    /// Find the entry of a location in a transcript.
    Locate {
        /// The transcript.
        ticket: u64,
        /// The location.
        location: EntryLocation,
    },
    /// Find entries on the shown branch of a transcript.
    Positions {
        /// The transcript.
        ticket: u64,
        /// Keys of the entries.
        keys: Vec<EntryKey>,
    },
    /// Find the place at which the agent can fork a session before a prompt.
    ForkPoint {
        /// The transcript.
        ticket: u64,
        /// Index of the prompt.
        prompt: usize,
    },
    /// Show another branch of a transcript.
    ShowBranch {
        /// The transcript.
        ticket: u64,
        /// Number of the branch, from 0.
        branch: usize,
    },
    /// Send the outline of a transcript, and its changes from then on.
    Outline {
        /// The transcript.
        ticket: u64,
    },
    /// Search sessions. A search over all sessions cancels the earlier ones; an empty query only cancels.
    Search {
        /// The request.
        request: SearchRequest,
        /// Time to which ages in the query are relative.
        now: Time,
    },
    /// Find the entries of snippets. Replies with [`IndexMessage::SnippetsLocated`].
    LocateSnippets {
        /// Locations of the snippets of sessions.
        snippets: Vec<(SessionKey, Vec<EntryLocation>)>,
    },
}

/// Message of the index.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexMessage {
    /// Sessions were added, changed or removed.
    Sessions {
        /// New or changed sessions.
        sessions: Vec<Arc<Session>>,
        /// Removed sessions.
        removed: Vec<SessionKey>,
        /// Progress of the index, if it changed. Once it is complete, all sessions were sent.
        progress: Option<IndexProgress>,
    },
    /// Event of an open transcript.
    Transcript {
        /// The transcript.
        ticket: u64,
        /// The event.
        event: TranscriptEvent,
    },
    /// Part of the result of a search.
    Found {
        /// Query of the request.
        query: String,
        /// New and improved hits; each replaces the hit of the same session.
        hits: Vec<FoundSession>,
        /// Coverage so far.
        coverage: Coverage,
        /// Typo corrections: pairs of original and corrected word.
        corrections: Vec<(String, String)>,
    },
    /// Entries of snippets, in the order of the request.
    SnippetsLocated {
        /// The entries.
        entries: LocatedEntries,
    },
}

/// Hit of a search. The client has the session in its list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundSession {
    /// The session.
    pub key: SessionKey,
    /// Relevance.
    pub score: f32,
    /// Number of texts with a match.
    pub count: usize,
    /// Best snippets, best first.
    pub snippets: Vec<Snippet>,
}
