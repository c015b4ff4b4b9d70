//! A few threads that do the slow work: walking roots, glancing at units, summarising them.
//!
//! What is urgent (a change somebody looks at) overtakes the backlog. A reader that panics costs one unit, not the index.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::cache::{self, CachedUnit, Record};
use super::workspace::Workspaces;
use crate::agent::{Discovery, Format, Progress, Root, Sessions, Stamp, Summarised, Unit};
use crate::domain::live::LiveSign;
use crate::domain::{Issue, Session};

/// Something slow to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Walk a root, named by its number.
    Discover(usize, Root),
    /// Look at the heads and tails of units.
    Glance(Vec<Unit>, Front),
    /// Read a unit, from where the last reading ended.
    Summarise(Unit, Option<Progress>),
    /// Find out which units are copies of another one.
    Untangle(Vec<Unit>),
    /// Look for signs of living processes in the roots.
    Live(Vec<Root>),
    /// Give away everything that a cache file holds.
    Load(PathBuf),
    /// Find out anew to which workspace directories belong.
    Place(Vec<Arc<str>>),
}

/// Whether rows are for the first screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    Yes,
    No,
}

/// What came of it.
#[expect(clippy::large_enum_variant, reason = "moved once through a channel, never kept")]
pub(super) enum Done {
    /// A root's units.
    Discovered(usize, Discovery),
    /// First rows.
    Glanced(Vec<(Unit, Vec<Session>)>, Front),
    /// A unit's sessions, and the same for the cache.
    Summarised(Unit, Summarised, Option<Record>),
    /// Units that were compared, and the copies by their numbers.
    Untangled(Vec<Copied>, Vec<Unit>),
    /// Units that the cache holds.
    Cached(Vec<CachedUnit>),
    /// The cache was read to its end; `false`: it is damaged.
    Loaded(bool),
    /// Sessions that are open in living processes.
    Lived(Vec<LiveSign>),
    /// Directories with their workspaces.
    Placed(HashMap<Arc<str>, Arc<str>>),
}

/// A copy's number among the units that were compared, its sessions, and the same for the cache.
pub(super) type Copied = (usize, Summarised, Option<Record>);

/// Where results go.
pub(super) type Deliver = Arc<dyn Fn(Done) + Send + Sync>;

/// The threads and their queue.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    formats: &'static [&'static dyn Format],
    workspaces: Arc<Workspaces>,
    deliver: Deliver,
}

#[derive(Default)]
struct Queue {
    urgent: VecDeque<Job>,
    backlog: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    /// Starts the threads: one for each core, but at least two and at most eight.
    pub fn start(formats: &'static [&'static dyn Format], workspaces: Arc<Workspaces>, deliver: Deliver) -> Self {
        let count = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 8);
        let shared = Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new(), formats, workspaces, deliver });
        for number in 0..count {
            let worker = shared.clone();
            let thread = std::thread::Builder::new().name(format!("index-{number}"));
            if let Err(error) = thread.spawn(move || worker.work()) {
                tracing::error!(%error, "the index has fewer threads than it wants");
            }
        }
        Self { shared }
    }

    /// To be done before the backlog.
    pub fn urgent(&self, job: Job) {
        self.shared.lock().urgent.push_back(job);
        self.shared.filled.notify_one();
    }

    /// To be done when nothing is urgent.
    pub fn later(&self, job: Job) {
        self.shared.lock().backlog.push_back(job);
        self.shared.filled.notify_one();
    }
}

/// The threads end with the jobs that they are at; nobody waits for those, since they only read.
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
            (self.deliver)(self.run(job));
        }
    }

    fn run(&self, job: Job) -> Done {
        match job {
            Job::Discover(number, root) => {
                let found = guarded(|| Some(self.format(root.agent)?.discover(&root)));
                Done::Discovered(
                    number,
                    found.unwrap_or_else(|| Discovery { units: Vec::new(), issues: vec![fault(&root.path)] }),
                )
            }
            Job::Glance(units, front) => {
                Done::Glanced(units.into_iter().map(|unit| self.glance(unit)).collect(), front)
            }
            Job::Live(roots) => Done::Lived(live_signs(self.formats, &roots)),
            Job::Summarise(unit, progress) => {
                let found = guarded(|| Some(self.format(unit.agent)?.summarise(&unit, progress.as_ref())));
                let mut summary = found.unwrap_or_else(|| failed(&unit));
                let record = self.finish(&unit, &mut summary);
                Done::Summarised(unit, summary, record)
            }
            Job::Untangle(units) => {
                let agent = units.first().map(|unit| unit.agent);
                let found = guarded(|| Some(self.format(agent?)?.untangle(&units))).unwrap_or_default();
                let copies = found.into_iter().map(|(copy, mut summary)| {
                    let record = self.finish(&units[copy], &mut summary);
                    (copy, summary, record)
                });
                Done::Untangled(copies.collect(), units)
            }
            Job::Load(file) => {
                let loaded = cache::load(&file, |chunk| (self.deliver)(Done::Cached(chunk)));
                Done::Loaded(loaded.inspect_err(|error| tracing::debug!(%error, "the cache is damaged")).is_ok())
            }
            Job::Place(dirs) => {
                let place = |dir: Arc<str>| (dir.clone(), self.workspaces.look_again(&dir));
                Done::Placed(dirs.into_iter().map(place).collect())
            }
        }
    }

    /// Adds what only the index knows to a summary, and makes the cache's record of it.
    fn finish(&self, unit: &Unit, summary: &mut Summarised) -> Option<Record> {
        let (Sessions::All(sessions) | Sessions::Changed { sessions, .. }) = &mut summary.sessions;
        for session in sessions {
            session.workspace = self.workspaces.of(&session.cwd);
        }
        Record::new(unit, summary)
    }

    /// A first row must not wait for a slow disk: its workspace is what is known without looking, else its directory.
    fn glance(&self, unit: Unit) -> (Unit, Vec<Session>) {
        let mut rows = guarded(|| Some(self.format(unit.agent)?.glance(&unit))).unwrap_or_default();
        for row in &mut rows {
            row.workspace = self.workspaces.known(&row.cwd).unwrap_or_else(|| row.cwd.clone());
        }
        (unit, rows)
    }

    fn format(&self, agent: crate::domain::Agent) -> Option<&'static dyn Format> {
        self.formats.iter().copied().find(|format| format.agent() == agent)
    }
}

/// The signs of all roots.
pub(super) fn live_signs(formats: &[&dyn Format], roots: &[Root]) -> Vec<LiveSign> {
    let of = |root: &Root| {
        let format = formats.iter().find(|format| format.agent() == root.agent);
        format.and_then(|format| guarded(|| Some(format.live(root)))).unwrap_or_default()
    };
    roots.iter().flat_map(of).collect()
}

pub(super) fn guarded<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}

fn fault(path: &std::path::Path) -> Issue {
    Issue::new(path, "salon failed while reading it; please report this")
}

fn failed(unit: &Unit) -> Summarised {
    let mut progress = Progress::default();
    progress.cursor.stamp = Stamp { ..unit.stamp };
    Summarised {
        sessions: Sessions::Changed { sessions: Vec::new(), removed: Vec::new() },
        notes: Vec::new(),
        progress,
        bytes_read: 0,
        issues: vec![fault(&unit.path)],
    }
}
