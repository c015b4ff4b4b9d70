//! Resolves the locations of hits to entry indices of a transcript.

use crate::agent::{self, BranchPosition};
use crate::domain::search::{EntryLocation, LocatedEntry};
use crate::domain::{EntryKey, Session};

/// Finds the entry of each location. `None` for a title, and where the transcript cannot be read.
pub fn locate(session: &Session, places: &[&EntryLocation]) -> Vec<Option<LocatedEntry>> {
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
            let shown = reader.shown_branch();
            for (number, at) in numbers.into_iter().zip(reader.locate(&keys)) {
                let entry = |BranchPosition { branch, index }| LocatedEntry {
                    index,
                    branch: Some(branch).filter(|branch| *branch != shown),
                };
                found[number] = at.map(entry);
            }
        }
        Err(error) => tracing::debug!(session = %session.key, %error, "transcript cannot be opened"),
    }
    found
}
