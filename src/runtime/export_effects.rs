//! Writing of sessions to files, on a blocking thread.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::env;
use super::progress::Progress;
use super::shell::Shell;
use super::task_message::TaskMessage;
use crate::agent;
use crate::app::Msg;
use crate::app::msg::ExportResult;
use crate::domain::document::{DocumentSummary, ExportOptions};
use crate::domain::{Agent, Session, SessionKey};
use crate::export::{self, Subagents};
use crate::index;

impl Shell {
    /// Writes sessions to files in a folder.
    pub(super) fn export(&mut self, keys: &[SessionKey], options: ExportOptions, folder: &Path) {
        let sessions: Vec<Arc<Session>> = keys.iter().filter_map(|key| self.session(key)).collect();
        let folder = self.absolute(folder);
        let state_db = self.runner.paths.state_db();
        let all = self.subagents_of(&sessions);
        let messages = self.runner.messages.clone();
        let mut progress = Progress::new(messages.clone(), "Exporting", sessions.len());
        tokio::task::spawn_blocking(move || {
            let mut result = ExportResult::default();
            for session in &sessions {
                let path = folder.join(export::file_name(session, options.format));
                match write(session, &path, (&options, &all), &state_db) {
                    Ok(summary) => {
                        result.secrets.add(&summary.secrets);
                        result.written.push(path);
                    }
                    Err(error) => {
                        let reason = format!("{}: {error}", path.display());
                        result.refused.push((session.title.text.to_string(), reason));
                    }
                }
                progress.step();
            }
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::Exported(result)))));
        });
    }

    /// Returns the sub-agents of the agents of some sessions, which a document includes.
    fn subagents_of(&self, sessions: &[Arc<Session>]) -> HashMap<SessionKey, Arc<Session>> {
        let agents: HashSet<Agent> = sessions.iter().map(|session| session.key.agent).collect();
        let all = self.app.sessions.catalog.iter();
        let subagents = all.filter(|session| session.flags.subagent && agents.contains(&session.key.agent));
        subagents.map(|session| (session.key.clone(), session.clone())).collect()
    }

    /// Returns a path below the current directory, or below the home directory after `~/`.
    fn absolute(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("~") {
            Ok(rest) => self.runner.environment.home.join(rest),
            // Without `.`, which means the current directory itself.
            Err(_) => env::current_dir().unwrap_or_default().join(path).components().collect(),
        }
    }
}

fn write(
    session: &Session,
    path: &Path,
    (options, all): (&ExportOptions, &HashMap<SessionKey, Arc<Session>>),
    state_db: &Path,
) -> io::Result<DocumentSummary> {
    let mut reader = index::open_transcript(agent::format(session.key.agent), session, Some(state_db))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let find = |key: &SessionKey| all.get(key).cloned();
    let subagents = Subagents { find: &find, state_db: Some(state_db) };
    export::create_file(path, false, |out| export::write(out, session, &mut *reader, options, subagents))
}
