//! OpenCode's database: which layouts a file holds, its sessions' rows, and the messages of one session.
//!
//! From 1.2 on `session`, `message` and `part` (verified with 1.2.27 and 1.18.33); 2.x puts `session_v2` and
//! `session_message` beside them and leaves the old tables frozen (unverified: no 2.x was at hand).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row};

use super::record::{Model, Part, Record};
use super::v2;
use crate::agent::Stamp;
use crate::agent::pages::{Source, Version};
use crate::agent::sqlite::{self, Database, Failure};
use crate::domain::Tokens;

/// Which tables a session's messages lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `message` and `part`.
    Parts,
    /// `session_message`.
    V2,
}

/// Which tables a database has.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// `session`, `message` and `part`.
    pub parts: bool,
    /// `session_v2`.
    pub sessions_v2: bool,
    /// `session_message`, with rows in it or not.
    pub messages_v2: bool,
}

impl Schema {
    /// Looks which tables there are; none that is known is a failure.
    pub fn probe(connection: &Connection) -> Result<Self, Failure> {
        let tables = sqlite::tables(connection)?;
        let has = |name: &str| tables.iter().any(|table| table == name);
        let shaped = |table: &str, wanted: &[&str]| -> Result<bool, Failure> {
            let columns = sqlite::columns(connection, table)?;
            Ok(wanted.iter().all(|name| columns.iter().any(|column| column == name)))
        };
        let parts = shaped("session", &["id"])?
            && shaped("message", &["id", "session_id", "data"])?
            && shaped("part", &["id", "message_id", "session_id", "data"])?;
        let messages_v2 = shaped("session_message", &["id", "session_id", "type", "seq", "data"])?;
        let schema = Self { parts, sessions_v2: messages_v2 && has("session_v2"), messages_v2 };
        if parts || schema.sessions_v2 {
            return Ok(schema);
        }
        let seen = if tables.is_empty() { "no tables".to_owned() } else { tables.join(", ") };
        Err(Failure::UnknownSchema(seen))
    }
}

/// A session's row, whatever the age of its table.
#[derive(Clone, Debug, Default, Hash, PartialEq)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// The session that started it, for a sub-agent's.
    pub parent: Option<String>,
    /// The session it was forked from (2.x only).
    pub fork_of: Option<String>,
    /// Where it runs.
    pub directory: String,
    /// Its title, or a default one.
    pub title: String,
    /// When it was made, in ms since 1970.
    pub created: i64,
    /// When its row last changed.
    pub updated: i64,
    /// When it was archived.
    pub archived: Option<i64>,
    /// Its model as `provider/model`.
    pub model: Option<String>,
    /// Its usage, where the table tells any.
    pub tokens: Option<[i64; 5]>,
    /// Its cost in millionths of a dollar, where the table has it.
    pub micro_usd: Option<i64>,
}

impl SessionRow {
    /// Its usage as salon counts.
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
pub fn session_rows(connection: &Connection, table: &str) -> Result<Vec<SessionRow>, Failure> {
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
        model: sonic_rs::from_str::<Model>(&text(8)?).ok().and_then(|model| model.full_name()),
        tokens: tokens.iter().any(|&count| count > 0).then_some(tokens),
        micro_usd: micros(row.get_ref(14)?),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "nobody's session costs a trillion dollars")]
fn micros(value: rusqlite::types::ValueRef<'_>) -> Option<i64> {
    let dollars = sqlite::text(value).parse::<f64>().ok()?;
    dollars.is_finite().then_some((dollars * 1e6).round() as i64)
}

/// One session in a database, open for reading.
#[derive(Debug)]
pub struct Rows {
    path: PathBuf,
    session: String,
    stamp: Stamp,
    database: Database,
    layout: Layout,
}

