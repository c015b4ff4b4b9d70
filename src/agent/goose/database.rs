//! Reads goose's database, `sessions.db`. Verified with 1.34.0 (`schema_version` 13) and 1.52.0 (16).

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::content::{self, GooseMessage};
use super::pairing::{AnsweredCalls, OpenCalls, UnpairedResults};
use super::totals::GooseTotals;
use crate::agent::pages::{MessageStore, MessageVersion};
use crate::agent::sqlite::{self, Database, DatabaseError};
use crate::agent::usual_tables::{self, UsualColumn};
use crate::agent::{FileStamp, Source, SourceSessions, SourceSummary, SummaryCursor, SummaryProgress};
use crate::domain::session::{Flags, Title, TitleSource};
use crate::domain::{Agent, Issue, Session, SessionKey, Time, Tokens};

/// Messages around a call or a result that are looked at before all others: most results follow their calls at once.
const NEAR_MESSAGES: u32 = 8;

const ROW: &str = "id, role, content_json, created_timestamp, metadata_json";

const COLUMNS: [&str; 19] = [
    "id",
    "name",
    "description",
    "user_set_name",
    "session_type",
    "working_dir",
    "created_at",
    "updated_at",
    "accumulated_input_tokens",
    "accumulated_output_tokens",
    "input_tokens",
    "output_tokens",
    "accumulated_cost",
    "provider_name",
    "model_config_json",
    "archived_at",
    "accumulated_cache_read_tokens",
    "accumulated_cache_write_tokens",
    "parent_session_id",
];

/// A session's row: its columns as texts, in the order of [`COLUMNS`].
#[derive(Debug, Hash)]
struct SessionRow([String; COLUMNS.len()]);

/// Mark of each session, and its records that were repaired or lost.
type SummaryState = BTreeMap<String, (u64, Option<String>)>;

/// Tables as queries expect them, with the columns without which they are others.
const USUAL_TABLES: [(&str, &[&str], &[UsualColumn]); 2] = [
    ("sessions", &["id"], &[UsualColumn::own_key("id")]),
    (
        "messages",
        &["session_id", "content_json"],
        &[
            UsualColumn::row_number("id"),
            UsualColumn::session_key("session_id"),
            UsualColumn::optional("role"),
            UsualColumn::optional("created_timestamp"),
            UsualColumn::optional("metadata_json"),
        ],
    ),
];

/// Opens a database with tables in their usual form. Returns what was unusual about them, for the user.
fn open(path: &Path) -> Result<(Database, Vec<String>), DatabaseError> {
    let database = sqlite::open(path)?;
    check(&database.connection)?;
    let mut unusual = Vec::new();
    for (table, required, columns) in USUAL_TABLES {
        unusual.extend(usual_tables::complete(&database.connection, table, required, columns)?);
    }
    Ok((database, unusual))
}

fn check(connection: &Connection) -> Result<(), DatabaseError> {
    for (table, required, _) in USUAL_TABLES {
        let columns = sqlite::columns(connection, table)?;
        if !required.iter().all(|name| columns.iter().any(|column| column == name)) {
            let tables = sqlite::tables(connection)?;
            return Err(DatabaseError::UnknownSchema(if tables.is_empty() {
                "no tables".into()
            } else {
                tables.join(", ")
            }));
        }
    }
    Ok(())
}

/// Summarises a database, or its changes: sessions whose row, message count or newest message changed.
pub(super) fn summarise(source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
    read_changes(source, progress).unwrap_or_else(|failure| {
        let old_state = progress.map(|progress| progress.state.clone()).unwrap_or_default();
        let (sessions, progress) = if failure.is_temporary() {
            let nothing = SourceSessions::Changed { sessions: Vec::new(), removed: Vec::new() };
            (nothing, SummaryProgress { cursor: SummaryCursor::default(), state: old_state })
        } else {
            let cursor = SummaryCursor { stamp: source.stamp, offset: 0 };
            (SourceSessions::All(Vec::new()), SummaryProgress { cursor, state: Vec::new() })
        };
        let issues = vec![Issue::new(&source.path, failure)];
        SourceSummary { sessions, notes: Vec::new(), progress, bytes_read: 0, issues }
    })
}

