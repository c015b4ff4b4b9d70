//! Search texts of OpenCode: one record per part, and one per message that ended with an error.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::database::{self, Schema};
use super::entries::{Truncator, bodies};
use super::legacy::SessionFiles;
use super::paths::DATABASE;
use super::record::{self, MessageState, PartKind};
use super::{OpenCode, v2};
use crate::agent::sqlite::{self, DatabaseError};
use crate::agent::texts::{
    RecordDecoder, RecordLayout, SearchText, SourceDecoder, StoredRecord, TextScope, Texts, body_texts,
};
use crate::agent::{Source, TextLimit};
use crate::domain::EntryKey;
use crate::domain::query::TextKind;

/// Hints of records: the role of a part's message, or that the record is a message.
const USER: &str = "user";
const ASSISTANT: &str = "assistant";
const MESSAGE: &str = "message";

type Visit<'a> = &'a mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>;
type Accepts<'a> = &'a mut dyn FnMut(&str, &[u8]) -> bool;

impl Texts for OpenCode {
    fn layout(&self, _source: &Source) -> RecordLayout {
        RecordLayout::Records
    }

    fn has_many_small_files(&self, source: &Source) -> bool {
        source.kind != DATABASE
    }

    fn opaque_fields(&self) -> &'static [&'static str] {
        &["data", "signature"]
    }

    fn decoder(&self, _source: &Source) -> io::Result<SourceDecoder> {
        Ok(SourceDecoder { session: "".into(), decode: Box::new(PartDecoder) })
    }

    fn records(&self, source: &Source, since: u64, visit: Visit<'_>) -> io::Result<u64> {
        if source.kind != DATABASE {
            files(&source.path, visit)?;
            return Ok(0);
        }
        Ok(rows(&source.path, since, visit)?)
    }

    fn filter_records(&self, source: &Source, accepts: Accepts<'_>, visit: Visit<'_>) -> io::Result<()> {
        if source.kind == DATABASE {
            return Ok(filter_rows(&source.path, accepts, visit)?);
        }
        filter_files(&source.path, accepts, visit)
    }
}

struct PartDecoder;

impl RecordDecoder for PartDecoder {
    fn texts(&self, record: &StoredRecord<'_>, scope: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        let data = String::from_utf8_lossy(record.bytes);
        let key = EntryKey::new(record.id, 0);
        if record.hint == MESSAGE {
            let error = record::head(&data).and_then(|head| head.error);
            let message = error.as_ref().and_then(|error| error.data.message.as_deref()).unwrap_or_default();
            if !message.is_empty() {
                sink(&SearchText { key, call: "", tool: "", kind: TextKind::Error, text: message });
            }
            return;
        }
        let Some(part) = record::part_head(&data) else { return };
        // Search ignores the state of running tools.
        let state = MessageState { user: record.hint == USER, complete: true };
        let Some(kind) = record::kind(state, &part) else { return };
        if scope == TextScope::Indexed && kind == PartKind::Thinking {
            return;
        }
        let Ok(part) = serde_json::from_str::<Value>(&data) else { return };
        let mut truncator = Truncator::new(TextLimit::NONE);
        for body in bodies(kind, &part, &data, &mut truncator) {
            body_texts(key, &body, sink);
        }
    }
}

/// Visits a message, then its parts.
fn visit_message(session: &str, message: &record::OpenCodeMessage, visit: Visit<'_>) -> ControlFlow<()> {
    let emit = |id, hint, data: &str, visit: Visit<'_>| {
        visit(&StoredRecord { session, id, hint, offset: 0, bytes: data.as_bytes() })
    };
    let hint = role(message.data.as_bytes());
    emit(&message.id, MESSAGE, &message.data, visit)?;
    message.parts.iter().try_for_each(|part| emit(&part.id, hint, &part.data, visit))
}

/// Role of a message, from its bytes.
fn role(message: &[u8]) -> &'static str {
    let is = |form: &[u8]| memchr::memmem::find(message, form).is_some();
    if is(br#""role":"user""#) || is(br#""role": "user""#) { USER } else { ASSISTANT }
}

fn files(path: &Path, visit: Visit<'_>) -> io::Result<()> {
    let files = SessionFiles::new(path);
    for id in files.ids()? {
        // A message that is being rewritten is read again when its file changes.
        let Ok(message) = files.load(&id) else { continue };
        if visit_message(files.id(), &message, visit).is_break() {
            break;
        }
    }
    Ok(())
}

fn filter_files(path: &Path, accepts: Accepts<'_>, visit: Visit<'_>) -> io::Result<()> {
    let files = SessionFiles::new(path);
    let mut hint = ASSISTANT;
    files.each(&mut |message, part, bytes| {
        if part.is_none() {
            hint = role(bytes);
        }
        if !accepts(files.id(), bytes) {
            return ControlFlow::Continue(());
        }
        let (id, hint) = part.map_or((message, MESSAGE), |part| (part, hint));
        visit(&StoredRecord { session: files.id(), id, hint, offset: 0, bytes })
    })
}

