//! Questions of agents that wait for the user, so that another process can see and answer them. The process that holds
//! the run writes the questions and takes the answers.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::domain::approval::{Answer, Approval};
use crate::domain::run::RunId;

/// Statements that create what questions need.
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

/// A question, as another process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The agent's id of it.
    pub id: String,
    /// Since when it waits, in ms since 1970.
    pub since: i64,
    /// What is asked, in one line.
    pub text: String,
    /// What may be answered: `once`, `always`, `deny` or `deny_and_stop`, the label, and the agent's token.
    pub choices: Vec<(String, String, String)>,
    /// It was answered, and its agent was not told yet.
    pub answered: bool,
}

/// Replaces the questions of a run by those that are open now; answers that were given to them stay.
pub fn set(db: &mut Connection, run: &RunId, open: &[Approval]) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    let known: Vec<String> = transaction
        .prepare_cached("SELECT id FROM questions WHERE run = ?1")?
        .query_map(params![&*run.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for gone in known.iter().filter(|id| open.iter().all(|approval| &*approval.id != id.as_str())) {
        transaction.execute("DELETE FROM questions WHERE run = ?1 AND id = ?2", params![&*run.0, gone])?;
    }
    for approval in open {
        let since = approval.since.map_or(0, crate::domain::Time::millis);
        let choices = approval.choices.iter().map(|choice| json!([choice.kind.name(), choice.label, &*choice.token]));
        transaction.execute(
            "INSERT OR IGNORE INTO questions (run, id, since, text, choices) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![&*run.0, &*approval.id, since, approval.line(), choices.collect::<Value>().to_string()],
        )?;
    }
    transaction.commit()
}

/// The questions of a run, oldest first.
pub fn of_run(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<Question>> {
    db.prepare_cached(
        "SELECT id, since, text, choices, answer IS NOT NULL FROM questions WHERE run = ?1 ORDER BY since, id",
    )?
    .query_map(params![&*run.0], |row| {
        let choices: String = row.get(3)?;
        let choices: Value = serde_json::from_str(&choices).unwrap_or_default();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = choices.as_array().into_iter().flatten();
        Ok(Question {
            id: row.get(0)?,
            since: row.get(1)?,
            text: row.get(2)?,
            choices: list.map(|choice| (word(&choice[0]), word(&choice[1]), word(&choice[2]))).collect(),
            answered: row.get(4)?,
        })
    })?
    .collect()
}

/// Answers a question. `false`: it is answered already, or waits no more.
pub fn answer(db: &Connection, run: &RunId, id: &str, answer: &Answer) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE questions SET answer = ?3 WHERE run = ?1 AND id = ?2 AND answer IS NULL",
        params![&*run.0, id, encode(answer).to_string()],
    )?;
    Ok(changed == 1)
}

/// Takes an answer that another process gave to one of a run's questions; the question is gone then.
pub fn take_answer(db: &mut Connection, run: &RunId) -> rusqlite::Result<Option<(String, Answer)>> {
    let taken: Option<(String, String)> = db
        .query_row(
            "DELETE FROM questions WHERE (run, id) = (
                 SELECT run, id FROM questions WHERE run = ?1 AND answer IS NOT NULL LIMIT 1) RETURNING id, answer",
            params![&*run.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(taken.and_then(|(id, text)| Some((id, decode(&serde_json::from_str(&text).ok()?)?))))
}

/// Rises whenever another connection changed the database.
pub fn changes(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "data_version", |row| row.get(0))
}

fn encode(answer: &Answer) -> Value {
    match answer {
        Answer::Choice { token, reason } => json!({"token": &**token, "reason": reason}),
        Answer::Answers(answers) => json!({"answers": answers}),
    }
}

fn decode(value: &Value) -> Option<Answer> {
    if let Some(token) = value["token"].as_str() {
        return Some(Answer::Choice { token: token.into(), reason: value["reason"].as_str().map(str::to_owned) });
    }
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    value["answers"].as_array().map(|answers| Answer::Answers(answers.iter().map(list).collect()))
}
