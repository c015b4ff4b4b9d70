//! Identities of projects, remembered while their directories exist, so that a moved project is found again.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::write;
use crate::domain::project::RepositoryIdentity;

/// Statements that create the table.
pub const SCHEMA: &str = "
    CREATE TABLE projects (
        path         TEXT PRIMARY KEY,
        remote       TEXT,
        first_commit TEXT
    ) WITHOUT ROWID;
";

/// Saves the identities of projects by their directories.
pub fn remember(db: &mut Connection, projects: &[(String, RepositoryIdentity)]) -> Result<()> {
    write(db, |db| {
        let mut put = db.prepare("INSERT OR REPLACE INTO projects (path, remote, first_commit) VALUES (?1, ?2, ?3)")?;
        for (path, RepositoryIdentity { remote, first_commit }) in projects {
            put.execute(params![path, remote, first_commit])?;
        }
        Ok(())
    })
}

/// Returns the identity of the project of a directory: of the directory itself, or the nearest one above it.
pub fn find(db: &Connection, directory: &str) -> Result<Option<RepositoryIdentity>> {
    let sql = "SELECT remote, first_commit FROM projects WHERE path = ?1";
    let above = std::path::Path::new(directory).ancestors().filter_map(std::path::Path::to_str);
    for path in above {
        let found = db
            .query_row(sql, [path], |row| Ok(RepositoryIdentity { remote: row.get(0)?, first_commit: row.get(1)? }))
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
