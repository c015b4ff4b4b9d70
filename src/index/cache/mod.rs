//! What was read of units in earlier runs, so that only what changed since is read again.
//!
//! It may be deleted at any time. One that is damaged, or was made by another version, is dropped and made anew; where
//! none can be kept, an empty one in memory stands in, and an issue says so. Two salons may share it: a unit's
//! progress and its sessions are written in one transaction, and a reader that finds a unit further on than it
//! remembers takes over all of it.

mod record;
mod schema;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use self::record::Rows;
pub(super) use self::record::{Held, Record};
use crate::agent::{Progress, Unit};
use crate::domain::{Issue, Session};

/// Records that are written in one go.
pub(super) const BATCH: usize = 64;
/// Newest sessions that the first frame of the next start shows.
const FRONT: usize = 200;

/// The cache, open.
pub(super) struct Cache {
    db: Connection,
    /// Its file; `None` where it is in memory.
    path: Option<PathBuf>,
    /// What was read but is not written yet, in order, and the newest record of each unit.
    pending: Vec<Record>,
    newest: HashMap<PathBuf, usize>,
    issue: Option<Issue>,
}

/// How far a unit was read.
pub(super) enum Reached {
    /// By this salon, a moment ago.
    Pending(Progress),
    /// By this one or another, with all that was found.
    Written(Box<CachedUnit>),
}

/// A unit as the cache holds it.
pub(super) struct CachedUnit {
    pub unit: Unit,
    pub progress: Progress,
    pub held: Held,
    pub sessions: Vec<Session>,
}

impl Cache {
    /// Opens the cache in a directory, making it where needed. `None`, or a directory that does not do: in memory.
    pub fn open(dir: Option<&Path>) -> Self {
        let opened = dir.map(|dir| (dir, schema::open(dir)));
        let (db, path, issue) = match opened {
            Some((dir, Ok(db))) => (Some(db), Some(schema::file(dir)), None),
            Some((dir, Err(error))) => {
                let reason = format!("no cache can be kept here, so that every start reads everything: {error}");
                (None, None, Some(Issue::new(dir, reason)))
            }
            None => (None, None, None),
        };
        let db = db.unwrap_or_else(schema::in_memory);
        Self { db, path, pending: Vec::new(), newest: HashMap::new(), issue }
    }

    /// Its file, where it has one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Why nothing is kept.
    pub fn issue(&self) -> Option<&Issue> {
        self.issue.as_ref()
    }

    /// Drops all that it holds, being damaged.
    pub fn reset(&mut self) {
        let dir = self.path.as_deref().and_then(Path::parent).map(Path::to_owned);
        let Some(dir) = dir else { return };
        self.db = schema::in_memory();
        schema::delete(&dir);
        *self = Self::open(Some(&dir));
    }

    /// The newest rows as they were last shown for these roots: what the first frame shows.
    pub fn front(&self, roots: &str) -> Vec<Session> {
        let query = "SELECT rows FROM front WHERE roots = ?1";
        let rows = self.db.query_row(query, [roots], |row| row.get::<_, Vec<u8>>(0)).optional();
        rows.ok().flatten().and_then(|rows| sonic_rs::from_slice(&rows).ok()).unwrap_or_default()
    }

    /// Keeps the newest rows for the first frame of the next start.
    pub fn keep_front<'a>(&mut self, roots: &str, sessions: impl Iterator<Item = &'a Session>) {
        let mut newest: Vec<_> = sessions.filter(|session| !session.flags.subagent && !session.flags.empty).collect();
        newest.sort_unstable_by_key(|session| std::cmp::Reverse(session.last_activity));
        newest.truncate(FRONT);
        let rows = newest.into_iter().map(record::at_rest).collect::<Vec<_>>();
        let Ok(rows) = sonic_rs::to_vec(&rows) else { return };
        let query = "INSERT OR REPLACE INTO front (roots, rows) VALUES (?1, ?2)";
        let written = self.db.execute(query, params![roots, rows]);
        if let Err(error) = written {
            // It is only a convenience: the next start shows the rows a few milliseconds later.
            tracing::debug!(%error, "the first rows were not kept");
        }
    }

    /// What is known of a unit, for going on with it.
    pub fn reached(&self, path: &Path) -> Option<Reached> {
        if let Some(record) = self.newest.get(path).and_then(|at| self.pending.get(*at)) {
            return match record.rows {
                Rows::Gone => None,
                Rows::All(_) | Rows::Changed { .. } => Some(Reached::Pending(record.progress.clone())),
            };
        }
        let found =
            schema::unit(&self.db, path).inspect_err(|error| tracing::debug!(%error, ?path, "not in the cache"));
        found.ok().flatten().map(|unit| Reached::Written(Box::new(unit)))
    }

    /// Takes a record, to be written with the next batch.
    pub fn put(&mut self, record: Record) {
        self.newest.insert(record.unit.path.clone(), self.pending.len());
        self.pending.push(record);
    }

    /// How many records wait to be written.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Writes what waits. Where another salon is writing, it waits on.
    pub fn flush(&mut self) {
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

/// The cache's file in a directory.
pub(super) fn file(dir: &Path) -> PathBuf {
    schema::file(dir)
}

/// Reads every unit of a cache file through a connection of its own and gives them away in chunks.
pub(super) fn load(file: &Path, chunk: impl FnMut(Vec<CachedUnit>)) -> rusqlite::Result<()> {
    schema::load(&schema::connect(file)?, chunk)
}
