//! All sessions, as a command sees them: collected once, through the cache.

use std::path::PathBuf;
use std::sync::Arc;

use super::context::Context;
use crate::agent::{Root, Unit};
use crate::domain::catalog::Catalog;
use crate::domain::{Issue, Session};
use crate::index::{self, Options, Refresh};
use crate::runtime;

/// Everything that was found.
#[derive(Debug)]
pub struct History {
    /// All sessions.
    pub catalog: Catalog,
    /// The same, in the order of their keys.
    pub all: Vec<Arc<Session>>,
    /// The units that they lie in.
    pub units: Vec<Unit>,
    /// Where agents keep them.
    pub roots: Vec<Root>,
    /// The cache's file, where one can be kept.
    pub cache: Option<PathBuf>,
    /// What could not be read, the configuration included.
    pub issues: Vec<Issue>,
    /// It is being kept for the next command.
    _keeping: Option<index::Keeping>,
}

impl History {
    /// Reads what changed since the last time.
    pub fn read(context: &Context) -> Self {
        let options = options(context);
        let collected = index::collect(&options, Refresh::Changed);
        let mut all: Vec<_> = collected.catalog.iter().cloned().collect();
        all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let mut issues = context.issues.clone();
        issues.extend(collected.catalog.issues.iter().cloned());
        let index::Collected { catalog, units, roots, cache, keeping, .. } = collected;
        Self { catalog, all, units, roots, cache, issues, _keeping: keeping }
    }
}

/// What the index is told.
pub fn options(context: &Context) -> Options {
    let mut options = Options::new(context.environment.clone(), runtime::instant);
    options.cache_dir = Some(context.paths.cache.clone());
    options
}
