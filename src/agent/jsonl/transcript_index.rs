//! An index of an open transcript: file offsets of each entry of the shown branch, without texts.
//!
//! Entries are decoded on request, from their own lines and from those of their tools' results.

mod append;
mod decode;
mod lost_calls;
mod refresh;
mod repeated_keys;
mod task_list;
mod unsent;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::decode::{truncate, unreadable_entry};
pub(super) use self::refresh::DialectRenewal;
use self::repeated_keys::RepeatedKeys;
use self::task_list::TaskLines;
use super::branch::{self, BranchSpan, BranchTip, BranchTree, ChainRecord};
use super::call_results::CallResults;
use super::prompt_queue::PromptQueue;
use super::repaired;
use super::scan::{check, scan};
use super::undone::UndoneTurns;
use super::usage_counts::UsageCounts;
use super::{Dialect, EntryMark, TextFile};
use crate::agent::entry_table::EntryTableBuilder;
use crate::agent::json::cursor::hash;
use crate::agent::{
    BranchPosition, FileStamp, Fork, MarkKind, RefreshOutcome, TextLimit, TranscriptBranch, TranscriptReader, side_text,
};
use crate::domain::run::SessionTask;
use crate::domain::transcript::Transcript;
use crate::domain::{Entry, EntryKey, EntryKind, Event, Issue, Tokens, secrets};
use crate::stdx::text::one_line;

/// Maximum issues per file, because a damaged file may have thousands.
const ISSUES: usize = 20;

/// Maximum characters of the first line of a branch.
const MAX_HEAD_CHARS: usize = 200;

/// Position of a line with entries, results or links.
#[derive(Clone, Copy, Debug)]
struct LinePosition {
    offset: u64,
    len: u32,
    /// Index of its first mark.
    first: u32,
}

/// An open transcript of JSON lines.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a file")]
pub(crate) struct TranscriptIndex {
    dialect: Arc<dyn Dialect>,
    renewal: Option<DialectRenewal>,
    path: PathBuf,
    file: File,
    stamp: FileStamp,
    /// True for the end of a file: what depends on all that precedes is left out.
    is_tail: bool,
    /// True if `file` is a copy of the text in the agent's own file.
    is_copy: bool,
    /// Offset where the next scan begins, the number of lines before it, and the hash of the bytes before it.
    end: (u64, u64, u64),
    lines: Vec<LinePosition>,
    records: Vec<ChainRecord>,
    marks: Vec<EntryMark>,
    /// Indices into `marks` of the entries on the shown branch.
    shown: Vec<u32>,
    results: CallResults,
    /// Mark that shows the usage of each reply.
    replies: HashMap<u64, u32>,
    /// Usage by the mark that shows it.
    usage: HashMap<u32, Tokens>,
    /// First mark whose usage changed since the last refresh.
    changed_usage: Option<u32>,
    /// Last total usage, of an agent that records totals.
    counts: UsageCounts,
    /// Lines that must be converted before they are decoded: torn ones, and those in another form than usual.
    converted: HashSet<u32>,
    /// Last decoded line with many entries: its events by entry.
    wide_line: Option<(usize, HashMap<EntryKey, Vec<Event>>)>,
    repeated_keys: RepeatedKeys,
    tip: BranchTip,
    left_branch: bool,
    /// Calls that are lost, whose results make entries.
    lost_calls: HashSet<u64>,
    /// True if a call turned out to be in the file that was taken for lost.
    is_outdated: bool,
    /// All branches; empty for a conversation without any.
    branches: Vec<BranchSpan>,
    shown_branch: usize,
    /// Number of the branch to show in place of the agent's own.
    wanted_branch: Option<usize>,
    undone: UndoneTurns,
    tasks: TaskLines,
    queue: PromptQueue<(u64, u64, Vec<EntryMark>)>,
    /// Number of lines and marks before those of prompts that were not sent, which are the last.
    sent: Option<(usize, usize)>,
    issues: Vec<Issue>,
    bytes_read: u64,
}

impl TranscriptIndex {
    /// Opens a file whole.
    pub(crate) fn open(dialect: Arc<dyn Dialect>, path: &Path) -> io::Result<Self> {
        Self::open_from(dialect, path, 0)
    }

