//! Handle to the running index.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::engine::{Engine, EngineCommand, EngineInput};
use super::message::{IndexEvent, TranscriptTicket};
use super::open_transcripts::TranscriptRequest;
use super::options::IndexOptions;
use crate::domain::annotation::Labels;
use crate::domain::catalog::CatalogChange;
use crate::domain::query::FilterKey;
use crate::domain::search::{EntryLocation, SearchRequest};
use crate::domain::{EntryKey, SessionKey, Time};

/// Maximum unread events. Further ones are merged, or block the worker that sends them.
const EVENT_CAPACITY: usize = 64;

/// Handle to the running index, which works on its own threads until it is stopped or dropped.
#[derive(Debug)]
pub struct Index {
    inputs: Sender<EngineInput>,
    bytes_read: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Index {
    /// Starts the index. The first event contains the newest sessions, from the cache or from a peek at the newest
    /// files.
    pub fn start(options: IndexOptions) -> (Self, tokio::sync::mpsc::Receiver<IndexEvent>) {
        let (events, receiver) = tokio::sync::mpsc::channel(EVENT_CAPACITY);
        let (inputs, queue) = channel();
        let bytes_read = Arc::new(AtomicU64::new(0));
        let (sender, counter) = (inputs.clone(), bytes_read.clone());
        let work = move || Engine::new(&options, sender, events, counter).run(&queue);
        let thread = std::thread::Builder::new().name("index".into()).spawn(work);
        let thread = thread.inspect_err(|error| tracing::error!(%error, "cannot start the index thread")).ok();
        (Self { inputs, bytes_read, thread }, receiver)
    }

    /// Reads all sources again, without the cache and without the known state.
    pub fn rescan(&self) {
        self.command(EngineCommand::Rescan);
    }

    /// Rescans for missed changes where changes are polled; cheap enough for every key press.
    pub fn check_changes(&self) {
        self.command(EngineCommand::CheckChanges);
    }

    /// Checks the files of sessions, and sends the rows of those that exist even if they did not change. The receiver of
    /// the events calls this after it dropped rows itself: the files may be back before the index saw them missing.
    pub fn check_sessions(&self, keys: Vec<SessionKey>) {
        self.command(EngineCommand::CheckSessions(keys));
    }

    /// Loads the annotations and the hidden sessions again, because they changed.
    pub fn load_user_data(&self) {
        self.command(EngineCommand::LoadUserData);
    }

    /// Uses the labels of a client instead of those of this machine, of which only names remain. Each replaces the earlier
    /// ones of its session.
    pub fn label(&self, labels: Vec<(SessionKey, Labels)>) {
        self.command(EngineCommand::Label(labels));
    }

    /// Applies a change of the sessions of another machine, whose keys have its name as host.
    pub fn apply_remote(&self, change: CatalogChange) {
        self.command(EngineCommand::Remote(change));
    }

    /// Opens a session's transcript. Events of `ticket` follow: its newest entries, the whole, then its changes.
    pub fn open(&self, ticket: TranscriptTicket, key: SessionKey) {
        self.command(EngineCommand::Open(ticket, key));
    }

    /// Closes a transcript.
    pub fn close(&self, ticket: TranscriptTicket) {
        self.command(EngineCommand::Close(ticket));
    }

    /// Reads entries of an opened transcript.
    pub fn read(&self, ticket: TranscriptTicket, range: Range<usize>) {
        self.command(EngineCommand::Transcript(ticket, TranscriptRequest::Read(range)));
    }

    /// Searches an opened transcript. A newer query cancels the older one; an empty query only cancels.
    pub fn find(&self, ticket: TranscriptTicket, query: String) {
        self.command(EngineCommand::Transcript(ticket, TranscriptRequest::Find(query)));
    }

    /// Finds the entry of a location in an opened transcript.
    pub fn locate(&self, ticket: TranscriptTicket, place: EntryLocation) {
        self.command(EngineCommand::Transcript(ticket, TranscriptRequest::Locate(place)));
    }

    /// Finds entries on the shown branch of an opened transcript.
    pub fn positions(&self, ticket: TranscriptTicket, keys: Vec<EntryKey>) {
        self.command(EngineCommand::Transcript(ticket, TranscriptRequest::Positions(keys)));
    }

    /// Finds the place at which the agent can fork the session of an opened transcript before a prompt.
    pub fn fork_point(&self, ticket: TranscriptTicket, prompt: usize) {
        self.command(EngineCommand::Transcript(ticket, TranscriptRequest::ForkPoint(prompt)));
    }

    /// Shows another branch of an opened transcript, by its number from 0.
    pub fn show_branch(&self, ticket: TranscriptTicket, branch: usize) {
        self.command(EngineCommand::Transcript(ticket, TranscriptRequest::ShowBranch(branch)));
    }

    /// Requests the outline of an opened transcript, and its changes from then on.
    pub fn outline(&self, ticket: TranscriptTicket) {
        self.command(EngineCommand::Transcript(ticket, TranscriptRequest::Outline));
    }

    /// Ranks sessions for the quick filter; a newer query cancels the older one.
    pub fn rank(&self, query: String) {
        self.command(EngineCommand::Rank(query));
    }

    /// Searches sessions; ages in the query are relative to `now`. A search over all sessions cancels the earlier ones;
    /// an empty query only cancels.
    pub fn search(&self, request: SearchRequest, now: Time) {
        self.command(EngineCommand::Search(request, now));
    }

    /// Counts the values of a filter in the indexed texts. A newer search or count cancels the older one.
    pub fn count_values(&self, field: FilterKey, typed: String) {
        self.command(EngineCommand::Count(field, typed));
    }

    /// Returns the number of bytes that summaries have read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Stops the index: flushes results to the cache and removes the watches.
    pub fn stop(mut self) {
        self.command(EngineCommand::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the index ended in a panic");
        }
    }

    fn command(&self, command: EngineCommand) {
        if self.inputs.send(EngineInput::Command(command)).is_err() {
            tracing::debug!("the index has ended");
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.command(EngineCommand::Stop);
    }
}
