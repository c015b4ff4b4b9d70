//! Texts of a session by way of its entries: for agents that tell search nothing of how their records lie.

use crate::agent::texts::{Text, entry_texts};
use crate::agent::{TextLimit, format};
use crate::domain::Session;

/// Entries read at a time.
const PAGE: usize = 64;

/// All texts of a session. What cannot be read is left out.
pub fn texts(session: &Session, sink: &mut dyn FnMut(&Text<'_>)) {
    let mut reading = match format(session.key.agent).open(session) {
        Ok(reading) => reading,
        Err(error) => {
            tracing::debug!(session = %session.key, %error, "cannot be read for the search");
            return;
        }
    };
    for from in (0..reading.len()).step_by(PAGE) {
        for entry in reading.read(from..from + PAGE, TextLimit::NONE) {
            entry_texts(&entry, sink);
        }
    }
}
