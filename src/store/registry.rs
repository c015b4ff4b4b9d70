//! Run registry: recorded runs, their leases, and the child processes that were started.
//!
//! A run is recorded before its process starts, and linked to the agent's session once that is known. A lease
//! identifies the holding process by id and start time, because process ids are reused.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{approvals, outbox, read_only, write};
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{ContinuationStart, RunId, RunSetting};
use crate::domain::{Agent, SessionKey, Time};

/// Statements that create the tables.
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

/// Statement that adds the settings of a continuation.
pub const ADD_CONTINUATION: &str = "ALTER TABLE runs ADD COLUMN continuation TEXT;";

/// A run as recorded across restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Id assigned by salon.
    pub id: RunId,
    /// Agent whose program runs.
    pub agent: Agent,
    /// Session of the agent, once known.
    pub session: Option<SessionKey>,
    /// Working directory.
    pub cwd: String,
    /// Last requested model.
    pub model: Option<String>,
    /// Last requested reasoning effort.
    pub effort: Option<String>,
    /// Time of creation.
    pub created: Time,
    /// Time of the last event.
    pub last_activity: Time,
}

/// A process, identified by id and start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Process id.
    pub pid: u32,
    /// Start time, in the unit of the operating system.
    pub start: u64,
}

/// A child process that a salon process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildRecord {
    /// Child process, which leads a process group.
    pub child: ProcessId,
    /// Name of the program.
    pub program: String,
    /// Salon process that started it.
    pub holder: ProcessId,
}

const COLUMNS: &str = "id, agent, session, cwd, model, effort, created, last_activity";

/// Records a run. An existing record keeps its creation time, directory and session.
pub fn record(db: &mut Connection, run: &RunRecord) -> rusqlite::Result<()> {
    write(db, |db| put_run(db, run))
}

/// Implements [`record`] within a transaction.
fn put_run(db: &Connection, run: &RunRecord) -> rusqlite::Result<()> {
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

/// A run whose lease this process has acquired.
#[derive(Clone, Debug)]
pub struct AcquiredRun {
    /// Run on record for the session, else the requested one.
    pub record: RunRecord,
    /// Prompts that were being sent when an earlier holder died. They stay in that state until the transcript shows
    /// whether they arrived; see [`outbox::resolve_sending`].
    pub unconfirmed: Vec<Prompt>,
}

/// Records a run and takes its lease in one transaction, so that one process gets a session. Fails with the current
/// holder. Waiting prompts left by an earlier holder are held, never sent automatically.
pub fn acquire(
    db: &mut Connection,
    requested: &RunRecord,
    me: ProcessId,
    dead: impl Fn(ProcessId) -> bool,
) -> rusqlite::Result<Result<AcquiredRun, ProcessId>> {
    write(db, |db| {
        let existing = requested.session.as_ref().map(|session| find_by_session(db, session)).transpose()?.flatten();
        let id = existing.map_or_else(|| requested.id.clone(), |existing| existing.id);
        let before = holder(db, &id)?;
        if let Some(other) = before.filter(|other| *other != me && !dead(*other)) {
            return Ok(Err(other));
        }
        put_run(db, &RunRecord { id: id.clone(), ..requested.clone() })?;
        let unconfirmed = if before == Some(me) { Vec::new() } else { outbox::hold_waiting(db, &id)? };
        set_holder(db, &id, me)?;
        let record = find(db, &id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok(Ok(AcquiredRun { record, unconfirmed }))
    })
}

/// Returns the prompts that were being sent by a dead holder of a run, or `None` if a living process has the lease and
/// sends them.
pub fn abandoned(
    db: &Connection,
    id: &RunId,
    me: ProcessId,
    dead: impl Fn(ProcessId) -> bool,
) -> rusqlite::Result<Option<Vec<Prompt>>> {
    if holder(db, id)?.is_some_and(|holder| holder == me || !dead(holder)) {
        return Ok(None);
    }
    outbox::sending(db, id).map(Some)
}

/// Resolves the [`abandoned`] prompts of a run in one transaction, because another process may be taking the run over:
/// those of `arrived` are delivered, all others are held. Returns true if the run has held prompts then, and false if a
/// living process has the lease.
pub fn resolve_abandoned(
    db: &mut Connection,
    id: &RunId,
    arrived: &[Prompt],
    me: ProcessId,
    dead: impl Fn(ProcessId) -> bool,
) -> rusqlite::Result<bool> {
    write(db, |db| {
        if abandoned(db, id, me, dead)?.is_none() {
            return Ok(false);
        }
        outbox::advance_sending(db, arrived, PromptState::Delivered, None)?;
        outbox::hold(db, id)?;
        Ok(outbox::queue(db, id)?.iter().any(|prompt| prompt.state == PromptState::Held))
    })
}

fn set_holder(db: &Connection, id: &RunId, me: ProcessId) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE runs SET holder_pid = ?2, holder_start = ?3 WHERE id = ?1",
        params![&*id.0, me.pid, me.start.cast_signed()],
    )?;
    Ok(())
}

