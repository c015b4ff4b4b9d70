//! Metadata of the lines of Claude Code's transcripts, versions 1.0.128 to 2.1.329.
//!
//! Records with a `uuid` form the tree, whatever their type; others contain metadata only. Texts are decoded elsewhere.
//! The parser does not rely on the order of keys.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::record::TranscriptRecord;
use super::{decode, indexed, inline, outputs, parts, paths, shape, task_list, teams, texts};
use crate::agent::jsonl::{Dialect, EntryMark, LineMetadata, MalformedJson, TextFile};
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
    /// The file, to search for sub-agents in it on demand.
    pub file: Option<PathBuf>,
    /// Sub-agents' sessions found in the file, by the tool call that started them.
    pub inline_links: OnceLock<HashMap<String, Arc<str>>>,
    /// Outputs of the session by their names without endings, listed on demand.
    pub named_outputs: OnceLock<HashMap<String, PathBuf>>,
}

impl ClaudeDialect {
    /// Creates the dialect of a session's or a sub-agent's file.
    pub(crate) fn of(subagent: bool) -> Self {
        Self { subagent, ..Self::default() }
    }

    /// Finds the session of the sub-agent that a tool call started.
    fn started_by(&self, call: &str) -> Option<Arc<str>> {
        let file = self.file.as_deref().filter(|_| self.only.is_none());
        let inline = || self.inline_links.get_or_init(|| file.map(inline::links).unwrap_or_default());
        self.links.get(call).or_else(|| inline().get(call)).cloned()
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
        let outside = |only: &Vec<(u64, u64)>| only.binary_search_by_key(&offset, |(at, _)| *at).is_err();
        if offset < self.replayed || self.only.as_ref().is_some_and(outside) {
            return Ok(LineMetadata::default());
        }
        if IGNORED_PREFIXES.iter().any(|prefix| line.starts_with(prefix)) {
            return if line.last() == Some(&b'}') { Ok(LineMetadata::default()) } else { Err(MalformedJson) };
        }
        Ok(TranscriptRecord::read(line)?.metadata(self.subagent, offset))
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
        outputs::file(file, entry).or_else(|| {
            let named = self.named_outputs.get_or_init(|| paths::outputs_by_name(file));
            outputs::of_call(named, entry)
        })
    }

    fn team_lead(&self, path: &Path, team: &str) -> Option<Arc<str>> {
        teams::lead(path, team)
    }

    fn side_sessions(&self, source: &Source, session: &Session) -> Vec<Session> {
        inline::sessions(&Self::of(true), source, session)
    }
}
