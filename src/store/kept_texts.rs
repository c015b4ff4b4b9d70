//! Texts of turns that ended early. Agents do not store the part of an answer that was streamed before an interrupt or
//! a crash, so salon keeps it beside their transcripts.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};

use super::write;
use crate::domain::transcript::KeptText;
use crate::domain::{EntryKey, SessionKey, Time};

/// Statements that create the table. Keys are the raw numbers of entry keys.
pub const SCHEMA: &str = "
    CREATE TABLE kept_texts (
        agent   TEXT NOT NULL,
        session TEXT NOT NULL,
        entry   INTEGER NOT NULL,
        prompt  INTEGER NOT NULL,
        text    TEXT NOT NULL,
        time    INTEGER,
        PRIMARY KEY (agent, session, entry)
    );
";

/// Maximum texts in the database, because only recent ones are likely to be read again.
const MAX_TEXTS: u32 = 2_000;

/// Saves texts of a session. A text with the same key is replaced.
pub fn save(db: &mut Connection, session: &SessionKey, texts: &[KeptText]) -> rusqlite::Result<()> {
    write(db, |db| {
        for kept in texts {
            db.execute(
                "INSERT OR REPLACE INTO kept_texts (agent, session, entry, prompt, text, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    session.agent.name(),
                    &*session.id,
                    kept.entry.raw().cast_signed(),
                    kept.prompt.raw().cast_signed(),
                    kept.text,
                    kept.time.map(Time::millis)
                ],
            )?;
        }
        db.execute(
            "DELETE FROM kept_texts WHERE rowid NOT IN (SELECT rowid FROM kept_texts ORDER BY rowid DESC LIMIT ?1)",
            params![MAX_TEXTS],
        )?;
        Ok(())
    })
}

/// Returns the texts of a session in the order in which they were saved.
pub fn of_session(db: &Connection, session: &SessionKey) -> rusqlite::Result<Vec<KeptText>> {
    db.prepare_cached(
        "SELECT entry, prompt, text, time FROM kept_texts WHERE agent = ?1 AND session = ?2 ORDER BY rowid",
    )?
    .query_map(params![session.agent.name(), &*session.id], kept_text)?
    .collect()
}

/// Returns the texts of a session without creating, repairing or changing the database at a path.
pub fn read(path: &Path, session: &SessionKey) -> rusqlite::Result<Vec<KeptText>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    of_session(&Connection::open_with_flags(path, flags)?, session)
}

fn kept_text(row: &Row<'_>) -> rusqlite::Result<KeptText> {
    let key = |index| row.get::<_, i64>(index).map(|raw| EntryKey::from_raw(raw.cast_unsigned()));
    let time = row.get::<_, Option<i64>>(3)?.map(Time::from_millis);
    Ok(KeptText { entry: key(0)?, prompt: key(1)?, text: row.get(2)?, time })
}
