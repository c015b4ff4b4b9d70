//! What was last chosen on the screen, and what the terminal last told: names and values, of no use to anybody else.

use rusqlite::{Connection, Result, params};

/// Statements that create what it needs.
pub const SCHEMA: &str = "CREATE TABLE choices (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

/// Keeps a value under a name.
pub fn remember(db: &mut Connection, name: &str, value: &str) -> Result<()> {
    db.execute("INSERT OR REPLACE INTO choices (name, value) VALUES (?1, ?2)", params![name, value])?;
    Ok(())
}

/// Everything that is kept.
pub fn recall(db: &mut Connection) -> Result<Vec<(String, String)>> {
    let mut query = db.prepare("SELECT name, value FROM choices")?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
