//! Live transcripts: events of a run, merged with the transcript on disk.

use std::ops::Range;

use super::merge::{self, DiskEntries};
use super::{Effect, Outline, Reader, RequestTicket};
use crate::domain::event::EntryKey;
use crate::domain::run::TurnNumber;
use crate::domain::run_event::RunEvent;
use crate::domain::tool::PlanItem;
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::EntryKind;
use crate::domain::{SessionKey, Time};

/// Maximum entries after a prompt that is being sent.
const MAX_SENT_BACK: usize = 100;

/// Scroll position and cursor, by the identities of their entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryPosition {
    anchor: Option<EntryKey>,
    cursor: Option<EntryKey>,
    /// True if the cursor is on the last entry and follows it.
    last: bool,
}

impl Reader {
    /// Applies events of the conversation's run, after a gap of `missed` events. Reads the gap from disk.
    pub fn apply_events(&mut self, missed: u64, events: impl IntoIterator<Item = RunEvent>) -> Vec<Effect> {
        let position = self.position();
        let mut turn_changed = self.tail.is_empty();
        let mut events = events.into_iter().peekable();
        if let Some(first) = events.peek().filter(|_| missed > 0) {
            self.tail.add_gap(missed, first.turn);
        }
        let disk = self.opened.as_ref().map(|_| self.disk);
        for event in events {
            turn_changed |= self.tail.apply_event(event, disk);
        }
        if turn_changed {
            self.merge(position);
            return self.request_entries();
        }
        self.restore_position(position);
        self.live_entries_changed();
        Vec::new()
    }

    /// Starts the clocks of calls that waited for approvals which new events answer.
    pub fn approvals_answered(&mut self, events: &[RunEvent], now: Time) {
        self.tail.approvals_answered(events, now);
    }

    /// Ends all turns up to `last`: the rest of their entries is on disk.
    pub fn end_turns(&mut self, last: TurnNumber) -> Vec<Effect> {
        let position = self.position();
        if !self.tail.end_turns(last) {
            return Vec::new();
        }
        self.merge(position);
        self.request_entries()
    }

    /// Drops the live entries, because the transcript contains them.
    pub fn clear_live(&mut self) {
        let position = self.position();
        self.tail.clear();
        self.merge(position);
    }

    /// Switches to another transcript. The screen keeps its content until the transcript is loaded.
    pub fn reopen(&mut self, ticket: RequestTicket, key: SessionKey) -> Vec<Effect> {
        let close = self.stored.then_some(Effect::CloseTranscript(self.ticket));
        self.replaced = self.opened.take().is_some() || self.disk > 0;
        self.tail.outdate(0);
        self.outline = Outline::default();
        (self.load_error, self.branch) = (None, None);
        (self.stored, self.ticket, self.key) = (true, ticket, key.clone());
        close.into_iter().chain([Effect::OpenTranscript(ticket, key)]).collect()
    }

    /// Returns true if a transcript on disk is known.
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    /// Returns the number of live entries.
    pub fn live_entries(&self) -> usize {
        self.tail.len()
    }

    /// Returns the call that runs now: its tool with the operation in one line, and its start.
    pub fn running_call(&self) -> Option<(String, Option<Time>)> {
        let entry = self.tail.running_call()?;
        let tool = entry.tool.as_ref()?;
        let headline = tool.action.headline();
        let separator = if headline.is_empty() { "" } else { ": " };
        Some((format!("{}{separator}{headline}", tool_label(&tool.name)), self.tail.running_since(entry)))
    }

    /// Returns the operation of a live tool call in one line.
    pub fn live_call(&self, id: &str) -> Option<String> {
        // Once the call is on disk, the tail no longer has it.
        let loaded = (0..self.len()).rev().map_while(|index| self.entry(index));
        let mut tools = loaded.filter_map(|shown| shown.entry.tool.as_ref());
        tools.find(|tool| *tool.id == *id).map(|tool| tool.action.headline())
    }

