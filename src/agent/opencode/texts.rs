//! What search reads of OpenCode: each part is a record, and each message that ended with an error.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::database::{self, Schema};
use super::entries::{Cutter, bodies};
use super::legacy::Files;
use super::places::DATABASE;
use super::record::{self, Kind, Stance};
use super::{OpenCode, v2};
use crate::agent::sqlite::{self, Failure};
use crate::agent::texts::{Decode, Decoder, Layout, Record, Text, Texts, Wanted, body_texts};
use crate::agent::{TextLimit, Unit};
use crate::domain::Key;
use crate::domain::query::Part;

/// Hints of records: whose message a part belongs to, or that it is a message itself.
const USER: &str = "user";
const ASSISTANT: &str = "assistant";
const MESSAGE: &str = "message";

type Visit<'a> = &'a mut dyn FnMut(&Record<'_>) -> ControlFlow<()>;
type Wants<'a> = &'a mut dyn FnMut(&str, &[u8]) -> bool;

impl Texts for OpenCode {
    fn layout(&self, _unit: &Unit) -> Layout {
        Layout::Records
    }

    fn is_scattered(&self, unit: &Unit) -> bool {
        unit.kind != DATABASE
    }

    fn decoder(&self, _unit: &Unit) -> io::Result<Decoder> {
        Ok(Decoder { session: "".into(), decode: Box::new(Parts) })
    }

    fn records(&self, unit: &Unit, since: u64, visit: Visit<'_>) -> io::Result<u64> {
        if unit.kind != DATABASE {
            files(&unit.path, visit)?;
            return Ok(0);
        }
        Ok(rows(&unit.path, since, visit)?)
    }

    fn sift(&self, unit: &Unit, wanted: Wants<'_>, visit: Visit<'_>) -> io::Result<()> {
        if unit.kind == DATABASE {
            return Ok(sift_rows(&unit.path, wanted, visit)?);
        }
        sift_files(&unit.path, wanted, visit)
    }
}

struct Parts;

impl Decode for Parts {
    fn texts(&self, record: &Record<'_>, wanted: Wanted, sink: &mut dyn FnMut(&Text<'_>)) {
        let data = String::from_utf8_lossy(record.bytes);
        let key = Key::new(record.id, 0);
        if record.hint == MESSAGE {
            let fault = record::head(&data).and_then(|head| head.error);
            let words = fault.as_ref().and_then(|fault| fault.data.message.as_deref()).unwrap_or_default();
            if !words.is_empty() {
                sink(&Text { key, call: "", tool: "", part: Part::Error, text: words });
            }
            return;
        }
        let Some(part) = record::part_head(&data) else { return };
        // Whether a tool is still at work does not matter here.
        let stance = Stance { user: record.hint == USER, over: true };
        let Some(kind) = record::kind(stance, &part) else { return };
        if wanted == Wanted::Talk && kind == Kind::Thinking {
            return;
        }
        let Ok(part) = serde_json::from_str::<Value>(&data) else { return };
        let mut cutter = Cutter::new(TextLimit::NONE);
        for body in bodies(kind, &part, &data, &mut cutter) {
            body_texts(key, &body, sink);
        }
    }
}

/// Visits a message with its parts. `false`: stop.
fn visit_whole(session: &str, whole: &record::Record, visit: Visit<'_>) -> ControlFlow<()> {
    let tell = |id, hint, data: &str, visit: Visit<'_>| {
        visit(&Record { session, id, hint, offset: 0, bytes: data.as_bytes() })
    };
    let hint = role(whole.data.as_bytes());
    tell(&whole.id, MESSAGE, &whole.data, visit)?;
    whole.parts.iter().try_for_each(|part| tell(&part.id, hint, &part.data, visit))
}

/// Whose a message is, by a look at its bytes.
fn role(message: &[u8]) -> &'static str {
    let is = |form: &[u8]| memchr::memmem::find(message, form).is_some();
    if is(br#""role":"user""#) || is(br#""role": "user""#) { USER } else { ASSISTANT }
}

fn files(path: &Path, visit: Visit<'_>) -> io::Result<()> {
    let files = Files::new(path);
    for id in files.ids()? {
        // A message that is being rewritten is read again when its file changes.
        let Ok(whole) = files.load(&id) else { continue };
        if visit_whole(files.id(), &whole, visit).is_break() {
            break;
        }
    }
    Ok(())
}

