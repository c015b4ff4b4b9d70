//! The entries that are held in memory: those around the place, bounded in bytes; and which are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::tail::{Shown, Stage};
use crate::domain::transcript::{Action, Change, Entry};

/// Entries that are asked for together.
const PAGE: usize = 32;

/// Bytes of text that are held. What is on the screen is held whatever it takes.
const BUDGET: usize = 4 << 20;

/// Bytes that are read ahead in one direction; beyond them the screen is far away.
const AHEAD: usize = 1 << 20;

#[derive(Clone, Debug)]
struct Held {
    entry: Arc<Entry>,
    revision: u64,
    weight: usize,
    /// It is to be read again, but may be shown until then.
    stale: bool,
}

/// Entries held, by index.
#[derive(Debug, Default)]
pub struct Window {
    held: BTreeMap<usize, Held>,
    bytes: usize,
    revision: u64,
    /// Pages that are under way.
    asked: BTreeSet<usize>,
    /// Pages that came back without what was asked for; not asked again before something changes.
    failed: BTreeSet<usize>,
    /// Pages that came back since something changed, even if they were let go since.
    answered: BTreeSet<usize>,
}

impl Window {
    /// An entry that is held.
    pub fn get(&self, index: usize) -> Option<Shown<'_>> {
        let held = self.held.get(&index)?;
        Some(Shown { entry: &held.entry, revision: held.revision, growing: None, stage: Stage::Past })
    }

    /// Index of a held entry of that identity.
    pub fn find(&self, key: crate::domain::Key) -> Option<usize> {
        self.held.iter().find_map(|(index, held)| (held.entry.key == key).then_some(*index))
    }

    /// Bytes of text that are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts entries in, from an index on, replacing what was there.
    pub fn insert(&mut self, from: usize, entries: Vec<Arc<Entry>>) {
        for (index, entry) in (from..).zip(entries) {
            self.revision += 1;
            let weight = weight(&entry);
            self.bytes += weight;
            let held = Held { entry, revision: self.revision, weight, stale: false };
            if let Some(before) = self.held.insert(index, held) {
                self.bytes -= before.weight;
            }
        }
    }

    /// Takes the answer to a request in.
    pub fn answer(&mut self, from: usize, entries: Vec<Arc<Entry>>, len: usize) {
        let pages = from / PAGE..=(from + entries.len().saturating_sub(1)) / PAGE;
        self.insert(from, entries);
        for page in pages {
            self.asked.remove(&page);
            self.answered.insert(page);
            if range_of(page, len).all(|index| self.is_fresh(index)) {
                self.failed.remove(&page);
            } else {
                self.failed.insert(page);
            }
        }
    }

    /// Moves everything that is held by an offset: their indices became known. What falls out is dropped.
    pub fn shift(&mut self, by: i64) {
        let held = std::mem::take(&mut self.held);
        self.bytes = 0;
        for (index, entry) in held {
            let moved = i64::try_from(index).ok().and_then(|index| usize::try_from(index + by).ok());
            if let Some(moved) = moved {
                self.bytes += entry.weight;
                self.held.insert(moved, entry);
            }
        }
    }

    /// Entries from an index on are to be read again, and there are only `len` of them.
    pub fn outdate(&mut self, from: usize, len: usize) {
        for gone in self.held.split_off(&len).into_values() {
            self.bytes -= gone.weight;
        }
        for (_, held) in self.held.range_mut(from..) {
            held.stale = true;
        }
        self.failed.clear();
        self.answered.clear();
        // What is under way was asked for by the old length, and may come back too short.
        self.asked.clear();
    }

    /// What has to be asked for so that `shown` and a screenful of `ahead` entries on both sides are held.
    pub fn ask(&mut self, shown: Range<usize>, ahead: usize, len: usize) -> Vec<Range<usize>> {
        let wanted = self.reach(shown, ahead, len);
        let pages: BTreeSet<usize> = wanted.filter(|index| !self.is_fresh(*index)).map(|index| index / PAGE).collect();
        let fresh = pages.into_iter().filter(|page| !self.failed.contains(page));
        let asked: Vec<_> = fresh.filter(|page| self.asked.insert(*page)).map(|page| range_of(page, len)).collect();
        asked
    }

    /// Drops what lies farthest from the place until the rest fits.
    pub fn trim(&mut self, shown: Range<usize>, ahead: usize, len: usize) {
        let keep = self.reach(shown.clone(), ahead, len);
        // Whole pages are kept: what was read with the wanted entries must not be dropped and asked for again.
        let keep = keep.start / PAGE * PAGE..keep.end.div_ceil(PAGE) * PAGE;
        while self.bytes > BUDGET {
            let (Some((&first, _)), Some((&last, _))) = (self.held.first_key_value(), self.held.last_key_value())
            else {
                return;
            };
            let (before, after) = (shown.start.saturating_sub(first), (last + 1).saturating_sub(shown.end));
            let farthest = if before > after { first } else { last };
            if keep.contains(&farthest) {
                return;
            }
            if let Some(dropped) = self.held.remove(&farthest) {
                self.bytes -= dropped.weight;
            }
        }
    }

    /// Whether an entry is held as it stands on disk, or was asked for in vain.
    pub fn is_known(&self, index: usize) -> bool {
        self.is_fresh(index) || self.answered.contains(&(index / PAGE))
    }

    /// An entry that is held as it stands on disk.
    pub fn fresh(&self, index: usize) -> Option<&Entry> {
        self.held.get(&index).filter(|held| !held.stale).map(|held| &*held.entry)
    }

    /// What has to be asked for so that these entries become known.
    pub fn ask_once(&mut self, wanted: Range<usize>, len: usize) -> Vec<Range<usize>> {
        let pages: BTreeSet<usize> = wanted.filter(|index| !self.is_known(*index)).map(|index| index / PAGE).collect();
        pages.into_iter().filter(|page| self.asked.insert(*page)).map(|page| range_of(page, len)).collect()
    }

    fn is_fresh(&self, index: usize) -> bool {
        self.held.get(&index).is_some_and(|held| !held.stale)
    }

    /// `shown` and what is to be read ahead of it on both sides: a number of entries, or fewer where they are big.
    fn reach(&self, shown: Range<usize>, ahead: usize, len: usize) -> Range<usize> {
        let far = |indices: &mut dyn Iterator<Item = usize>| {
            let mut bytes = 0;
            let weigh = |index: &usize| {
                bytes += self.held.get(index).map_or(0, |held| held.weight);
                bytes <= AHEAD
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

/// Bytes of text that an entry holds.
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

fn edits(action: &Action) -> usize {
    match action {
        Action::Edit(changes) => changes
            .iter()
            .map(|change| match &change.change {
                Change::Write(text) | Change::Patch(text) => text.len(),
                Change::Replace(pairs) => pairs.iter().map(|(old, new)| old.len() + new.len()).sum(),
                Change::Delete => 0,
            })
            .sum(),
        Action::Command { .. }
        | Action::Read { .. }
        | Action::Search { .. }
        | Action::Web { .. }
        | Action::Task { .. }
        | Action::Plan(_)
        | Action::Question { .. }
        | Action::Other(_) => 0,
    }
}
