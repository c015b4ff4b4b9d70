//! Transfers state between the scanner and the cache.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Scanner;
use crate::agent::{FileStamp, Source, SourceRoot, SourceSessions, SummaryProgress};
use crate::domain::Session;
use crate::index::cache::{CachedSource, SourceExtras, StoredProgress};
use crate::index::pool::Job;
use crate::index::session_table::SourceContents;

impl Scanner {
    /// Adds the cached rows of the first frame, and starts to load the rest of the cache.
    pub(crate) fn load_cache(&mut self) {
        let mut rows: HashMap<PathBuf, Vec<Session>> = HashMap::new();
        for session in self.cache.front(&self.roots_key()) {
            rows.entry(session.path.clone()).or_default().push(session);
        }
        self.has_cached_front = !rows.is_empty();
        for (path, sessions) in rows {
            let Some(agent) = sessions.first().map(|session| session.key.agent) else { continue };
            self.table.add_peeked(&Source { agent, path, stamp: FileStamp::default(), kind: 0 }, sessions);
        }
        if let Some(file) = self.cache.path() {
            self.loading = true;
            self.pool.urgent(Job::LoadCache(file.to_owned()));
        }
        self.set_issue("cache", self.cache.issue().cloned());
    }

    /// Returns the path of the cache file, if there is one.
    pub(crate) fn cache_file(&self) -> Option<&Path> {
        self.cache.path()
    }

    /// Returns true if results wait to be written to the cache.
    pub(crate) fn has_pending_writes(&self) -> bool {
        self.cache.pending_count() > 0
    }

    /// Writes pending results to the cache.
    pub(crate) fn flush(&mut self) {
        self.cache.flush();
    }

    /// Saves the newest rows for the first frame of the next start.
    pub(crate) fn save_front(&mut self) {
        let roots_key = self.roots_key();
        self.cache.save_front(&roots_key, self.table.own_sessions().map(|session| &**session));
    }

    /// Key of the roots, so that the rows of one home never show in another.
    fn roots_key(&self) -> String {
        let paths: Vec<_> = self.roots.iter().map(|root| root.path.to_string_lossy()).collect();
        paths.join(":")
    }

    /// Adds a cached source to the table, if it is below a root.
    pub(super) fn restore(&mut self, cached: CachedSource) {
        let CachedSource { source, extras, sessions, .. } = cached;
        let below = |root: &SourceRoot| root.watch.iter().chain([&root.path]).any(|path| source.path.starts_with(path));
        if !self.roots.iter().any(|root| root.agent == source.agent && below(root)) {
            return;
        }
        for session in &sessions {
            self.workspaces.insert_cached(session.cwd.clone(), session.workspace.clone());
        }
        let SourceExtras { notes, issues } = extras;
        self.table.add_summary(&source, SourceContents { sessions: SourceSessions::All(sessions), notes, issues });
    }

    pub(super) fn cache_loaded(&mut self, intact: bool) {
        self.loading = false;
        if !intact {
            self.cache.reset();
        }
        for deferred in std::mem::take(&mut self.deferred) {
            self.handle(deferred);
        }
    }

    /// Returns the stored progress of a source. If another salon process read further, its results are added first.
    pub(super) fn progress_of(&mut self, path: &Path) -> Option<SummaryProgress> {
        match self.cache.progress(path)? {
            StoredProgress::Pending(progress) => Some(progress),
            StoredProgress::Written(mut source) => {
                let progress = std::mem::take(&mut source.progress);
                if self.table.stamp(path) != Some(source.source.stamp) {
                    self.restore(*source);
                }
                Some(progress)
            }
        }
    }
}
