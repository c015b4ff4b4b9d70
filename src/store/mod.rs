//! `state.db`: what salon itself must remember. The only writer of it.
//!
//! SQLite in WAL mode: safe in a crash, and for two salons at once. The schema grows by `MIGRATIONS`, each applied
//! once and never changed afterwards. A database of a newer salon is read and never written; one that is damaged is set
//! aside, not deleted.

pub mod choices;
pub mod outbox;
pub mod questions;
pub mod registry;

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::ErrorCode;
pub use rusqlite::{Connection, Error, Result};

use crate::domain::Time;

/// Steps from an empty database to the present schema, oldest first.
const MIGRATIONS: &[&str] = &[choices::SCHEMA, registry::SCHEMA, outbox::SCHEMA, questions::SCHEMA];

/// How long to wait for another salon that writes at the same moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of opening it.
#[derive(Debug)]
pub struct Opened {
    /// The database.
    pub store: Store,
    /// Where the one went that was there before, being damaged.
    pub set_aside: Option<PathBuf>,
    /// It is a newer salon's: nothing is kept in it.
    pub read_only: bool,
}

/// The database.
#[derive(Debug)]
pub struct Store {
    db: Mutex<Connection>,
}

impl Store {
    /// Opens it, creating it where it is missing; its directory must exist. A damaged one is set aside under a name
    /// with the time `now`, and a new one made.
    pub fn open(path: &Path, now: Time) -> Result<Opened> {
        match Self::open_as_it_is(path) {
            Err(error) if is_damage(&error) => {
                let aside = set_aside(path, now).map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
                let opened = Self::open_as_it_is(path)?;
                Ok(Opened { set_aside: Some(aside), ..opened })
            }
            other => other,
        }
    }

    fn open_as_it_is(path: &Path) -> Result<Opened> {
        // Made here, because SQLite would make it readable for everybody that the mask allows.
        create_private(path).map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
        let mut db = Connection::open(path)?;
        db.busy_timeout(PATIENCE)?;
        // Before anything is written: a newer salon may have changed even the journal.
        let read_only = version(&db)? > newest();
        if read_only {
            db.pragma_update(None, "query_only", true)?;
        } else {
            db.pragma_update(None, "journal_mode", "WAL")?;
            db.pragma_update(None, "synchronous", "NORMAL")?;
            migrate(&mut db)?;
        }
        // Damage beyond the first page shows only where it is looked for; the database is small.
        let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(Error::SqliteFailure(code, Some(sound)));
        }
        Ok(Opened { store: Self { db: Mutex::new(db) }, set_aside: None, read_only })
    }

    /// Does something with the database; one at a time.
    pub fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        // A panic in the middle of a transaction rolled it back: the connection is as good as before.
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut db)
    }
}

/// Why something could not be kept, for a person: the cause, and what to do.
pub fn in_words(error: &Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".into(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "state.db cannot be written; check the rights of salon's data directory".into()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "state.db is locked by another program; try again".into()
        }
        _ => format!("state.db: {error}"),
    }
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

/// Moves a damaged database with its side files to `state.db.corrupt-<ms since 1970>`.
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
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another salon may have been quicker.
    let done = version(&transaction)?;
    for step in MIGRATIONS.iter().skip(done as usize) {
        transaction.execute_batch(step)?;
    }
    if done < newest() {
        transaction.pragma_update(None, "user_version", newest())?;
    }
    transaction.commit()
}
