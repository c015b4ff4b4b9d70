//! Cache of source summaries from earlier runs, so that only changed sources are read again.
//!
//! The cache may be deleted at any time. A damaged or outdated one is deleted and created again. Where none can be written,
//! an empty one in memory is used, with an issue. Two salon processes may share it: a source's progress and sessions
//! are written in one transaction. A process that finds more progress than its own reads all of that source from the
//! cache. Changes are only written to the progress that they continue.

mod record;
mod schema;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use self::record::SessionRows;
pub(super) use self::record::{CacheRecord, SourceExtras};
use crate::agent::{Source, SummaryProgress};
use crate::domain::{Issue, Session};
use crate::index::encoding;

/// Number of records per write.
pub(super) const BATCH: usize = 64;
/// Number of newest sessions in the first frame of the next start.
const FRONT_ROWS: usize = 200;

/// Open cache.
pub(super) struct SessionCache {
    db: Connection,
    /// Path of the file; `None` for a cache in memory.
    path: Option<PathBuf>,
    /// Unwritten records in order, and the index of the newest record of each source.
    pending: Vec<CacheRecord>,
    newest: HashMap<PathBuf, usize>,
    issue: Option<Issue>,
}

/// Stored progress of a source.
pub(super) enum StoredProgress {
    /// Progress of this process, not written yet.
    Pending(SummaryProgress),
    /// Written progress of this or another process, with the whole source.
    Written(Box<CachedSource>),
}

/// Source as the cache stores it.
pub(super) struct CachedSource {
    pub source: Source,
    pub progress: SummaryProgress,
    pub extras: SourceExtras,
    pub sessions: Vec<Session>,
}

impl SessionCache {
    /// Opens or creates the cache in a directory. Without a directory, or on an error, the cache is in memory.
    pub(super) fn open(dir: Option<&Path>) -> Self {
        let opened = dir.map(|dir| (dir, schema::open(dir)));
        let (db, path, issue) = match opened {
            Some((dir, Ok(db))) => (Some(db), Some(schema::file(dir)), None),
            Some((dir, Err(error))) => {
                let reason =
                    format!("the cache cannot be written here, so every start reads all sessions again: {error}");
                (None, None, Some(Issue::new(dir, reason)))
            }
            None => (None, None, None),
        };
        let db = db.unwrap_or_else(schema::in_memory);
        Self { db, path, pending: Vec::new(), newest: HashMap::new(), issue }
    }

    /// Returns the path of the file, if there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the reason why nothing is stored.
    pub(super) fn issue(&self) -> Option<&Issue> {
        self.issue.as_ref()
    }

    /// Deletes a damaged cache and creates an empty one.
    pub(super) fn reset(&mut self) {
        let dir = self.path.as_deref().and_then(Path::parent).map(Path::to_owned);
        let Some(dir) = dir else { return };
        self.db = schema::in_memory();
        schema::delete(&dir);
        *self = Self::open(Some(&dir));
    }

    /// Returns the newest rows of these roots, for the first frame.
    pub(super) fn front(&self, roots: &str) -> Vec<Session> {
        let query = "SELECT rows FROM front WHERE roots = ?1";
        let rows = self.db.query_row(query, [roots], |row| row.get::<_, Vec<u8>>(0)).optional();
        rows.ok().flatten().and_then(|rows| encoding::decode(&rows)).unwrap_or_default()
    }

    /// Saves the newest rows for the first frame of the next start.
    pub(super) fn save_front<'a>(&mut self, roots: &str, sessions: impl Iterator<Item = &'a Session>) {
        let mut newest: Vec<_> = sessions.filter(|session| !session.flags.subagent && !session.flags.empty).collect();
        newest.sort_unstable_by_key(|session| std::cmp::Reverse(session.last_activity));
        newest.truncate(FRONT_ROWS);
        let rows = newest.into_iter().map(record::without_state).collect::<Vec<_>>();
        let Some(rows) = encoding::encode(&rows) else { return };
        let query = "INSERT OR REPLACE INTO front (roots, rows) VALUES (?1, ?2)";
        let written = self.db.execute(query, params![roots, rows]);
        if let Err(error) = written {
            // Only a convenience: without it the next start shows the rows a few milliseconds later.
            tracing::debug!(%error, "the first rows were not saved");
        }
    }

    /// Returns the stored progress of a source.
    pub(super) fn progress(&self, path: &Path) -> Option<StoredProgress> {
        if let Some(record) = self.newest.get(path).and_then(|at| self.pending.get(*at)) {
            return match record.rows {
                SessionRows::Gone => None,
                SessionRows::All(_) | SessionRows::Changed { .. } => {
                    Some(StoredProgress::Pending(record.progress.clone()))
                }
            };
        }
        let found =
            schema::source(&self.db, path).inspect_err(|error| tracing::debug!(%error, ?path, "not in the cache"));
        found.ok().flatten().map(|source| StoredProgress::Written(Box::new(source)))
    }

    /// Queues a record for the next write.
    pub(super) fn put(&mut self, record: CacheRecord) {
        self.newest.insert(record.source.path.clone(), self.pending.len());
        self.pending.push(record);
    }

    /// Returns the number of queued records.
    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Writes the queued records. While another process writes, they stay queued.
    pub(super) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match schema::write(&mut self.db, &self.pending) {
            Ok(()) => {}
            Err(error) if schema::is_busy(&error) && self.pending.len() < 16 * BATCH => return,
            Err(error) => {
                tracing::debug!(%error, "the cache could not be written");
                self.reset();
                self.issue = Some(Issue::new(self.path.clone().unwrap_or_default(), format!("cache: {error}")));
            }
        }
        self.pending.clear();
        self.pending.shrink_to(BATCH);
        self.newest.clear();
    }
}

/// Returns the path of the cache file in a directory.
pub(super) fn file(dir: &Path) -> PathBuf {
    schema::file(dir)
}

/// Reads every source of a cache file through its own connection, in chunks.
pub(super) fn load(file: &Path, chunk: impl FnMut(Vec<CachedSource>)) -> rusqlite::Result<()> {
    schema::load(&schema::connect(file)?, chunk)
}
