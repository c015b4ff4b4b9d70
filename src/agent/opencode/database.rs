//! Reads OpenCode's database: detects its tables, and reads session rows and the messages of one session.
//!
//! Versions from 1.2 on have `session`, `message` and `part` (verified with 1.2.27 and 1.18.33). 2.x adds `session_v2`
//! and `session_message` and no longer updates the old tables (unverified: no 2.x was available).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row};

use super::record::{ModelRef, OpenCodeMessage, OpenCodePart};
use super::v2;
use crate::agent::FileStamp;
use crate::agent::pages::{MessageStore, MessageVersion};
use crate::agent::sqlite::{self, Database, DatabaseError};
use crate::domain::Tokens;

/// Tables that contain a session's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageTables {
    /// `message` and `part`.
    Parts,
    /// `session_message`.
    V2,
}

/// Tables of a database.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// `session`, `message` and `part`.
    pub parts: bool,
    /// `session_v2`.
    pub sessions_v2: bool,
    /// `session_message`, even if it is empty.
    pub messages_v2: bool,
}

impl Schema {
    /// Detects the tables; fails if it knows none of them.
    pub fn probe(connection: &Connection) -> Result<Self, DatabaseError> {
        let tables = sqlite::tables(connection)?;
        let has = |name: &str| tables.iter().any(|table| table == name);
        let has_columns = |table: &str, required: &[&str]| -> Result<bool, DatabaseError> {
            let columns = sqlite::columns(connection, table)?;
            Ok(required.iter().all(|name| columns.iter().any(|column| column == name)))
        };
        let parts = has_columns("session", &["id"])?
            && has_columns("message", &["id", "session_id", "data"])?
            && has_columns("part", &["id", "message_id", "session_id", "data"])?;
        let messages_v2 = has_columns("session_message", &["id", "session_id", "type", "seq", "data"])?;
        let schema = Self { parts, sessions_v2: messages_v2 && has("session_v2"), messages_v2 };
        if parts || schema.sessions_v2 {
            return Ok(schema);
        }
        let table_list = if tables.is_empty() { "no tables".to_owned() } else { tables.join(", ") };
        Err(DatabaseError::UnknownSchema(table_list))
    }
}

/// A session's row, from any version of its table.
#[derive(Clone, Debug, Default, Hash, PartialEq)]
pub struct SessionRow {
    pub id: String,
    /// Parent session of a sub-agent's.
    pub parent: Option<String>,
    /// Session that it was forked from (2.x only).
    pub fork_of: Option<String>,
    /// Working directory.
    pub directory: String,
    /// Title, possibly a default one.
    pub title: String,
    /// Creation time, in ms since 1970.
    pub created: i64,
    /// Last change of the row, in ms since 1970.
    pub updated: i64,
    /// Archive time, in ms since 1970.
    pub archived: Option<i64>,
    /// Model as `provider/model`.
    pub model: Option<String>,
    /// Token counts, if the table has them: input, output, reasoning, cache read, cache write.
    pub tokens: Option<[i64; 5]>,
    /// Cost in millionths of a dollar, if the table has it.
    pub micro_usd: Option<i64>,
}

impl SessionRow {
    /// Converts the token counts; reasoning counts as output.
    pub fn tokens(&self) -> Option<Tokens> {
        let counts = self.tokens?.map(|count| u64::try_from(count).unwrap_or(0));
        let [input, output, reasoning, cache_read, cache_write] = counts;
        Some(Tokens { input, output: output + reasoning, cache_read, cache_write })
    }
}

const COLUMNS: [&str; 16] = [
    "id",
    "parent_id",
    "fork_session_id",
    "directory",
    "title",
    "time_created",
    "time_updated",
    "time_archived",
    "model",
    "tokens_input",
    "tokens_output",
    "tokens_reasoning",
    "tokens_cache_read",
    "tokens_cache_write",
    "cost",
    "version",
];

