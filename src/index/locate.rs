//! From places that a search found to numbers of entries, as a transcript counts them.

use crate::agent::{self, Reading, TextLimit};
use crate::domain::Session;
use crate::domain::found::Place;
use crate::index::readings::is_at;

/// Entries that are looked at at once.
const PAGE: usize = 256;

/// The index of each place's entry, counted from 0. None where it is no entry (a title), where it is not on the shown
/// branch, and where the transcript cannot be read any more.
pub fn locate(session: &Session, places: &[&Place]) -> Vec<Option<usize>> {
    let mut found = vec![None; places.len()];
    if places.iter().all(|place| **place == Place::Title) {
        return found;
    }
    match agent::format(session.key.agent).open(session) {
        Ok(mut reading) => walk(&mut *reading, places, &mut found),
        Err(error) => tracing::debug!(session = %session.key, %error, "cannot be opened"),
    }
    found
}

fn walk(reading: &mut dyn Reading, places: &[&Place], found: &mut [Option<usize>]) {
    let (mut from, mut missing) = (0, places.iter().filter(|place| ***place != Place::Title).count());
    while missing > 0 && from < reading.len() {
        let entries = reading.read(from..reading.len().min(from + PAGE), TextLimit(0));
        if entries.is_empty() {
            return;
        }
        for (place, found) in places.iter().zip(&mut *found).filter(|(_, found)| found.is_none()) {
            *found = entries.iter().position(|entry| is_at(entry, place)).map(|at| from + at);
            missing -= usize::from(found.is_some());
        }
        from += entries.len();
    }
}
