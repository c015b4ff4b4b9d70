//! One look at everything: which units there are, which of them changed, in which order they are read.
//!
//! Newest first at each depth: the newest units of every root are glanced at before anything else, then all of
//! them, then they are summarised. What the cache or an earlier look knows already is not opened. The survey never
//! waits: jobs go to the pool, results come back through [`Survey::take`].

mod lineage;
mod memory;
mod sightings;
mod unread;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::unread::Unread;
use crate::agent::{Discovery, Format, Root, Summarised, Unit};
use crate::domain::Issue;
use crate::domain::catalog;
use crate::index::cache::{BATCH, Cache, Record};
use crate::index::options::Options;
use crate::index::pool::{Deliver, Done, Front, Job, Pool};
use crate::index::shelf::{Origin, Shelf, Summary};
use crate::index::workspace::Workspaces;

/// Units of a root that are glanced at before all others: more than any screen shows.
const FRONT: usize = 100;
/// Units of one glance job.
const CHUNK: usize = 10;
/// Summaries that wait in the pool's queue, so that their progress need not be held for all units at once.
const WINDOW: usize = 32;

/// One look at everything, and what it found so far.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one independent piece of work is under way")]
pub(super) struct Survey {
    pub shelf: Shelf,
    roots: Vec<Root>,
    formats: &'static [&'static dyn Format],
    pool: Pool,
    workspaces: Arc<Workspaces>,
    /// Units still to be summarised, newest first.
    backlog: VecDeque<Unit>,
    /// The backlog is read from the beginning, whatever is known of it.
    afresh: bool,
    /// Units that a job is summarising, and what became of them meanwhile.
    reading: HashMap<PathBuf, Meanwhile>,
    /// Units with the same beginnings, to be told apart when both are at rest.
    tangled: Vec<Vec<Unit>>,
    /// Units that could not be read, to be tried again.
    unread: Unread,
    walk: Walk,
    /// A walk was asked for while one was under way; whether of everything.
    again: Option<bool>,
    glancing: usize,
    /// Glances of the first screen that are under way.
    front: usize,
    /// The cache told the first screen.
    has_front: bool,
    living: bool,
    cache: Cache,
    /// The cache is being read; what roots hold is compared with it afterwards.
    loading: bool,
    held: Vec<Done>,
    /// Directories are being looked at for the workspaces that they belong to.
    placing: Placing,
    /// Bytes and units read so far.
    pub tally: Tally,
}

/// Counts of what was read, to prove what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes taken from units by summaries.
    pub bytes: u64,
    /// Units summarised.
    pub summaries: usize,
    /// Units glanced at.
    pub glances: usize,
}

/// Which workspace each directory belongs to is looked up again once a walk, when the first rows are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placing {
    Due,
    Running,
    Done,
}

/// What became of a unit while it was read.
enum Meanwhile {
    Nothing,
    Changed(Unit),
    Gone,
}

/// A walk over all roots that is under way.
#[derive(Default)]
struct Walk {
    /// Roots not yet walked.
    open: usize,
    seen: HashSet<PathBuf>,
    fresh: Vec<Unit>,
    /// Units at the front, which are glanced at already.
    front: HashSet<PathBuf>,
    /// What could not be looked at: units below it are not gone only because they were not seen.
    dark: Vec<PathBuf>,
    /// Everything is read again, whatever is known of it.
    everything: bool,
}

impl Survey {
    pub fn new(options: &Options, deliver: Deliver) -> Self {
        let workspaces = Arc::new(Workspaces::default());
        let roots = options.formats.iter().flat_map(|format| format.roots(&options.environment)).collect();
        Self {
            shelf: Shelf::default(),
            roots,
            formats: options.formats,
            pool: Pool::start(options.formats, workspaces.clone(), deliver),
            workspaces,
            backlog: VecDeque::new(),
            afresh: false,
            reading: HashMap::new(),
            tangled: Vec::new(),
            unread: Unread::default(),
            walk: Walk::default(),
            again: None,
            glancing: 0,
            front: 0,
            has_front: false,
            living: false,
            cache: Cache::open(options.cache_dir.as_deref()),
            loading: false,
            held: Vec::new(),
            placing: Placing::Due,
            tally: Tally::default(),
        }
    }

