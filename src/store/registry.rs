//! The registry: which runs there are or were, whose process holds each now, and which children were started.
//!
//! A run is recorded before its process is started, and linked to the agent's session when that becomes known. A lease
//! names the salon that holds a run by process id and start time, so that a reused id is not mistaken for it.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::outbox;
use crate::domain::prompt::Prompt;
use crate::domain::run::{RunId, Setting};
use crate::domain::{Agent, SessionKey, Time};

/// Statements that create what the registry needs.
pub const SCHEMA: &str = "
    CREATE TABLE runs (
        id            TEXT PRIMARY KEY,
        agent         TEXT NOT NULL,
        session       TEXT,
        cwd           TEXT NOT NULL,
        model         TEXT,
        effort        TEXT,
        created       INTEGER NOT NULL,
        last_activity INTEGER NOT NULL,
        holder_pid    INTEGER,
        holder_start  INTEGER
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX runs_session ON runs (agent, session) WHERE session IS NOT NULL;
    CREATE TABLE children (
        pid          INTEGER PRIMARY KEY,
        start        INTEGER NOT NULL,
        program      TEXT NOT NULL,
        holder_pid   INTEGER NOT NULL,
        holder_start INTEGER NOT NULL
    );
";

/// What is known of a run across restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// salon's id of it.
    pub id: RunId,
    /// Whose program.
    pub agent: Agent,
    /// The agent's session, once known.
    pub session: Option<SessionKey>,
    /// Where it runs.
    pub cwd: String,
    /// Model asked for last.
    pub model: Option<String>,
    /// Effort asked for last.
    pub effort: Option<String>,
    /// When it was made.
    pub created: Time,
    /// When something happened last.
    pub last_activity: Time,
}

/// A process, told apart from a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Its id.
    pub pid: u32,
    /// When it was started, in the system's own unit.
    pub start: u64,
}

/// A child that a salon started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildRecord {
    /// The child, leader of a process group.
    pub child: ProcessId,
    /// The program.
    pub program: String,
    /// The salon that started it.
    pub holder: ProcessId,
}

const COLUMNS: &str = "id, agent, session, cwd, model, effort, created, last_activity";

/// Records a run. One that is there already keeps its time of creation, its directory and its session.
pub fn record(db: &Connection, run: &RunRecord) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO runs (id, agent, session, cwd, model, effort, created, last_activity)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET model = coalesce(?5, model), effort = coalesce(?6, effort),
             last_activity = max(last_activity, ?8)",
        params![
            &*run.id.0,
            run.agent.name(),
            run.session.as_ref().map(|key| &*key.id),
            run.cwd,
            run.model,
            run.effort,
            run.created.millis(),
            run.last_activity.millis()
        ],
    )?;
    Ok(())
}

/// A run that this salon now holds.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The run: the one that was on record for the session, else the one that was wanted.
    pub record: RunRecord,
    /// Prompts that were being sent when an earlier holder died. They are held; whether they arrived must be looked up.
    pub unsure: Vec<Prompt>,
}

/// Records a run and takes its lease, at once: of two salons that want the same session, one gets it. The other is
/// told who does. What an earlier holder left in the queue is held, never sent by itself.
pub fn adopt(
    db: &mut Connection,
    wanted: &RunRecord,
    me: ProcessId,
    dead: impl Fn(ProcessId) -> bool,
) -> rusqlite::Result<Result<Adopted, ProcessId>> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let known = wanted.session.as_ref().map(|session| of_session(&transaction, session)).transpose()?.flatten();
    let id = known.map_or_else(|| wanted.id.clone(), |known| known.id);
    let before = holder(&transaction, &id)?;
    if let Some(other) = before.filter(|other| *other != me && !dead(*other)) {
        return Ok(Err(other));
    }
    record(&transaction, &RunRecord { id: id.clone(), ..wanted.clone() })?;
    let unsure = if before == Some(me) { Vec::new() } else { outbox::hold(&transaction, &id)? };
    set_holder(&transaction, &id, me)?;
    let record = find(&transaction, &id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    transaction.commit()?;
    Ok(Ok(Adopted { record, unsure }))
}

