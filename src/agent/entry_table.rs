//! Table of a transcript's entries: their keys in order, which number an entry without opening the transcript.
//!
//! Stored by the text index as bytes, and searched in place.

use crate::agent::json::cursor::hash;
use crate::domain::{Entry, EntryKey};

/// Bytes of the counts before the keys.
const HEADER_BYTES: usize = 8;

/// Bytes of a key, and of a tool call with the index of its entry.
const KEY_BYTES: usize = 8;
const CALL_BYTES: usize = 12;

/// Flag in the count of calls: the transcript has other branches.
const HAS_BRANCHES: u32 = 1 << 31;

/// Position of an entry in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TablePosition {
    /// Index on the branch that is shown first.
    Shown(usize),
    /// No entry.
    Missing,
    /// Entry of another branch, if any, or one of several with the key; only the transcript has its position.
    Elsewhere,
}

/// Builder of a table.
#[derive(Debug, Default)]
pub struct EntryTableBuilder {
    keys: Vec<u8>,
    calls: Vec<u8>,
    len: u32,
}

impl EntryTableBuilder {
    /// Adds the next entry of the shown branch; `call` is the hash of its tool call's id, or 0.
    pub fn push(&mut self, key: EntryKey, call: u64) {
        self.keys.extend_from_slice(&key.raw().to_le_bytes());
        if call != 0 {
            self.calls.extend_from_slice(&call.to_le_bytes());
            self.calls.extend_from_slice(&self.len.to_le_bytes());
        }
        self.len = self.len.saturating_add(1);
    }

    /// Adds the next entry of the shown branch.
    pub fn push_entry(&mut self, entry: &Entry) {
        self.push(entry.key, entry.tool.as_ref().map_or(0, |tool| hash(tool.id.as_bytes())));
    }

    /// Encodes the table.
    pub fn finish(self, has_branches: bool) -> Vec<u8> {
        let calls = u32::try_from(self.calls.len() / CALL_BYTES).unwrap_or(u32::MAX >> 1);
        let flags = if has_branches { HAS_BRANCHES } else { 0 };
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.keys.len() + self.calls.len());
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend_from_slice(&(calls | flags).to_le_bytes());
        bytes.extend_from_slice(&self.keys);
        bytes.extend_from_slice(&self.calls);
        bytes
    }
}

/// View of an encoded table.
#[derive(Clone, Copy, Debug)]
pub struct EntryTable<'a> {
    keys: &'a [u8],
    calls: &'a [u8],
    has_branches: bool,
}

impl<'a> EntryTable<'a> {
    /// Splits an encoded table off some bytes; returns the bytes behind it. `None` where they are damaged.
    pub fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (counts, rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let count = |at: usize| counts[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        let (keys, calls) = (count(0), count(4));
        let size = |count: u32, bytes: usize| usize::try_from(count).ok()?.checked_mul(bytes);
        let (keys, rest) = rest.split_at_checked(size(keys, KEY_BYTES)?)?;
        let (call_bytes, rest) = rest.split_at_checked(size(calls & !HAS_BRANCHES, CALL_BYTES)?)?;
        Some((Self { keys, calls: call_bytes, has_branches: calls & HAS_BRANCHES != 0 }, rest))
    }

    /// Returns the position of the only entry that has the key, or whose tool call has the id (if it is not empty).
    pub fn position(self, key: EntryKey, call: &str) -> TablePosition {
        let key = key.raw().to_le_bytes();
        let mut by_key = self.keys.chunks_exact(KEY_BYTES).enumerate().filter(|(_, found)| *found == key);
        let call_hash = hash(call.as_bytes()).to_le_bytes();
        let calls = if call.is_empty() { &[] } else { self.calls };
        let mut by_call = calls.chunks_exact(CALL_BYTES).filter(|found| found.starts_with(&call_hash));
        let index_of = |found: &[u8]| {
            let index = found[KEY_BYTES..].try_into().map(u32::from_le_bytes).ok()?;
            usize::try_from(index).ok()
        };
        let first = by_key.next().map(|(index, _)| index);
        let first_call = by_call.next().and_then(index_of);
        // Calls of different turns may have the same id.
        match first.or(first_call) {
            Some(_) if by_key.next().is_some() || (first.is_none() && by_call.next().is_some()) => {
                TablePosition::Elsewhere
            }
            Some(index) => TablePosition::Shown(index),
            None if self.has_branches => TablePosition::Elsewhere,
            None => TablePosition::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_number_entries_by_key_and_by_call() {
        let keys = [3, 1, 4, 1].map(EntryKey::from_raw);
        let mut builder = EntryTableBuilder::default();
        for (key, call) in keys.into_iter().zip([0, 0, hash(b"toolu_1"), 0]) {
            builder.push(key, call);
        }
        let bytes = [builder.finish(false), EntryTableBuilder::default().finish(true)].concat();
        let (table, rest) = EntryTable::split(&bytes).unwrap();
        assert_eq!(table.position(keys[1], ""), TablePosition::Elsewhere, "two have one key");
        assert_eq!(table.position(keys[0], ""), TablePosition::Shown(0));
        assert_eq!(table.position(EntryKey::from_raw(9), "toolu_1"), TablePosition::Shown(2));
        assert_eq!(table.position(EntryKey::from_raw(9), ""), TablePosition::Missing);
        let (branched, rest) = EntryTable::split(rest).unwrap();
        assert_eq!(branched.position(keys[0], ""), TablePosition::Elsewhere);
        assert!(rest.is_empty());
        assert!(EntryTable::split(&bytes[..20]).is_none(), "a cut table is damaged");
    }
}
