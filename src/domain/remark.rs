//! Remarks of the user on changed lines: their place in a file that changes, and the prompt that contains them.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{SessionKey, Time};

/// Maximum lines of a remark's snippet, because the prompt contains them.
pub const MAX_SNIPPET_LINES: usize = 60;

/// Maximum lines kept on each side of a snippet, because they only tell equal lines apart.
const CONTEXT_LINES: usize = 3;

/// Minimum characters of a line that identify it without its neighbours.
const MIN_DISTINCT_CHARS: usize = 8;

/// A remark on lines or on a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Identifier in `state.db`; 0 before it is saved.
    pub id: i64,
    /// The session whose changes are reviewed.
    pub session: SessionKey,
    /// Absolute path of the file.
    pub path: String,
    /// Lines to which the remark belongs.
    pub snippet: RemarkSnippet,
    /// The remark.
    pub text: String,
    /// Time of its creation.
    pub created: Time,
    /// Time at which it was sent; `None` until then.
    pub sent: Option<Time>,
    /// Digest of the whole file when the remark was sent or made; empty if it could not be read.
    pub digest: String,
}

/// Lines of a diff to which a remark belongs. Without lines, the remark is on the whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemarkSnippet {
    /// Number of the first line in the file at the time of the remark, if known.
    pub start: Option<u32>,
    /// Lines with their signs.
    pub lines: Vec<String>,
    /// Lines of the file before the snippet, without signs.
    pub before: Vec<String>,
    /// Lines of the file after the snippet, without signs.
    pub after: Vec<String>,
}

/// Lines of a hunk.
#[derive(Clone, Copy, Debug)]
pub struct HunkLines<'a> {
    /// Lines with their signs.
    pub lines: &'a [String],
    /// Number of the first line in the new file, if known.
    pub new_start: Option<u32>,
}

/// A remark with its place in the current file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedRemark {
    /// The remark.
    pub remark: Remark,
    /// Number of its first line now, if known.
    pub line: Option<u32>,
    /// True if its lines changed since.
    pub is_changed: bool,
}

/// States of a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkState {
    /// Not sent.
    Draft,
    /// Sent, and its lines are as they were.
    Open,
    /// Sent, and its lines changed since.
    Handled,
}

impl RemarkState {
    /// Identifier in JSON, and label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Handled => "handled",
        }
    }
}

/// Change of the remarks of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one edit at a time")]
pub enum RemarkEdit {
    /// Save a new remark.
    Add(Remark),
    /// Replace the text of a remark.
    SetText(i64, String),
    /// Remove a remark.
    Remove(i64),
    /// Record that remarks were sent.
    Sent(Vec<i64>),
}

/// Prompt that contains remarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewPrompt {
    /// The session that receives it.
    pub key: SessionKey,
    /// The prompt.
    pub text: String,
    /// Identifiers of the remarks.
    pub remarks: Vec<i64>,
}

impl RemarkSnippet {
    /// Takes the lines from `first` to `last` of a hunk.
    pub fn of(hunk: HunkLines<'_>, first: usize, last: usize) -> Self {
        let is_kept = |line: &&String| line.starts_with([' ', '+']);
        let text = |line: &String| line.get(1..).unwrap_or_default().to_owned();
        let is_line = |line: &&String| line.starts_with([' ', '+', '-']);
        let last = last.min(hunk.lines.len().saturating_sub(1));
        let (first, after) = (first.min(last), hunk.lines.get(last + 1..).unwrap_or_default());
        let kept_before = hunk.lines.iter().take(first).filter(is_kept);
        let line = u32::try_from(kept_before.clone().count()).unwrap_or(u32::MAX);
        let before: Vec<String> = kept_before.map(text).collect();
        Self {
            start: hunk.new_start.map(|start| start.saturating_add(line)),
            lines: hunk
                .lines
                .iter()
                .take(last + 1)
                .skip(first)
                .filter(is_line)
                .take(MAX_SNIPPET_LINES)
                .cloned()
                .collect(),
            before: before[before.len().saturating_sub(CONTEXT_LINES)..].to_vec(),
            after: after.iter().filter(is_kept).take(CONTEXT_LINES).map(text).collect(),
        }
    }

    /// Returns the lines that the file has, or had if it lost them all.
    fn present(&self) -> (Vec<&str>, bool) {
        let side = |signs: &'static [char]| {
            let lines = self.lines.iter().filter(move |line| line.starts_with(signs));
            lines.map(|line| line.get(1..).unwrap_or_default()).collect::<Vec<_>>()
        };
        let new = side(&[' ', '+']);
        if new.is_empty() { (side(&['-']), true) } else { (new, false) }
    }

    /// Finds the snippet in a text. Of several equal places, the one with the most equal neighbours counts, then the
    /// nearest one. Returns the number of its first line.
    fn find(&self, wanted: &[&str], lines: &[&str]) -> Option<u32> {
        let start = self.start.map_or(0, |start| start.saturating_sub(1) as usize);
        let candidates = lines.windows(wanted.len().max(1)).enumerate().filter(|(_, window)| *window == wanted);
        let scored = candidates.map(|(at, _)| (self.equal_neighbours(lines, at, wanted.len()), at));
        let (score, at) = scored.max_by_key(|(score, at)| (*score, std::cmp::Reverse(at.abs_diff(start))))?;
        let is_distinct = |line: &&str| line.chars().filter(|c| c.is_alphanumeric()).count() >= MIN_DISTINCT_CHARS;
        let has_context = !self.before.is_empty() || !self.after.is_empty();
        let is_it = score > 0 || !has_context || wanted.iter().any(is_distinct);
        is_it.then(|| u32::try_from(at + 1).unwrap_or(u32::MAX))
    }

    /// Counts the neighbours of a place that are those of the snippet.
    fn equal_neighbours(&self, lines: &[&str], at: usize, count: usize) -> usize {
        let above = lines[..at].iter().rev().zip(self.before.iter().rev());
        let below = lines.get(at + count..).unwrap_or_default().iter().zip(&self.after);
        let equal = |(line, kept): &(&&str, &String)| **line == kept.as_str();
        above.take_while(equal).count() + below.take_while(equal).count()
    }
}

