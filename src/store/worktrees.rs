//! Records of the worktrees that salon created. A phase is committed before the files change, so that a crash between
//! both is noticed and repaired.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Result, Row, params};

use super::write;
use crate::domain::Time;
use crate::domain::worktree::{IgnoredFile, Worktree, WorktreePhase};

/// Statements that create the table. Paths are bytes, because they need not be UTF-8; `initial` is JSON.
pub const SCHEMA: &str = "
    CREATE TABLE worktrees (
        id         TEXT PRIMARY KEY,
        name       TEXT NOT NULL,
        path       BLOB NOT NULL UNIQUE,
        root       BLOB NOT NULL,
        repository BLOB NOT NULL,
        workspace  BLOB NOT NULL,
        branch     TEXT NOT NULL,
        base       TEXT NOT NULL,
        port       INTEGER NOT NULL,
        created    INTEGER NOT NULL,
        trashed    INTEGER,
        phase      TEXT NOT NULL,
        initial    TEXT NOT NULL
    ) WITHOUT ROWID;
";

/// Statement that adds the commands that prepared a worktree, as JSON.
pub const ADD_SETUP: &str = "ALTER TABLE worktrees ADD COLUMN setup TEXT NOT NULL DEFAULT '[]';";

/// Statement that adds the time at which a worktree was last taken out of the trash.
pub const ADD_RESTORED: &str = "ALTER TABLE worktrees ADD COLUMN restored INTEGER;";

/// Adds a record.
pub fn insert(db: &mut Connection, worktree: &Worktree) -> Result<()> {
    let initial = to_json(&worktree.initial)?;
    write(db, |db| {
        db.execute(
            "INSERT INTO worktrees (id, name, path, root, repository, workspace, branch, base, port, created, trashed,
                                    phase, initial, restored)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                worktree.id,
                worktree.name,
                worktree.path.as_os_str().as_bytes(),
                worktree.root.as_os_str().as_bytes(),
                worktree.repository.as_os_str().as_bytes(),
                worktree.workspace.as_os_str().as_bytes(),
                worktree.branch,
                worktree.base,
                worktree.port,
                worktree.created.millis(),
                worktree.trashed.map(Time::millis),
                worktree.phase.name(),
                initial,
                worktree.restored.map(Time::millis)
            ],
        )
        .map(drop)
    })
}

/// Returns all records, the newest first.
pub fn list(db: &Connection) -> Result<Vec<Worktree>> {
    let mut query = db.prepare(
        "SELECT id, name, path, root, repository, workspace, branch, base, port, created, trashed, phase, initial,
                restored
         FROM worktrees ORDER BY created DESC, id",
    )?;
    query.query_map([], worktree)?.collect()
}

/// Completes the creation of a worktree with its ignored files.
pub fn set_ready(db: &mut Connection, id: &str, initial: &[IgnoredFile]) -> Result<()> {
    let initial = to_json(initial)?;
    let sql = "UPDATE worktrees SET phase = ?2, initial = ?3 WHERE id = ?1";
    write(db, |db| db.execute(sql, params![id, WorktreePhase::Ready.name(), initial]).map(drop))
}

/// Records the commands that prepared a worktree, as JSON.
pub fn set_setup(db: &mut Connection, id: &str, setup: &str) -> Result<()> {
    write(db, |db| db.execute("UPDATE worktrees SET setup = ?2 WHERE id = ?1", params![id, setup]).map(drop))
}

/// Returns the commands that prepared a worktree, as JSON.
pub fn setup(db: &Connection, id: &str) -> Result<String> {
    db.query_row("SELECT setup FROM worktrees WHERE id = ?1", params![id], |row| row.get(0))
}

/// Changes the phase of a worktree.
pub fn set_phase(db: &mut Connection, id: &str, phase: WorktreePhase) -> Result<()> {
    let sql = "UPDATE worktrees SET phase = ?2 WHERE id = ?1";
    write(db, |db| db.execute(sql, params![id, phase.name()]).map(drop))
}

/// Moves a worktree to the trash at a time.
pub fn set_trashed(db: &mut Connection, id: &str, time: Time) -> Result<()> {
    let sql = "UPDATE worktrees SET trashed = ?2 WHERE id = ?1";
    write(db, |db| db.execute(sql, params![id, time.millis()]).map(drop))
}

/// Takes a worktree out of the trash at a time.
pub fn set_restored(db: &mut Connection, id: &str, time: Time) -> Result<()> {
    let sql = "UPDATE worktrees SET trashed = NULL, restored = ?2 WHERE id = ?1";
    write(db, |db| db.execute(sql, params![id, time.millis()]).map(drop))
}

/// Removes the record of a worktree that no longer exists.
pub fn remove(db: &mut Connection, id: &str) -> Result<()> {
    write(db, |db| db.execute("DELETE FROM worktrees WHERE id = ?1", params![id]).map(drop))
}

fn worktree(row: &Row<'_>) -> Result<Worktree> {
    let path = |at: usize| -> Result<PathBuf> { Ok(Path::new(OsStr::from_bytes(row.get_ref(at)?.as_blob()?)).into()) };
    let invalid = |()| rusqlite::Error::InvalidQuery;
    Ok(Worktree {
        id: row.get(0)?,
        name: row.get(1)?,
        path: path(2)?,
        root: path(3)?,
        repository: path(4)?,
        workspace: path(5)?,
        branch: row.get(6)?,
        base: row.get(7)?,
        port: row.get(8)?,
        created: Time::from_millis(row.get(9)?),
        trashed: row.get::<_, Option<i64>>(10)?.map(Time::from_millis),
        // A phase of a newer version is none in which anything may be removed.
        phase: WorktreePhase::from_name(row.get_ref(11)?.as_str()?).unwrap_or(WorktreePhase::Creating),
        initial: serde_json::from_str(row.get_ref(12)?.as_str()?).map_err(|_| ()).map_err(invalid)?,
        restored: row.get::<_, Option<i64>>(13)?.map(Time::from_millis),
    })
}

fn to_json(initial: &[IgnoredFile]) -> Result<String> {
    serde_json::to_string(initial).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
