//! Reads OpenCode's database: detects its tables, and reads session rows and the messages of one session.
//!
//! Versions from 1.2 on have `session`, `message` and `part` (verified with 1.2.27 and 1.18.33). 2.x adds `session_v2`
//! and `session_message` and no longer updates the old tables (unverified: no 2.x was available).

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

use super::record::{self, ModelRef, OpenCodeMessage, RevertPoint};
use super::{both_tables, parts, v2};
use crate::agent::FileStamp;
use crate::agent::pages::{MessageStore, MessageVersion};
use crate::agent::side_text::OutputFolder;
use crate::agent::sqlite::{self, Database, DatabaseError};
use crate::agent::usual_tables::{self, UsualColumn};
use crate::domain::Tokens;

/// Tables that contain a session's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum MessageTables {
    /// `message` and `part`.
    Parts,
    /// `session_message`.
    V2,
    /// All of them.
    Both,
}

/// Tables of a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    /// `session`, `message` and `part`.
    pub parts: bool,
    /// `session_v2`.
    pub sessions_v2: bool,
    /// `session_message`, even if it is empty.
    pub messages_v2: bool,
}

/// Tables as queries expect them, with the columns without which they are others.
const USUAL_TABLES: [(&str, &[&str], &[UsualColumn]); 6] = [
    ("session", &["id"], &[UsualColumn::own_key("id"), UsualColumn::optional("time_updated")]),
    ("session_v2", &["id"], &[UsualColumn::own_key("id"), UsualColumn::optional("time_updated")]),
    (
        "message",
        &["data"],
        &[
            UsualColumn::own_key("id"),
            UsualColumn::key(
                "session_id",
                "(select part.session_id from main.part as part where part.message_id = stored.id limit 1)",
            ),
            UsualColumn::optional("time_created"),
            UsualColumn::optional("time_updated"),
        ],
    ),
    (
        "part",
        &["message_id", "data"],
        &[
            UsualColumn::own_key("id"),
            UsualColumn::key("message_id", "'row ' || stored.rowid"),
            UsualColumn::key(
                "session_id",
                "(select message.session_id from main.message as message where message.id = stored.message_id)",
            ),
            UsualColumn::optional("time_updated"),
        ],
    ),
    (
        "session_message",
        &["data"],
        &[
            UsualColumn::own_key("id"),
            UsualColumn::session_key("session_id"),
            UsualColumn::optional("type"),
            UsualColumn::numbered("seq"),
            UsualColumn::optional("time_created"),
            UsualColumn::optional("time_updated"),
        ],
    ),
    (
        "session_input",
        &["prompt"],
        &[
            UsualColumn::own_key("id"),
            UsualColumn::session_key("session_id"),
            UsualColumn::optional("promoted_seq"),
            UsualColumn::optional("time_created"),
        ],
    ),
];

/// Opens a database with tables in their usual form. Returns what was unusual about them, for the user.
pub(super) fn open(path: &Path) -> Result<(Database, Vec<String>), DatabaseError> {
    let database = sqlite::open(path)?;
    let mut unusual = Vec::new();
    for (table, required, columns) in USUAL_TABLES {
        unusual.extend(usual_tables::complete(&database.connection, table, required, columns)?);
    }
    Ok((database, unusual))
}

impl Schema {
    /// Detects the tables; fails if it knows none of them.
    pub(super) fn probe(connection: &Connection) -> Result<Self, DatabaseError> {
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
        // Messages are shown even if the table of sessions is lost.
        if parts || messages_v2 {
            return Ok(schema);
        }
        let table_list = if tables.is_empty() { "no tables".to_owned() } else { tables.join(", ") };
        Err(DatabaseError::UnknownSchema(table_list))
    }
}

