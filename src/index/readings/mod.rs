//! Opened transcripts: each is read by a thread of its own, so that nothing else waits for it.
//!
//! How many are open at once is bounded: the one that was not used for longest is given up, and taken up anew when
//! somebody asks for it again.

mod find;
mod place;
mod transcript;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

pub use self::find::matches;
use self::transcript::Worker;
use super::message::{Event, Ticket, TranscriptEvent};
use crate::agent::Format;
use crate::domain::Session;
use crate::domain::found::Place;

/// Transcripts that are held open at once.
const HELD: usize = 6;

/// What is asked of an opened transcript.
#[derive(Debug)]
pub(super) enum Request {
    Read(Range<usize>),
    Find(String),
    Locate(Place),
    Refresh,
}

/// All that are open.
pub(super) struct Readings {
    formats: &'static [&'static dyn Format],
    events: tokio::sync::mpsc::Sender<Event>,
    open: HashMap<Ticket, Open>,
    /// Counts uses, to tell which was used last.
    clock: u64,
}

struct Open {
    session: Arc<Session>,
    /// `None` where it was given up for want of room.
    requests: Option<Sender<Request>>,
    used: u64,
}

impl Readings {
    pub fn new(formats: &'static [&'static dyn Format], events: tokio::sync::mpsc::Sender<Event>) -> Self {
        Self { formats, events, open: HashMap::new(), clock: 0 }
    }

    /// Opens a session's transcript: its newest entries are told at once, then the whole.
    pub fn open(&mut self, ticket: Ticket, session: Arc<Session>) {
        self.clock += 1;
        let requests = self.start(ticket, session.clone(), true);
        self.open.insert(ticket, Open { session, requests, used: self.clock });
        self.make_room();
    }

    /// Nobody looks at it any more.
    pub fn close(&mut self, ticket: Ticket) {
        self.open.remove(&ticket);
    }

    /// Asks something of an opened transcript.
    pub fn ask(&mut self, ticket: Ticket, request: Request) {
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
        let session = open.session.clone();
        let requests = self.start(ticket, session, false);
        if let Some(requests) = &requests {
            // The thread has only just begun; if it ended already, it has told why.
            drop(requests.send(request));
        }
        if let Some(open) = self.open.get_mut(&ticket) {
            open.requests = requests;
        }
        self.make_room();
    }

    /// A unit changed on disk: whoever reads it looks again.
    pub fn touched(&self, path: &Path) {
        for open in self.open.values().filter(|open| open.session.path == path) {
            if let Some(requests) = &open.requests {
                // A reading that has ended needs no refresh; it begins anew when it is asked for.
                drop(requests.send(Request::Refresh));
            }
        }
    }

    /// A session's row changed: if its transcript lies elsewhere now, it is opened there.
    pub fn moved(&mut self, session: &Arc<Session>) {
        let moved = |open: &Open| open.session.key == session.key && open.session.path != session.path;
        let tickets: Vec<_> = self.open.iter().filter(|(_, open)| moved(open)).map(|(ticket, _)| *ticket).collect();
        for ticket in tickets {
            self.open(ticket, session.clone());
        }
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn start(&self, ticket: Ticket, session: Arc<Session>, tail: bool) -> Option<Sender<Request>> {
        let format = self.formats.iter().copied().find(|format| format.agent() == session.key.agent)?;
        let (sender, requests) = std::sync::mpsc::channel();
        let events = self.events.clone();
        let worker = Worker { ticket, session, format, events: events.clone(), requests };
        let thread = std::thread::Builder::new().name(format!("reading-{ticket}"));
        match thread.spawn(move || worker.run(tail)) {
            Ok(_) => Some(sender),
            Err(error) => {
                let failed = TranscriptEvent::Failed(format!("no thread to read it: {error}"));
                drop(events.try_send(Event::Transcript(ticket, failed)));
                None
            }
        }
    }

    fn make_room(&mut self) {
        let held = self.open.values().filter(|open| open.requests.is_some()).count();
        if held > HELD {
            let least = self.open.values_mut().filter(|open| open.requests.is_some()).min_by_key(|open| open.used);
            if let Some(open) = least {
                open.requests = None;
            }
        }
    }
}