/// Visits the rows that `accepts` selects, in storage order. Falls back to sessions if the 2.x tables have rows.
fn filter_rows(path: &Path, accepts: Accepts<'_>, visit: Visit<'_>) -> Result<(), DatabaseError> {
    let database = sqlite::open(path)?;
    let connection = &database.connection;
    let schema = Schema::probe(connection)?;
    if !schema.parts || (schema.messages_v2 && connection.prepare("select 1 from session_message")?.exists([])?) {
        let mut filtered = |record: &StoredRecord<'_>| {
            if accepts(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
        };
        rows_since(connection, schema, 0, &mut filtered)?;
        return Ok(());
    }
    let mut users = HashSet::new();
    let mut statement = connection.prepare("select session_id, id, data from message")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (session, id, bytes) = (bytes(row, 0)?, bytes(row, 1)?, bytes(row, 2)?);
        if role(bytes) == USER {
            users.insert(id.to_owned());
        }
        if visit_row(session, id, MESSAGE, bytes, accepts, visit).is_break() {
            return Ok(());
        }
    }
    let mut statement = connection.prepare("select session_id, id, data, message_id from part")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hint = if users.contains(bytes(row, 3)?) { USER } else { ASSISTANT };
        if visit_row(bytes(row, 0)?, bytes(row, 1)?, hint, bytes(row, 2)?, accepts, visit).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Visits a row if `accepts` selects it.
fn visit_row(
    session: &[u8],
    id: &[u8],
    hint: &str,
    bytes: &[u8],
    accepts: Accepts<'_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let (Ok(session), Ok(id)) = (std::str::from_utf8(session), std::str::from_utf8(id)) else {
        return ControlFlow::Continue(());
    };
    if accepts(session, bytes) {
        visit(&StoredRecord { session, id, hint, offset: 0, bytes })
    } else {
        ControlFlow::Continue(())
    }
}

/// A column as stored; empty if it is no text.
fn bytes<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a [u8], DatabaseError> {
    Ok(row.get_ref(at)?.as_bytes_or_null().ok().flatten().unwrap_or_default())
}

fn rows(path: &Path, since: u64, visit: Visit<'_>) -> Result<u64, DatabaseError> {
    let database = sqlite::open(path)?;
    let connection = &database.connection;
    rows_since(connection, Schema::probe(connection)?, since, visit)
}

fn rows_since(connection: &Connection, schema: Schema, since: u64, visit: Visit<'_>) -> Result<u64, DatabaseError> {
    let (sessions, mark) = changed(connection, schema, since)?;
    for session in sessions {
        let has = |table: &str| -> Result<bool, DatabaseError> {
            let sql = format!("select 1 from {table} where session_id = ?1");
            Ok(connection.prepare_cached(&sql)?.exists([&session])?)
        };
        let has_parts = schema.parts && has("message")?;
        let has_v2 = schema.messages_v2 && has("session_message")?;
        let flow = match database::choose_tables(schema, has_parts, has_v2) {
            database::MessageTables::Parts => session_parts(connection, &session, visit)?,
            database::MessageTables::V2 => session_messages(connection, &session, visit)?,
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(mark)
}

/// Sessions changed at or after a time, newest first (their ids descend in time), and the time of the newest change.
fn changed(connection: &Connection, schema: Schema, since: u64) -> Result<(Vec<String>, u64), DatabaseError> {
    let mut newest: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    let tables = [
        (schema.parts, "select id, time_updated from session"),
        (schema.sessions_v2, "select id, time_updated from session_v2"),
        (schema.parts, "select session_id, max(time_updated) from message group by 1"),
        (schema.parts && since > 0, "select session_id, max(time_updated) from part group by 1"),
        (schema.messages_v2, "select session_id, max(time_updated) from session_message group by 1"),
    ];
    for (_, sql) in tables.into_iter().filter(|(exists, _)| *exists) {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let at = sqlite::number(row.get_ref(1)?).and_then(|at| u64::try_from(at).ok()).unwrap_or(0);
            let known = newest.entry(row.get(0)?).or_default();
            *known = at.max(*known);
        }
    }
    let mark = newest.values().copied().max().unwrap_or(0);
    let sessions = newest.into_iter().filter(|(_, at)| *at >= since).map(|(id, _)| id).collect();
    Ok((sessions, mark))
}

fn session_parts(connection: &Connection, session: &str, visit: Visit<'_>) -> Result<ControlFlow<()>, DatabaseError> {
    let mut statement = connection.prepare_cached("select id, data from message where session_id = ?1")?;
    let mut rows = statement.query([session])?;
    let mut roles = std::collections::HashMap::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let bytes = row.get_ref(1)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
        if visit(&StoredRecord { session, id: &id, hint: MESSAGE, offset: 0, bytes }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        roles.insert(id, role(bytes));
    }
    let mut statement = connection.prepare_cached("select id, message_id, data from part where session_id = ?1")?;
    let mut rows = statement.query([session])?;
    while let Some(row) = rows.next()? {
        let (id, message): (String, String) = (row.get(0)?, row.get(1)?);
        let bytes = row.get_ref(2)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
        let hint = roles.get(&message).copied().unwrap_or(ASSISTANT);
        if visit(&StoredRecord { session, id: &id, hint, offset: 0, bytes }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn session_messages(
    connection: &Connection,
    session: &str,
    visit: Visit<'_>,
) -> Result<ControlFlow<()>, DatabaseError> {
    let mut statement = connection.prepare_cached("select id from session_message where session_id = ?1")?;
    let ids = statement.query_map([session], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for id in ids {
        if visit_message(session, &v2::load(connection, &id)?, visit).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