/// A session's row, from any version of its table.
#[derive(Clone, Debug, Default, Hash, PartialEq)]
pub(super) struct SessionRow {
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
    /// Point to which the user reverted the conversation.
    pub revert: Option<Revert>,
    /// Archive time, in ms since 1970.
    pub archived: Option<i64>,
    /// Model as `provider/model`.
    pub model: Option<String>,
    /// Token counts, if the table has them: input, output, reasoning, cache read, cache write.
    pub tokens: Option<[i64; 5]>,
    /// Cost in millionths of a dollar, if the table has it.
    pub micro_usd: Option<i64>,
}

/// Point to which the user reverted a session: everything from it on was undone, but can be restored.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(super) struct Revert {
    message: String,
    part: Option<String>,
}

impl Revert {
    /// Parses a session's `revert`.
    pub(super) fn parse(json: &Value) -> Option<Self> {
        let message = json["messageID"].as_str()?.to_owned();
        Some(Self { message, part: json["partID"].as_str().map(str::to_owned) })
    }

    /// Point from which a message was reverted, if it was.
    pub(super) fn point(&self, message: &str) -> Option<RevertPoint> {
        match message.cmp(&self.message) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(self.part.clone().map_or(RevertPoint::Message, RevertPoint::Part)),
            std::cmp::Ordering::Greater => Some(RevertPoint::Message),
        }
    }
}

impl SessionRow {
    /// Converts the token counts; reasoning counts as output.
    pub(super) fn tokens(&self) -> Option<Tokens> {
        let counts = self.tokens?.map(|count| u64::try_from(count).unwrap_or(0));
        let [input, output, reasoning, cache_read, cache_write] = counts;
        Some(Tokens { input, output: output + reasoning, cache_read, cache_write })
    }
}

const COLUMNS: [&str; 17] = [
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
    "revert",
];

/// All sessions of a table.
pub(super) fn session_rows(connection: &Connection, table: &str) -> Result<Vec<SessionRow>, DatabaseError> {
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
        revert: serde_json::from_str(&text(16)?).ok().as_ref().and_then(Revert::parse),
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
pub(super) struct OpenCodeSessionRows {
    path: PathBuf,
    session: String,
    stamp: FileStamp,
    database: Database,
    tables: MessageTables,
    revert: Option<Revert>,
    outputs: OutputFolder,
}

impl OpenCodeSessionRows {
    /// Opens the database and detects the tables that contain the session.
    pub(super) fn open(path: &Path, session: &str) -> Result<Self, DatabaseError> {
        let stamp = sqlite::stamp(path)?;
        let (database, _) = open(path)?;
        let schema = Schema::probe(&database.connection)?;
        let tables = tables_of(&database.connection, schema, session)?;
        let outputs = record::outputs_beside(path);
        let mut rows =
            Self { path: path.to_owned(), session: session.to_owned(), stamp, database, tables, revert: None, outputs };
        rows.revert = rows.read_revert(schema)?;
        Ok(rows)
    }

    fn read_revert(&self, schema: Schema) -> Result<Option<Revert>, DatabaseError> {
        let tables = [(schema.sessions_v2, "session_v2"), (schema.parts, "session")];
        for (_, table) in tables.into_iter().filter(|(exists, _)| *exists) {
            if !sqlite::columns(self.connection(), table)?.iter().any(|column| column == "revert") {
                continue;
            }
            let sql = format!("select revert from {table} where id = ?1");
            let mut statement = self.connection().prepare_cached(&sql)?;
            let json = statement
                .query_row([&self.session], |row| Ok(sqlite::text(row.get_ref(0)?).into_owned()))
                .optional()?;
            if let Some(json) = json {
                return Ok(serde_json::from_str(&json).ok().as_ref().and_then(Revert::parse));
            }
        }
        Ok(None)
    }

    fn connection(&self) -> &Connection {
        &self.database.connection
    }

    fn exists(&self) -> Result<bool, DatabaseError> {
        let schema = Schema::probe(self.connection())?;
        let mut found = false;
        // The row may be lost.
        let tables = [
            (schema.parts, "session", "id"),
            (schema.sessions_v2, "session_v2", "id"),
            (schema.parts, "message", "session_id"),
            (schema.parts, "part", "session_id"),
            (schema.messages_v2, "session_message", "session_id"),
            (v2::has_queue(self.connection())?, "session_input", "session_id"),
        ];
        for (exists, table, column) in tables {
            if exists && !found {
                let sql = format!("select 1 from {table} where {column} = ?1");
                found = self.connection().prepare_cached(&sql)?.exists([&self.session])?;
            }
        }
        Ok(found)
    }
}

/// Detects the tables that contain messages of a session.
fn tables_of(connection: &Connection, schema: Schema, session: &str) -> Result<MessageTables, DatabaseError> {
    let any = |table: &str| -> Result<bool, DatabaseError> {
        Ok(connection.prepare(&format!("select 1 from {table} where session_id = ?1"))?.exists([session])?)
    };
    let v2 = schema.messages_v2 && !v2::versions(connection, session)?.is_empty();
    let parts = schema.parts && any("message")?;
    choose_tables(connection, (schema, session), parts, v2)
}

/// True for a session that 1.x has continued after 2.x had imported it: its newest message is in the older table.
fn goes_on_in_parts(connection: &Connection, session: &str) -> Result<bool, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "select (select max(time_created) from message where session_id = ?1)
              > (select max(time_created) from session_message where session_id = ?1)",
    )?;
    Ok(statement.query_row([session], |row| row.get::<_, Option<bool>>(0))?.unwrap_or(false))
}

