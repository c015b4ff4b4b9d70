//! Units that could not be read for a reason that passes, such as a lock: they are tried again, ever more seldom.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Survey;
use crate::agent::{Stamp, Summarised, Unit};

/// From a failure to the next try; doubled each time.
const FIRST: Duration = Duration::from_millis(500);
/// Tries until only a change makes it read again: two minutes.
const TRIES: u32 = 8;

/// What could not be read, and how often not.
#[derive(Debug, Default)]
pub(super) struct Unread {
    failures: HashMap<PathBuf, u32>,
    /// From now to the next try, until the caller knows of it.
    next: Option<Duration>,
}

impl Unread {
    /// Whether a summary read its unit. One that did not is remembered.
    pub fn was_read(&mut self, unit: &Unit, summary: &Summarised) -> bool {
        // A reader that wants to be asked again says so by telling no state that it read.
        let read = summary.progress.cursor.stamp != Stamp::default() || summary.issues.is_empty();
        if read {
            self.failures.remove(&unit.path);
            return true;
        }
        let failures = self.failures.entry(unit.path.clone()).or_default();
        *failures += 1;
        if *failures <= TRIES {
            let wait = FIRST * 2_u32.saturating_pow(*failures - 1);
            self.next = Some(self.next.map_or(wait, |before| before.min(wait)));
        }
        false
    }

    /// Forgets a unit that is gone.
    pub fn gone(&mut self, unit: &std::path::Path) {
        self.failures.remove(unit);
    }
}

impl Survey {
    /// From now to the next try of what could not be read; told once.
    pub fn retry_after(&mut self) -> Option<Duration> {
        self.unread.next.take()
    }

    /// Tries again to read what could not be read.
    pub fn retry(&mut self) {
        let due = self.unread.failures.iter().filter(|(_, failures)| **failures <= TRIES);
        for path in due.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.look(&path, |_| {});
        }
    }
}
