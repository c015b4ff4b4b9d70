//! The cache's tables, and nothing that knows what is in them.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};

use super::CachedUnit;
use super::record::{Record, Rows};
use crate::agent::{Cursor, Progress, Stamp, Unit};
use crate::domain::Agent;

/// Changes with the tables. What readers make of the same bytes changes with the program's version.
const VERSION: &str = concat!("2/", env!("CARGO_PKG_VERSION"));

/// Units that are given away at once when the cache is loaded.
const CHUNK: usize = 500;

const TABLES: &str = "
CREATE TABLE made_by (version TEXT NOT NULL);
CREATE TABLE unit (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, kind INTEGER NOT NULL,
    inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    read_inode INTEGER NOT NULL, read_size INTEGER NOT NULL, read_mtime INTEGER NOT NULL, offset INTEGER NOT NULL,
    held BLOB NOT NULL, progress BLOB NOT NULL
);
CREATE TABLE session (
    unit INTEGER NOT NULL REFERENCES unit ON DELETE CASCADE, id TEXT NOT NULL, row BLOB NOT NULL,
    PRIMARY KEY (unit, id)
) WITHOUT ROWID;
CREATE TABLE front (roots TEXT PRIMARY KEY, rows BLOB NOT NULL);
";

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
}

/// The cache's file in a directory.
pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join("sessions.db")
}

/// Opens the cache of a directory; one that does not fit is deleted and made anew.
pub(super) fn open(dir: &Path) -> Result<Connection, Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let path = file(dir);
    if let Ok(db) = connect(&path)
        && fits(&db)
    {
        return Ok(db);
    }
    delete(dir);
    fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
    let mut db = connect(&path)?;
    make(&mut db)?;
    Ok(db)
}

/// A cache that ends with the program.
pub(super) fn in_memory() -> Connection {
    let made = Connection::open_in_memory().and_then(|mut db| make(&mut db).map(|()| db));
    made.expect("SQLite can always make a database in memory")
}

/// A connection to a cache file that exists.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    use rusqlite::OpenFlags;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_millis(250))?;
    // What a power cut takes from the cache is read again from the transcripts.
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON;")?;
    Ok(db)
}

fn fits(db: &Connection) -> bool {
    let version = db.query_row("SELECT version FROM made_by", [], |row| row.get::<_, String>(0));
    version.is_ok_and(|version| version == VERSION)
}

fn make(db: &mut Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "foreign_keys", true)?;
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another salon may have made it between our look and our lock.
    if !fits(&transaction) {
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO made_by VALUES (?1)", [VERSION])?;
    }
    transaction.commit()
}

/// Removes the cache's files from a directory. What cannot be removed shows when it is opened again.
pub(super) fn delete(dir: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file(dir).into_os_string();
        name.push(ending);
        if let Err(error) = fs::remove_file(&name)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, ?name, "an unusable cache could not be removed");
        }
    }
}

/// Whether an error only says that somebody else is writing.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Writes records in one transaction.
pub(super) fn write(db: &mut Connection, records: &[Record]) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for record in records {
        write_one(&transaction, record)?;
    }
    transaction.commit()
}

fn write_one(db: &Transaction<'_>, record: &Record) -> rusqlite::Result<()> {
    let path = text(&record.unit.path);
    let (sessions, removed) = match &record.rows {
        Rows::Gone => {
            db.prepare_cached("DELETE FROM unit WHERE path = ?1")?.execute([path])?;
            return Ok(());
        }
        Rows::All(sessions) => (sessions, None),
        Rows::Changed { sessions, removed } => (sessions, Some(removed)),
    };
    let id = put_unit(db, record, &path)?;
    match removed {
        None => {
            db.prepare_cached("DELETE FROM session WHERE unit = ?1")?.execute([id])?;
        }
        Some(removed) => {
            let mut delete = db.prepare_cached("DELETE FROM session WHERE unit = ?1 AND id = ?2")?;
            for session in removed {
                delete.execute(params![id, session])?;
            }
        }
    }
    let mut insert = db.prepare_cached("INSERT OR REPLACE INTO session (unit, id, row) VALUES (?1, ?2, ?3)")?;
    for (session, row) in sessions {
        insert.execute(params![id, session, row])?;
    }
    Ok(())
}

