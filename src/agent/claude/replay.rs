//! History that a sub-agent's file repeats: an agent that goes on with its parent's conversation begins with the records of
//! the parent, with their ids. They are shown and counted in the parent's transcript.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::fork;
use super::record::TranscriptRecord;
use crate::agent::json::cursor::hash;
use crate::agent::json::repair;
use crate::agent::jsonl::{FileHead, JsonStr, walk};
use crate::stdx::files;
use crate::stdx::lines::LineReader;

/// Fields that only the first record after a compaction has.
const AFTER_COMPACTION: [&[u8]; 2] = [br#""isCompactSummary":true"#, br#""subtype":"compact_boundary""#];

/// Beginning of a transcript that its parent's transcript contains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ReplayedHistory {
    /// Hash of the first record's id.
    #[serde(skip_serializing_if = "is_zero")]
    first: u64,
    /// Offset of the first record of its own.
    #[serde(skip_serializing_if = "is_zero")]
    pub end: u64,
}

impl FileHead for ReplayedHistory {
    fn continues(&self, older: &Self) -> bool {
        self.end == older.end
    }
}

impl ReplayedHistory {
    /// Finds the history that a sub-agent's file repeats; returns the `known` one if the file still begins with it.
    pub(super) fn of(path: &Path, known: Option<&Self>) -> Self {
        let Some(parent) = parent(path) else { return Self::default() };
        let Some(id) = fork::first_id(path) else { return Self::default() };
        let first = hash(&id);
        if let Some(known) = known.filter(|known| known.first == first) {
            return known.clone();
        }
        let is_replay = || fork::first_id(&parent).as_ref() == Some(&id) || begins_after_compaction(path);
        let end = if is_replay() { end(path, &parent).unwrap_or_default() } else { 0 };
        Self { first, end }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Transcript of the session in whose folder a sub-agent's file is.
fn parent(path: &Path) -> Option<PathBuf> {
    if walk::transcript_kind(path.file_name()?.as_encoded_bytes()) != Some(walk::SUBAGENT) {
        return None;
    }
    let folder = path.ancestors().find(|folder| folder.ends_with("subagents"))?;
    Some(folder.parent()?.with_extension("jsonl"))
}

fn begins_after_compaction(path: &Path) -> bool {
    let mut line = Vec::new();
    let read = files::open(path).and_then(|file| {
        BufReader::new(io::Read::take(file, files::SizeLimit::SIDECAR.0)).read_until(b'\n', &mut line)
    });
    read.is_ok() && AFTER_COMPACTION.iter().any(|field| memmem::find(&line, field).is_some())
}

/// Offset of the first record that is not in the parent's transcript.
fn end(path: &Path, parent: &Path) -> io::Result<u64> {
    let repeated = ids(parent)?;
    let mut lines = LineReader::from_offset(files::open(path)?, 0)?;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        if id_of(line.bytes).is_some_and(|id| !repeated.contains(&id)) {
            return Ok(line.offset);
        }
    }
    Ok(lines.offset())
}

fn ids(path: &Path) -> io::Result<HashSet<u64>> {
    let mut lines = LineReader::from_offset(files::open(path)?, 0)?;
    let mut ids = HashSet::new();
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        ids.extend(id_of(line.bytes));
    }
    Ok(ids)
}

/// Hash of a record's id and text.
fn id_of(line: &[u8]) -> Option<u64> {
    let record = TranscriptRecord::read(line).ok()?;
    let text = record.prompt().map_or(0, JsonStr::hash);
    record.uuid.map(|id| id.hash() ^ text.rotate_left(1))
}
