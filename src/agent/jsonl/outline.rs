//! A transcript opened for reading: where each entry of the shown branch lies, and nothing of what it says.
//!
//! Entries are decoded when they are asked for, from their own lines and from those of their tools' results.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::{self, Record, Tip};
use super::pull::hash;
use super::scan::{Scan, check, scan};
use super::{Dialect, Link, Mark, Skim, Usage};
use crate::agent::{Marks, Reading, Refreshed, Stamp, TextLimit};
use crate::domain::event::Body;
use crate::domain::transcript::Transcript;
use crate::domain::{Entry, EntryKind, Issue, Key, Role, Tokens};

/// Issues of one file that are kept one by one.
const ISSUES: usize = 20;

/// A line that matters.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    len: u32,
    /// The first of its marks.
    first: u32,
}

/// An opened transcript.
pub struct Outline {
    dialect: Arc<dyn Dialect>,
    path: PathBuf,
    file: File,
    stamp: Stamp,
    /// Where the next reading begins, after how many lines, and the hash of what lies before.
    end: (u64, u64, u64),
    places: Vec<Place>,
    records: Vec<Record>,
    marks: Vec<Mark>,
    /// Indices into `marks` of the entries on the shown branch.
    shown: Vec<u32>,
    /// Lines that tell of tool calls, and whether of a failure.
    results: BTreeMap<(u64, u32), bool>,
    /// Usage of each reply and the mark that shows it.
    usage: HashMap<u64, (u32, Tokens)>,
    tip: Tip,
    left: bool,
    branches: usize,
    issues: Vec<Issue>,
    bytes_read: u64,
}

impl Outline {
    /// Opens a file whole.
    pub fn open(dialect: Arc<dyn Dialect>, path: &Path) -> io::Result<Self> {
        Self::open_from(dialect, path, 0)
    }

    /// Opens a file as if it began at `start`, which must be the start of a line.
    pub fn open_from(dialect: Arc<dyn Dialect>, path: &Path, start: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let mut outline = Self {
            dialect,
            path: path.to_owned(),
            file,
            stamp,
            end: (start, 0, 0),
            places: Vec::new(),
            records: Vec::new(),
            marks: Vec::new(),
            shown: Vec::new(),
            results: BTreeMap::new(),
            usage: HashMap::new(),
            tip: Tip::default(),
            left: false,
            branches: 1,
            issues: Vec::new(),
            bytes_read: 0,
        };
        outline.go_on()?;
        Ok(outline)
    }

    /// Takes in what lies behind the end of the last reading.
    fn go_on(&mut self) -> io::Result<()> {
        let file = self.file.try_clone()?;
        let dialect = self.dialect.clone();
        let scanned = scan(&*dialect, &file, (self.end.0, self.end.1), None, |line| self.line(line))?;
        self.end = (scanned.offset, scanned.lines, check(&file, scanned.offset)?);
        self.bytes_read += scanned.bytes_read;
        if self.left {
            let chosen = chain::choose(&self.records);
            self.branches = chosen.branches;
            self.tip = chosen.tip;
            self.left = false;
            self.shown.clear();
            for (at, _) in chosen.records.iter().enumerate().filter(|(_, shown)| **shown) {
                self.shown.extend(self.marks_of(at));
            }
        }
        Ok(())
    }

    fn line(&mut self, line: Scan<'_>) {
        let Ok(skim) = line.skim else {
            if self.issues.len() < ISSUES {
                self.issues.push(Issue { line: Some(line.number), ..Issue::new(&self.path, "unreadable record") });
            }
            return;
        };
        let record = Record::of(&skim);
        if record.is_none() && skim.results.is_empty() {
            return;
        }
        let (at, first) = (count(self.places.len()), count(self.marks.len()));
        self.results.extend(skim.results.iter().map(|result| ((result.tool, at), result.error)));
        self.places.push(Place { offset: line.offset, len: u32::try_from(line.len).unwrap_or(u32::MAX), first });
        let record = record.unwrap_or(Record { link: Link::Aside, leaf: None, entries: 0, turns: 0 });
        self.records.push(record);
        self.left = self.left || !self.tip.extend(&record);
        if record.entries > 0 {
            self.note_usage(&skim, first);
            self.marks.extend(&skim.marks);
            self.shown.extend(first..count(self.marks.len()));
        }
    }

