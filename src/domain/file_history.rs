//! Content of a file at any entry of a transcript, from the changes that the agent made.
//!
//! Changes are applied forwards from the last known whole content: a change that wrote it, or a backup of the agent.
//! Without one they are undone backwards, from the next backup or from the present content. A change that does not fit
//! makes the content unknown, because a guess would be worse than none.

use super::tool::{ChangeKind, ToolAction, ToolStatus};
use super::transcript::Entry;

/// Changes of one file.
#[derive(Clone, Debug, Default)]
pub struct FileHistory {
    /// Changes with the index of their entry, ascending.
    changes: Vec<(usize, ChangeKind)>,
    /// Contents before an entry, of which backups were made, ascending; `None` if the file did not exist.
    backups: Vec<(usize, Option<String>)>,
}

/// View of a file at an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileView {
    /// Content after the entry.
    Content,
    /// Difference that the session made up to the entry.
    ChangesUntil,
    /// Difference from after the entry to the present content.
    ChangesSince,
}

impl FileHistory {
    /// Adds the changes of an entry to the file for whose path `is_wanted` is true.
    pub fn add(&mut self, index: usize, entry: &Entry, is_wanted: impl Fn(&str) -> bool) {
        let done = entry.tool.as_ref().filter(|tool| tool.status == ToolStatus::Done && !entry.reverted);
        let Some(ToolAction::Edit(changes)) = done.map(|tool| &tool.action) else { return };
        let wanted = changes.iter().filter(|change| is_wanted(&change.path));
        self.changes.extend(wanted.map(|change| (index, change.kind.clone())));
    }

    /// Adds the content that the file had before an entry; `None` if it did not exist.
    pub fn add_backup(&mut self, before: usize, content: Option<String>) {
        let at = self.backups.partition_point(|(index, _)| *index <= before);
        self.backups.insert(at, (before, content));
    }

    /// Returns the content before the first change; empty if the file did not exist, or if its first change replaced what
    /// it contained.
    pub fn content_before(&self, present: Option<&str>) -> Option<String> {
        let (first, kind) = self.changes.first()?;
        let known = first.checked_sub(1).and_then(|before| self.content_after(before, present));
        let at_first = || self.backups.iter().find(|(index, _)| index == first).map(|(_, content)| content.clone());
        let replaced = || matches!(kind, ChangeKind::Write(_)).then(String::new);
        known.or_else(|| at_first().map(Option::unwrap_or_default)).or_else(replaced)
    }

    /// Returns true if nothing is known of the file: no change, and no content.
    pub fn is_unknown(&self) -> bool {
        self.changes.is_empty() && self.backups.iter().all(|(_, content)| content.is_none())
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
        if self.is_between_contents(entry) {
            return None;
        }
        let end = self.changes.partition_point(|(index, _)| *index <= entry);
        self.forwards(end, entry).or_else(|| self.backwards(end, entry, present))
    }

    /// Returns true if the file differs before and after a part of the session that contains an entry, without a change in
    /// it: a command changed the file at an unknown time.
    fn is_between_contents(&self, entry: usize) -> bool {
        let after = entry.saturating_add(1);
        let Some((from, before)) = self.backups.iter().rfind(|(index, _)| *index <= after) else { return false };
        let Some((to, later)) = self.backups.iter().find(|(index, _)| *index > after) else { return false };
        let has_changes = self.changes.iter().any(|(index, _)| (*from..*to).contains(index));
        *from < after && before != later && !has_changes
    }

    /// Applies the changes before `end`, up to an entry, from the last place where the whole content is known.
    fn forwards(&self, end: usize, entry: usize) -> Option<String> {
        let whole = |(_, kind): &(usize, ChangeKind)| matches!(kind, ChangeKind::Write(_) | ChangeKind::Delete);
        let written = self.changes[..end].iter().rposition(whole);
        let backup = self.backups.iter().rfind(|(before, _)| *before <= entry.saturating_add(1));
        let since = |before: usize| self.changes.partition_point(|(index, _)| *index < before);
        let backup = backup.map(|(before, content)| (since(*before), content));
        let (start, mut content) = match (written, backup) {
            (Some(written), Some((from, content))) if from > written => (from, content.clone()),
            (Some(written), _) => (written, None),
            (None, Some((from, content))) => (from, content.clone()),
            (None, None) => return None,
        };
        for (_, kind) in &self.changes[start..end] {
            content = apply(content, kind);
            content.as_ref()?;
        }
        content
    }

    /// Takes changes from `end` on back: from the next backup after an entry, else from the present content.
    fn backwards(&self, end: usize, entry: usize, present: Option<&str>) -> Option<String> {
        let backup = self.backups.iter().find(|(before, _)| *before > entry.saturating_add(1));
        let (to, content) = match backup {
            Some((before, content)) => (self.changes.partition_point(|(index, _)| index < before), content.as_deref()),
            None => (self.changes.len(), present),
        };
        let mut content = content?.to_owned();
        for (_, kind) in self.changes[end..to].iter().rev() {
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
