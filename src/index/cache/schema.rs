//! Tables of the cache, independent of the encoded contents.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};

use super::CachedSource;
use super::record::{CacheRecord, SessionRows};
use crate::agent::{FileStamp, Source, SummaryCursor, SummaryProgress};
use crate::domain::Agent;
use crate::index::encoding;

/// Version of the tables. The program's version covers changes of the readers.
const VERSION: &str = concat!("11/", env!("CARGO_PKG_VERSION"));

/// Number of sources per chunk when the cache is loaded.
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

/// Error of opening the cache.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
}

/// Returns the path of the cache file in a directory.
pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join("sessions.db")
}

/// Opens the cache in a directory; an outdated one is deleted and created again.
pub(super) fn open(dir: &Path) -> Result<Connection, Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let path = file(dir);
    if let Ok(db) = connect(&path)
        && is_current_version(&db)
    {
        return Ok(db);
    }
    delete(dir);
    fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
    let mut db = connect(&path)?;
    create_tables(&mut db)?;
    Ok(db)
}

/// Creates a cache in memory.
pub(super) fn in_memory() -> Connection {
    let made = Connection::open_in_memory().and_then(|mut db| create_tables(&mut db).map(|()| db));
    made.expect("SQLite can always make a database in memory")
}

/// Connects to an existing cache file.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    use rusqlite::OpenFlags;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_millis(250))?;
    // Data that a power cut takes from the cache is read again from the transcripts.
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON;")?;
    Ok(db)
}

fn is_current_version(db: &Connection) -> bool {
    let version = db.query_row("SELECT version FROM made_by", [], |row| row.get::<_, String>(0));
    version.is_ok_and(|version| version == VERSION)
}

fn create_tables(db: &mut Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "foreign_keys", true)?;
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have created the tables before this lock.
    if !is_current_version(&transaction) {
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO made_by VALUES (?1)", [VERSION])?;
    }
    transaction.commit()
}

/// Removes the cache's files from a directory. A failure shows when the cache is opened again.
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

/// Returns true if another process is writing.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Writes records in one transaction.
pub(super) fn write(db: &mut Connection, records: &[CacheRecord]) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for record in records {
        write_one(&transaction, record)?;
    }
    transaction.commit()
}

