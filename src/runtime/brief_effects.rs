//! Briefs of sessions for other agents, written on a blocking thread.

use std::path::Path;

use super::shell::Shell;
use super::task_message::TaskMessage;
use crate::agent;
use crate::app::Msg;
use crate::domain::{Session, SessionKey};
use crate::export;
use crate::index;

impl Shell {
    /// Writes the brief of a session.
    pub(super) fn write_brief(&mut self, key: SessionKey) {
        let Some(session) = self.session(&key) else { return };
        let state_db = self.runner.paths.state_db();
        let messages = self.runner.messages.clone();
        tokio::task::spawn_blocking(move || {
            let brief = brief(&session, &state_db);
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::BriefWritten { key, brief }))));
        });
    }
}

/// Returns the brief of a session. The error says why there is none.
pub fn brief(session: &Session, state_db: &Path) -> Result<String, String> {
    let opened = index::open_transcript(agent::format(session.key.agent), session, Some(state_db));
    let mut reader = opened.map_err(|error| format!("cannot read {}: {error}", session.path.display()))?;
    export::brief(session, &mut *reader).ok_or_else(|| "the session has no prompt yet".to_owned())
}
