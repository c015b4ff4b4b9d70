//! `session_index.jsonl`: the names that users gave to threads, one line for each time.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::agent::{Cursor, Note, Progress, Sessions, Summarised, Unit};
use crate::domain::{Issue, TitleSource};

#[derive(Deserialize)]
struct Named {
    id: String,
    thread_name: String,
}

/// All names, the last one of each thread. The file is small and is read as a whole.
pub fn summarise(unit: &Unit) -> Summarised {
    let mut issues = Vec::new();
    let bytes = std::fs::read(&unit.path).unwrap_or_else(|error| {
        issues.push(Issue::new(&unit.path, format!("cannot be read: {error}")));
        Vec::new()
    });
    let mut names: HashMap<String, String> = HashMap::new();
    let complete = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
    for (number, line) in (1..).zip(bytes[..complete].split(|&byte| byte == b'\n')) {
        match serde_json::from_slice::<Named>(line) {
            Ok(line) => {
                names.insert(line.id, line.thread_name);
            }
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(error) => issues.push(Issue { line: Some(number), ..Issue::new(&unit.path, error) }),
        }
    }
    let note = |(id, title): (String, String)| Note::Title { id: Arc::from(id), title, source: TitleSource::User };
    Summarised {
        sessions: Sessions::All(Vec::new()),
        notes: names.into_iter().filter(|(_, name)| !name.trim().is_empty()).map(note).collect(),
        progress: Progress { cursor: Cursor { stamp: unit.stamp, offset: complete as u64 }, state: Vec::new() },
        bytes_read: bytes.len() as u64,
        issues,
    }
}
