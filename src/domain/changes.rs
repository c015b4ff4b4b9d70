//! Changes of files as hunks, and who made them.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::remark::{HunkLines, PlacedRemark};
use super::tool::{ChangeKind, FileChange};
use super::{SessionKey, Time};

/// Maximum bytes of both texts for a comparison, because it takes quadratic time. Longer ones are shown as a replacement.
const MAX_COMPARED_BYTES: usize = 64 << 10;

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// Changes of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Files, each once.
    pub files: Vec<FileDiff>,
    /// Commit with which the files were compared, if they can be taken back to it.
    pub base: Option<String>,
    /// Snapshot that was compared with it; `None` for the current files.
    #[serde(default)]
    pub until: Option<String>,
    /// Directory to which the paths are relative.
    pub root: String,
    /// Origin of the changes.
    pub source: ChangesSource,
    /// Remarks of the user on changes of the session.
    pub remarks: Vec<PlacedRemark>,
}

/// Extent of the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangesScope {
    /// Changes of the last turn.
    Turn,
    /// Edits of the session.
    Session,
    /// Files of the session's work tree since the last commit.
    WorkTree,
    /// Files of the session's work tree since its branch left the branch of the main worktree, or its upstream.
    Base,
}

impl ChangesScope {
    /// Returns the next extent.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Turn => Self::Session,
            Self::Session => Self::WorkTree,
            Self::WorkTree => Self::Base,
            Self::Base => Self::Turn,
        }
    }
}

/// Restoration of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restoration {
    /// Take back one hunk of the difference of two states.
    Hunk(FileDiff, DiffHunk, ComparedStates),
    /// Take back a file to a commit.
    File(FileDiff, String),
    /// Take back a file from the second snapshot, as which it still must be, to the first one.
    FileOfTurn(FileDiff, String, String),
    /// Take back all files to a snapshot.
    Snapshot(String),
}

/// States of files that were compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedStates {
    /// Commit of the earlier one.
    pub base: String,
    /// Snapshot of the later one; `None` for the current files.
    pub until: Option<String>,
}

/// Origins of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangesSource {
    /// Edits that a transcript contains, as the agent requested them. What commands changed is not among them.
    #[default]
    Edits,
    /// Comparison of two states of the files.
    Files,
}

impl ChangesSource {
    /// Identifier in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Edits => "edits",
            Self::Files => "files",
        }
    }
}

/// Changes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiff {
    /// Path: relative to the root of the files, or as in the edits.
    pub path: String,
    /// Kind of the change.
    pub status: FileDiffStatus,
    /// True if the content is not text, so that there are no hunks.
    pub is_binary: bool,
    /// True if the file is too large for snapshots, so that its content is not compared.
    #[serde(default)]
    pub is_large: bool,
    /// Changed parts, in order.
    pub hunks: Vec<DiffHunk>,
}

/// Kinds of changes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileDiffStatus {
    /// Created.
    Added,
    /// Changed.
    Modified,
    /// Deleted.
    Deleted,
}

impl FileDiffStatus {
    /// Identifier in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
        }
    }
}

/// A changed part of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffHunk {
    /// First line in the old file, if known.
    pub old_start: Option<u32>,
    /// First line in the new file, if known.
    pub new_start: Option<u32>,
    /// Lines with their signs: ` `, `+`, `-`, and `\` for the note that a file does not end with a newline.
    pub lines: Vec<String>,
    /// Edits from which the changed lines come, in order.
    pub authors: Vec<HunkAuthor>,
    /// Changed lines that come from no known edit: made by hand, by a command, or unknown.
    pub unknown: usize,
}

/// An edit from which changed lines come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HunkAuthor {
    /// Session.
    pub session: SessionKey,
    /// Number of the turn, from 1; 0 before the first prompt.
    pub turn: u32,
    /// Number of the entry, from 1.
    pub entry: usize,
}

/// An edit of a file by a session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionEdit {
    /// The edit's place.
    pub author: HunkAuthor,
    /// Time of its entry, or of the last one before it with a time.
    pub time: Option<Time>,
    /// The change, with an absolute path.
    pub change: FileChange,
}

impl FileDiff {
    /// Counts added and removed lines.
    pub fn counts(&self) -> (usize, usize) {
        let count = |sign| self.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.starts_with(sign)).count();
        (count('+'), count('-'))
    }
}

