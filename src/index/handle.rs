//! The live index as the rest of the program holds it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::engine::{Command, Engine, Input};
use super::message::{Event, Sought, Ticket};
use super::options::Options;
use super::readings::Request;
use crate::domain::SessionKey;
use crate::domain::found::Place;
use crate::domain::query::Field;

/// Events that may wait to be taken. What comes beyond is merged, or waits with whoever found it.
const WAITING: usize = 64;

/// The index, at work on threads of its own until it is stopped or dropped.
#[derive(Debug)]
pub struct Index {
    inputs: Sender<Input>,
    bytes_read: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Index {
    /// Starts it. The first event holds the newest sessions: from the cache where there is one, else from a first
    /// glance at the newest files.
    pub fn start(options: Options) -> (Self, tokio::sync::mpsc::Receiver<Event>) {
        let (events, receiver) = tokio::sync::mpsc::channel(WAITING);
        let (inputs, queue) = channel();
        let bytes_read = Arc::new(AtomicU64::new(0));
        let (sender, counter) = (inputs.clone(), bytes_read.clone());
        let work = move || Engine::new(&options, sender, events, counter).run(&queue);
        let thread = std::thread::Builder::new().name("index".into()).spawn(work);
        let thread = thread.inspect_err(|error| tracing::error!(%error, "the index has no thread")).ok();
        (Self { inputs, bytes_read, thread }, receiver)
    }

    /// Reads everything again, trusting neither cache nor memory.
    pub fn rescan(&self) {
        self.command(Command::Rescan);
    }

    /// Looks whether anything changed that was not noticed; cheap. Worth it at a key press where changes are polled.
    pub fn look(&self) {
        self.command(Command::Look);
    }

    /// Opens a session's transcript. Answered under `ticket`: its newest entries, then the whole, then what changes.
    pub fn open(&self, ticket: Ticket, key: SessionKey) {
        self.command(Command::Open(ticket, key));
    }

    /// Closes a transcript.
    pub fn close(&self, ticket: Ticket) {
        self.command(Command::Close(ticket));
    }

    /// Reads entries of an opened transcript.
    pub fn read(&self, ticket: Ticket, range: Range<usize>) {
        self.command(Command::Ask(ticket, Request::Read(range)));
    }

    /// Searches an opened transcript by a query. A newer query cancels the older, an empty one only cancels.
    pub fn find(&self, ticket: Ticket, query: String) {
        self.command(Command::Ask(ticket, Request::Find(query)));
    }

    /// Finds out which entry of an opened transcript a place is in.
    pub fn locate(&self, ticket: Ticket, place: Place) {
        self.command(Command::Ask(ticket, Request::Locate(place)));
    }

    /// Ranks sessions for the quick filter; a newer query cancels the older.
    pub fn rank(&self, query: String) {
        self.command(Command::Rank(query));
    }

    /// Searches sessions. A newer search over all cancels what was asked before; an empty query only cancels.
    pub fn search(&self, sought: Sought) {
        self.command(Command::Search(sought));
    }

    /// Counts the values that a filter has in the texts of sessions, as far as they are stored. A newer search or count
    /// cancels the older.
    pub fn count_values(&self, field: Field, typed: String) {
        self.command(Command::Count(field, typed));
    }

    /// Bytes that summaries took from disk so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Ends it: what was read is kept in the cache, watches are given up.
    pub fn stop(mut self) {
        self.command(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the index ended in a panic");
        }
    }

    fn command(&self, command: Command) {
        if self.inputs.send(Input::Command(command)).is_err() {
            tracing::debug!("the index has ended");
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.command(Command::Stop);
    }
}
