//! Brief of a session for another agent, from its transcript.

use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::Session;
use crate::domain::handover::Handover;

/// Number of entries that are read at a time.
const CHUNK: usize = 128;

/// Returns the brief of the shown branch; `None` if there is nothing to hand over.
pub fn brief(session: &Session, reader: &mut dyn TranscriptReader) -> Option<String> {
    let mut handover = Handover::default();
    let mut from = 0;
    while from < reader.len() {
        let entries = reader.read(from..reader.len().min(from + CHUNK), TextLimit::SCREEN);
        if entries.is_empty() {
            break;
        }
        entries.iter().for_each(|entry| handover.add(entry));
        from += entries.len();
    }
    (!handover.is_empty()).then(|| handover.brief(session))
}
