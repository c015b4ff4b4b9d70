//! Sessions that salon processes have open, as the registry and the outbox tell them to other processes.

use std::path::Path;

use rusqlite::Connection;

use super::read_only;
use super::registry::ProcessId;
use crate::domain::{Agent, SessionKey, SessionState, Time};

/// A session whose run a salon process holds, dead or alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedSession {
    /// Key of the session.
    pub key: SessionKey,
    /// Process with the lease.
    pub holder: ProcessId,
    /// State if the process lives: needs you, working or idle.
    pub state: SessionState,
    /// Time of the oldest open question or of the open turn's prompt, else the end of the last turn.
    pub since: Time,
}

/// Returns the sessions with a lease, without creating, repairing or changing the database at a path.
pub fn read(path: &Path) -> rusqlite::Result<Vec<LeasedSession>> {
    leased(&read_only::connect(path)?)
}

/// A turn is open from the delivery of its prompt until its end is recorded.
fn leased(db: &Connection) -> rusqlite::Result<Vec<LeasedSession>> {
    const SQL: &str = "
        SELECT agent, session, holder_pid, holder_start, last_activity,
            (SELECT min(since) FROM questions WHERE run = runs.id AND answer IS NULL),
            (SELECT min(sent) FROM prompts WHERE run = runs.id AND state IN ('sending', 'delivered') AND sent > last_activity)
        FROM runs WHERE session IS NOT NULL AND holder_pid IS NOT NULL";
    let mut statement = db.prepare(SQL)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let agent: String = row.get(0)?;
        // A newer version may have recorded an agent that this one does not support.
        let Some(agent) = Agent::from_stored(&agent) else { continue };
        let (asked, sent): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
        let (state, since) = match (asked, sent) {
            (Some(asked), _) => (SessionState::NeedsYou, asked),
            (None, Some(sent)) => (SessionState::Working, sent),
            (None, None) => (SessionState::Idle, row.get(4)?),
        };
        let holder = ProcessId { pid: row.get(2)?, start: row.get::<_, i64>(3)?.cast_unsigned() };
        let key = SessionKey::new(agent, row.get::<_, String>(1)?);
        found.push(LeasedSession { key, holder, state, since: Time::from_millis(since) });
    }
    Ok(found)
}