    /// Where agents keep sessions.
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// Begins to look at everything; at units that did not change only if `everything` is asked for.
    pub fn begin(&mut self, everything: bool) {
        if self.walk.open > 0 {
            self.again = Some(everything || self.again == Some(true));
            return;
        }
        self.placing = Placing::Due;
        self.walk = Walk { open: self.roots.len(), everything, ..Walk::default() };
        for (number, root) in self.roots.iter().enumerate() {
            self.pool.urgent(Job::Discover(number, root.clone()));
        }
    }

    /// Whether nothing is left to do.
    pub fn idle(&self) -> bool {
        !self.loading
            && self.walk.open == 0
            && self.glancing == 0
            && self.placing == Placing::Done
            && self.backlog.is_empty()
            && self.reading.is_empty()
            && self.tangled.is_empty()
    }

    /// Whether the first screen is there: all roots walked, their newest units glanced at.
    pub fn front_done(&self) -> bool {
        !self.loading && self.walk.open == 0 && self.front == 0
    }

    /// Whether the cache is being read: until then rows may lack what other units tell of them.
    pub fn loading(&self) -> bool {
        self.loading
    }

    /// Whether the cache told the first screen.
    pub fn has_front(&self) -> bool {
        self.has_front
    }

    /// An issue of the index itself, in place of the one that `about` had before.
    pub fn set_issue(&mut self, about: &'static str, issue: Option<Issue>) {
        self.shelf.set_issues(Origin::Index(about), issue.into_iter().collect());
    }

    /// Looks for living processes, unless that is being done.
    pub fn look_for_life(&mut self) {
        if !self.living {
            self.living = true;
            self.pool.urgent(Job::Live(self.roots.clone()));
        }
    }

    /// How far it is.
    pub fn progress(&self) -> catalog::Progress {
        let left = self.backlog.len() + self.reading.len();
        let total = self.shelf.units().max(left);
        // Before everything was looked for, nobody can say that all of it was found.
        let unknown = usize::from(left == 0 && !self.idle());
        catalog::Progress { done: total - left, total: total + unknown }
    }

    /// A unit changed: it is read before the backlog.
    pub fn changed(&mut self, unit: Unit) {
        if let Some(meanwhile) = self.reading.get_mut(&unit.path) {
            *meanwhile = Meanwhile::Changed(unit);
        } else if self.shelf.stamp(&unit.path) != Some(unit.stamp) {
            self.read(unit, Pool::urgent);
        }
    }

    /// A unit is gone.
    pub fn gone(&mut self, path: &Path) {
        if let Some(meanwhile) = self.reading.get_mut(path) {
            *meanwhile = Meanwhile::Gone;
        }
        self.backlog.retain(|unit| unit.path != path);
        self.unread.gone(path);
        if let Some(unit) = self.shelf.known(path) {
            self.cache.put(Record::gone(unit));
        }
        self.shelf.remove(path);
    }

    /// Takes a result in.
    pub fn take(&mut self, done: Done) {
        match done {
            Done::Discovered(..) if self.loading => return self.held.push(done),
            Done::Discovered(number, discovery) => self.discovered(number, discovery),
            Done::Glanced(rows, front) => {
                self.glancing -= 1;
                self.front -= usize::from(front == Front::Yes);
                self.tally.glances += rows.len();
                for (unit, sessions) in rows {
                    self.shelf.glance(&unit, sessions);
                }
            }
            Done::Summarised(unit, summary, record) => self.summarised(&unit, summary, record),
            Done::Untangled(copies, units) => self.untangled(copies, units),
            Done::Cached(units) => units.into_iter().for_each(|unit| self.adopt(unit)),
            Done::Lived(_) => self.living = false,
            Done::Loaded(sound) => self.loaded(sound),
            Done::Placed(workspaces) => {
                self.shelf.place(&workspaces);
                self.placing = Placing::Done;
            }
        }
        self.top_up();
    }

