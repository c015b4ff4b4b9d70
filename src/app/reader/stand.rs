//! A reader that a search opens: what was looked for is marked, and it stands where it was found.

use super::{Effect, Find, Reader};
use crate::domain::found::Place;
use crate::domain::query::Within;

/// Where a search wants a reader to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// At this place.
    Place(Place),
    /// On the first hit.
    First,
    /// On the last hit.
    Last,
}

impl Reader {
    /// Marks what a query looks for, and stands where it was found as soon as that is known.
    pub fn seek(&mut self, query: &str, stand: Stand) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.given() != Some(query) {
            // What only says which sessions are meant leads nowhere in them.
            let marks = Within::new(query).asks_entries();
            self.find = marks.then(|| Find { query: query.to_owned(), given: true, ..Find::default() });
            effects.push(Effect::FindInTranscript(self.ticket, if marks { query.to_owned() } else { String::new() }));
        }
        if let Stand::Place(place @ Place::Entry { .. }) = &stand {
            effects.push(Effect::Locate(self.ticket, place.clone()));
            self.stand = Some(stand);
        } else {
            self.stand = Some(if stand == Stand::Last { stand } else { Stand::First });
            self.stand_on_hit();
        }
        effects
    }

    /// No hit is left in that direction, so that the next one is in another session.
    pub fn is_last_hit(&self, forward: bool) -> bool {
        let Some(find) = self.find.as_ref().filter(|find| find.given && find.complete) else { return false };
        let cursor = self.cursor();
        let more = if forward { find.nth + 1 < self.drawn.cursor_hits } else { find.nth > 0 };
        if more && find.entry() == Some(cursor) {
            return false;
        }
        let beyond = |entry: &usize| if forward { *entry > cursor } else { *entry < cursor };
        !find.entries.iter().any(beyond)
    }

    /// The query of the search that opened it.
    fn given(&self) -> Option<&str> {
        self.find.as_ref().filter(|find| find.given).map(|find| find.query.as_str())
    }

    /// It is known which entry a place is in. Where it is in none, the first hit has to do.
    pub(super) fn located(&mut self, place: &Place, entry: Option<usize>) {
        if !matches!(&self.stand, Some(Stand::Place(wanted)) if wanted == place) {
            return;
        }
        let Some(entry) = entry else {
            self.stand = Some(Stand::First);
            return self.stand_on_hit();
        };
        self.stand = None;
        if let Some(find) = &mut self.find {
            find.from = entry;
            find.nth = 0;
            find.current = find.entries.binary_search(&entry).ok();
        }
        self.show_hit(entry, 0);
    }

    /// Stands on the first or the last hit, where that is what is wanted and they are known by now.
    pub(super) fn stand_on_hit(&mut self) {
        let Some(find) = &mut self.find else {
            self.stand = None;
            return;
        };
        let known = match &self.stand {
            Some(Stand::First) => find.entries.first().map(|entry| (0, *entry, 0)),
            Some(Stand::Last) if find.complete => {
                find.entries.last().map(|entry| (find.entries.len() - 1, *entry, usize::MAX))
            }
            Some(Stand::Place(_) | Stand::Last) | None => None,
        };
        if let Some((at, entry, nth)) = known {
            (find.current, find.nth) = (Some(at), nth);
            self.stand = None;
            self.show_hit(entry, nth);
        }
    }
}