/// Updates the time of the last event.
pub fn touch(db: &mut Connection, id: &RunId, now: Time) -> rusqlite::Result<()> {
    write(db, |db| {
        db.execute(
            "UPDATE runs SET last_activity = max(last_activity, ?2) WHERE id = ?1",
            params![&*id.0, now.millis()],
        )?;
        Ok(())
    })
}

/// Saves the model or effort of a run. The permission mode is saved for a continuation only, because the user must choose
/// it each time.
pub fn update_setting(db: &mut Connection, id: &RunId, setting: &RunSetting) -> rusqlite::Result<()> {
    let (sql, value) = match setting {
        RunSetting::Model(model) => ("UPDATE runs SET model = ?2 WHERE id = ?1", model),
        RunSetting::Effort(effort) => ("UPDATE runs SET effort = ?2 WHERE id = ?1", effort),
        RunSetting::Mode(_) => return Ok(()),
    };
    write(db, |db| {
        db.execute(sql, params![&*id.0, value])?;
        Ok(())
    })
}

/// Saves the settings with which a turn that waits for a time goes on.
pub fn save_continuation(db: &mut Connection, id: &RunId, start: &ContinuationStart) -> rusqlite::Result<()> {
    let text = serde_json::to_string(start).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    write(db, |db| {
        db.execute("UPDATE runs SET continuation = ?2 WHERE id = ?1", params![&*id.0, text])?;
        Ok(())
    })
}

/// Returns the settings with which a turn that waits for a time goes on.
pub fn continuation(db: &Connection, id: &RunId) -> rusqlite::Result<Option<ContinuationStart>> {
    let sql = "SELECT continuation FROM runs WHERE id = ?1";
    let text: Option<Option<String>> = db.query_row(sql, params![&*id.0], |row| row.get(0)).optional()?;
    Ok(text.flatten().and_then(|text| serde_json::from_str(&text).ok()))
}

/// Takes back a refused request in one transaction: cancels its prompt, releases the lease, and removes the record of a
/// run that the request created. Keeps a run with prompts.
pub fn withdraw(
    db: &mut Connection,
    id: &RunId,
    prompt: Option<PromptId>,
    created: bool,
    me: ProcessId,
) -> rusqlite::Result<()> {
    write(db, |db| {
        if let Some(prompt) = prompt {
            outbox::set_state(db, prompt, &[PromptState::Pending], PromptState::Cancelled, None)?;
        }
        if holder(db, id)? == Some(me) {
            // Of an earlier holder, whose record was not looked up.
            outbox::hold_sending(db, id)?;
            release(db, id)?;
        }
        if created {
            db.execute(
                "DELETE FROM runs WHERE id = ?1 AND NOT EXISTS (
                     SELECT 1 FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed'))",
                params![&*id.0],
            )?;
        }
        Ok(())
    })
}

/// Removes a run that never had a session. Keeps a run with prompts.
pub fn remove_unused(db: &mut Connection, id: &RunId) -> rusqlite::Result<()> {
    write(db, |db| {
        db.execute(
            "DELETE FROM runs WHERE id = ?1 AND session IS NULL AND NOT EXISTS (
                 SELECT 1 FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed'))",
            params![&*id.0],
        )?;
        Ok(())
    })
}

/// Links a run to its agent's session. Unlinks another run of the same session.
pub fn link(db: &mut Connection, id: &RunId, session: &SessionKey) -> rusqlite::Result<()> {
    write(db, |db| {
        db.execute(
            "UPDATE runs SET session = NULL WHERE agent = ?1 AND session = ?2 AND id <> ?3",
            params![session.agent.name(), &*session.id, &*id.0],
        )?;
        db.execute("UPDATE runs SET session = ?2 WHERE id = ?1", params![&*id.0, &*session.id])?;
        Ok(())
    })
}

/// Returns a run by its id.
pub fn find(db: &Connection, id: &RunId) -> rusqlite::Result<Option<RunRecord>> {
    db.query_row(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), params![&*id.0], run_record).optional()
}

/// Returns the run of an agent's session.
pub fn find_by_session(db: &Connection, session: &SessionKey) -> rusqlite::Result<Option<RunRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE agent = ?1 AND session = ?2");
    db.query_row(&sql, params![session.agent.name(), &*session.id], run_record).optional()
}

/// Returns all runs.
pub fn runs(db: &Connection) -> rusqlite::Result<Vec<RunRecord>> {
    db.prepare(&format!("SELECT {COLUMNS} FROM runs"))?.query_map([], run_record)?.collect()
}

