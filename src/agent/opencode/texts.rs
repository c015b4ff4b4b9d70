//! Search texts of OpenCode: one record per part, and one per message that ended with an error.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use rusqlite::{Connection, Row};
use serde_json::Value;

use super::database::{self, MessageTables, Schema};
use super::entries::{Truncator, bodies, entry_keys, error_event, structured_event, value};
use super::legacy::{self, SessionFiles};
use super::paths::DATABASE;
use super::record::{self, MessageState, PartKind};
use super::{OpenCode, both_tables, side_texts, v2};
use crate::agent::entry_table::EntryTableBuilder;
use crate::agent::pages::MessageVersion;
use crate::agent::side_text::OutputFolder;
use crate::agent::sqlite::{self, DatabaseError};
use crate::agent::texts::{
    RecordDecoder, RecordLayout, SearchText, SourceDecoder, StoredRecord, TextScope, Texts, body_texts,
};
use crate::agent::{Source, SourceSummary, TextLimit};
use crate::domain::EntryKey;
use crate::domain::query::TextKind;

/// Hints of records: the role of a part's message, or that the record is a message.
const USER: &str = "user";
const ASSISTANT: &str = "assistant";
const MESSAGE: &str = "message";

/// Beginning of the hint of an output in a file of its own; the rest is the tool's name.
const OUTPUT: &str = "output ";

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

    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder> {
        let outputs = outputs_of(source);
        Ok(SourceDecoder { session: "".into(), decode: Box::new(PartDecoder { outputs }) })
    }

    fn records(&self, source: &Source, since: u64, visit: Visit<'_>) -> io::Result<u64> {
        if source.kind != DATABASE {
            files(&source.path, visit, &mut |_| {})?;
            return Ok(0);
        }
        Ok(rows(&source.path, since, visit)?)
    }

    fn records_with_table(&self, source: &Source, visit: Visit<'_>) -> io::Result<Option<Vec<u8>>> {
        let mut table = EntryTableBuilder::default();
        let is_whole = files(&source.path, visit, &mut |message| {
            entry_keys(message).for_each(|(key, call)| table.push(key, call));
        })?;
        Ok(is_whole.then(|| table.finish(false)))
    }

    fn filter_records(
        &self,
        source: &Source,
        sessions: Option<&[&str]>,
        accepts: Accepts<'_>,
        visit: Visit<'_>,
    ) -> io::Result<()> {
        if source.kind == DATABASE {
            match sessions {
                Some(sessions) => filter_sessions(&source.path, sessions, accepts, visit)?,
                None => filter_rows(&source.path, accepts, visit)?,
            }
            return Ok(());
        }
        filter_files(&source.path, accepts, visit)
    }
}

/// True for the record of an output in a file of its own.
pub(super) fn is_output(record: &StoredRecord<'_>) -> bool {
    record.hint.starts_with(OUTPUT)
}

/// Folder of the outputs of a source.
fn outputs_of(source: &Source) -> OutputFolder {
    if source.kind == DATABASE {
        record::outputs_beside(&source.path)
    } else {
        SessionFiles::new(&source.path).outputs().clone()
    }
}

struct PartDecoder {
    outputs: OutputFolder,
}

/// Types of parts with texts that are not indexed.
static UNINDEXED: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["\"tool\"", "\"reasoning\""].map(Finder::new));

impl RecordDecoder for PartDecoder {
    fn may_have_unindexed(&self, record: &StoredRecord<'_>) -> bool {
        record.hint.starts_with(OUTPUT)
            // A part that is a text has escaped quotes.
            || !record.bytes.starts_with(b"{")
            || (record.hint != MESSAGE && UNINDEXED.iter().any(|kind| kind.find(record.bytes).is_some()))
    }

