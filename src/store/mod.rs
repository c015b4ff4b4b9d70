//! `state.db`: persistent state of salon itself. No other module writes to it.
//!
//! SQLite in WAL mode is safe in a crash and with concurrent processes. `MIGRATIONS` extends the schema; each step is
//! applied once and never changed afterwards. A database with a newer schema is read and never written. A damaged one
//! is set aside, not deleted.

pub mod annotations;
pub mod approvals;
pub mod handovers;
pub mod kept_texts;
pub mod leased_sessions;
pub mod outbox;
pub mod pending;
pub mod preferences;
pub mod projects;
pub mod read_only;
pub mod registry;
pub mod remarks;
pub mod spending;
pub mod trash;
pub mod turn_snapshots;
pub mod user_data;
pub mod worktrees;

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use rusqlite::{Connection, Error, Result};
use rusqlite::{ErrorCode, OpenFlags};
use rustix::fs::Access;

use crate::domain::Time;

/// Migrations from an empty database to the current schema, oldest first.
const MIGRATIONS: &[&str] = &[
    preferences::SCHEMA,
    registry::SCHEMA,
    outbox::SCHEMA,
    approvals::SCHEMA,
    outbox::ADD_SENT,
    kept_texts::SCHEMA,
    kept_texts::ADD_NOTICES,
    annotations::SCHEMA,
    trash::SCHEMA,
    worktrees::SCHEMA,
    turn_snapshots::SCHEMA,
    handovers::SCHEMA,
    projects::SCHEMA,
    outbox::ADD_NOT_BEFORE,
    spending::SCHEMA,
    remarks::SCHEMA,
    worktrees::ADD_SETUP,
    registry::ADD_CONTINUATION,
    worktrees::ADD_RESTORED,
];

/// Text for a database with a newer schema, after its path.
pub const NEWER: &str = "was created by a newer version of salon; use that version";

/// Maximum wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Outcome of opening the database.
#[derive(Debug)]
pub struct OpenOutcome {
    /// Open database.
    pub store: Store,
    /// New path of a damaged database that was replaced.
    pub set_aside: Option<PathBuf>,
    /// True if the schema is newer than this version, so that nothing is saved.
    pub read_only: bool,
}

/// Handle to `state.db`.
#[derive(Debug)]
pub struct Store {
    db: Mutex<Connection>,
}

impl Store {
    /// Opens the database, or creates it; its directory must exist. A damaged one is renamed with the time `now`, and a
    /// new one is created.
    pub fn open(path: &Path, now: Time) -> Result<OpenOutcome> {
        match Self::open_checked(path) {
            Err(error) if is_damage(&error) => {
                let aside = set_aside(path, now).map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
                let opened = Self::open_checked(path)?;
                Ok(OpenOutcome { set_aside: Some(aside), ..opened })
            }
            other => other,
        }
    }

