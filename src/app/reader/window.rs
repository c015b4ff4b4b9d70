//! Window of loaded entries around the position, bounded in bytes, and the pending requests.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::tail::{CallStage, EntryRef};
use crate::domain::transcript::{ChangeKind, Entry, ToolAction};

/// Number of entries per request.
const PAGE: usize = 32;

/// Maximum bytes of loaded text, because transcripts can be huge. Entries on the screen stay loaded regardless.
const BUDGET: usize = 4 << 20;

/// Maximum bytes that are read ahead in one direction, because the screen is far away beyond them.
const MAX_AHEAD: usize = 1 << 20;

#[derive(Clone, Debug)]
struct LoadedEntry {
    entry: Arc<Entry>,
    revision: u64,
    weight: usize,
    /// True if the entry must be read again, but may be shown until then.
    stale: bool,
}

/// Loaded entries by index.
#[derive(Debug, Default)]
pub struct Window {
    loaded: BTreeMap<usize, LoadedEntry>,
    bytes: usize,
    revision: u64,
    /// Pages with a pending request.
    requested: BTreeSet<usize>,
    /// Pages with a pending request from before the last change.
    outdated: BTreeSet<usize>,
    /// Pages whose response lacked requested entries; not requested again before a change.
    failed: BTreeSet<usize>,
    /// Pages that were received since the last change, even if they were dropped since.
    received: BTreeSet<usize>,
}

