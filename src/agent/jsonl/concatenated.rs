//! A transcript in several files: a session's own file, preceded by those with the beginning of its conversation.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Dialect;
use super::transcript_index::TranscriptIndex;
use crate::agent::{BranchPosition, Fork, MarkKind, RefreshOutcome, TextLimit, TranscriptBranch, TranscriptReader};
use crate::domain::event::NoticeLevel;
use crate::domain::{Entry, EntryKey, EntryKind, Issue, Role};

/// Files that precede a session's own file.
#[derive(Debug)]
pub(crate) struct History<D> {
    /// The files, oldest first, each with the dialect of its part of the conversation.
    pub parts: Vec<(PathBuf, D)>,
    /// The part before them, if its file is missing.
    pub missing: Option<MissingHistory>,
}

/// A part of a conversation whose file does not exist.
#[derive(Clone, Debug)]
pub(crate) struct MissingHistory {
    /// Id of its session.
    pub id: String,
    /// Explanation for the user.
    pub text: String,
}

/// Opens the files of `history` before a session's `own` file, which is at `path`.
pub(crate) fn open<D: Dialect + 'static>(
    history: History<D>,
    path: &Path,
    own: TranscriptIndex,
) -> io::Result<Box<dyn TranscriptReader>> {
    let mut parts: Vec<Box<dyn TranscriptReader>> = Vec::new();
    if let Some(missing) = history.missing {
        parts.push(Box::new(MissingHistoryReader::new(path, missing)));
    }
    for (path, dialect) in history.parts {
        parts.push(Box::new(TranscriptIndex::open(Arc::new(dialect), &path)?));
    }
    parts.push(Box::new(own));
    let mut reader = ConcatenatedReader { parts, issues: Vec::new() };
    reader.collect_issues();
    Ok(Box::new(reader))
}

/// Several readers in sequence. Only the last one grows.
struct ConcatenatedReader {
    parts: Vec<Box<dyn TranscriptReader>>,
    issues: Vec<Issue>,
}

impl ConcatenatedReader {
    fn collect_issues(&mut self) {
        self.issues = self.parts.iter().flat_map(|part| part.issues()).cloned().collect();
    }

    /// Number of entries before the session's own file.
    fn inherited(&self) -> usize {
        self.len() - self.parts.last().map_or(0, |own| own.len())
    }

    /// Parts, each with the index of its first entry.
    fn parts_with_offsets(&mut self) -> impl Iterator<Item = (usize, &mut Box<dyn TranscriptReader>)> {
        self.parts.iter_mut().scan(0, |first, part| {
            let at = *first;
            *first += part.len();
            Some((at, part))
        })
    }
}

impl TranscriptReader for ConcatenatedReader {
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (first, part) in self.parts_with_offsets() {
            let (start, end) = (range.start.saturating_sub(first), range.end.saturating_sub(first));
            if start < end.min(part.len()) {
                entries.extend(part.read(start..end, limit));
            }
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let part = self.parts_with_offsets().find(|(first, part)| (*first..first + part.len()).contains(&index));
        part.map(|(first, part)| part.raw(index - first)).unwrap_or_default()
    }

    fn branches(&self) -> usize {
        self.parts.last().map_or(1, |own| own.branches())
    }

    fn shown_branch(&self) -> usize {
        self.parts.last().map_or(0, |own| own.shown_branch())
    }

    fn branch_list(&mut self) -> Vec<TranscriptBranch> {
        let Some(own) = self.parts.last_mut() else { return Vec::new() };
        let mut branches = own.branch_list();
        let inherited = self.inherited();
        branches.iter_mut().for_each(|branch| branch.entries += inherited);
        branches
    }

    fn show_branch(&mut self, branch: usize) -> bool {
        self.parts.last_mut().is_some_and(|own| own.show_branch(branch))
    }

    fn forks(&mut self) -> Vec<Fork> {
        let inherited = self.inherited();
        let mut forks = self.parts.last_mut().map(|own| own.forks()).unwrap_or_default();
        for fork in &mut forks {
            fork.entry = fork.entry.map(|at| at + inherited).or(inherited.checked_sub(1));
        }
        forks
    }

    fn locate(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<BranchPosition>> {
        let branch = self.shown_branch();
        let inherited = self.inherited();
        let own = self.parts.last_mut().map(|own| own.locate(wanted)).unwrap_or_default();
        let shown = self.positions(wanted);
        let own = own.into_iter().map(|found| found.map(|at| BranchPosition { index: at.index + inherited, ..at }));
        let shown = shown.into_iter().map(|found| found.map(|index| BranchPosition { branch, index }));
        shown.zip(own).map(|(shown, own)| shown.or(own)).collect()
    }

    fn namesakes(&mut self, wanted: (EntryKey, &str), branch: usize) -> Vec<usize> {
        let inherited = self.inherited();
        let own = self.parts.last_mut().map(|own| own.namesakes(wanted, branch)).unwrap_or_default();
        own.into_iter().map(|at| at + inherited).collect()
    }

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        let marks = |(first, part): (usize, &mut Box<dyn TranscriptReader>)| {
            part.marks(which).into_iter().map(move |at| first + at).collect::<Vec<_>>()
        };
        self.parts_with_offsets().flat_map(marks).collect()
    }

    fn positions(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<usize>> {
        let mut found = vec![None; wanted.len()];
        for (first, part) in self.parts_with_offsets() {
            for (found, at) in found.iter_mut().zip(part.positions(wanted)) {
                *found = found.or(at.map(|at| first + at));
            }
        }
        found
    }

    fn entry_table(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn refresh(&mut self) -> RefreshOutcome {
        let Some(own) = self.parts.last_mut() else { return RefreshOutcome::Same };
        let refreshed = own.refresh();
        let inherited = self.inherited();
        self.collect_issues();
        match refreshed {
            RefreshOutcome::Grown { from } => RefreshOutcome::Grown { from: inherited + from },
            other @ (RefreshOutcome::Same | RefreshOutcome::Reset | RefreshOutcome::Gone) => other,
        }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes_read()).sum()
    }
}

/// Reader with one notice in place of a missing history.
struct MissingHistoryReader {
    entry: Entry,
    issues: Vec<Issue>,
}

impl MissingHistoryReader {
    fn new(path: &Path, MissingHistory { id, text }: MissingHistory) -> Self {
        let mut entry = Entry::new(EntryKey::new(&id, u32::MAX), EntryKind::Notice, Role::System, None);
        entry.level = NoticeLevel::Warning;
        entry.text.clone_from(&text);
        Self { entry, issues: vec![Issue::new(path, text)] }
    }
}

impl TranscriptReader for MissingHistoryReader {
    fn len(&self) -> usize {
        1
    }

    fn read(&mut self, range: Range<usize>, _limit: TextLimit) -> Vec<Entry> {
        range.contains(&0).then(|| self.entry.clone()).into_iter().collect()
    }

    fn raw(&mut self, _index: usize) -> Vec<u8> {
        Vec::new()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, _which: MarkKind) -> Vec<usize> {
        Vec::new()
    }

    fn refresh(&mut self) -> RefreshOutcome {
        RefreshOutcome::Same
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        0
    }
}