/// Selects a session's tables, by the tables that contain messages of it. 2.x imports the messages of 1.x once; 1.x may write
/// messages into any of the tables.
pub(super) fn choose_tables(
    connection: &Connection,
    (schema, session): (Schema, &str),
    parts: bool,
    v2: bool,
) -> Result<MessageTables, DatabaseError> {
    Ok(match (parts, v2) {
        (true, true) if !schema.sessions_v2 || goes_on_in_parts(connection, session)? => MessageTables::Both,
        (_, true) => MessageTables::V2,
        // A session without messages.
        (_, false) if !schema.parts => MessageTables::V2,
        _ => MessageTables::Parts,
    })
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
        let schema = Schema::probe(self.connection())?;
        self.revert = self.read_revert(schema)?;
        self.tables = tables_of(self.connection(), schema, &self.session)?;
        let mut versions = match self.tables {
            MessageTables::Parts => parts::versions(self.connection(), &self.session)?,
            MessageTables::V2 => v2::versions(self.connection(), &self.session)?,
            MessageTables::Both => both_tables::versions(self.connection(), &self.session)?,
        };
        mark_reverted(self.revert.as_ref(), &mut versions);
        self.stamp = now;
        Ok(Some(versions))
    }

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, DatabaseError> {
        match self.tables {
            MessageTables::Parts => parts::newest(self.connection(), &self.session, skip, count),
            MessageTables::V2 => v2::newest(self.connection(), &self.session, skip, count),
            MessageTables::Both => both_tables::newest(self.connection(), &self.session, skip, count),
        }
    }

    fn message(&mut self, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
        let message = match self.tables {
            MessageTables::Parts => parts::load(self.connection(), id)?,
            MessageTables::V2 => v2::load(self.connection(), id)?,
            MessageTables::Both => both_tables::load(self.connection(), id)?,
        };
        let reverted = self.revert.as_ref().and_then(|revert| revert.point(&message.id));
        Ok(OpenCodeMessage { reverted, outputs: self.outputs.clone(), ..message })
    }
}

/// Changes the versions of reverted messages, which look different.
pub(super) fn mark_reverted(revert: Option<&Revert>, versions: &mut [(String, MessageVersion)]) {
    let Some(revert) = revert else { return };
    for (id, version) in versions {
        if revert.point(both_tables::own_id(id)).is_some() {
            version[0] = !version[0];
        }
    }
}
