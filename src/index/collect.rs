//! Everything at once, for commands: brings the cache up to date and answers with the whole catalog.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use super::cache::file as cache_file;
use super::options::Options;
use super::pool::live_signs;
use super::snapshot::{self, Keeping, Recalled, Snapshot};
use super::survey::{Survey, Tally};
use crate::agent::{Root, Unit};
use crate::domain::catalog::{Catalog, Progress};
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Issue, Session, SessionKey};

/// How far the cache is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Where a unit's stamp says that nothing changed.
    Changed,
    /// Not at all: everything is read again.
    Everything,
}

/// All that is known.
#[derive(Debug)]
pub struct Collected {
    /// Sessions, newest activity first.
    pub sessions: Vec<Arc<Session>>,
    /// What could not be read.
    pub issues: Vec<Issue>,
    /// How many units there are, and how many of them were read.
    pub progress: Progress,
    /// The units that they lie in.
    pub units: Vec<Unit>,
    /// Sessions that are open in living processes.
    pub live: Vec<LiveSign>,
    /// Where agents keep them.
    pub roots: Vec<Root>,
    /// The cache's file, where there is one.
    pub cache: Option<PathBuf>,
    /// What was read for it.
    pub tally: Tally,
    /// The same, being kept for the next time.
    pub keeping: Option<Keeping>,
}

impl Collected {
    /// A session by its key.
    pub fn session(&self, key: &SessionKey) -> Option<&Arc<Session>> {
        self.sessions.iter().find(|session| session.key == *key)
    }
}

/// A root, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootReport {
    /// Whose.
    pub agent: Agent,
    /// Where.
    pub path: PathBuf,
    /// Whether it exists.
    pub found: bool,
    /// Sessions whose row comes from there.
    pub sessions: usize,
}

/// Looks at everything and waits until all of it is read.
pub fn collect(options: &Options, refresh: Refresh) -> Collected {
    let roots: Vec<Root> = options.formats.iter().flat_map(|format| format.roots(&options.environment)).collect();
    let recalled = match refresh {
        Refresh::Changed => snapshot::recall(options.cache_dir.as_deref(), &roots, options.formats),
        Refresh::Everything => None,
    };
    match recalled {
        Some(recalled) => answer(options, roots, recalled),
        None => survey(options, refresh),
    }
}

/// What a command saw before, still true.
fn answer(options: &Options, roots: Vec<Root>, recalled: Recalled) -> Collected {
    let Recalled { sessions, issues, units, live } = recalled;
    Collected {
        sessions,
        issues,
        progress: Progress { done: units.len(), total: units.len() },
        units,
        live,
        roots,
        cache: options.cache_dir.as_deref().map(cache_file),
        tally: Tally::default(),
        keeping: None,
    }
}

fn survey(options: &Options, refresh: Refresh) -> Collected {
    let (sender, results) = channel();
    let deliver = move |done| {
        // Nobody listens only when the survey was dropped, and then nobody wants the result.
        drop(sender.send(done));
    };
    let mut survey = Survey::new(options, Arc::new(deliver));
    if refresh == Refresh::Changed {
        survey.load();
    }
    survey.begin(refresh == Refresh::Everything);
    while !survey.idle() {
        match results.recv() {
            Ok(done) => survey.take(done),
            Err(_) => break,
        }
    }
    survey.flush();
    let live = live_signs(options.formats, survey.roots());
    survey.shelf.set_live(&live);
    let mut catalog = Catalog::default();
    catalog.apply(survey.shelf.take_change());
    survey.keep_front();
    let sessions: Vec<_> = catalog.iter().cloned().collect();
    let (issues, progress) = (catalog.issues, survey.progress());
    let cache = survey.cache_file().map(Path::to_owned);
    let units: Vec<Unit> = survey.shelf.all_units().collect();
    let (roots, tally) = (survey.roots().to_vec(), survey.tally);
    let snapshot = Snapshot::new(&roots, &units, sessions.clone(), issues.clone());
    // The cache is closed before its state is looked at.
    drop(survey);
    let keeping = cache.as_deref().and_then(Path::parent).zip(snapshot).map(|(dir, snapshot)| snapshot.keep(dir));
    Collected { sessions, issues, progress, units, live, roots, cache, tally, keeping }
}

/// What was found at each root.
pub fn report(roots: &[Root], sessions: &[Arc<Session>]) -> Vec<RootReport> {
    let of = |root: &Root| RootReport {
        agent: root.agent,
        path: root.path.clone(),
        found: root.path.exists(),
        sessions: sessions
            .iter()
            .filter(|session| session.key.agent == root.agent && session.path.starts_with(&root.path))
            .count(),
    };
    roots.iter().map(of).collect()
}
