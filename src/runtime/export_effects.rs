//! Writing of sessions to files, on a blocking thread.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::env;
use super::shell::Shell;
use super::task_message::TaskMessage;
use crate::agent;
use crate::app::Msg;
use crate::app::msg::ExportResult;
use crate::domain::document::{DocumentSummary, ExportOptions};
use crate::domain::{Session, SessionKey};
use crate::export;
use crate::index;

impl Shell {
    /// Writes sessions to files in a folder.
    pub(super) fn export(&mut self, keys: &[SessionKey], options: ExportOptions, folder: &Path) {
        let sessions: Vec<Arc<Session>> = keys.iter().filter_map(|key| self.session(key)).collect();
        let folder = self.absolute(folder);
        let state_db = self.runner.paths.state_db();
        let messages = self.runner.messages.clone();
        tokio::task::spawn_blocking(move || {
            let mut result = ExportResult::default();
            for session in &sessions {
                let path = folder.join(export::file_name(session, options.format));
                match write(session, &path, &options, &state_db) {
                    Ok(summary) => {
                        result.secrets.add(&summary.secrets);
                        result.written.push(path);
                    }
                    Err(error) => {
                        let reason = format!("{}: {error}", path.display());
                        result.refused.push((session.title.text.to_string(), reason));
                    }
                }
            }
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::Exported(result)))));
        });
    }

    /// Returns a path below the current directory, or below the home directory after `~/`.
    fn absolute(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("~") {
            Ok(rest) => self.runner.environment.home.join(rest),
            Err(_) => env::current_dir().unwrap_or_default().join(path),
        }
    }
}

fn write(session: &Session, path: &Path, options: &ExportOptions, state_db: &Path) -> io::Result<DocumentSummary> {
    let mut reader = index::open_transcript(agent::format(session.key.agent), session, Some(state_db))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    export::create_file(path, false, |out| export::write(out, session, &mut *reader, options))
}