fn read_changes(source: &Source, progress: Option<&SummaryProgress>) -> Result<SourceSummary, DatabaseError> {
    let before = progress.and_then(|progress| serde_json::from_slice::<SummaryState>(&progress.state).ok());
    let (database, unusual) = open(&source.path)?;
    let connection = &database.connection;
    let _snapshot = connection.unchecked_transaction()?;
    let mut known = SummaryState::new();
    let mut sessions = Vec::new();
    let mut issues: Vec<Issue> = unusual.into_iter().map(|fact| Issue::new(&source.path, fact)).collect();
    let mut bytes_read = 0;
    for row in session_rows(connection)? {
        let id = row.0[0].clone();
        let mark = mark(connection, &row)?;
        let old = before.as_ref().and_then(|known| known.get(&id)).filter(|old| old.0 == mark);
        let issue = if let Some((_, issue)) = old {
            issue.clone()
        } else {
            let (session, issue) = build_session(connection, &row, &source.path)?;
            bytes_read += session.bytes;
            sessions.push(session);
            issue
        };
        issues.extend(issue.as_ref().map(|issue| Issue::new(&source.path, format!("session {id}: {issue}"))));
        known.insert(id, (mark, issue));
    }
    let state = serde_json::to_vec(&known).unwrap_or_default();
    let sessions = match before {
        None => SourceSessions::All(sessions),
        Some(before) => {
            let gone = before.into_keys().filter(|id| !known.contains_key(id));
            SourceSessions::Changed { sessions, removed: gone.map(Arc::from).collect() }
        }
    };
    let progress = SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset: 0 }, state };
    Ok(SourceSummary { sessions, notes: Vec::new(), progress, bytes_read, issues })
}

fn session_rows(connection: &Connection) -> Result<Vec<SessionRow>, DatabaseError> {
    let selection = sqlite::selection(&sqlite::columns(connection, "sessions")?, &COLUMNS);
    let mut statement = connection.prepare(&format!("select {selection} from sessions"))?;
    let rows = statement.query_map([], |row| {
        let mut values: [String; COLUMNS.len()] = std::array::from_fn(|_| String::new());
        for (at, value) in values.iter_mut().enumerate() {
            *value = sqlite::text(row.get_ref(at)?).into_owned();
        }
        Ok(SessionRow(values))
    })?;
    let mut rows: Vec<SessionRow> = rows.collect::<Result<_, _>>()?;
    // Sessions whose row is lost are known by their messages.
    let mut statement = connection
        .prepare("select distinct session_id from messages where session_id not in (select id from sessions)")?;
    let mut lost = statement.query([])?;
    while let Some(row) = lost.next()? {
        let mut values: [String; COLUMNS.len()] = std::array::from_fn(|_| String::new());
        values[0] = sqlite::text(row.get_ref(0)?).into_owned();
        rows.push(SessionRow(values));
    }
    Ok(rows)
}

/// Hash that changes whenever the session does. goose appends messages, and rewrites all of them when it compacts.
fn mark(connection: &Connection, row: &SessionRow) -> Result<u64, DatabaseError> {
    let mut statement = connection.prepare_cached("select count(*), max(rowid) from messages where session_id = ?1")?;
    let counts = statement
        .query_row([&row.0[0]], |row| Ok([sqlite::number(row.get_ref(0)?), sqlite::number(row.get_ref(1)?)]))?;
    let mut hasher = DefaultHasher::new();
    (row, counts).hash(&mut hasher);
    Ok(hasher.finish())
}