    /// Returns the items of the last plan among the loaded entries; none if there is no plan.
    pub fn latest_plan(&self) -> &[PlanItem] {
        let loaded = (0..self.len()).rev().map_while(|index| self.entry(index));
        let plan = loaded.map(|shown| &shown.entry.plan).find(|plan| !plan.is_empty());
        plan.map_or(&[], Vec::as_slice)
    }

    /// Returns true if one of the newest entries is a prompt with a text, since a time.
    pub fn shows_prompt(&self, text: &str, since: Time) -> bool {
        let newest = (0..self.len()).rev().take(MAX_SENT_BACK).map_while(|index| self.entry(index));
        newest.into_iter().any(|shown| {
            let is_since = shown.entry.time.is_none_or(|time| time >= since);
            shown.entry.kind == EntryKind::Prompt && is_since && shown.entry.text.trim() == text.trim()
        })
    }

    /// Returns the loaded prompts, newest first.
    pub fn prompts(&self) -> Vec<String> {
        let loaded = (0..self.len()).rev().map_while(|index| self.entry(index));
        let prompts = loaded.filter(|shown| shown.entry.kind == EntryKind::Prompt);
        prompts.map(|shown| shown.entry.text.clone()).collect()
    }

    /// Returns the current position.
    pub(super) fn position(&self) -> EntryPosition {
        let key = |index, last: Option<(usize, EntryKey)>| {
            // The last known identity, unless the index changed before its entry was loaded.
            let last = last.filter(|(at, _)| *at == index).map(|(_, key)| key);
            self.entry(index).map(|shown| shown.entry.key).or(last)
        };
        EntryPosition {
            anchor: self.anchor.entry().and_then(|entry| key(entry, self.keys.0)),
            cursor: key(self.cursor(), self.keys.1),
            last: self.cursor.saturating_add(1) >= self.len() && self.is_following(),
        }
    }

    /// Merges disk and live entries; the position stays.
    pub(super) fn merge(&mut self, position: EntryPosition) {
        let none: &[usize] = &[];
        let prompts = self.opened.as_ref().map_or(none, |opened| &opened.prompts);
        let screen = self.layout.height.clamp(8, 48);
        let disk = DiskEntries { window: &self.window, prompts, len: self.disk, screen };
        if self.tail.is_empty() {
            self.clip = self.disk;
        } else if self.opened.is_some() {
            if let Some(clip) = self.tail.merge(&disk) {
                self.tail.shown = true;
                self.clip = clip;
            }
        } else if !self.stored || self.load_error.is_some() {
            self.tail.shown = true;
        }
        if !self.tail.shown || (self.tail.is_empty() && !self.replaced) {
            self.clip = self.disk;
        }
        self.clip = self.clip.min(self.disk);
        self.restore_position(position);
        self.live_entries_changed();
    }

    /// Updates all that is derived from the live entries.
    fn live_entries_changed(&mut self) {
        self.outline.set_live(self.clip, self.tail.entries());
        self.find_in_live_entries();
    }

    /// Requests the disk entries that must be loaded before they replace live ones.
    pub(super) fn request_for_merge(&mut self) -> Vec<Range<usize>> {
        let Some(opened) = self.opened.as_ref().filter(|_| !self.tail.is_empty()) else { return Vec::new() };
        let newest: Vec<_> = opened.prompts.iter().rev().take(merge::PROMPTS).map(|at| *at..at + 1).collect();
        let screen = self.disk.saturating_sub(self.layout.height.clamp(8, 48))..self.disk;
        let next = self.clip..(self.clip + 8).min(self.disk);
        let wanted = newest.into_iter().chain([screen, next]);
        wanted.flat_map(|range| self.window.request_once(range, self.disk)).collect()
    }

    /// Restores a position after entries got new indices.
    fn restore_position(&mut self, position: EntryPosition) {
        let index = |key| merge::index_of(key, &self.window, &self.tail, self.clip);
        if let Some(to) = self.anchor.entry().and(position.anchor).and_then(index) {
            self.anchor = self.anchor.moved(to);
        }
        let cursor = position.cursor.and_then(index);
        if position.last {
            self.cursor = usize::MAX;
        } else if let Some(to) = cursor {
            self.cursor = to;
        }
        self.seen_len = self.seen_len.min(self.len());
    }
}
