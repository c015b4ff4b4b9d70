//! Summarises all sessions of a database, or only those that changed since the last time.
//!
//! Changes are detected from counts and times in indices and small tables, without reading texts. Only changed sessions
//! are read, in one pass over their rows.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::database::{self, MessageTables, Schema, SessionRow};
use super::entries::entries;
use super::record::{self, MessageState, OpenCodeMessage};
use super::totals::{self, OpenCodeTotals};
use super::{both_tables, parts, v2};
use crate::agent::side_text::OutputFolder;
use crate::agent::sqlite::{self, DatabaseError};
use crate::agent::{Source, SourceSessions, SourceSummary, SummaryCursor, SummaryProgress, TextLimit};
use crate::domain::session::{Title, TitleSource};
use crate::domain::{EntryKind, Issue, Session};

/// State of each session between two summaries.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SummaryState {
    /// Version of the hashed fields.
    version: u32,
    sessions: BTreeMap<String, SessionMark>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SessionMark {
    mark: u64,
    /// True while the newest message is being written: its parts may change without any other change.
    open: bool,
    /// Records that were repaired or lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issue: Option<String>,
}

const VERSION: u32 = 4;

/// A session's row, and a hash of its messages' counts and times.
#[derive(Debug)]
struct SessionSnapshot {
    row: SessionRow,
    tables: MessageTables,
    mark: u64,
}

/// Summarises a database.
pub(super) fn summarise(source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
    match read_changes(source, progress) {
        Ok(summarised) => summarised,
        // A lock passes, so nothing is discarded because of it.
        Err(failure) => SourceSummary {
            sessions: if failure.is_temporary() {
                SourceSessions::Changed { sessions: Vec::new(), removed: Vec::new() }
            } else {
                SourceSessions::All(Vec::new())
            },
            notes: Vec::new(),
            progress: retry(progress, &failure, source),
            bytes_read: 0,
            issues: vec![Issue::new(&source.path, failure)],
        },
    }
}

/// Progress after a failure. A temporary failure leaves an empty stamp, so that the source counts as unread.
fn retry(progress: Option<&SummaryProgress>, failure: &DatabaseError, source: &Source) -> SummaryProgress {
    if failure.is_temporary() {
        let state = progress.map(|progress| progress.state.clone()).unwrap_or_default();
        return SummaryProgress { cursor: SummaryCursor::default(), state };
    }
    SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset: 0 }, state: Vec::new() }
}

fn read_changes(source: &Source, progress: Option<&SummaryProgress>) -> Result<SourceSummary, DatabaseError> {
    let before = progress.and_then(|progress| serde_json::from_slice::<SummaryState>(&progress.state).ok());
    let before = before.filter(|state| state.version == VERSION);
    let (database, unusual) = database::open(&source.path)?;
    let connection = &database.connection;
    let schema = Schema::probe(connection)?;
    // One snapshot for all queries; a reader's transaction blocks no writer.
    let _snapshot = connection.unchecked_transaction()?;
    let snapshots = snapshot_sessions(connection, schema)?;
    let (mut known, changed) = split_changed(connection, &snapshots, before.as_ref())?;
    let mut issues: Vec<Issue> = unusual.into_iter().map(|fact| Issue::new(&source.path, fact)).collect();
    let mut bytes_read = 0;
    let mut sessions = Vec::with_capacity(changed.len());
    let totals = totals(connection, &changed, snapshots.len(), &source.path, &mut issues)?;
    for (session, totals) in changed.into_iter().zip(totals) {
        let mark = if totals.open { mark_open(connection, session)? } else { session.mark };
        let issue = totals.issue();
        known.insert(session.row.id.clone(), SessionMark { mark, open: totals.open, issue });
        bytes_read += totals.bytes;
        sessions.push(build_session(connection, session, totals, &source.path)?);
    }
    let of_sessions = known.iter().filter_map(|(id, session)| Some((id, session.issue.as_ref()?)));
    issues.extend(of_sessions.map(|(id, issue)| Issue::new(&source.path, format!("session {id}: {issue}"))));
    let sessions = match before {
        None => SourceSessions::All(sessions),
        Some(state) => {
            let gone = state.sessions.into_keys().filter(|id| !known.contains_key(id));
            SourceSessions::Changed { sessions, removed: gone.map(Arc::from).collect() }
        }
    };
    // Without the state, the next summary reads everything: slower, not wrong.
    let state = serde_json::to_vec(&SummaryState { version: VERSION, sessions: known }).unwrap_or_default();
    let progress = SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset: 0 }, state };
    Ok(SourceSummary { sessions, notes: Vec::new(), progress, bytes_read, issues })
}