/// Builds a session, and describes its records that were repaired or lost.
fn build_session(
    connection: &Connection,
    row: &SessionRow,
    path: &Path,
) -> Result<(Session, Option<String>), DatabaseError> {
    let SessionRow(
        [
            id,
            name,
            description,
            is_named,
            kind,
            cwd,
            created,
            updated,
            sum_in,
            sum_out,
            last_in,
            last_out,
            cost,
            _,
            model,
            archived,
            cache_read,
            cache_write,
            parent,
        ],
    ) = row;
    let mut totals = GooseTotals::default();
    let mut statement =
        connection.prepare_cached(&format!("select {ROW} from messages where session_id = ?1 order by id"))?;
    let mut rows = statement.query([id])?;
    let mut calls = AnsweredCalls::default();
    while let Some(row) = rows.next()? {
        let mut message = stored(row, id)?;
        message.lost_calls = calls.add(&message);
        totals.message(&message);
    }
    let mut session = Session::new(SessionKey::new(Agent::Goose, id.as_str()), path.to_owned());
    let title = if name.is_empty() { description } else { name };
    session.title = if is_named == "1" || is_named == "true" {
        Title::new(title, TitleSource::User)
    } else if is_default_name(title) {
        Title::default()
    } else {
        Title::new(title, TitleSource::Agent)
    };
    session.cwd = cwd.as_str().into();
    session.model = model_name(model).map(Into::into);
    let number = |first: &str, second: &str| -> u64 { first.parse().or_else(|_| second.parse()).unwrap_or(0) };
    let (cache_read, cache_write) = (number(cache_read, ""), number(cache_write, ""));
    session.tokens = Tokens {
        // The input of goose includes what was read from the cache and written to it.
        input: number(sum_in, last_in).saturating_sub(cache_read).saturating_sub(cache_write),
        output: number(sum_out, last_out),
        cache_read,
        cache_write,
    };
    let cost = cost.parse().ok().or(ledger_cost(connection, id)?);
    session.cost_usd = cost.filter(|cost: &f64| *cost > 0.0);
    session.parent = Some(parent.as_str()).filter(|parent| !parent.is_empty()).map(Into::into);
    session.flags = Flags {
        subagent: kind == "sub_agent" || !parent.is_empty(),
        headless: matches!(kind.as_str(), "scheduled" | "hidden"),
        archived: !archived.is_empty(),
        ..Flags::default()
    };
    let issue = totals.issue();
    totals.finish(&mut session, moment(created), moment(updated));
    Ok((session, issue))
}

