//! Read-only access to other programs' SQLite databases, including their write-ahead log, without changing any file.
//!
//! Must not depend on any agent's schema, and must never write, checkpoint or recover anything in place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use super::FileStamp;
use crate::stdx::file_uri::file_uri;
use crate::stdx::{files, temp};

/// Maximum wait for a lock: long enough for another program's commit, short enough not to be noticed.
const BUSY_TIMEOUT: Duration = Duration::from_millis(200);

/// Maximum attempts to copy a database, because another program may write to it meanwhile.
const COPY_ATTEMPTS: usize = 3;

/// An open database. Dropping it removes its temporary copy, if it was opened from one.
#[derive(Debug)]
pub struct Database {
    /// The read-only connection.
    pub connection: Connection,
    copy: Option<TempDir>,
}

impl Database {
    /// True if the connection reads a temporary copy, which does not change with the original.
    pub fn is_copy(&self) -> bool {
        self.copy.is_some()
    }
}

/// Reason why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The path is a directory or a device.
    #[error("not a database file")]
    NotAFile,
    /// The file has no content.
    #[error("the database file is empty (0 bytes)")]
    Empty,
    /// Another process holds an exclusive lock.
    #[error("locked by another process; salon reads it as soon as the lock is released")]
    Locked,
    /// The file is not SQLite, or is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The tables match none of the supported layouts.
    #[error("unknown database layout ({0}); this version of salon cannot read it")]
    UnknownSchema(String),
    /// Any other error of SQLite.
    #[error("cannot be read: {0}")]
    Sqlite(rusqlite::Error),
    /// An error of the file system.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl DatabaseError {
    /// True if the same database may be readable a moment later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Locked | Self::Sqlite(_) | Self::Io(_) => true,
            Self::NotAFile | Self::Empty | Self::Damaged(_) | Self::UnknownSchema(_) => false,
        }
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<DatabaseError> for io::Error {
    fn from(failure: DatabaseError) -> Self {
        match failure {
            DatabaseError::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// Path of a database's write-ahead log.
pub fn wal(path: &Path) -> PathBuf {
    side_file(path, "-wal")
}

fn side_file(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Path of the database that a file belongs to: the file itself, or the database whose write-ahead log it is.
pub fn owner(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    text.strip_suffix("-wal").map_or_else(|| path.to_owned(), PathBuf::from)
}

/// State of a database and its log together. An empty log is ignored, because opening read-only may create one.
pub fn stamp(path: &Path) -> io::Result<FileStamp> {
    let mut stamp = FileStamp::of(&fs::metadata(path)?);
    match fs::metadata(wal(path)) {
        Ok(log) if log.len() > 0 => {
            let log = FileStamp::of(&log);
            stamp.size += log.size;
            stamp.mtime_ns = stamp.mtime_ns.max(log.mtime_ns);
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(stamp)
}

/// Opens a database for reading, even if its folder is not writable.
pub fn open(path: &Path) -> Result<Database, DatabaseError> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(DatabaseError::NotAFile);
    }
    // SQLite deletes the log beside an empty database, even when opened read-only, so it must not open one.
    if metadata.len() == 0 {
        return Err(DatabaseError::Empty);
    }
    // SQLite would wait for the other end of a pipe.
    if [wal(path), side_file(path, "-shm")].iter().any(|file| files::is_special(file)) {
        return Err(DatabaseError::NotAFile);
    }
    match connect(path, "mode=ro") {
        Ok(connection) => Ok(Database { connection, copy: None }),
        Err(error) if needs_side_files(&error) => open_without_side_files(path),
        Err(error) => Err(error.into()),
    }
}

/// Prefix of the names of temporary copies.
pub const COPY_KIND: &str = "copy";

/// Opens a database in a folder where SQLite cannot create its shared-memory file: directly if there is no log, else as a
/// temporary copy.
fn open_without_side_files(path: &Path) -> Result<Database, DatabaseError> {
    let log = wal(path);
    if !log.try_exists()? {
        return Ok(Database { connection: connect(path, "mode=ro&immutable=1")?, copy: None });
    }
    let folder = temp::folder(COPY_KIND)?;
    let copy = folder.path().join("copy.db");
    for _ in 0..COPY_ATTEMPTS {
        let before = stamp(path)?;
        fs::copy(path, &copy)?;
        fs::copy(&log, wal(&copy))?;
        if stamp(path)? == before {
            let connection = connect(&copy, "mode=ro")?;
            return Ok(Database { connection, copy: Some(folder) });
        }
    }
    Err(DatabaseError::Locked)
}

fn connect(path: &Path, parameters: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(file_uri(path, parameters), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Opening is lazy; the first query shows if the file and its side files can be used.
    connection.query_row("select count(*) from sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

/// True if the file cannot be opened because SQLite would have to create a file beside it.
fn needs_side_files(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure)
    )
}

/// Lists the tables of a database, sorted.
pub fn tables(connection: &Connection) -> Result<Vec<String>, DatabaseError> {
    let mut statement = connection.prepare("select name from sqlite_master where type = 'table' order by name")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// Lists the columns of a table; empty if there is no such table.
pub fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, DatabaseError> {
    let mut statement = connection.prepare("select name from pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// Builds a column list for `select`: the wanted columns, and `null` for those that the table does not have.
pub fn selection(existing: &[String], wanted: &[&str]) -> String {
    let pick =
        |name: &&str| if existing.iter().any(|column| column == name) { (*name).to_owned() } else { "null".into() };
    wanted.iter().map(pick).collect::<Vec<_>>().join(", ")
}

/// Converts a column of any storage class to text; invalid UTF-8 is replaced.
pub fn text(value: rusqlite::types::ValueRef<'_>) -> std::borrow::Cow<'_, str> {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes),
        ValueRef::Integer(number) => number.to_string().into(),
        ValueRef::Real(number) => number.to_string().into(),
        ValueRef::Null => "".into(),
    }
}

/// Converts a column of any storage class to a number.
pub fn number(value: rusqlite::types::ValueRef<'_>) -> Option<i64> {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Integer(number) => Some(number),
        #[expect(clippy::cast_possible_truncation, reason = "times and counts; out-of-range values saturate")]
        ValueRef::Real(number) => Some(number as i64),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}
