//! Texts that agents do not store: the part of an answer that was streamed before an interrupt or a crash, and notices
//! about a run. salon keeps them beside the agents' transcripts.

use std::path::Path;

use rusqlite::{Connection, Row, params};

use super::{read_only, write};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{KeptPlace, KeptText};
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

/// Statements that add notices. `level` is null for an answer; `place` is a [`KeptPlace`].
pub const ADD_NOTICES: &str = "
    ALTER TABLE kept_texts ADD COLUMN level TEXT;
    ALTER TABLE kept_texts ADD COLUMN place TEXT NOT NULL DEFAULT 'end';
";

/// Maximum texts in the database, because only recent ones are likely to be read again.
const MAX_TEXTS: u32 = 2_000;

/// Saves texts of a session. A text with the same key is replaced.
pub fn save(db: &mut Connection, session: &SessionKey, texts: &[KeptText]) -> rusqlite::Result<()> {
    write(db, |db| {
        for kept in texts {
            db.execute(
                "INSERT OR REPLACE INTO kept_texts (agent, session, entry, prompt, text, time, level, place)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    session.agent.name(),
                    &*session.id,
                    kept.entry.raw().cast_signed(),
                    kept.prompt.raw().cast_signed(),
                    kept.text,
                    kept.time.map(Time::millis),
                    kept.level.map(NoticeLevel::name),
                    place_name(kept.place)
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
    select(db, session, "level, place")
}

fn select(db: &Connection, session: &SessionKey, columns: &str) -> rusqlite::Result<Vec<KeptText>> {
    db.prepare_cached(&format!(
        "SELECT entry, prompt, text, time, {columns} FROM kept_texts WHERE agent = ?1 AND session = ?2 ORDER BY rowid"
    ))?
    .query_map(params![session.agent.name(), &*session.id], kept_text)?
    .collect()
}

/// Returns the texts of a session without creating, repairing or changing the database at a path.
pub fn read(path: &Path, session: &SessionKey) -> rusqlite::Result<Vec<KeptText>> {
    let db = read_only::connect(path)?;
    // A database of an earlier version has no notices.
    of_session(&db, session).or_else(|_| select(&db, session, "NULL, 'end'"))
}

fn kept_text(row: &Row<'_>) -> rusqlite::Result<KeptText> {
    let key = |index| row.get::<_, i64>(index).map(|raw| EntryKey::from_raw(raw.cast_unsigned()));
    let time = row.get::<_, Option<i64>>(3)?.map(Time::from_millis);
    let level = row.get::<_, Option<String>>(4)?.as_deref().map(level);
    let place = place(&row.get::<_, String>(5)?);
    Ok(KeptText { entry: key(0)?, prompt: key(1)?, text: row.get(2)?, time, level, place })
}

fn level(name: &str) -> NoticeLevel {
    match name {
        "boundary" => NoticeLevel::Boundary,
        "warning" => NoticeLevel::Warning,
        "error" => NoticeLevel::Error,
        _ => NoticeLevel::Info,
    }
}

fn place_name(place: KeptPlace) -> String {
    match place {
        KeptPlace::BeforePrompt => "before".to_owned(),
        KeptPlace::After(entry) => format!("{:x}", entry.raw()),
        KeptPlace::TurnEnd => "end".to_owned(),
    }
}

fn place(name: &str) -> KeptPlace {
    match (name, u64::from_str_radix(name, 16)) {
        ("before", _) => KeptPlace::BeforePrompt,
        (_, Ok(entry)) => KeptPlace::After(EntryKey::from_raw(entry)),
        (_, Err(_)) => KeptPlace::TurnEnd,
    }
}