/// Sum of the costs of a session's requests, which newer versions record one by one.
fn ledger_cost(connection: &Connection, session: &str) -> Result<Option<f64>, DatabaseError> {
    let columns = sqlite::columns(connection, "usage_ledger")?;
    if !["session_id", "cost"].iter().all(|name| columns.iter().any(|column| column == name)) {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached("select sum(cost) from usage_ledger where session_id = ?1")?;
    Ok(statement.query_row([session], |row| row.get::<_, Option<f64>>(0))?)
}

/// True for names that goose assigns before it has a better one.
fn is_default_name(name: &str) -> bool {
    let name = name.trim();
    matches!(name, "" | "CLI Session" | "New Chat" | "Delegated task" | "ACP Session")
        || name.starts_with("New session")
}

fn model_name(config: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    config["model_name"].as_str().map(str::to_owned)
}

/// Parses `YYYY-MM-DD HH:MM:SS` in UTC.
fn moment(text: &str) -> Option<Time> {
    Time::parse(&(text.replacen(' ', "T", 1) + "Z")).or_else(|| Time::parse(text))
}

fn stored(row: &Row<'_>, session: &str) -> rusqlite::Result<GooseMessage> {
    let text = |at: usize| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
    Ok(GooseMessage {
        id: format!("{session}/{}", text(0)?),
        role: text(1)?,
        content: text(2)?,
        time: sqlite::number(row.get_ref(3)?).and_then(content_time).or_else(|| Time::parse(&text(3).ok()?)),
        metadata: text(4)?,
        ..GooseMessage::default()
    })
}

/// Parses seconds since 1970; some versions and importers wrote smaller units.
pub(super) fn content_time(stamp: i64) -> Option<Time> {
    #[expect(clippy::cast_precision_loss, reason = "a time needs no more than milliseconds")]
    let number = stamp as f64;
    Time::from_number(number).or_else(|| (stamp > 0).then(|| Time::from_secs(stamp)))
}

/// One session in a database, opened for reading.
#[derive(Debug)]
pub(super) struct GooseSessionRows {
    path: PathBuf,
    session: String,
    stamp: FileStamp,
    database: Database,
    /// Rows with calls and results by the ids of the calls, if they are needed.
    rows_by_call: Option<HashMap<String, Vec<i64>>>,
}

impl GooseSessionRows {
    pub(super) fn open(path: &Path, session: &str) -> Result<Self, DatabaseError> {
        let stamp = sqlite::stamp(path)?;
        let (database, _) = open(path)?;
        Ok(Self { path: path.to_owned(), session: session.to_owned(), stamp, database, rows_by_call: None })
    }

    /// Finds the results of a message that belong to no call.
    fn add_lost_calls(&mut self, message: &mut GooseMessage, id: i64) -> Result<(), DatabaseError> {
        let mut unpaired = UnpairedResults::of(message);
        let mut is_known = unpaired.open().is_empty();
        if !is_known {
            let near = "select content_json from messages where session_id = ?1 and id < ?2 order by id desc limit ?3";
            is_known = self.near(near, id, |earlier| {
                unpaired.look_at(&earlier);
                !unpaired.open().is_empty()
            })?;
        }
        // A call of long ago, for example of a sub-agent.
        let far = if is_known { Vec::new() } else { unpaired.open().to_vec() };
        for result in far {
            for row in self.rows_with(&result)?.into_iter().rev().filter(|row| *row < id) {
                if unpaired.open().contains(&result) {
                    unpaired.look_at(&self.content(row)?);
                }
            }
        }
        message.lost_calls = unpaired.lost();
        Ok(())
    }

    /// Adds the results of a message's calls.
    fn add_results(&mut self, message: &mut GooseMessage, id: i64) -> Result<(), DatabaseError> {
        let mut open = OpenCalls::of(message);
        let mut is_known = open.is_empty();
        if !is_known {
            let near = "select content_json from messages where session_id = ?1 and id > ?2 order by id limit ?3";
            is_known = self.near(near, id, |later| {
                open.look_at(message, &later);
                !open.is_empty()
            })?;
        }
        let far = if is_known { Vec::new() } else { open.ids().to_vec() };
        for call in far {
            for row in self.rows_with(&call)?.into_iter().filter(|row| *row > id) {
                if open.ids().contains(&call) {
                    open.look_at(message, &self.content(row)?);
                }
            }
        }
        Ok(())
    }

    /// Visits the nearest messages of a row until `visit` returns false. Returns false if there may be more.
    fn near(&self, sql: &str, id: i64, mut visit: impl FnMut(GooseMessage) -> bool) -> Result<bool, DatabaseError> {
        let mut statement = self.database.connection.prepare_cached(sql)?;
        let mut rows = statement.query((&self.session, id, NEAR_MESSAGES))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let content = sqlite::text(row.get_ref(0)?).into_owned();
            count += 1;
            if !visit(GooseMessage { content, ..GooseMessage::default() }) {
                return Ok(true);
            }
        }
        Ok(count < NEAR_MESSAGES)
    }

    /// Rows with a call of this id, or its result, in order. All messages are read for it, once.
    fn rows_with(&mut self, call: &str) -> Result<Vec<i64>, DatabaseError> {
        if self.rows_by_call.is_none() {
            self.rows_by_call = Some(self.read_calls()?);
        }
        let found = self.rows_by_call.as_ref().and_then(|rows| rows.get(call));
        Ok(found.cloned().unwrap_or_default())
    }

    fn read_calls(&self) -> Result<HashMap<String, Vec<i64>>, DatabaseError> {
        let sql = "select id, content_json from messages where session_id = ?1 order by id";
        let mut statement = self.database.connection.prepare_cached(sql)?;
        let mut rows = statement.query([&self.session])?;
        let mut found: HashMap<String, Vec<i64>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let id = sqlite::number(row.get_ref(0)?).unwrap_or_default();
            let content = sqlite::text(row.get_ref(1)?).into_owned();
            let message = GooseMessage { content, ..GooseMessage::default() };
            for call in message.calls().into_iter().chain(content::results(&message.content)) {
                found.entry(call).or_default().push(id);
            }
        }
        Ok(found)
    }

    /// Content of a row.
    fn content(&self, id: i64) -> Result<GooseMessage, DatabaseError> {
        let mut statement =
            self.database.connection.prepare_cached("select content_json from messages where id = ?1")?;
        let text = |row: &Row<'_>| row.get_ref(0).map(|value| sqlite::text(value).into_owned());
        let content = statement.query_row([id], text).optional()?.unwrap_or_default();
        Ok(GooseMessage { content, ..GooseMessage::default() })
    }
}

