//! Saved choices of the interface and cached terminal properties, as names and values. Losing them is harmless.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{read_only, write};

/// Statements that create the table.
pub const SCHEMA: &str = "CREATE TABLE choices (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

/// Saves a value under a name.
pub fn save(db: &mut Connection, name: &str, value: &str) -> Result<()> {
    write(db, |db| put(db, name, value))
}

/// Implements [`save`] within a transaction.
pub(super) fn put(db: &Connection, name: &str, value: &str) -> Result<()> {
    db.execute("INSERT OR REPLACE INTO choices (name, value) VALUES (?1, ?2)", params![name, value])?;
    Ok(())
}

/// Returns the value of a name.
pub fn find(db: &mut Connection, name: &str) -> Result<Option<String>> {
    db.query_row("SELECT value FROM choices WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// Returns all saved names and values.
pub fn load_all(db: &mut Connection) -> Result<Vec<(String, String)>> {
    let mut query = db.prepare("SELECT name, value FROM choices")?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Reads all saved names and values of a database, without creating or changing it.
pub fn read_all(path: &Path) -> Result<Vec<(String, String)>> {
    load_all(&mut read_only::connect(path)?)
}
