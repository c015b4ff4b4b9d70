//! Opened transcripts, each read by its own thread, so that nothing else waits for it.
//!
//! The number of open readers is bounded: the least recently used one is evicted, and reopened at its next request.

mod describe;
mod find;
mod locate;
mod outline;
mod turns;
mod worker;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;

pub use self::find::matches;
use self::worker::TranscriptWorker;
use super::message::{IndexEvent, TranscriptTicket};
use crate::agent::{Format, Source};
use crate::domain::search::EntryLocation;
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::{EntryKey, Session, SessionKey};

/// Maximum open readers.
const MAX_OPEN_READERS: usize = 6;

/// Request to an opened transcript.
#[derive(Debug)]
pub(super) enum TranscriptRequest {
    Read(Range<usize>),
    Find(String),
    Locate(EntryLocation),
    /// Indices of entries, without a change of the branch.
    Positions(Vec<EntryKey>),
    /// Place at which the agent can fork before a prompt.
    ForkPoint(usize),
    /// Another branch.
    ShowBranch(usize),
    /// The outline, again from each change on.
    Outline,
    Refresh,
    /// Texts in files of their own changed: entries that are loaded may have others.
    RefreshTexts,
}

/// All opened transcripts.
pub(super) struct OpenTranscripts {
    formats: &'static [&'static dyn Format],
    /// Database with the texts that salon keeps beside transcripts.
    state_db: Option<PathBuf>,
    events: tokio::sync::mpsc::Sender<IndexEvent>,
    open: HashMap<TranscriptTicket, Open>,
    /// Use counter, for the least recently used reader.
    clock: u64,
}

struct Open {
    session: Arc<Session>,
    /// Rest of the session after its agent deleted the transcript, which is read as long as it is open.
    left: Option<Arc<Session>>,
    /// Requests to the thread; `None` where the reader was evicted.
    requests: Option<Sender<TranscriptRequest>>,
    used: u64,
}

impl OpenTranscripts {
    pub(super) fn new(
        formats: &'static [&'static dyn Format],
        state_db: Option<PathBuf>,
        events: tokio::sync::mpsc::Sender<IndexEvent>,
    ) -> Self {
        Self { formats, state_db, events, open: HashMap::new(), clock: 0 }
    }

    /// Opens a session's transcript: its newest entries are sent at once, then the whole.
    pub(super) fn open(&mut self, ticket: TranscriptTicket, session: Arc<Session>) {
        self.clock += 1;
        let requests = self.start(ticket, session.clone(), true);
        self.open.insert(ticket, Open { session, left: None, requests, used: self.clock });
        self.evict();
    }

    /// Closes a transcript.
    pub(super) fn close(&mut self, ticket: TranscriptTicket) {
        self.open.remove(&ticket);
    }

    /// Sends a request to an opened transcript, and reopens its reader where needed.
    pub(super) fn request(&mut self, ticket: TranscriptTicket, request: TranscriptRequest) {
        self.clock += 1;
        let Some(open) = self.open.get_mut(&ticket) else { return };
        open.used = self.clock;
        let request = match &open.requests {
            Some(requests) => match requests.send(request) {
                Ok(()) => return,
                Err(unsent) => unsent.0,
            },
            None => request,
        };
        if let Some(left) = open.left.take() {
            // The screen asks again for what it shows.
            return self.open(ticket, left);
        }
        let session = open.session.clone();
        let requests = self.start(ticket, session, false);
        if let Some(requests) = &requests {
            // The new thread may have ended already; then it has sent the reason.
            drop(requests.send(request));
        }
        if let Some(open) = self.open.get_mut(&ticket) {
            open.requests = requests;
        }
        self.evict();
    }

    /// Refreshes the readers of a changed file: of a session's own one, or of a text of the session in a file of its own,
    /// if the `source` is one.
    pub(super) fn source_changed(&self, path: &Path, source: Option<&Source>) {
        let side = source.filter(|_| !self.open.is_empty()).and_then(|source| {
            let format = self.formats.iter().find(|format| format.reads(source.agent))?;
            Some(SessionKey::new(source.agent, format.texts()?.side_session(source)?))
        });
        for open in self.open.values() {
            let request = if open.session.path == path {
                TranscriptRequest::Refresh
            } else if side.as_ref() == Some(&open.session.key) {
                TranscriptRequest::RefreshTexts
            } else {
                continue;
            };
            if let Some(requests) = &open.requests {
                // A thread that has ended needs no refresh; the next request reopens the transcript.
                drop(requests.send(request));
            }
        }
    }

    /// Refreshes the texts of the readers whose sessions are in a folder, or in a database.
    pub(super) fn texts_changed(&self, folder: &Path) {
        let affected = self.open.values().filter(|open| open.session.path.starts_with(folder));
        for requests in affected.filter_map(|open| open.requests.as_ref()) {
            // A thread that has ended needs no refresh; the next request reopens the transcript.
            drop(requests.send(TranscriptRequest::RefreshTexts));
        }
    }

    /// Reopens the transcript of a session whose source moved. One that its agent has deleted stays open as it was: only
    /// prompts are left elsewhere.
    pub(super) fn session_changed(&mut self, session: &Arc<Session>) {
        let mut tickets = Vec::new();
        for (ticket, open) in &mut self.open {
            if open.session.key != session.key || open.session.path == session.path {
                continue;
            }
            if session.flags.purged && !open.session.flags.purged && open.requests.is_some() {
                open.left = Some(session.clone());
            } else {
                tickets.push(*ticket);
            }
        }
        for ticket in tickets {
            self.open(ticket, session.clone());
        }
    }

    /// Returns true if no transcript is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn start(&self, ticket: TranscriptTicket, session: Arc<Session>, tail: bool) -> Option<Sender<TranscriptRequest>> {
        let format = self.formats.iter().copied().find(|format| format.reads(session.key.agent))?;
        let (sender, requests) = std::sync::mpsc::channel();
        let events = self.events.clone();
        let worker = TranscriptWorker {
            ticket,
            session,
            format,
            state_db: self.state_db.clone(),
            events: events.clone(),
            requests,
        };
        let thread = std::thread::Builder::new().name(format!("transcript-{ticket}"));
        match thread.spawn(move || worker.run(tail)) {
            Ok(_) => Some(sender),
            Err(error) => {
                let failed = TranscriptEvent::Failed(format!("cannot start a thread to read it: {error}"));
                drop(events.try_send(IndexEvent::Transcript(ticket, failed)));
                None
            }
        }
    }

    fn evict(&mut self) {
        let held = self.open.values().filter(|open| open.requests.is_some()).count();
        if held > MAX_OPEN_READERS {
            let least = self.open.values_mut().filter(|open| open.requests.is_some()).min_by_key(|open| open.used);
            if let Some(open) = least {
                open.requests = None;
            }
        }
    }
}
