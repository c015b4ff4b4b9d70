//! goose's database, `sessions.db`. Verified with 1.34.0 (`schema_version` 13).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::content::{self, Stored};
use super::tally::Tally;
use crate::agent::pages::{Source, Version};
use crate::agent::sqlite::{self, Database, Failure};
use crate::agent::{Cursor, Progress, Sessions, Stamp, Summarised, Unit};
use crate::domain::session::{Flags, Title, TitleSource};
use crate::domain::{Agent, Issue, Session, SessionKey, Time, Tokens};

/// Messages behind a call that are searched for its result.
const RESULTS_WITHIN: u32 = 64;

const ROW: &str = "id, role, content_json, created_timestamp";

const COLUMNS: [&str; 16] = [
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
];

/// A session's row: its columns as texts, in the order of [`COLUMNS`].
#[derive(Debug, Hash)]
struct SessionRow([String; COLUMNS.len()]);

fn check(connection: &Connection) -> Result<(), Failure> {
    for (table, wanted) in [("sessions", ["id", "working_dir"]), ("messages", ["session_id", "content_json"])] {
        let columns = sqlite::columns(connection, table)?;
        if !wanted.iter().all(|name| columns.iter().any(|column| column == name)) {
            let tables = sqlite::tables(connection)?;
            return Err(Failure::UnknownSchema(if tables.is_empty() { "no tables".into() } else { tables.join(", ") }));
        }
    }
    Ok(())
}

/// Sums up a database, or what changed in it: sessions whose row, or whose number or newest of messages, changed.
pub fn summarise(unit: &Unit, progress: Option<&Progress>) -> Summarised {
    look(unit, progress).unwrap_or_else(|failure| {
        let kept = progress.map(|progress| progress.state.clone()).unwrap_or_default();
        let (sessions, progress) = if failure.passes() {
            let nothing = Sessions::Changed { sessions: Vec::new(), removed: Vec::new() };
            (nothing, Progress { cursor: Cursor::default(), state: kept })
        } else {
            let cursor = Cursor { stamp: unit.stamp, offset: 0 };
            (Sessions::All(Vec::new()), Progress { cursor, state: Vec::new() })
        };
        let issues = vec![Issue::new(&unit.path, failure)];
        Summarised { sessions, notes: Vec::new(), progress, bytes_read: 0, issues }
    })
}

fn look(unit: &Unit, progress: Option<&Progress>) -> Result<Summarised, Failure> {
    let before = progress.and_then(|progress| serde_json::from_slice::<BTreeMap<String, u64>>(&progress.state).ok());
    let database = sqlite::open(&unit.path)?;
    let connection = &database.connection;
    check(connection)?;
    let _snapshot = connection.unchecked_transaction()?;
    let mut known = BTreeMap::new();
    let mut sessions = Vec::new();
    let mut bytes_read = 0;
    for row in session_rows(connection)? {
        let id = row.0[0].clone();
        let mark = mark(connection, &row)?;
        if before.as_ref().and_then(|known| known.get(&id)) != Some(&mark) {
            let session = sum_up(connection, &row, &unit.path)?;
            bytes_read += session.bytes;
            sessions.push(session);
        }
        known.insert(id, mark);
    }
    let state = serde_json::to_vec(&known).unwrap_or_default();
    let sessions = match before {
        None => Sessions::All(sessions),
        Some(before) => {
            let gone = before.into_keys().filter(|id| !known.contains_key(id));
            Sessions::Changed { sessions, removed: gone.map(Arc::from).collect() }
        }
    };
    let progress = Progress { cursor: Cursor { stamp: unit.stamp, offset: 0 }, state };
    Ok(Summarised { sessions, notes: Vec::new(), progress, bytes_read, issues: Vec::new() })
}