fn put_unit(db: &Transaction<'_>, record: &Record, path: &str) -> rusqlite::Result<i64> {
    let (unit, Progress { cursor, state }) = (&record.unit, &record.progress);
    let query = "
        INSERT INTO unit (path, agent, kind, inode, size, mtime, read_inode, read_size, read_mtime, offset, held, progress)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT (path) DO UPDATE SET agent = ?2, kind = ?3, inode = ?4, size = ?5, mtime = ?6, read_inode = ?7,
            read_size = ?8, read_mtime = ?9, offset = ?10, held = ?11, progress = ?12
        RETURNING id";
    let (now, then) = (unit.stamp, cursor.stamp);
    let values = params![
        path,
        unit.agent.name(),
        unit.kind,
        now.inode.cast_signed(),
        now.size.cast_signed(),
        now.mtime_ns,
        then.inode.cast_signed(),
        then.size.cast_signed(),
        then.mtime_ns,
        cursor.offset.cast_signed(),
        record.held,
        state,
    ];
    db.prepare_cached(query)?.query_row(values, |row| row.get(0))
}

const UNIT: &str = "id, path, agent, kind, inode, size, mtime, held";
const PROGRESS: &str = "read_inode, read_size, read_mtime, offset, progress";

/// One unit with its progress.
pub(super) fn unit(db: &Connection, path: &Path) -> rusqlite::Result<Option<CachedUnit>> {
    let query = format!("SELECT {UNIT}, {PROGRESS} FROM unit WHERE path = ?1");
    let found = db
        .prepare_cached(&query)?
        .query_row([text(path)], |row| Ok((row.get(0)?, read_unit(row)?, read_progress(row)?)));
    let Some((id, Some(mut unit), progress)) = found.optional()? else { return Ok(None) };
    unit.progress = progress;
    Ok(add_sessions(db, id, &mut unit)?.then_some(unit))
}

/// All units without their progress, in chunks. One of which anything cannot be read is left out, and read again.
pub(super) fn load(db: &Connection, mut chunk: impl FnMut(Vec<CachedUnit>)) -> rusqlite::Result<()> {
    let mut units = db.prepare(&format!("SELECT {UNIT} FROM unit ORDER BY mtime DESC"))?;
    let mut rows = units.query([])?;
    let mut loaded = Vec::with_capacity(CHUNK);
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let Some(mut unit) = read_unit(row)? else { continue };
        if add_sessions(db, id, &mut unit)? {
            loaded.push(unit);
        }
        if loaded.len() == CHUNK {
            chunk(std::mem::replace(&mut loaded, Vec::with_capacity(CHUNK)));
        }
    }
    chunk(loaded);
    Ok(())
}

/// `false`: some row is not readable.
fn add_sessions(db: &Connection, id: i64, unit: &mut CachedUnit) -> rusqlite::Result<bool> {
    let mut query = db.prepare_cached("SELECT row FROM session WHERE unit = ?1")?;
    let mut rows = query.query([id])?;
    while let Some(row) = rows.next()? {
        let Ok(session) = sonic_rs::from_slice(row.get_ref(0)?.as_blob()?) else { return Ok(false) };
        unit.sessions.push(session);
    }
    Ok(true)
}

fn read_unit(row: &Row<'_>) -> rusqlite::Result<Option<CachedUnit>> {
    let (path, agent): (String, String) = (row.get(1)?, row.get(2)?);
    let stamp = read_stamp(row, 4)?;
    let (Some(agent), Ok(held)) = (Agent::from_name(&agent), sonic_rs::from_slice(row.get_ref(7)?.as_blob()?)) else {
        return Ok(None);
    };
    let unit = Unit { agent, path: path.into(), stamp, kind: row.get(3)? };
    Ok(Some(CachedUnit { unit, progress: Progress::default(), held, sessions: Vec::new() }))
}

fn read_progress(row: &Row<'_>) -> rusqlite::Result<Progress> {
    let offset = row.get::<_, i64>(11)?.cast_unsigned();
    Ok(Progress { cursor: Cursor { stamp: read_stamp(row, 8)?, offset }, state: row.get(12)? })
}

fn read_stamp(row: &Row<'_>, from: usize) -> rusqlite::Result<Stamp> {
    let (inode, size) = (row.get::<_, i64>(from)?, row.get::<_, i64>(from + 1)?);
    Ok(Stamp { inode: inode.cast_unsigned(), size: size.cast_unsigned(), mtime_ns: row.get(from + 2)? })
}

/// Only paths that are text get here.
fn text(path: &Path) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(path.as_os_str().as_bytes())
}
