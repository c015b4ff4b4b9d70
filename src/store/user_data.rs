//! Additions of the user to sessions, for readers without a handle to the database.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, Result};

use super::{annotations, read_only, trash};
use crate::domain::session::Annotations;
use crate::domain::{Issue, SessionKey};

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
    pub fn load(path: &Path) -> std::result::Result<Self, Issue> {
        let issue = |reason: String| {
            Issue::new(
                path,
                format!("cannot be read, so names and tags are missing and hidden sessions are shown: {reason}"),
            )
        };
        match path.try_exists() {
            Ok(false) => return Ok(Self::default()),
            Ok(true) => {}
            Err(error) => return Err(issue(error.to_string())),
        }
        read_only::connect(path).and_then(|db| Self::read(&db)).map_err(|error| issue(error.to_string()))
    }

    fn read(db: &Connection) -> Result<Self> {
        let mut data = Self::default();
        if read_only::has_table(db, "annotations")? {
            data.annotations = annotations::load(db)?;
        }
        if read_only::has_table(db, "trash")? {
            data.hidden = trash::hidden(db)?.into_iter().collect();
            data.trashed = trash::moved(db)?.into_iter().collect();
        }
        Ok(data)
    }
}
