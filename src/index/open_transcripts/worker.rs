//! Thread of one opened transcript. Page requests run before a running search.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::TranscriptRequest;
use super::describe::TranscriptDescription;
use super::find::TranscriptSearch;
use super::locate::EntryLookup;
use super::outline::OutlineScan;
use super::turns::TurnCache;
use crate::agent::{self, Format, MarkKind, RefreshOutcome, TextLimit, TranscriptReader};
use crate::domain::Session;
use crate::domain::transcript_event::TranscriptEvent;
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

/// Tasks that are done in steps between the requests.
#[derive(Default)]
struct ReaderTasks {
    search: Option<TranscriptSearch>,
    lookup: Option<EntryLookup>,
    outline: Option<OutlineScan>,
    branches: TranscriptDescription,
    turns: TurnCache,
}

impl ReaderTasks {
    fn is_pending(&self) -> bool {
        let outlines = self.outline.as_ref().is_some_and(|outline| !outline.is_complete());
        let searches = self.search.as_ref().is_some_and(|search| !search.is_complete());
        self.lookup.is_some() || searches || outlines
    }
}

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
        let mut tasks = ReaderTasks::default();
        self.emit(TranscriptEvent::Opened(tasks.branches.describe(&mut *reader)))?;
        loop {
            match self.next(tasks.is_pending())? {
                Some(request) => self.serve(request, &mut *reader, &mut tasks)?,
                None => self.advance(&mut *reader, &mut tasks)?,
            }
        }
    }

    fn serve(
        &self,
        request: TranscriptRequest,
        reader: &mut dyn TranscriptReader,
        tasks: &mut ReaderTasks,
    ) -> Result<(), Ended> {
        match request {
            TranscriptRequest::Read(range) => {
                let from = range.start.min(reader.len());
                let mut entries = reader.read(range, TextLimit::SCREEN);
                let prompts = reader.marks(MarkKind::Prompts);
                tasks.turns.set(reader, &prompts, from, &mut entries);
                let entries = entries.into_iter().map(Arc::new).collect();
                self.emit(TranscriptEvent::Page { from, entries })
            }
            TranscriptRequest::Find(query) => {
                tasks.search = (!query.is_empty()).then(|| TranscriptSearch::new(query));
                Ok(())
            }
            TranscriptRequest::Locate(place) => {
                tasks.lookup = Some(EntryLookup::new(place));
                Ok(())
            }
            TranscriptRequest::Positions(keys) => {
                let wanted: Vec<_> = keys.iter().map(|key| (*key, "")).collect();
                let found = keys.iter().zip(reader.positions(&wanted));
                let found = found.filter_map(|(key, index)| Some((*key, index?))).collect();
                self.emit(TranscriptEvent::Positions(found))
            }
            TranscriptRequest::ForkPoint(prompt) => {
                let point = self.format.fork_cut().and_then(|cut| agent::fork_record(cut, prompt, reader));
                self.emit(TranscriptEvent::ForkPoint { prompt, point: point.map(Into::into) })
            }
            TranscriptRequest::Outline => {
                tasks.outline = Some(OutlineScan::default());
                Ok(())
            }
            TranscriptRequest::ShowBranch(branch) if reader.show_branch(branch) => self.report_change(0, reader, tasks),
            TranscriptRequest::ShowBranch(_) => Ok(()),
            TranscriptRequest::Refresh => self.refresh(reader, tasks),
            TranscriptRequest::RefreshTexts => self.report_change(0, reader, tasks),
        }
    }

    /// Continues a task: a jump to a location comes before a search, and the outline last.
    fn advance(&self, reader: &mut dyn TranscriptReader, tasks: &mut ReaderTasks) -> Result<(), Ended> {
        if let Some(lookup) = &mut tasks.lookup {
            let Some((other_branch, event)) = lookup.step(reader) else { return Ok(()) };
            tasks.lookup = None;
            if other_branch {
                self.report_change(0, reader, tasks)?;
            }
            return self.emit(event);
        }
        if let Some(search) = tasks.search.as_mut().filter(|search| !search.is_complete()) {
            return search.step(reader).map_or(Ok(()), |event| self.emit(event));
        }
        let event = tasks.outline.as_mut().and_then(|outline| outline.step(reader));
        event.map_or(Ok(()), |event| self.emit(event))
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

    fn refresh(&self, reader: &mut dyn TranscriptReader, tasks: &mut ReaderTasks) -> Result<(), Ended> {
        match reader.refresh() {
            RefreshOutcome::Same => Ok(()),
            RefreshOutcome::Grown { from } => self.report_change(from, reader, tasks),
            RefreshOutcome::Reset => self.report_change(0, reader, tasks),
            RefreshOutcome::Gone => self.emit(TranscriptEvent::Gone),
        }
    }

    /// Reports that entries from an index on are new or changed.
    fn report_change(
        &self,
        from: usize,
        reader: &mut dyn TranscriptReader,
        tasks: &mut ReaderTasks,
    ) -> Result<(), Ended> {
        if let Some(outline) = &mut tasks.outline {
            outline.restart(from);
        }
        if let Some(search) = &mut tasks.search {
            search.restart(from);
        }
        tasks.branches.outdate(from);
        tasks.turns.outdate(from);
        self.emit(TranscriptEvent::Grown { from, opened: tasks.branches.describe(reader) })
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
