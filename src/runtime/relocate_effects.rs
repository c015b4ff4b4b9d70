//! Effects on the directories and names of sessions, which read and write files on a blocking thread.
#![expect(clippy::disallowed_methods, reason = "called from blocking tasks")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::shell::Shell;
use super::task_message::TaskMessage;
use super::{relocate, rename};
use crate::app::Msg;
use crate::domain::{Session, SessionKey};
use crate::store::{annotations, describe_error};

impl Shell {
    /// Moves the sessions of a directory that is gone.
    pub(super) fn relocate(&mut self, from: String, to: String) -> ControlFlow<()> {
        let Some(store) = self.runner.store.clone() else {
            return self.notice("Not remembered: state.db cannot be used; see salon doctor", true);
        };
        let all: Vec<Arc<Session>> = self.own_sessions().cloned().collect();
        let messages = self.runner.messages.clone();
        tokio::task::spawn_blocking(move || {
            let (from, to) = relocate::moved_root(Path::new(&from), Path::new(&to));
            let edits = relocate::move_project(&all, from, to);
            let (text, error) = match store.with(|db| annotations::edit(db, &edits)) {
                Ok(()) if edits.len() == 1 => (format!("1 session is now in {}", to.display()), false),
                Ok(()) => (format!("{} sessions are now in {}", edits.len(), to.display()), false),
                Err(error) => (format!("The new directory was not saved: {}", describe_error(&error)), true),
            };
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::Notice { text, error }))));
            drop(messages.send(TaskMessage::UserDataSaved));
        });
        ControlFlow::Continue(())
    }

    /// Remembers the repositories of all workspaces.
    pub(super) fn remember_projects(&self) {
        let Some(store) = self.runner.store.clone() else { return };
        let workspaces = relocate::workspaces(self.own_sessions());
        tokio::task::spawn_blocking(move || relocate::remember(&store, &workspaces));
    }

    /// Renames a session in its agent's own files.
    pub(super) fn write_title(&self, key: &SessionKey, title: String) {
        let Some(session) = self.session(key) else { return };
        let (environment, messages) = (self.runner.environment.clone(), self.runner.messages.clone());
        tokio::task::spawn_blocking(move || {
            let label = session.key.agent.label();
            let (text, error) = match rename::write_back(&session, &title, &environment) {
                Ok(()) => (format!("Renamed, also in {label}"), false),
                Err(reason) => (format!("Renamed in salon, but not in {label}: {reason}"), true),
            };
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::Notice { text, error }))));
        });
    }
}