/// Holds what is left in the queue of a run whose holder is dead, or that nobody holds: the prompts that were being
/// sent, to be looked up. `None`: somebody holds it, and sends them.
pub fn hold_abandoned(
    db: &mut Connection,
    id: &RunId,
    me: ProcessId,
    dead: impl Fn(ProcessId) -> bool,
) -> rusqlite::Result<Option<Vec<Prompt>>> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if holder(&transaction, id)?.is_some_and(|holder| holder == me || !dead(holder)) {
        return Ok(None);
    }
    let unsure = outbox::hold(&transaction, id)?;
    transaction.commit()?;
    Ok(Some(unsure))
}

fn set_holder(db: &Connection, id: &RunId, me: ProcessId) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE runs SET holder_pid = ?2, holder_start = ?3 WHERE id = ?1",
        params![&*id.0, me.pid, me.start.cast_signed()],
    )?;
    Ok(())
}

/// Something happened in a run.
pub fn touch(db: &Connection, id: &RunId, now: Time) -> rusqlite::Result<()> {
    db.execute("UPDATE runs SET last_activity = max(last_activity, ?2) WHERE id = ?1", params![&*id.0, now.millis()])?;
    Ok(())
}

/// Model or effort were chosen for a run. A permission mode is never remembered: it is chosen anew each time.
pub fn choose(db: &Connection, id: &RunId, setting: &Setting) -> rusqlite::Result<()> {
    let (sql, value) = match setting {
        Setting::Model(model) => ("UPDATE runs SET model = ?2 WHERE id = ?1", model),
        Setting::Effort(effort) => ("UPDATE runs SET effort = ?2 WHERE id = ?1", effort),
        Setting::Mode(_) => return Ok(()),
    };
    db.execute(sql, params![&*id.0, value])?;
    Ok(())
}

/// Forgets a run that never came to life. One with prompts is kept.
pub fn forget(db: &Connection, id: &RunId) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM runs WHERE id = ?1 AND session IS NULL AND NOT EXISTS (
             SELECT 1 FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed'))",
        params![&*id.0],
    )?;
    Ok(())
}

/// Links a run to its agent's session. A session that another run has already goes over to this one.
pub fn link(db: &mut Connection, id: &RunId, session: &SessionKey, now: Time) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    transaction.execute(
        "UPDATE runs SET session = NULL WHERE agent = ?1 AND session = ?2 AND id <> ?3",
        params![session.agent.name(), &*session.id, &*id.0],
    )?;
    transaction.execute(
        "UPDATE runs SET session = ?2, last_activity = ?3 WHERE id = ?1",
        params![&*id.0, &*session.id, now.millis()],
    )?;
    transaction.commit()
}

/// The run by salon's id.
pub fn find(db: &Connection, id: &RunId) -> rusqlite::Result<Option<RunRecord>> {
    db.query_row(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), params![&*id.0], run_record).optional()
}

/// The run of an agent's session.
pub fn of_session(db: &Connection, session: &SessionKey) -> rusqlite::Result<Option<RunRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE agent = ?1 AND session = ?2");
    db.query_row(&sql, params![session.agent.name(), &*session.id], run_record).optional()
}

/// Who holds a run, whether or not that process still lives.
pub fn holder(db: &Connection, id: &RunId) -> rusqlite::Result<Option<ProcessId>> {
    let row = db
        .query_row("SELECT holder_pid, holder_start FROM runs WHERE id = ?1", params![&*id.0], |row| {
            Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, Option<i64>>(1)?))
        })
        .optional()?;
    let Some((Some(pid), Some(start))) = row else { return Ok(None) };
    Ok(Some(ProcessId { pid, start: start.cast_unsigned() }))
}

