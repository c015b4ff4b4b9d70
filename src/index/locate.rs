//! Resolves the locations of hits to entry indices of a transcript.

use unicode_normalization::UnicodeNormalization;

use crate::agent::texts::entry_texts;
use crate::agent::{self, BranchPosition, TextLimit, TranscriptReader};
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
            EntryLocation::Entry { key, call, .. } => Some((number, (*key, &**call))),
        })
        .unzip();
    if keys.is_empty() {
        return found;
    }
    match agent::format(session.key.agent).open(session) {
        Ok(mut reader) => {
            let shown = reader.shown_branch();
            let positions = reader.locate(&keys);
            for (number, at) in numbers.into_iter().zip(positions) {
                let at = at.map(|at| nearest(&mut *reader, places[number], at));
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

/// Returns the position of the entry that has the text of a location, among those with the key and call of the entry that was
/// found. May show its branch.
pub(super) fn nearest(
    reader: &mut dyn TranscriptReader,
    place: &EntryLocation,
    found: BranchPosition,
) -> BranchPosition {
    let EntryLocation::Entry { key, call, near } = place else { return found };
    if near.is_empty() {
        return found;
    }
    let namesakes = reader.namesakes((*key, call), found.branch);
    if namesakes.is_empty() || !reader.show_branch(found.branch) {
        return found;
    }
    let mut is_near = |index: usize| {
        let mut is_near = false;
        for entry in reader.read(index..index + 1, TextLimit::NONE) {
            entry_texts(&entry, &mut |text| is_near |= alphanumerics(text.text).contains(&**near));
        }
        is_near
    };
    namesakes.into_iter().find(|&index| is_near(index)).map_or(found, |index| BranchPosition { index, ..found })
}

/// Letters and digits of a text, for [`EntryLocation::Entry::near`].
pub(super) fn alphanumerics(text: &str) -> String {
    text.nfc().filter(|c| c.is_alphanumeric()).collect()
}
