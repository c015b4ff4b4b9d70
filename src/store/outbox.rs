//! Outbox: accepted prompts whose delivery to the agent is not confirmed.
//!
//! A prompt is not idempotent: it costs money and changes files. It is claimed in one transaction before its first byte
//! is written. A crash leaves it held; it is never sent again automatically.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::write;
use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptId, PromptState, is_barrier};
use crate::domain::run::RunId;

/// Maximum delivered and cancelled prompts in the database, because they are needed only for a recent history.
const MAX_FINISHED: u32 = 100;

/// Reason of a pending prompt that the user released while no process ran its session. A crash does not hold it.
pub const RELEASED: &str = "released; sent when its session runs";

/// Reason of a held prompt whose delivery was not confirmed.
const UNCONFIRMED: &str = "may not have been delivered";

/// Reason of a held prompt that no agent received.
pub const NEVER_SENT: &str = "salon ended before it was sent";

/// Statements that create the tables.
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

const COLUMNS: &str = "id, run, text, state, reason, submitted, attempts, barrier, sent, not_before";

/// Appends a prompt to the queue of a run. On return, it is on disk and survives a loss of power.
pub fn enqueue(db: &mut Connection, run: &RunId, text: &str, now: Time) -> rusqlite::Result<PromptId> {
    db.pragma_update(None, "synchronous", "FULL")?;
    let accepted = write(db, |db| insert(db, run, text, now));
    // Later writes survive a crash of salon without a sync; after a loss of power the prompt is held. The prompt is
    // accepted even if this fails, because then later writes are only slower.
    db.pragma_update(None, "synchronous", "NORMAL").ok();
    accepted
}

/// Implements [`enqueue`] within a transaction.
pub(super) fn insert(db: &Connection, run: &RunId, text: &str, now: Time) -> rusqlite::Result<PromptId> {
    db.execute(
        "INSERT INTO prompts (run, position, text, state, submitted, barrier)
         VALUES (?1, (SELECT coalesce(max(position), 0) + 1 FROM prompts WHERE run = ?1), ?2, 'pending', ?3, ?4)",
        params![&*run.0, text, now.millis(), is_barrier(text)],
    )?;
    Ok(PromptId(db.last_insert_rowid()))
}

/// Migration: the earliest time of the delivery in ms.
pub const ADD_NOT_BEFORE: &str = "ALTER TABLE prompts ADD COLUMN not_before INTEGER;";

/// Puts a prompt in front of the queue of a run, which is not delivered before a time.
pub fn enqueue_first(
    db: &mut Connection,
    run: &RunId,
    text: &str,
    not_before: Time,
    now: Time,
) -> rusqlite::Result<PromptId> {
    write(db, |db| {
        let id = insert(db, run, text, now)?;
        db.execute(
            "UPDATE prompts SET not_before = ?3,
                 position = (SELECT min(position) - 1 FROM prompts WHERE run = ?2) WHERE id = ?1",
            params![id.0, &*run.0, not_before.millis()],
        )?;
        Ok(id)
    })
}

/// Migration: the time of the latest delivery attempt in ms, from which the agent's id of the prompt is derived.
pub const ADD_SENT: &str = "ALTER TABLE prompts ADD COLUMN sent INTEGER;";

/// Claims the next pending prompt of a run and marks it as being sent at `now`. Of several claimants, one receives it.
/// Returns `None` while an earlier prompt is held or failed, to preserve the order. After an error the prompt is not
/// marked and must not be sent.
pub fn claim(db: &mut Connection, run: &RunId, now: Time) -> rusqlite::Result<Option<Prompt>> {
    write(db, |db| {
        let Some(next) = first(db, run)?.filter(|prompt| is_due(prompt, now)) else { return Ok(None) };
        db.execute(
            "UPDATE prompts SET state = 'sending', reason = NULL, attempts = attempts + 1, sent = ?2 WHERE id = ?1",
            params![next.id.0, now.millis()],
        )?;
        let attempts = next.attempts + 1;
        Ok(Some(Prompt { state: PromptState::Sending, reason: None, attempts, sent: Some(now), ..next }))
    })
}

