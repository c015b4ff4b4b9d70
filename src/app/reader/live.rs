//! The reader of a conversation that goes on: what its run tells, and the transcript that comes to be.

use std::ops::Range;

use super::merge::{self, Disk};
use super::{Effect, Reader, Ticket};
use crate::domain::SessionKey;
use crate::domain::event::Key;
use crate::domain::run::{Happening, Turn};

/// Where one stands, by what stands there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    anchor: Option<Key>,
    cursor: Option<Key>,
    /// On the last entry, which stays the last one.
    last: bool,
}

impl Reader {
    /// Takes in what happened in the conversation's run; before it there was more that was `missed`. Where the disk
    /// must be asked for that, it is.
    pub fn happened(&mut self, missed: u64, happenings: impl IntoIterator<Item = Happening>) -> Vec<Effect> {
        let place = self.place();
        let mut turned = self.tail.is_empty();
        let mut happenings = happenings.into_iter().peekable();
        if let Some(first) = happenings.peek().filter(|_| missed > 0) {
            self.tail.missed(missed, first.turn);
        }
        let disk = self.opened.as_ref().map(|_| self.disk);
        for happening in happenings {
            turned |= self.tail.happened(happening, disk);
        }
        if turned {
            self.merge(place);
            return self.ask();
        }
        self.stand(place);
        Vec::new()
    }

    /// No turn up to this one is open: whatever is still to come of it is on disk.
    pub fn end_turns(&mut self, last: Turn) -> Vec<Effect> {
        let place = self.place();
        if !self.tail.end_turns(last) {
            return Vec::new();
        }
        self.merge(place);
        self.ask()
    }

    /// Forgets what the run told; the transcript has it.
    pub fn forget_live(&mut self) {
        let place = self.place();
        self.tail.forget();
        self.merge(place);
    }

    /// Reads this transcript from now on. What is on the screen stays until it is here.
    pub fn reopen(&mut self, ticket: Ticket, key: SessionKey) -> Vec<Effect> {
        let close = self.stored.then_some(Effect::CloseTranscript(self.ticket));
        self.replaced = self.opened.take().is_some() || self.disk > 0;
        self.tail.outdate(0);
        self.trouble = None;
        (self.stored, self.ticket, self.key) = (true, ticket, key.clone());
        close.into_iter().chain([Effect::OpenTranscript(ticket, key)]).collect()
    }

    /// There is a transcript on disk, as far as is known.
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    /// Entries that are shown as a run told them.
    pub fn live_entries(&self) -> usize {
        self.tail.len()
    }

    /// The prompts that are held, the newest first.
    pub fn prompts(&self) -> Vec<String> {
        use crate::domain::transcript::EntryKind;
        let held = (0..self.len()).rev().map_while(|index| self.entry(index));
        let prompts = held.filter(|shown| shown.entry.kind == EntryKind::Prompt);
        prompts.map(|shown| shown.entry.text.clone()).collect()
    }

    /// Where one stands now.
    pub(super) fn place(&self) -> Standing {
        let key = |index, last: Option<(usize, Key)>| {
            // What was there last; not what was elsewhere before one went to an entry that is not here yet.
            let last = last.filter(|(at, _)| *at == index).map(|(_, key)| key);
            self.entry(index).map(|shown| shown.entry.key).or(last)
        };
        Standing {
            anchor: self.anchor.entry().and_then(|entry| key(entry, self.keys.0)),
            cursor: key(self.cursor(), self.keys.1),
            last: self.cursor.saturating_add(1) >= self.len() && self.is_following(),
        }
    }

    /// Brings disk and live entries together anew; the place stays where it is.
    pub(super) fn merge(&mut self, place: Standing) {
        let none: &[usize] = &[];
        let prompts = self.opened.as_ref().map_or(none, |opened| &opened.prompts);
        let screen = self.drawn.height.clamp(8, 48);
        let disk = Disk { window: &self.window, prompts, len: self.disk, screen };
        if self.tail.is_empty() {
            self.clip = self.disk;
        } else if self.opened.is_some() {
            if let Some(clip) = self.tail.merge(&disk) {
                self.tail.shown = true;
                self.clip = clip;
            }
        } else if !self.stored || self.trouble.is_some() {
            self.tail.shown = true;
        }
        if !self.tail.shown || (self.tail.is_empty() && !self.replaced) {
            self.clip = self.disk;
        }
        self.clip = self.clip.min(self.disk);
        self.stand(place);
    }

    /// Entries of the disk that must be here before live ones give way to it.
    pub(super) fn ask_to_merge(&mut self) -> Vec<Range<usize>> {
        let Some(opened) = self.opened.as_ref().filter(|_| !self.tail.is_empty()) else { return Vec::new() };
        let newest: Vec<_> = opened.prompts.iter().rev().take(merge::PROMPTS).map(|at| *at..at + 1).collect();
        let screen = self.disk.saturating_sub(self.drawn.height.clamp(8, 48))..self.disk;
        let next = self.clip..(self.clip + 8).min(self.disk);
        let wanted = newest.into_iter().chain([screen, next]);
        wanted.flat_map(|range| self.window.ask_once(range, self.disk)).collect()
    }

    /// Goes where one stood, now that entries may have other indices.
    fn stand(&mut self, place: Standing) {
        let index = |key| merge::index_of(key, &self.window, &self.tail, self.clip);
        if let Some(to) = self.anchor.entry().and(place.anchor).and_then(index) {
            self.anchor = self.anchor.moved(to);
        }
        let cursor = place.cursor.and_then(index);
        if place.last {
            self.cursor = usize::MAX;
        } else if let Some(to) = cursor {
            self.cursor = to;
        }
        self.seen = self.seen.min(self.len());
    }
}
