//! Scans all roots: which sources exist, which of them changed, and in which order they are read.
//!
//! The newest come first at each depth. The newest sources of every root are peeked at before all others, then the
//! rest, then all are summarised. Unchanged sources are not opened. The scanner never waits: jobs go to the pool,
//! results return through [`Scanner::handle`].

mod cache_io;
mod duplicates;
mod fs_events;
mod retry;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::retry::RetryQueue;
use crate::agent::{self, Discovery, Format, Source, SourceRoot, SourceSummary};
use crate::domain::Issue;
use crate::domain::catalog;
use crate::index::cache::{BATCH, CacheRecord, SessionCache};
use crate::index::options::IndexOptions;
use crate::index::pool::{Job, JobResult, Pool, ResultSink, RowPriority};
use crate::index::search::SummaryTexts;
use crate::index::session_table::{IssueOrigin, SessionTable, SourceContents};
use crate::index::workspace::Workspaces;

/// Number of sources per root that are peeked at first; more than any screen shows.
const FIRST_SCREEN_SOURCES: usize = 100;
/// Number of sources per peek job.
const SOURCES_PER_PEEK: usize = 10;
/// Maximum summaries in the pool's queue, so that the progress of few sources is in memory at once.
const MAX_QUEUED_SUMMARIES: usize = 32;

/// Scan over all roots and its results so far.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one independent piece of work is under way")]
pub(super) struct Scanner {
    pub table: SessionTable,
    roots: Vec<SourceRoot>,
    formats: &'static [&'static dyn Format],
    pool: Pool,
    workspaces: Arc<Workspaces>,
    /// True if preliminary rows are read before the summaries.
    peeks: bool,
    /// Sources to summarise, newest first.
    backlog: VecDeque<Source>,
    /// True if the backlog is read from the beginning, without stored progress.
    ignore_progress: bool,
    /// Sources that a job is reading, with the changes since its start.
    reading: HashMap<PathBuf, ChangeWhileReading>,
    /// Groups of sources with the same first record, to be compared when none of them is being read.
    duplicate_groups: Vec<Vec<Source>>,
    /// Sources to retry after read errors.
    retries: RetryQueue,
    walk: RootWalk,
    /// Scan requested during a walk; `true`: of everything.
    requested_scan: Option<bool>,
    pending_peeks: usize,
    /// Number of running peek jobs for the first screen.
    first_screen_peeks: usize,
    /// True if the cache contained rows for the first screen.
    has_cached_front: bool,
    live_check_running: bool,
    cache: SessionCache,
    /// True while the cache is loaded; discovered sources are compared with it afterwards.
    loading: bool,
    deferred: Vec<JobResult>,
    /// State of the workspace lookup of this walk.
    workspace_lookup: WorkspaceLookup,
    /// Counts of the reads so far.
    pub counts: ScanCounts,
}

/// Counts of reads, for tests of what is not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanCounts {
    /// Bytes read by summaries.
    pub bytes: u64,
    /// Number of summarised sources.
    pub summaries: usize,
    /// Number of sources that were peeked at.
    pub peeks: usize,
}

/// State of the workspace lookup, which runs once per walk after the first rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WorkspaceLookup {
    Pending,
    Running,
    Done,
}

/// Change of a source while a job reads it.
enum ChangeWhileReading {
    Nothing,
    Changed(Source),
    Gone,
}

/// Running walk over all roots.
#[derive(Default)]
struct RootWalk {
    /// Number of roots that are not walked yet.
    roots_left: usize,
    seen: HashSet<PathBuf>,
    stale: Vec<Source>,
    /// Sources of the first screen, already peeked at.
    front: HashSet<PathBuf>,
    /// Unreadable paths: unseen sources below them do not count as removed.
    unreadable: Vec<PathBuf>,
    /// True if all sources are read again.
    everything: bool,
}

impl Scanner {
    pub(super) fn new(options: &IndexOptions, results: ResultSink) -> Self {
        Self::with_texts(options, None, results)
    }

    /// Creates the scan of a command, which shows nothing before it has all summaries: sources are not peeked at. Indexes
    /// their texts, if that is wanted.
    pub(super) fn of_command(options: &IndexOptions, texts: Option<SummaryTexts>, results: ResultSink) -> Self {
        Self { peeks: false, ..Self::with_texts(options, texts, results) }
    }

    fn with_texts(options: &IndexOptions, texts: Option<SummaryTexts>, results: ResultSink) -> Self {
        let workspaces = Arc::new(Workspaces::default());
        let roots = options.formats.iter().flat_map(|format| format.roots(&options.environment)).collect();
        Self {
            table: SessionTable::default(),
            roots,
            formats: options.formats,
            pool: Pool::start(options, workspaces.clone(), texts, results),
            workspaces,
            peeks: true,
            backlog: VecDeque::new(),
            ignore_progress: false,
            reading: HashMap::new(),
            duplicate_groups: Vec::new(),
            retries: RetryQueue::default(),
            walk: RootWalk::default(),
            requested_scan: None,
            pending_peeks: 0,
            first_screen_peeks: 0,
            has_cached_front: false,
            live_check_running: false,
            cache: SessionCache::open(options.cache_dir.as_deref()),
            loading: false,
            deferred: Vec::new(),
            workspace_lookup: WorkspaceLookup::Pending,
            counts: ScanCounts::default(),
        }
    }