/// Takes the lease of a run. Another's lease is taken over only where `dead` says that its process is gone;
/// otherwise the holder is returned and nothing changes.
pub fn take_lease(
    db: &mut Connection,
    id: &RunId,
    me: ProcessId,
    dead: impl Fn(ProcessId) -> bool,
) -> rusqlite::Result<Result<(), ProcessId>> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if let Some(other) = holder(&transaction, id)?.filter(|other| *other != me && !dead(*other)) {
        return Ok(Err(other));
    }
    set_holder(&transaction, id, me)?;
    transaction.commit()?;
    Ok(Ok(()))
}

/// Gives the lease of a run back.
pub fn drop_lease(db: &Connection, id: &RunId, me: ProcessId) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE runs SET holder_pid = NULL, holder_start = NULL WHERE id = ?1 AND holder_pid = ?2 AND holder_start = ?3",
        params![&*id.0, me.pid, me.start.cast_signed()],
    )?;
    Ok(())
}

/// Runs that a process held; after it died their queues are to be held.
pub fn held_by(db: &Connection, process: ProcessId) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached("SELECT id FROM runs WHERE holder_pid = ?1 AND holder_start = ?2")?
        .query_map(params![process.pid, process.start.cast_signed()], |row| Ok(RunId(row.get::<_, String>(0)?.into())))?
        .collect()
}

/// Gives all leases back that a process has.
pub fn drop_leases(db: &Connection, me: ProcessId) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE runs SET holder_pid = NULL, holder_start = NULL WHERE holder_pid = ?1 AND holder_start = ?2",
        params![me.pid, me.start.cast_signed()],
    )?;
    Ok(())
}

/// Every process that holds a run.
pub fn holders(db: &Connection) -> rusqlite::Result<Vec<ProcessId>> {
    db.prepare_cached("SELECT DISTINCT holder_pid, holder_start FROM runs WHERE holder_pid IS NOT NULL")?
        .query_map([], |row| Ok(ProcessId { pid: row.get(0)?, start: row.get::<_, i64>(1)?.cast_unsigned() }))?
        .collect()
}

/// Records a child, before anything is expected of it.
pub fn record_child(db: &Connection, child: &ChildRecord) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR REPLACE INTO children (pid, start, program, holder_pid, holder_start) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            child.child.pid,
            child.child.start.cast_signed(),
            child.program,
            child.holder.pid,
            child.holder.start.cast_signed()
        ],
    )?;
    Ok(())
}

/// Forgets a child that was reaped.
pub fn forget_child(db: &Connection, child: ProcessId) -> rusqlite::Result<()> {
    db.execute("DELETE FROM children WHERE pid = ?1 AND start = ?2", params![child.pid, child.start.cast_signed()])?;
    Ok(())
}

/// All children on record.
pub fn children(db: &Connection) -> rusqlite::Result<Vec<ChildRecord>> {
    db.prepare_cached("SELECT pid, start, program, holder_pid, holder_start FROM children")?
        .query_map([], |row| {
            Ok(ChildRecord {
                child: ProcessId { pid: row.get(0)?, start: row.get::<_, i64>(1)?.cast_unsigned() },
                program: row.get(2)?,
                holder: ProcessId { pid: row.get(3)?, start: row.get::<_, i64>(4)?.cast_unsigned() },
            })
        })?
        .collect()
}

fn run_record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let agent: String = row.get(1)?;
    let agent = Agent::from_name(&agent).ok_or_else(|| {
        let unknown = format!("a run of {agent}, which this salon does not know");
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, unknown.into())
    })?;
    Ok(RunRecord {
        id: RunId(row.get::<_, String>(0)?.into()),
        agent,
        session: row.get::<_, Option<String>>(2)?.map(|id| SessionKey::new(agent, id)),
        cwd: row.get(3)?,
        model: row.get(4)?,
        effort: row.get(5)?,
        created: Time::from_millis(row.get(6)?),
        last_activity: Time::from_millis(row.get(7)?),
    })
}