/// Sessions of all recorded runs.
pub fn sessions(db: &Connection) -> rusqlite::Result<Vec<SessionKey>> {
    let rows: Vec<(String, String)> = db
        .prepare_cached("SELECT agent, session FROM runs WHERE session IS NOT NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    // A newer version may have recorded an agent that this one does not support.
    Ok(rows.into_iter().filter_map(|(agent, id)| Some(SessionKey::new(Agent::from_stored(&agent)?, id))).collect())
}

/// Returns the sessions of all recorded runs without creating, repairing or changing the database at a path.
pub fn read_sessions(path: &Path) -> rusqlite::Result<Vec<SessionKey>> {
    sessions(&read_only::connect(path)?)
}

/// Returns the lease holder of a run, alive or dead.
pub fn holder(db: &Connection, id: &RunId) -> rusqlite::Result<Option<ProcessId>> {
    let row = db
        .query_row("SELECT holder_pid, holder_start FROM runs WHERE id = ?1", params![&*id.0], |row| {
            Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, Option<i64>>(1)?))
        })
        .optional()?;
    let Some((Some(pid), Some(start))) = row else { return Ok(None) };
    Ok(Some(ProcessId { pid, start: start.cast_unsigned() }))
}

/// Takes the lease of a run. Replaces the lease of another process only if `dead` returns true for it; otherwise fails
/// with the holder.
pub fn take_lease(
    db: &mut Connection,
    id: &RunId,
    me: ProcessId,
    dead: impl Fn(ProcessId) -> bool,
) -> rusqlite::Result<Result<(), ProcessId>> {
    write(db, |db| {
        if let Some(other) = holder(db, id)?.filter(|other| *other != me && !dead(*other)) {
            return Ok(Err(other));
        }
        set_holder(db, id, me)?;
        Ok(Ok(()))
    })
}

/// Releases the lease of a run, and removes its open approvals.
pub fn drop_lease(db: &mut Connection, id: &RunId, me: ProcessId) -> rusqlite::Result<()> {
    write(db, |db| if holder(db, id)? == Some(me) { release(db, id) } else { Ok(()) })
}

fn release(db: &Connection, id: &RunId) -> rusqlite::Result<()> {
    db.execute("UPDATE runs SET holder_pid = NULL, holder_start = NULL WHERE id = ?1", params![&*id.0])?;
    approvals::remove_of_run(db, id)
}

/// Removes the approvals of all runs whose lease holder is gone. `dead` returns true for a process that has ended.
pub fn remove_abandoned_approvals(db: &mut Connection, dead: impl Fn(ProcessId) -> bool) -> rusqlite::Result<()> {
    write(db, |db| {
        for run in approvals::runs(db)? {
            if holder(db, &run)?.is_none_or(&dead) {
                approvals::remove_of_run(db, &run)?;
            }
        }
        Ok(())
    })
}

/// Runs whose lease a process has. After its death, their queues must be held.
pub fn runs_of_holder(db: &Connection, process: ProcessId) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached("SELECT id FROM runs WHERE holder_pid = ?1 AND holder_start = ?2")?
        .query_map(params![process.pid, process.start.cast_signed()], |row| Ok(RunId(row.get::<_, String>(0)?.into())))?
        .collect()
}

/// Releases all leases of a process, and removes the open approvals of their runs.
pub fn drop_leases(db: &mut Connection, me: ProcessId) -> rusqlite::Result<()> {
    write(db, |db| runs_of_holder(db, me)?.iter().try_for_each(|id| release(db, id)))
}

/// Every process with a lease.
pub fn holders(db: &Connection) -> rusqlite::Result<Vec<ProcessId>> {
    db.prepare_cached("SELECT DISTINCT holder_pid, holder_start FROM runs WHERE holder_pid IS NOT NULL")?
        .query_map([], |row| Ok(ProcessId { pid: row.get(0)?, start: row.get::<_, i64>(1)?.cast_unsigned() }))?
        .collect()
}

/// Records a child process, before any message is sent to it.
pub fn record_child(db: &mut Connection, child: &ChildRecord) -> rusqlite::Result<()> {
    write(db, |db| {
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
    })
}

/// Removes a child process that was reaped.
pub fn remove_child(db: &mut Connection, child: ProcessId) -> rusqlite::Result<()> {
    write(db, |db| {
        db.execute(
            "DELETE FROM children WHERE pid = ?1 AND start = ?2",
            params![child.pid, child.start.cast_signed()],
        )?;
        Ok(())
    })
}

/// All recorded child processes.
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
    let agent = Agent::from_stored(&agent).ok_or_else(|| {
        let unknown = format!("a run of {agent}, which this version does not support");
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
