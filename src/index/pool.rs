//! Worker pool for slow jobs: walking roots, peeking at sources, summarising them.
//!
//! Urgent jobs (a change that is on the screen) overtake the backlog. A reader that panics costs one source, not the
//! index.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::cache::{self, CacheRecord, CachedSource};
use super::content_title;
use super::live_activity::{LiveActivities, SEARCHED_ENTRIES};
use super::options::IndexOptions;
use super::search::SummaryTexts;
use super::workspace::Workspaces;
use crate::agent::{Discovery, Format, Source, SourceRoot, SourceSessions, SourceSummary, SummaryProgress, archive};
use crate::domain::live_status::{LiveActivity, LiveStatus};
use crate::domain::{Issue, Session};
use crate::stdx::process;
use crate::stdx::threads::processors;
use crate::store::leased_sessions::{self, LeasedSession};

/// Slow job.
#[derive(Debug)]
pub(super) enum Job {
    /// Walk the root with this number.
    Discover(usize, SourceRoot),
    /// Read the heads and tails of sources.
    Peek(Vec<Source>, RowPriority),
    /// Read a source from its stored progress on.
    Summarise(Source, Option<SummaryProgress>),
    /// Find copies among sources that begin with the same record.
    FindCopies(Vec<Source>),
    /// Detect sessions that are open in running processes, and the activity of these sessions' open turns.
    DetectLive(Vec<SourceRoot>, Vec<Arc<Session>>),
    /// Load all sources of a cache file.
    LoadCache(PathBuf),
    /// Resolve the workspaces of directories again.
    ResolveWorkspaces(Vec<Arc<str>>),
}

/// Priority of peeked rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowPriority {
    FirstScreen,
    Background,
}

/// Result of a job.
#[expect(clippy::large_enum_variant, reason = "moved once through a channel, never kept")]
pub(super) enum JobResult {
    /// Sources of a root.
    Discovered(usize, Discovery),
    /// Preliminary rows.
    Peeked(Vec<(Source, Vec<Session>)>, RowPriority),
    /// Sessions of a source, and its record for the cache.
    Summarised(Source, SourceSummary, Option<CacheRecord>),
    /// Copies with their indices, and all compared sources.
    CopiesFound(Vec<CopiedSource>, Vec<Source>),
    /// Sources of the cache.
    CacheChunk(Vec<CachedSource>),
    /// The cache was read to its end; `false`: it is damaged.
    CacheLoaded(bool),
    /// Sessions that are open in running processes.
    LiveDetected(Vec<LiveStatus>),
    /// Workspaces by directory.
    WorkspacesResolved(HashMap<Arc<str>, Arc<str>>),
}

/// Copy: its index among the compared sources, its summary, and its record for the cache.
pub(super) type CopiedSource = (usize, SourceSummary, Option<CacheRecord>);

/// Receiver of results.
pub(super) type ResultSink = Arc<dyn Fn(JobResult) + Send + Sync>;

/// Handle to the worker threads and their queue.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    formats: &'static [&'static dyn Format],
    workspaces: Arc<Workspaces>,
    activities: Mutex<LiveActivities>,
    leases: LeaseLookup,
    /// Index of the texts of sources that are summarised from their beginning.
    texts: Option<SummaryTexts>,
    results: ResultSink,
}

#[derive(Default)]
struct Queue {
    urgent: VecDeque<Job>,
    backlog: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    /// Starts one thread per core, at least two and at most eight.
    pub(super) fn start(
        options: &IndexOptions,
        workspaces: Arc<Workspaces>,
        texts: Option<SummaryTexts>,
        results: ResultSink,
    ) -> Self {
        let count = processors().clamp(2, 8);
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            formats: options.formats,
            workspaces,
            activities: Mutex::default(),
            leases: LeaseLookup::new(options),
            texts,
            results,
        });
        for number in 0..count {
            let worker = shared.clone();
            let thread = std::thread::Builder::new().name(format!("index-{number}"));
            if let Err(error) = thread.spawn(move || worker.work()) {
                tracing::error!(%error, "cannot start an index thread");
            }
        }
        Self { shared }
    }

    /// Queues a job before the backlog.
    pub(super) fn urgent(&self, job: Job) {
        self.shared.lock().urgent.push_back(job);
        self.shared.filled.notify_one();
    }

    /// Queues a job behind all urgent ones.
    pub(super) fn background(&self, job: Job) {
        self.shared.lock().backlog.push_back(job);
        self.shared.filled.notify_one();
    }
}