    /// A reply's usage is shown with its first entry.
    fn note_usage(&mut self, skim: &Skim<'_>, first: u32) {
        let Some(Usage { key, tokens }) = skim.usage.filter(|usage| usage.tokens.total() > 0) else { return };
        let (_, kept) = self.usage.entry(key).or_insert((first, tokens));
        if tokens.total() > kept.total() {
            *kept = tokens;
        }
    }

    fn marks_of(&self, place: usize) -> Range<u32> {
        let end = self.places.get(place + 1).map_or(count(self.marks.len()), |next| next.first);
        self.places[place].first..end
    }

    /// The line of a mark.
    fn place_of(&self, mark: u32) -> usize {
        self.places.partition_point(|place| place.first <= mark) - 1
    }

    fn bytes(&mut self, place: usize) -> io::Result<Vec<u8>> {
        let Place { offset, len, .. } = self.places[place];
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, offset)?;
        self.bytes_read += u64::from(len);
        Ok(bytes)
    }

    /// The lines that tell what came of the tool calls among some marks.
    fn result_lines(&self, marks: &[u32]) -> Vec<usize> {
        let tools = marks.iter().map(|&mark| self.marks[mark as usize].tool).filter(|&tool| tool != 0);
        let mut lines: Vec<usize> = tools
            .flat_map(|tool| self.results.range((tool, 0)..=(tool, u32::MAX)).map(|((_, line), _)| *line as usize))
            .collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    /// Folds the entries of some marks, which stand in order.
    fn decode(&mut self, wanted: &[u32]) -> io::Result<Transcript> {
        let mut transcript = Transcript::default();
        let mut rest = wanted;
        while let Some(&first) = rest.first() {
            let place = self.place_of(first);
            let end = self.marks_of(place).end;
            let (here, later) = rest.split_at(rest.partition_point(|&mark| mark < end));
            rest = later;
            let marks: Vec<Mark> = here.iter().map(|&mark| self.marks[mark as usize]).collect();
            let bytes = self.bytes(place)?;
            self.dialect.decode(&bytes, &marks, &mut |event| {
                if marks.iter().any(|mark| mark.key == event.key) {
                    transcript.apply(event);
                }
            });
        }
        for line in self.result_lines(wanted) {
            let bytes = self.bytes(line)?;
            self.dialect.decode_results(&bytes, &mut |event| {
                // Updates of calls that are not in the transcript fall through it.
                if matches!(event.body, Body::ToolUpdate { .. }) {
                    transcript.apply(event);
                }
            });
        }
        Ok(transcript)
    }

    /// Which shown entry a tool call is.
    fn entry_of_tool(&self, tool: u64) -> Option<usize> {
        self.shown.iter().rposition(|&mark| self.marks[mark as usize].tool == tool)
    }
}

impl Reading for Outline {
    fn len(&self) -> usize {
        self.shown.len()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let end = range.end.min(self.shown.len());
        let wanted = self.shown[range.start.min(end)..end].to_vec();
        let transcript = match self.decode(&wanted) {
            Ok(transcript) => transcript,
            Err(error) => {
                let issue = Issue::new(&self.path, error);
                if !self.issues.contains(&issue) {
                    self.issues.push(issue);
                }
                Transcript::default()
            }
        };
        let mut decoded: HashMap<Key, Entry> =
            transcript.into_entries().into_iter().map(|entry| (entry.key, entry)).collect();
        let usage: HashMap<u32, Tokens> = self.usage.values().copied().collect();
        let entry = |mark: &u32| {
            let Mark { key, .. } = self.marks[*mark as usize];
            let mut entry = decoded.remove(&key).unwrap_or_else(|| lost(key));
            entry.tokens = usage.get(mark).copied().or(entry.tokens);
            self.dialect.finish(&mut entry);
            cut(&mut entry, limit);
            entry
        };
        wanted.iter().map(entry).collect()
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let Some(&mark) = self.shown.get(index) else { return Vec::new() };
        let mut lines = vec![self.place_of(mark)];
        lines.extend(self.result_lines(&[mark]));
        let mut raw = Vec::new();
        for line in lines {
            // What has vanished since cannot be shown; what has not, can.
            if let Ok(bytes) = self.bytes(line) {
                raw.extend(bytes);
                raw.push(b'\n');
            }
        }
        raw
    }

