//! Reads sessions of goose before 1.10: one JSONL file each, with a header line and one line per message.
//!
//! Unverified: follows goose's documentation; no such version was available.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::content::GooseMessage;
use super::database::content_time;
use super::pairing::{AnsweredCalls, OpenCalls, UnpairedResults};
use super::shape;
use super::totals::GooseTotals;
use crate::agent::json::{self, repair};
use crate::agent::jsonl::TextFile;
use crate::agent::pages::{MessageStore, MessageVersion};
use crate::agent::record_lists;
use crate::agent::sqlite::DatabaseError;
use crate::agent::tolerant_json::{self, RepairedRecord};
use crate::agent::tool_input;
use crate::agent::{FileStamp, Source, SourceSessions, SourceSummary, SummaryCursor, SummaryProgress};
use crate::domain::session::{Title, TitleSource};
use crate::domain::{Agent, Issue, Session, SessionKey, Time, Tokens};
use crate::stdx::lines::LineReader;

/// Maximum lines around a call that are searched for its result, and around a result for its call. All of a usual file.
const RESULT_LOOKAHEAD: usize = 4096;

/// Record with fields of the usual types.
fn usual(record: &Value) -> Value {
    let mut record = record.clone();
    shape::record(&mut record);
    record
}

/// Role of a message; empty if it has lost that. `None` for any other record.
fn role(record: &Value) -> Option<String> {
    let role = record["role"].as_str().map(str::to_owned);
    role.or_else(|| record["content"].is_array().then(String::new))
}

/// A message from its record; `None` for any other record.
fn message(id: String, record: &RepairedRecord) -> Option<GooseMessage> {
    let value = usual(&record.value);
    let role = role(&value)?;
    let metadata = if value["metadata"].is_object() { value["metadata"].to_string() } else { String::new() };
    let created = &value["created"];
    let small = || created.as_i64().or_else(|| created.as_str()?.parse().ok()).and_then(content_time);
    let time = json::time(created).or_else(small);
    let content = match &value["content"] {
        Value::Object(fields) if tool_input::has_numeric_names(fields) => {
            Value::Array(tool_input::items(&value["content"]).into_iter().cloned().collect()).to_string()
        }
        content => content.to_string(),
    };
    Some(GooseMessage { id, role, time, content, metadata, ..GooseMessage::default() })
}

#[expect(clippy::cast_possible_truncation, reason = "times and counts; out-of-range values saturate")]
fn whole(number: f64) -> i64 {
    number as i64
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Summarises a file as a whole, because no current version writes such files.
pub(super) fn summarise(source: &Source) -> SourceSummary {
    let (sessions, issues, bytes_read) = match build_session(source) {
        Ok((session, issues, bytes)) => (vec![session], issues, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), Vec::new(), 0),
        Err(error) => (Vec::new(), vec![Issue::new(&source.path, error)], 0),
    };
    let progress = SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset: 0 }, state: Vec::new() };
    SourceSummary { sessions: SourceSessions::All(sessions), notes: Vec::new(), progress, bytes_read, issues }
}

fn build_session(source: &Source) -> io::Result<(Session, Vec<Issue>, u64)> {
    let mut lines = LineReader::from_offset(TextFile::open(&source.path)?.file, 0)?;
    let mut session = Session::new(SessionKey::new(Agent::Goose, name(&source.path)), source.path.clone());
    let (mut totals, mut issues, mut number) = (GooseTotals::default(), Vec::new(), 0);
    let mut calls = AnsweredCalls::default();
    let mut has_header = false;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        number += 1;
        let issue = |reason: String| Issue { path: source.path.clone(), line: Some(number), reason };
        let records = record_lists::line_records(line.bytes);
        if records.is_empty() && !line.bytes.trim_ascii().is_empty() {
            totals.unreadable();
            issues.push(issue("not a message".to_owned()));
        }
        for record in records {
            if record.repairs.is_lossy() {
                totals.unreadable();
            }
            if !record.repairs.is_empty() {
                totals.repaired(record.repairs);
                issues.push(issue(record.repairs.to_string()));
            }
            match message(String::new(), &record) {
                Some(mut message) => {
                    message.lost_calls = calls.add(&message);
                    totals.message(&message);
                }
                None if !has_header && is_header(&record.value) => {
                    has_header = true;
                    describe(&mut session, &usual(&record.value));
                }
                None => {
                    totals.unreadable();
                    issues.push(issue("not a message".to_owned()));
                }
            }
        }
        if line.lines > 1 {
            issues.push(issue("repaired: a record over several lines".to_owned()));
        }
        number += line.lines - 1;
    }
    if let Some(reason) = repair::open_end(&lines) {
        if reason == repair::OPEN_RECORD {
            totals.unreadable();
        }
        issues.push(Issue { line: Some(number + 1), ..Issue::new(&source.path, reason) });
    }
    let changed = Some(Time::from_millis(source.stamp.mtime_millis()));
    totals.finish(&mut session, None, changed);
    session.bytes = source.stamp.size;
    session.tip = None;
    Ok((session, issues, lines.bytes_read()))
}

