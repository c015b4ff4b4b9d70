//! The one thread that owns what is known: results, sightings and commands come in, events go out.
//!
//! It never waits for the interface and never reads a transcript. What it tells is drawn from the shelf only when there is
//! room for it, so that whatever is not taken yet is merged. When nothing happens it sleeps without a clock.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;

use super::deadlines::{Deadlines, Due};
use super::message::{Event, Sought, Ticket, TranscriptEvent, WatchState};
use super::options::{Options, Watching};
use super::pool::Done;
use super::rank;
use super::readings::{Readings, Request};
use super::search::Corpus;
use super::seek::{Kept, Seek, Upkeep};
use super::survey::Survey;
use super::throttle::Throttle;
use super::watch::{self, Sighting, Watch};
use crate::domain::catalog::Progress;
use crate::domain::live::LiveSign;
use crate::domain::query::Field;
use crate::domain::{Issue, Session, SessionKey};

/// Least time between two looks at one path.
const PER_PATH: Duration = Duration::from_millis(100);
/// Inputs that are taken in before the next event is told.
const DRAIN: usize = 256;

/// Anything that reaches the engine.
#[expect(clippy::large_enum_variant, reason = "moved once through a channel, never kept")]
pub(super) enum Input {
    Done(Done),
    Seen(Sighting),
    Command(Command),
    Kept(Kept),
}

/// What the handle asks for.
pub(super) enum Command {
    Rescan,
    Look,
    Open(Ticket, SessionKey),
    Close(Ticket),
    Ask(Ticket, Request),
    Rank(String),
    Search(Sought),
    Count(Field, String),
    Stop,
}

/// The state of the index.
pub(super) struct Engine {
    survey: Survey,
    clock: fn() -> Instant,
    inputs: Sender<Input>,
    events: tokio::sync::mpsc::Sender<Event>,
    bytes_read: Arc<AtomicU64>,
    deadlines: Deadlines,
    paths: Throttle<PathBuf>,
    readings: Readings,
    /// Transcripts that were asked for before their sessions were known.
    awaited: HashMap<Ticket, SessionKey>,
    ranker: Sender<rank::Request>,
    /// Rows changed since the ranker was told of them.
    rows_changed: bool,
    seek: Seek,
    /// What there is to search, until it changes.
    corpus: Option<Arc<Corpus>>,
    /// It is known what there is to search.
    seeking: bool,
    /// Searches that were asked for before that.
    unasked: Vec<Sought>,
    how: Watching,
    watch: Option<Watch>,
    polling: Option<Issue>,
    live: Vec<LiveSign>,
    told: Told,
    stopping: bool,
}

/// What was told last, and what is still to be told.
#[derive(Default)]
struct Told {
    progress: Option<Progress>,
    live: bool,
    watch: Option<WatchState>,
    first: bool,
}

impl Engine {
    pub fn new(
        options: &Options,
        inputs: Sender<Input>,
        events: tokio::sync::mpsc::Sender<Event>,
        bytes_read: Arc<AtomicU64>,
    ) -> Self {
        let results = inputs.clone();
        // When the engine is gone nobody wants the results of its last jobs.
        let deliver = move |done| drop(results.send(Input::Done(done)));
        let answers = events.clone();
        let ranker = rank::start(move |query, keys| answers.blocking_send(Event::Ranked { query, keys }).is_ok());
        let keeper = inputs.clone();
        let seek = Seek::start(options, &events, move |kept| drop(keeper.send(Input::Kept(kept))));
        Self {
            survey: Survey::new(options, Arc::new(deliver)),
            clock: options.clock,
            inputs,
            readings: Readings::new(options.formats, events.clone()),
            events,
            bytes_read,
            deadlines: Deadlines::default(),
            paths: Throttle::new(PER_PATH),
            awaited: HashMap::new(),
            ranker,
            rows_changed: true,
            seek,
            corpus: None,
            seeking: false,
            unasked: Vec::new(),
            how: options.watch,
            watch: None,
            polling: None,
            live: Vec::new(),
            told: Told::default(),
            stopping: false,
        }
    }

