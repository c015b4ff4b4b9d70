//! Sums up all sessions of a database, or only those that changed since the last time.
//!
//! What changed is told from counts and times that lie in indices and in the small tables; no text is looked at for
//! that. Only the sessions that did change are read, one pass over their rows.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::database::{self, Layout, Schema, SessionRow};
use super::entries::entries;
use super::record::{self, Stance};
use super::tally::Tally;
use super::v2;
use crate::agent::sqlite::{self, Failure};
use crate::agent::{Cursor, Progress, Sessions, Summarised, TextLimit, Unit};
use crate::domain::session::{Title, TitleSource};
use crate::domain::{EntryKind, Issue, Session};

/// What is remembered of each session between two looks.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Version of what the hashes are made of.
    version: u32,
    sessions: BTreeMap<String, Known>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Known {
    mark: u64,
    /// Its newest message is still being written: its parts may change without anything else changing.
    open: bool,
}

const VERSION: u32 = 1;

/// A session's row, and what its messages look like from afar.
#[derive(Debug)]
struct Seen {
    row: SessionRow,
    layout: Layout,
    mark: u64,
}

/// Sums up a database.
pub fn summarise(unit: &Unit, progress: Option<&Progress>) -> Summarised {
    match look(unit, progress) {
        Ok(summarised) => summarised,
        // What is locked now was readable a moment ago, and will be: nothing that is known is thrown away for it.
        Err(failure) => Summarised {
            sessions: if failure.passes() {
                Sessions::Changed { sessions: Vec::new(), removed: Vec::new() }
            } else {
                Sessions::All(Vec::new())
            },
            notes: Vec::new(),
            progress: retry(progress, &failure, unit),
            bytes_read: 0,
            issues: vec![Issue::new(&unit.path, failure)],
        },
    }
}

/// Progress after a failure. One that passes leaves the old stamp, so that the unit counts as unread.
fn retry(progress: Option<&Progress>, failure: &Failure, unit: &Unit) -> Progress {
    if failure.passes() {
        let state = progress.map(|progress| progress.state.clone()).unwrap_or_default();
        return Progress { cursor: Cursor::default(), state };
    }
    Progress { cursor: Cursor { stamp: unit.stamp, offset: 0 }, state: Vec::new() }
}

fn look(unit: &Unit, progress: Option<&Progress>) -> Result<Summarised, Failure> {
    let before = progress.and_then(|progress| serde_json::from_slice::<Memory>(&progress.state).ok());
    let before = before.filter(|memory| memory.version == VERSION);
    let database = sqlite::open(&unit.path)?;
    let connection = &database.connection;
    let schema = Schema::probe(connection)?;
    // One snapshot for all that follows; a reader's transaction holds nobody up.
    let _snapshot = connection.unchecked_transaction()?;
    let seen = survey(connection, schema)?;
    let (mut known, changed) = compare(connection, &seen, before.as_ref())?;
    let mut issues = Vec::new();
    let mut bytes_read = 0;
    let mut sessions = Vec::with_capacity(changed.len());
    let tallies = tally(connection, &changed, seen.len(), &unit.path, &mut issues)?;
    for (session, tally) in changed.into_iter().zip(tallies) {
        let mark = if tally.open { mark_open(connection, session)? } else { session.mark };
        known.insert(session.row.id.clone(), Known { mark, open: tally.open });
        bytes_read += tally.bytes;
        sessions.push(sum_up(connection, session, tally, &unit.path)?);
    }
    let sessions = match before {
        None => Sessions::All(sessions),
        Some(memory) => {
            let gone = memory.sessions.into_keys().filter(|id| !known.contains_key(id));
            Sessions::Changed { sessions, removed: gone.map(Arc::from).collect() }
        }
    };
    // Without its memory the next look is a first one: slower, not wrong.
    let state = serde_json::to_vec(&Memory { version: VERSION, sessions: known }).unwrap_or_default();
    let progress = Progress { cursor: Cursor { stamp: unit.stamp, offset: 0 }, state };
    Ok(Summarised { sessions, notes: Vec::new(), progress, bytes_read, issues })
}

