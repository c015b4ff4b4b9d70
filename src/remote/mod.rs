//! Sessions of other machines and containers: one task per source keeps a connection to `salon serve --stdio` there.
//!
//! ```text
//! Remotes ──▶ source task ── ssh, docker exec … ── salon serve --stdio (index there; runs of its background process)
//!    ▲             │
//!    └─ events ◀───┘  rows (also from the cache), pages, hits, state
//! ```
//!
//! A lost connection is made again, with growing pauses. Requests of what needs a connection are refused meanwhile, with
//! the reason. Where there is no salon, files are read by a shell script, and the index is here. Keys of sessions have the source as their host on this side only.

pub mod collect;
pub mod command;
pub mod failure;
pub mod file_copies;
mod labels;
mod link;
mod pages;
pub mod policy;
mod rows;
mod runs;
mod source_task;
pub mod whole_copy;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::tz::TimeZone;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::domain::catalog::CatalogChange;
use crate::domain::remote::{RemoteSource, RemoteStatus};
use crate::domain::run::{Refusal, RunFailure, RunId};
use crate::domain::run_event::Replay;
use crate::domain::search::{LocatedEntries, SearchUpdate};
use crate::domain::session::Annotations;
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::{SessionKey, Time};
use crate::live::LiveEvent;
use crate::serve::index_message::IndexCall;
use crate::serve::message::{Call, Reply};

/// Maximum events that wait for the receiver; then the sources wait.
const MAX_PENDING_EVENTS: usize = 64;

/// Options of all sources.
#[derive(Clone)]
pub struct RemoteOptions {
    /// Cache directory; `None`: sessions are not kept.
    pub cache_dir: Option<PathBuf>,
    /// Reads the annotations of this machine, by which its sources are searched; `None` if they cannot be read.
    pub annotations: Arc<dyn Fn() -> Option<Annotations> + Send + Sync>,
    /// Clock, for the time of a loss.
    pub now: Arc<dyn Fn() -> Time + Send + Sync>,
    /// Time zone of days in queries, where the index is this salon's; `None`: UTC.
    pub zone: Option<TimeZone>,
    /// Random number, so that the pauses of several programs differ.
    pub seed: u64,
}

/// Event of a source.
#[derive(Debug)]
pub enum RemoteEvent {
    /// Sessions were added, changed or removed.
    Sessions {
        /// Name of the source.
        host: Arc<str>,
        /// The change.
        change: CatalogChange,
        /// True if all sessions of the source were listed.
        complete: bool,
    },
    /// State of the connection.
    State(RemoteStatus),
    /// Directory with copies of the files of a machine without salon, which stands for its home directory.
    Copies(PathBuf),
    /// Event of an open transcript.
    Transcript(u64, TranscriptEvent),
    /// Part of the result of a search; `None` if the source cannot search.
    Found {
        /// Name of the source.
        host: Arc<str>,
        /// Query of the request.
        query: String,
        /// The hits.
        update: Option<SearchUpdate>,
    },
    /// Entries of snippets.
    SnippetsLocated {
        /// Name of the source.
        host: Arc<str>,
        /// The entries.
        entries: LocatedEntries,
    },
    /// Change of a run, whose id has its host.
    Live(LiveEvent),
    /// Events of a watched run.
    Replay(RunId, Replay),
}

/// Request to a source.
#[derive(Debug)]
enum RemoteCommand {
    /// Request of the index.
    Index(IndexCall),
    /// Call about a run, with its reply.
    Call(Box<Call>, Option<oneshot::Sender<Result<Reply, Refusal>>>),
    /// Send the annotations that changed.
    Annotations,
    /// Connect now.
    Retry,
}

/// Handle of all sources. Dropping it closes the connections.
#[derive(Debug, Default)]
pub struct Remotes {
    /// Thread of the sources: decoding their messages never delays a window.
    thread: Option<JoinHandle<()>>,
    sources: Vec<(RemoteSource, mpsc::UnboundedSender<RemoteCommand>)>,
    /// Sources of the open transcripts.
    tickets: HashMap<u64, Arc<str>>,
}

