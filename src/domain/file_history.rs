//! Content of a file at any entry of a transcript, from the changes that the agent made.
//!
//! Forwards from the last time the file was written as a whole, else backwards from its present content. A change that
//! does not fit makes the content unknown: a guess would be worse than none.

use super::tool::{ChangeKind, ToolAction, ToolStatus};
use super::transcript::Entry;

/// Changes of one file.
#[derive(Clone, Debug, Default)]
pub struct FileHistory {
    /// Changes with the index of their entry, ascending.
    changes: Vec<(usize, ChangeKind)>,
}

impl FileHistory {
    /// Adds the changes of an entry to the file for whose path `is_wanted` is true.
    pub fn add(&mut self, index: usize, entry: &Entry, is_wanted: impl Fn(&str) -> bool) {
        let done = entry.tool.as_ref().filter(|tool| tool.status == ToolStatus::Done && !entry.reverted);
        let Some(ToolAction::Edit(changes)) = done.map(|tool| &tool.action) else { return };
        let wanted = changes.iter().filter(|change| is_wanted(&change.path));
        self.changes.extend(wanted.map(|change| (index, change.kind.clone())));
    }

    /// Returns the indices of the entries that change the file.
    pub fn entries(&self) -> Vec<usize> {
        let mut entries: Vec<_> = self.changes.iter().map(|(index, _)| *index).collect();
        entries.dedup();
        entries
    }

    /// Returns the content after an entry; `present` is the content on disk. `None` if it cannot be known, or if the file
    /// did not exist.
    pub fn content_after(&self, entry: usize, present: Option<&str>) -> Option<String> {
        let end = self.changes.partition_point(|(index, _)| *index <= entry);
        self.forwards(end).or_else(|| self.backwards(end, present?))
    }

    /// Applies the changes before `end`, from the last that wrote the whole file.
    fn forwards(&self, end: usize) -> Option<String> {
        let whole = |(_, kind): &(usize, ChangeKind)| matches!(kind, ChangeKind::Write(_) | ChangeKind::Delete);
        let start = self.changes[..end].iter().rposition(whole)?;
        let mut content = None;
        for (_, kind) in &self.changes[start..end] {
            content = apply(content, kind);
            content.as_ref()?;
        }
        content
    }

    /// Takes the changes from `end` on back.
    fn backwards(&self, end: usize, present: &str) -> Option<String> {
        let mut content = present.to_owned();
        for (_, kind) in self.changes[end..].iter().rev() {
            content = take_back(&content, kind)?;
        }
        Some(content)
    }
}

/// Applies a change. `None` if it does not fit, or deletes the file.
fn apply(content: Option<String>, kind: &ChangeKind) -> Option<String> {
    match kind {
        ChangeKind::Write(text) => Some(text.clone()),
        ChangeKind::Delete => None,
        // A text that occurs several times was replaced everywhere: agents refuse it otherwise.
        ChangeKind::Replace(pairs) => pairs.iter().try_fold(content?, |content, (old, new)| {
            (!old.is_empty() && content.contains(old.as_str())).then(|| content.replace(old.as_str(), new))
        }),
        ChangeKind::Patch(patch) => {
            hunks(patch).try_fold(content?, |content, (old, new)| replace_lines(&content, &old, &new))
        }
    }
}

/// Takes a change back. `None` if its text is not there exactly once.
fn take_back(content: &str, kind: &ChangeKind) -> Option<String> {
    match kind {
        ChangeKind::Write(_) | ChangeKind::Delete => None,
        ChangeKind::Replace(pairs) => pairs.iter().rev().try_fold(content.to_owned(), |content, (old, new)| {
            let is_unique = !new.is_empty() && content.matches(new.as_str()).count() == 1;
            is_unique.then(|| content.replacen(new.as_str(), old, 1))
        }),
        ChangeKind::Patch(patch) => {
            let all: Vec<_> = hunks(patch).collect();
            all.iter().rev().try_fold(content.to_owned(), |content, (old, new)| replace_lines(&content, new, old))
        }
    }
}

/// Splits a unified diff into the old and the new lines of each hunk.
fn hunks(patch: &str) -> impl Iterator<Item = (Vec<&str>, Vec<&str>)> {
    let mut all: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for line in patch.lines() {
        if line.starts_with("@@") || all.is_empty() {
            all.push((Vec::new(), Vec::new()));
        }
        let Some((old, new)) = all.last_mut() else { continue };
        match line.as_bytes().first() {
            Some(b'-') => old.push(&line[1..]),
            Some(b'+') => new.push(&line[1..]),
            Some(b' ') => {
                old.push(&line[1..]);
                new.push(&line[1..]);
            }
            _ => {}
        }
    }
    all.into_iter().filter(|(old, new)| !old.is_empty() || !new.is_empty())
}

/// Replaces lines that are there exactly once.
fn replace_lines(content: &str, old: &[&str], new: &[&str]) -> Option<String> {
    let lines: Vec<&str> = content.lines().collect();
    if old.is_empty() {
        return lines.is_empty().then(|| joined(new, true));
    }
    let mut found = lines.windows(old.len()).enumerate().filter(|(_, window)| *window == old);
    let (Some((at, _)), None) = (found.next(), found.next()) else { return None };
    let changed = [&lines[..at], new, &lines[at + old.len()..]].concat();
    Some(joined(&changed, content.ends_with('\n')))
}

fn joined(lines: &[&str], ends_line: bool) -> String {
    let mut text = lines.join("\n");
    if ends_line && !text.is_empty() {
        text.push('\n');
    }
    text
}
