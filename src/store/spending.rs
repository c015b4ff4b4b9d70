//! Cost of the turns that salon ran, per day, for the budget of a day.

use rusqlite::{Connection, Result, params};

use super::write;

/// Statements that create the table. `day` is a local date, `2026-11-29`.
pub const SCHEMA: &str = "CREATE TABLE spending (day TEXT PRIMARY KEY, usd REAL NOT NULL) WITHOUT ROWID;";

/// Maximum days in the table, because only the current one is needed, and a clock may be set back.
const MAX_DAYS: u32 = 60;

/// Adds the cost of a turn to a day.
pub fn add(db: &mut Connection, day: &str, usd: f64) -> Result<()> {
    write(db, |db| {
        let sql = "INSERT INTO spending (day, usd) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET usd = usd + ?2";
        db.execute(sql, params![day, usd])?;
        let sql = "DELETE FROM spending WHERE day NOT IN (SELECT day FROM spending ORDER BY day DESC LIMIT ?1)";
        db.execute(sql, params![MAX_DAYS]).map(drop)
    })
}

/// Returns the cost of a day in dollars.
pub fn of_day(db: &Connection, day: &str) -> Result<f64> {
    db.query_row("SELECT coalesce(sum(usd), 0) FROM spending WHERE day = ?1", params![day], |row| row.get(0))
}