    fn texts(&self, record: &StoredRecord<'_>, scope: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        let data = text_of(record.bytes);
        if let Some(tool) = record.hint.strip_prefix(OUTPUT) {
            let (key, call) = (EntryKey::new(record.id, 0), "");
            return sink(&SearchText { key, session: "", call, tool, kind: TextKind::Output, text: &data });
        }
        if record.hint == MESSAGE {
            return message_texts(record.id, &data, sink);
        }
        // Search ignores the state of running tools.
        let state = MessageState { user: record.hint == USER, complete: true };
        let mut at = 0_usize;
        record::each_part(&data, |text, part, _| {
            // Parts in one row have the ids that the transcript gives them.
            let id = if at == 0 { Cow::Borrowed(record.id) } else { Cow::Owned(format!("{}/{at}", record.id)) };
            at += 1;
            let kind = part.as_ref().and_then(|part| record::kind(state, part));
            let is_in_scope = |kind: &PartKind| match scope {
                TextScope::Indexed => *kind != PartKind::Thinking,
                TextScope::Unindexed => matches!(kind, PartKind::Thinking | PartKind::Tool(_)),
                TextScope::All => true,
            };
            if let Some(kind) = kind.filter(is_in_scope) {
                part_texts(&self.outputs, (&id, kind), &value(text), sink);
            }
        });
    }
}

/// Texts of a part. An output in a file of its own is found by the records of that file.
fn part_texts(
    outputs: &OutputFolder,
    (id, kind): (&str, PartKind),
    part: &Value,
    sink: &mut dyn FnMut(&SearchText<'_>),
) {
    let mut truncator = Truncator::without_side_texts();
    for body in bodies(kind, part, outputs, &mut truncator) {
        body_texts(EntryKey::new(id, 0), &body, sink);
    }
}

/// Texts of a message itself: its error, and its answer in a requested form.
fn message_texts(id: &str, data: &str, sink: &mut dyn FnMut(&SearchText<'_>)) {
    record::with_head(data, |head, _| {
        let Some(head) = head else { return };
        for kind in record::own_entries(&head) {
            let event = match kind {
                PartKind::Structured => structured_event(&head, data, id, &mut Truncator::new(TextLimit::NONE)),
                _ => error_event(&head, kind, id),
            };
            body_texts(event.key, &event.body, sink);
        }
    });
}

/// Visits the parts of an output in a file of its own, if a part of a message has one.
fn visit_output(session: &str, id: &str, part: &[u8], outputs: &OutputFolder, visit: Visit<'_>) -> ControlFlow<()> {
    if !side_texts::may_have(part) {
        return ControlFlow::Continue(());
    }
    let data = text_of(part);
    let hint = record::with_part(&data, |part, _| part.map(|part| format!("{OUTPUT}{}", part.tool())));
    let Some(hint) = hint else { return ControlFlow::Continue(()) };
    let mut flow = ControlFlow::Continue(());
    for path in side_texts::replacing(&value(&data), outputs) {
        let read = outputs.chunks(&path, &mut |bytes| {
            flow = visit(&StoredRecord { session, id, hint: &hint, offset: 0, bytes });
            flow.is_continue()
        });
        if let Err(error) = read {
            tracing::debug!(%path, %error, "output cannot be searched");
        }
        flow?;
    }
    flow
}

/// Visits a message, then its parts.
fn visit_message(session: &str, message: &record::OpenCodeMessage, visit: Visit<'_>) -> ControlFlow<()> {
    let emit = |id, hint, data: &str, visit: Visit<'_>| {
        visit(&StoredRecord { session, id, hint, offset: 0, bytes: data.as_bytes() })
    };
    let hint = role(message.data.as_bytes());
    emit(&message.id, MESSAGE, &message.data, visit)?;
    message.parts.iter().try_for_each(|part| {
        emit(&part.id, hint, &part.data, visit)?;
        visit_output(session, &part.id, part.data.as_bytes(), &message.outputs, visit)
    })
}

/// Text of a record; what is not UTF-8 becomes U+FFFD.
fn text_of(record: &[u8]) -> Cow<'_, str> {
    // Nearly all records are UTF-8, which this tells several times as fast.
    simdutf8::basic::from_utf8(record).map_or_else(|_| String::from_utf8_lossy(record), Cow::Borrowed)
}

