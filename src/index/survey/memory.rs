//! What the survey takes from the cache, and leaves there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Survey;
use crate::agent::{Progress, Root, Sessions, Stamp, Unit};
use crate::domain::Session;
use crate::index::cache::{CachedUnit, Held, Reached};
use crate::index::pool::Job;
use crate::index::shelf::Summary;

impl Survey {
    /// Puts the rows there that the first frame shows, from the cache, and begins to read the rest of it.
    pub fn load(&mut self) {
        let mut rows: HashMap<PathBuf, Vec<Session>> = HashMap::new();
        for session in self.cache.front(&self.name()) {
            rows.entry(session.path.clone()).or_default().push(session);
        }
        self.has_front = !rows.is_empty();
        for (path, sessions) in rows {
            let Some(agent) = sessions.first().map(|session| session.key.agent) else { continue };
            self.shelf.glance(&Unit { agent, path, stamp: Stamp::default(), kind: 0 }, sessions);
        }
        if let Some(file) = self.cache.path() {
            self.loading = true;
            self.pool.urgent(Job::Load(file.to_owned()));
        }
        self.set_issue("cache", self.cache.issue().cloned());
    }

    /// The cache's file, where there is one.
    pub fn cache_file(&self) -> Option<&Path> {
        self.cache.path()
    }

    /// Whether results wait to be written to the cache.
    pub fn dirty(&self) -> bool {
        self.cache.waiting() > 0
    }

    /// Writes what waits to the cache.
    pub fn flush(&mut self) {
        self.cache.flush();
    }

    /// Keeps the newest rows for the first frame of the next start.
    pub fn keep_front(&mut self) {
        let name = self.name();
        self.cache.keep_front(&name, self.shelf.sessions().map(|session| &**session));
    }

    /// The roots, so that rows of one home never show in another.
    fn name(&self) -> String {
        let paths: Vec<_> = self.roots.iter().map(|root| root.path.to_string_lossy()).collect();
        paths.join(":")
    }

    /// Takes over what the cache holds of a unit, if it lies below a root.
    pub(super) fn adopt(&mut self, cached: CachedUnit) {
        let CachedUnit { unit, held, sessions, .. } = cached;
        let below = |root: &Root| root.watch.iter().chain([&root.path]).any(|path| unit.path.starts_with(path));
        if !self.roots.iter().any(|root| root.agent == unit.agent && below(root)) {
            return;
        }
        for session in &sessions {
            self.workspaces.learn(session.cwd.clone(), session.workspace.clone());
        }
        let Held { notes, issues } = held;
        self.shelf.summarised(&unit, Summary { sessions: Sessions::All(sessions), notes, issues });
    }

    pub(super) fn loaded(&mut self, sound: bool) {
        self.loading = false;
        if !sound {
            self.cache.reset();
        }
        for held in std::mem::take(&mut self.held) {
            self.take(held);
        }
    }

    /// Where to go on with a unit. If another salon got further with it, all that it found is taken over first.
    pub(super) fn progress_of(&mut self, path: &Path) -> Option<Progress> {
        match self.cache.reached(path)? {
            Reached::Pending(progress) => Some(progress),
            Reached::Written(mut unit) => {
                let progress = std::mem::take(&mut unit.progress);
                if self.shelf.stamp(path) != Some(unit.unit.stamp) {
                    self.adopt(*unit);
                }
                Some(progress)
            }
        }
    }
}
