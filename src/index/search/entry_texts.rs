//! Searchable texts of a session from its entries, for agents without [`Texts`](crate::agent::Texts).

use crate::agent::texts::{SearchText, entry_texts};
use crate::agent::{TextLimit, format};
use crate::domain::Session;

/// Number of entries per read.
const PAGE_ENTRIES: usize = 64;

/// Passes all texts of a session to `sink`. Unreadable ones are skipped.
pub fn texts(session: &Session, sink: &mut dyn FnMut(&SearchText<'_>)) {
    let mut reader = match format(session.key.agent).open(session) {
        Ok(reader) => reader,
        Err(error) => {
            tracing::debug!(session = %session.key, %error, "session cannot be searched");
            return;
        }
    };
    for from in (0..reader.len()).step_by(PAGE_ENTRIES) {
        for entry in reader.read(from..from + PAGE_ENTRIES, TextLimit::NONE) {
            entry_texts(&entry, sink);
        }
    }
}