/// Role of a message, from its bytes.
fn role(message: &[u8]) -> &'static str {
    static FORMS: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [r#""role":"user""#, r#""role": "user""#].map(Finder::new));
    if FORMS.iter().any(|form| form.find(message).is_some()) { USER } else { ASSISTANT }
}

/// Summarises a session in files and visits its records in one pass. Returns its entry table, if all files were read.
pub(super) fn summarise_with_records(source: &Source, visit: Visit<'_>) -> (SourceSummary, Option<Vec<u8>>) {
    let (mut table, mut is_whole) = (EntryTableBuilder::default(), true);
    let summary = legacy::summarise_visiting(source, &mut |files, message| {
        // A message that is being rewritten is read again when its file changes.
        is_whole &= message.is_some_and(|message| {
            entry_keys(message).for_each(|(key, call)| table.push(key, call));
            visit_message(files.id(), message, visit).is_continue()
        });
    });
    (summary, is_whole.then(|| table.finish(false)))
}

/// Visits the records of a session in files. Calls `each` with each message. Returns true if all of them were read.
fn files(path: &Path, visit: Visit<'_>, each: &mut dyn FnMut(&record::OpenCodeMessage)) -> io::Result<bool> {
    let files = SessionFiles::new(path);
    let mut is_whole = true;
    for id in files.ids()? {
        // A message that is being rewritten is read again when its file changes.
        let Ok(message) = files.load(&id) else {
            is_whole = false;
            continue;
        };
        each(&message);
        if visit_message(files.id(), &message, visit).is_break() {
            return Ok(false);
        }
    }
    Ok(is_whole)
}

fn filter_files(path: &Path, accepts: Accepts<'_>, visit: Visit<'_>) -> io::Result<()> {
    let files = SessionFiles::new(path);
    let mut filtered = |record: &StoredRecord<'_>| {
        if accepts(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
    };
    // Messages before 0.6 may contain their parts.
    if files.is_oldest() {
        return self::files(path, &mut filtered, &mut |_| {}).map(drop);
    }
    let mut hint = ASSISTANT;
    files.each(&mut |message, part, bytes| {
        if part.is_none() {
            hint = role(bytes);
        }
        let (id, own_hint) = part.map_or((message, MESSAGE), |part| (part, hint));
        filtered(&StoredRecord { session: files.id(), id, hint: own_hint, offset: 0, bytes })?;
        visit_output(files.id(), id, bytes, files.outputs(), &mut filtered)
    })
}

