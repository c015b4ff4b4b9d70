//! Task of one remote source: connects, forwards requests and events, and connects again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::file_copies::FileCopies;
use super::labels::SentLabels;
use super::link::{self, Link};
use super::pages::PageCache;
use super::rows::RemoteRows;
use super::runs::RemoteRuns;
use super::{RemoteCommand, RemoteEvent, RemoteOptions, failure, policy};
use crate::domain::catalog::CatalogChange;
use crate::domain::remote::{RemoteFailure, RemoteSource, RemoteState, RemoteStatus};
use crate::domain::run::Refusal;
use crate::domain::search::{Hit, LocatedEntry, SearchUpdate};
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::{SessionKey, Time};
use crate::live::LiveEvent;
use crate::serve::index_message::{FoundSession, IndexCall, IndexMessage};
use crate::serve::message::{Call, Reply};
use crate::serve::{Client, ServedEvent};
use crate::stdx::text::sanitise;

/// Interval between two checks that a source still answers.
const KEEP_ALIVE: Duration = Duration::from_mins(1);

/// Maximum wait for the answer to a check.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Time for which changed sessions are collected before the cache file is written.
const SAVE_DELAY: Duration = Duration::from_secs(10);

/// Maximum failed attempts before calls whose reply was lost are given up, so that their callers do not wait for ever.
const MAX_UNANSWERED_FAILURES: u32 = 5;

/// Call whose caller waits for the reply.
struct OpenCall {
    call: Box<Call>,
    token: u64,
    sender: oneshot::Sender<Result<Reply, Refusal>>,
}

/// State of a source.
struct SourceTask {
    source: RemoteSource,
    options: RemoteOptions,
    requests: mpsc::UnboundedReceiver<RemoteCommand>,
    events: mpsc::Sender<RemoteEvent>,
    rows: RemoteRows,
    /// Open transcripts, which are opened again after a loss.
    open: HashMap<u64, SessionKey>,
    /// Pages that were read lately.
    pages: PageCache,
    /// Copies of the files of a machine without salon.
    copies: Option<FileCopies>,
    /// Labels that the connection has sent.
    labels: SentLabels,
    /// Runs, which go on during a loss.
    runs: RemoteRuns,
    /// Calls whose reply was lost with the connection. They are repeated with their tokens.
    unanswered: Vec<OpenCall>,
    /// Token of the next call.
    next_token: u64,
    /// Sender of calls whose reply was lost.
    lost_calls: mpsc::UnboundedSender<OpenCall>,
    lost: mpsc::UnboundedReceiver<OpenCall>,
    /// Queries that are not answered yet.
    searches: Vec<String>,
    state: RemoteState,
    /// Attempts that failed since the last connection.
    failures: u32,
}

/// End of a source: the handle or the receiver of events is gone.
type Step<T = ()> = ControlFlow<(), T>;

/// Runs until the handle or the receiver of events is dropped.
pub(super) async fn run(
    source: RemoteSource,
    options: RemoteOptions,
    requests: mpsc::UnboundedReceiver<RemoteCommand>,
    events: mpsc::Sender<RemoteEvent>,
) {
    let rows = RemoteRows::load(&source.name, options.cache_dir.as_deref());
    let (open, searches, runs) = (HashMap::new(), Vec::new(), RemoteRuns::default());
    let pages = PageCache::default();
    let (lost_calls, lost) = mpsc::unbounded_channel();
    // Two sources may be the same machine.
    let mut hasher = DefaultHasher::new();
    source.name.hash(&mut hasher);
    let next_token = options.seed ^ hasher.finish();
    let mut task = SourceTask {
        source,
        options,
        requests,
        events,
        rows,
        open,
        pages,
        copies: None,
        labels: SentLabels::default(),
        runs,
        unanswered: Vec::new(),
        next_token,
        lost_calls,
        lost,
        searches,
        state: RemoteState::Connecting,
        failures: 0,
    };
    let _ends_with_the_program = task.run().await;
    task.rows.save();
}

