//! Opening a transcript from the search: highlights the query and jumps to the match.

use super::{Effect, Find, Reader};
use crate::domain::query::EntryMatcher;
use crate::domain::search::EntryLocation;

/// Target of a jump from the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JumpTarget {
    /// A location.
    Location(EntryLocation),
    /// The first match.
    First,
    /// The last match.
    Last,
}

impl Reader {
    /// Highlights a query and jumps to the target as soon as its entry is known.
    pub fn open_at(&mut self, query: &str, target: JumpTarget) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.query_of_search() != Some(query) {
            // A query that only filters sessions matches no entries.
            let matches_entries = EntryMatcher::new(query).has_entry_conditions();
            self.find = matches_entries.then(|| Find { input: query.into(), from_search: true, ..Find::default() });
            effects.push(Effect::FindInTranscript(
                self.ticket,
                if matches_entries { query.to_owned() } else { String::new() },
            ));
        }
        if let JumpTarget::Location(location @ EntryLocation::Entry { .. }) = &target {
            effects.push(Effect::Locate(self.ticket, location.clone()));
            self.jump_target = Some(target);
        } else {
            self.jump_target = Some(if target == JumpTarget::Last { target } else { JumpTarget::First });
            self.jump_to_hit();
        }
        effects
    }

    /// Returns true if no match is left in a direction, so that the next one is in another session.
    pub fn is_last_hit(&self, forward: bool) -> bool {
        let Some(find) = self.find.as_ref().filter(|find| find.from_search && find.complete) else { return false };
        let cursor = self.cursor();
        let more = if forward { find.nth.saturating_add(1) < self.layout.cursor_hits } else { find.nth > 0 };
        if more && find.entry() == Some(cursor) {
            return false;
        }
        let beyond = |entry: &usize| if forward { *entry > cursor } else { *entry < cursor };
        !find.entries().iter().any(beyond)
    }

    /// Returns the query of the search screen that opened the transcript.
    fn query_of_search(&self) -> Option<&str> {
        self.find.as_ref().filter(|find| find.from_search).map(Find::query)
    }

    /// Jumps to the entry of a location; without an entry, to the first match.
    pub(super) fn located(&mut self, location: &EntryLocation, entry: Option<usize>) {
        if !matches!(&self.jump_target, Some(JumpTarget::Location(wanted)) if wanted == location) {
            return;
        }
        let Some(entry) = entry else {
            self.jump_target = Some(JumpTarget::First);
            return self.jump_to_hit();
        };
        self.jump_target = None;
        if let Some(find) = &mut self.find {
            find.from = entry;
            find.select(entry, 0);
        }
        self.show_hit(entry, 0);
    }

    /// Jumps to the first or last match if that is the target and it is known.
    pub(super) fn jump_to_hit(&mut self) {
        let Some(find) = &mut self.find else {
            self.jump_target = None;
            return;
        };
        let known = match &self.jump_target {
            Some(JumpTarget::First) => find.entries().first().map(|entry| (*entry, 0)),
            Some(JumpTarget::Last) if find.complete => find.entries().last().map(|entry| (*entry, usize::MAX)),
            Some(JumpTarget::Location(_) | JumpTarget::Last) | None => None,
        };
        if let Some((entry, nth)) = known {
            find.select(entry, nth);
            self.jump_target = None;
            self.show_hit(entry, nth);
        }
    }
}
