//! Thread of one opened transcript. Page requests run before a running search.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::TranscriptRequest;
use super::find::TranscriptSearch;
use super::locate::EntryLookup;
use crate::agent::{Format, MarkKind, RefreshOutcome, TextLimit, TranscriptReader};
use crate::domain::Session;
use crate::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use crate::index::kept_transcript::open_transcript;
use crate::index::message::{IndexEvent, TranscriptTicket};

/// Number of entries for the first screen; more than any screen shows.
const TAIL_ENTRIES: usize = 100;

/// State of the thread.
pub(super) struct TranscriptWorker {
    pub ticket: TranscriptTicket,
    pub session: Arc<Session>,
    pub format: &'static dyn Format,
    /// Database with the texts that salon keeps beside transcripts.
    pub state_db: Option<PathBuf>,
    pub events: tokio::sync::mpsc::Sender<IndexEvent>,
    pub requests: Receiver<TranscriptRequest>,
}

/// The sender of requests or the receiver of events is gone.
struct Ended;

impl TranscriptWorker {
    /// Runs until [`Ended`]. A reader that panics ends only this thread.
    pub(super) fn run(self, tail: bool) {
        if catch_unwind(AssertUnwindSafe(|| self.work(tail))).is_err() {
            let text = "salon failed while reading this transcript; please report it".to_owned();
            drop(self.emit(TranscriptEvent::Failed(text)));
        }
    }

    /// Ends with [`Ended`], or after an event with the reason of a failure.
    fn work(&self, tail: bool) -> Result<(), Ended> {
        if tail {
            // If this fails, opening fails, too, and sends the reason.
            if let Ok(entries) = self.format.tail(&self.session, TAIL_ENTRIES) {
                self.emit(TranscriptEvent::Tail(entries.into_iter().map(Arc::new).collect()))?;
            }
        }
        let mut reader = match open_transcript(self.format, &self.session, self.state_db.as_deref()) {
            Ok(reader) => reader,
            Err(error) => return self.emit(open_error(&error)),
        };
        self.emit(TranscriptEvent::Opened(describe(&mut *reader)))?;
        let mut search: Option<TranscriptSearch> = None;
        let mut lookup: Option<EntryLookup> = None;
        loop {
            match self.next(search.is_some() || lookup.is_some())? {
                Some(TranscriptRequest::Read(range)) => {
                    let from = range.start.min(reader.len());
                    let entries = reader.read(range, TextLimit::SCREEN).into_iter().map(Arc::new).collect();
                    self.emit(TranscriptEvent::Page { from, entries })?;
                }
                Some(TranscriptRequest::Find(query)) => {
                    search = (!query.is_empty()).then(|| TranscriptSearch::new(query));
                }
                Some(TranscriptRequest::Locate(place)) => lookup = Some(EntryLookup::new(place)),
                Some(TranscriptRequest::Refresh) => self.refresh(&mut *reader)?,
                Some(TranscriptRequest::RefreshTexts) => {
                    self.emit(TranscriptEvent::Grown { from: 0, opened: describe(&mut *reader) })?;
                }
                // A jump to a location comes before a search.
                None if lookup.is_some() => {
                    if let Some((other_branch, event)) = lookup.as_mut().and_then(|lookup| lookup.step(&mut *reader)) {
                        lookup = None;
                        if other_branch {
                            let opened = describe(&mut *reader);
                            self.emit(TranscriptEvent::Grown { from: 0, opened })?;
                        }
                        self.emit(event)?;
                    }
                }
                None => {
                    let Some(found) = search.as_mut().map(|search| search.step(&mut *reader)) else { continue };
                    if found.complete {
                        search = None;
                    }
                    if let Some(found) = found.event {
                        self.emit(found)?;
                    }
                }
            }
        }
    }

    /// Returns the next request; `None` at once while there is other work.
    fn next(&self, busy: bool) -> Result<Option<TranscriptRequest>, Ended> {
        if !busy {
            return self.requests.recv().map(Some).map_err(|_| Ended);
        }
        match self.requests.try_recv() {
            Ok(request) => Ok(Some(request)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Ended),
        }
    }

    fn refresh(&self, reader: &mut dyn TranscriptReader) -> Result<(), Ended> {
        match reader.refresh() {
            RefreshOutcome::Same => Ok(()),
            RefreshOutcome::Grown { from } => self.emit(TranscriptEvent::Grown { from, opened: describe(reader) }),
            RefreshOutcome::Reset => self.emit(TranscriptEvent::Grown { from: 0, opened: describe(reader) }),
            RefreshOutcome::Gone => self.emit(TranscriptEvent::Gone),
        }
    }

    fn emit(&self, what: TranscriptEvent) -> Result<(), Ended> {
        self.events.blocking_send(IndexEvent::Transcript(self.ticket, what)).map_err(|_| Ended)
    }
}

fn open_error(error: &io::Error) -> TranscriptEvent {
    match error.kind() {
        io::ErrorKind::NotFound => TranscriptEvent::Gone,
        _ => TranscriptEvent::Failed(error.to_string()),
    }
}

fn describe(reader: &mut dyn TranscriptReader) -> TranscriptInfo {
    let issue = |issue: &crate::domain::Issue| match issue.line {
        Some(line) => format!("line {line}: {}", issue.reason),
        None => issue.reason.clone(),
    };
    TranscriptInfo {
        len: reader.len(),
        branches: reader.branches(),
        prompts: reader.marks(MarkKind::Prompts).into(),
        errors: reader.marks(MarkKind::Errors).into(),
        issues: reader.issues().iter().map(issue).collect(),
    }
}
