//! Everything at once, for commands: brings the cache up to date and answers with the whole catalog.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use super::options::Options;
use super::pool::live_signs;
use super::survey::{Survey, Tally};
use crate::agent::Unit;
use crate::domain::Agent;
use crate::domain::catalog::Catalog;
use crate::domain::live::LiveSign;

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
    /// Sessions and issues.
    pub catalog: Catalog,
    /// The units that they lie in.
    pub units: Vec<Unit>,
    /// Sessions that are open in living processes.
    pub live: Vec<LiveSign>,
    /// The roots, with what was found there.
    pub roots: Vec<RootReport>,
    /// The cache's file, where there is one.
    pub cache: Option<PathBuf>,
    /// What was read for it.
    pub tally: Tally,
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
    catalog.progress = survey.progress();
    let cache = survey.cache_file().map(Path::to_owned);
    let units = survey.shelf.all_units().collect();
    Collected { roots: report(&survey), catalog, units, live, cache, tally: survey.tally }
}

fn report(survey: &Survey) -> Vec<RootReport> {
    let of = |root: &crate::agent::Root| RootReport {
        agent: root.agent,
        path: root.path.clone(),
        found: root.path.exists(),
        sessions: survey
            .shelf
            .sessions()
            .filter(|session| session.key.agent == root.agent && session.path.starts_with(&root.path))
            .count(),
    };
    survey.roots().iter().map(of).collect()
}
