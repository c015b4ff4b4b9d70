//! Merge of disk and live entries into one transcript: no entry is shown twice, and none disappears before its
//! replacement is loaded.
//!
//! While a turn is open, its live entries are shown and the disk entries from the turn's prompt on are hidden. Finished
//! entries are taken over from disk one after another. The rest follows when the turn has ended and is completely on
//! disk.
//!
//! Turns are matched by their prompts: by identity, else by equal text at about the same time, else as the first prompt
//! since the turn began.

use super::tail::{LiveTurn, Tail, gap_key};
use super::window::Window;
use crate::domain::EntryKey;
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{Entry, EntryKind, ToolStatus};

/// Maximum number of prompts at the end of the disk among which live turns are searched, because live turns are recent.
pub(super) const PROMPTS: usize = 8;

/// Maximum delay of a prompt's time on disk in ms, because an agent may have to start first.
const MAX_DELAY_MS: i64 = 120_000;

/// Maximum lead of a prompt's time on disk in ms, because the clocks are read in different processes.
const MAX_LEAD_MS: i64 = 1_000;

/// The disk entries.
pub struct DiskEntries<'a> {
    /// The loaded entries.
    pub window: &'a Window,
    /// Indices of prompts.
    pub prompts: &'a [usize],
    /// Number of entries.
    pub len: usize,
    /// Number of entries at the end that the screen may show: they must be loaded before they replace live ones.
    pub screen: usize,
}

impl Tail {
    /// Drops live entries that are on disk and returns the number of shown disk entries. `None` if a required disk
    /// entry is not loaded yet.
    pub fn merge(&mut self, disk: &DiskEntries<'_>) -> Option<usize> {
        self.drop_kept_notices(disk);
        let newest = || disk.prompts.iter().rev().copied().take(PROMPTS).take_while(|at| *at >= self.merged_prompts);
        if !newest().all(|at| disk.window.is_known(at)) {
            return None;
        }
        let index_of = |live: &LiveTurn| live.at.or_else(|| live.find(newest(), disk.window));
        let found = self.turns.iter().enumerate().rev().find_map(|(nth, live)| Some((nth, index_of(live)?)));
        let found = found.or_else(|| self.first_since(newest()));
        let Some((nth, at)) = found else {
            self.drop_known(disk);
            return Some(disk.len);
        };
        self.drop_turns_before(nth);
        self.turns[0].at = Some(at);
        if self.turns[0].gap {
            self.drop_known(disk);
        } else {
            self.drop_finished(disk);
        }
        if self.is_whole(at, disk) {
            self.finish_first(disk);
            return Some(disk.len);
        }
        let live = &self.turns[0];
        Some(if live.gap { disk.len } else { (at + live.taken).min(disk.len) })
    }

    /// Falls back to the first prompt on disk since the oldest turn began. An agent may modify a prompt, and no other
    /// program writes to the session.
    fn first_since(&self, newest: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
        let (nth, live) = self.turns.iter().enumerate().find(|(_, live)| live.prompt.is_some())?;
        let at = newest.filter(|at| live.disk_len.is_some_and(|disk_len| *at >= disk_len)).last()?;
        Some((nth, at))
    }

    /// Invalidates matches from a disk index on, because those entries changed.
    pub fn outdate(&mut self, from: usize) {
        self.merged_prompts = self.merged_prompts.min(from);
        for live in self.turns.iter_mut().filter(|live| live.at.is_some_and(|at| at >= from)) {
            live.at = None;
        }
    }

    /// Drops the turns before a turn that is on disk, because they are on disk too.
    fn drop_turns_before(&mut self, nth: usize) {
        if let Some(last) = nth.checked_sub(1) {
            let turn = self.turns[last].turn;
            self.retain(|_, meta, _| meta.turn > turn);
            self.turns.drain(..nth);
            self.last_merged = self.last_merged.max(Some(turn));
        }
        // Notices of earlier turns are no longer needed.
        let first = self.turns[0].turn;
        self.retain(|_, meta, _| meta.turn >= first);
    }

    /// Drops the notices of merged turns that the transcript contains meanwhile.
    fn drop_kept_notices(&mut self, disk: &DiskEntries<'_>) {
        let last_merged = self.last_merged;
        self.retain(|_, meta, entry| {
            let is_merged = entry.kind == EntryKind::Notice && Some(meta.turn) <= last_merged;
            !is_merged || disk.window.find(entry.key).is_none()
        });
    }

    /// Drops entries that are on disk, for turns without a known prompt index or with a gap.
    fn drop_known(&mut self, disk: &DiskEntries<'_>) {
        let unmatched: Vec<_> = self.turns.iter().filter(|live| live.gap || live.prompt.is_none()).cloned().collect();
        let is_unmatched = |turn| unmatched.iter().any(|live| live.turn == turn);
        let last = self.meta.len().saturating_sub(1);
        self.retain(|at, meta, entry| {
            !is_unmatched(meta.turn) || (at == last && !is_complete(entry)) || disk.window.find(entry.key).is_none()
        });
    }