fn session_rows(connection: &Connection) -> Result<Vec<SessionRow>, Failure> {
    let selection = sqlite::selection(&sqlite::columns(connection, "sessions")?, &COLUMNS);
    let mut statement = connection.prepare(&format!("select {selection} from sessions"))?;
    let rows = statement.query_map([], |row| {
        let mut values: [String; COLUMNS.len()] = std::array::from_fn(|_| String::new());
        for (at, value) in values.iter_mut().enumerate() {
            *value = sqlite::text(row.get_ref(at)?).into_owned();
        }
        Ok(SessionRow(values))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Changes whenever the session does. goose adds messages, and rewrites all of them when it compacts.
fn mark(connection: &Connection, row: &SessionRow) -> Result<u64, Failure> {
    let mut statement = connection.prepare_cached("select count(*), max(rowid) from messages where session_id = ?1")?;
    let counts = statement
        .query_row([&row.0[0]], |row| Ok([sqlite::number(row.get_ref(0)?), sqlite::number(row.get_ref(1)?)]))?;
    let mut hasher = DefaultHasher::new();
    (row, counts).hash(&mut hasher);
    Ok(hasher.finish())
}

fn sum_up(connection: &Connection, row: &SessionRow, path: &Path) -> Result<Session, Failure> {
    let SessionRow(
        [
            id,
            name,
            description,
            named,
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
        ],
    ) = row;
    let mut tally = Tally::default();
    let mut statement = connection.prepare_cached(&format!(
        "select {ROW}, {} from messages where session_id = ?1 order by id",
        metadata_column(connection)?
    ))?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        tally.message(&stored(row, id)?);
    }
    let mut session = Session::new(SessionKey::new(Agent::Goose, id.as_str()), path.to_owned());
    let title = if name.is_empty() { description } else { name };
    session.title = if named == "1" || named == "true" {
        Title::new(title, TitleSource::User)
    } else if is_default_name(title) {
        Title::default()
    } else {
        Title::new(title, TitleSource::Agent)
    };
    session.cwd = cwd.as_str().into();
    session.model = model_name(model).map(Into::into);
    let number = |first: &str, second: &str| first.parse().or_else(|_| second.parse()).unwrap_or(0);
    session.tokens = Tokens { input: number(sum_in, last_in), output: number(sum_out, last_out), ..Tokens::default() };
    session.cost_usd = cost.parse().ok().filter(|cost| *cost > 0.0);
    session.flags = Flags {
        subagent: kind == "sub_agent",
        headless: matches!(kind.as_str(), "scheduled" | "hidden"),
        archived: !archived.is_empty(),
        ..Flags::default()
    };
    tally.finish(&mut session, moment(created), moment(updated));
    Ok(session)
}

/// Names that goose gives before it knows better.
fn is_default_name(name: &str) -> bool {
    let name = name.trim();
    matches!(name, "" | "CLI Session" | "New Chat" | "Delegated task" | "ACP Session")
        || name.starts_with("New session")
}

fn model_name(config: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    config["model_name"].as_str().map(str::to_owned)
}

/// `YYYY-MM-DD HH:MM:SS` in UTC.
fn moment(text: &str) -> Option<Time> {
    Time::parse(&(text.replacen(' ', "T", 1) + "Z")).or_else(|| Time::parse(text))
}

fn metadata_column(connection: &Connection) -> Result<&'static str, Failure> {
    let columns = sqlite::columns(connection, "messages")?;
    Ok(if columns.iter().any(|column| column == "metadata_json") { "metadata_json" } else { "null" })
}

fn stored(row: &Row<'_>, session: &str) -> rusqlite::Result<Stored> {
    let text = |at: usize| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
    Ok(Stored {
        id: format!("{session}/{}", text(0)?),
        role: text(1)?,
        content: text(2)?,
        time: sqlite::number(row.get_ref(3)?).and_then(content_time),
        metadata: text(4)?,
        results: Vec::new(),
    })
}

/// Seconds since 1970; some versions wrote milliseconds.
pub fn content_time(stamp: i64) -> Option<Time> {
    match stamp {
        ..=0 => None,
        1..100_000_000_000 => Some(Time::from_secs(stamp)),
        _ => Some(Time::from_millis(stamp)),
    }
}

/// One session in a database, open for reading.
#[derive(Debug)]
pub struct Rows {
    path: PathBuf,
    session: String,
    stamp: Stamp,
    database: Database,
    metadata: &'static str,
}

impl Rows {
    /// Opens the database.
    pub fn open(path: &Path, session: &str) -> Result<Self, Failure> {
        let stamp = sqlite::stamp(path)?;
        let database = sqlite::open(path)?;
        check(&database.connection)?;
        let metadata = metadata_column(&database.connection)?;
        Ok(Self { path: path.to_owned(), session: session.to_owned(), stamp, database, metadata })
    }

    /// Finds the results of a message's calls in the messages behind it, up to the next prompt.
    fn add_results(&self, message: &mut Stored, id: i64) -> Result<(), Failure> {
        let mut waiting = message.calls();
        let mut statement = self.database.connection.prepare_cached(
            "select role, content_json from messages where session_id = ?1 and id > ?2 order by id limit ?3",
        )?;
        let mut rows = statement.query((&self.session, id, RESULTS_WITHIN))?;
        while !waiting.is_empty() {
            let Some(row) = rows.next()? else { break };
            let found = sqlite::text(row.get_ref(1)?).into_owned();
            let ids = content::results(&found);
            if ids.is_empty() && sqlite::text(row.get_ref(0)?) == "user" {
                break;
            }
            let before = waiting.len();
            waiting.retain(|call| !ids.contains(call));
            if waiting.len() < before {
                message.results.push(found);
            }
        }
        Ok(())
    }
}

impl Source for Rows {
    type Message = Stored;

    fn may_have_changed(&mut self) -> bool {
        sqlite::stamp(&self.path).unwrap_or_default() != self.stamp
    }

    fn versions(&mut self) -> Result<Option<Vec<(String, Version)>>, Failure> {
        let now = sqlite::stamp(&self.path)?;
        if now != self.stamp && (now.inode != self.stamp.inode || self.database.is_copy()) {
            *self = Self::open(&self.path.clone(), &self.session.clone())?;
        }
        let connection = &self.database.connection;
        if !connection.prepare_cached("select 1 from sessions where id = ?1")?.exists([&self.session])? {
            return Ok(None);
        }
        let mut statement = connection.prepare_cached(
            "select id, octet_length(content_json), created_timestamp,
                    role = 'user' and substr(content_json, 1, 23) = '[{\"type\":\"toolResponse\"'
             from messages where session_id = ?1 order by id desc",
        )?;
        let mut rows = statement.query([&self.session])?;
        // Results change the call before them: every message knows how many follow it until the next one that is none.
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

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, Failure> {
        let mut statement = self.database.connection.prepare_cached(
            "select cast(id as text) from messages where session_id = ?1 order by id desc limit ?2 offset ?3",
        )?;
        let found = statement.query_map((&self.session, count, skip), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    fn message(&mut self, id: &str) -> Result<Stored, Failure> {
        let sql = format!("select {ROW}, {} from messages where id = ?1", self.metadata);
        let row = self.database.connection.prepare_cached(&sql)?;
        let id: i64 = id.parse().unwrap_or_default();
        let mut statement = row;
        let found = statement.query_row([id], |row| stored(row, &self.session)).optional()?;
        let mut message = found.unwrap_or_default();
        drop(statement);
        self.add_results(&mut message, id)?;
        Ok(message)
    }
}