/// What is known of the sessions that are as they were, and the others.
fn compare<'a>(
    connection: &Connection,
    seen: &'a [Seen],
    before: Option<&Memory>,
) -> Result<(BTreeMap<String, Known>, Vec<&'a Seen>), Failure> {
    let mut known = BTreeMap::new();
    let mut changed = Vec::new();
    for session in seen {
        let old = before.and_then(|memory| memory.sessions.get(&session.row.id));
        let mark = match old {
            Some(old) if old.open => mark_open(connection, session)?,
            Some(_) | None => session.mark,
        };
        match old {
            Some(old) if old.mark == mark => _ = known.insert(session.row.id.clone(), *old),
            Some(_) | None => changed.push(session),
        }
    }
    Ok((known, changed))
}

/// The session of a tally, named after its first prompt where it has no title.
fn sum_up(connection: &Connection, session: &Seen, tally: Tally, path: &Path) -> Result<Session, Failure> {
    let first = tally.first_prompt.clone();
    let mut summed = tally.session(&session.row, path);
    if let (true, Some(id)) = (summed.title.text.is_empty(), first) {
        let record = match session.layout {
            Layout::Parts => database::record(connection, &id)?,
            Layout::V2 => v2::load(connection, &id)?,
        };
        summed.title = first_prompt(&record);
    }
    Ok(summed)
}

/// All sessions, and a mark for each that changes when it does.
fn survey(connection: &Connection, schema: Schema) -> Result<Vec<Seen>, Failure> {
    let mut rows: BTreeMap<String, SessionRow> = BTreeMap::new();
    for (there, table) in [(schema.parts, "session"), (schema.sessions_v2, "session_v2")] {
        if there {
            // The newer table wins; the older one is frozen.
            rows.extend(database::session_rows(connection, table)?.into_iter().map(|row| (row.id.clone(), row)));
        }
    }
    let counts = |there: bool, sql: &str| if there { grouped(connection, sql) } else { Ok(HashMap::new()) };
    let messages = counts(schema.parts, "select session_id, count(*), max(time_updated) from message group by 1")?;
    let parts = counts(schema.parts, "select session_id, count(*), 0 from part group by 1")?;
    let newer = counts(
        schema.messages_v2,
        "select session_id, count(*), max(time_updated) + max(seq) from session_message group by 1",
    )?;
    let seen = rows.into_values().map(|row| {
        let layout = database::choose(schema, messages.contains_key(&row.id), newer.contains_key(&row.id));
        let mark = hash((&row, layout, messages.get(&row.id), parts.get(&row.id), newer.get(&row.id)));
        Seen { row, layout, mark }
    });
    Ok(seen.collect())
}

fn grouped(connection: &Connection, sql: &str) -> Result<HashMap<String, [i64; 2]>, Failure> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next()? {
        let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
        found.insert(sqlite::text(row.get_ref(0)?).into_owned(), [number(1)?, number(2)?]);
    }
    Ok(found)
}

/// The mark of a session whose parts may change in place: their times and sizes count too.
fn mark_open(connection: &Connection, session: &Seen) -> Result<u64, Failure> {
    let table = match session.layout {
        Layout::Parts => "part",
        Layout::V2 => "session_message",
    };
    let sql = format!("select max(time_updated), sum(octet_length(data)) from {table} where session_id = ?1");
    let sums = connection
        .prepare_cached(&sql)?
        .query_row([&session.row.id], |row| Ok([sqlite::number(row.get_ref(0)?), sqlite::number(row.get_ref(1)?)]))?;
    Ok(hash((session.mark, sums)))
}