/// Claims a pending prompt, wherever it is in its queue, and marks it as being sent at `now`. Returns `None` in any other
/// state.
pub fn claim_one(db: &mut Connection, id: PromptId, now: Time) -> rusqlite::Result<Option<Prompt>> {
    write(db, |db| {
        let claimed = db.execute(
            "UPDATE prompts SET state = 'sending', reason = NULL, attempts = attempts + 1, sent = ?2
             WHERE id = ?1 AND state = 'pending' AND (not_before IS NULL OR not_before <= ?2)",
            params![id.0, now.millis()],
        )?;
        if claimed == 0 { Ok(None) } else { find(db, id) }
    })
}

/// Returns the first undelivered prompt of a run.
fn first(db: &Connection, run: &RunId) -> rusqlite::Result<Option<Prompt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed')
         ORDER BY position LIMIT 1"
    );
    db.prepare_cached(&sql)?.query_row(params![&*run.0], prompt).optional()
}

/// Returns true if [`claim`] would return a prompt.
pub fn has_next(db: &Connection, run: &RunId, now: Time) -> rusqlite::Result<bool> {
    Ok(first(db, run)?.is_some_and(|prompt| is_due(&prompt, now)))
}

fn is_due(prompt: &Prompt, now: Time) -> bool {
    prompt.state == PromptState::Pending && !prompt.is_early(now)
}

/// Marks the next prompt of a run as failed, with the reason.
pub fn fail_next(db: &mut Connection, run: &RunId, reason: &str) -> rusqlite::Result<()> {
    write(db, |db| {
        if let Some(next) = first(db, run)?.filter(|prompt| prompt.state == PromptState::Pending) {
            db.execute("UPDATE prompts SET state = 'failed', reason = ?2 WHERE id = ?1", params![next.id.0, reason])?;
        }
        Ok(())
    })
}

/// Returns a prompt by its id, in any state.
pub fn find(db: &Connection, id: PromptId) -> rusqlite::Result<Option<Prompt>> {
    db.query_row(&format!("SELECT {COLUMNS} FROM prompts WHERE id = ?1"), params![id.0], prompt).optional()
}

/// Cancels every prompt of a run that is not being sent. Returns their number.
pub fn cancel_all(db: &mut Connection, run: &RunId) -> rusqlite::Result<usize> {
    write(db, |db| {
        let count = db.execute(
            "UPDATE prompts SET state = 'cancelled', reason = NULL
             WHERE run = ?1 AND state IN ('pending', 'held', 'failed')",
            params![&*run.0],
        )?;
        prune_finished(db)?;
        Ok(count)
    })
}

/// Runs with pending prompts or prompts being sent, by any process.
pub fn runs_in_flight(db: &Connection) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached("SELECT DISTINCT run FROM prompts WHERE state IN ('pending', 'sending')")?
        .query_map([], |row| Ok(RunId(row.get::<_, String>(0)?.into())))?
        .collect()
}

/// Moves a prompt from one state to another. Returns false if it is in none of the states `from`.
pub fn advance(
    db: &mut Connection,
    id: PromptId,
    from: &[PromptState],
    to: PromptState,
    reason: Option<&str>,
) -> rusqlite::Result<bool> {
    write(db, |db| set_state(db, id, from, to, reason))
}

/// Implements [`advance`] within a transaction.
pub(super) fn set_state(
    db: &Connection,
    id: PromptId,
    from: &[PromptState],
    to: PromptState,
    reason: Option<&str>,
) -> rusqlite::Result<bool> {
    let state: Option<String> =
        db.query_row("SELECT state FROM prompts WHERE id = ?1", params![id.0], |row| row.get(0)).optional()?;
    let allowed = state.as_deref().and_then(PromptState::from_name).is_some_and(|state| from.contains(&state));
    if allowed {
        db.execute("UPDATE prompts SET state = ?2, reason = ?3 WHERE id = ?1", params![id.0, to.name(), reason])?;
        if !to.is_undelivered() {
            prune_finished(db)?;
        }
    }
    Ok(allowed)
}

