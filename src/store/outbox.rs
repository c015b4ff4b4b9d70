//! The outbox: prompts that were accepted and are not yet known to have reached their agent.
//!
//! A prompt is not idempotent: it costs money and changes files. So it is claimed in one transaction before a byte of
//! it is written, and what a crash leaves behind is held, never sent again by itself.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptId, PromptState, is_barrier};
use crate::domain::run::RunId;

/// Delivered and cancelled prompts that are kept, the newest ones.
const KEPT: u32 = 100;

/// Statements that create what the outbox needs.
pub const SCHEMA: &str = "
    CREATE TABLE prompts (
        id        INTEGER PRIMARY KEY AUTOINCREMENT,
        run       TEXT NOT NULL,
        position  INTEGER NOT NULL,
        text      TEXT NOT NULL,
        state     TEXT NOT NULL,
        reason    TEXT,
        submitted INTEGER NOT NULL,
        attempts  INTEGER NOT NULL DEFAULT 0,
        barrier   INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX prompts_open ON prompts (run, position) WHERE state IN ('pending', 'sending', 'held', 'failed');
    CREATE INDEX prompts_moving ON prompts (run) WHERE state IN ('pending', 'sending');
    CREATE INDEX prompts_done ON prompts (id) WHERE state IN ('delivered', 'cancelled');
    CREATE TABLE drafts (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
";

const COLUMNS: &str = "id, run, text, state, reason, submitted, attempts, barrier";

/// Accepts a prompt at the end of a run's queue. When this returns, it is on disk, and outlives a loss of power.
pub fn enqueue(db: &mut Connection, run: &RunId, text: &str, now: Time) -> rusqlite::Result<PromptId> {
    db.pragma_update(None, "synchronous", "FULL")?;
    let accepted = insert(db, run, text, now);
    // What follows outlives a crash of salon without it; after a loss of power the prompt is held.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    accepted
}

fn insert(db: &Connection, run: &RunId, text: &str, now: Time) -> rusqlite::Result<PromptId> {
    let id = db.query_row(
        "INSERT INTO prompts (run, position, text, state, submitted, barrier)
         VALUES (?1, (SELECT coalesce(max(position), 0) + 1 FROM prompts WHERE run = ?1), ?2, 'pending', ?3, ?4)
         RETURNING id",
        params![&*run.0, text, now.millis(), is_barrier(text)],
        |row| row.get(0),
    )?;
    Ok(PromptId(id))
}

/// Takes the next pending prompt of a run, marking it as being sent. One claimant gets it, however many try.
/// Nothing while an earlier one is held or failed: the order is kept.
pub fn claim(db: &mut Connection, run: &RunId) -> rusqlite::Result<Option<Prompt>> {
    db.query_row(
        &format!(
            "UPDATE prompts SET state = 'sending', attempts = attempts + 1 WHERE id = (
                 SELECT id FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed')
                 ORDER BY position LIMIT 1) AND state = 'pending' RETURNING {COLUMNS}"
        ),
        params![&*run.0],
        prompt,
    )
    .optional()
}

/// Whether [`claim`] would find a prompt.
pub fn is_next(db: &Connection, run: &RunId) -> rusqlite::Result<bool> {
    let sql = "SELECT state FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed')
               ORDER BY position LIMIT 1";
    let state: Option<String> = db.prepare_cached(sql)?.query_row(params![&*run.0], |row| row.get(0)).optional()?;
    Ok(state.is_some_and(|state| state == PromptState::Pending.name()))
}

/// The next prompt of a run could not be delivered, and why.
pub fn fail_next(db: &Connection, run: &RunId, reason: &str) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE prompts SET state = 'failed', reason = ?2 WHERE state = 'pending' AND id = (
             SELECT id FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed')
             ORDER BY position LIMIT 1)",
        params![&*run.0, reason],
    )?;
    Ok(())
}

/// A prompt by its id, whatever became of it.
pub fn find(db: &Connection, id: PromptId) -> rusqlite::Result<Option<Prompt>> {
    db.query_row(&format!("SELECT {COLUMNS} FROM prompts WHERE id = ?1"), params![id.0], prompt).optional()
}

/// Takes back every prompt of a run that is not being sent; how many.
pub fn cancel_all(db: &mut Connection, run: &RunId) -> rusqlite::Result<usize> {
    let transaction = db.transaction()?;
    let count = transaction.execute(
        "UPDATE prompts SET state = 'cancelled', reason = NULL
         WHERE run = ?1 AND state IN ('pending', 'held', 'failed')",
        params![&*run.0],
    )?;
    forget_old(&transaction)?;
    transaction.commit()?;
    Ok(count)
}

/// Runs with prompts that are on their way, whoever sends them.
pub fn moving(db: &Connection) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached("SELECT DISTINCT run FROM prompts WHERE state IN ('pending', 'sending')")?
        .query_map([], |row| Ok(RunId(row.get::<_, String>(0)?.into())))?
        .collect()
}

/// Moves a prompt from one state to another. `false`: it is not in that state (any more).
pub fn advance(
    db: &mut Connection,
    id: PromptId,
    from: &[PromptState],
    to: PromptState,
    reason: Option<&str>,
) -> rusqlite::Result<bool> {
    let transaction = db.transaction()?;
    let state: Option<String> =
        transaction.query_row("SELECT state FROM prompts WHERE id = ?1", params![id.0], |row| row.get(0)).optional()?;
    let allowed = state.as_deref().and_then(PromptState::from_name).is_some_and(|state| from.contains(&state));
    if allowed {
        transaction
            .execute("UPDATE prompts SET state = ?2, reason = ?3 WHERE id = ?1", params![id.0, to.name(), reason])?;
        if !to.is_undelivered() {
            forget_old(&transaction)?;
        }
    }
    transaction.commit()?;
    Ok(allowed)
}

