//! `state.db`: what salon itself must remember. The only writer of it.
//!
//! SQLite in WAL mode: safe in a crash, and for two salons at once. The schema grows by [`MIGRATIONS`], each applied
//! once and never changed afterwards.

pub mod choices;

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use rusqlite::{Connection, Result};

/// Steps from an empty database to the present schema, oldest first.
const MIGRATIONS: &[&str] = &[choices::SCHEMA];

/// How long to wait for another salon that writes at the same moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// The database.
#[derive(Debug)]
pub struct Store {
    db: Mutex<Connection>,
}

impl Store {
    /// Opens it, creating it where it is missing; its directory must exist. A database of a newer salon is used as
    /// far as it goes, and left as it is.
    pub fn open(path: &Path) -> Result<Self> {
        // Made here, because SQLite would make it readable for everybody that the mask allows.
        create_private(path).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let mut db = Connection::open(path)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        migrate(&mut db)?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Does something with the database; one at a time.
    pub fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        // A panic in the middle of a transaction rolled it back: the connection is as good as before.
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut db)
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn migrate(db: &mut Connection) -> Result<()> {
    let version = |db: &Connection| db.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    let newest = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if version(db)? >= newest {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another salon may have been quicker.
    let done = version(&transaction)?;
    for step in MIGRATIONS.iter().skip(done as usize) {
        transaction.execute_batch(step)?;
    }
    if done < newest {
        transaction.pragma_update(None, "user_version", newest)?;
    }
    transaction.commit()
}