/// Visits the rows that `accepts` selects, in storage order. Falls back to sessions if the 2.x tables have rows.
fn filter_rows(path: &Path, accepts: Accepts<'_>, visit: Visit<'_>) -> Result<(), DatabaseError> {
    let (database, _) = database::open(path)?;
    let connection = &database.connection;
    let schema = Schema::probe(connection)?;
    let outputs = record::outputs_beside(path);
    let is_newer =
        |table: &str| Ok::<_, DatabaseError>(connection.prepare(&format!("select 1 from {table}"))?.exists([])?);
    if !schema.parts
        || (schema.messages_v2 && (is_newer("session_message")? || !v2::queue_counts(connection)?.is_empty()))
    {
        let mut filtered = |record: &StoredRecord<'_>| {
            if accepts(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
        };
        rows_since(connection, schema, 0, &outputs, &mut filtered)?;
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
        let (session, id, data) = (bytes(row, 0)?, bytes(row, 1)?, bytes(row, 2)?);
        if visit_row(session, id, hint, data, accepts, visit).is_break() {
            return Ok(());
        }
        let mut filtered = |record: &StoredRecord<'_>| {
            if accepts(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
        };
        let (session, id) = (String::from_utf8_lossy(session), String::from_utf8_lossy(id));
        if visit_output(&session, &id, data, &outputs, &mut filtered).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Visits the records of some sessions that `accepts` selects.
fn filter_sessions(
    path: &Path,
    sessions: &[&str],
    accepts: Accepts<'_>,
    visit: Visit<'_>,
) -> Result<(), DatabaseError> {
    let (database, _) = database::open(path)?;
    let connection = &database.connection;
    let (schema, outputs) = (Schema::probe(connection)?, record::outputs_beside(path));
    let mut filtered = |record: &StoredRecord<'_>| {
        if accepts(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
    };
    for session in sessions {
        if session_records(connection, schema, session, &outputs, &mut filtered)?.is_break() {
            break;
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
    let (database, _) = database::open(path)?;
    let connection = &database.connection;
    rows_since(connection, Schema::probe(connection)?, since, &record::outputs_beside(path), visit)
}

fn rows_since(
    connection: &Connection,
    schema: Schema,
    since: u64,
    outputs: &OutputFolder,
    visit: Visit<'_>,
) -> Result<u64, DatabaseError> {
    let (sessions, mark) = changed(connection, schema, since)?;
    for session in sessions {
        if session_records(connection, schema, &session, outputs, visit)?.is_break() {
            break;
        }
    }
    Ok(mark)
}

/// Visits the records of a session.
fn session_records(
    connection: &Connection,
    schema: Schema,
    session: &str,
    outputs: &OutputFolder,
    visit: Visit<'_>,
) -> Result<ControlFlow<()>, DatabaseError> {
    let has = |table: &str| -> Result<bool, DatabaseError> {
        let sql = format!("select 1 from {table} where session_id = ?1");
        Ok(connection.prepare_cached(&sql)?.exists([session])?)
    };
    let has_parts = schema.parts && has("message")?;
    let has_v2 = schema.messages_v2 && !v2::versions(connection, session)?.is_empty();
    match database::choose_tables(connection, (schema, session), has_parts, has_v2)? {
        MessageTables::Parts => session_parts(connection, session, outputs, visit),
        MessageTables::V2 => {
            session_messages(connection, (session, v2::versions(connection, session)?), outputs, visit)
        }
        MessageTables::Both => {
            if session_parts(connection, session, outputs, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            session_messages(connection, (session, both_tables::newer(connection, session)?), outputs, visit)
        }
    }
}

/// Sessions changed at or after a time, newest first (their ids descend in time), and the time of the newest change.
fn changed(connection: &Connection, schema: Schema, since: u64) -> Result<(Vec<String>, u64), DatabaseError> {
    let mut newest: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    let tables = [
        (schema.parts, "select id, time_updated from session"),
        (schema.sessions_v2, "select id, time_updated from session_v2"),
        (schema.parts, "select session_id, max(time_updated) from message group by 1"),
        (schema.parts && since > 0, "select session_id, max(time_updated) from part group by 1"),
        (schema.parts && since == 0, "select session_id, 0 from part group by 1"),
        (schema.messages_v2, "select session_id, max(time_updated) from session_message group by 1"),
        (v2::has_queue(connection)?, "select session_id, max(time_created) from session_input group by 1"),
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

fn session_parts(
    connection: &Connection,
    session: &str,
    outputs: &OutputFolder,
    visit: Visit<'_>,
) -> Result<ControlFlow<()>, DatabaseError> {
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
        if visit(&StoredRecord { session, id: &id, hint, offset: 0, bytes }).is_break()
            || visit_output(session, &id, bytes, outputs, visit).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn session_messages(
    connection: &Connection,
    (session, messages): (&str, Vec<(String, MessageVersion)>),
    outputs: &OutputFolder,
    visit: Visit<'_>,
) -> Result<ControlFlow<()>, DatabaseError> {
    for (id, _) in messages {
        let message = record::OpenCodeMessage { outputs: outputs.clone(), ..v2::load(connection, &id)? };
        if visit_message(session, &message, visit).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
