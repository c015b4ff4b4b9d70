//! Reads every string in an agent's files, without salon's readers.

use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// A text in a file of a home.
#[derive(Clone, Debug)]
pub struct StoredText {
    /// Path of the file in the home.
    pub file: String,
    /// Path of the value: fields joined by `.`, items as `[]`; in a database, table and column first.
    pub path: String,
    /// The text.
    pub text: String,
    /// The record that contains it.
    pub record: std::rc::Rc<Value>,
}

/// Returns all texts with a word of four letters in the files of a home.
pub fn texts(home: &Path) -> Vec<StoredText> {
    let mut texts = Vec::new();
    visit(home, home, &mut texts);
    texts
}

fn visit(home: &Path, folder: &Path, texts: &mut Vec<StoredText>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            visit(home, &path, texts);
            continue;
        }
        let file = path.strip_prefix(home).expect("a path below the home").display().to_string();
        let bytes = std::fs::read(&path).expect("a file");
        let mut add = |path: &str, value: &Value, record: &std::rc::Rc<Value>| {
            walk(path, value, &mut |path, text| {
                let (file, path, record) = (file.clone(), path.to_owned(), record.clone());
                texts.push(StoredText { file, path, text: text.to_owned(), record });
            });
        };
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl" | "json") => records(&bytes).for_each(|record| {
                let record = std::rc::Rc::new(record);
                add("", &record, &record);
            }),
            // Compressed rollouts have tests of their own.
            Some("zst") => {}
            _ if bytes.starts_with(b"SQLite format 3\0") => rows(&path, &mut add),
            _ => add("", &Value::String(String::from_utf8_lossy(&bytes).into_owned()), &Value::Null.into()),
        }
    }
}

/// Parses all JSON values of a file; half characters become U+FFFD.
fn records(bytes: &[u8]) -> impl Iterator<Item = Value> {
    let text = whole_characters(&String::from_utf8_lossy(bytes));
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    values.expect("JSON").into_iter()
}

/// Replaces escapes of half characters.
fn whole_characters(text: &str) -> String {
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
        let pair = r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})";
        Regex::new(&format!(r"{pair}|\\u[dD][89a-fA-F][0-9a-fA-F]{{2}}|\\\\")).expect("a pattern")
    });
    let whole = |found: &Captures<'_>| match (&found[0], found.get(1)) {
        (text, Some(_)) | (text @ r"\\", None) => text.to_owned(),
        _ => r"\ufffd".to_owned(),
    };
    let text = text.trim_start_matches('\u{feff}');
    if text.contains(r"\u") { ESCAPE.replace_all(text, whole).into_owned() } else { text.to_owned() }
}

fn rows(path: &Path, add: &mut impl FnMut(&str, &Value, &std::rc::Rc<Value>)) {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("a schema");
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).expect("tables").map(|name| name.expect("a name")).collect();
    for table in tables {
        let mut statement = database.prepare(&format!("SELECT * FROM \"{table}\"")).expect("a table");
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let cells = columns.iter().enumerate().filter_map(|(at, column)| match row.get_ref(at).ok()? {
                ValueRef::Text(text) => Some((column.clone(), cell(&String::from_utf8_lossy(text)))),
                _ => None,
            });
            let record = std::rc::Rc::new(Value::Object(cells.collect()));
            add(&table, &record, &record);
        }
    }
}

/// Value of a cell: JSON if it is an object or a list.
fn cell(text: &str) -> Value {
    let text = whole_characters(text);
    serde_json::from_str(&text).ok().filter(|value: &Value| !value.is_string()).unwrap_or(Value::String(text))
}

fn walk(path: &str, value: &Value, sink: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => walk(&format!("{path}|"), &inner, sink),
            _ if super::has_letters(text) => sink(path, text),
            _ => {}
        },
        Value::Array(items) => items.iter().for_each(|item| walk(&format!("{path}[]"), item, sink)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| walk(&format!("{path}.{name}"), field, sink)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