impl SourceTask {
    async fn run(&mut self) -> Step {
        let cached = self.rows.all();
        self.emit_sessions(cached).await?;
        self.set_state(RemoteState::Connecting).await?;
        loop {
            let failure = match self.connect().await? {
                Ok(link) => {
                    self.failures = 0;
                    self.serve(link).await?
                }
                Err(failure) => failure,
            };
            self.failures += 1;
            if self.failures > MAX_UNANSWERED_FAILURES {
                self.give_up_unanswered();
            }
            let since = match &self.state {
                RemoteState::Offline { since, .. } => *since,
                _ => self.now(),
            };
            for query in std::mem::take(&mut self.searches) {
                let host = self.source.name.clone();
                self.emit(RemoteEvent::Found { host, query, update: None }).await?;
            }
            let past = self.rows.disconnect();
            self.emit_sessions(past).await?;
            let random = self.options.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(self.failures.into());
            let pause = policy::pause(self.failures, &failure, random);
            self.set_state(RemoteState::Offline { since, failure }).await?;
            self.wait(pause).await?;
        }
    }

    /// Makes a connection. Requests are refused meanwhile.
    async fn connect(&mut self) -> Step<Result<Link, RemoteFailure>> {
        let (source, options) = (self.source.clone(), self.options.clone());
        let mut connecting = std::pin::pin!(link::connect(&source, &options));
        loop {
            tokio::select! {
                connected = &mut connecting => return Step::Continue(connected),
                request = self.requests.recv() => match request {
                    Some(request) => self.refuse(request).await?,
                    None => return Step::Break(()),
                },
            }
        }
    }