/// Ends the threads after their current jobs without waiting, since jobs only read.
impl Drop for Pool {
    fn drop(&mut self) {
        *self.shared.lock() = Queue { closed: true, ..Queue::default() };
        self.shared.filled.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.urgent.pop_front() {
                return Some(job);
            }
            if let Some(job) = queue.backlog.pop_front() {
                return Some(job);
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            (self.results)(self.run(job));
        }
    }

    fn run(&self, job: Job) -> JobResult {
        match job {
            Job::Discover(number, root) => {
                let found = catch_panic(|| Some(archive::discover(self.format(root.agent)?, &root)));
                JobResult::Discovered(
                    number,
                    found.unwrap_or_else(|| Discovery { sources: Vec::new(), issues: vec![panic_issue(&root.path)] }),
                )
            }
            Job::Peek(sources, front) => {
                JobResult::Peeked(sources.into_iter().map(|source| self.peek(source)).collect(), front)
            }
            Job::DetectLive(roots, sessions) => JobResult::LiveDetected(self.detect_live(&roots, &sessions)),
            Job::Summarise(source, progress) => {
                let summary = self.summarise(&source, progress.as_ref());
                let mut summary = summary.unwrap_or_else(|| self.failed(&source, progress.is_none()));
                let record = self.finish(&source, &mut summary, progress);
                JobResult::Summarised(source, summary, record)
            }
            Job::FindCopies(sources) => {
                let agent = sources.first().map(|source| source.agent);
                let found = catch_panic(|| Some(self.format(agent?)?.find_copies(&sources))).unwrap_or_default();
                let copies = found.into_iter().map(|(copy, mut summary)| {
                    let record = self.finish(&sources[copy], &mut summary, None);
                    (copy, summary, record)
                });
                JobResult::CopiesFound(copies.collect(), sources)
            }
            Job::LoadCache(file) => {
                let loaded = cache::load(&file, |chunk| (self.results)(JobResult::CacheChunk(chunk)));
                JobResult::CacheLoaded(
                    loaded.inspect_err(|error| tracing::debug!(%error, "the cache is damaged")).is_ok(),
                )
            }
            Job::ResolveWorkspaces(dirs) => {
                let place = |dir: Arc<str>| (dir.clone(), self.workspaces.resolve(&dir));
                JobResult::WorkspacesResolved(dirs.into_iter().map(place).collect())
            }
        }
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> Option<SourceSummary> {
        let format = self.format(source.agent)?;
        let texts = self.texts.as_ref().filter(|_| progress.is_none());
        texts
            .and_then(|texts| catch_panic(|| texts.summarise(format, source)))
            .or_else(|| catch_panic(|| Some(format.summarise(source, progress))))
    }

    /// Summary of a source whose reader panics: its preliminary rows, if it is read for the first time.
    fn failed(&self, source: &Source, is_new: bool) -> SourceSummary {
        let mut progress = SummaryProgress::default();
        progress.cursor.stamp = source.stamp;
        let sessions = if is_new { self.peek(source.clone()).1 } else { Vec::new() };
        SourceSummary {
            sessions: SourceSessions::Changed { sessions, removed: Vec::new() },
            notes: Vec::new(),
            progress,
            bytes_read: 0,
            issues: vec![panic_issue(&source.path)],
        }
    }

    /// Adds the workspaces to a summary and encodes its cache record. `since` is the progress from which it went on.
    fn finish(
        &self,
        source: &Source,
        summary: &mut SourceSummary,
        since: Option<SummaryProgress>,
    ) -> Option<CacheRecord> {
        let (SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. }) = &mut summary.sessions;
        for session in sessions {
            session.workspace = self.workspaces.of(&session.cwd);
            catch_panic(|| {
                content_title::complete(self.format(source.agent)?, session);
                Some(())
            });
        }
        CacheRecord::new(source, summary, since)
    }

