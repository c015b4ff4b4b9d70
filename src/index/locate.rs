//! Resolves the locations of hits to entry indices of a transcript.

use crate::agent;
use crate::domain::search::EntryLocation;
use crate::domain::{EntryKey, Session};

/// Returns the entry index of each location, counted from 0. `None` for a title, for an entry outside of the shown
/// branch, and where the transcript cannot be read.
pub fn locate(session: &Session, places: &[&EntryLocation]) -> Vec<Option<usize>> {
    let mut found = vec![None; places.len()];
    let (numbers, keys): (Vec<usize>, Vec<(EntryKey, &str)>) = places
        .iter()
        .enumerate()
        .filter_map(|(number, place)| match place {
            EntryLocation::Title => None,
            EntryLocation::Entry { key, call } => Some((number, (*key, &**call))),
        })
        .unzip();
    if keys.is_empty() {
        return found;
    }
    match agent::format(session.key.agent).open(session) {
        Ok(mut reader) => {
            for (number, at) in numbers.into_iter().zip(reader.positions(&keys)) {
                found[number] = at;
            }
        }
        Err(error) => tracing::debug!(session = %session.key, %error, "transcript cannot be opened"),
    }
    found
}
