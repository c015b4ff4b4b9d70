//! All sessions, as a command sees them: collected once, through the cache.

use std::path::PathBuf;
use std::sync::Arc;

use super::context::Context;
use crate::agent::{Root, Unit};
use crate::domain::{Issue, Session};
use crate::index::{self, Options, Refresh};
use crate::runtime;

/// Everything that was found.
#[derive(Debug)]
pub struct History {
    /// All sessions, newest activity first.
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
    keeping: Option<index::Keeping>,
}

impl History {
    /// Reads what changed since the last time.
    pub fn read(context: &Context) -> Self {
        let options = options(context);
        let collected = index::collect(&options, Refresh::Changed);
        let index::Collected { sessions: all, issues: unread, units, roots, cache, keeping, .. } = collected;
        let issues = context.issues.iter().cloned().chain(unread).collect();
        Self { all, units, roots, cache, issues, keeping }
    }

    /// The units, for who searches them; there are none here then.
    pub fn take_units(&mut self) -> Vec<Unit> {
        std::mem::take(&mut self.units)
    }

    /// To be called when the answer is out. Waits until it is kept for the next command; what is held is not freed, since
    /// the process ends.
    pub fn leave(self) {
        let Self { all, units, roots: _, cache: _, issues: _, keeping } = self;
        drop(keeping);
        std::mem::forget((all, units));
    }
}

/// What the index is told.
pub fn options(context: &Context) -> Options {
    let mut options = Options::new(context.environment.clone(), runtime::instant);
    options.cache_dir = Some(context.paths.cache.clone());
    options
}
