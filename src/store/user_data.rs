//! Additions of the user to sessions, for readers without a handle to the database.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Result};

use super::{annotations, trash};
use crate::domain::SessionKey;
use crate::domain::session::Annotations;

/// Annotations and hidden sessions.
#[derive(Debug, Default)]
pub struct UserData {
    /// Names, stars, tags and notes.
    pub annotations: Annotations,
    /// Sessions that the user hid.
    pub hidden: HashSet<SessionKey>,
    /// Sessions whose files are in the trash.
    pub trashed: HashSet<SessionKey>,
}

impl UserData {
    /// Loads the data from a database file, without creating or changing it. Empty if there is no such file or table.
    pub fn load(path: &Path) -> Self {
        if !path.exists() {
            return Self::default();
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let loaded = Connection::open_with_flags(path, flags).and_then(|db| Self::read(&db));
        loaded.inspect_err(|error| tracing::debug!(%error, "no annotations")).unwrap_or_default()
    }

    fn read(db: &Connection) -> Result<Self> {
        Ok(Self {
            annotations: annotations::load(db)?,
            hidden: trash::hidden(db)?.into_iter().collect(),
            trashed: trash::moved(db)?.into_iter().collect(),
        })
    }
}