    /// Opens a file as if it began at `start`, which must be the start of a line.
    pub(crate) fn open_from(dialect: Arc<dyn Dialect>, path: &Path, start: u64) -> io::Result<Self> {
        let text = dialect.open_text(path, None)?;
        Self::of_text(dialect, path, text, start)
    }

    /// Creates the index of an open file, as if it began at `start`.
    pub(crate) fn of_text(dialect: Arc<dyn Dialect>, path: &Path, text: TextFile, start: u64) -> io::Result<Self> {
        let mut index = Self {
            dialect,
            renewal: None,
            path: path.to_owned(),
            file: text.file,
            stamp: text.stamp,
            is_tail: start > 0,
            is_copy: text.is_copy,
            end: (start, 0, 0),
            lines: Vec::new(),
            records: Vec::new(),
            marks: Vec::new(),
            shown: Vec::new(),
            results: CallResults::default(),
            replies: HashMap::new(),
            usage: HashMap::new(),
            changed_usage: None,
            counts: UsageCounts::default(),
            converted: HashSet::new(),
            wide_line: None,
            repeated_keys: RepeatedKeys::default(),
            tip: BranchTip::default(),
            left_branch: false,
            lost_calls: HashSet::new(),
            is_outdated: false,
            branches: Vec::new(),
            shown_branch: 0,
            wanted_branch: None,
            undone: UndoneTurns::default(),
            tasks: TaskLines::default(),
            queue: PromptQueue::default(),
            sent: None,
            issues: text.unread,
            bytes_read: 0,
        };
        index.scan_appended()?;
        if let Some(reason) = text.damage {
            index.add_damage(index.end.1 + 1, &reason);
        }
        Ok(index)
    }

    /// Scans the lines after the end of the last scan.
    fn scan_appended(&mut self) -> io::Result<()> {
        let file = self.file.try_clone()?;
        let dialect = self.dialect.clone();
        self.remove_unsent();
        let scanned = scan(&*dialect, &file, (self.end.0, self.end.1), None, |line| self.line(line))?;
        self.end = (scanned.offset, scanned.lines, check(&file, scanned.offset)?);
        self.bytes_read += scanned.bytes_read;
        self.note_open_record(scanned.open_record());
        self.results.invalidate();
        self.tasks.invalidate();
        self.note_missing_parents();
        self.add_results_without_call();
        if self.left_branch {
            self.choose_branch();
        }
        self.tell_apart_keys();
        self.add_unsent();
        Ok(())
    }

    /// Builds the tree of all records, and shows the wanted branch.
    fn choose_branch(&mut self) {
        let chosen = branch::choose(&self.records, self.wanted_branch);
        self.shown = self.marks_on(&chosen.records);
        self.repeated_keys.clear_seen();
        self.tell_apart_keys();
        self.branches = chosen.branches;
        self.shown_branch = chosen.shown;
        self.tip = chosen.tip;
        self.tasks.invalidate();
        self.left_branch = false;
        self.show_unsent();
    }

    /// Marks of some records.
    fn marks_on(&self, records: &[bool]) -> Vec<u32> {
        let shown = records.iter().enumerate().filter(|(_, shown)| **shown);
        shown.flat_map(|(at, _)| self.marks_of(at)).collect()
    }

    /// First line of the first entry at or after a record.
    fn head_of(&mut self, record: usize) -> String {
        let first = self.lines.get(record).map_or(0, |line| line.first);
        (first..count(self.marks.len())).next().map(|mark| self.head_at(mark)).unwrap_or_default()
    }

    /// First line of the entry of a mark.
    fn head_at(&mut self, mark: u32) -> String {
        let entries = self.decode(&[mark]).map(Transcript::into_entries).unwrap_or_default();
        let text = entries.first().map(|entry| secrets::cut(&entry.text, MAX_HEAD_CHARS)).unwrap_or_default();
        one_line(text.trim_start().lines().next().unwrap_or_default())
    }

    fn marks_of(&self, line: usize) -> Range<u32> {
        let end = self.lines.get(line + 1).map_or(count(self.marks.len()), |next| next.first);
        self.lines[line].first..end
    }

