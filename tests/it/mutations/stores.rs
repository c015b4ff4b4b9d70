//! Records of a session in each kind of storage, and everything that salon reads of a home.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use salon::agent::{SourceSessions, TextLimit, format};
use salon::domain::{Agent, Entry};
use serde_json::Value;

use crate::support::{Home, fixtures};

/// Storage of records.
pub enum Store {
    /// Lines of a file.
    Lines(String),
    /// Items of the list `messages` in a document.
    Items(String),
    /// Cells of a table's column: database, table, column, condition.
    Rows(String, &'static str, &'static str, &'static str),
}

impl Store {
    pub fn lines(path: &str) -> Self {
        Self::Lines(path.to_owned())
    }

    pub fn items(path: &str) -> Self {
        Self::Items(path.to_owned())
    }

    pub fn rows(database: &str, table: &'static str, column: &'static str, condition: &'static str) -> Self {
        Self::Rows(database.to_owned(), table, column, condition)
    }
}

/// A session whose records are damaged, in a home without other sessions of the same agent.
pub struct Subject {
    pub name: String,
    pub store: Store,
    agent: Agent,
    home: Home,
}

/// Everything that is read of a home.
#[derive(Debug, Default)]
pub struct Contents {
    /// Entries on all branches, by everything that is shown of them.
    pub entries: BTreeMap<String, ReadEntry>,
    /// Number of issues and of unreadable records.
    pub issues: usize,
}

/// An entry as read.
#[derive(Debug)]
pub struct ReadEntry {
    /// Its stored records.
    pub raw: Vec<u8>,
    pub text: String,
}

impl Subject {
    pub fn new(agent: Agent, fixture: &str, store: Store) -> Self {
        let home = Home::of(&[fixture]);
        if let Store::Lines(file) | Store::Items(file) = &store {
            let kept = home.path().join(file);
            remove_others(home.path(), &kept);
        }
        if let (Agent::Goose, Store::Rows(database, _, _, condition)) = (agent, &store) {
            let database = Connection::open(home.path().join(database)).expect("a database");
            let others = format!("DELETE FROM sessions WHERE NOT {}", condition.replace("session_id", "id"));
            database.execute_batch(&format!("PRAGMA foreign_keys = OFF; {others}")).expect("removed");
        }
        let name = match &store {
            Store::Lines(_) | Store::Items(_) => fixture.to_owned(),
            Store::Rows(_, table, ..) => format!("{fixture} {table}"),
        };
        Self { name, store, agent, home }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Records as stored.
    pub fn records(&self) -> Vec<Vec<u8>> {
        match &self.store {
            Store::Lines(file) => {
                let bytes = fs::read(self.path(file)).expect("a file");
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
            }
            Store::Items(file) => {
                let document: Value =
                    serde_json::from_slice(&fs::read(self.path(file)).expect("a file")).expect("JSON");
                document["messages"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|item| item.to_string().into_bytes())
                    .collect()
            }
            Store::Rows(database, table, column, condition) => {
                let database = Connection::open(self.path(database)).expect("a database");
                let sql = format!("SELECT {column} FROM {table} WHERE {condition} ORDER BY rowid");
                let mut statement = database.prepare(&sql).expect("a table");
                let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
                rows.map(|row| row.expect("a text").into_bytes()).collect()
            }
        }
    }

    /// Writes all records.
    pub fn write(&self, records: &[Vec<u8>]) {
        match &self.store {
            Store::Lines(file) => {
                let lines: Vec<u8> = records.iter().flat_map(|record| [record, &b"\n"[..]].concat()).collect();
                fs::write(self.path(file), lines).expect("written");
            }
            Store::Items(file) => {
                let path = self.path(file);
                let old = fs::read(&path).expect("a file");
                let from = memchr::memmem::find(&old, b"\"messages\"").expect("a list");
                let list = records.join(&b","[..]);
                let head = [&old[..from], b"\"messages\":[", &list, b"]}"].concat();
                fs::write(path, head).expect("written");
            }
            Store::Rows(database, table, column, condition) => {
                let database = Connection::open(self.path(database)).expect("a database");
                let sql = format!("SELECT rowid FROM {table} WHERE {condition} ORDER BY rowid");
                let mut statement = database.prepare(&sql).expect("a table");
                let ids: Vec<i64> =
                    statement.query_map([], |row| row.get(0)).expect("rows").map(|id| id.expect("an id")).collect();
                database.execute_batch("PRAGMA synchronous = OFF; BEGIN").expect("a transaction");
                for (id, record) in ids.iter().zip(records) {
                    let text = String::from_utf8_lossy(record);
                    let sql = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2 AND {column} <> ?1");
                    database.execute(&sql, rusqlite::params![text, id]).expect("updated");
                }
                database.execute_batch("COMMIT").expect("written");
            }
        }
    }

    /// Reads all sessions of the agent on all branches.
    pub fn read(&self) -> Contents {
        let mut contents = Contents::default();
        let format = format(self.agent);
        for root in format.roots(&self.home.environment()) {
            let discovery = format.discover(&root);
            contents.issues += discovery.issues.len();
            for source in discovery.sources {
                let summary = format.summarise(&source, None);
                contents.issues += summary.issues.len();
                let SourceSessions::All(sessions) = summary.sessions else { continue };
                for session in sessions {
                    contents.issues += session.unreadable as usize;
                    let Ok(mut reader) = format.open(&session) else { continue };
                    for branch in 0..reader.branches() {
                        reader.show_branch(branch);
                        let entries = reader.read(0..usize::MAX, TextLimit::NONE);
                        for (index, entry) in entries.iter().enumerate() {
                            let read = ReadEntry { raw: reader.raw(index), text: entry.text.clone() };
                            contents.entries.insert(fingerprint(entry), read);
                        }
                    }
                    contents.issues += reader.issues().len();
                }
            }
        }
        contents
    }
}

/// All that is shown of an entry.
fn fingerprint(entry: &Entry) -> String {
    let tool = entry.tool.as_ref().map(|tool| format!("{} {:?} {}", tool.name, tool.status, tool.output));
    format!("{:?} {:?} {} {}", entry.time, entry.kind, entry.text, tool.unwrap_or_default())
}

/// Removes the transcripts beside one.
fn remove_others(folder: &Path, kept: &Path) {
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        let is_transcript = path.extension().is_some_and(|ending| ending == "jsonl" || ending == "json");
        if path.is_dir() {
            remove_others(&path, kept);
        } else if is_transcript && path != kept {
            fs::remove_file(path).expect("removed");
        }
    }
}

/// Path in a fixture's home of the file with a name.
pub fn find(fixture: &str, name: &str) -> String {
    fn below(folder: &Path, name: &str) -> Option<PathBuf> {
        let paths = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
        let mut found = paths
            .filter_map(|path| if path.is_dir() { below(&path, name) } else { path.ends_with(name).then_some(path) });
        found.next()
    }
    let home = fixtures().join(fixture).join("home");
    let path = below(&home, name).expect("a file");
    path.strip_prefix(&home).expect("below the home").display().to_string()
}