impl Rows {
    /// Opens the database and finds the tables that hold the session.
    pub fn open(path: &Path, session: &str) -> Result<Self, Failure> {
        let stamp = sqlite::stamp(path)?;
        let database = sqlite::open(path)?;
        let schema = Schema::probe(&database.connection)?;
        let layout = layout_of(&database.connection, schema, session)?;
        Ok(Self { path: path.to_owned(), session: session.to_owned(), stamp, database, layout })
    }

    fn connection(&self) -> &Connection {
        &self.database.connection
    }

    fn exists(&self) -> Result<bool, Failure> {
        let schema = Schema::probe(self.connection())?;
        let mut found = false;
        for (there, table) in [(schema.parts, "session"), (schema.sessions_v2, "session_v2")] {
            if there && !found {
                let sql = format!("select 1 from {table} where id = ?1");
                found = self.connection().prepare_cached(&sql)?.exists([&self.session])?;
            }
        }
        Ok(found)
    }
}

/// Prefers 2.x for a session that has messages there. A 1.x database may hold `session_message`, empty or as a shadow.
fn layout_of(connection: &Connection, schema: Schema, session: &str) -> Result<Layout, Failure> {
    let any = |table: &str| -> Result<bool, Failure> {
        Ok(connection.prepare(&format!("select 1 from {table} where session_id = ?1"))?.exists([session])?)
    };
    let v2 = schema.messages_v2 && any("session_message")?;
    let parts = schema.parts && any("message")?;
    Ok(choose(schema, parts, v2))
}

/// Which tables to believe about a session, by which of them hold messages of it.
pub fn choose(schema: Schema, parts: bool, v2: bool) -> Layout {
    if v2 && (schema.sessions_v2 || !parts) { Layout::V2 } else { Layout::Parts }
}

impl Source for Rows {
    type Message = Record;

    fn may_have_changed(&mut self) -> bool {
        // A file that is gone is a change too; opening it again will tell.
        let now = sqlite::stamp(&self.path).unwrap_or_default();
        now != self.stamp
    }

    fn versions(&mut self) -> Result<Option<Vec<(String, Version)>>, Failure> {
        let now = sqlite::stamp(&self.path)?;
        if now != self.stamp && (now.inode != self.stamp.inode || self.database.is_copy()) {
            *self = Self::open(&self.path.clone(), &self.session.clone())?;
        }
        if !self.exists()? {
            return Ok(None);
        }
        let versions = match self.layout {
            Layout::Parts => versions(self.connection(), &self.session)?,
            Layout::V2 => v2::versions(self.connection(), &self.session)?,
        };
        self.stamp = now;
        Ok(Some(versions))
    }

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, Failure> {
        let sql = match self.layout {
            Layout::Parts => "select id from message where session_id = ?1 order by id desc limit ?2 offset ?3",
            Layout::V2 => "select id from session_message where session_id = ?1 order by seq desc limit ?2 offset ?3",
        };
        let mut statement = self.connection().prepare_cached(sql)?;
        let found = statement.query_map((&self.session, count, skip), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    fn message(&mut self, id: &str) -> Result<Record, Failure> {
        match self.layout {
            Layout::Parts => record(self.connection(), id),
            Layout::V2 => v2::load(self.connection(), id),
        }
    }
}

/// The messages of a session in order, with what changes when they do. Looks at no text.
fn versions(connection: &Connection, session: &str) -> Result<Vec<(String, Version)>, Failure> {
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

/// A message and its parts. A message that vanished meanwhile has no data.
pub fn record(connection: &Connection, id: &str) -> Result<Record, Failure> {
    let text = |row: &Row<'_>, at| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
    let mut statement = connection.prepare_cached("select data from message where id = ?1")?;
    let data = statement.query_row([id], |row| text(row, 0)).optional()?.unwrap_or_default();
    let mut statement = connection.prepare_cached("select id, data from part where message_id = ?1 order by id")?;
    let parts = statement
        .query_map([id], |row| Ok(Part { id: row.get(0)?, data: text(row, 1)? }))?
        .collect::<Result<_, _>>()?;
    Ok(Record { id: id.to_owned(), data, parts, stored: None })
}