fn sift_files(path: &Path, wanted: Wants<'_>, visit: Visit<'_>) -> io::Result<()> {
    let files = Files::new(path);
    let mut hint = ASSISTANT;
    files.each(&mut |message, part, bytes| {
        if part.is_none() {
            hint = role(bytes);
        }
        if !wanted(files.id(), bytes) {
            return ControlFlow::Continue(());
        }
        let (id, hint) = part.map_or((message, MESSAGE), |part| (part, hint));
        visit(&Record { session: files.id(), id, hint, offset: 0, bytes })
    })
}

/// Goes through the tables in the order in which they are stored, where no session lies elsewhere.
fn sift_rows(path: &Path, wanted: Wants<'_>, visit: Visit<'_>) -> Result<(), Failure> {
    let database = sqlite::open(path)?;
    let connection = &database.connection;
    let schema = Schema::probe(connection)?;
    if !schema.parts || (schema.messages_v2 && connection.prepare("select 1 from session_message")?.exists([])?) {
        let mut sifted = |record: &Record<'_>| {
            if wanted(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
        };
        rows_since(connection, schema, 0, &mut sifted)?;
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
        if tell(session, id, MESSAGE, bytes, wanted, visit).is_break() {
            return Ok(());
        }
    }
    let mut statement = connection.prepare("select session_id, id, data, message_id from part")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hint = if users.contains(bytes(row, 3)?) { USER } else { ASSISTANT };
        if tell(bytes(row, 0)?, bytes(row, 1)?, hint, bytes(row, 2)?, wanted, visit).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Visits a row if it is wanted.
fn tell(session: &[u8], id: &[u8], hint: &str, bytes: &[u8], wanted: Wants<'_>, visit: Visit<'_>) -> ControlFlow<()> {
    let (Ok(session), Ok(id)) = (std::str::from_utf8(session), std::str::from_utf8(id)) else {
        return ControlFlow::Continue(());
    };
    if wanted(session, bytes) {
        visit(&Record { session, id, hint, offset: 0, bytes })
    } else {
        ControlFlow::Continue(())
    }
}

/// A column as it is stored; nothing where it is no text.
fn bytes<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a [u8], Failure> {
    Ok(row.get_ref(at)?.as_bytes_or_null().ok().flatten().unwrap_or_default())
}

fn rows(path: &Path, since: u64, visit: Visit<'_>) -> Result<u64, Failure> {
    let database = sqlite::open(path)?;
    let connection = &database.connection;
    rows_since(connection, Schema::probe(connection)?, since, visit)
}

fn rows_since(connection: &Connection, schema: Schema, since: u64, visit: Visit<'_>) -> Result<u64, Failure> {
    let (sessions, mark) = changed(connection, schema, since)?;
    for session in sessions {
        let has = |table: &str| -> Result<bool, Failure> {
            let sql = format!("select 1 from {table} where session_id = ?1");
            Ok(connection.prepare_cached(&sql)?.exists([&session])?)
        };
        let parts = schema.parts && has("message")?;
        let newer = schema.messages_v2 && has("session_message")?;
        let flow = match database::choose(schema, parts, newer) {
            database::Layout::Parts => session_parts(connection, &session, visit)?,
            database::Layout::V2 => session_messages(connection, &session, visit)?,
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(mark)
}

/// Sessions that changed at or after a moment, the newest first (their ids descend in time), and the newest change.
fn changed(connection: &Connection, schema: Schema, since: u64) -> Result<(Vec<String>, u64), Failure> {
    let mut newest: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    let tables = [
        (schema.parts, "select id, time_updated from session"),
        (schema.sessions_v2, "select id, time_updated from session_v2"),
        (schema.parts, "select session_id, max(time_updated) from message group by 1"),
        (schema.parts && since > 0, "select session_id, max(time_updated) from part group by 1"),
        (schema.messages_v2, "select session_id, max(time_updated) from session_message group by 1"),
    ];
    for (_, sql) in tables.into_iter().filter(|(there, _)| *there) {
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

fn session_parts(connection: &Connection, session: &str, visit: Visit<'_>) -> Result<ControlFlow<()>, Failure> {
    let mut statement = connection.prepare_cached("select id, data from message where session_id = ?1")?;
    let mut rows = statement.query([session])?;
    let mut roles = std::collections::HashMap::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let bytes = row.get_ref(1)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
        if visit(&Record { session, id: &id, hint: MESSAGE, offset: 0, bytes }).is_break() {
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
        if visit(&Record { session, id: &id, hint, offset: 0, bytes }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn session_messages(connection: &Connection, session: &str, visit: Visit<'_>) -> Result<ControlFlow<()>, Failure> {
    let mut statement = connection.prepare_cached("select id from session_message where session_id = ?1")?;
    let ids = statement.query_map([session], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for id in ids {
        if visit_whole(session, &v2::load(connection, &id)?, visit).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
