//! `state.db`: what salon itself must remember. The only writer of it.

pub mod outbox;
pub mod registry;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub use rusqlite::{Connection, Result};

/// The database.
#[derive(Debug)]
pub struct Store {
    db: Mutex<Connection>,
}

impl Store {
    /// Opens it, creating it where it is missing.
    pub fn open(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.execute_batch(outbox::SCHEMA)?;
        db.execute_batch(registry::SCHEMA)?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Does something with the database; one at a time.
    pub fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        // A panic in the middle of a transaction rolled it back: the connection is as good as before.
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut db)
    }
}
