//! Remarks of the user on the changes of sessions.

use rusqlite::{Connection, Result, Row, params};

use super::write;
use crate::domain::remark::{Remark, RemarkSnippet};
use crate::domain::{SessionKey, Time};

/// Statements that create the table. `lines`, `before` and `after` are separated by newlines, and null without a line.
pub const SCHEMA: &str = "
    CREATE TABLE remarks (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        agent   TEXT NOT NULL,
        session TEXT NOT NULL,
        path    TEXT NOT NULL,
        start   INTEGER,
        lines   TEXT,
        before  TEXT,
        after   TEXT,
        text    TEXT NOT NULL,
        created INTEGER NOT NULL,
        sent    INTEGER,
        digest  TEXT NOT NULL
    );
    CREATE INDEX remarks_of_session ON remarks (agent, session);
";

/// Saves a new remark.
pub fn insert(db: &mut Connection, remark: &Remark) -> Result<()> {
    let Remark { session, snippet, .. } = remark;
    write(db, |db| {
        db.execute(
            "INSERT INTO remarks (agent, session, path, start, lines, before, after, text, created, sent, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                session.agent.name(),
                &*session.id,
                remark.path,
                snippet.start,
                joined(&snippet.lines),
                joined(&snippet.before),
                joined(&snippet.after),
                remark.text,
                remark.created.millis(),
                remark.sent.map(Time::millis),
                remark.digest
            ],
        )
        .map(drop)
    })
}

/// Replaces the text of a remark.
pub fn set_text(db: &mut Connection, id: i64, text: &str) -> Result<()> {
    write(db, |db| db.execute("UPDATE remarks SET text = ?2 WHERE id = ?1", params![id, text]).map(drop))
}

/// Removes a remark.
pub fn remove(db: &mut Connection, id: i64) -> Result<()> {
    write(db, |db| db.execute("DELETE FROM remarks WHERE id = ?1", params![id]).map(drop))
}

/// Records that remarks were sent, each with the digest of its file.
pub fn set_sent(db: &mut Connection, remarks: &[(i64, String)], now: Time) -> Result<()> {
    write(db, |db| {
        let mut update = db.prepare("UPDATE remarks SET sent = ?2, digest = ?3 WHERE id = ?1")?;
        remarks.iter().try_for_each(|(id, digest)| update.execute(params![id, now.millis(), digest]).map(drop))
    })
}

/// Returns the remarks on the changes of a session, oldest first.
pub fn of_session(db: &Connection, session: &SessionKey) -> Result<Vec<Remark>> {
    let mut query = db.prepare(
        "SELECT id, path, start, lines, before, after, text, created, sent, digest FROM remarks
         WHERE agent = ?1 AND session = ?2 ORDER BY id",
    )?;
    query.query_map(params![session.agent.name(), &*session.id], |row| remark(row, session))?.collect()
}

fn remark(row: &Row<'_>, session: &SessionKey) -> Result<Remark> {
    let lines = |at: usize| row.get::<_, Option<String>>(at).map(|text| split(text.as_deref()));
    Ok(Remark {
        id: row.get(0)?,
        session: session.clone(),
        path: row.get(1)?,
        snippet: RemarkSnippet { start: row.get(2)?, lines: lines(3)?, before: lines(4)?, after: lines(5)? },
        text: row.get(6)?,
        created: Time::from_millis(row.get(7)?),
        sent: row.get::<_, Option<i64>>(8)?.map(Time::from_millis),
        digest: row.get(9)?,
    })
}

fn joined(lines: &[String]) -> Option<String> {
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn split(text: Option<&str>) -> Vec<String> {
    text.map(|text| text.split('\n').map(str::to_owned).collect()).unwrap_or_default()
}
