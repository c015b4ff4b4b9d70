//! Disk and live entries as one transcript: nothing is shown twice, and nothing goes before it is there again.
//!
//! While a turn is open its live entries are shown, and what the disk has of it already is held back: the disk is cut
//! off at the turn's prompt. Entries that are finished and lie on disk as the next ones are taken over from there, one
//! after another; when the turn has ended and the disk has all of it, the rest is. Turns are told apart by their
//! prompts: by identity, else by the same text at the same time.

use super::tail::{LiveTurn, Tail, missed_key};
use super::window::Window;
use crate::domain::Key;
use crate::domain::transcript::{Entry, EntryKind, ToolStatus};

/// Prompts at the end of the disk among which live turns are looked for.
pub const PROMPTS: usize = 8;

/// How much later the disk may tell that a prompt was asked, in ms: an agent may have to start first.
const LATER: i64 = 120_000;

/// How much earlier: clocks are read at different places.
const EARLIER: i64 = 1_000;

/// What is known of the disk.
pub struct Disk<'a> {
    /// The entries that are held.
    pub window: &'a Window,
    /// Indices of prompts.
    pub prompts: &'a [usize],
    /// Number of entries.
    pub len: usize,
    /// Entries at its end that the screen may show: they must be here before they take the place of live ones.
    pub screen: usize,
}

impl Tail {
    /// Gives to the disk what it has, and tells how many entries of the disk are shown. `None`: not all that must be
    /// known for that is here yet.
    pub fn merge(&mut self, disk: &Disk<'_>) -> Option<usize> {
        let newest = || disk.prompts.iter().rev().copied().take(PROMPTS).take_while(|at| *at >= self.claimed);
        if !newest().all(|at| disk.window.is_known(at)) {
            return None;
        }
        let place = |live: &LiveTurn| live.at.or_else(|| live.find(newest(), disk.window));
        let found = self.turns.iter().enumerate().rev().find_map(|(nth, live)| Some((nth, place(live)?)));
        let Some((nth, at)) = found else {
            self.take_known(disk);
            return Some(disk.len);
        };
        self.forget_before(nth);
        self.turns[0].at = Some(at);
        if self.turns[0].gap {
            self.take_known(disk);
        } else {
            self.take_finished(disk);
        }
        if self.is_whole(at, disk) {
            self.settle(disk);
            return Some(disk.len);
        }
        let live = &self.turns[0];
        Some(if live.gap { disk.len } else { (at + live.taken).min(disk.len) })
    }

    /// What the disk told from an index on is not as it was.
    pub fn outdate(&mut self, from: usize) {
        self.claimed = self.claimed.min(from);
        for live in self.turns.iter_mut().filter(|live| live.at.is_some_and(|at| at >= from)) {
            live.at = None;
        }
    }

    /// The turns before one that is on disk are there too.
    fn forget_before(&mut self, nth: usize) {
        if let Some(last) = nth.checked_sub(1) {
            let turn = self.turns[last].turn;
            self.retain(|_, mark, _| mark.turn > turn);
            self.turns.drain(..nth);
            self.settled = self.settled.max(Some(turn));
        }
        // What was left of turns before that, being no part of a conversation, is told by now.
        let first = self.turns[0].turn;
        self.retain(|_, mark, _| mark.turn >= first);
    }

    /// Drops what is seen on disk. For turns of which it is not known where on disk they begin, or of which a part
    /// was not told.
    fn take_known(&mut self, disk: &Disk<'_>) {
        let unplaced: Vec<_> = self.turns.iter().filter(|live| live.gap || live.asked.is_none()).cloned().collect();
        let of_such = |turn| unplaced.iter().any(|live| live.turn == turn);
        let last = self.marks.len().saturating_sub(1);
        self.retain(|at, mark, entry| {
            !of_such(mark.turn) || (at == last && !entry_ended(entry)) || disk.window.find(entry.key).is_none()
        });
    }

