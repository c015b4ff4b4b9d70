//! Pending approvals, so that another process can list and answer them. The lease holder of the run writes the
//! approvals and takes the answers.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::write;
use crate::domain::approval::{Approval, ApprovalAnswer};
use crate::domain::run::RunId;

/// Statements that create the table.
pub const SCHEMA: &str = "
    CREATE TABLE questions (
        run    TEXT NOT NULL,
        id     TEXT NOT NULL,
        since  INTEGER NOT NULL,
        text   TEXT NOT NULL,
        choices TEXT NOT NULL,
        answer TEXT,
        PRIMARY KEY (run, id)
    ) WITHOUT ROWID;
";

/// A pending approval as stored for other processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredApproval {
    /// Id assigned by the agent.
    pub id: String,
    /// Time since when it waits, in ms since 1970.
    pub since: i64,
    /// Complete text in one line; invisible characters are marks.
    pub text: String,
    /// Permitted answers: kind (`once`, `always`, `deny`, `deny_and_stop`), label, and the agent's token.
    pub choices: Vec<(String, String, String)>,
    /// True if it was answered but the answer is not sent yet.
    pub answered: bool,
}

/// Replaces the approvals of a run by the currently open ones. Keeps answers to those that remain. Stores none for a
/// run without a lease, because no process would take the answers.
pub fn set(db: &mut Connection, run: &RunId, open: &[Approval]) -> rusqlite::Result<()> {
    write(db, |db| {
        let known: Vec<String> = db
            .prepare_cached("SELECT id FROM questions WHERE run = ?1")?
            .query_map(params![&*run.0], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for closed in known.iter().filter(|id| open.iter().all(|approval| &*approval.id != id.as_str())) {
            db.execute("DELETE FROM questions WHERE run = ?1 AND id = ?2", params![&*run.0, closed])?;
        }
        open.iter().try_for_each(|approval| insert(db, run, approval))
    })
}

fn insert(db: &Connection, run: &RunId, approval: &Approval) -> rusqlite::Result<()> {
    let since = approval.since.map_or(0, crate::domain::Time::millis);
    let choices = approval.choices.iter().map(|choice| json!([choice.kind.name(), choice.label, &*choice.token]));
    db.execute(
        "INSERT OR IGNORE INTO questions (run, id, since, text, choices) SELECT ?1, ?2, ?3, ?4, ?5
         WHERE EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND holder_pid IS NOT NULL)",
        params![&*run.0, &*approval.id, since, approval.line(), choices.collect::<Value>().to_string()],
    )?;
    Ok(())
}

/// Runs with open approvals.
pub(super) fn runs(db: &Connection) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached("SELECT DISTINCT run FROM questions")?
        .query_map([], |row| Ok(RunId(row.get::<_, String>(0)?.into())))?
        .collect()
}

/// Removes the approvals of a run, within a transaction.
pub(super) fn remove_of_run(db: &Connection, run: &RunId) -> rusqlite::Result<()> {
    db.execute("DELETE FROM questions WHERE run = ?1", params![&*run.0])?;
    Ok(())
}

/// Approvals of a run, oldest first.
pub fn of_run(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<StoredApproval>> {
    db.prepare_cached(
        "SELECT id, since, text, choices, answer IS NOT NULL FROM questions WHERE run = ?1 ORDER BY since, id",
    )?
    .query_map(params![&*run.0], |row| {
        let choices: String = row.get(3)?;
        let choices: Value = serde_json::from_str(&choices).unwrap_or_default();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = choices.as_array().into_iter().flatten();
        Ok(StoredApproval {
            id: row.get(0)?,
            since: row.get(1)?,
            text: row.get(2)?,
            choices: list.map(|choice| (word(&choice[0]), word(&choice[1]), word(&choice[2]))).collect(),
            answered: row.get(4)?,
        })
    })?
    .collect()
}

/// Answers an approval. Returns false if it is answered or no longer pending.
pub fn answer(db: &mut Connection, run: &RunId, id: &str, answer: &ApprovalAnswer) -> rusqlite::Result<bool> {
    write(db, |db| {
        let changed = db.execute(
            "UPDATE questions SET answer = ?3 WHERE run = ?1 AND id = ?2 AND answer IS NULL",
            params![&*run.0, id, encode(answer).to_string()],
        )?;
        Ok(changed == 1)
    })
}

/// Takes the answer of another process to an approval of a run, and removes the approval.
pub fn take_answer(db: &mut Connection, run: &RunId) -> rusqlite::Result<Option<(String, ApprovalAnswer)>> {
    let taken = write(db, |db| {
        let sql = "SELECT id, answer FROM questions WHERE run = ?1 AND answer IS NOT NULL LIMIT 1";
        let answered = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let answered = db.prepare_cached(sql)?.query_row(params![&*run.0], answered).optional()?;
        if let Some((id, _)) = &answered {
            db.execute("DELETE FROM questions WHERE run = ?1 AND id = ?2", params![&*run.0, id])?;
        }
        Ok(answered)
    })?;
    Ok(taken.and_then(|(id, text)| Some((id, decode(&serde_json::from_str(&text).ok()?)?))))
}

/// Version counter of the database, which increases with each change by another connection.
pub fn data_version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "data_version", |row| row.get(0))
}

fn encode(answer: &ApprovalAnswer) -> Value {
    match answer {
        ApprovalAnswer::Choice { token, reason } => json!({"token": &**token, "reason": reason}),
        ApprovalAnswer::Answers(answers) => json!({"answers": answers}),
    }
}

fn decode(value: &Value) -> Option<ApprovalAnswer> {
    if let Some(token) = value["token"].as_str() {
        return Some(ApprovalAnswer::Choice {
            token: token.into(),
            reason: value["reason"].as_str().map(str::to_owned),
        });
    }
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    value["answers"].as_array().map(|answers| ApprovalAnswer::Answers(answers.iter().map(list).collect()))
}
