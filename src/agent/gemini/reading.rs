//! An opened chat: the replayed log, and the messages read again from the file when they are wanted.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files;
use super::log::{Effect, Log, Message};
use super::message::{self, Part};
use crate::agent::{Marks, Reading, Refreshed, Stamp, TextLimit};
use crate::domain::transcript::Transcript;
use crate::domain::{Entry, Issue};
use crate::stdx::lines::Lines;

/// A replayed log with its file.
#[derive(Debug)]
pub struct Chat {
    path: PathBuf,
    /// What is known of it.
    pub log: Log,
    /// State of the file when it was read.
    pub stamp: Stamp,
    /// After the last complete line that was applied.
    pub offset: u64,
    /// Bytes taken from the file.
    pub bytes_read: u64,
    issues: Vec<Issue>,
}

impl Chat {
    /// Replays a whole file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::resume(path, Log::default(), 0)
    }

    /// Goes on with a log that was replayed up to `offset`.
    pub fn resume(path: &Path, log: Log, offset: u64) -> io::Result<Self> {
        let stamp = Stamp::default();
        let mut chat = Self { path: path.to_owned(), log, stamp, offset, bytes_read: 0, issues: Vec::new() };
        chat.catch_up()?;
        Ok(chat)
    }

    /// Applies what the file holds beyond what was applied.
    fn catch_up(&mut self) -> io::Result<Effect> {
        let mut file = File::open(&self.path)?;
        self.stamp = Stamp::of(&file.metadata()?);
        let effect = if files::kind(&self.path) == Some(files::DOCUMENT) {
            let mut bytes = Vec::new();
            self.bytes_read += file.read_to_end(&mut bytes)? as u64;
            self.log = Log::default();
            if !self.log.document(&bytes) && !bytes.is_empty() {
                self.log.bad.push(1);
            }
            Effect::Replaced
        } else {
            self.lines(file)?
        };
        let issue = |line: &u64| Issue { line: Some(*line), ..Issue::new(&self.path, "unreadable record") };
        self.issues = self.log.bad.iter().map(issue).collect();
        Ok(effect)
    }

    fn lines(&mut self, file: File) -> io::Result<Effect> {
        let mut lines = Lines::from_offset(file, self.offset)?;
        let mut all = Effect::None;
        while let Some(line) = lines.next_line()? {
            all = match (all, self.log.line(line.bytes, line.offset)) {
                (Effect::Replaced, _) | (_, Effect::Replaced) => Effect::Replaced,
                (Effect::From(a), Effect::From(b)) => Effect::From(a.min(b)),
                (Effect::None, effect) | (effect, Effect::None) => effect,
            };
        }
        self.offset = lines.offset();
        self.bytes_read += lines.bytes_read();
        Ok(all)
    }

    /// The messages with entries in a range: each with the index of its first entry.
    fn wanted(&self, range: &Range<usize>) -> Vec<(usize, Message)> {
        let mut first = 0;
        let mut wanted = Vec::new();
        for message in &self.log.messages {
            let next = first + message.entries as usize;
            if next > range.start && first < range.end && message.entries > 0 {
                wanted.push((first, message.clone()));
            }
            first = next;
        }
        wanted
    }

    /// The JSON of a message; empty where it cannot be read any more.
    fn json(&mut self, message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(message.offset))?;
            file.take(u64::from(message.len)).read_to_end(&mut bytes)
        });
        match read {
            Ok(count) => self.bytes_read += count as u64,
            Err(error) => {
                bytes.clear();
                self.issues.push(Issue::new(&self.path, error));
            }
        }
        bytes
    }
}

impl Reading for Chat {
    fn len(&self) -> usize {
        self.log.entries()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (first, place) in self.wanted(&range) {
            let value: Value = serde_json::from_slice(&self.json(&place)).unwrap_or(Value::Null);
            for (index, part) in (first..).zip(padded(&value, place.entries)) {
                if range.contains(&index) {
                    entries.extend(entry(&value, &place, part, limit));
                }
            }
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let wanted = self.wanted(&(index..index.saturating_add(1)));
        wanted.into_iter().next().map(|(_, message)| self.json(&message)).unwrap_or_default()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, which: Marks) -> Vec<usize> {
        let mut first = 0;
        let mut found = Vec::new();
        for message in &self.log.messages {
            match which {
                Marks::Prompts if message.prompt.is_some() => found.push(first),
                Marks::Prompts => {}
                Marks::Errors => found.extend(message.errors.iter().map(|at| first + *at as usize)),
            }
            first += message.entries as usize;
        }
        found
    }

    fn refresh(&mut self) -> Refreshed {
        let stamp = match std::fs::metadata(&self.path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Refreshed::Gone,
            Err(_) => return Refreshed::Same,
        };
        if stamp == self.stamp {
            return Refreshed::Same;
        }
        if stamp.inode != self.stamp.inode || stamp.size < self.offset {
            self.log = Log::default();
            self.offset = 0;
            return match self.catch_up() {
                Ok(_) => Refreshed::Reset,
                Err(_) => Refreshed::Gone,
            };
        }
        match self.catch_up() {
            Ok(Effect::None) | Err(_) => Refreshed::Same,
            Ok(Effect::Replaced) => Refreshed::Reset,
            Ok(Effect::From(message)) => {
                let before = &self.log.messages[..message];
                Refreshed::Grown { from: before.iter().map(|message| message.entries as usize).sum() }
            }
        }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// The parts of a message, as many as were counted: the file may have changed under a reading.
fn padded(value: &Value, count: u32) -> Vec<Part> {
    let mut parts = message::parts(value);
    parts.resize(count as usize, Part::Other);
    parts
}

fn entry(value: &Value, place: &Message, part: Part, limit: TextLimit) -> Option<Entry> {
    let id = if place.id.is_empty() { format!("@{}", place.offset) } else { place.id.clone() };
    let mut transcript = Transcript::default();
    for event in message::events(value, &id, part) {
        transcript.apply(event);
    }
    let mut entry = transcript.into_entries().into_iter().next()?;
    let cut = |text: &mut String| {
        let end = (0..=limit.0.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let long = text.len() > end;
        text.truncate(end);
        long
    };
    entry.truncated = cut(&mut entry.text) | entry.tool.as_mut().is_some_and(|tool| cut(&mut tool.output));
    Some(entry)
}
