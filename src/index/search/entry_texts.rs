//! Searchable texts of a session from its entries, for agents without [`Texts`](crate::agent::Texts).

use std::collections::HashSet;

use crate::agent::texts::{SearchText, entry_texts};
use crate::agent::{TextLimit, TranscriptReader, format};
use crate::domain::{Agent, Session};

/// Number of entries per read.
const PAGE_ENTRIES: usize = 64;

/// Passes all texts of sessions of one agent, on all branches, to `sink`. Unreadable ones are skipped.
pub(super) fn texts(agent: Agent, sessions: &[&Session], sink: &mut dyn FnMut(&Session, &SearchText<'_>)) {
    format(agent).open_each(sessions, &mut |session, opened| match opened {
        Ok(mut reader) => texts_of(&mut *reader, &mut |text| sink(session, text)),
        Err(error) => tracing::debug!(session = %session.key, %error, "session cannot be searched"),
    });
}

fn texts_of(reader: &mut dyn TranscriptReader, sink: &mut dyn FnMut(&SearchText<'_>)) {
    // Branches share entries; the shown branch comes first, because a hit opens there.
    let shown = reader.shown_branch();
    let others = (0..reader.branches()).filter(|branch| *branch != shown);
    let mut seen = HashSet::new();
    for branch in [shown].into_iter().chain(others) {
        if branch != shown && !reader.show_branch(branch) {
            continue;
        }
        // Entries of one branch may have one key.
        let mut own = HashSet::new();
        for from in (0..reader.len()).step_by(PAGE_ENTRIES) {
            let entries = reader.read(from..from + PAGE_ENTRIES, TextLimit::NONE);
            entries.iter().filter(|entry| !seen.contains(&entry.key)).for_each(|entry| entry_texts(entry, sink));
            own.extend(entries.iter().map(|entry| entry.key));
        }
        seen.extend(own);
    }
}
