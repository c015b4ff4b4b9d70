//! Finds copies among sources that begin with the same record, after all other sources are read.

use super::{ChangeWhileReading, Scanner};
use crate::agent::Source;
use crate::index::pool::{CopiedSource, Job};

impl Scanner {
    /// Queues a comparison of each duplicate group. A group with a source that is being read waits.
    pub(super) fn find_copies(&mut self) {
        self.duplicate_groups.extend(self.table.take_duplicate_groups());
        for group in std::mem::take(&mut self.duplicate_groups) {
            if group.iter().any(|source| self.reading.contains_key(&source.path)) {
                self.duplicate_groups.push(group);
                continue;
            }
            self.reading.extend(group.iter().map(|source| (source.path.clone(), ChangeWhileReading::Nothing)));
            self.pool.background(Job::FindCopies(group));
        }
    }

    /// Adds the summaries of the found copies, without the copied records.
    pub(super) fn copies_found(&mut self, copies: Vec<CopiedSource>, sources: Vec<Source>) {
        for (copy, summary, record) in copies {
            self.summarised(&sources[copy], summary, record);
        }
        for source in sources {
            if let Some(ChangeWhileReading::Changed(source)) = self.reading.remove(&source.path) {
                self.changed(source);
            }
        }
    }
}
