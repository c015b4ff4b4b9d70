//! Homes with a session for each change of a record. The records are templates: `@name@` is a word that no other session
//! has, and `SSSSSSSS` is the session's number.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::change::{self, Change, print};
use crate::support::{Home, fixtures};

/// Form in which an agent stores the records of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Claude,
    Codex,
    GeminiLog,
    GeminiDocument,
    Qwen,
    GooseRows,
    GooseLines,
    OpenCodeRows,
    OpenCodeFiles,
}

/// A session with one changed record.
pub struct Session {
    /// Record, place and kind of the change.
    pub change: String,
    /// All words, by their names.
    pub words: Vec<(String, String)>,
    /// Names of the words in the changed value, or else in the record.
    pub changed: Vec<String>,
}

/// A home with its sessions.
pub struct Written {
    pub home: Home,
    pub sessions: Vec<Session>,
}

/// Pattern of the words.
pub const WORD: &str = "needle[a-z]{5}x";

/// Time of the first record.
const BEGAN: i64 = 1_789_034_400;

/// A template's text, and its records.
fn template(name: &str) -> (String, Vec<Value>) {
    let path = fixtures().join("field_shapes").join(name).with_extension("jsonl");
    let text = fs::read_to_string(path).expect("a template");
    let records = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (text, records)
}

/// Every change of a template's records, or each of a stride, with the index of its record.
pub fn changes(name: &str, form: Form, stride: usize) -> Vec<(usize, Change)> {
    let (_, template) = template(name);
    let all = template
        .iter()
        .enumerate()
        .flat_map(|(at, record)| change::all(record).into_iter().map(move |change| (at, change)));
    let is_possible = |(at, change): &(usize, Change)| is_record_value(form, template.len(), *at, &change.place);
    all.filter(is_possible).step_by(stride).collect()
}

/// Writes a session for each of some changes, and one without any.
pub fn write(name: &str, form: Form, changes: &[(usize, Change)]) -> Written {
    let (text, template) = template(name);
    let home = match form {
        Form::GooseRows => Home::of(&["goose/1.34.0"]),
        Form::OpenCodeRows => Home::of(&["opencode/1.18.34"]),
        _ => Home::empty(),
    };
    let mut writer = Writer::new(&home, form);
    let mut sessions = Vec::new();
    let mut add = |change: String, changed: Vec<String>, records: &[Value]| {
        let number = sessions.len() + 1;
        let words = names(&text).into_iter().map(|name| (word(number, &name, &text), name));
        let words: Vec<(String, String)> = words.map(|(word, name)| (name, word)).collect();
        let filled = |record: &Value| {
            let named = print(record).replace("SSSSSSSS", &format!("{number:08x}"));
            words.iter().fold(named, |text, (name, word)| text.replace(&format!("@{name}@"), word))
        };
        writer.add(number, &records.iter().map(filled).collect::<Vec<_>>());
        sessions.push(Session { change, words, changed });
    };
    add("unchanged".to_owned(), names(&text), &template);
    for &(at, ref change) in changes {
        let old = template[at].pointer(&change.place).expect("a value");
        let mut records = template.clone();
        *records[at].pointer_mut(&change.place).expect("a value") = change.value.clone();
        let own = names(&old.to_string());
        let changed = if own.is_empty() { names(&template[at].to_string()) } else { own };
        add(format!("record {at} {} {}", change.place, change.name), changed, &records);
    }
    writer.finish();
    Written { home, sessions }
}

/// True for a place in what the agent stores as JSON, and not in a column or in the frame of a document.
fn is_record_value(form: Form, records: usize, at: usize, place: &str) -> bool {
    match form {
        Form::GooseRows => place.starts_with("/content"),
        Form::GeminiDocument => at > 0 && at + 1 < records,
        Form::OpenCodeRows | Form::OpenCodeFiles => place.starts_with("/message/") || place.starts_with("/parts/"),
        Form::Claude | Form::Codex | Form::GeminiLog | Form::Qwen | Form::GooseLines => true,
    }
}

/// Names of the words in a text, in order.
fn names(text: &str) -> Vec<String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new("@([a-z0-9]+)@").expect("a pattern"));
    let mut names: Vec<String> = Vec::new();
    for found in NAME.captures_iter(text) {
        if !names.iter().any(|known| *known == found[1]) {
            names.push(found[1].to_owned());
        }
    }
    names
}

/// The word of a session for a name of its template.
fn word(number: usize, name: &str, template: &str) -> String {
    let at = names(template).iter().position(|known| known == name).expect("a name");
    let letters = |mut number: usize, count: usize| {
        let mut letters = Vec::new();
        for _ in 0..count {
            letters.push(char::from(b'a' + u8::try_from(number % 26).expect("a letter")));
            number /= 26;
        }
        letters.into_iter().rev().collect::<String>()
    };
    format!("needle{}{}x", letters(number, 3), letters(at, 2))
}

struct Writer<'a> {
    home: &'a Path,
    form: Form,
    database: Option<Connection>,
}

impl<'a> Writer<'a> {
    fn new(home: &'a Home, form: Form) -> Self {
        let open = |path: &str, clear: &str| {
            let database = Connection::open(home.path().join(path)).expect("a database");
            let pragmas = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF;";
            database.execute_batch(&format!("{pragmas} {clear} BEGIN;")).expect("prepared");
            database
        };
        let database = match form {
            Form::GooseRows => {
                Some(open(".local/share/goose/sessions/sessions.db", "DELETE FROM messages; DELETE FROM sessions;"))
            }
            Form::OpenCodeRows => Some(open(
                ".local/share/opencode/opencode.db",
                "DELETE FROM part; DELETE FROM message; DELETE FROM session_message; DELETE FROM session_input; DELETE FROM session;",
            )),
            _ => None,
        };
        Self { home: home.path(), form, database }
    }