/// Returns a prompt to the queue and resets its attempts. With the reason [`RELEASED`] it stays released until a process
/// runs its session. Returns false if it is in none of the states `from`.
pub fn release(
    db: &mut Connection,
    id: PromptId,
    from: &[PromptState],
    reason: Option<&str>,
) -> rusqlite::Result<bool> {
    write(db, |db| {
        let released = set_state(db, id, from, PromptState::Pending, reason)?;
        if released {
            db.execute("UPDATE prompts SET attempts = 0 WHERE id = ?1", params![id.0])?;
        }
        Ok(released)
    })
}

/// Changes the text of a prompt that is not being sent. Returns false otherwise.
pub fn edit(db: &mut Connection, id: PromptId, text: &str) -> rusqlite::Result<bool> {
    write(db, |db| {
        let changed = db.execute(
            "UPDATE prompts SET text = ?2, barrier = ?3 WHERE id = ?1 AND state IN ('pending', 'held', 'failed')",
            params![id.0, text, is_barrier(text)],
        )?;
        Ok(changed == 1)
    })
}

/// Swaps a waiting prompt with the waiting one before it. Returns false if there is none.
pub fn move_up(db: &mut Connection, id: PromptId) -> rusqlite::Result<bool> {
    const PAIR: &str =
        "SELECT p.position, q.id, q.position FROM prompts p JOIN prompts q ON q.run = p.run AND q.position < p.position
         WHERE p.id = ?1 AND p.state IN ('pending', 'held', 'failed') AND q.state IN ('pending', 'held', 'failed')
         ORDER BY q.position DESC LIMIT 1";
    write(db, |db| {
        let pair = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let Some((position, other, before)) = db.query_row(PAIR, params![id.0], pair).optional()? else {
            return Ok(false);
        };
        db.execute("UPDATE prompts SET position = ?2 WHERE id = ?1", params![id.0, before])?;
        db.execute("UPDATE prompts SET position = ?2 WHERE id = ?1", params![other, position])?;
        Ok(true)
    })
}

/// Undelivered prompts of a run, in the order of delivery.
pub fn queue(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prompts WHERE run = ?1 AND state IN ('pending', 'sending', 'held', 'failed')
         ORDER BY position"
    );
    db.prepare_cached(&sql)?.query_map(params![&*run.0], prompt)?.collect()
}

/// Undelivered prompts of all runs: failed, held, sending, pending; each group in order of submission.
pub fn all_queued(db: &Connection) -> rusqlite::Result<Vec<Prompt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prompts WHERE state IN ('pending', 'sending', 'held', 'failed')
         ORDER BY CASE state WHEN 'failed' THEN 0 WHEN 'held' THEN 1 WHEN 'sending' THEN 2 ELSE 3 END, submitted, id"
    );
    db.prepare_cached(&sql)?.query_map([], prompt)?.collect()
}

/// Holds the pending and sending prompts of a run without a lease, after a crash. Returns those that were being sent:
/// the transcript must show if they arrived.
pub fn hold_leftovers(db: &mut Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    write(db, |db| hold(db, run))
}

/// Implements [`hold_leftovers`] within a transaction.
pub(super) fn hold(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    let sending = hold_waiting(db, run)?;
    hold_sending(db, run)?;
    Ok(sending)
}

/// Holds the pending prompts of a run within a transaction, and returns those that were being sent. Prompts that the user
/// released stay pending, and so does one that waits for a time: the user asked for it to be sent then, and none of it was
/// sent.
pub(super) fn hold_waiting(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    db.execute(
        "UPDATE prompts SET reason = ?2, state = 'held'
         WHERE run = ?1 AND state = 'pending' AND reason IS NOT ?3 AND not_before IS NULL",
        params![&*run.0, NEVER_SENT, RELEASED],
    )?;
    sending(db, run)
}