/// All sessions of a table.
pub fn session_rows(connection: &Connection, table: &str) -> Result<Vec<SessionRow>, DatabaseError> {
    let selection = sqlite::selection(&sqlite::columns(connection, table)?, &COLUMNS);
    let mut statement = connection.prepare(&format!("select {selection} from {table}"))?;
    let rows = statement.query_map([], session_row)?.collect::<Result<_, _>>()?;
    Ok(rows)
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let text = |at: usize| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
    let number = |at: usize| row.get_ref(at).map(sqlite::number);
    let mut tokens = [0; 5];
    for (at, count) in tokens.iter_mut().enumerate() {
        *count = number(9 + at)?.unwrap_or(0);
    }
    Ok(SessionRow {
        id: text(0)?,
        parent: Some(text(1)?).filter(|id| !id.is_empty()),
        fork_of: Some(text(2)?).filter(|id| !id.is_empty()),
        directory: text(3)?,
        title: text(4)?,
        created: number(5)?.unwrap_or(0),
        updated: number(6)?.unwrap_or(0),
        archived: number(7)?.filter(|&at| at > 0),
        model: serde_json::from_str::<ModelRef>(&text(8)?).ok().and_then(|model| model.full_name()),
        tokens: tokens.iter().any(|&count| count > 0).then_some(tokens),
        micro_usd: micros(row.get_ref(14)?),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "nobody's session costs a trillion dollars")]
fn micros(value: rusqlite::types::ValueRef<'_>) -> Option<i64> {
    let dollars = sqlite::text(value).parse::<f64>().ok()?;
    dollars.is_finite().then_some((dollars * 1e6).round() as i64)
}

/// One session in a database, opened for reading.
#[derive(Debug)]
pub struct OpenCodeSessionRows {
    path: PathBuf,
    session: String,
    stamp: FileStamp,
    database: Database,
    tables: MessageTables,
}

impl OpenCodeSessionRows {
    /// Opens the database and detects the tables that contain the session.
    pub fn open(path: &Path, session: &str) -> Result<Self, DatabaseError> {
        let stamp = sqlite::stamp(path)?;
        let database = sqlite::open(path)?;
        let schema = Schema::probe(&database.connection)?;
        let tables = tables_of(&database.connection, schema, session)?;
        Ok(Self { path: path.to_owned(), session: session.to_owned(), stamp, database, tables })
    }

    fn connection(&self) -> &Connection {
        &self.database.connection
    }

    fn exists(&self) -> Result<bool, DatabaseError> {
        let schema = Schema::probe(self.connection())?;
        let mut found = false;
        for (exists, table) in [(schema.parts, "session"), (schema.sessions_v2, "session_v2")] {
            if exists && !found {
                let sql = format!("select 1 from {table} where id = ?1");
                found = self.connection().prepare_cached(&sql)?.exists([&self.session])?;
            }
        }
        Ok(found)
    }
}

/// Prefers 2.x for a session that has messages there. A 1.x database may have `session_message`, empty or as a copy.
fn tables_of(connection: &Connection, schema: Schema, session: &str) -> Result<MessageTables, DatabaseError> {
    let any = |table: &str| -> Result<bool, DatabaseError> {
        Ok(connection.prepare(&format!("select 1 from {table} where session_id = ?1"))?.exists([session])?)
    };
    let v2 = schema.messages_v2 && any("session_message")?;
    let parts = schema.parts && any("message")?;
    Ok(choose_tables(schema, parts, v2))
}

/// Selects a session's tables, by the tables that contain messages of it.
pub fn choose_tables(schema: Schema, parts: bool, v2: bool) -> MessageTables {
    if v2 && (schema.sessions_v2 || !parts) { MessageTables::V2 } else { MessageTables::Parts }
}

impl MessageStore for OpenCodeSessionRows {
    type Message = OpenCodeMessage;

    fn may_have_changed(&mut self) -> bool {
        // A deleted file is a change too; opening it again reports that.
        let now = sqlite::stamp(&self.path).unwrap_or_default();
        now != self.stamp
    }

    fn versions(&mut self) -> Result<Option<Vec<(String, MessageVersion)>>, DatabaseError> {
        let now = sqlite::stamp(&self.path)?;
        if now != self.stamp && (now.inode != self.stamp.inode || self.database.is_copy()) {
            *self = Self::open(&self.path.clone(), &self.session.clone())?;
        }
        if !self.exists()? {
            return Ok(None);
        }
        let versions = match self.tables {
            MessageTables::Parts => versions(self.connection(), &self.session)?,
            MessageTables::V2 => v2::versions(self.connection(), &self.session)?,
        };
        self.stamp = now;
        Ok(Some(versions))
    }

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, DatabaseError> {
        let sql = match self.tables {
            MessageTables::Parts => "select id from message where session_id = ?1 order by id desc limit ?2 offset ?3",
            MessageTables::V2 => {
                "select id from session_message where session_id = ?1 order by seq desc limit ?2 offset ?3"
            }
        };
        let mut statement = self.connection().prepare_cached(sql)?;
        let found = statement.query_map((&self.session, count, skip), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    fn message(&mut self, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
        match self.tables {
            MessageTables::Parts => record(self.connection(), id),
            MessageTables::V2 => v2::load(self.connection(), id),
        }
    }
}

/// Messages of a session in order, with their versions. Reads no texts.
fn versions(connection: &Connection, session: &str) -> Result<Vec<(String, MessageVersion)>, DatabaseError> {
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
        let [count, updated, bytes] = parts.get(&id).copied().unwrap_or_default();
        found.push((id, [number(1)?, number(2)?, count, updated, bytes]));
    }
    Ok(found)
}

/// A message and its parts. A message that was deleted meanwhile has no data.
pub fn record(connection: &Connection, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
    let text = |row: &Row<'_>, at| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
    let mut statement = connection.prepare_cached("select data from message where id = ?1")?;
    let data = statement.query_row([id], |row| text(row, 0)).optional()?.unwrap_or_default();
    let mut statement = connection.prepare_cached("select id, data from part where message_id = ?1 order by id")?;
    let parts = statement
        .query_map([id], |row| Ok(OpenCodePart { id: row.get(0)?, data: text(row, 1)? }))?
        .collect::<Result<_, _>>()?;
    Ok(OpenCodeMessage { id: id.to_owned(), data, parts, stored: None })
}
