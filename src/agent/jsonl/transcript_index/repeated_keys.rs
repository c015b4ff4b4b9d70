//! Entries with one key: those of records that have one id and different contents.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::TranscriptIndex;
use crate::agent::json::cursor::hash;
use crate::agent::jsonl::branch::BranchTree;
use crate::domain::EntryKey;

/// The keys of the shown entries, of which each has its own.
#[derive(Debug, Default)]
pub(super) struct RepeatedKeys {
    seen: HashSet<EntryKey, RandomState>,
    /// Number of shown entries whose keys are seen.
    checked: usize,
    /// Keys in their records of the marks that have another one now.
    recorded: HashMap<u32, EntryKey>,
}

impl RepeatedKeys {
    /// Clears the keys of the shown entries, because others will be shown.
    pub(super) fn clear_seen(&mut self) {
        self.seen.clear();
        self.checked = 0;
    }

    /// Follows the marks to other indices; the shown entries are no longer known.
    pub(super) fn move_to(&mut self, to: impl Fn(u32) -> u32) {
        self.recorded = self.recorded.drain().map(|(mark, key)| (to(mark), key)).collect();
        self.clear_seen();
    }

    /// Returns the key in the record of a mark that has another one now.
    pub(super) fn recorded(&self, mark: u32) -> Option<EntryKey> {
        self.recorded.get(&mark).copied()
    }
}

impl TranscriptIndex {
    /// Gives each of the shown entries a key of its own.
    pub(super) fn tell_apart_keys(&mut self) {
        let end = self.shown_sent().len();
        let RepeatedKeys { seen, checked, recorded } = &mut self.repeated_keys;
        seen.reserve(end.saturating_sub(*checked));
        for &mark in self.shown.iter().take(end).skip(*checked) {
            let key = &mut self.marks[mark as usize].key;
            if !seen.insert(*key) {
                recorded.entry(mark).or_insert(*key);
                *key = EntryKey::from_raw(key.raw() ^ hash(&mark.to_le_bytes()));
                seen.insert(*key);
            }
        }
        *checked = end;
    }

    /// Returns the entries of a branch whose records have a key, or whose tool call has an id; none if there is only one.
    pub(super) fn entries_alike(&self, (key, call): (EntryKey, &str), branch: usize) -> Vec<usize> {
        let tool = if call.is_empty() { 0 } else { hash(call.as_bytes()) };
        let is_alike = |mark: u32| {
            let found = &self.marks[mark as usize];
            self.repeated_keys.recorded(mark).unwrap_or(found.key) == key || (tool != 0 && found.tool == tool)
        };
        let marks = if branch == self.shown_branch {
            self.shown.clone()
        } else {
            self.marks_on(&BranchTree::new(&self.records).records(branch))
        };
        let alike = marks.into_iter().enumerate().filter(|(_, mark)| is_alike(*mark));
        let alike: Vec<usize> = alike.map(|(index, _)| index).collect();
        if alike.len() > 1 { alike } else { Vec::new() }
    }
}
