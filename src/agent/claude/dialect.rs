//! Metadata of the lines of Claude Code's transcripts, versions 1.0.128 to 2.1.329.
//!
//! Records with a `uuid` form the tree, whatever their type; others contain metadata only. Texts are decoded elsewhere.
//! The parser does not rely on the order of keys.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::inline::{self, Sidechains};
use super::record::TranscriptRecord;
use super::{decode, indexed, outputs, parts, paths, shape, task_list, teams, texts};
use crate::agent::jsonl::{Dialect, EntryMark, LineMetadata, MalformedJson, TextFile};
use crate::agent::side_text::NamedFiles;
use crate::agent::texts::{SearchText, StoredRecord};
use crate::agent::usual_form::UsualForm;
use crate::agent::{FileStamp, Source};
use crate::domain::run::SessionTask;
use crate::domain::{Entry, Event, Session};

/// The dialect of one file.
#[derive(Debug, Default)]
pub(crate) struct ClaudeDialect {
    /// True for a sub-agent's file, where sidechains are the conversation.
    pub subagent: bool,
    /// True for a session that may be in several files, see [`parts`].
    pub parts: bool,
    /// Sub-agents' sessions by the tool call that started them, from sidecar files.
    pub links: HashMap<String, Arc<str>>,
    /// For a sub-agent in its parent's file: its lines (offset and length, ascending).
    pub only: Option<Vec<(u64, u64)>>,
    /// Offset after the records that the file repeats from its parent's, see [`super::replay`].
    pub replayed: u64,
    /// True to mark the records of sub-agents in the file of a session, with their entries.
    pub with_sidechains: bool,
    /// The file, to search for sub-agents in it on demand.
    pub file: Option<PathBuf>,
    /// Sub-agents found in the file.
    pub(super) sidechains: OnceLock<Sidechains>,
    /// Outputs of the session by their names.
    pub(super) named_outputs: NamedFiles,
}

impl ClaudeDialect {
    /// Creates the dialect of a session's or a sub-agent's file.
    pub(crate) fn of(subagent: bool) -> Self {
        Self { subagent, ..Self::default() }
    }

    /// Creates the dialect of the sub-agents in the file of a session, or in its `parts`.
    pub(crate) fn aside(parts: bool) -> Self {
        Self { parts, with_sidechains: true, ..Self::of(true) }
    }

    /// Finds the session of the sub-agent that a tool call started.
    fn started_by(&self, call: &str) -> Option<Arc<str>> {
        self.links.get(call).cloned().or_else(|| self.sidechains().started_by(call))
    }

    /// Sub-agents in the file; none in that of a sub-agent.
    fn sidechains(&self) -> &Sidechains {
        let file = self.file.as_deref().filter(|_| self.only.is_none());
        // A file that cannot be read is reported by its summary.
        let read = |file| Sidechains::read(&Self::aside(self.parts), file).unwrap_or_default();
        self.sidechains.get_or_init(|| file.map(read).unwrap_or_default())
    }

    /// True if none of the records between two offsets belongs to the conversation.
    fn is_outside(&self, from: u64, len: usize) -> bool {
        let is_outside = |only: &Vec<(u64, u64)>| {
            let next = only.partition_point(|(at, _)| *at < from);
            only.get(next).is_none_or(|(at, _)| *at >= from + len.max(1) as u64)
        };
        self.only.as_ref().is_some_and(is_outside)
    }
}

/// Prefixes of lines without relevant content: raw API requests, backups, modes.
const IGNORED_PREFIXES: [&[u8]; 8] = [
    br#"{"type":"api-request"#,
    br#"{"type":"file-history-"#,
    br#"{"type":"atis-latch""#,
    br#"{"type":"tools-used""#,
    br#"{"type":"mode""#,
    br#"{"type":"permission-mode""#,
    br#"{"type":"agent-name""#,
    br#"{"type":"progress","data""#,
];

impl Dialect for ClaudeDialect {
    fn scan_line<'a>(&self, line: &'a [u8], offset: u64) -> Result<LineMetadata<'a>, MalformedJson> {
        if offset < self.replayed || self.is_outside(offset, line.len()) {
            return Ok(LineMetadata::default());
        }
        if IGNORED_PREFIXES.iter().any(|prefix| line.starts_with(prefix)) {
            return if line.last() == Some(&b'}') { Ok(LineMetadata::default()) } else { Err(MalformedJson) };
        }
        let record = TranscriptRecord::read(line)?;
        let is_side = self.with_sidechains && record.sidechain;
        let mut metadata = record.metadata(self.subagent, offset);
        if is_side {
            metadata.rare().side = true;
        }
        Ok(metadata)
    }

    fn usual_form(&self, record: &[u8]) -> Option<UsualForm> {
        shape::usual_form(record)
    }

    fn other_texts(&self, record: &StoredRecord<'_>, sink: &mut dyn FnMut(&SearchText<'_>)) {
        texts::queued_prompt(record, sink);
    }

    fn open_text(&self, path: &Path, _first: Option<u64>) -> io::Result<TextFile> {
        if self.parts { parts::open(self, path) } else { TextFile::open(path) }
    }

    fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        if self.parts { parts::stamp(path) } else { Ok(FileStamp::of(&std::fs::metadata(path)?)) }
    }

    fn decode(&self, line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
        decode::entries(line, marks, sink);
    }

    fn decode_indexed(&self, line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
        if !indexed::entries(line, marks, sink) {
            self.decode(line, marks, sink);
        }
    }

    fn has_whole_conversation(&self) -> bool {
        !self.subagent && self.replayed == 0
    }

    fn decode_results(&self, line: &[u8], sink: &mut dyn FnMut(Event)) {
        decode::results(line, sink);
    }

    fn finish(&self, entry: &mut Entry) {
        decode::finish(entry, |call| self.started_by(call));
    }

    fn task_list(&self, calls: &[Entry]) -> Option<(usize, Vec<SessionTask>)> {
        task_list::fold(calls)
    }

    fn side_text(&self, entry: &Entry) -> Option<PathBuf> {
        let file = self.file.as_deref()?;
        let named = |call: &str| paths::output_by_name(&self.named_outputs, file, call);
        outputs::file(file, entry).or_else(|| outputs::of_call(named, entry))
    }

    fn team_lead(&self, path: &Path, team: &str) -> Option<Arc<str>> {
        teams::lead(path, team)
    }

    fn side_session(&self, offset: u64) -> Option<Arc<str>> {
        self.sidechains().session_at(offset)
    }

    fn side_sessions(&self, source: &Source, session: &Session) -> Vec<Session> {
        inline::sessions(&Self::aside(self.parts), source, session)
    }
}
