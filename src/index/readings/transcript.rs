//! The thread of one opened transcript. Pages that are asked for come before a search that is under way.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::Request;
use super::find::Search;
use super::place::Locating;
use crate::agent::{Format, Marks, Reading, Refreshed, TextLimit};
use crate::domain::Session;
use crate::index::message::{Event, Opened, Ticket, TranscriptEvent};

/// Entries of the first screen, more than any screen shows.
const TAIL: usize = 100;

/// What the thread works with.
pub(super) struct Worker {
    pub ticket: Ticket,
    pub session: Arc<Session>,
    pub format: &'static dyn Format,
    pub events: tokio::sync::mpsc::Sender<Event>,
    pub requests: Receiver<Request>,
}

/// Nobody asks or listens any more.
struct Ended;

impl Worker {
    /// Works until nobody asks any more. A reader that panics ends only this reading.
    pub fn run(self, tail: bool) {
        if catch_unwind(AssertUnwindSafe(|| self.work(tail))).is_err() {
            let text = "salon failed while reading this transcript; please report it".to_owned();
            drop(self.tell(TranscriptEvent::Failed(text)));
        }
    }

    /// Ends by [`Ended`], or by having told why it cannot go on.
    fn work(&self, tail: bool) -> Result<(), Ended> {
        if tail {
            // If this fails, opening fails too and says why.
            if let Ok(entries) = self.format.tail(&self.session, TAIL) {
                self.tell(TranscriptEvent::Tail(entries.into_iter().map(Arc::new).collect()))?;
            }
        }
        let mut reading = match self.format.open(&self.session) {
            Ok(reading) => reading,
            Err(error) => return self.tell(refusal(&error)),
        };
        self.tell(TranscriptEvent::Opened(whole(&mut *reading)))?;
        let mut search: Option<Search> = None;
        let mut locating: Option<Locating> = None;
        loop {
            match self.next(search.is_some() || locating.is_some())? {
                Some(Request::Read(range)) => {
                    let from = range.start.min(reading.len());
                    let entries = reading.read(range, TextLimit::SCREEN).into_iter().map(Arc::new).collect();
                    self.tell(TranscriptEvent::Page { from, entries })?;
                }
                Some(Request::Find(query)) => search = (!query.is_empty()).then(|| Search::new(query)),
                Some(Request::Locate(place)) => locating = Some(Locating::new(place)),
                Some(Request::Refresh) => self.refresh(&mut *reading)?,
                // Where one wants to stand comes before what else there is.
                None if locating.is_some() => {
                    if let Some(told) = locating.as_mut().and_then(|locating| locating.step(&mut *reading)) {
                        locating = None;
                        self.tell(told)?;
                    }
                }
                None => {
                    let Some(found) = search.as_mut().map(|search| search.step(&mut *reading)) else { continue };
                    if found.complete {
                        search = None;
                    }
                    if let Some(found) = found.tell {
                        self.tell(found)?;
                    }
                }
            }
        }
    }

    /// The next request; `None` at once while there is other work to do.
    fn next(&self, busy: bool) -> Result<Option<Request>, Ended> {
        if !busy {
            return self.requests.recv().map(Some).map_err(|_| Ended);
        }
        match self.requests.try_recv() {
            Ok(request) => Ok(Some(request)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Ended),
        }
    }

    fn refresh(&self, reading: &mut dyn Reading) -> Result<(), Ended> {
        match reading.refresh() {
            Refreshed::Same => Ok(()),
            Refreshed::Grown { from } => self.tell(TranscriptEvent::Grown { from, opened: whole(reading) }),
            Refreshed::Reset => self.tell(TranscriptEvent::Grown { from: 0, opened: whole(reading) }),
            Refreshed::Gone => self.tell(TranscriptEvent::Gone),
        }
    }

    fn tell(&self, what: TranscriptEvent) -> Result<(), Ended> {
        self.events.blocking_send(Event::Transcript(self.ticket, what)).map_err(|_| Ended)
    }
}

fn refusal(error: &io::Error) -> TranscriptEvent {
    match error.kind() {
        io::ErrorKind::NotFound => TranscriptEvent::Gone,
        _ => TranscriptEvent::Failed(error.to_string()),
    }
}

fn whole(reading: &mut dyn Reading) -> Opened {
    let issue = |issue: &crate::domain::Issue| match issue.line {
        Some(line) => format!("line {line}: {}", issue.reason),
        None => issue.reason.clone(),
    };
    Opened {
        len: reading.len(),
        branches: reading.branches(),
        prompts: reading.marks(Marks::Prompts).into(),
        errors: reading.marks(Marks::Errors).into(),
        issues: reading.issues().iter().map(issue).collect(),
    }
}
