//! Effects of keeping: they link files on a blocking thread.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::keep::Archive;
use super::progress::Progress;
use super::shell::Shell;
use super::task_message::TaskMessage;
use crate::app::Msg;
use crate::app::msg::KeepResult;
use crate::domain::{Session, SessionKey};

impl Shell {
    /// Keeps sessions, or releases them.
    pub(super) fn keep(&mut self, keys: Vec<SessionKey>, kept: bool, silent: bool) -> ControlFlow<()> {
        let Some(store) = self.runner.store.clone() else {
            return self.notice("Keeping needs state.db, which cannot be used; see salon doctor", true);
        };
        let all: Vec<Arc<Session>> = self.own_sessions().cloned().collect();
        let archive = Archive::new(self.runner.paths.archive(), &self.runner.environment);
        let messages = self.runner.messages.clone();
        let label = if kept { "Keeping" } else { "Releasing" };
        let mut progress = (!silent).then(|| Progress::new(messages.clone(), label, keys.len()));
        tokio::task::spawn_blocking(move || {
            let mut result = KeepResult { kept, silent, ..KeepResult::default() };
            let chosen = keys.iter().filter_map(|key| all.iter().find(|session| session.key == *key));
            for session in chosen {
                let done =
                    if kept { archive.keep(&store, session, &all) } else { archive.release(&store, session, &all) };
                let title = session.title.text.to_string();
                match done {
                    Ok(()) => result.done.push(title),
                    Err(reason) => result.refused.push((title, reason)),
                }
                if let Some(progress) = &mut progress {
                    progress.step();
                }
            }
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::Kept(result)))));
            drop(messages.send(TaskMessage::UserDataSaved));
        });
        ControlFlow::Continue(())
    }
}