    fn summarised(&mut self, unit: &Unit, summary: Summarised, record: Option<Record>) {
        self.tally.bytes += summary.bytes_read;
        self.tally.summaries += 1;
        let meanwhile = self.reading.remove(&unit.path);
        if matches!(meanwhile, Some(Meanwhile::Gone)) {
            return;
        }
        let read = self.unread.was_read(unit, &summary);
        let Summarised { sessions, notes, issues, .. } = summary;
        let summary = Summary { sessions, notes, issues };
        if read {
            self.shelf.summarised(unit, summary);
        } else {
            self.shelf.failed(unit, summary);
        }
        if let Some(record) = record {
            self.cache.put(record);
            if self.cache.waiting() >= BATCH {
                self.cache.flush();
            }
        }
        if let Some(Meanwhile::Changed(unit)) = meanwhile {
            self.changed(unit);
        }
    }

    fn discovered(&mut self, number: usize, discovery: Discovery) {
        let Walk { open, seen, dark, everything, .. } = &mut self.walk;
        *open = open.saturating_sub(1);
        dark.extend(discovery.issues.iter().map(|issue| issue.path.clone()));
        self.shelf.set_issues(Origin::Root(number), discovery.issues);
        let known = |unit: &Unit| !*everything && self.shelf.stamp(&unit.path) == Some(unit.stamp);
        let mut fresh = discovery.units;
        fresh.retain(|unit| seen.insert(unit.path.clone()) && !known(unit));
        newest_first(&mut fresh);
        let front: Vec<_> = fresh.iter().filter(|unit| !self.shelf.holds(&unit.path)).take(FRONT).cloned().collect();
        self.glance(&front, Front::Yes);
        self.walk.front.extend(front.into_iter().map(|unit| unit.path));
        self.walk.fresh.append(&mut fresh);
        if self.walk.open == 0 {
            self.walked();
        }
    }

    /// All roots were walked: what was not seen is gone, what is new or changed goes to the backlog.
    fn walked(&mut self) {
        let Walk { seen, mut fresh, front, dark, everything, .. } = std::mem::take(&mut self.walk);
        let vanished = |path: &Path| !seen.contains(path) && !dark.iter().any(|dark| path.starts_with(dark));
        let gone: Vec<_> = self.shelf.paths().filter(|path| vanished(path)).cloned().collect();
        for path in gone {
            self.gone(&path);
        }
        newest_first(&mut fresh);
        let unknown = |unit: &&Unit| !front.contains(&unit.path) && !self.shelf.holds(&unit.path);
        let rest: Vec<_> = fresh.iter().filter(unknown).cloned().collect();
        self.glance(&rest, Front::No);
        self.afresh = everything;
        self.backlog = fresh.into();
        if let Some(everything) = self.again.take() {
            self.begin(everything);
        }
    }

    fn glance(&mut self, units: &[Unit], front: Front) {
        for chunk in units.chunks(CHUNK) {
            self.glancing += 1;
            let job = Job::Glance(chunk.to_vec(), front);
            match front {
                Front::Yes => {
                    self.front += 1;
                    self.pool.urgent(job);
                }
                Front::No => self.pool.later(job),
            }
        }
    }

    /// Hands units of the backlog to the pool, as many as it needs to stay busy.
    fn top_up(&mut self) {
        if self.placing == Placing::Due && !self.loading && self.walk.open == 0 && self.glancing == 0 {
            self.placing = Placing::Running;
            self.pool.urgent(Job::Place(self.shelf.directories().into_iter().collect()));
        }
        while self.reading.len() < WINDOW {
            let Some(unit) = self.backlog.pop_front() else { break };
            if !self.reading.contains_key(&unit.path) {
                self.read(unit, Pool::later);
            }
        }
        if self.backlog.is_empty() && !self.loading && self.walk.open == 0 {
            self.untangle();
        }
    }

    fn read(&mut self, unit: Unit, queue: fn(&Pool, Job)) {
        let progress = if self.afresh { None } else { self.progress_of(&unit.path) };
        self.reading.insert(unit.path.clone(), Meanwhile::Nothing);
        queue(&self.pool, Job::Summarise(unit, progress));
    }
}

fn newest_first(units: &mut [Unit]) {
    units.sort_by(|a, b| (Reverse(a.stamp.mtime_ns), &a.path).cmp(&(Reverse(b.stamp.mtime_ns), &b.path)));
}
