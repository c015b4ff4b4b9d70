//! Snapshots of the files before and after the turns of salon's own runs: which commits of salon's own repository they
//! are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Result, Row, params};

use super::write;
use crate::domain::Time;
use crate::domain::run::RunId;

/// Statements that create the table. Paths are bytes; `after` is null until the turn has ended.
pub const SCHEMA: &str = "
    CREATE TABLE turn_snapshots (
        run        TEXT NOT NULL,
        began      INTEGER NOT NULL,
        repository BLOB NOT NULL,
        root       BLOB NOT NULL,
        before     TEXT NOT NULL,
        after      TEXT,
        PRIMARY KEY (run, began)
    ) WITHOUT ROWID;
";

/// Files before and after a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnSnapshot {
    /// The run.
    pub run: RunId,
    /// Start of the turn.
    pub began: Time,
    /// Directory that all worktrees of the user's repository share.
    pub repository: PathBuf,
    /// Root of the work tree.
    pub root: PathBuf,
    /// Commit with the files before the turn.
    pub before: String,
    /// Commit with the files after the turn; `None` until it has ended.
    pub after: Option<String>,
}

/// Records the files before a turn.
pub fn begin(db: &mut Connection, snapshot: &TurnSnapshot) -> Result<()> {
    write(db, |db| {
        db.execute(
            "INSERT OR IGNORE INTO turn_snapshots (run, began, repository, root, before) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                &*snapshot.run.0,
                snapshot.began.millis(),
                snapshot.repository.as_os_str().as_bytes(),
                snapshot.root.as_os_str().as_bytes(),
                snapshot.before
            ],
        )
        .map(drop)
    })
}

/// Records the files after a turn of a run. A turn without a snapshot of its beginning in the same repository and work
/// tree has none of its end.
pub fn end(
    db: &mut Connection,
    (run, began): (&RunId, Time),
    (repository, root): (&Path, &Path),
    after: &str,
) -> Result<()> {
    let sql = "UPDATE turn_snapshots SET after = ?3 WHERE run = ?1 AND began = ?2 AND repository = ?4 AND root = ?5";
    let [repository, root] = [repository, root].map(|path| path.as_os_str().as_bytes());
    write(db, |db| db.execute(sql, params![&*run.0, began.millis(), after, repository, root]).map(drop))
}

/// Returns the snapshots of a run, oldest first.
pub fn of_run(db: &Connection, run: &RunId) -> Result<Vec<TurnSnapshot>> {
    let mut query = db.prepare(
        "SELECT run, began, repository, root, before, after FROM turn_snapshots WHERE run = ?1 ORDER BY began",
    )?;
    query.query_map(params![&*run.0], snapshot)?.collect()
}

/// Returns the commits of all snapshots.
pub fn commits(db: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT before FROM turn_snapshots UNION SELECT after FROM turn_snapshots WHERE after IS NOT NULL";
    db.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Removes the snapshots that began before a time.
pub fn remove_expired(db: &mut Connection, before: Time) -> Result<()> {
    write(db, |db| db.execute("DELETE FROM turn_snapshots WHERE began < ?1", params![before.millis()]).map(drop))
}

fn snapshot(row: &Row<'_>) -> Result<TurnSnapshot> {
    let path = |at: usize| -> Result<PathBuf> { Ok(Path::new(OsStr::from_bytes(row.get_ref(at)?.as_blob()?)).into()) };
    Ok(TurnSnapshot {
        run: RunId(row.get_ref(0)?.as_str()?.into()),
        began: Time::from_millis(row.get(1)?),
        repository: path(2)?,
        root: path(3)?,
        before: row.get(4)?,
        after: row.get(5)?,
    })
}