/// True for a record that describes the session.
fn is_header(record: &Value) -> bool {
    ["working_dir", "description", "message_count"].iter().any(|name| !usual(record)[*name].is_null())
}

/// Reads the header, the record before the messages.
fn describe(session: &mut Session, header: &Value) {
    let text = |name: &str| header[name].as_str().unwrap_or_default();
    let count = |name: &str| u64::try_from(header[name].as_f64().map_or(0, whole)).unwrap_or(0);
    session.cwd = text("working_dir").into();
    session.title = Title::new(text("description"), TitleSource::Agent);
    session.tokens = Tokens {
        input: count("accumulated_input_tokens"),
        output: count("accumulated_output_tokens"),
        ..Tokens::default()
    };
}

/// Messages of a file, with the position of each record.
#[derive(Debug)]
pub(super) struct GooseFile {
    path: PathBuf,
    stamp: FileStamp,
    /// Offset and length of each message's record.
    line_ranges: Vec<(u64, usize)>,
}

impl GooseFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = Self { path: path.to_owned(), stamp: FileStamp::default(), line_ranges: Vec::new() };
        file.scan()?;
        Ok(file)
    }

    fn scan(&mut self) -> io::Result<()> {
        let TextFile { file, stamp, .. } = TextFile::open(&self.path)?;
        self.stamp = stamp;
        let mut lines = LineReader::from_offset(file, 0)?;
        self.line_ranges.clear();
        while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
            let records = record_lists::line_records(line.bytes);
            let messages = records.into_iter().filter(|record| role(&usual(&record.value)).is_some());
            self.line_ranges
                .extend(messages.map(|record| (line.offset + record.range.start as u64, record.range.len())));
        }
        Ok(())
    }

    /// Record of a message.
    fn record(&self, at: usize) -> io::Result<Option<RepairedRecord>> {
        let bytes = self.line(at)?.unwrap_or_default();
        Ok(tolerant_json::records(&bytes).into_iter().next())
    }

    fn line(&self, at: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(&(offset, len)) = self.line_ranges.get(at) else { return Ok(None) };
        let mut file = TextFile::open(&self.path)?.file;
        file.seek(SeekFrom::Start(offset))?;
        let mut line = vec![0; len];
        file.read_exact(&mut line)?;
        Ok(Some(line))
    }
}

impl GooseFile {
    /// Results of a message that belong to no call.
    fn lost_calls(&self, found: &GooseMessage, at: usize) -> io::Result<Vec<String>> {
        let mut unpaired = UnpairedResults::of(found);
        for before in (at.saturating_sub(RESULT_LOOKAHEAD)..at.min(self.line_ranges.len())).rev() {
            if unpaired.open().is_empty() {
                break;
            }
            if let Some(earlier) = self.record(before)?.and_then(|record| message(String::new(), &record)) {
                unpaired.look_at(&earlier);
            }
        }
        Ok(unpaired.lost())
    }
}

impl MessageStore for GooseFile {
    type Message = GooseMessage;

    fn may_have_changed(&mut self) -> bool {
        std::fs::metadata(&self.path).map_or(true, |metadata| FileStamp::of(&metadata) != self.stamp)
    }

    fn versions(&mut self) -> Result<Option<Vec<(String, MessageVersion)>>, DatabaseError> {
        match self.scan() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        }
        // A result changes the call before it, so the last lines get a new version whenever the file grows.
        let all = self.line_ranges.len();
        let version = |(at, (offset, len)): (usize, &(u64, usize))| {
            let following = (all - at).min(RESULT_LOOKAHEAD);
            let numbers = [i64::try_from(*offset), i64::try_from(*len), i64::try_from(following)];
            let [offset, len, following] = numbers.map(|number| number.unwrap_or(i64::MAX));
            (at.to_string(), [offset, len, following, 0, 0])
        };
        Ok(Some(self.line_ranges.iter().enumerate().map(version).collect()))
    }

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, DatabaseError> {
        let newest_first = (0..self.line_ranges.len()).rev().skip(skip as usize).take(count as usize);
        Ok(newest_first.map(|at| at.to_string()).collect())
    }

    fn message(&mut self, id: &str) -> Result<GooseMessage, DatabaseError> {
        let at: usize = id.parse().unwrap_or(usize::MAX);
        let record = self.record(at)?;
        let own = record.and_then(|record| message(format!("{}/{at}", name(&self.path)), &record));
        let mut found = own.unwrap_or_default();
        let mut open_calls = OpenCalls::of(&mut found);
        for following in at.saturating_add(1)..at.saturating_add(RESULT_LOOKAHEAD) {
            if open_calls.is_empty() {
                break;
            }
            let Some(record) = self.record(following)? else { break };
            if let Some(later) = message(String::new(), &record) {
                open_calls.look_at(&mut found, &later);
            }
        }
        found.lost_calls = self.lost_calls(&found, at)?;
        Ok(found)
    }
}
