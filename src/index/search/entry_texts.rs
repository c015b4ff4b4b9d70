//! Searchable texts of a session from its entries, for agents without [`Texts`](crate::agent::Texts).

use std::collections::HashSet;

use crate::agent::texts::{SearchText, entry_texts};
use crate::agent::{TextLimit, format};
use crate::domain::Session;

/// Number of entries per read.
const PAGE_ENTRIES: usize = 64;

/// Passes all texts of a session, on all branches, to `sink`. Unreadable ones are skipped.
pub(super) fn texts(session: &Session, sink: &mut dyn FnMut(&SearchText<'_>)) {
    let mut reader = match format(session.key.agent).open(session) {
        Ok(reader) => reader,
        Err(error) => {
            tracing::debug!(session = %session.key, %error, "session cannot be searched");
            return;
        }
    };
    // Branches share entries; the shown branch comes first, because a hit opens there.
    let shown = reader.shown_branch();
    let others = (0..reader.branches()).filter(|branch| *branch != shown);
    let mut seen = HashSet::new();
    for branch in [shown].into_iter().chain(others) {
        if branch != shown && !reader.show_branch(branch) {
            continue;
        }
        for from in (0..reader.len()).step_by(PAGE_ENTRIES) {
            let entries = reader.read(from..from + PAGE_ENTRIES, TextLimit::NONE);
            entries.iter().filter(|entry| seen.insert(entry.key)).for_each(|entry| entry_texts(entry, sink));
        }
    }
}