/// Splits the sessions into marks of unchanged ones and the changed ones.
fn split_changed<'a>(
    connection: &Connection,
    snapshots: &'a [SessionSnapshot],
    before: Option<&SummaryState>,
) -> Result<(BTreeMap<String, SessionMark>, Vec<&'a SessionSnapshot>), DatabaseError> {
    let mut known = BTreeMap::new();
    let mut changed = Vec::new();
    for session in snapshots {
        let old = before.and_then(|state| state.sessions.get(&session.row.id));
        let mark = match old {
            Some(old) if old.open => mark_open(connection, session)?,
            Some(_) | None => session.mark,
        };
        match old {
            Some(old) if old.mark == mark => _ = known.insert(session.row.id.clone(), old.clone()),
            Some(_) | None => changed.push(session),
        }
    }
    Ok((known, changed))
}

/// Session from its totals, named after its first prompt if it has no title.
fn build_session(
    connection: &Connection,
    session: &SessionSnapshot,
    totals: OpenCodeTotals,
    path: &Path,
) -> Result<Session, DatabaseError> {
    let (first, last) = (totals.first_prompt.clone(), totals.last_prompt.clone());
    let prompt = |id: &str| {
        let record = match session.tables {
            MessageTables::Parts => parts::load(connection, id)?,
            MessageTables::V2 => v2::load(connection, id)?,
            MessageTables::Both => both_tables::find(connection, id)?,
        };
        Ok::<_, DatabaseError>(first_prompt(&record))
    };
    let mut summed = totals.session(&session.row, path);
    if let (true, Some(id)) = (summed.title.text.is_empty(), &first) {
        summed.title = prompt(id)?;
    }
    // The only prompt of a session without a title is its title.
    if let Some(id) = last.filter(|last| Some(last) != first.as_ref() || summed.title.source != TitleSource::Prompt) {
        summed.set_last_prompt(Some(&prompt(&id)?.text));
    }
    Ok(summed)
}

/// All sessions, each with a hash that changes with it.
fn snapshot_sessions(connection: &Connection, schema: Schema) -> Result<Vec<SessionSnapshot>, DatabaseError> {
    let mut rows: BTreeMap<String, SessionRow> = BTreeMap::new();
    for (exists, table) in [(schema.parts, "session"), (schema.sessions_v2, "session_v2")] {
        if exists {
            // The newer table wins; the older one is no longer updated.
            rows.extend(database::session_rows(connection, table)?.into_iter().map(|row| (row.id.clone(), row)));
        }
    }
    let counts = |exists: bool, sql: &str| if exists { grouped(connection, sql) } else { Ok(HashMap::new()) };
    let messages = counts(schema.parts, "select session_id, count(*), max(time_updated) from message group by 1")?;
    let parts = counts(schema.parts, "select session_id, count(*), 0 from part group by 1")?;
    let mut newer = counts(
        schema.messages_v2,
        "select session_id, count(*), max(time_updated) + max(seq) from session_message group by 1",
    )?;
    // A prompt that is still queued belongs to the session, too.
    for (session, [count, newest]) in v2::queue_counts(connection)? {
        let known = newer.entry(session).or_default();
        *known = [known[0] + count, known[1].wrapping_add(newest)];
    }
    // Sessions whose row is lost are known by their messages and parts.
    for id in messages.keys().chain(parts.keys()).chain(newer.keys()) {
        if !rows.contains_key(id) && !id.is_empty() {
            rows.insert(id.clone(), SessionRow { id: id.clone(), ..SessionRow::default() });
        }
    }
    let snapshots = rows.into_values().map(|row| {
        let (has_parts, has_v2) = (messages.contains_key(&row.id), newer.contains_key(&row.id));
        let tables = database::choose_tables(connection, (schema, &row.id), has_parts, has_v2)?;
        let mark = hash((&row, tables, messages.get(&row.id), parts.get(&row.id), newer.get(&row.id)));
        Ok(SessionSnapshot { row, tables, mark })
    });
    snapshots.collect()
}

