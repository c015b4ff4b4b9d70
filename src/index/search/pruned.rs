//! Pruned part of a source: byte ranges and sessions that a query need not read.

use std::collections::BTreeSet;
use std::ops::Range;

/// Pruned part of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Pruned {
    /// Covered length, if all of it is pruned; `u64::MAX` for sources of records.
    pub all: Option<u64>,
    /// Pruned ranges of a file, in order.
    pub ranges: Vec<Range<u64>>,
    /// Numbers of the sessions that may match, in a source of many sessions; `None`: all.
    pub candidates: Option<BTreeSet<usize>>,
}

impl Pruned {
    /// Returns true if everything before an offset is pruned.
    pub(super) fn is_all_pruned(&self, before: u64) -> bool {
        self.all.is_some_and(|covered| covered >= before)
    }

    /// Returns the ranges of a file to search, from an offset on.
    pub(super) fn remaining(&self, from: u64) -> Vec<Range<u64>> {
        let mut remaining = Vec::new();
        let mut at = from;
        for range in &self.ranges {
            if range.start > at {
                remaining.push(at..range.start);
            }
            at = at.max(range.end);
        }
        remaining.push(at..u64::MAX);
        remaining
    }
}