    /// Returns the roots of the agents.
    pub(super) fn roots(&self) -> &[SourceRoot] {
        &self.roots
    }

    /// Starts a walk over all roots. With `everything`, unchanged sources are read, too.
    pub(super) fn start_scan(&mut self, everything: bool) {
        if self.walk.roots_left > 0 {
            self.requested_scan = Some(everything || self.requested_scan == Some(true));
            return;
        }
        self.workspace_lookup = WorkspaceLookup::Pending;
        self.walk = RootWalk { roots_left: self.roots.len(), everything, ..RootWalk::default() };
        for (number, root) in self.roots.iter().enumerate() {
            self.pool.urgent(Job::Discover(number, root.clone()));
        }
    }

    /// Returns true if no work is left.
    pub(super) fn idle(&self) -> bool {
        !self.loading
            && self.walk.roots_left == 0
            && self.pending_peeks == 0
            && self.workspace_lookup == WorkspaceLookup::Done
            && self.backlog.is_empty()
            && self.reading.is_empty()
            && self.duplicate_groups.is_empty()
    }

    /// Returns true if the first screen is complete: all roots walked, their newest sources peeked at.
    pub(super) fn first_screen_done(&self) -> bool {
        !self.loading && self.walk.roots_left == 0 && self.first_screen_peeks == 0
    }

    /// Returns true while the cache is loaded: until then rows may lack the notes of other sources.
    pub(super) fn loading(&self) -> bool {
        self.loading
    }

    /// Returns true if the cache contained rows for the first screen.
    pub(super) fn has_cached_front(&self) -> bool {
        self.has_cached_front
    }

    /// Sets or clears an issue of the index itself, in place of the last one about the same part.
    pub(super) fn set_issue(&mut self, about: &'static str, issue: Option<Issue>) {
        self.table.set_issues(IssueOrigin::Index(about), issue.into_iter().collect());
    }

    /// Queues a check for live sessions, unless one is running.
    pub(super) fn check_live(&mut self) {
        if !self.live_check_running {
            self.live_check_running = true;
            self.pool.urgent(Job::DetectLive(self.roots.clone(), self.table.busy_sessions()));
        }
    }

    /// Returns the progress of the scan.
    pub(super) fn progress(&self) -> catalog::IndexProgress {
        let left = self.backlog.len() + self.reading.len();
        let total = self.table.len().max(left);
        // Before the first walk ends, the total is unknown and must not look complete.
        let unknown = usize::from(left == 0 && !self.idle());
        catalog::IndexProgress { done: total - left, total: total + unknown }
    }

    /// Reads a changed source before the backlog.
    pub(super) fn changed(&mut self, source: Source) {
        if let Some(change) = self.reading.get_mut(&source.path) {
            *change = ChangeWhileReading::Changed(source);
        } else if self.table.stamp(&source.path) != Some(source.stamp) {
            self.read(source, Pool::urgent);
        }
    }

    /// Removes a source.
    pub(super) fn remove_source(&mut self, path: &Path) {
        if let Some(change) = self.reading.get_mut(path) {
            *change = ChangeWhileReading::Gone;
        }
        self.backlog.retain(|source| source.path != path);
        self.retries.remove(path);
        if let Some(source) = self.table.source(path) {
            self.cache.put(CacheRecord::removed(source));
        }
        self.table.remove(path);
    }

    /// Handles a job result.
    pub(super) fn handle(&mut self, result: JobResult) {
        match result {
            JobResult::Discovered(..) if self.loading => return self.deferred.push(result),
            JobResult::Discovered(number, discovery) => self.discovered(number, discovery),
            JobResult::Peeked(rows, priority) => {
                self.pending_peeks -= 1;
                self.first_screen_peeks -= usize::from(priority == RowPriority::FirstScreen);
                self.counts.peeks += rows.len();
                for (source, sessions) in rows {
                    self.table.add_peeked(&source, sessions);
                }
            }
            JobResult::Summarised(source, summary, record) => self.summarised(&source, summary, record),
            JobResult::CopiesFound(copies, sources) => self.copies_found(copies, sources),
            JobResult::CacheChunk(sources) => sources.into_iter().for_each(|source| self.restore(source)),
            JobResult::LiveDetected(_) => self.live_check_running = false,
            JobResult::CacheLoaded(intact) => self.cache_loaded(intact),
            JobResult::WorkspacesResolved(workspaces) => {
                self.table.assign_workspaces(&workspaces);
                self.workspace_lookup = WorkspaceLookup::Done;
            }
        }
        self.fill_pool();
    }