impl DiffHunk {
    /// Returns the header in the unified format, as far as the numbers are known.
    pub fn header(&self) -> String {
        let count = |sign: char| self.lines.iter().filter(|line| !line.starts_with([sign, '\\'])).count();
        match (self.old_start, self.new_start) {
            (Some(old), Some(new)) => format!("@@ -{old},{} +{new},{} @@", count('+'), count('-')),
            _ => "@@".to_owned(),
        }
    }

    /// Returns the lines with the number of the first one.
    pub fn numbered(&self) -> HunkLines<'_> {
        HunkLines { lines: &self.lines, new_start: self.new_start }
    }

    /// Returns the hunk with its place after later changes of the new file; `None` if one of them is within it. The later
    /// changes are without unchanged lines.
    pub fn moved_by(&self, later: &[Self]) -> Option<Self> {
        let count = |hunk: &Self, sign| hunk.lines.iter().filter(|line| !line.starts_with([sign, '\\'])).count();
        let start = usize::try_from(self.new_start?).ok()?;
        let (end, mut moved) = (start + count(self, '-'), start);
        for change in later {
            let (old, new) = (count(change, '+'), count(change, '-'));
            // Without old lines, the number is that of the line before.
            let first = usize::try_from(change.old_start?).ok()? + usize::from(old == 0);
            if first + old <= start {
                moved = (moved + new).checked_sub(old)?;
            } else if first < end {
                return None;
            }
        }
        Some(Self { new_start: u32::try_from(moved).ok(), ..self.clone() })
    }

    fn changed(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str).filter(|line| line.starts_with(['+', '-']))
    }
}

/// Groups edits by file, in the order of their first edit.
pub fn from_edits(edits: &[SessionEdit]) -> Changes {
    let mut files: Vec<FileDiff> = Vec::new();
    for edit in edits {
        let path = &edit.change.path;
        let at = files.iter().position(|file| file.path == *path).unwrap_or_else(|| {
            let status = FileDiffStatus::Modified;
            files.push(FileDiff { path: path.clone(), status, is_binary: false, is_large: false, hunks: Vec::new() });
            files.len() - 1
        });
        let file = &mut files[at];
        file.status = match edit.change.kind {
            ChangeKind::Delete => FileDiffStatus::Deleted,
            ChangeKind::Write(_) if file.hunks.is_empty() => FileDiffStatus::Added,
            _ if file.status == FileDiffStatus::Added => FileDiffStatus::Added,
            _ => FileDiffStatus::Modified,
        };
        let authors = vec![edit.author.clone()];
        let hunks = hunks(&edit.change.kind).into_iter().map(|hunk| DiffHunk { authors: authors.clone(), ..hunk });
        file.hunks.extend(hunks);
    }
    Changes { files, ..Changes::default() }
}

/// Returns the hunks of a change. The numbers of lines are unknown unless the change contains them.
fn hunks(change: &ChangeKind) -> Vec<DiffHunk> {
    match change {
        ChangeKind::Write(text) => {
            let lines = signed('+', text);
            vec![DiffHunk { old_start: Some(0), new_start: Some(1), lines, ..DiffHunk::default() }]
        }
        ChangeKind::Delete => Vec::new(),
        ChangeKind::Replace(pairs) => pairs.iter().flat_map(|(old, new)| replaced(old, new)).collect(),
        ChangeKind::Patch(patch) => parse_hunks(patch.lines()),
    }
}

fn replaced(old: &str, new: &str) -> Vec<DiffHunk> {
    if old.len() + new.len() > MAX_COMPARED_BYTES {
        let lines = signed('-', old).into_iter().chain(signed('+', new)).collect();
        return vec![DiffHunk { lines, ..DiffHunk::default() }];
    }
    let diff = TextDiff::from_lines(old, new);
    // The texts are parts of a file: the numbers of lines would be wrong, and their ends are not the file's.
    let unified = diff.unified_diff().context_radius(CONTEXT_LINES).missing_newline_hint(false).to_string();
    let unnumbered = |hunk| DiffHunk { old_start: None, new_start: None, ..hunk };
    parse_hunks(unified.lines()).into_iter().map(unnumbered).collect()
}

fn signed(sign: char, text: &str) -> Vec<String> {
    text.lines().map(|line| format!("{sign}{line}")).collect()
}