impl MessageStore for GooseSessionRows {
    type Message = GooseMessage;

    fn may_have_changed(&mut self) -> bool {
        sqlite::stamp(&self.path).unwrap_or_default() != self.stamp
    }

    fn versions(&mut self) -> Result<Option<Vec<(String, MessageVersion)>>, DatabaseError> {
        let now = sqlite::stamp(&self.path)?;
        if now != self.stamp && (now.inode != self.stamp.inode || self.database.is_copy()) {
            *self = Self::open(&self.path.clone(), &self.session.clone())?;
        }
        if now != self.stamp {
            self.rows_by_call = None;
        }
        let connection = &self.database.connection;
        let exists = |sql: &str| connection.prepare_cached(sql)?.exists([&self.session]);
        if !exists("select 1 from sessions where id = ?1")? && !exists("select 1 from messages where session_id = ?1")?
        {
            return Ok(None);
        }
        let mut statement = connection.prepare_cached(
            "select id, octet_length(content_json), created_timestamp,
                    role = 'user' and substr(content_json, 1, 23) = '[{\"type\":\"toolResponse\"'
             from messages where session_id = ?1 order by id desc",
        )?;
        let mut rows = statement.query([&self.session])?;
        // A result changes the call before it, so a message's version includes the number of results that follow it.
        let (mut found, mut results) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
            let is_result = number(3)?;
            found.push((number(0)?.to_string(), [number(1)?, number(2)?, results, is_result, 0]));
            results = if is_result == 1 { results + 1 } else { 0 };
        }
        found.reverse();
        self.stamp = now;
        Ok(Some(found))
    }

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, DatabaseError> {
        let mut statement = self.database.connection.prepare_cached(
            "select cast(id as text) from messages where session_id = ?1 order by id desc limit ?2 offset ?3",
        )?;
        let found = statement.query_map((&self.session, count, skip), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    fn message(&mut self, id: &str) -> Result<GooseMessage, DatabaseError> {
        let sql = format!("select {ROW} from messages where id = ?1");
        let row = self.database.connection.prepare_cached(&sql)?;
        let id: i64 = id.parse().unwrap_or_default();
        let mut statement = row;
        let found = statement.query_row([id], |row| stored(row, &self.session)).optional()?;
        let mut message = found.unwrap_or_default();
        drop(statement);
        self.add_results(&mut message, id)?;
        self.add_lost_calls(&mut message, id)?;
        Ok(message)
    }
}
