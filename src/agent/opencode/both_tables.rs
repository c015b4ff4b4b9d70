//! Sessions of a 1.x database that have messages in the tables of both generations.
//!
//! 1.18 has the messages of its `/api` in `session_message`, those of its other interfaces in `message` and `part`. It may
//! also copy those of one interface to the other; a copy is shown once, as it is in `message`.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use serde_json::Value;

use super::record::{self, OpenCodeMessage};
use super::{parts, v2};
use crate::agent::pages::MessageVersion;
use crate::agent::sqlite::{self, DatabaseError};
use crate::domain::Time;

/// Prefix of the ids of messages in `session_message`.
const NEWER: &str = "newer:";

/// Maximum time in ms between a message and its copy, because equal texts at other times are other messages.
const MAX_DISTANCE_MS: i64 = 10_000;

/// Messages of a session by time, with their versions.
pub(super) fn versions(connection: &Connection, session: &str) -> Result<Vec<(String, MessageVersion)>, DatabaseError> {
    let older = parts::versions(connection, session)?;
    let newer = newer(connection, session)?;
    let (older_times, newer_times) =
        (times(connection, "message", session)?, times(connection, "session_message", session)?);
    let mut older = timed(older, &older_times).into_iter().peekable();
    let mut found = Vec::new();
    for (time, (id, version)) in timed(newer, &newer_times) {
        while let Some((_, message)) = older.next_if(|(older, _)| *older <= time) {
            found.push(message);
        }
        found.push((NEWER.to_owned() + &id, version));
    }
    found.extend(older.map(|(_, message)| message));
    Ok(found)
}

/// Messages in `session_message` that are no copies of others, in order, with their versions.
pub(super) fn newer(connection: &Connection, session: &str) -> Result<Vec<(String, MessageVersion)>, DatabaseError> {
    let known = KnownMessages::read(connection, session)?;
    let mut found = Vec::new();
    for (id, version) in v2::versions(connection, session)? {
        if !known.has_copy_of(&v2::load(connection, &id)?) {
            found.push((id, version));
        }
    }
    Ok(found)
}

/// Ids of the newest messages, newest first.
pub(super) fn newest(
    connection: &Connection,
    session: &str,
    skip: u32,
    count: u32,
) -> Result<Vec<String>, DatabaseError> {
    let ids = versions(connection, session)?.into_iter().rev().map(|(id, _)| id);
    Ok(ids.skip(skip as usize).take(count as usize).collect())
}

/// Reads one message by its id in [`versions`].
pub(super) fn load(connection: &Connection, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
    match id.strip_prefix(NEWER) {
        Some(newer) => v2::load(connection, newer),
        None => parts::load(connection, id),
    }
}

/// Reads one message by its own id, from the table that contains it.
pub(super) fn find(connection: &Connection, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
    let older = parts::load(connection, id)?;
    if older.data.is_empty() && older.parts.is_empty() { v2::load(connection, id) } else { Ok(older) }
}

/// Own id of a message with an id in [`versions`].
pub(super) fn own_id(id: &str) -> &str {
    id.strip_prefix(NEWER).unwrap_or(id)
}

/// Creation times of the messages in a table, in ms since 1970.
fn times(connection: &Connection, table: &str, session: &str) -> Result<HashMap<String, i64>, DatabaseError> {
    let mut found = HashMap::new();
    if sqlite::columns(connection, table)?.iter().all(|column| column != "time_created") {
        return Ok(found);
    }
    let mut statement =
        connection.prepare_cached(&format!("select id, time_created from {table} where session_id = ?1"))?;
    let mut rows = statement.query([session])?;
    while let Some(row) = rows.next()? {
        let time = sqlite::number(row.get_ref(1)?);
        found.extend(time.map(|time| Ok::<_, DatabaseError>((row.get(0)?, time))).transpose()?);
    }
    Ok(found)
}

/// Adds the time to each message: its own, or that of the one before it.
fn timed<T>(messages: Vec<(String, T)>, times: &HashMap<String, i64>) -> Vec<(i64, (String, T))> {
    let mut last = i64::MIN;
    let timed = messages.into_iter().map(|message| {
        last = times.get(&message.0).map_or(last, |time| last.max(*time));
        (last, message)
    });
    timed.collect()
}

/// Messages in `message`, as far as they are compared.
#[derive(Debug, Default)]
struct KnownMessages {
    ids: HashSet<String>,
    calls: HashSet<String>,
    /// Times of the messages with a text.
    texts: HashMap<String, Vec<Option<Time>>>,
}

/// A part by which a message is known again.
enum PartMark {
    Call(String),
    Text(String),
}

impl KnownMessages {
    fn read(connection: &Connection, session: &str) -> Result<Self, DatabaseError> {
        let mut known = Self::default();
        for (id, _) in parts::versions(connection, session)? {
            let message = parts::load(connection, &id)?;
            let time = created(&message);
            for mark in marks(&message) {
                match mark {
                    PartMark::Call(call) => _ = known.calls.insert(call),
                    PartMark::Text(text) => known.texts.entry(text).or_default().push(time),
                }
            }
            known.ids.insert(id);
        }
        Ok(known)
    }

    /// True for a message that is in `message` too: with its id, or with all of its texts and calls.
    fn has_copy_of(&self, message: &OpenCodeMessage) -> bool {
        let time = created(message);
        let is_near = |other: &Option<Time>| match (time, other) {
            (Some(time), Some(other)) => (time.millis() - other.millis()).abs() <= MAX_DISTANCE_MS,
            _ => true,
        };
        let is_known = |mark: &PartMark| match mark {
            PartMark::Call(call) => self.calls.contains(call),
            PartMark::Text(text) => self.texts.get(text).is_some_and(|times| times.iter().any(is_near)),
        };
        let marks = marks(message);
        self.ids.contains(&message.id) || (!marks.is_empty() && marks.iter().all(is_known))
    }
}

fn created(message: &OpenCodeMessage) -> Option<Time> {
    record::head(&message.data).and_then(|head| record::moment(head.time.created))
}

fn marks(message: &OpenCodeMessage) -> Vec<PartMark> {
    let mark = |part: Value| match part["type"].as_str()? {
        "tool" => part["callID"].as_str().map(|call| PartMark::Call(call.to_owned())),
        "text" | "reasoning" => {
            let text = part["text"].as_str().map(str::trim).filter(|text| !text.is_empty());
            text.map(|text| PartMark::Text(text.to_owned()))
        }
        _ => None,
    };
    let parts = message.parts.iter().filter_map(|part| serde_json::from_str(&part.data).ok());
    parts.filter_map(mark).collect()
}