    /// Peeks at a source. A preliminary row must not wait for a slow disk, so its workspace is the cached one or its
    /// directory.
    fn peek(&self, source: Source) -> (Source, Vec<Session>) {
        let mut rows = catch_panic(|| Some(self.format(source.agent)?.peek(&source))).unwrap_or_default();
        for row in &mut rows {
            row.workspace = self.workspaces.cached(&row.cwd).unwrap_or_else(|| row.cwd.clone());
        }
        (source, rows)
    }

    /// Lists the live sessions. The activities of those that are not in `sessions` remain unknown.
    fn detect_live(&self, roots: &[SourceRoot], sessions: &[Arc<Session>]) -> Vec<LiveStatus> {
        let mut statuses = live_statuses(self.formats, roots, &self.leases);
        let mut activities = self.activities.lock().unwrap_or_else(PoisonError::into_inner);
        activities.update(&mut statuses, sessions, |session| {
            let tail = catch_panic(|| self.format(session.key.agent)?.tail(session, SEARCHED_ENTRIES).ok());
            LiveActivity::of_turn(&tail?)
        });
        statuses
    }

    fn format(&self, agent: crate::domain::Agent) -> Option<&'static dyn Format> {
        self.formats.iter().copied().find(|format| format.reads(agent))
    }
}

/// Runs of other salon processes, which some agents' own files do not tell.
#[derive(Clone, Debug)]
pub(super) struct LeaseLookup {
    state_db: Option<PathBuf>,
    process: Option<u32>,
}

impl LeaseLookup {
    pub(super) fn new(options: &IndexOptions) -> Self {
        Self { state_db: options.state_db.clone(), process: options.process }
    }

    /// Returns the sessions that other living processes of salon have open, without those that are known already.
    fn statuses(&self, known: &[LiveStatus]) -> Vec<LiveStatus> {
        let Some(path) = self.state_db.as_deref().filter(|path| path.exists()) else { return Vec::new() };
        // A database that cannot be read is an issue of the annotations.
        let leased = leased_sessions::read(path).unwrap_or_default();
        let is_elsewhere = |session: &LeasedSession| {
            let LeasedSession { key, holder, .. } = session;
            Some(holder.pid) != self.process
                && known.iter().all(|status| status.key != *key)
                && process::identity(holder.pid) == Some(holder.start)
        };
        let status = |session: LeasedSession| {
            let LeasedSession { key, holder, state, since } = session;
            LiveStatus { key, pid: Some(holder.pid), state, waiting_for: None, since: Some(since), activity: None }
        };
        leased.into_iter().filter(is_elsewhere).map(status).collect()
    }
}

/// Returns the live sessions of all roots.
pub(super) fn live_statuses(formats: &[&dyn Format], roots: &[SourceRoot], leases: &LeaseLookup) -> Vec<LiveStatus> {
    let of = |root: &SourceRoot| {
        let format = formats.iter().find(|format| format.reads(root.agent));
        format.and_then(|format| catch_panic(|| Some(format.live(root)))).unwrap_or_default()
    };
    let mut statuses: Vec<LiveStatus> = roots.iter().flat_map(of).collect();
    statuses.extend(leases.statuses(&statuses));
    statuses
}

pub(super) fn catch_panic<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}

fn panic_issue(path: &std::path::Path) -> Issue {
    Issue::new(path, "salon failed while reading it; please report this")
}
