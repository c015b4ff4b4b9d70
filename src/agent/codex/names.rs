//! Reads `session_index.jsonl`: names that users gave to threads, one line per change.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::agent::{Source, SourceSessions, SourceSummary, SummaryCursor, SummaryNote, SummaryProgress};
use crate::domain::{Issue, TitleSource};
use crate::stdx::files::{self, SizeLimit};

#[derive(Deserialize)]
struct NameRecord {
    id: String,
    thread_name: String,
}

/// Summarises the file: the last name of each thread. The file is small and is read as a whole.
pub(super) fn summarise(source: &Source) -> SourceSummary {
    let mut issues = Vec::new();
    let bytes = files::read(&source.path, SizeLimit::TABLE).unwrap_or_else(|error| {
        issues.push(Issue::new(&source.path, format!("cannot be read: {error}")));
        Vec::new()
    });
    let mut names: HashMap<String, String> = HashMap::new();
    let complete = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
    for (number, line) in (1..).zip(bytes[..complete].split(|&byte| byte == b'\n')) {
        match serde_json::from_slice::<NameRecord>(line) {
            Ok(line) => {
                names.insert(line.id, line.thread_name);
            }
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(error) => issues.push(Issue { line: Some(number), ..Issue::new(&source.path, error) }),
        }
    }
    let note =
        |(id, title): (String, String)| SummaryNote::Title { id: Arc::from(id), title, source: TitleSource::User };
    SourceSummary {
        sessions: SourceSessions::All(Vec::new()),
        notes: names.into_iter().filter(|(_, name)| !name.trim().is_empty()).map(note).collect(),
        progress: SummaryProgress {
            cursor: SummaryCursor { stamp: source.stamp, offset: complete as u64 },
            state: Vec::new(),
        },
        bytes_read: bytes.len() as u64,
        issues,
    }
}