/// Holds the prompts of a run that were being sent, within a transaction.
pub(super) fn hold_sending(db: &Connection, run: &RunId) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE prompts SET reason = ?2, state = 'held' WHERE run = ?1 AND state = 'sending'",
        params![&*run.0, UNCONFIRMED],
    )?;
    Ok(())
}

/// Prompts of a run that are being sent, in the order of delivery.
pub fn sending(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<Prompt>> {
    let sql = format!("SELECT {COLUMNS} FROM prompts WHERE run = ?1 AND state = 'sending' ORDER BY position");
    db.prepare_cached(&sql)?.query_map(params![&*run.0], prompt)?.collect()
}

/// Resolves prompts that were being sent by a dead process: those that arrived are delivered, the others are held. Leaves
/// a prompt that was sent again meanwhile.
pub fn resolve_sending(db: &mut Connection, arrived: &[Prompt], others: &[Prompt]) -> rusqlite::Result<()> {
    write(db, |db| {
        advance_sending(db, arrived, PromptState::Delivered, None)?;
        advance_sending(db, others, PromptState::Held, Some(UNCONFIRMED))
    })
}

/// Moves prompts that are still in the same delivery attempt to a state, within a transaction.
pub(super) fn advance_sending(
    db: &Connection,
    prompts: &[Prompt],
    to: PromptState,
    reason: Option<&str>,
) -> rusqlite::Result<()> {
    for prompt in prompts {
        db.execute(
            "UPDATE prompts SET state = ?2, reason = ?3 WHERE id = ?1 AND state = 'sending' AND sent IS ?4",
            params![prompt.id.0, to.name(), reason, prompt.sent.map(Time::millis)],
        )?;
    }
    prune_finished(db)
}

/// Returns the first prompts of all queues that wait for a time, earliest first.
pub fn waiting_for_time(db: &Connection) -> rusqlite::Result<Vec<Prompt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prompts AS waiting WHERE state = 'pending' AND not_before IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM prompts WHERE run = waiting.run AND position < waiting.position
                 AND state IN ('pending', 'sending', 'held', 'failed'))
         ORDER BY not_before"
    );
    db.prepare_cached(&sql)?.query_map([], prompt)?.collect()
}

/// Lets the pending prompts of a run be sent by the process that takes it over.
pub fn release_pending(db: &mut Connection, run: &RunId) -> rusqlite::Result<()> {
    write(db, |db| {
        db.execute("UPDATE prompts SET reason = ?2 WHERE run = ?1 AND state = 'pending'", params![&*run.0, RELEASED])?;
        Ok(())
    })
}

/// Returns the draft with this key; empty if there is none.
pub fn draft(db: &Connection, key: &str) -> rusqlite::Result<String> {
    let text = db.query_row("SELECT text FROM drafts WHERE key = ?1", params![key], |row| row.get(0)).optional()?;
    Ok(text.unwrap_or_default())
}

/// Saves a draft, or deletes it if it is empty.
pub fn set_draft(db: &mut Connection, key: &str, text: &str) -> rusqlite::Result<()> {
    write(db, |db| put_draft(db, key, text))
}

/// Implements [`set_draft`] within a transaction.
pub(super) fn put_draft(db: &Connection, key: &str, text: &str) -> rusqlite::Result<()> {
    if text.is_empty() {
        db.execute("DELETE FROM drafts WHERE key = ?1", params![key])?;
    } else {
        db.execute("INSERT OR REPLACE INTO drafts (key, text) VALUES (?1, ?2)", params![key, text])?;
    }
    Ok(())
}

fn prune_finished(db: &Connection) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM prompts WHERE state IN ('delivered', 'cancelled') AND id NOT IN (
             SELECT id FROM prompts WHERE state IN ('delivered', 'cancelled') ORDER BY id DESC LIMIT ?1)",
        params![MAX_FINISHED],
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
        sent: row.get::<_, Option<i64>>(8)?.map(Time::from_millis),
        not_before: row.get::<_, Option<i64>>(9)?.map(Time::from_millis),
    })
}
