//! Origins of runs that continue a session of another agent. The run is known before its session is.

use rusqlite::{Connection, Result, params};

use super::write;
use crate::domain::run::RunId;
use crate::domain::{Agent, SessionKey};

/// Statements that create the table.
pub const SCHEMA: &str = "
    CREATE TABLE handovers (
        run     TEXT PRIMARY KEY,
        agent   TEXT NOT NULL,
        session TEXT NOT NULL
    ) WITHOUT ROWID;
";

/// Records the session that a run continues.
pub fn record(db: &mut Connection, run: &RunId, origin: &SessionKey) -> Result<()> {
    write(db, |db| {
        let sql = "INSERT OR REPLACE INTO handovers (run, agent, session) VALUES (?1, ?2, ?3)";
        db.execute(sql, params![&*run.0, origin.agent.name(), &*origin.id]).map(drop)
    })
}

/// Returns the sessions of such runs, each with the session that it continues.
pub fn load(db: &Connection) -> Result<Vec<(SessionKey, SessionKey)>> {
    let sql = "SELECT runs.agent, runs.session, handovers.agent, handovers.session
               FROM handovers JOIN runs ON runs.id = handovers.run WHERE runs.session IS NOT NULL";
    let mut query = db.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let key = |at: usize| -> Result<Option<SessionKey>> {
            let agent = Agent::from_name(row.get_ref(at)?.as_str()?);
            let id = row.get_ref(at + 1)?.as_str()?;
            Ok(agent.map(|agent| SessionKey::new(agent, id)))
        };
        all.extend(key(0)?.zip(key(2)?));
    }
    Ok(all)
}