/// Lets a prompt wait for its turn again, with all its attempts before it. `false`: it is not in such a state.
pub fn release(db: &mut Connection, id: PromptId, from: &[PromptState]) -> rusqlite::Result<bool> {
    let released = advance(db, id, from, PromptState::Pending, None)?;
    if released {
        db.execute("UPDATE prompts SET attempts = 0 WHERE id = ?1", params![id.0])?;
    }
    Ok(released)
}

/// Changes the text of a prompt that is not being sent. `false`: too late.
pub fn edit(db: &mut Connection, id: PromptId, text: &str) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE prompts SET text = ?2, barrier = ?3 WHERE id = ?1 AND state IN ('pending', 'held', 'failed')",
        params![id.0, text, is_barrier(text)],
    )?;
    Ok(changed == 1)
}

/// Exchanges a waiting prompt with the waiting one before it. `false`: there is none.
pub fn move_up(db: &mut Connection, id: PromptId) -> rusqlite::Result<bool> {
    let transaction = db.transaction()?;
    let pair: Option<(i64, i64, i64)> = transaction
        .query_row(
            "SELECT p.position, q.id, q.position FROM prompts p JOIN prompts q ON q.run = p.run AND q.position < p.position
             WHERE p.id = ?1 AND p.state IN ('pending', 'held', 'failed') AND q.state IN ('pending', 'held', 'failed')
             ORDER BY q.position DESC LIMIT 1",
            params![id.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    if let Some((position, other, before)) = pair {
        transaction.execute("UPDATE prompts SET position = ?2 WHERE id = ?1", params![id.0, before])?;
        transaction.execute("UPDATE prompts SET position = ?2 WHERE id = ?1", params![other, position])?;
    }
    transaction.commit()?;
    Ok(pair.is_some())
}

/// Prompts of a run that are still on their way, in the order of delivery.
pub fn queue(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed')
         ORDER BY position"
    );
    db.prepare_cached(&sql)?.query_map(params![&*run.0], prompt)?.collect()
}

/// Prompts of all runs that are still on their way: failed, held, sending, pending; each in order of submission.
pub fn all_queued(db: &Connection) -> rusqlite::Result<Vec<Prompt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prompts WHERE state IN ('pending', 'sending', 'held', 'failed')
         ORDER BY CASE state WHEN 'failed' THEN 0 WHEN 'held' THEN 1 WHEN 'sending' THEN 2 ELSE 3 END, submitted, id"
    );
    db.prepare_cached(&sql)?.query_map([], prompt)?.collect()
}

/// After a crash, for a run that nobody holds: what was pending or being sent is held, with the reason. Returns
/// those that were being sent: whether they arrived must be looked up in the transcript.
pub fn hold_leftovers(db: &mut Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    let transaction = db.transaction()?;
    let sending = hold(&transaction, run)?;
    transaction.commit()?;
    Ok(sending)
}

/// [`hold_leftovers`] within a transaction.
pub(super) fn hold(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    let sql = format!("SELECT {COLUMNS} FROM prompts WHERE run = ?1 AND state = 'sending' ORDER BY position");
    let sending: Vec<Prompt> =
        db.prepare_cached(&sql)?.query_map(params![&*run.0], prompt)?.collect::<rusqlite::Result<_>>()?;
    db.execute(
        "UPDATE prompts SET reason = CASE state WHEN 'sending' THEN 'may not have been delivered'
             ELSE 'salon ended before it was sent' END, state = 'held'
         WHERE run = ?1 AND state IN ('pending', 'sending')",
        params![&*run.0],
    )?;
    Ok(sending)
}

/// The draft kept under a key; empty where there is none.
pub fn draft(db: &Connection, key: &str) -> rusqlite::Result<String> {
    let text = db.query_row("SELECT text FROM drafts WHERE key = ?1", params![key], |row| row.get(0)).optional()?;
    Ok(text.unwrap_or_default())
}

/// Keeps a draft; an empty one is forgotten.
pub fn set_draft(db: &Connection, key: &str, text: &str) -> rusqlite::Result<()> {
    if text.is_empty() {
        db.execute("DELETE FROM drafts WHERE key = ?1", params![key])?;
    } else {
        db.execute("INSERT OR REPLACE INTO drafts (key, text) VALUES (?1, ?2)", params![key, text])?;
    }
    Ok(())
}

fn forget_old(db: &Connection) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM prompts WHERE state IN ('delivered', 'cancelled') AND id NOT IN (
             SELECT id FROM prompts WHERE state IN ('delivered', 'cancelled') ORDER BY id DESC LIMIT ?1)",
        params![KEPT],
    )?;
    Ok(())
}

fn prompt(row: &Row<'_>) -> rusqlite::Result<Prompt> {
    let state: String = row.get(3)?;
    Ok(Prompt {
        id: PromptId(row.get(0)?),
        run: RunId(row.get::<_, String>(1)?.into()),
        text: row.get(2)?,
        state: PromptState::from_name(&state).unwrap_or(PromptState::Held),
        reason: row.get(4)?,
        submitted: Time::from_millis(row.get(5)?),
        attempts: row.get(6)?,
        barrier: row.get(7)?,
    })
}
