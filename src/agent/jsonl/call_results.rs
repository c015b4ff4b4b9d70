//! Lines with the results of tool calls, by call.
//!
//! Ids of calls may repeat, in copies of a conversation and in damaged files. A result then belongs to the last call with
//! its id before it.

use std::collections::{BTreeMap, HashMap};

use super::EntryMark;
use crate::domain::EntryKey;

/// Maximum result lines of a call without a result of its own among several calls with its id.
const MAX_SHARED_RESULTS: usize = 16;

/// Key of the entry of a result whose call is not in the file.
pub(crate) fn lost_call_key(tool: u64) -> EntryKey {
    EntryKey::new(&format!("result {tool:x}"), 0)
}

/// Results of tool calls.
#[derive(Debug, Default)]
pub(super) struct CallResults {
    /// Call and line of each result; true for a failed call.
    results: BTreeMap<(u64, u32), bool>,
    /// Lines of the calls whose id repeats, ascending; `None` until they are needed.
    repeated: Option<HashMap<u64, Vec<u32>>>,
}

impl CallResults {
    /// Adds the results in a line: calls, each with true if it failed.
    pub(super) fn extend(&mut self, line: u32, results: impl Iterator<Item = (u64, bool)>) {
        self.results.extend(results.map(|(call, failed)| ((call, line), failed)));
    }

    /// Finds the calls whose id repeats. `line_of` returns the line of a mark by its index.
    pub(super) fn index(&mut self, marks: &[EntryMark], line_of: impl Fn(u32) -> u32) {
        if self.repeated.is_some() {
            return;
        }
        let mut calls: Vec<(u64, u32)> =
            (0..).zip(marks).filter(|(_, mark)| mark.tool != 0).map(|(at, mark)| (mark.tool, at)).collect();
        calls.sort_unstable();
        let repeated = calls.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1);
        let lines = |same: &[(u64, u32)]| (same[0].0, same.iter().map(|(_, mark)| line_of(*mark)).collect());
        self.repeated = Some(repeated.map(lines).collect());
    }

    /// Forgets the calls after lines were added.
    pub(super) fn invalidate(&mut self) {
        self.repeated = None;
    }

    /// Returns the lines with results of the call in a line, ascending, each with true if the call failed.
    pub(super) fn of(&self, call: u64, line: u32) -> impl Iterator<Item = (u32, bool)> {
        let all = || self.results.range((call, 0)..=(call, u32::MAX));
        let calls = self.repeated.as_ref().and_then(|repeated| repeated.get(&call)).map_or(&[][..], Vec::as_slice);
        let next = calls.get(calls.partition_point(|other| *other <= line)).copied().unwrap_or(u32::MAX);
        let (own, shared) = if calls.is_empty() {
            (all(), 0)
        } else {
            (self.results.range((call, line)..(call, next.max(line))), MAX_SHARED_RESULTS)
        };
        let has_own = own.clone().next().is_some();
        // A copy of a call may be without a copy of its result.
        let mut others: Vec<_> = if has_own { Vec::new() } else { all().rev().take(shared).collect() };
        others.reverse();
        own.chain(others).map(|((_, line), failed)| (*line, *failed))
    }

    /// Returns each call that has results, with the line of the first one, and true if that is of a failed call.
    pub(super) fn firsts(&self) -> impl Iterator<Item = (u64, u32, bool)> {
        let mut last = None;
        let first = move |((call, line), failed): (&(u64, u32), &bool)| {
            (last.replace(*call) != Some(*call)).then_some((*call, *line, *failed))
        };
        self.results.iter().filter_map(first)
    }

    /// Returns the calls with results in lines from `first` on.
    pub(super) fn since(&self, first: u32) -> impl Iterator<Item = u64> {
        self.results.keys().filter(move |(_, line)| *line >= first).map(|(call, _)| *call)
    }
}