/// The same in every process of one build; after another build's everything is read again.
fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Counts the messages of some sessions, in their order.
fn tally(
    connection: &Connection,
    changed: &[&Seen],
    all: usize,
    path: &Path,
    issues: &mut Vec<Issue>,
) -> Result<Vec<Tally>, Failure> {
    let mut pass = Pass::new(changed);
    let of_parts = changed.iter().filter(|session| session.layout == Layout::Parts).count();
    // One pass over the tables is faster than many look-ups once a good part of the sessions changed.
    let read = if of_parts * 4 > all {
        pass.all(connection)
    } else {
        let mut single = changed.iter().filter(|session| session.layout == Layout::Parts);
        single.try_for_each(|session| pass.one(connection, &session.row.id))
    };
    match read {
        Err(failure @ Failure::Damaged(_)) => issues.push(Issue::new(path, failure)),
        other => other?,
    }
    for (at, session) in changed.iter().enumerate().filter(|(_, session)| session.layout == Layout::V2) {
        for (id, _) in v2::versions(connection, &session.row.id)? {
            pass.tallies[at].record(&v2::load(connection, &id)?);
        }
    }
    Ok(pass.tallies)
}

/// One look at the rows of `message` and `part`, in any order.
struct Pass<'a> {
    sessions: HashMap<&'a str, usize>,
    tallies: Vec<Tally>,
    messages: HashMap<String, Asked>,
    prompted: HashSet<String>,
}

/// A message that was seen, for its parts.
#[derive(Clone, Copy)]
struct Asked {
    session: usize,
    stance: Stance,
}

impl<'a> Pass<'a> {
    fn new(changed: &[&'a Seen]) -> Self {
        let own = changed.iter().enumerate().filter(|(_, session)| session.layout == Layout::Parts);
        Self {
            sessions: own.map(|(at, session)| (session.row.id.as_str(), at)).collect(),
            tallies: vec![Tally::default(); changed.len()],
            messages: HashMap::new(),
            prompted: HashSet::new(),
        }
    }

    fn all(&mut self, connection: &Connection) -> Result<(), Failure> {
        self.messages(connection, "select id, session_id, data from message", [])?;
        self.parts(connection, "select message_id, data from part", [])
    }

    fn one(&mut self, connection: &Connection, session: &str) -> Result<(), Failure> {
        self.messages(connection, "select id, session_id, data from message where session_id = ?1", [session])?;
        self.parts(connection, "select message_id, data from part where session_id = ?1", [session])
    }

    fn messages(&mut self, connection: &Connection, sql: &str, bound: impl rusqlite::Params) -> Result<(), Failure> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(bound)?;
        while let Some(row) = rows.next()? {
            let id = sqlite::text(row.get_ref(0)?);
            let Some(&session) = self.sessions.get(&*sqlite::text(row.get_ref(1)?)) else {
                continue;
            };
            let data = sqlite::text(row.get_ref(2)?);
            let tally = &mut self.tallies[session];
            tally.bytes += data.len() as u64;
            if let Some(head) = record::head(&data) {
                tally.message(&id, &head);
                self.messages.insert(id.into_owned(), Asked { session, stance: head.stance() });
            } else {
                tally.unreadable += 1;
            }
        }
        Ok(())
    }

    fn parts(&mut self, connection: &Connection, sql: &str, bound: impl rusqlite::Params) -> Result<(), Failure> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(bound)?;
        while let Some(row) = rows.next()? {
            let message = sqlite::text(row.get_ref(0)?);
            let Some(&Asked { session, stance }) = self.messages.get(&*message) else {
                continue;
            };
            let data = sqlite::text(row.get_ref(1)?);
            let tally = &mut self.tallies[session];
            tally.bytes += data.len() as u64;
            match record::part_head(&data) {
                Some(part) => {
                    if tally.part(stance, &part) && self.prompted.insert(message.to_string()) {
                        tally.prompted(&message);
                    }
                }
                None => tally.unreadable += 1,
            }
        }
        Ok(())
    }
}

/// A title made of a message's first prompt.
pub fn first_prompt(record: &record::Record) -> Title {
    let prompt = entries(record, TextLimit::SCREEN).into_iter().find(|entry| entry.kind == EntryKind::Prompt);
    prompt.map(|entry| Title::new(&entry.text, TitleSource::Prompt)).unwrap_or_default()
}