    fn finish(&self) {
        if let Some(database) = &self.database {
            database.execute_batch("COMMIT").expect("committed");
        }
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.home.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text).expect("written");
    }

    fn add(&mut self, number: usize, records: &[String]) {
        let lines = || records.join("\n") + "\n";
        let id = format!("{number:08x}");
        match self.form {
            Form::Claude => {
                self.put(&format!(".claude/projects/-home-dev-shop/{id}-0000-4000-8000-000000000001.jsonl"), &lines());
            }
            Form::Codex => {
                let name = format!("rollout-2026-09-10T10-00-00-019f0000-0000-7000-8000-0000{id}.jsonl");
                self.put(&format!(".codex/sessions/2026/09/10/{name}"), &lines());
            }
            Form::GeminiLog => {
                self.put(&format!(".gemini/tmp/shop/chats/session-2026-09-10T10-00-{id}.jsonl"), &lines());
            }
            Form::GeminiDocument => {
                let (head, rest) = records.split_first().expect("a head");
                let (title, messages) = rest.split_last().expect("a title");
                let title: Value = serde_json::from_str(title).expect("JSON");
                let head = head.strip_suffix('}').unwrap_or(head);
                let document = format!(
                    "{head},\"summary\":{},\"messages\":[{}]}}",
                    title["$set"]["summary"],
                    messages.join(",\n")
                );
                self.put(&format!(".gemini/tmp/shop/chats/session-2026-09-10T10-00-{id}.json"), &document);
            }
            Form::Qwen => self
                .put(&format!(".qwen/projects/-home-dev-shop/chats/{id}-0000-4000-8000-000000000004.jsonl"), &lines()),
            Form::GooseLines => {
                let head = json!({"working_dir": "/home/dev/shop", "description": "d"});
                self.put(
                    &format!(".local/share/goose/sessions/20260910_{number}.jsonl"),
                    &format!("{head}\n{}", lines()),
                );
            }
            Form::GooseRows => self.goose_rows(&format!("20260910_{number}"), records),
            Form::OpenCodeRows => self.opencode_rows(&format!("ses_{id}aaaaaaaaaaaaaaaaaa"), records),
            Form::OpenCodeFiles => self.opencode_files(&format!("ses_{id}aaaaaaaaaaaaaaaaaa"), records),
        }
    }

    fn goose_rows(&self, id: &str, records: &[String]) {
        let database = self.database.as_ref().expect("a database");
        let session = "INSERT INTO sessions (id, name, description, session_type, working_dir, created_at, updated_at)
                       VALUES (?1, 'CLI Session', '', 'user', '/home/dev/shop', '2026-09-10 10:00:00', '2026-09-10 10:00:00')";
        database.execute(session, [id]).expect("inserted");
        let message =
            "INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp, metadata_json)
                       VALUES (?1, ?2, ?3, ?4, ?5, '{\"userVisible\":true,\"agentVisible\":true}')";
        for (at, record) in records.iter().enumerate() {
            let record: Value = serde_json::from_str(record).expect("JSON");
            let role = record["role"].as_str().unwrap_or("assistant");
            let time = record["created"].as_i64().unwrap_or(BEGAN);
            database
                .execute(message, params![format!("{id}/{at}"), id, role, print(&record["content"]), time])
                .expect("inserted");
        }
    }

    fn opencode_rows(&self, id: &str, records: &[String]) {
        let database = self.database.as_ref().expect("a database");
        let session =
            "INSERT INTO session (id, project_id, slug, directory, title, version, time_created, time_updated)
                       VALUES (?1, 'global', 's', '/home/dev/shop', 'a title', '1.18.33', ?2, ?2)";
        database.execute(session, params![id, BEGAN * 1000]).expect("inserted");
        let message =
            "INSERT INTO message (id, session_id, time_created, time_updated, data) VALUES (?1, ?2, ?3, ?3, ?4)";
        let part = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
                    VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
        for (at, record) in records.iter().enumerate() {
            let record: Value = serde_json::from_str(record).expect("JSON");
            let time = BEGAN * 1000 + i64::try_from(at).expect("a time");
            let own = format!("msg_{at:04}{id}");
            database.execute(message, params![own, id, time, print(&record["message"])]).expect("inserted");
            for (number, value) in record["parts"].as_array().into_iter().flatten().enumerate() {
                let of_part = format!("prt_{at:04}{number:02}{id}");
                database.execute(part, params![of_part, own, id, time, print(value)]).expect("inserted");
            }
        }
    }

    fn opencode_files(&self, id: &str, records: &[String]) {
        let storage = ".local/share/opencode/storage";
        let session = json!({"id": id, "projectID": "global", "directory": "/home/dev/shop", "title": "a title",
            "time": {"created": BEGAN * 1000, "updated": BEGAN * 1000}});
        self.put(&format!("{storage}/session/global/{id}.json"), &session.to_string());
        for (at, record) in records.iter().enumerate() {
            let record: Value = serde_json::from_str(record).expect("JSON");
            let own = format!("msg_{at:04}{id}");
            self.put(&format!("{storage}/message/{id}/{own}.json"), &print(&record["message"]));
            for (number, value) in record["parts"].as_array().into_iter().flatten().enumerate() {
                self.put(&format!("{storage}/part/{own}/prt_{at:04}{number:02}{id}.json"), &print(value));
            }
        }
    }
}
