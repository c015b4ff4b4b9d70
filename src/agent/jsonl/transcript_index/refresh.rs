//! Changes of an open file: lines that were appended, a file that was replaced, and further files of its session.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::{TranscriptIndex, count};
use crate::agent::jsonl::Dialect;
use crate::agent::jsonl::scan::check;
use crate::agent::{FileStamp, RefreshOutcome};
use crate::domain::Issue;

/// Returns another dialect when the session has other files than before.
pub(in crate::agent::jsonl) type DialectRenewal = Box<dyn FnMut() -> Option<io::Result<Arc<dyn Dialect>>> + Send>;

impl TranscriptIndex {
    /// Reads the session again whenever `renewal` returns a dialect for other files.
    pub(crate) fn with_renewal(self, renewal: DialectRenewal) -> Self {
        Self { renewal: Some(renewal), ..self }
    }

    /// Reads what changed since the last time.
    pub(super) fn read_changes(&mut self) -> RefreshOutcome {
        match self.renewal.as_mut().and_then(|renewal| renewal()) {
            Some(Ok(dialect)) => {
                self.dialect = dialect;
                return self.reopen();
            }
            Some(Err(_)) => return RefreshOutcome::Gone,
            None => {}
        }
        let Ok(stamp) = self.dialect.stamp(&self.path) else { return RefreshOutcome::Gone };
        if stamp == self.stamp {
            return RefreshOutcome::Same;
        }
        if !self.is_grown(stamp) {
            return self.reopen();
        }
        let before = self.shown.len();
        // Prompts that were not sent are last, and move with everything that is appended.
        let (old, first_new) = (self.shown_sent().to_vec(), count(self.sent.map_or(self.lines.len(), |sent| sent.0)));
        self.changed_usage = None;
        let tasks = self.task_list();
        if let Err(error) = self.scan_appended() {
            self.issues.push(Issue::new(&self.path, error));
            return RefreshOutcome::Same;
        }
        if self.is_outdated {
            return self.reopen();
        }
        if !self.shown.starts_with(&old) || self.shown.len() < before {
            return RefreshOutcome::Reset;
        }
        let changed = self.results.since(first_new).filter_map(|tool| self.entry_of_tool(tool));
        let mut from = changed.chain(self.changed_usage()).min().unwrap_or(old.len()).min(old.len());
        let now = self.task_list();
        if now != tasks {
            let marks = [tasks, now].into_iter().flatten().map(|(mark, _)| mark);
            from = marks.filter_map(|mark| self.shown.binary_search(&mark).ok()).fold(from, usize::min);
        }
        if from == self.shown.len() { RefreshOutcome::Same } else { RefreshOutcome::Grown { from } }
    }

    /// Reads the file from its beginning again. The branches of another file have other numbers.
    fn reopen(&mut self) -> RefreshOutcome {
        match Self::open(self.dialect.clone(), &self.path) {
            Ok(fresh) => {
                *self = Self { renewal: self.renewal.take(), ..fresh };
                RefreshOutcome::Reset
            }
            Err(_) => RefreshOutcome::Gone,
        }
    }

    /// True if the changed file continues what was read; then the next scan reads the rest.
    fn is_grown(&mut self, stamp: FileStamp) -> bool {
        let (offset, _, before) = self.end;
        let is_same = |file: &File| check(file, offset).is_ok_and(|check| check == before);
        if self.is_copy {
            let Ok(text) = self.dialect.open_text(&self.path, None) else { return false };
            let is_grown = is_same(&text.file);
            (self.file, self.stamp) = (text.file, text.stamp);
            return is_grown;
        }
        let is_grown = stamp.inode == self.stamp.inode && stamp.size >= offset && is_same(&self.file);
        self.stamp = stamp;
        is_grown
    }
}