    fn branches(&self) -> usize {
        self.branches
    }

    fn marks(&mut self, which: Marks) -> Vec<usize> {
        let failed = |tool: u64| self.results.range((tool, 0)..=(tool, u32::MAX)).any(|(_, error)| *error);
        let marked = |mark: &Mark| match which {
            Marks::Prompts => mark.kind == EntryKind::Prompt,
            Marks::Errors => mark.error || (mark.tool != 0 && failed(mark.tool)),
        };
        (0..self.shown.len()).filter(|&at| marked(&self.marks[self.shown[at] as usize])).collect()
    }

    /// By the marks alone: no line is read again.
    fn positions(&mut self, wanted: &[(Key, &str)]) -> Vec<Option<usize>> {
        let mut by_key: HashMap<Key, usize> = HashMap::with_capacity(self.shown.len());
        let mut by_tool: HashMap<u64, usize> = HashMap::new();
        for (at, mark) in self.shown.iter().map(|&mark| &self.marks[mark as usize]).enumerate().rev() {
            by_key.insert(mark.key, at);
            if mark.tool != 0 {
                by_tool.insert(mark.tool, at);
            }
        }
        let place = |(key, call): &(Key, &str)| {
            let of_call = if call.is_empty() { None } else { by_tool.get(&hash(call.as_bytes())) };
            by_key.get(key).into_iter().chain(of_call).min().copied()
        };
        wanted.iter().map(place).collect()
    }

    fn refresh(&mut self) -> Refreshed {
        let Ok(metadata) = std::fs::metadata(&self.path) else { return Refreshed::Gone };
        let stamp = Stamp::of(&metadata);
        if stamp == self.stamp {
            return Refreshed::Same;
        }
        let (offset, _, before) = self.end;
        let grown = stamp.inode == self.stamp.inode
            && stamp.size >= offset
            && check(&self.file, offset).is_ok_and(|check| check == before);
        if !grown {
            return match Self::open(self.dialect.clone(), &self.path) {
                Ok(fresh) => {
                    *self = fresh;
                    Refreshed::Reset
                }
                Err(_) => Refreshed::Gone,
            };
        }
        self.stamp = stamp;
        let (old, place) = (self.shown.clone(), count(self.places.len()));
        if let Err(error) = self.go_on() {
            self.issues.push(Issue::new(&self.path, error));
            return Refreshed::Same;
        }
        if !self.shown.starts_with(&old) {
            return Refreshed::Reset;
        }
        let told =
            self.results.keys().filter(|(_, line)| *line >= place).filter_map(|(tool, _)| self.entry_of_tool(*tool));
        let from = told.min().unwrap_or(old.len()).min(old.len());
        if from == self.shown.len() { Refreshed::Same } else { Refreshed::Grown { from } }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// Offsets into a transcript's marks: four thousand million of them are more than a file has.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// An entry whose line says something else than when it was skimmed.
fn lost(key: Key) -> Entry {
    let mut entry = Entry::new(key, EntryKind::Other, Role::System, None);
    "(this record could not be read)".clone_into(&mut entry.text);
    entry
}

/// Cuts the long texts of an entry.
fn cut(entry: &mut Entry, TextLimit(limit): TextLimit) {
    let output = entry.tool.as_mut().map(|tool| &mut tool.output);
    for text in [Some(&mut entry.text), output].into_iter().flatten().filter(|text| text.len() > limit) {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.shrink_to_fit();
        entry.truncated = true;
    }
}