fn grouped(connection: &Connection, sql: &str) -> Result<HashMap<String, [i64; 2]>, DatabaseError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next()? {
        let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
        found.insert(sqlite::text(row.get_ref(0)?).into_owned(), [number(1)?, number(2)?]);
    }
    Ok(found)
}

/// Hash of a session whose parts may change in place: includes their times and sizes.
fn mark_open(connection: &Connection, session: &SessionSnapshot) -> Result<u64, DatabaseError> {
    let tables: &[&str] = match session.tables {
        MessageTables::Parts => &["part"],
        MessageTables::V2 => &["session_message"],
        MessageTables::Both => &["part", "session_message"],
    };
    let sums = |table: &&str| -> Result<[Option<i64>; 2], DatabaseError> {
        let sql = format!("select max(time_updated), sum(octet_length(data)) from {table} where session_id = ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        let sums = |row: &rusqlite::Row<'_>| Ok([sqlite::number(row.get_ref(0)?), sqlite::number(row.get_ref(1)?)]);
        Ok(statement.query_row([&session.row.id], sums)?)
    };
    let sums: Vec<[Option<i64>; 2]> = tables.iter().map(sums).collect::<Result<_, _>>()?;
    Ok(hash((session.mark, sums)))
}

/// Hash that is stable within one build; another build reads everything again.
fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Totals of the given sessions, in their order.
fn totals(
    connection: &Connection,
    changed: &[&SessionSnapshot],
    all: usize,
    path: &Path,
    issues: &mut Vec<Issue>,
) -> Result<Vec<OpenCodeTotals>, DatabaseError> {
    let mut pass = TablePass::new(changed, record::outputs_beside(path));
    let of_parts = changed.iter().filter(|session| session.tables != MessageTables::V2).count();
    // One pass over the tables is faster than many look-ups once over a quarter of the sessions changed.
    let read = if of_parts * 4 > all {
        pass.all(connection)
    } else {
        let mut single = changed.iter().filter(|session| session.tables != MessageTables::V2);
        single.try_for_each(|session| pass.one(connection, &session.row.id))
    };
    match read {
        Err(failure @ DatabaseError::Damaged(_)) => issues.push(Issue::new(path, failure)),
        other => other?,
    }
    for (at, session) in changed.iter().enumerate() {
        let newer = match session.tables {
            MessageTables::Parts => continue,
            MessageTables::V2 => v2::versions(connection, &session.row.id)?,
            MessageTables::Both => both_tables::newer(connection, &session.row.id)?,
        };
        for (id, _) in newer {
            let message = v2::load(connection, &id)?;
            pass.totals[at].record(&OpenCodeMessage { outputs: pass.outputs.clone(), ..message });
        }
    }
    Ok(pass.totals)
}

/// One pass over the rows of `message` and `part`, in any order.
struct TablePass<'a> {
    sessions: HashMap<&'a str, usize>,
    totals: Vec<OpenCodeTotals>,
    messages: HashMap<String, MessageRef>,
    prompted: HashSet<String>,
    outputs: OutputFolder,
}

/// A message that was read, for its parts.
#[derive(Clone, Copy)]
struct MessageRef {
    session: usize,
    state: MessageState,
}