    /// Works until it is stopped or nobody takes events any more.
    pub fn run(mut self, queue: &Receiver<Input>) {
        self.survey.load();
        self.deadlines.started((self.clock)());
        self.survey.begin(false);
        self.tell();
        while !self.stopping {
            let first = match self.deadlines.next(self.paths.next()) {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since((self.clock)())),
            };
            match first {
                Ok(input) => {
                    self.take(input);
                    queue.try_iter().take(DRAIN).for_each(|input| self.take(input));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.keep_time();
            self.tell();
            for (ticket, key) in std::mem::take(&mut self.awaited) {
                self.open(ticket, key);
            }
            if !self.unasked.is_empty() && self.knows_what_there_is() {
                for sought in std::mem::take(&mut self.unasked) {
                    self.search(sought);
                }
            }
        }
        self.survey.flush();
        self.survey.keep_front();
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Done(done) => {
                match &done {
                    Done::Summarised(unit, ..) => {
                        self.readings.touched(&unit.path);
                        // Its stamp changed, if nothing else did.
                        self.corpus = None;
                        self.seek.changed();
                    }
                    Done::Lived(signs) => self.lived(signs),
                    Done::Untangled(..)
                    | Done::Discovered(..)
                    | Done::Glanced(..)
                    | Done::Cached(_)
                    | Done::Loaded(_)
                    | Done::Placed(_) => {}
                }
                self.survey.take(done);
                if let Some(after) = self.survey.retry_after() {
                    self.deadlines.retry((self.clock)() + after);
                }
                self.bytes_read.store(self.survey.tally.bytes, Ordering::Relaxed);
            }
            Input::Seen(Sighting::Paths(paths)) => paths.iter().for_each(|path| self.seen(path)),
            Input::Seen(Sighting::Everything) => self.survey.begin(false),
            Input::Seen(Sighting::State(state)) => self.watching(state),
            Input::Command(command) => self.obey(command),
            Input::Kept(kept) => {
                self.seek.take(kept);
                self.survey.set_issue("search", self.seek.issue.clone());
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Rescan => self.survey.begin(true),
            Command::Look => {
                if self.polling.is_some() {
                    self.survey.begin(false);
                }
            }
            Command::Open(ticket, key) => self.open(ticket, key),
            Command::Close(ticket) => {
                self.awaited.remove(&ticket);
                self.readings.close(ticket);
            }
            Command::Ask(ticket, request) => self.readings.ask(ticket, request),
            Command::Rank(query) => {
                let rows =
                    std::mem::take(&mut self.rows_changed).then(|| self.survey.shelf.sessions().cloned().collect());
                // The ranker ends only with its sender or with the interface.
                drop(self.ranker.send(rank::Request { query, rows }));
            }
            Command::Search(sought) => self.search(sought),
            Command::Count(field, typed) => {
                let corpus = self.corpus();
                self.seek.count(field, typed, corpus);
            }
            Command::Stop => self.stopping = true,
        }
    }

    fn search(&mut self, sought: Sought) {
        if sought.within.is_none() {
            self.unasked.clear();
            self.seek.cancel();
        }
        if !self.knows_what_there_is() {
            self.unasked.push(sought);
            return;
        }
        let corpus = match &sought.within {
            None => self.corpus(),
            Some(keys) => Arc::new(self.corpus_of(keys)),
        };
        self.seek.ask(sought, corpus);
    }

    /// Whether everything was looked at once and told; it takes a moment only.
    fn knows_what_there_is(&mut self) -> bool {
        self.seeking |= self.survey.front_done() && self.told.first && !self.survey.shelf.changed();
        self.seeking
    }

    /// All there is to search.
    fn corpus(&mut self) -> Arc<Corpus> {
        let known = &self.survey.shelf;
        let all = || Arc::new(Corpus::new(known.all_units().collect(), known.sessions().cloned().collect()));
        self.corpus.get_or_insert_with(all).clone()
    }

    fn corpus_of(&self, keys: &[SessionKey]) -> Corpus {
        let known = &self.survey.shelf;
        let sessions: Vec<Arc<Session>> = keys.iter().filter_map(|key| known.session(key).cloned()).collect();
        let paths: HashSet<&Path> = sessions.iter().map(|session| &*session.path).collect();
        let units = paths.into_iter().filter_map(|path| known.known(path)).collect();
        Corpus::new(units, sessions)
    }

    fn open(&mut self, ticket: Ticket, key: SessionKey) {
        match self.survey.shelf.session(&key) {
            Some(session) => self.readings.open(ticket, session.clone()),
            None if self.survey.idle() => {
                let reason = TranscriptEvent::Failed(format!("no session {key} is known"));
                if self.send(Event::Transcript(ticket, reason)).is_err() {
                    self.awaited.insert(ticket, key);
                }
            }
            None => {
                self.awaited.insert(ticket, key);
            }
        }
    }

    /// Something happened to a path. Looked at now if it was left alone for a while, else when it is due.
    fn seen(&mut self, path: &Path) {
        let now = (self.clock)();
        self.deadlines.changed(now);
        let path = path.to_owned();
        if self.paths.admit(&path, now) {
            self.look(&path, now);
        }
    }

    fn look(&mut self, path: &Path, now: Instant) {
        if self.survey.look(path, |unit| self.readings.touched(unit)) {
            // Files may have been made in a new directory before it was watched.
            self.paths.again(&path.to_owned(), now);
        }
        self.deadlines.look_for_life(now);
    }

    fn watching(&mut self, state: WatchState) {
        let issue = match &state {
            WatchState::Native { .. } => None,
            WatchState::Poll { reason } => {
                self.deadlines.poll((self.clock)());
                let reason = format!("changes are noticed only every few seconds: {reason}");
                Some(Issue::new("", reason))
            }
        };
        self.survey.set_issue("watch", issue.clone());
        self.polling = issue;
        self.told.watch = Some(state);
    }

    fn lived(&mut self, signs: &[LiveSign]) {
        self.deadlines.lived(!signs.is_empty(), (self.clock)());
        if self.live != signs {
            self.survey.shelf.set_live(signs);
            self.live = signs.to_vec();
            self.told.live = false;
        }
    }

    /// Does what is due by now.
    fn keep_time(&mut self) {
        let now = (self.clock)();
        for path in self.paths.due(now) {
            self.look(&path, now);
        }
        for due in self.deadlines.due(now) {
            match due {
                Due::Poll => self.survey.begin(false),
                Due::Life => self.survey.look_for_life(),
                Due::Flush => {
                    self.survey.flush();
                    self.survey.keep_front();
                }
                Due::Retry => self.survey.retry(),
                Due::Store => {
                    if self.survey.idle() && self.seek.wants_upkeep() != Upkeep::Rest {
                        self.keep_up();
                    }
                }
                Due::Tell => {}
            }
        }
        match self.seek.wants_upkeep() {
            Upkeep::Now if self.survey.idle() => self.keep_up(),
            Upkeep::Soon if self.survey.idle() => self.deadlines.store(now),
            Upkeep::Now | Upkeep::Soon | Upkeep::Rest => {}
        }
        if self.survey.dirty() {
            self.deadlines.flush(now);
        }
        if self.watch.is_none() && self.survey.front_done() {
            let inputs = self.inputs.clone();
            let tell = move |seen| drop(inputs.send(Input::Seen(seen)));
            self.watch = Some(watch::start(self.survey.roots(), self.how, tell));
            self.deadlines.look_for_life(now);
        }
    }

    fn keep_up(&mut self) {
        let corpus = self.corpus();
        self.seek.keep_up(corpus);
    }

    /// Tells what there is to tell, as far as it is time and there is room.
    fn tell(&mut self) {
        let now = (self.clock)();
        if let Some(state) = self.told.watch.take() {
            self.told.watch = self.send(Event::Watch(state)).err().and_then(|event| match event {
                Event::Watch(state) => Some(state),
                _ => None,
            });
        }
        if !self.told.live && self.told.first && self.send(Event::Live(self.live.clone())).is_ok() {
            self.told.live = true;
        }
        if let Some(progress) = self.seek.indexed.take()
            && self.send(Event::Indexed(progress)).is_err()
        {
            self.seek.indexed = Some(progress);
        }
        let progress = Some(self.survey.progress());
        if !self.told.first && !self.survey.front_done() && !self.survey.shelf.changed() {
            // Nothing was found yet, which is not the same as that there is nothing.
            return;
        }
        if !self.survey.shelf.changed() && progress == self.told.progress {
            return;
        }
        if self.deadlines.may_tell(now, &self.survey, self.told.first) {
            self.tell_catalog(now);
        }
    }

    fn tell_catalog(&mut self, now: Instant) {
        let permit = match self.events.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Full(())) => return self.deadlines.tell_again(now),
            Err(TrySendError::Closed(())) => {
                self.stopping = true;
                return;
            }
        };
        let mut change = self.survey.shelf.take_change();
        let progress = self.survey.progress();
        change.progress = (self.told.progress != Some(progress)).then_some(progress);
        self.told.progress = Some(progress);
        self.told.first = true;
        if !change.sessions.is_empty() || !change.removed.is_empty() {
            self.rows_changed = true;
            self.corpus = None;
        }
        // Texts come and go with units, of which new ones are told when they were read.
        if !change.removed.is_empty() {
            self.seek.changed();
        }
        let sessions: Vec<Arc<Session>> = if self.readings.is_empty() { Vec::new() } else { change.sessions.clone() };
        permit.send(Event::Catalog(change));
        self.deadlines.told(now);
        for session in sessions {
            self.readings.moved(&session);
        }
    }

    /// Sends an event if there is room; else gives it back, to be tried again.
    fn send(&mut self, event: Event) -> Result<(), Event> {
        match self.events.try_send(event) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(event)) => {
                self.deadlines.tell_again((self.clock)());
                Err(event)
            }
            Err(TrySendError::Closed(event)) => {
                self.stopping = true;
                Err(event)
            }
        }
    }
}
