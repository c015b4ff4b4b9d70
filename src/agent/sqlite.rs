//! Opens other programs' databases: read-only, with their write-ahead log, and without ever changing a byte of them.
//!
//! Must not know whose database it is, and must never write, checkpoint or recover anything in place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use super::Stamp;

/// How long a lock is waited for: long enough for a commit, short enough not to be noticed.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often a copy is tried while its owner writes.
const COPIES: usize = 3;

/// An open database. Dropping it removes the copy that it may have been read from.
#[derive(Debug)]
pub struct Database {
    /// The connection; it cannot write.
    pub connection: Connection,
    copy: Option<TempDir>,
}

impl Database {
    /// It is a copy, which does not change when the original does.
    pub fn is_copy(&self) -> bool {
        self.copy.is_some()
    }
}

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A directory, a device, or nothing at all.
    #[error("not a database file")]
    NotAFile,
    /// Nothing was ever written to it.
    #[error("the database file is empty (0 bytes)")]
    Empty,
    /// Somebody holds it exclusively.
    #[error("locked by another process; it is read as soon as it is free")]
    Locked,
    /// The file is not SQLite, or is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// None of the layouts that are known.
    #[error("unknown database layout ({0}); this version does not know how to read it")]
    UnknownSchema(String),
    /// Anything else that SQLite says.
    #[error("cannot be read: {0}")]
    Sqlite(rusqlite::Error),
    /// The file system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Failure {
    /// Whether the same database may well be readable a moment later.
    pub fn passes(&self) -> bool {
        match self {
            Self::Locked | Self::Sqlite(_) | Self::Io(_) => true,
            Self::NotAFile | Self::Empty | Self::Damaged(_) | Self::UnknownSchema(_) => false,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// The write-ahead log beside a database.
pub fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The database that a file belongs to: itself, or the one whose write-ahead log it is.
pub fn owner(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    text.strip_suffix("-wal").map_or_else(|| path.to_owned(), PathBuf::from)
}

/// State of a database and its log together. An empty log counts for nothing: opening read-only may create one.
pub fn stamp(path: &Path) -> io::Result<Stamp> {
    let mut stamp = Stamp::of(&fs::metadata(path)?);
    match fs::metadata(wal(path)) {
        Ok(log) if log.len() > 0 => {
            let log = Stamp::of(&log);
            stamp.size += log.size;
            stamp.mtime_ns = stamp.mtime_ns.max(log.mtime_ns);
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(stamp)
}

/// Opens a database for reading, whatever rights there are on its folder.
pub fn open(path: &Path) -> Result<Database, Failure> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(Failure::NotAFile);
    }
    // SQLite deletes the log beside an empty database, even when opened read-only: it must not get to see one.
    if metadata.len() == 0 {
        return Err(Failure::Empty);
    }
    match connect(path, "mode=ro") {
        Ok(connection) => Ok(Database { connection, copy: None }),
        Err(error) if is_shut_out(&error) => open_aside(path),
        Err(error) => Err(error.into()),
    }
}

/// For folders where SQLite cannot keep its shared memory: without a log the file can be read as it is, else a copy is.
fn open_aside(path: &Path) -> Result<Database, Failure> {
    let log = wal(path);
    if !log.try_exists()? {
        return Ok(Database { connection: connect(path, "mode=ro&immutable=1")?, copy: None });
    }
    let folder = tempfile::Builder::new().prefix("salon-").tempdir()?;
    let copy = folder.path().join("copy.db");
    for _ in 0..COPIES {
        let before = stamp(path)?;
        fs::copy(path, &copy)?;
        fs::copy(&log, wal(&copy))?;
        if stamp(path)? == before {
            let connection = connect(&copy, "mode=ro")?;
            return Ok(Database { connection, copy: Some(folder) });
        }
    }
    Err(Failure::Locked)
}

fn connect(path: &Path, how: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path, how), flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Opening is lazy; the first reading shows whether the file and its side files can be used.
    connection.query_row("select count(*) from sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

/// The file cannot be opened *in this way*, because something would have to be written beside it.
fn is_shut_out(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure)
    )
}

/// A `file:` URI; every byte that could mean something in one is escaped.
fn uri(path: &Path, how: &str) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => write!(uri, "%{byte:02x}").unwrap_or_default(),
        }
    }
    uri + "?" + how
}

/// The tables of a database.
pub fn tables(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare("select name from sqlite_master where type = 'table' order by name")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// The columns of a table; none where there is no such table.
pub fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare("select name from pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// A list for `select`: the wanted columns, `null` for those that this table does not have.
pub fn selection(existing: &[String], wanted: &[&str]) -> String {
    let pick =
        |name: &&str| if existing.iter().any(|column| column == name) { (*name).to_owned() } else { "null".into() };
    wanted.iter().map(pick).collect::<Vec<_>>().join(", ")
}

/// A text column as text, whatever it was written as; invalid UTF-8 is replaced.
pub fn text(value: rusqlite::types::ValueRef<'_>) -> std::borrow::Cow<'_, str> {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes),
        ValueRef::Integer(number) => number.to_string().into(),
        ValueRef::Real(number) => number.to_string().into(),
        ValueRef::Null => "".into(),
    }
}

/// A number column, whatever it was written as.
pub fn number(value: rusqlite::types::ValueRef<'_>) -> Option<i64> {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Integer(number) => Some(number),
        #[expect(clippy::cast_possible_truncation, reason = "times and counts; beyond the range the nearest end")]
        ValueRef::Real(number) => Some(number as i64),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}
