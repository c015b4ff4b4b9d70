//! All sessions of this machine, loaded once per command through the cache.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::context::CliContext;
use super::remote;
use crate::agent::{self, Source, SourceRoot};
use crate::domain::catalog::Sort;
use crate::domain::{Agent, Issue, Session, Time};
use crate::index::search::SearchIndex;
use crate::index::{self, IndexOptions, Refresh};
use crate::remote::collect::CollectedSource;
use crate::runtime;

/// Result of loading all sessions.
#[derive(Debug)]
pub(super) struct LoadedSessions {
    /// All sessions, newest activity first.
    pub all: Vec<Arc<Session>>,
    /// Sources (files and databases) of the sessions.
    pub units: Vec<Source>,
    /// Root directories of all agents.
    pub roots: Vec<SourceRoot>,
    /// Path of the cache file; `None` if no cache can be written.
    pub cache: Option<PathBuf>,
    /// Unreadable files and errors in the configuration.
    pub issues: Vec<Issue>,
    /// Directories whose agents delete old sessions, with the age in days; read when they are needed.
    retention: OnceLock<Vec<(Agent, PathBuf, u32)>>,
    /// Cache write in progress.
    pending_write: Option<index::PendingWrite>,
}

impl LoadedSessions {
    /// Loads all sessions, without their usage; reads only sources that changed since the last time.
    pub(super) fn read(context: &CliContext) -> Self {
        Self::collect(context, &IndexOptions { with_usage: false, ..options(context) })
    }

    /// Loads all sessions with their usage.
    pub(super) fn with_usage(context: &CliContext) -> Self {
        Self::collect(context, &options(context))
    }

    /// Loads all sessions like [`read`](Self::read), and indexes the texts of those that are read from their beginning.
    pub(super) fn read_and_index(context: &CliContext, search: &SearchIndex) -> Self {
        let options = IndexOptions { with_usage: false, ..options(context) };
        Self::of(context, index::collect_and_index(&options, search))
    }

    fn collect(context: &CliContext, options: &IndexOptions) -> Self {
        Self::of(context, index::collect(options, Refresh::Changed))
    }

    fn of(context: &CliContext, collected: index::Collected) -> Self {
        let index::Collected { sessions: all, issues: unread, sources: units, roots, cache, pending_write, .. } =
            collected;
        let issues = context.issues.iter().cloned().chain(unread).collect();
        Self { all, units, roots, cache, issues, retention: OnceLock::new(), pending_write }
    }

    /// Adds the sessions of other machines, and what is missing of them.
    pub(super) fn add_remote(&mut self, collected: &[CollectedSource]) {
        self.issues.extend(remote::issues(collected));
        let sessions = collected.iter().flat_map(|source| source.sessions.values());
        let own: HashMap<_, _> = self.all.iter().map(|own| ((own.key.agent, own.key.id.clone()), own)).collect();
        let is_mounted = |there: &&Arc<Session>| {
            own.get(&(there.key.agent, there.key.id.clone())).is_some_and(|own| own.is_mounted_as(there))
        };
        let found: Vec<_> = sessions.filter(|session| !is_mounted(session)).cloned().collect();
        let before = self.all.len();
        self.all.extend(found);
        if self.all.len() > before {
            self.all.sort_by(|a, b| Sort::Activity.compare(a, b));
        }
    }

    /// Returns the time from which its agent deletes a session; `None` if it does not.
    pub(super) fn purge_time(&self, session: &Session) -> Option<Time> {
        let of = |root: &SourceRoot| {
            let days = agent::format(root.agent).retention_days(root).filter(|_| root.origin.is_none())?;
            Some((root.agent, root.path.clone(), days))
        };
        let retention = self.retention.get_or_init(|| self.roots.iter().filter_map(of).collect());
        let is_in =
            |(agent, root, _): &&(Agent, PathBuf, u32)| *agent == session.key.agent && session.path.starts_with(root);
        session.purge_time(retention.iter().find(is_in)?.2)
    }

    /// Moves the sources out, for a search.
    pub(super) fn take_sources(&mut self) -> Vec<Source> {
        std::mem::take(&mut self.units)
    }

    /// Waits for the cache write and leaks the rest, because the process ends. Called after the output is written.
    pub(super) fn finish(self) {
        let Self { all, units, pending_write, .. } = self;
        drop(pending_write);
        std::mem::forget((all, units));
    }
}

/// Options of the index for a command.
pub(super) fn options(context: &CliContext) -> IndexOptions {
    let mut options = IndexOptions::new(context.environment.clone(), runtime::instant);
    options.cache_dir = Some(context.paths.cache.clone());
    options.state_db = Some(context.paths.state_db());
    options
}
