//! Retries sources after transient read errors, such as a lock, at growing intervals.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Scanner;
use crate::agent::{FileStamp, Source, SourceSummary};

/// Delay of the first retry; doubled each time.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// Maximum retries (two minutes); later only a change triggers a read.
const MAX_TRIES: u32 = 8;

/// Failure counts by source, and the delay of the next retry.
#[derive(Debug, Default)]
pub(super) struct RetryQueue {
    failures: HashMap<PathBuf, u32>,
    /// Delay of the next retry, until the caller takes it.
    next: Option<Duration>,
}

impl RetryQueue {
    /// Records the outcome of a summary; returns true if the source was read.
    pub(super) fn record_outcome(&mut self, source: &Source, summary: &SourceSummary) -> bool {
        // A reader asks for a retry with a default stamp and an issue.
        let read = summary.progress.cursor.stamp != FileStamp::default() || summary.issues.is_empty();
        if read {
            self.failures.remove(&source.path);
            return true;
        }
        let failures = self.failures.entry(source.path.clone()).or_default();
        *failures += 1;
        if *failures <= MAX_TRIES {
            let wait = FIRST_DELAY * 2_u32.saturating_pow(*failures - 1);
            self.next = Some(self.next.map_or(wait, |before| before.min(wait)));
        }
        false
    }

    /// Removes a source.
    pub(super) fn remove(&mut self, source: &std::path::Path) {
        self.failures.remove(source);
    }
}

impl Scanner {
    /// Takes the delay of the next retry.
    pub(crate) fn next_retry(&mut self) -> Option<Duration> {
        self.retries.next.take()
    }

    /// Reads the failed sources again.
    pub(crate) fn retry(&mut self) {
        let due = self.retries.failures.iter().filter(|(_, failures)| **failures <= MAX_TRIES);
        for path in due.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.path_changed(&path, |_, _| {}, |_| {});
        }
    }
}
