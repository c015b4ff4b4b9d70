//! Engine thread of the index: takes job results, file system events and commands, and sends events.
//!
//! The thread never waits for the interface and never reads a transcript. Catalog changes are taken from the session table only
//! when the channel has room, so that pending ones are merged. While nothing happens it sleeps without a timeout.

mod emission;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::client_labels::ClientLabels;
use super::message::{IndexEvent, TranscriptTicket, WatchState};
use super::open_transcripts::{OpenTranscripts, TranscriptRequest};
use super::options::{IndexOptions, WatchMode};
use super::pool::JobResult;
use super::rank;
use super::scanner::Scanner;
use super::search::Corpus;
use super::search_service::{IndexerEvent, IndexerNeed, SearchService};
use super::throttle::Throttle;
use super::timers::{DueTimer, Timers};
use super::watch::{self, FsEvent, Watch};
use crate::agent::Source;
use crate::domain::annotation::Labels;
use crate::domain::catalog::{CatalogChange, IndexProgress};
use crate::domain::live_status::LiveStatus;
use crate::domain::query::FilterKey;
use crate::domain::search::SearchRequest;
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::{Issue, Session, SessionKey, Time};
use crate::store::user_data::UserData;

/// Minimum time between two checks of one path.
const PATH_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum inputs per round, after which events are sent again.
const MAX_INPUTS_PER_ROUND: usize = 256;

/// Input of the engine.
#[expect(clippy::large_enum_variant, reason = "moved once through a channel, never kept")]
pub(super) enum EngineInput {
    JobDone(JobResult),
    Fs(FsEvent),
    Command(EngineCommand),
    Indexer(IndexerEvent),
}

/// Command of [`super::Index`].
pub(super) enum EngineCommand {
    Rescan,
    CheckChanges,
    CheckSessions(Vec<SessionKey>),
    Open(TranscriptTicket, SessionKey),
    Close(TranscriptTicket),
    Transcript(TranscriptTicket, TranscriptRequest),
    Rank(String),
    Search(SearchRequest, Time),
    Count(FilterKey, String),
    LoadUserData,
    Label(Vec<(SessionKey, Labels)>),
    Remote(CatalogChange),
    Stop,
}

/// State of the index.
pub(super) struct Engine {
    scanner: Scanner,
    clock: fn() -> Instant,
    inputs: Sender<EngineInput>,
    events: tokio::sync::mpsc::Sender<IndexEvent>,
    bytes_read: Arc<AtomicU64>,
    timers: Timers,
    paths: Throttle<PathBuf>,
    transcripts: OpenTranscripts,
    /// Database with the annotations.
    state_db: Option<PathBuf>,
    client_labels: ClientLabels,
    /// Transcripts whose sessions are not in the table yet.
    pending_opens: HashMap<TranscriptTicket, SessionKey>,
    ranker: Sender<rank::RankRequest>,
    /// Rows changed since the last request to the ranker.
    rows_changed: bool,
    search_service: SearchService,
    /// Corpus of searches, rebuilt after a change.
    corpus: Option<Arc<Corpus>>,
    /// The first scan is complete and was sent.
    catalog_complete: bool,
    /// Searches that wait for the first scan, or for labels.
    pending_searches: Vec<(SearchRequest, Time)>,
    watch_mode: WatchMode,
    watch: Option<Watch>,
    polling_issue: Option<Issue>,
    live: Vec<LiveStatus>,
    emitted: Emitted,
    stopping: bool,
}

/// Last sent values, and values still to be sent.
#[derive(Default)]
struct Emitted {
    progress: Option<IndexProgress>,
    live: bool,
    watch: Option<WatchState>,
    first: bool,
}