    /// Waits before the next attempt, unless it is requested.
    async fn wait(&mut self, pause: Duration) -> Step {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Step::Continue(()),
                request = self.requests.recv() => match request {
                    Some(RemoteCommand::Retry) => return self.set_state(RemoteState::Connecting).await,
                    Some(request) => self.refuse(request).await?,
                    None => return Step::Break(()),
                },
            }
        }
    }

    /// Uses a connection until it is lost. Returns the reason.
    async fn serve(&mut self, link: Link) -> Step<RemoteFailure> {
        let Link { client, mut events, mut transport, copies, labels } = link;
        let state = if copies.is_some() { RemoteState::Limited } else { RemoteState::Connected };
        (self.copies, self.labels) = (copies, labels);
        if let Some(copies) = &self.copies {
            self.emit(RemoteEvent::Copies(copies.home.clone())).await?;
        }
        self.begin(&client);
        self.set_state(state).await?;
        let (silent, mut silence) = mpsc::channel(1);
        let mut check_at = Instant::now() + KEEP_ALIVE;
        let mut save_at = None;
        let reason = loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(ServedEvent::Index(message)) => {
                        if let Err(reason) = self.index_message(message).await? {
                            break reason;
                        }
                        if self.rows.is_unsaved && save_at.is_none() {
                            save_at = Some(Instant::now() + SAVE_DELAY);
                        }
                    }
                    Some(ServedEvent::Live(event)) => self.emit_live(event).await?,
                    Some(ServedEvent::Ready) => {
                        for run in self.runs.take_missing() {
                            self.emit_live(LiveEvent::Gone(run)).await?;
                        }
                    }
                    Some(ServedEvent::Replay(run, replay)) => {
                        self.runs.replayed(&run, &replay);
                        self.emit(RemoteEvent::Replay(run.on(&self.source.name), replay)).await?;
                    }
                    Some(ServedEvent::Lost(reason)) => break reason,
                    None => break String::new(),
                },
                request = self.requests.recv() => match request {
                    Some(request) => self.execute(request, &client).await?,
                    None => return Step::Break(()),
                },
                () = sleep_until(check_at) => {
                    check_at = Instant::now() + KEEP_ALIVE;
                    let (client, silent) = (client.clone(), silent.clone());
                    tokio::spawn(async move {
                        if timeout(KEEP_ALIVE_TIMEOUT, client.call(Call::Backends)).await.is_err() {
                            // An error means that the connection is lost already.
                            silent.send(()).await.ok();
                        }
                    });
                }
                _ = silence.recv() => break "it no longer answers".to_owned(),
                () = sleep_until(save_at.unwrap_or(check_at)), if save_at.is_some() => {
                    save_at = None;
                    self.rows.save();
                }
            }
        };
        self.copies = None;
        Step::Continue(failure::lost(&reason, &transport.end().await))
    }

    /// Requests what was open before a loss. The list was requested with the connection.
    fn begin(&mut self, client: &Client) {
        self.rows.begin_list();
        while let Ok(open) = self.lost.try_recv() {
            self.unanswered.push(open);
        }
        for open in std::mem::take(&mut self.unanswered) {
            self.send_call(open, client);
        }
        for call in self.runs.begin() {
            client.send(call);
        }
        for (ticket, key) in &self.open {
            if let Some((copies, session)) = self.copies.as_mut().zip(self.rows.get(key)) {
                copies.opened(*ticket, session);
            }
            client.send(Call::Index(IndexCall::Open { ticket: *ticket, key: key.clone() }));
        }
    }

    /// Handles a message of the index. The inner error is a reason to cut the source off.
    async fn index_message(&mut self, message: IndexMessage) -> Step<Result<(), String>> {
        match message {
            IndexMessage::Sessions { mut sessions, removed, progress } => {
                let now = self.now();
                if let Some(copies) = &self.copies {
                    sessions.iter_mut().for_each(|session| copies.adapt(Arc::make_mut(session)));
                }
                match self.rows.apply(sessions, removed, progress, now) {
                    Ok(change) => self.emit_sessions(change).await?,
                    Err(reason) => return Step::Continue(Err(reason)),
                }
            }
            IndexMessage::Transcript { ticket, event } => {
                if self.open.contains_key(&ticket) {
                    self.pages.apply(ticket, &event);
                    self.emit(RemoteEvent::Transcript(ticket, event)).await?;
                }
            }
            IndexMessage::Found { query, hits, coverage, corrections } => {
                self.searches.retain(|open| !coverage.complete || *open != query);
                let hits = hits.into_iter().filter_map(|found| self.hit(found)).collect();
                let update = Some(SearchUpdate { hits, coverage, corrections });
                let host = self.source.name.clone();
                self.emit(RemoteEvent::Found { host, query, update }).await?;
            }
            IndexMessage::SnippetsLocated { entries } => {
                let entries = entries.into_iter().map(|(key, entries)| self.located(&key, entries)).collect();
                let host = self.source.name.clone();
                self.emit(RemoteEvent::SnippetsLocated { host, entries }).await?;
            }
        }
        Step::Continue(Ok(()))
    }

    /// Converts a hit; `None` if its session is not listed yet.
    fn hit(&self, found: FoundSession) -> Option<Hit> {
        let session = self.rows.get(&found.key.on(&self.source.name))?.clone();
        let mut snippets = found.snippets;
        for snippet in &mut snippets {
            // Snippets are shown without further checks; the ranges of a text that changes have no meaning.
            let clean = sanitise(&snippet.text);
            let is_valid = |range: &std::ops::Range<usize>| snippet.text.get(range.clone()).is_some();
            if *clean != *snippet.text || !snippet.ranges.iter().all(is_valid) {
                (snippet.text, snippet.ranges) = (clean.into_owned(), Vec::new());
            }
        }
        Some(Hit { session, score: found.score, count: found.count, snippets })
    }

    /// Converts the entries of a session's snippets. Those of a partial copy have other numbers.
    fn located(&self, key: &SessionKey, entries: Vec<Option<LocatedEntry>>) -> (SessionKey, Vec<Option<LocatedEntry>>) {
        let key = key.clone().on(&self.source.name);
        let is_partial = self.copies.is_some() && self.rows.get(&key).is_none_or(|session| !session.complete);
        (key, if is_partial { Vec::new() } else { entries })
    }

    async fn execute(&mut self, request: RemoteCommand, client: &Client) -> Step {
        match request {
            RemoteCommand::Index(IndexCall::Read { ticket, range }) => match self.pages.get(ticket, &range) {
                Some(page) => self.emit(RemoteEvent::Transcript(ticket, page)).await?,
                None => client.send(Call::Index(IndexCall::Read { ticket, range })),
            },
            RemoteCommand::Index(call) => {
                self.remember(&call);
                client.send(Call::Index(call));
            }
            RemoteCommand::Call(call, None) => {
                self.runs.remember(&call);
                client.send(*call);
            }
            RemoteCommand::Call(call, Some(sender)) => {
                self.next_token = self.next_token.wrapping_add(1);
                self.send_call(OpenCall { call, token: self.next_token, sender }, client);
            }
            RemoteCommand::Annotations => {
                let changes = self.labels.changes(&self.source.name, &self.options);
                client.send(Call::Index(changes));
            }
            RemoteCommand::Retry => {
                if let Some(copies) = &self.copies {
                    copies.refresh();
                }
            }
        }
        Step::Continue(())
    }

    /// Sends a call whose reply the caller waits for. If the connection is lost before, it is unknown whether the call was
    /// executed: it is repeated with the same token.
    fn send_call(&self, open: OpenCall, client: &Client) {
        let (client, lost_calls) = (client.clone(), self.lost_calls.clone());
        tokio::spawn(async move {
            match client.call_with((*open.call).clone(), Some(open.token)).await {
                // An error means that the program is shutting down.
                Err(Refusal::Offline(_)) if !matches!(*open.call, Call::Work(_)) => drop(lost_calls.send(open)),
                // An error means that the caller no longer waits.
                result => drop(open.sender.send(result)),
            }
        });
    }

    /// Refuses the calls whose reply did not come in time. The user decides about them.
    fn give_up_unanswered(&mut self) {
        while let Ok(open) = self.lost.try_recv() {
            self.unanswered.push(open);
        }
        for open in self.unanswered.drain(..) {
            let text = format!("{} was lost before it answered: look there before you repeat this", self.source.name);
            // An error means that the caller no longer waits.
            open.sender.send(Err(Refusal::Offline(text))).ok();
        }
    }

    /// Answers a request without a connection.
    async fn refuse(&mut self, request: RemoteCommand) -> Step {
        match request {
            RemoteCommand::Index(call) => {
                self.remember(&call);
                match call {
                    IndexCall::Open { ticket, .. } => {
                        let reason = TranscriptEvent::Failed(self.unavailable());
                        self.emit(RemoteEvent::Transcript(ticket, reason)).await?;
                    }
                    IndexCall::Read { ticket, range } => {
                        if let Some(page) = self.pages.get(ticket, &range) {
                            self.emit(RemoteEvent::Transcript(ticket, page)).await?;
                        }
                    }
                    IndexCall::Search { request, .. } if !request.query.is_empty() => {
                        let host = self.source.name.clone();
                        self.emit(RemoteEvent::Found { host, query: request.query, update: None }).await?;
                    }
                    _ => {}
                }
            }
            RemoteCommand::Call(_, Some(sender)) => {
                let refusal = Refusal::Offline(self.unavailable());
                // An error means that the caller no longer waits.
                sender.send(Err(refusal)).ok();
            }
            RemoteCommand::Call(call, None) => self.runs.remember(&call),
            // A connection begins with them.
            RemoteCommand::Annotations | RemoteCommand::Retry => {}
        }
        Step::Continue(())
    }

    /// Remembers what is open: transcripts and searches.
    fn remember(&mut self, call: &IndexCall) {
        match call {
            IndexCall::Open { ticket, key } => {
                if let Some((copies, session)) = self.copies.as_mut().zip(self.rows.get(key)) {
                    copies.opened(*ticket, session);
                }
                self.open.insert(*ticket, key.clone());
            }
            IndexCall::Close { ticket } => {
                if let Some(copies) = &mut self.copies {
                    copies.closed(*ticket);
                }
                self.open.remove(ticket);
                self.pages.drop_from(*ticket, 0);
            }
            // Pages of another branch have the same indices.
            IndexCall::ShowBranch { ticket, .. } => self.pages.drop_from(*ticket, 0),
            IndexCall::Search { request, .. } => {
                if request.within.is_none() {
                    self.searches.clear();
                }
                if !request.query.is_empty() && self.state.is_connected() {
                    self.searches.push(request.query.clone());
                }
            }
            _ => {}
        }
    }

    fn unavailable(&self) -> String {
        let name = &self.source.name;
        match &self.state {
            RemoteState::Offline { failure, .. } => format!("{name} is {}: {failure}", failure.label()),
            RemoteState::Connecting | RemoteState::Connected | RemoteState::Limited => {
                format!("{name} is connecting; it opens by itself")
            }
        }
    }

    async fn set_state(&mut self, state: RemoteState) -> Step {
        self.state = state.clone();
        let status = RemoteStatus { name: self.source.name.clone(), state, as_of: self.rows.as_of };
        self.emit(RemoteEvent::State(status)).await
    }

    /// Reports a change of a run, with its host.
    async fn emit_live(&mut self, event: LiveEvent) -> Step {
        let event = self.runs.on_host(event, &self.source.name);
        self.emit(RemoteEvent::Live(event)).await
    }

    async fn emit_sessions(&mut self, change: CatalogChange) -> Step {
        let (host, complete) = (self.source.name.clone(), self.rows.is_complete);
        self.emit(RemoteEvent::Sessions { host, change, complete }).await
    }

    async fn emit(&self, event: RemoteEvent) -> Step {
        match self.events.send(event).await {
            Ok(()) => Step::Continue(()),
            Err(_) => Step::Break(()),
        }
    }

    fn now(&self) -> Time {
        (self.options.now)()
    }
}
