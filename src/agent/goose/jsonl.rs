//! Sessions of goose before 1.10: a JSONL file each, the first line about the session, every other a message.
//!
//! Unverified: written after goose's documentation; no such version was at hand.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{self, Stored};
use super::database::content_time;
use super::tally::Tally;
use crate::agent::pages::{Source, Version};
use crate::agent::sqlite::Failure;
use crate::agent::{Cursor, Progress, Sessions, Stamp, Summarised, Unit};
use crate::domain::session::{Title, TitleSource};
use crate::domain::{Agent, Issue, Session, SessionKey, Time, Tokens};
use crate::stdx::lines::Lines;

/// Lines behind a call that are searched for its result.
const RESULTS_WITHIN: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct About {
    working_dir: String,
    description: String,
    accumulated_input_tokens: Option<u64>,
    accumulated_output_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Line<'a> {
    role: String,
    #[serde(default)]
    created: i64,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

fn message(id: String, line: &[u8]) -> Option<Stored> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let metadata = line.metadata.map(|json| json.get().to_owned()).unwrap_or_default();
    let content = line.content.get().to_owned();
    let time = content_time(line.created);
    Some(Stored { id, role: line.role, time, content, metadata, results: Vec::new() })
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Sums a file up; all of it each time, since nothing writes such files any more.
pub fn summarise(unit: &Unit) -> Summarised {
    let (sessions, issues, bytes_read) = match sum_up(unit) {
        Ok((session, issues, bytes)) => (vec![session], issues, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), Vec::new(), 0),
        Err(error) => (Vec::new(), vec![Issue::new(&unit.path, error)], 0),
    };
    let progress = Progress { cursor: Cursor { stamp: unit.stamp, offset: 0 }, state: Vec::new() };
    Summarised { sessions: Sessions::All(sessions), notes: Vec::new(), progress, bytes_read, issues }
}

fn sum_up(unit: &Unit) -> io::Result<(Session, Vec<Issue>, u64)> {
    let mut lines = Lines::from_offset(File::open(&unit.path)?, 0)?;
    let mut session = Session::new(SessionKey::new(Agent::Goose, name(&unit.path)), unit.path.clone());
    let (mut tally, mut issues, mut number) = (Tally::default(), Vec::new(), 0);
    while let Some(line) = lines.next_line()? {
        number += 1;
        if number == 1 {
            describe(&mut session, line.bytes);
        } else if let Some(message) = message(String::new(), line.bytes) {
            tally.message(&message);
        } else if !line.bytes.is_empty() {
            tally.unreadable();
            let reason = "not a message".to_owned();
            issues.push(Issue { path: unit.path.clone(), line: Some(number), reason });
        }
    }
    let changed = Some(Time::from_millis(unit.stamp.mtime_millis()));
    tally.finish(&mut session, None, changed);
    session.bytes = unit.stamp.size;
    session.tip = None;
    Ok((session, issues, lines.bytes_read()))
}

fn describe(session: &mut Session, line: &[u8]) {
    let about: About = serde_json::from_slice(line).unwrap_or_default();
    session.cwd = about.working_dir.into();
    session.title = Title::new(&about.description, TitleSource::Agent);
    session.tokens = Tokens {
        input: about.accumulated_input_tokens.unwrap_or(0),
        output: about.accumulated_output_tokens.unwrap_or(0),
        ..Tokens::default()
    };
}

/// The messages of a file, by their places.
#[derive(Debug)]
pub struct LinesOf {
    path: PathBuf,
    stamp: Stamp,
    /// Offset and length of each line behind the first.
    places: Vec<(u64, usize)>,
}

impl LinesOf {
    /// Of a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = Self { path: path.to_owned(), stamp: Stamp::default(), places: Vec::new() };
        file.scan()?;
        Ok(file)
    }

    fn scan(&mut self) -> io::Result<()> {
        let file = File::open(&self.path)?;
        self.stamp = Stamp::of(&file.metadata()?);
        let mut lines = Lines::from_offset(file, 0)?;
        self.places.clear();
        while let Some(line) = lines.next_line()? {
            self.places.push((line.offset, line.bytes.len()));
        }
        self.places = self.places.split_off(self.places.len().min(1));
        Ok(())
    }

    fn line(&self, at: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(&(offset, len)) = self.places.get(at) else { return Ok(None) };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut line = vec![0; len];
        file.read_exact(&mut line)?;
        Ok(Some(line))
    }
}

impl Source for LinesOf {
    type Message = Stored;

    fn may_have_changed(&mut self) -> bool {
        std::fs::metadata(&self.path).map_or(true, |metadata| Stamp::of(&metadata) != self.stamp)
    }

    fn versions(&mut self) -> Result<Option<Vec<(String, Version)>>, Failure> {
        match self.scan() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        }
        // A result changes the call before it: the last lines are looked at again whenever the file grew.
        let all = self.places.len();
        let version = |(at, (offset, len)): (usize, &(u64, usize))| {
            let behind = (all - at).min(RESULTS_WITHIN);
            let numbers = [i64::try_from(*offset), i64::try_from(*len), i64::try_from(behind)];
            let [offset, len, behind] = numbers.map(|number| number.unwrap_or(i64::MAX));
            (at.to_string(), [offset, len, behind, 0, 0])
        };
        Ok(Some(self.places.iter().enumerate().map(version).collect()))
    }

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, Failure> {
        let newest_first = (0..self.places.len()).rev().skip(skip as usize).take(count as usize);
        Ok(newest_first.map(|at| at.to_string()).collect())
    }

    fn message(&mut self, id: &str) -> Result<Stored, Failure> {
        let at: usize = id.parse().unwrap_or(usize::MAX);
        let line = self.line(at)?.unwrap_or_default();
        let mut found = message(format!("{}/{at}", name(&self.path)), &line).unwrap_or_default();
        let mut waiting = found.calls();
        for behind in at.saturating_add(1)..at.saturating_add(RESULTS_WITHIN) {
            if waiting.is_empty() {
                break;
            }
            let Some(line) = self.line(behind)? else { break };
            let Some(later) = message(String::new(), &line) else { continue };
            let ids = content::results(&later.content);
            let before = waiting.len();
            waiting.retain(|call| !ids.contains(call));
            if waiting.len() < before {
                found.results.push(later.content);
            }
        }
        Ok(found)
    }
}
