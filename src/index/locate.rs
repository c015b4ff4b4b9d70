//! From places that a search found to numbers of entries, as a transcript counts them.

use crate::agent;
use crate::domain::found::Place;
use crate::domain::{Key, Session};

/// The index of each place's entry, counted from 0. None where it is no entry (a title), where it is not on the shown
/// branch, and where the transcript cannot be read any more.
pub fn locate(session: &Session, places: &[&Place]) -> Vec<Option<usize>> {
    let mut found = vec![None; places.len()];
    let (numbers, wanted): (Vec<usize>, Vec<(Key, &str)>) = places
        .iter()
        .enumerate()
        .filter_map(|(number, place)| match place {
            Place::Title => None,
            Place::Entry { key, call } => Some((number, (*key, &**call))),
        })
        .unzip();
    if wanted.is_empty() {
        return found;
    }
    match agent::format(session.key.agent).open(session) {
        Ok(mut reading) => {
            for (number, at) in numbers.into_iter().zip(reading.positions(&wanted)) {
                found[number] = at;
            }
        }
        Err(error) => tracing::debug!(session = %session.key, %error, "cannot be opened"),
    }
    found
}