impl Remotes {
    /// Starts a task for each source, on a thread of their own. The first events are the cached sessions.
    pub fn start(sources: &[RemoteSource], options: &RemoteOptions) -> (Self, mpsc::Receiver<RemoteEvent>) {
        let (events, receiver) = mpsc::channel(MAX_PENDING_EVENTS);
        if sources.is_empty() {
            return (Self::default(), receiver);
        }
        let mut tasks = Vec::new();
        let mut started = Vec::new();
        for source in sources {
            let (commands, requests) = mpsc::unbounded_channel();
            tasks.push(source_task::run(source.clone(), options.clone(), requests, events.clone()));
            started.push((source.clone(), commands));
        }
        let thread = std::thread::Builder::new().name("remote".to_owned()).spawn(move || run_tasks(tasks));
        let thread = thread.inspect_err(|error| tracing::error!(%error, "cannot start the thread of sources")).ok();
        (Self { thread, sources: started, tickets: HashMap::new() }, receiver)
    }

    /// Closes the connections and waits until the sessions are cached. The receiver of events must be gone.
    pub fn stop(mut self) {
        self.sources.clear();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of sources ended in a panic");
        }
    }

    /// Returns the source with a name.
    pub fn source(&self, host: &str) -> Option<&RemoteSource> {
        self.sources.iter().map(|(source, _)| source).find(|source| *source.name == *host)
    }

    /// Returns true if there are no sources.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Opens the transcript of a session that has a host.
    pub fn open(&mut self, ticket: u64, key: SessionKey) {
        let Some(host) = key.host.clone() else { return };
        self.send(&host, RemoteCommand::Index(IndexCall::Open { ticket, key }));
        self.tickets.insert(ticket, host);
    }

    /// Returns true if a transcript belongs to a source.
    pub fn has(&self, ticket: u64) -> bool {
        self.tickets.contains_key(&ticket)
    }

    /// Sends a request about an open transcript to its source.
    pub fn transcript(&mut self, ticket: u64, call: IndexCall) {
        let Some(host) = self.tickets.get(&ticket).cloned() else { return };
        if let IndexCall::Close { .. } = call {
            self.tickets.remove(&ticket);
        }
        self.send(&host, RemoteCommand::Index(call));
    }

    /// Sends a request of the index to one source, or to all.
    pub fn index(&self, host: Option<&str>, call: &IndexCall) {
        for (source, commands) in &self.sources {
            if host.is_none_or(|host| *source.name == *host) {
                // An error means that the program is shutting down.
                commands.send(RemoteCommand::Index(call.clone())).ok();
            }
        }
    }

    /// Sends changed annotations to the sources, which search by them.
    pub fn send_annotations(&self) {
        for (_, commands) in &self.sources {
            // An error means that the program is shutting down.
            commands.send(RemoteCommand::Annotations).ok();
        }
    }

    /// Connects at once to the sources without a connection.
    pub fn retry(&self) {
        for (_, commands) in &self.sources {
            // An error means that the program is shutting down.
            commands.send(RemoteCommand::Retry).ok();
        }
    }

    /// Sends a call about runs whose reply says nothing.
    pub fn call_without_reply(&self, host: &str, call: Call) {
        self.send(host, RemoteCommand::Call(Box::new(call), None));
    }

    /// Returns the reply to a call about runs.
    pub fn call(&self, host: &str, call: Call) -> impl Future<Output = Result<Reply, Refusal>> + Send + 'static {
        let (sender, reply) = oneshot::channel();
        self.send(host, RemoteCommand::Call(Box::new(call), Some(sender)));
        let host = host.to_owned();
        async move { reply.await.unwrap_or_else(|_| Err(unknown(&host))) }
    }

    fn send(&self, host: &str, command: RemoteCommand) {
        if let Some((_, commands)) = self.sources.iter().find(|(source, _)| *source.name == *host) {
            // An error means that the program is shutting down.
            commands.send(command).ok();
        }
    }
}

/// Runs the tasks of sources until all have ended.
fn run_tasks(tasks: Vec<impl Future<Output = ()> + Send + 'static>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "cannot start the sources"),
    };
    runtime.block_on(async {
        let mut running: JoinSet<()> = tasks.into_iter().collect();
        while running.join_next().await.is_some() {}
    });
}

fn unknown(host: &str) -> Refusal {
    Refusal::Failed(RunFailure::Other(format!("{host} is no source of the configuration")))
}