    /// Drops finished entries at the beginning that are next on disk.
    fn drop_finished(&mut self, disk: &DiskEntries<'_>) {
        let (Some(live), last) = (self.turns.first(), self.meta.len().saturating_sub(1)) else { return };
        let Some(from) = live.at.map(|at| at + live.taken) else { return };
        let on_disk = |(nth, entry): &(usize, &Entry)| {
            let on_disk = disk.window.fresh(from + nth);
            (*nth < last || live.ended)
                && is_complete(entry)
                && on_disk.is_some_and(|on_disk| on_disk.key == entry.key && is_complete(on_disk))
        };
        let taken = self.transcript.entries().iter().enumerate().take_while(on_disk).count();
        if taken > 0 {
            self.retain(|at, _, _| at >= taken);
            self.turns[0].taken += taken;
        }
    }

    /// Returns true if the first turn, whose prompt is at `at`, is completely on disk, and its visible entries are
    /// loaded.
    fn is_whole(&self, at: usize, disk: &DiskEntries<'_>) -> bool {
        let live = &self.turns[0];
        if !live.ended {
            return false;
        }
        let from = at + live.taken;
        let left = || {
            let own = self.transcript.entries().iter().zip(&self.meta).filter(|(_, meta)| meta.turn == live.turn);
            own.map(|(entry, _)| entry).filter(|entry| entry.kind != EntryKind::Notice)
        };
        let last_text = left().rfind(|entry| entry.kind == EntryKind::Text);
        let on_disk =
            |entry: &Entry| (from..disk.len).any(|at| disk.window.fresh(at).is_some_and(|on| is_same(on, entry)));
        let notices: Vec<_> =
            self.transcript.entries().iter().filter(|entry| entry.kind == EntryKind::Notice).collect();
        let is_notice = |at| disk.window.fresh(at).is_some_and(|on| notices.iter().any(|live| live.key == on.key));
        let stored = if notices.is_empty() {
            disk.len.saturating_sub(from)
        } else {
            (from..disk.len).filter(|at| !is_notice(*at)).count()
        };
        let all = left().count() <= stored || last_text.is_some_and(on_disk);
        let mut visible = from.max(disk.len.saturating_sub(disk.screen))..disk.len;
        all && visible.all(|at| disk.window.is_known(at))
    }

    /// Removes the first turn, which is on disk. Its notices stay until another turn is on disk.
    fn finish_first(&mut self, disk: &DiskEntries<'_>) {
        let live = self.turns.remove(0);
        let missing = |key| key != gap_key() && disk.window.find(key).is_none();
        // Agents store a compaction, under a key of their own.
        let left = |entry: &Entry| {
            entry.kind == EntryKind::Notice && entry.level != NoticeLevel::Boundary && missing(entry.key)
        };
        self.retain(|_, meta, entry| meta.turn > live.turn || (meta.turn == live.turn && left(entry)));
        self.merged_prompts = live.at.map_or(self.merged_prompts, |at| at + 1);
        self.last_merged = self.last_merged.max(Some(live.turn));
    }
}

impl LiveTurn {
    /// Returns the index of the turn's prompt among these prompts on disk.
    fn find(&self, prompts: impl Iterator<Item = usize>, window: &Window) -> Option<usize> {
        let prompt = self.prompt.as_ref()?;
        let loaded = prompts.filter_map(|at| Some((at, window.get(at)?.entry)));
        let mut best: Option<(i64, usize)> = None;
        for (at, entry) in loaded {
            if entry.key == prompt.key {
                return Some(at);
            }
            let delay = match (entry.time, prompt.time) {
                (Some(there), Some(here)) => there.since(here),
                _ => 0,
            };
            let same = entry.text.trim() == prompt.text.trim() && (-MAX_LEAD_MS..=MAX_DELAY_MS).contains(&delay);
            if same && best.is_none_or(|(least, _)| delay.abs() < least) {
                best = Some((delay.abs(), at));
            }
        }
        best.map(|(_, at)| at)
    }
}

/// Returns true if the entry is complete, unless it is the newest one.
fn is_complete(entry: &Entry) -> bool {
    let running = |status| matches!(status, ToolStatus::Pending | ToolStatus::Running);
    entry.tool.as_ref().is_none_or(|tool| !running(tool.status))
}

fn is_same(on_disk: &Entry, live: &Entry) -> bool {
    let same_text = || on_disk.kind == live.kind && on_disk.text.trim() == live.text.trim();
    on_disk.key == live.key || same_text()
}

/// Returns the index of an entry after indices changed.
pub(super) fn index_of(key: EntryKey, window: &Window, tail: &Tail, clip: usize) -> Option<usize> {
    tail.position(key).map(|at| clip + at).or_else(|| window.find(key).filter(|at| *at < clip))
}