impl Engine {
    pub(super) fn new(
        options: &IndexOptions,
        inputs: Sender<EngineInput>,
        events: tokio::sync::mpsc::Sender<IndexEvent>,
        bytes_read: Arc<AtomicU64>,
    ) -> Self {
        let results = inputs.clone();
        // The receiver is gone only with the engine; late results of its jobs are dropped.
        let report = move |result| drop(results.send(EngineInput::JobDone(result)));
        let answers = events.clone();
        let ranker = rank::start(move |query, keys| answers.blocking_send(IndexEvent::Ranked { query, keys }).is_ok());
        let indexer_inputs = inputs.clone();
        let search_service =
            SearchService::start(options, &events, move |event| drop(indexer_inputs.send(EngineInput::Indexer(event))));
        Self {
            scanner: Scanner::new(options, Arc::new(report)),
            clock: options.clock,
            inputs,
            transcripts: OpenTranscripts::new(options.formats, options.state_db.clone(), events.clone()),
            state_db: options.state_db.clone(),
            client_labels: ClientLabels::default(),
            events,
            bytes_read,
            timers: Timers::default(),
            paths: Throttle::new(PATH_INTERVAL),
            pending_opens: HashMap::new(),
            ranker,
            rows_changed: true,
            search_service,
            corpus: None,
            catalog_complete: false,
            pending_searches: Vec::new(),
            watch_mode: options.watch,
            watch: None,
            polling_issue: None,
            live: Vec::new(),
            emitted: Emitted::default(),
            stopping: false,
        }
    }