    /// Drops the entries at the beginning that are finished and stand on disk as the next ones.
    fn take_finished(&mut self, disk: &Disk<'_>) {
        let (Some(live), last) = (self.turns.first(), self.marks.len().saturating_sub(1)) else { return };
        let Some(from) = live.at.map(|at| at + live.taken) else { return };
        let on_disk = |(nth, entry): &(usize, &Entry)| {
            let there = disk.window.fresh(from + nth);
            (*nth < last || live.ended)
                && entry_ended(entry)
                && there.is_some_and(|there| there.key == entry.key && entry_ended(there))
        };
        let taken = self.transcript.entries().iter().enumerate().take_while(on_disk).count();
        if taken > 0 {
            self.retain(|at, _, _| at >= taken);
            self.turns[0].taken += taken;
        }
    }

    /// Whether the disk has all of the first turn, whose prompt is at `at`, and what the screen may show of it is here.
    fn is_whole(&self, at: usize, disk: &Disk<'_>) -> bool {
        let live = &self.turns[0];
        if !live.ended {
            return false;
        }
        let from = at + live.taken;
        let left = || {
            let own = self.transcript.entries().iter().zip(&self.marks).filter(|(_, mark)| mark.turn == live.turn);
            own.map(|(entry, _)| entry).filter(|entry| entry.kind != EntryKind::Notice)
        };
        let said = left().rfind(|entry| entry.kind == EntryKind::Text);
        let there =
            |entry: &Entry| (from..disk.len).any(|at| disk.window.fresh(at).is_some_and(|on| is_same(on, entry)));
        let all = left().count() <= disk.len.saturating_sub(from) || said.is_some_and(there);
        let mut seen = from.max(disk.len.saturating_sub(disk.screen))..disk.len;
        all && seen.all(|at| disk.window.is_known(at))
    }

    /// The first turn is on disk. What was told beside the conversation stays until another turn is there too.
    fn settle(&mut self, disk: &Disk<'_>) {
        let live = self.turns.remove(0);
        let missing = |key| key != missed_key() && disk.window.find(key).is_none();
        let left = |entry: &Entry| entry.kind == EntryKind::Notice && missing(entry.key);
        self.retain(|_, mark, entry| mark.turn > live.turn || (mark.turn == live.turn && left(entry)));
        self.claimed = live.at.map_or(self.claimed, |at| at + 1);
        self.settled = self.settled.max(Some(live.turn));
    }
}

impl LiveTurn {
    /// Which of these prompts on disk is this turn's.
    fn find(&self, prompts: impl Iterator<Item = usize>, window: &Window) -> Option<usize> {
        let asked = self.asked.as_ref()?;
        let held = prompts.filter_map(|at| Some((at, window.get(at)?.entry)));
        let mut best: Option<(i64, usize)> = None;
        for (at, entry) in held {
            if entry.key == asked.key {
                return Some(at);
            }
            let late = match (entry.time, asked.time) {
                (Some(there), Some(here)) => there.since(here),
                _ => 0,
            };
            let same = entry.text.trim() == asked.text.trim() && (-EARLIER..=LATER).contains(&late);
            if same && best.is_none_or(|(least, _)| late.abs() < least) {
                best = Some((late.abs(), at));
            }
        }
        best.map(|(_, at)| at)
    }
}

/// Nothing more comes of an entry that is not the newest one.
fn entry_ended(entry: &Entry) -> bool {
    let at_work = |status| matches!(status, ToolStatus::Pending | ToolStatus::Running);
    entry.tool.as_ref().is_none_or(|tool| !at_work(tool.status))
}

fn is_same(on_disk: &Entry, live: &Entry) -> bool {
    let same_text = || on_disk.kind == live.kind && on_disk.text.trim() == live.text.trim();
    on_disk.key == live.key || same_text()
}

/// Where a place is looked for after indices changed.
pub fn index_of(key: Key, window: &Window, tail: &Tail, clip: usize) -> Option<usize> {
    tail.position(key).map(|at| clip + at).or_else(|| window.find(key).filter(|at| *at < clip))
}
