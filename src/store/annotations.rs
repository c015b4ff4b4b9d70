//! Names, stars, tags and notes of sessions. Each change is a row of its own, so that two processes that annotate the
//! same session do not undo each other's changes.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{Connection, Result, params};

use super::{handovers, write};
use crate::domain::annotation::{Annotation, AnnotationEdit, LabelSource};
use crate::domain::session::Annotations;
use crate::domain::{Agent, SessionKey};

/// Statements that create the table. A session has at most one row of each kind, but any number of tags.
pub const SCHEMA: &str = "
    CREATE TABLE annotations (
        agent   TEXT NOT NULL,
        session TEXT NOT NULL,
        kind    TEXT NOT NULL,
        value   TEXT NOT NULL,
        PRIMARY KEY (agent, session, kind, value)
    ) WITHOUT ROWID;
";

/// Applies changes to sessions in one transaction.
pub fn edit(db: &mut Connection, edits: &[(SessionKey, AnnotationEdit)]) -> Result<()> {
    write(db, |db| edits.iter().try_for_each(|(key, edit)| put(db, key, edit)))
}

/// Implements [`edit`] within a transaction.
pub(super) fn put(db: &Connection, key: &SessionKey, edit: &AnnotationEdit) -> Result<()> {
    let agent = &*owner(key);
    let insert = |kind: &str, value: &str| {
        let sql = "INSERT OR REPLACE INTO annotations (agent, session, kind, value) VALUES (?1, ?2, ?3, ?4)";
        db.execute(sql, params![agent, &*key.id, kind, value]).map(drop)
    };
    let delete = |kind: &str, value: Option<&str>| {
        let sql = "DELETE FROM annotations
                   WHERE agent = ?1 AND session = ?2 AND kind = ?3 AND (?4 IS NULL OR value = ?4)";
        db.execute(sql, params![agent, &*key.id, kind, value]).map(drop)
    };
    let replace = |kind: &str, value: Option<&str>| {
        delete(kind, None)?;
        value.map_or(Ok(()), |value| insert(kind, value))
    };
    match edit {
        AnnotationEdit::Name(name) => replace("name", name.as_deref()),
        AnnotationEdit::Note(note) => replace("note", note.as_deref()),
        AnnotationEdit::Star(starred) => replace("star", starred.then_some("")),
        AnnotationEdit::AddTag(tag) => insert("tag", tag),
        AnnotationEdit::RemoveTag(tag) => delete("tag", Some(tag)),
        AnnotationEdit::Keep(kept) => replace("kept", kept.then_some("")),
        AnnotationEdit::Detach => replace("detached", Some("")),
        AnnotationEdit::Move(None) => replace("directory", None),
        AnnotationEdit::Move(Some(directory)) => {
            let json = serde_json::to_string(directory);
            let json = json.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            replace("directory", Some(&json))
        }
    }
}

/// Returns the agent of a session as it is stored: after its host, if it has one.
fn owner(key: &SessionKey) -> Cow<'static, str> {
    match &key.host {
        None => key.agent.name().into(),
        Some(host) => format!("{host}:{}", key.agent).into(),
    }
}

/// Returns the session of a stored row.
fn key(owner: &str, id: &str) -> Option<SessionKey> {
    match owner.split_once(':') {
        None => Some(SessionKey::new(Agent::from_stored(owner)?, id)),
        Some((host, agent)) => Some(SessionKey::new(Agent::from_stored(agent)?, id).on(&host.into())),
    }
}

/// Returns all annotations.
pub fn load(db: &Connection) -> Result<Annotations> {
    let mut query = db.prepare("SELECT agent, session, kind, value FROM annotations ORDER BY 1, 2, 3, 4")?;
    let mut rows = query.query([])?;
    let mut all: std::collections::HashMap<SessionKey, Annotation> = std::collections::HashMap::new();
    while let Some(row) = rows.next()? {
        let Some(key) = key(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?) else { continue };
        let annotation = all.entry(key).or_default();
        let value: Arc<str> = row.get_ref(3)?.as_str()?.into();
        match row.get_ref(2)?.as_str()? {
            "name" => annotation.name = Some(value),
            "note" => annotation.note = Some(value),
            "star" => annotation.starred = true,
            "tag" => annotation.tags.push(value),
            "kept" => annotation.kept = true,
            "detached" => annotation.source = LabelSource::Own,
            "directory" => annotation.directory = serde_json::from_str(&value).ok().map(Arc::new),
            // A newer version may know other kinds.
            _ => {}
        }
    }
    // A database of an older version has no such table.
    for (key, origin) in handovers::load(db).unwrap_or_default() {
        all.entry(key).or_default().continues = Some((origin.agent, origin.id));
    }
    Ok(all.into_iter().map(|(key, annotation)| (key, Arc::new(annotation))).collect())
}