    /// Runs until [`EngineCommand::Stop`] or until the receiver of events is dropped.
    pub(super) fn run(mut self, queue: &Receiver<EngineInput>) {
        self.load_user_data();
        self.scanner.load_cache();
        self.timers.started((self.clock)());
        self.scanner.start_scan(false);
        self.emit();
        while !self.stopping {
            let first = match self.timers.next(self.paths.next()) {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since((self.clock)())),
            };
            match first {
                Ok(input) => {
                    self.handle_input(input);
                    queue.try_iter().take(MAX_INPUTS_PER_ROUND).for_each(|input| self.handle_input(input));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.run_timers();
            self.emit();
            for (ticket, key) in std::mem::take(&mut self.pending_opens) {
                self.open(ticket, key);
            }
            if !self.pending_searches.is_empty() && self.is_catalog_complete() {
                for (request, now) in std::mem::take(&mut self.pending_searches) {
                    self.search(request, now);
                }
            }
        }
        self.scanner.flush();
        self.scanner.save_front();
    }

    fn handle_input(&mut self, input: EngineInput) {
        match input {
            EngineInput::JobDone(result) => {
                match &result {
                    JobResult::Summarised(source, ..) => {
                        self.transcripts.source_changed(&source.path, Some(source));
                        // The stamp of the source changed, even if nothing else did.
                        self.corpus = None;
                        self.search_service.changed();
                    }
                    JobResult::LiveDetected(statuses) => self.live_changed(statuses),
                    JobResult::CopiesFound(..)
                    | JobResult::Discovered(..)
                    | JobResult::Peeked(..)
                    | JobResult::CacheChunk(_)
                    | JobResult::CacheLoaded(_)
                    | JobResult::WorkspacesResolved(_) => {}
                }
                self.scanner.handle(result);
                if let Some(after) = self.scanner.next_retry() {
                    self.timers.retry((self.clock)() + after);
                }
                self.bytes_read.store(self.scanner.counts.bytes, Ordering::Relaxed);
            }
            EngineInput::Fs(FsEvent::Paths(paths)) => paths.iter().for_each(|path| self.path_changed(path)),
            EngineInput::Fs(FsEvent::Everything) => self.scanner.start_scan(false),
            EngineInput::Fs(FsEvent::State(state)) => self.watch_changed(state),
            EngineInput::Command(command) => self.handle(command),
            EngineInput::Indexer(event) => {
                self.search_service.handle(event);
                self.scanner.set_issue("search", self.search_service.issue.clone());
            }
        }
    }

    fn handle(&mut self, command: EngineCommand) {
        match command {
            EngineCommand::Rescan => {
                self.load_user_data();
                self.scanner.start_scan(true);
            }
            EngineCommand::CheckChanges => {
                if self.polling_issue.is_some() {
                    self.scanner.start_scan(false);
                }
            }
            EngineCommand::CheckSessions(keys) => self.check_sessions(&keys),
            EngineCommand::Open(ticket, key) => self.open(ticket, key),
            EngineCommand::Close(ticket) => {
                self.pending_opens.remove(&ticket);
                self.transcripts.close(ticket);
            }
            EngineCommand::Transcript(ticket, request) => self.transcripts.request(ticket, request),
            EngineCommand::Rank(query) => {
                let rows =
                    std::mem::take(&mut self.rows_changed).then(|| self.scanner.table.sessions().cloned().collect());
                // The ranker ends only with its sender or with the receiver of its answers.
                drop(self.ranker.send(rank::RankRequest { query, rows }));
            }
            EngineCommand::Search(request, now) => self.search(request, now),
            EngineCommand::Count(field, typed) => {
                let corpus = self.corpus();
                self.search_service.count(field, typed, corpus);
            }
            EngineCommand::LoadUserData => self.load_user_data(),
            EngineCommand::Label(labels) => {
                self.client_labels.apply(labels);
                self.load_user_data();
                self.client_labels.is_unsent = self.scanner.table.changed();
            }
            EngineCommand::Remote(change) => self.scanner.table.apply_remote(change),
            EngineCommand::Stop => self.stopping = true,
        }
    }

    fn search(&mut self, request: SearchRequest, now: Time) {
        if request.within.is_none() {
            self.pending_searches.clear();
            self.search_service.cancel();
        }
        if !self.is_catalog_complete() {
            self.pending_searches.push((request, now));
            return;
        }
        let corpus = match &request.within {
            None => self.corpus(),
            Some(keys) => Arc::new(self.corpus_of(keys)),
        };
        self.search_service.search(request, now, corpus);
    }

    /// Returns true if the first scan is complete and was sent, with the latest labels.
    fn is_catalog_complete(&mut self) -> bool {
        self.catalog_complete |=
            self.scanner.first_screen_done() && self.emitted.first && !self.scanner.table.changed();
        self.catalog_complete && !self.client_labels.is_unsent
    }

    /// Returns the corpus of all sources and sessions of this machine.
    fn corpus(&mut self) -> Arc<Corpus> {
        let table = &self.scanner.table;
        let all = || Arc::new(Corpus::new(table.sources().collect(), table.own_sessions().cloned().collect()));
        self.corpus.get_or_insert_with(all).clone()
    }

    fn corpus_of(&self, keys: &[SessionKey]) -> Corpus {
        let table = &self.scanner.table;
        let sessions: Vec<Arc<Session>> = keys.iter().filter_map(|key| table.session(key).cloned()).collect();
        let paths: HashSet<&Path> = sessions.iter().map(|session| &*session.path).collect();
        let sources = paths.into_iter().filter_map(|path| table.source(path)).collect();
        Corpus::new(sources, sessions)
    }

    fn open(&mut self, ticket: TranscriptTicket, key: SessionKey) {
        match self.scanner.table.session(&key) {
            Some(session) => self.transcripts.open(ticket, session.clone()),
            None if self.scanner.idle() => {
                let reason = TranscriptEvent::Failed(format!("session not found: {key}"));
                if self.send(IndexEvent::Transcript(ticket, reason)).is_err() {
                    self.pending_opens.insert(ticket, key);
                }
            }
            None => {
                self.pending_opens.insert(ticket, key);
            }
        }
    }

    /// Checks a changed path at once, or after the interval of [`PATH_INTERVAL`].
    fn path_changed(&mut self, path: &Path) {
        let now = (self.clock)();
        self.timers.changed(now);
        let path = path.to_owned();
        if self.paths.admit(&path, now) {
            self.check_path(&path, now);
        }
    }

    fn check_path(&mut self, path: &Path, now: Instant) {
        let (transcripts, mut has_texts) = (&self.transcripts, false);
        let on_text = |folder: &Path| {
            has_texts = true;
            transcripts.texts_changed(folder);
        };
        let on_source = |path: &Path, source: Option<&Source>| transcripts.source_changed(path, source);
        if self.scanner.path_changed(path, on_source, on_text) {
            // Files may have been created in a new directory before it was watched.
            self.paths.again(&path.to_owned(), now);
        }
        if has_texts {
            // The filters of the sessions with these texts are no longer valid.
            self.corpus = None;
            self.search_service.changed();
        }
        self.timers.check_live(now);
    }

    /// Looks at the files of sessions at once, and sends the rows of those that exist.
    fn check_sessions(&mut self, keys: &[SessionKey]) {
        self.load_user_data();
        let now = (self.clock)();
        self.timers.changed(now);
        for path in self.scanner.table.paths_of(keys) {
            self.check_path(&path, now);
        }
        self.scanner.table.resend(keys);
    }

    fn watch_changed(&mut self, state: WatchState) {
        let issue = match &state {
            WatchState::Native { .. } => None,
            WatchState::Poll { reason } => {
                self.timers.poll((self.clock)());
                let reason = format!("changes are detected only every few seconds: {reason}");
                Some(Issue::new("", reason))
            }
        };
        self.scanner.set_issue("watch", issue.clone());
        self.polling_issue = issue;
        self.emitted.watch = Some(state);
    }

    fn load_user_data(&mut self) {
        // The index of another machine's files has no state.db, but labels of its client.
        let loaded = self.state_db.as_deref().map_or_else(|| Ok(UserData::default()), UserData::load);
        // What was loaded before stays in use after an error.
        let issue = match loaded {
            Ok(loaded) => {
                self.scanner.table.set_annotations(self.client_labels.merge(loaded.annotations));
                self.scanner.table.set_hidden(loaded.hidden, loaded.trashed);
                None
            }
            Err(issue) => Some(issue),
        };
        self.scanner.set_issue("state", issue);
    }

    fn live_changed(&mut self, statuses: &[LiveStatus]) {
        self.timers.live_checked(!statuses.is_empty(), (self.clock)());
        if self.live != statuses {
            self.scanner.table.set_live(statuses);
            self.live = statuses.to_vec();
            self.emitted.live = false;
            // The activity of a turn that was unknown before is read by the next check.
            self.timers.check_live((self.clock)());
        }
    }

    /// Runs the timers that are due.
    fn run_timers(&mut self) {
        let now = (self.clock)();
        for path in self.paths.due(now) {
            self.check_path(&path, now);
        }
        for due in self.timers.due(now) {
            match due {
                DueTimer::Poll => self.scanner.start_scan(false),
                DueTimer::Live => self.scanner.check_live(),
                DueTimer::Flush => {
                    self.scanner.flush();
                    self.scanner.save_front();
                }
                DueTimer::Retry => self.scanner.retry(),
                DueTimer::Index => {
                    if self.scanner.idle() && self.search_service.indexer_need() != IndexerNeed::Nothing {
                        self.update_index();
                    }
                }
                DueTimer::Emit => {}
            }
        }
        match self.search_service.indexer_need() {
            IndexerNeed::Now if self.scanner.idle() => self.update_index(),
            IndexerNeed::Soon if self.scanner.idle() => self.timers.index(now),
            IndexerNeed::Now | IndexerNeed::Soon | IndexerNeed::Nothing => {}
        }
        if self.scanner.has_pending_writes() {
            self.timers.flush(now);
        }
        if self.watch.is_none() && self.scanner.first_screen_done() {
            let inputs = self.inputs.clone();
            let report = move |event| drop(inputs.send(EngineInput::Fs(event)));
            self.watch = Some(watch::start(self.scanner.roots(), self.watch_mode, report));
            self.timers.check_live(now);
        }
    }

    fn update_index(&mut self) {
        let corpus = self.corpus();
        self.search_service.update_index(corpus);
    }
}
