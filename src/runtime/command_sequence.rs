//! Commands of the user that run one after the other in the foreground.

use std::path::PathBuf;

use tempfile::TempPath;

use crate::app::Msg;

/// Commands that run one after the other in the foreground.
#[derive(Debug)]
pub(super) struct CommandSequence {
    /// Working directory.
    pub dir: PathBuf,
    /// Commands that are still to run.
    pub rest: std::vec::IntoIter<Vec<String>>,
    /// File with the drafted message, which is removed afterwards.
    pub draft: Option<TempPath>,
    /// Notice after success.
    pub done: String,
}

impl CommandSequence {
    /// Removes the draft and returns the message for the app state.
    pub(super) fn finish(self, failure: Option<&str>) -> Msg {
        if let Some(Err(error)) = self.draft.map(TempPath::close) {
            tracing::warn!(%error, "the draft of a message was not removed");
        }
        Msg::WorkTreeChanged(failure.map_or(Ok(self.done), |failure| Err(format!("The command {failure}"))))
    }

    /// Returns true if another command follows.
    pub(super) fn has_next(&self) -> bool {
        !self.rest.as_slice().is_empty()
    }
}