    /// The line of a mark.
    fn line_of(&self, mark: u32) -> usize {
        self.lines.partition_point(|line| line.first <= mark) - 1
    }

    fn bytes(&mut self, line: usize) -> io::Result<Vec<u8>> {
        let LinePosition { offset, len, .. } = self.lines[line];
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, offset)?;
        self.bytes_read += u64::from(len);
        Ok(bytes)
    }

    /// Converts the bytes of a line that was torn, or is in another form than usual.
    fn readable<'a>(&self, line: usize, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.converted.contains(&count(line)) {
            repaired::readable(&*self.dialect, bytes)
        } else {
            Cow::Borrowed(bytes)
        }
    }

    /// Looks positions up in some marks, without reading lines.
    fn positions_among(&self, marks: &[u32], wanted: &[(EntryKey, &str)]) -> Vec<Option<usize>> {
        let mut by_key: HashMap<EntryKey, usize> = HashMap::with_capacity(marks.len());
        let mut by_tool: HashMap<u64, usize> = HashMap::new();
        for (at, mark) in marks.iter().map(|&mark| &self.marks[mark as usize]).enumerate().rev() {
            by_key.insert(mark.key, at);
            if mark.tool != 0 {
                by_tool.insert(mark.tool, at);
            }
        }
        let line = |(key, call): &(EntryKey, &str)| {
            let of_call = if call.is_empty() { None } else { by_tool.get(&hash(call.as_bytes())) };
            // Calls of different turns may have the same id.
            by_key.get(key).or(of_call).copied()
        };
        wanted.iter().map(line).collect()
    }

    /// Index of the shown entry of a tool call.
    fn entry_of_tool(&self, tool: u64) -> Option<usize> {
        self.shown.iter().rposition(|&mark| self.marks[mark as usize].tool == tool)
    }
}

impl TranscriptReader for TranscriptIndex {
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
        let mut decoded: HashMap<EntryKey, Entry> =
            transcript.into_entries().into_iter().map(|entry| (entry.key, entry)).collect();
        let tasks = self.task_list();
        let mut missing = Vec::new();
        let entry = |mark: &u32| {
            let EntryMark { key, .. } = self.marks[*mark as usize];
            let mut entry = decoded.remove(&key).unwrap_or_else(|| unreadable_entry(key));
            entry.tokens = self.usage.get(mark).copied().or(entry.tokens);
            entry.reverted |= self.undone.contains(*mark as usize);
            self.dialect.finish(&mut entry);
            if let Some((_, items)) = tasks.as_ref().filter(|(shown_by, _)| shown_by == mark) {
                task_list::show(&mut entry, items);
            }
            if let Some(path) = self.dialect.side_text(&entry)
                && let Err(error) = side_text::fill(&mut entry, &path, limit)
            {
                missing.push(Issue::new(path, format!("the whole output cannot be read: {error}")));
            }
            truncate(&mut entry, limit);
            entry
        };
        let entries = wanted.iter().map(entry).collect();
        for issue in missing {
            if self.issues.len() < ISSUES && !self.issues.contains(&issue) {
                self.issues.push(issue);
            }
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let Some(&mark) = self.shown.get(index) else { return Vec::new() };
        let mut lines = vec![self.line_of(mark)];
        lines.extend(self.result_lines(&[mark]));
        let mut raw = Vec::new();
        for line in lines {
            // Skip a line that can no longer be read; the others are still useful.
            if let Ok(bytes) = self.bytes(line) {
                raw.extend(bytes);
                raw.push(b'\n');
            }
        }
        raw
    }

    fn record_id(&mut self, index: usize) -> Option<String> {
        let line = self.line_of(*self.shown.get(index)?);
        let bytes = self.bytes(line).ok()?;
        let metadata = self.dialect.scan_line(&bytes, self.lines[line].offset).ok()?;
        Some(metadata.id?.decode().into_owned())
    }

    fn branches(&self) -> usize {
        self.branches.len().max(1)
    }

    fn shown_branch(&self) -> usize {
        self.shown_branch
    }