impl Remark {
    /// Finds the place of the remark in the current content of its file; `None` if the file is gone. `digest` is that
    /// of the content.
    pub fn place(self, content: Option<&str>, digest: &str) -> PlacedRemark {
        let start = self.snippet.start;
        let (wanted, is_removed) = self.snippet.present();
        let (line, is_changed) = match content {
            None => (None, true),
            Some(_) if wanted.is_empty() => (None, self.digest != digest),
            Some(content) => {
                let lines: Vec<&str> = content.lines().collect();
                let found = self.snippet.find(&wanted, &lines);
                // Removed lines are handled once they are back.
                if is_removed { (found.or(start), found.is_some()) } else { (found, found.is_none()) }
            }
        };
        PlacedRemark { remark: self, line, is_changed }
    }
}

impl PlacedRemark {
    /// Returns the state.
    pub fn state(&self) -> RemarkState {
        match (self.remark.sent, self.is_changed) {
            (None, _) => RemarkState::Draft,
            (Some(_), false) => RemarkState::Open,
            (Some(_), true) => RemarkState::Handled,
        }
    }

    /// Finds the last line of the remark in the hunks of its file: the hunk, and the index of the line. `None` if it is
    /// on the whole file, or if no hunk has its lines.
    pub fn place_in(&self, hunks: &[HunkLines<'_>]) -> Option<(usize, usize)> {
        let wanted = &self.remark.snippet.lines;
        if wanted.is_empty() {
            return None;
        }
        let near = self.line.or(self.remark.snippet.start);
        let windows = |hunk: &HunkLines<'_>| {
            let found = hunk.lines.windows(wanted.len()).enumerate().filter(|(_, lines)| *lines == wanted);
            found.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let exact = hunks.iter().enumerate().flat_map(|(nth, hunk)| {
            let distance = move |at: usize| {
                let here = RemarkSnippet::of(*hunk, at, at).start;
                near.zip(here).map_or(u32::MAX, |(near, here)| near.abs_diff(here))
            };
            windows(hunk).into_iter().map(move |at| (distance(at), nth, at + wanted.len() - 1))
        });
        let exact = exact.min().map(|(_, nth, at)| (nth, at));
        exact.or_else(|| self.place_by_number(hunks))
    }

    /// Finds the last line by its number in the new file.
    fn place_by_number(&self, hunks: &[HunkLines<'_>]) -> Option<(usize, usize)> {
        let kept = self.remark.snippet.lines.iter().filter(|line| line.starts_with([' ', '+'])).count();
        let last = self.line?.saturating_add(u32::try_from(kept).ok()?.saturating_sub(1));
        hunks.iter().enumerate().find_map(|(nth, hunk)| {
            let mut number = hunk.new_start?;
            for (at, _) in hunk.lines.iter().enumerate().filter(|(_, line)| line.starts_with([' ', '+'])) {
                if number == last {
                    return Some((nth, at));
                }
                number = number.saturating_add(1);
            }
            None
        })
    }
}

/// Writes the prompt that contains remarks. Paths are relative to the root where they are below it.
pub fn prompt(remarks: &[&PlacedRemark], root: &str) -> String {
    let mut out = match remarks.len() {
        1 => "I reviewed your changes. Please address this remark:\n".to_owned(),
        count => format!("I reviewed your changes. Please address these {count} remarks:\n"),
    };
    for (nth, placed) in remarks.iter().enumerate() {
        let remark = &placed.remark;
        let path = Path::new(&remark.path);
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
        let line = placed.line.or(remark.snippet.start).filter(|_| !remark.snippet.lines.is_empty());
        let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
        // Writing to a string cannot fail.
        _ = write!(out, "\n{}. {path}{line}:\n", nth + 1);
        if !remark.snippet.lines.is_empty() {
            let code = remark.snippet.lines.join("\n");
            let fence = "`".repeat(longest_run(&code).max(2) + 1);
            _ = write!(out, "{fence}diff\n{code}\n{fence}\n");
        }
        _ = writeln!(out, "{}", remark.text.trim());
    }
    out.truncate(out.trim_end().len());
    out
}

/// Returns the length of the longest run of backticks, which a fence must exceed.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Names a number of remarks: `1 remark`, `3 remarks`.
pub fn count_label(count: usize) -> String {
    if count == 1 { "1 remark".to_owned() } else { format!("{count} remarks") }
}
