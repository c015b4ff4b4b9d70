//! Reads sessions of goose before 1.10: one JSONL file each, with a header line and one line per message.
//!
//! Unverified: follows goose's documentation; no such version was available.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{self, GooseMessage};
use super::database::content_time;
use super::totals::GooseTotals;
use crate::agent::pages::{MessageStore, MessageVersion};
use crate::agent::sqlite::DatabaseError;
use crate::agent::{FileStamp, Source, SourceSessions, SourceSummary, SummaryCursor, SummaryProgress};
use crate::domain::session::{Title, TitleSource};
use crate::domain::{Agent, Issue, Session, SessionKey, Time, Tokens};
use crate::stdx::files;
use crate::stdx::lines::LineReader;

/// Maximum lines after a call that are searched for its result, to bound the cost of an open call.
const RESULT_LOOKAHEAD: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SessionHeader {
    working_dir: String,
    description: String,
    accumulated_input_tokens: Option<u64>,
    accumulated_output_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct MessageLine<'a> {
    role: String,
    #[serde(default)]
    created: i64,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

fn message(id: String, line: &[u8]) -> Option<GooseMessage> {
    let line: MessageLine = serde_json::from_slice(line).ok()?;
    let metadata = line.metadata.map(|json| json.get().to_owned()).unwrap_or_default();
    let content = line.content.get().to_owned();
    let time = content_time(line.created);
    Some(GooseMessage { id, role: line.role, time, content, metadata, results: Vec::new() })
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Summarises a file as a whole, because no current version writes such files.
pub fn summarise(source: &Source) -> SourceSummary {
    let (sessions, issues, bytes_read) = match build_session(source) {
        Ok((session, issues, bytes)) => (vec![session], issues, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), Vec::new(), 0),
        Err(error) => (Vec::new(), vec![Issue::new(&source.path, error)], 0),
    };
    let progress = SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset: 0 }, state: Vec::new() };
    SourceSummary { sessions: SourceSessions::All(sessions), notes: Vec::new(), progress, bytes_read, issues }
}

fn build_session(source: &Source) -> io::Result<(Session, Vec<Issue>, u64)> {
    let mut lines = LineReader::from_offset(files::open(&source.path)?, 0)?;
    let mut session = Session::new(SessionKey::new(Agent::Goose, name(&source.path)), source.path.clone());
    let (mut totals, mut issues, mut number) = (GooseTotals::default(), Vec::new(), 0);
    while let Some(line) = lines.next_line()? {
        number += 1;
        if number == 1 {
            describe(&mut session, line.bytes);
        } else if let Some(message) = message(String::new(), line.bytes) {
            totals.message(&message);
        } else if !line.bytes.is_empty() {
            totals.unreadable();
            let reason = "not a message".to_owned();
            issues.push(Issue { path: source.path.clone(), line: Some(number), reason });
        }
    }
    let changed = Some(Time::from_millis(source.stamp.mtime_millis()));
    totals.finish(&mut session, None, changed);
    session.bytes = source.stamp.size;
    session.tip = None;
    Ok((session, issues, lines.bytes_read()))
}

fn describe(session: &mut Session, line: &[u8]) {
    let about: SessionHeader = serde_json::from_slice(line).unwrap_or_default();
    session.cwd = about.working_dir.into();
    session.title = Title::new(&about.description, TitleSource::Agent);
    session.tokens = Tokens {
        input: about.accumulated_input_tokens.unwrap_or(0),
        output: about.accumulated_output_tokens.unwrap_or(0),
        ..Tokens::default()
    };
}

/// Messages of a file, with the position of each line.
#[derive(Debug)]
pub struct GooseFile {
    path: PathBuf,
    stamp: FileStamp,
    /// Offset and length of each line after the header.
    line_ranges: Vec<(u64, usize)>,
}

impl GooseFile {
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = Self { path: path.to_owned(), stamp: FileStamp::default(), line_ranges: Vec::new() };
        file.scan()?;
        Ok(file)
    }

    fn scan(&mut self) -> io::Result<()> {
        let file = files::open(&self.path)?;
        self.stamp = FileStamp::of(&file.metadata()?);
        let mut lines = LineReader::from_offset(file, 0)?;
        self.line_ranges.clear();
        while let Some(line) = lines.next_line()? {
            self.line_ranges.push((line.offset, line.bytes.len()));
        }
        self.line_ranges = self.line_ranges.split_off(self.line_ranges.len().min(1));
        Ok(())
    }

    fn line(&self, at: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(&(offset, len)) = self.line_ranges.get(at) else { return Ok(None) };
        let mut file = files::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut line = vec![0; len];
        file.read_exact(&mut line)?;
        Ok(Some(line))
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
        let line = self.line(at)?.unwrap_or_default();
        let mut found = message(format!("{}/{at}", name(&self.path)), &line).unwrap_or_default();
        let mut open_calls = found.calls();
        for following in at.saturating_add(1)..at.saturating_add(RESULT_LOOKAHEAD) {
            if open_calls.is_empty() {
                break;
            }
            let Some(line) = self.line(following)? else { break };
            let Some(later) = message(String::new(), &line) else { continue };
            let ids = content::results(&later.content);
            let before = open_calls.len();
            open_calls.retain(|call| !ids.contains(call));
            if open_calls.len() < before {
                found.results.push(later.content);
            }
        }
        Ok(found)
    }
}