    fn summarised(&mut self, source: &Source, summary: SourceSummary, record: Option<CacheRecord>) {
        self.counts.bytes += summary.bytes_read;
        self.counts.summaries += 1;
        let change = self.reading.remove(&source.path);
        if matches!(change, Some(ChangeWhileReading::Gone)) {
            return;
        }
        let read = self.retries.record_outcome(source, &summary);
        let SourceSummary { sessions, notes, issues, .. } = summary;
        let summary = SourceContents { sessions, notes, issues };
        if read {
            self.table.add_summary(source, summary);
        } else {
            self.table.add_unread(source, summary);
        }
        if let Some(record) = record {
            self.cache.put(record);
            if self.cache.pending_count() >= BATCH {
                self.cache.flush();
            }
        }
        if let Some(ChangeWhileReading::Changed(source)) = change {
            self.changed(source);
        }
    }

    fn discovered(&mut self, number: usize, discovery: Discovery) {
        let RootWalk { roots_left, seen, unreadable, everything, .. } = &mut self.walk;
        *roots_left = roots_left.saturating_sub(1);
        unreadable.extend(discovery.issues.iter().map(|issue| issue.path.clone()));
        self.table.set_issues(IssueOrigin::Root(number), discovery.issues);
        let is_unchanged = |source: &Source| !*everything && self.table.stamp(&source.path) == Some(source.stamp);
        let mut stale = discovery.sources;
        stale.retain(|source| seen.insert(source.path.clone()) && !is_unchanged(source));
        newest_first(&mut stale);
        let front: Vec<_> = stale
            .iter()
            .filter(|source| !self.table.contains(&source.path) && agent::format(source.agent).has_sessions(source))
            .take(FIRST_SCREEN_SOURCES)
            .cloned()
            .collect();
        self.peek(&front, RowPriority::FirstScreen);
        self.walk.front.extend(front.into_iter().map(|source| source.path));
        self.walk.stale.append(&mut stale);
        if self.walk.roots_left == 0 {
            self.walked();
        }
    }

    /// Ends a walk: unseen sources are removed, new and changed ones go to the backlog.
    fn walked(&mut self) {
        let RootWalk { seen, mut stale, front, unreadable, everything, .. } = std::mem::take(&mut self.walk);
        let is_removed =
            |path: &Path| !seen.contains(path) && !unreadable.iter().any(|unreadable| path.starts_with(unreadable));
        let removed: Vec<_> = self.table.paths().filter(|path| is_removed(path)).cloned().collect();
        for path in removed {
            self.remove_source(&path);
        }
        newest_first(&mut stale);
        let unknown = |source: &&Source| !front.contains(&source.path) && !self.table.contains(&source.path);
        let rest: Vec<_> = stale.iter().filter(unknown).cloned().collect();
        self.peek(&rest, RowPriority::Background);
        self.ignore_progress = everything;
        self.backlog = stale.into();
        if let Some(everything) = self.requested_scan.take() {
            self.start_scan(everything);
        }
    }

    fn peek(&mut self, sources: &[Source], priority: RowPriority) {
        let sources = if self.peeks { sources } else { &[] };
        for chunk in sources.chunks(SOURCES_PER_PEEK) {
            self.pending_peeks += 1;
            let job = Job::Peek(chunk.to_vec(), priority);
            match priority {
                RowPriority::FirstScreen => {
                    self.first_screen_peeks += 1;
                    self.pool.urgent(job);
                }
                RowPriority::Background => self.pool.background(job),
            }
        }
    }

    /// Moves sources from the backlog to the pool, as many as keep it busy.
    fn fill_pool(&mut self) {
        if self.workspace_lookup == WorkspaceLookup::Pending
            && !self.loading
            && self.walk.roots_left == 0
            && self.pending_peeks == 0
        {
            self.workspace_lookup = WorkspaceLookup::Running;
            self.pool.urgent(Job::ResolveWorkspaces(self.table.directories().into_iter().collect()));
        }
        while self.reading.len() < MAX_QUEUED_SUMMARIES {
            let Some(source) = self.backlog.pop_front() else { break };
            if !self.reading.contains_key(&source.path) {
                self.read(source, Pool::background);
            }
        }
        if self.backlog.is_empty() && !self.loading && self.walk.roots_left == 0 {
            self.find_copies();
        }
    }

    fn read(&mut self, source: Source, queue: fn(&Pool, Job)) {
        let progress = if self.ignore_progress { None } else { self.progress_of(&source.path) };
        self.reading.insert(source.path.clone(), ChangeWhileReading::Nothing);
        queue(&self.pool, Job::Summarise(source, progress));
    }
}

fn newest_first(sources: &mut [Source]) {
    sources.sort_by(|a, b| (Reverse(a.stamp.mtime_ns), &a.path).cmp(&(Reverse(b.stamp.mtime_ns), &b.path)));
}