impl Window {
    /// Returns a loaded entry.
    pub fn get(&self, index: usize) -> Option<EntryRef<'_>> {
        let loaded = self.loaded.get(&index)?;
        Some(EntryRef { entry: &loaded.entry, revision: loaded.revision, growing: None, stage: CallStage::Ended })
    }

    /// Returns the index of a loaded entry with this key.
    pub fn find(&self, key: crate::domain::EntryKey) -> Option<usize> {
        self.loaded.iter().find_map(|(index, loaded)| (loaded.entry.key == key).then_some(*index))
    }

    /// Returns the bytes of loaded text.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Stores entries from an index on, replacing earlier ones.
    pub fn insert(&mut self, from: usize, entries: Vec<Arc<Entry>>) {
        for (index, entry) in (from..).zip(entries) {
            self.revision += 1;
            let weight = weight(&entry);
            self.bytes += weight;
            let loaded = LoadedEntry { entry, revision: self.revision, weight, stale: false };
            if let Some(before) = self.loaded.insert(index, loaded) {
                self.bytes -= before.weight;
            }
        }
    }

    /// Stores the response to a request.
    pub fn store_response(&mut self, from: usize, entries: Vec<Arc<Entry>>, len: usize) {
        let end = from + entries.len();
        let pages = from / PAGE..=end.saturating_sub(1).max(from) / PAGE;
        self.insert(from, entries);
        for page in pages {
            // A response to a request for the old length does not say that the rest of the page is missing.
            let is_old = self.outdated.remove(&page);
            if is_old && end < range_of(page, len).end {
                continue;
            }
            self.requested.remove(&page);
            self.received.insert(page);
            if range_of(page, len).all(|index| self.is_unsaved(index)) {
                self.failed.remove(&page);
            } else {
                self.failed.insert(page);
            }
        }
    }

    /// Shifts all loaded entries by an offset. Entries with a negative index are dropped.
    pub fn shift(&mut self, by: i64) {
        let loaded = std::mem::take(&mut self.loaded);
        self.bytes = 0;
        for (index, entry) in loaded {
            let moved = i64::try_from(index).ok().and_then(|index| usize::try_from(index + by).ok());
            if let Some(moved) = moved {
                self.bytes += entry.weight;
                self.loaded.insert(moved, entry);
            }
        }
    }

    /// Marks entries from an index on as stale and truncates the window to `len` entries.
    pub fn outdate(&mut self, from: usize, len: usize) {
        for gone in self.loaded.split_off(&len).into_values() {
            self.bytes -= gone.weight;
        }
        for (_, loaded) in self.loaded.range_mut(from..) {
            loaded.stale = true;
        }
        self.failed.clear();
        self.received.clear();
        // Pending requests were made for the old length, and their responses may be too short.
        self.outdated.append(&mut self.requested);
    }

    /// Returns the ranges to request so that `shown` and `ahead` entries on both sides are loaded.
    pub fn request(&mut self, shown: Range<usize>, ahead: usize, len: usize) -> Vec<Range<usize>> {
        let wanted = self.with_ahead(shown, ahead, len);
        let pages: BTreeSet<usize> =
            wanted.filter(|index| !self.is_unsaved(*index)).map(|index| index / PAGE).collect();
        let fresh = pages.into_iter().filter(|page| !self.failed.contains(page));
        let requested: Vec<_> =
            fresh.filter(|page| self.requested.insert(*page)).map(|page| range_of(page, len)).collect();
        requested
    }

    /// Drops the farthest entries until the rest fits.
    pub fn trim(&mut self, shown: Range<usize>, ahead: usize, len: usize) {
        let keep = self.with_ahead(shown.clone(), ahead, len);
        // Whole pages stay loaded: entries read together with the wanted ones must not be dropped and requested again.
        let keep = keep.start / PAGE * PAGE..keep.end.div_ceil(PAGE) * PAGE;
        while self.bytes > BUDGET {
            let (Some((&first, _)), Some((&last, _))) = (self.loaded.first_key_value(), self.loaded.last_key_value())
            else {
                return;
            };
            let (before, after) = (shown.start.saturating_sub(first), (last + 1).saturating_sub(shown.end));
            let farthest = if before > after { first } else { last };
            if keep.contains(&farthest) {
                return;
            }
            if let Some(dropped) = self.loaded.remove(&farthest) {
                self.bytes -= dropped.weight;
            }
        }
    }

    /// Returns true if an entry is loaded and fresh, or was requested in vain.
    pub fn is_known(&self, index: usize) -> bool {
        self.is_unsaved(index) || self.received.contains(&(index / PAGE))
    }

    /// Returns a loaded entry unless it is stale.
    pub fn fresh(&self, index: usize) -> Option<&Entry> {
        self.loaded.get(&index).filter(|loaded| !loaded.stale).map(|loaded| &*loaded.entry)
    }

    /// Returns the ranges to request so that these entries become known.
    pub fn request_once(&mut self, wanted: Range<usize>, len: usize) -> Vec<Range<usize>> {
        let pages: BTreeSet<usize> = wanted.filter(|index| !self.is_known(*index)).map(|index| index / PAGE).collect();
        pages.into_iter().filter(|page| self.requested.insert(*page)).map(|page| range_of(page, len)).collect()
    }

    fn is_unsaved(&self, index: usize) -> bool {
        self.loaded.get(&index).is_some_and(|loaded| !loaded.stale)
    }

    /// Extends `shown` by `ahead` entries on both sides, or fewer if they are big.
    fn with_ahead(&self, shown: Range<usize>, ahead: usize, len: usize) -> Range<usize> {
        let far = |indices: &mut dyn Iterator<Item = usize>| {
            let mut bytes = 0;
            let weigh = |index: &usize| {
                bytes += self.loaded.get(index).map_or(0, |loaded| loaded.weight);
                bytes <= MAX_AHEAD
            };
            indices.take(ahead).take_while(weigh).count()
        };
        let (start, end) = (shown.start.min(len), shown.end.min(len));
        start - far(&mut (0..start).rev())..end + far(&mut (end..len))
    }
}

fn range_of(page: usize, len: usize) -> Range<usize> {
    page * PAGE..((page + 1) * PAGE).min(len)
}

/// Returns the bytes of an entry's text.
fn weight(entry: &Entry) -> usize {
    let tool =
        entry.tool.as_ref().map_or(0, |tool| tool.output.len() + input_weight(&tool.input) + edits(&tool.action));
    size_of::<Entry>() + entry.text.len() + tool
}

fn input_weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 16,
        Value::String(text) => text.len() + 24,
        Value::Array(items) => items.iter().map(input_weight).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + input_weight(value)).sum(),
    }
}

fn edits(action: &ToolAction) -> usize {
    match action {
        ToolAction::Edit(changes) => changes
            .iter()
            .map(|change| match &change.kind {
                ChangeKind::Write(text) | ChangeKind::Patch(text) => text.len(),
                ChangeKind::Replace(pairs) => pairs.iter().map(|(old, new)| old.len() + new.len()).sum(),
                ChangeKind::Delete => 0,
            })
            .sum(),
        ToolAction::Command { .. }
        | ToolAction::Read { .. }
        | ToolAction::Search { .. }
        | ToolAction::Web { .. }
        | ToolAction::Task { .. }
        | ToolAction::Plan(_)
        | ToolAction::PlanText(_)
        | ToolAction::Question { .. }
        | ToolAction::Other(_) => 0,
    }
}
