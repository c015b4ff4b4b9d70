//! Files with the prompts of all sessions: what is left of sessions that their agent has deleted.
//!
//! Every session has prompts there; a session with a transcript is read from that, because the index prefers it. A reader
//! names the file as a source, and parses it by a [`ReadPrompts`]; this module makes sessions, transcripts and search
//! records of the prompts.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::texts::{RecordDecoder, SearchText, SourceDecoder, StoredRecord, TextScope, body_texts};
use super::tolerant_json::RepairedRecord;
use super::{Source, SourceSessions, SourceSummary, SummaryCursor, SummaryProgress, json, record_lists, tool_input};
use crate::domain::event::EventBody;
use crate::domain::{Agent, EntryKey, Event, Issue, Session, SessionKey, Time, Title, TitleSource};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::utf16;

/// A prompt in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HistoryPrompt {
    /// Id of its session.
    pub session: String,
    /// Its text.
    pub text: String,
    /// Time at which it was typed.
    pub time: Option<Time>,
    /// Position in the file, which stays the same while the file grows.
    pub place: u64,
    /// Its record.
    pub record: Vec<u8>,
}

impl HistoryPrompt {
    /// Identity of its entry.
    pub(super) fn key(&self) -> EntryKey {
        key(self.place)
    }

    /// The event that it makes.
    pub(super) fn event(&self) -> Event {
        Event { key: self.key(), time: self.time, body: EventBody::Prompt(self.text.clone()) }
    }
}

fn key(place: u64) -> EntryKey {
    EntryKey::new(&format!("history@{place}"), 0)
}

/// Parses a file of prompts: those of all sessions, or of one, in order, and what could not be read.
pub(super) type ReadPrompts = fn(&Path, Option<&str>) -> io::Result<(Vec<HistoryPrompt>, Vec<Issue>)>;

/// True for a line of a file that may have a prompt of a session, or of any if none is given; decided without parsing.
pub(super) fn may_be_of(line: &[u8], session: Option<&str>) -> bool {
    session.is_none_or(|id| memchr::memmem::find(line, id.as_bytes()).is_some())
}

/// Sessions of which only prompts are left, by their ids.
#[derive(Debug, Default)]
pub(super) struct PurgedSessions(BTreeMap<String, Session>);

impl PurgedSessions {
    /// Adds a prompt, whose record has this length; `directory` is that of the first one.
    pub(super) fn add(
        &mut self,
        source: &Source,
        (id, text, time): (&str, &str, Option<Time>),
        len: u64,
        directory: &str,
    ) {
        let new = || {
            let mut session = Session::new(SessionKey::new(source.agent, id), source.path.clone());
            session.cwd = Arc::from(directory);
            session.started_at = time;
            session.flags.purged = true;
            session.complete = true;
            session
        };
        let session = self.0.entry(id.to_owned()).or_insert_with(new);
        session.last_activity = session.last_activity.max(time);
        session.turns += 1;
        session.messages += 1;
        session.bytes += len;
        // Commands are no titles.
        if session.title.text.is_empty() && !text.starts_with('/') {
            session.title = Title::new(text, TitleSource::Prompt);
        }
    }

    /// The summary of the source.
    pub(super) fn into_summary(self, source: &Source, issues: Vec<Issue>) -> SourceSummary {
        let cursor = SummaryCursor { stamp: source.stamp, offset: 0 };
        SourceSummary {
            sessions: SourceSessions::All(self.0.into_values().collect()),
            notes: Vec::new(),
            progress: SummaryProgress { cursor, state: Vec::new() },
            bytes_read: source.stamp.size,
            issues,
        }
    }
}

/// Summarises a file of prompts, all of which were typed in one directory if it is known.
pub(super) fn summarise(source: &Source, read: ReadPrompts, directory: &str) -> SourceSummary {
    let (prompts, issues) =
        read(&source.path, None).unwrap_or_else(|error| (Vec::new(), vec![Issue::new(&source.path, error)]));
    let mut sessions = PurgedSessions::default();
    for prompt in &prompts {
        let len = prompt.record.len() as u64;
        sessions.add(source, (&prompt.session, &prompt.text, prompt.time), len, directory);
    }
    sessions.into_summary(source, issues)
}

/// Visits the prompts, session by session, until `visit` breaks.
pub(super) fn records(
    path: &Path,
    read: ReadPrompts,
    visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let (mut prompts, _) = read(path, None)?;
    // The order within a session is kept.
    prompts.sort_by(|a, b| a.session.cmp(&b.session));
    for prompt in &prompts {
        let (session, offset, bytes) = (&*prompt.session, prompt.place, prompt.text.as_bytes());
        if visit(&StoredRecord { session, id: "", hint: "", offset, bytes }).is_break() {
            break;
        }
    }
    Ok(())
}

/// Creates the decoder of the records that [`records`] visits.
pub(super) fn decoder() -> SourceDecoder {
    decoder_of(|record| String::from_utf8_lossy(record).into_owned())
}

/// Creates the decoder of records of which `text` returns the text.
pub(super) fn decoder_of(text: fn(&[u8]) -> String) -> SourceDecoder {
    SourceDecoder { session: "".into(), decode: Box::new(PromptTextDecoder(text)) }
}

struct PromptTextDecoder(fn(&[u8]) -> String);

impl RecordDecoder for PromptTextDecoder {
    fn texts(&self, record: &StoredRecord<'_>, _wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        let body = EventBody::Prompt((self.0)(record.bytes));
        body_texts(key(record.offset), &body, sink);
    }
}

/// Reason why a deleted session cannot be resumed.
pub(super) fn refusal(agent: Agent) -> String {
    format!("{} has deleted this session; only its prompts are left", agent.label())
}

/// Parses `logs.json` of Gemini CLI and Qwen Code, a list of `{sessionId,messageId,type,message,timestamp}`. Returns the
/// prompts of all sessions, or of one.
pub(super) fn read_log(path: &Path, only: Option<&str>) -> io::Result<(Vec<HistoryPrompt>, Vec<Issue>)> {
    let document = utf16::decoded(files::read(path, SizeLimit::DOCUMENT)?);
    let (mut prompts, mut issues) = (Vec::new(), Vec::new());
    let records = record_lists::line_records(&document);
    let is_empty = |document: &[u8]| matches!(document.trim_ascii(), b"" | b"[]");
    if records.is_empty() && !is_empty(&document) {
        issues.push(Issue::new(path, "unreadable record"));
    }
    for (place, RepairedRecord { range, value, repairs }) in (0..).zip(records) {
        let (session, text) = (tool_input::flat(&value["sessionId"]), tool_input::lines(&value["message"]));
        if repairs.is_lossy() {
            issues.push(Issue::new(path, repairs.to_string()));
        }
        if only.is_some_and(|id| id != session) {
            continue;
        }
        if !session.is_empty() && !text.is_empty() {
            let (time, record) = (json::time(&value["timestamp"]), document[range].to_vec());
            prompts.push(HistoryPrompt { session, text, time, place, record });
        } else if !value.as_array().is_some_and(Vec::is_empty) {
            issues.push(Issue::new(path, "unreadable record"));
        }
    }
    Ok((prompts, issues))
}