    fn branch_list(&mut self) -> Vec<TranscriptBranch> {
        let last = |newest: usize| self.records[..=newest].iter().rev().find_map(|record| record.time);
        if self.branches.len() < 2 {
            let last = self.records.len().checked_sub(1).and_then(last);
            return vec![TranscriptBranch { entries: self.len(), last, head: self.head_of(0) }];
        }
        let described: Vec<_> = { self.branches.iter() }.map(|span| (*span, last(span.newest))).collect();
        let branch =
            |(BranchSpan { first, entries, .. }, last)| TranscriptBranch { entries, last, head: self.head_of(first) };
        described.into_iter().map(branch).collect()
    }

    fn show_branch(&mut self, branch: usize) -> bool {
        if branch >= self.branches() {
            return false;
        }
        if branch != self.shown_branch {
            self.wanted_branch = Some(branch);
            self.choose_branch();
        }
        true
    }

    fn forks(&mut self) -> Vec<Fork> {
        let mut forks: BTreeMap<Option<usize>, Vec<(usize, Option<u32>)>> = BTreeMap::new();
        let tree = BranchTree::new(&self.records);
        for branch in (0..self.branches.len()).filter(|&branch| branch != self.shown_branch) {
            let other = self.marks_on(&tree.records(branch));
            let shared = self.shown.iter().zip(&other).take_while(|(shown, other)| shown == other).count();
            forks.entry(shared.checked_sub(1)).or_default().push((branch, other.get(shared).copied()));
        }
        let fork = |(entry, others): (Option<usize>, Vec<(usize, Option<u32>)>)| {
            let branches = others.iter().map(|(branch, _)| *branch).collect();
            let head = |(_, mark): &(usize, Option<u32>)| mark.map(|mark| self.head_at(mark)).unwrap_or_default();
            Fork { entry, branches, heads: others.iter().map(head).collect() }
        };
        forks.into_iter().map(fork).collect()
    }

    fn locate(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<BranchPosition>> {
        let branch = self.shown_branch;
        let on_shown = self.positions_among(&self.shown, wanted).into_iter();
        let mut found: Vec<_> = on_shown.map(|at| at.map(|index| BranchPosition { branch, index })).collect();
        // Most transcripts have one branch, and most entries are on the shown one.
        let tree = (self.branches.len() > 1 && found.contains(&None)).then(|| BranchTree::new(&self.records));
        let others = (0..self.branches.len()).filter(|&branch| branch != self.shown_branch);
        for (branch, tree) in others.zip(tree.iter().cycle()) {
            if found.iter().all(Option::is_some) {
                break;
            }
            let others = self.positions_among(&self.marks_on(&tree.records(branch)), wanted);
            for (found, index) in found.iter_mut().zip(others) {
                *found = found.or(index.map(|index| BranchPosition { branch, index }));
            }
        }
        found
    }

    fn namesakes(&mut self, wanted: (EntryKey, &str), branch: usize) -> Vec<usize> {
        self.entries_alike(wanted, branch)
    }

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        self.index_calls();
        let failed = |tool: u64, line: usize| self.results.of(tool, count(line)).any(|(_, failed)| failed);
        let is_marked = |at: &usize| {
            let mark = &self.marks[self.shown[*at] as usize];
            match which {
                MarkKind::Prompts => mark.kind == EntryKind::Prompt,
                MarkKind::Errors => mark.error || (mark.tool != 0 && failed(mark.tool, self.line_of(self.shown[*at]))),
            }
        };
        (0..self.shown.len()).filter(is_marked).collect()
    }

    fn positions(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<usize>> {
        self.positions_among(&self.shown, wanted)
    }

    fn entry_table(&mut self) -> Option<Vec<u8>> {
        let mut table = EntryTableBuilder::default();
        for &mark in &self.shown {
            let EntryMark { key, tool, .. } = self.marks[mark as usize];
            table.push(self.repeated_keys.recorded(mark).unwrap_or(key), tool);
        }
        Some(table.finish(self.branches() > 1))
    }

    fn refresh(&mut self) -> RefreshOutcome {
        self.read_changes()
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn tasks(&mut self) -> Vec<SessionTask> {
        self.task_list().map(|(_, tasks)| tasks).unwrap_or_default()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// Converts an index into marks or lines to 32 bits; no file has 2³² of them.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