fn write_one(db: &Transaction<'_>, record: &CacheRecord) -> rusqlite::Result<()> {
    let path = text(&record.source.path);
    let (sessions, removed) = match &record.rows {
        SessionRows::Gone => {
            db.prepare_cached("DELETE FROM unit WHERE path = ?1")?.execute([path])?;
            return Ok(());
        }
        SessionRows::All(sessions) => (sessions, None),
        // Another process wrote other rows meanwhile. Without this record they stay as complete as their progress.
        SessionRows::Changed { since, .. } if !is_at(db, &path, since)? => return Ok(()),
        SessionRows::Changed { sessions, removed, .. } => (sessions, Some(removed)),
    };
    let id = put_source(db, record, &path)?;
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

/// Returns true if the stored rows of a source have exactly this progress.
fn is_at(db: &Transaction<'_>, path: &str, progress: &SummaryProgress) -> rusqlite::Result<bool> {
    let SummaryProgress { cursor, state } = progress;
    let query = "SELECT 1 FROM unit WHERE path = ?1 AND read_inode = ?2 AND read_size = ?3 AND read_mtime = ?4
        AND offset = ?5 AND progress = ?6";
    let (inode, size) = (cursor.stamp.inode.cast_signed(), cursor.stamp.size.cast_signed());
    let values = params![path, inode, size, cursor.stamp.mtime_ns, cursor.offset.cast_signed(), state];
    db.prepare_cached(query)?.exists(values)
}

fn put_source(db: &Transaction<'_>, record: &CacheRecord, path: &str) -> rusqlite::Result<i64> {
    let (source, SummaryProgress { cursor, state }) = (&record.source, &record.progress);
    let query = "
        INSERT INTO unit (path, agent, kind, inode, size, mtime, read_inode, read_size, read_mtime, offset, held, progress)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT (path) DO UPDATE SET agent = ?2, kind = ?3, inode = ?4, size = ?5, mtime = ?6, read_inode = ?7,
            read_size = ?8, read_mtime = ?9, offset = ?10, held = ?11, progress = ?12";
    let (now, then) = (source.stamp, cursor.stamp);
    let values = params![
        path,
        source.agent.name(),
        source.kind,
        now.inode.cast_signed(),
        now.size.cast_signed(),
        now.mtime_ns,
        then.inode.cast_signed(),
        then.size.cast_signed(),
        then.mtime_ns,
        cursor.offset.cast_signed(),
        record.extras,
        state,
    ];
    db.prepare_cached(query)?.execute(values)?;
    db.prepare_cached("SELECT id FROM unit WHERE path = ?1")?.query_row([path], |row| row.get(0))
}

const SOURCE_COLUMNS: &str = "id, path, agent, kind, inode, size, mtime, held";
const PROGRESS_COLUMNS: &str = "read_inode, read_size, read_mtime, offset, progress";

/// Reads one source with its progress.
pub(super) fn source(db: &Connection, path: &Path) -> rusqlite::Result<Option<CachedSource>> {
    let query = format!("SELECT {SOURCE_COLUMNS}, {PROGRESS_COLUMNS} FROM unit WHERE path = ?1");
    let found = db
        .prepare_cached(&query)?
        .query_row([text(path)], |row| Ok((row.get(0)?, read_source(row)?, read_progress(row)?)));
    let Some((id, Some(mut source), progress)) = found.optional()? else { return Ok(None) };
    source.progress = progress;
    Ok(add_sessions(db, id, &mut source)?.then_some(source))
}

/// Reads all sources without their progress, in chunks. A source with unreadable rows is skipped, and summarised again.
pub(super) fn load(db: &Connection, mut chunk: impl FnMut(Vec<CachedSource>)) -> rusqlite::Result<()> {
    let mut sources = db.prepare(&format!("SELECT {SOURCE_COLUMNS} FROM unit ORDER BY mtime DESC"))?;
    let mut rows = sources.query([])?;
    let mut loaded = Vec::with_capacity(CHUNK);
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let Some(mut source) = read_source(row)? else { continue };
        if add_sessions(db, id, &mut source)? {
            loaded.push(source);
        }
        if loaded.len() == CHUNK {
            chunk(std::mem::replace(&mut loaded, Vec::with_capacity(CHUNK)));
        }
    }
    chunk(loaded);
    Ok(())
}

/// Adds the sessions of a source; returns false if a row is unreadable.
fn add_sessions(db: &Connection, id: i64, source: &mut CachedSource) -> rusqlite::Result<bool> {
    let mut query = db.prepare_cached("SELECT row FROM session WHERE unit = ?1")?;
    let mut rows = query.query([id])?;
    while let Some(row) = rows.next()? {
        let Some(session) = encoding::decode(row.get_ref(0)?.as_blob()?) else { return Ok(false) };
        source.sessions.push(session);
    }
    Ok(true)
}

fn read_source(row: &Row<'_>) -> rusqlite::Result<Option<CachedSource>> {
    let (path, agent): (String, String) = (row.get(1)?, row.get(2)?);
    let stamp = read_stamp(row, 4)?;
    let (Some(agent), Some(extras)) = (Agent::from_stored(&agent), encoding::decode(row.get_ref(7)?.as_blob()?)) else {
        return Ok(None);
    };
    let source = Source { agent, path: path.into(), stamp, kind: row.get(3)? };
    Ok(Some(CachedSource { source, progress: SummaryProgress::default(), extras, sessions: Vec::new() }))
}

fn read_progress(row: &Row<'_>) -> rusqlite::Result<SummaryProgress> {
    let offset = row.get::<_, i64>(11)?.cast_unsigned();
    Ok(SummaryProgress { cursor: SummaryCursor { stamp: read_stamp(row, 8)?, offset }, state: row.get(12)? })
}

fn read_stamp(row: &Row<'_>, from: usize) -> rusqlite::Result<FileStamp> {
    let (inode, size) = (row.get::<_, i64>(from)?, row.get::<_, i64>(from + 1)?);
    Ok(FileStamp { inode: inode.cast_unsigned(), size: size.cast_unsigned(), mtime_ns: row.get(from + 2)? })
}

/// Converts a path, which is always UTF-8 here.
fn text(path: &Path) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(path.as_os_str().as_bytes())
}