    fn open_checked(path: &Path) -> Result<OpenOutcome> {
        // SQLite would create a file that others can read, depending on the umask.
        create_private(path).map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
        let mut db = Connection::open(path)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        // Before the first write, because a newer version may use another journal.
        let read_only = version(&db)? > newest();
        if read_only {
            db.pragma_update(None, "query_only", true)?;
        } else {
            db.pragma_update(None, "journal_mode", "WAL")?;
            db.pragma_update(None, "synchronous", "NORMAL")?;
            migrate(&mut db)?;
        }
        // Damage beyond the first page appears only in a check; the database is small.
        let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(Error::SqliteFailure(code, Some(sound)));
        }
        Ok(OpenOutcome { store: Self { db: Mutex::new(db) }, set_aside: None, read_only })
    }

    /// Opens the database for reading; an empty one in memory if there is none. `None` if it must first be migrated or
    /// replaced, as [`open`](Self::open) does.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>> {
        let exists = path.try_exists().map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
        if !exists {
            let mut db = Connection::open_in_memory()?;
            migrate(&mut db)?;
            return Ok(Some(Self { db: Mutex::new(db) }));
        }
        match read_only::connect(path).and_then(|db| Ok((version(&db)? == newest(), db))) {
            Ok((true, db)) => Ok(Some(Self { db: Mutex::new(db) })),
            Ok((false, _)) => Ok(None),
            Err(error) if is_damage(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a second connection to the same database, so that a thread does not wait for the users of this one.
    pub fn reopen(&self, busy_timeout: Duration) -> Result<Self> {
        let path = self.lock().path().map(PathBuf::from).unwrap_or_default();
        let db =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(busy_timeout)?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Runs a closure with exclusive access to the connection. Blocks while another thread or process writes.
    pub fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic within a transaction rolled it back, so the connection is usable.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Describes an error for the user: the cause and the remedy.
pub fn describe_error(error: &Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".into(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "state.db cannot be written; check the permissions of salon's data directory".into()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "state.db is locked by another program; try again".into()
        }
        _ => format!("state.db: {error}"),
    }
}

/// Runs a closure in a write transaction. On `Ok` the transaction is committed; on `Err` nothing was written.
///
/// Every write goes through here: outside of a transaction, SQLite returns the rows of a statement before it commits
/// them, so that a failed commit would go unnoticed. The transaction takes the lock at once, because one that first
/// reads fails without waiting if another process writes meanwhile.
fn write<T>(db: &mut Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let result = transact(db, work);
    // SQLite may have begun the transaction in spite of an error, or failed to roll it back.
    if !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    result
}

fn transact<T>(db: &mut Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn create_private(path: &Path) -> io::Result<()> {
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Returns the reason why a database cannot be used, and changes nothing. A missing one is created by its first use.
pub fn check(path: &Path) -> Option<String> {
    const DAMAGED: &str = "is damaged; the next use renames it and creates a new one";
    match rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK) {
        Err(rustix::io::Errno::NOENT) => return None,
        Err(error) => return Some(unusable(error)),
        Ok(()) => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let checked = Connection::open_with_flags(path, flags).and_then(|db| {
        db.busy_timeout(BUSY_TIMEOUT)?;
        let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((version(&db)? > newest(), sound == "ok"))
    });
    match checked {
        Ok((true, _)) => Some(NEWER.to_owned()),
        Ok((_, true)) => None,
        Ok((_, false)) => Some(DAMAGED.to_owned()),
        Err(error) if is_damage(&error) => Some(DAMAGED.to_owned()),
        Err(error) => Some(unusable(describe_error(&error))),
    }
}

/// Returns the text for a database that cannot be used, after its path.
pub fn unusable(reason: impl std::fmt::Display) -> String {
    format!("cannot be used: {reason}")
}

/// Returns the text for a damaged database that was renamed, after the path.
pub fn replacement_notice(aside: &Path) -> String {
    format!("was damaged, so that a new one was created; the old one is {}", aside.display())
}

/// Renames a damaged database and its side files to `state.db.corrupt-<ms since 1970>`.
fn set_aside(path: &Path, now: Time) -> io::Result<PathBuf> {
    let named = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let aside = |ending: &str| named(&format!(".corrupt-{}{ending}", now.millis()));
    std::fs::rename(path, aside(""))?;
    for ending in ["-wal", "-shm"] {
        match std::fs::rename(named(ending), aside(ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside(""))
}

fn version(db: &Connection) -> Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

fn migrate(db: &mut Connection) -> Result<()> {
    if version(db)? >= newest() {
        return Ok(());
    }
    write(db, |db| {
        // Another process may have migrated meanwhile.
        let done = version(db)?;
        for step in MIGRATIONS.iter().skip(done as usize) {
            db.execute_batch(step)?;
        }
        if done < newest() {
            db.pragma_update(None, "user_version", newest())?;
        }
        Ok(())
    })
}