impl<'a> TablePass<'a> {
    fn new(changed: &[&'a SessionSnapshot], outputs: OutputFolder) -> Self {
        let own = changed.iter().enumerate().filter(|(_, session)| session.tables != MessageTables::V2);
        Self {
            sessions: own.map(|(at, session)| (session.row.id.as_str(), at)).collect(),
            totals: changed.iter().map(|session| OpenCodeTotals::new(totals::fork_time(&session.row))).collect(),
            messages: HashMap::new(),
            prompted: HashSet::new(),
            outputs,
        }
    }

    fn all(&mut self, connection: &Connection) -> Result<(), DatabaseError> {
        self.messages(connection, "select id, session_id, data from message", [])?;
        self.parts(connection, "select message_id, data, session_id from part", [])
    }

    fn one(&mut self, connection: &Connection, session: &str) -> Result<(), DatabaseError> {
        self.messages(connection, "select id, session_id, data from message where session_id = ?1", [session])?;
        self.parts(connection, "select message_id, data, session_id from part where session_id = ?1", [session])
    }

    fn messages(
        &mut self,
        connection: &Connection,
        sql: &str,
        bound: impl rusqlite::Params,
    ) -> Result<(), DatabaseError> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(bound)?;
        while let Some(row) = rows.next()? {
            let id = sqlite::text(row.get_ref(0)?);
            let Some(&session) = self.sessions.get(&*sqlite::text(row.get_ref(1)?)) else {
                continue;
            };
            let data = sqlite::text(row.get_ref(2)?);
            let totals = &mut self.totals[session];
            totals.bytes += data.len() as u64;
            let state = record::with_head(&data, |head, repairs| {
                totals.repairs.add(repairs);
                totals.unreadable += u32::from(head.is_none() || repairs.is_lossy());
                // The parts of an unreadable message still count.
                let head = head.unwrap_or_default();
                totals.message(&id, &head);
                head.state()
            });
            self.messages.insert(id.into_owned(), MessageRef { session, state });
        }
        Ok(())
    }

    fn parts(&mut self, connection: &Connection, sql: &str, bound: impl rusqlite::Params) -> Result<(), DatabaseError> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(bound)?;
        while let Some(row) = rows.next()? {
            let message = sqlite::text(row.get_ref(0)?);
            let Some(MessageRef { session, state }) = self.message_of(&message, &sqlite::text(row.get_ref(2)?)) else {
                continue;
            };
            let data = sqlite::text(row.get_ref(1)?);
            let totals = &mut self.totals[session];
            totals.bytes += data.len() as u64;
            let mut is_prompt = false;
            record::each_part(&data, |_, part, repairs| {
                totals.repairs.add(repairs);
                totals.unreadable += u32::from(part.is_none() || repairs.is_lossy());
                is_prompt |= part.is_some_and(|part| totals.part(state, &part, &self.outputs));
            });
            if is_prompt && self.prompted.insert(message.to_string()) {
                totals.count_prompt(&message);
            }
        }
        Ok(())
    }

    /// Message of a part. A missing message counts as unreadable, but its parts are shown.
    fn message_of(&mut self, message: &str, session: &str) -> Option<MessageRef> {
        if let Some(known) = self.messages.get(message) {
            return Some(*known);
        }
        let session = *self.sessions.get(session)?;
        let head = record::MessageHead::default();
        self.totals[session].unreadable += 1;
        self.totals[session].message(message, &head);
        let missing = MessageRef { session, state: head.state() };
        self.messages.insert(message.to_owned(), missing);
        Some(missing)
    }
}

/// Title from a message's first prompt.
pub(super) fn first_prompt(record: &OpenCodeMessage) -> Title {
    let prompt = entries(record, TextLimit::SCREEN).into_iter().find(|entry| entry.kind == EntryKind::Prompt);
    prompt.map(|entry| Title::new(&entry.text, TitleSource::Prompt)).unwrap_or_default()
}
