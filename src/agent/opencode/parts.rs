//! Messages of 1.x in a database: a row of `message` each, and a row of `part` for each of their parts.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::record::{OpenCodeMessage, OpenCodePart};
use crate::agent::pages::MessageVersion;
use crate::agent::sqlite::{self, DatabaseError};

/// Ids of the newest messages, newest first. A missing message is known by its parts.
pub(super) fn newest(
    connection: &Connection,
    session: &str,
    skip: u32,
    count: u32,
) -> Result<Vec<String>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "select id from message where session_id = ?1
         union select message_id from part where session_id = ?1 order by 1 desc limit ?2 offset ?3",
    )?;
    let found = statement.query_map((session, count, skip), |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Messages of a session in order, with their versions. Reads no texts.
pub(super) fn versions(connection: &Connection, session: &str) -> Result<Vec<(String, MessageVersion)>, DatabaseError> {
    let mut parts: HashMap<String, [i64; 3]> = HashMap::new();
    let mut statement = connection.prepare_cached(
        "select message_id, count(*), max(time_updated), sum(octet_length(data)) from part
         where session_id = ?1 group by message_id",
    )?;
    let mut rows = statement.query([session])?;
    while let Some(row) = rows.next()? {
        let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
        parts.insert(row.get(0)?, [number(1)?, number(2)?, number(3)?]);
    }
    let mut statement = connection
        .prepare_cached("select id, time_updated, octet_length(data) from message where session_id = ?1 order by id")?;
    let mut rows = statement.query([session])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
        let id: String = row.get(0)?;
        let [count, updated, bytes] = parts.remove(&id).unwrap_or_default();
        found.push((id, [number(1)?, number(2)?, count, updated, bytes]));
    }
    if !parts.is_empty() {
        // Parts whose message is missing are still shown.
        found.extend(parts.into_iter().map(|(id, [count, updated, bytes])| (id, [0, 0, count, updated, bytes])));
        found.sort();
    }
    Ok(found)
}

/// A message and its parts. A message that was deleted meanwhile has no data.
pub(super) fn load(connection: &Connection, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
    let text = |row: &Row<'_>, at| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
    let mut statement = connection.prepare_cached("select data from message where id = ?1")?;
    let data = statement.query_row([id], |row| text(row, 0)).optional()?.unwrap_or_default();
    let mut statement = connection.prepare_cached("select id, data from part where message_id = ?1 order by id")?;
    let parts = statement
        .query_map([id], |row| Ok(OpenCodePart { id: row.get(0)?, data: text(row, 1)? }))?
        .collect::<Result<_, _>>()?;
    Ok(OpenCodeMessage::stored(id, data, parts))
}
