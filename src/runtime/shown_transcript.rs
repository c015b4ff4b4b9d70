//! Transcripts as the reader shows them: with the texts that salon kept, on the shown branch. Entries have the same indices.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::agent::{self, TranscriptReader};
use crate::domain::Session;
use crate::index;

/// Transcript that is open in a reader.
#[derive(Clone, Debug)]
pub struct ShownTranscript {
    /// The session.
    pub session: Arc<Session>,
    /// Number of the shown branch, from 0; `None` for the newest one.
    pub branch: Option<usize>,
}

impl ShownTranscript {
    /// Opens the transcript on the shown branch, with the kept texts of the database at `state_db`.
    pub fn open(&self, state_db: &Path) -> io::Result<Box<dyn TranscriptReader>> {
        open(&self.session, self.branch, state_db)
    }
}

/// Opens the transcript of a session on a branch, counted from 0, with the kept texts of the database at `state_db`.
pub(super) fn open(session: &Session, branch: Option<usize>, state_db: &Path) -> io::Result<Box<dyn TranscriptReader>> {
    let mut reader = index::open_transcript(agent::format(session.key.agent), session, Some(state_db))?;
    match branch {
        Some(branch) if reader.shown_branch() != branch && !reader.show_branch(branch) => {
            Err(io::Error::other("the branch no longer exists"))
        }
        Some(_) | None => Ok(reader),
    }
}

/// Returns true if a newer branch than a shown one exists: the agent continues that one.
pub(super) fn is_outdated(session: &Session, branch: Option<usize>, state_db: &Path) -> bool {
    let newest = || index::open_transcript(agent::format(session.key.agent), session, Some(state_db));
    branch.is_some_and(|branch| newest().is_ok_and(|newest| newest.shown_branch() != branch))
}