/// Parses the hunks of a unified diff. Lines before the first header are skipped, unless there is no header.
pub fn parse_hunks<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<DiffHunk> {
    let mut hunks: Vec<DiffHunk> = Vec::new();
    for line in lines {
        if line.starts_with("@@") {
            let (old_start, new_start) = starts(line).unzip();
            hunks.push(DiffHunk { old_start, new_start, ..DiffHunk::default() });
        } else if line.starts_with('\\') {
            hunks.last_mut().into_iter().for_each(|hunk| hunk.lines.push(line.to_owned()));
        } else if line.starts_with([' ', '+', '-']) || line.is_empty() {
            if hunks.is_empty() {
                if line.starts_with("+++ ") || line.starts_with("--- ") {
                    continue;
                }
                hunks.push(DiffHunk::default());
            }
            let text = if line.is_empty() { " " } else { line };
            hunks.last_mut().into_iter().for_each(|hunk| hunk.lines.push(text.to_owned()));
        }
    }
    hunks
}

/// Parses the first old and new line of a hunk header: `@@ -1,4 +1,6 @@`.
fn starts(header: &str) -> Option<(u32, u32)> {
    let mut fields = header.strip_prefix("@@ -")?.split(' ');
    let number = |word: &str| word.split(',').next()?.parse().ok();
    Some((number(fields.next()?)?, number(fields.next()?.strip_prefix('+')?)?))
}

/// Changed lines of an edit.
struct EditLines<'e> {
    edit: &'e SessionEdit,
    hunks: Vec<DiffHunk>,
}

impl EditLines<'_> {
    /// Returns true if the edit decided on the whole content of the file, so that it removed what is not in it.
    fn is_whole(&self) -> bool {
        matches!(self.edit.change.kind, ChangeKind::Write(_) | ChangeKind::Delete)
    }
}

/// Sets the authors of the hunks of a file: for each changed line the latest edit of the file that contains it. A line
/// that is gone without such an edit was removed by the latest one that wrote the whole file, if its content is there.
pub fn attribute(file: &mut FileDiff, edits: &[&SessionEdit]) {
    let changed: Vec<_> = edits.iter().map(|edit| EditLines { edit, hunks: hunks(&edit.change.kind) }).collect();
    let sets: Vec<HashSet<&str>> =
        changed.iter().map(|edit| edit.hunks.iter().flat_map(DiffHunk::changed).collect()).collect();
    let latest = |line: &str| sets.iter().rposition(|lines| lines.contains(line));
    let found: Vec<Vec<(String, Option<usize>)>> =
        file.hunks.iter().map(|hunk| proving(hunk).map(|line| (line.to_owned(), latest(line))).collect()).collect();
    let is_present = |at: &usize| found.iter().flatten().any(|(_, by)| *by == Some(*at));
    let deleted = |at: &usize| file.status == FileDiffStatus::Deleted && at + 1 == changed.len();
    let whole = (0..changed.len()).rev().find(|at| changed[*at].is_whole() && (is_present(at) || deleted(at)));
    let removed_by = |line: &str| {
        let text = line.strip_prefix('-')?;
        whole.filter(|at| !sets[*at].contains(format!("+{text}").as_str()))
    };
    for (hunk, lines) in file.hunks.iter_mut().zip(&found) {
        let by: Vec<Option<usize>> = lines.iter().map(|(line, by)| by.or_else(|| removed_by(line))).collect();
        // An empty line proves nothing.
        let is_unknown =
            |((line, _), by): &(&(String, _), &Option<usize>)| by.is_none() && !line[1..].trim().is_empty();
        hunk.unknown = lines.iter().zip(&by).filter(is_unknown).count();
        let authors: BTreeSet<usize> = by.into_iter().flatten().collect();
        hunk.authors = authors.into_iter().map(|at| changed[at].edit.author.clone()).collect();
    }
}

/// Returns the changed lines of a hunk that show its authors. A bracket alone proves nothing, unless there is nothing else.
fn proving(hunk: &DiffHunk) -> impl Iterator<Item = &str> {
    let has_words = hunk.changed().any(|line| line.contains(char::is_alphanumeric));
    hunk.changed().filter(move |line| !has_words || line.contains(char::is_alphanumeric))
}
