//! Effects of the trash: they move files on a blocking thread.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::keep::Archive;
use super::progress::Progress;
use super::shell::Shell;
use super::task_message::TaskMessage;
use super::trash::{self, Removal};
use crate::app::Msg;
use crate::domain::trash_result::TrashResult;
use crate::domain::{Session, SessionKey, Time};
use crate::index::IndexOptions;
use crate::store::{Store, describe_error};

type Step = ControlFlow<()>;

impl Shell {
    /// Moves sessions to the trash.
    pub(super) fn trash(&mut self, keys: Vec<SessionKey>, cancel_queued: bool) -> Step {
        let all: Vec<Arc<Session>> = self.own_sessions().cloned().collect();
        let (root, now) = (self.runner.paths.trash(), self.clock.now());
        let archive = Archive::new(self.runner.paths.archive(), &self.runner.environment);
        let mut progress = self.progress("Moving to the trash", keys.len());
        self.with_trash(move |store| {
            let removal = Removal { all: &all, root: &root, archive: &archive, cancel_queued };
            Msg::Trashed(remove(removal, store, (&keys, now), || progress.step()))
        })
    }

    /// Restores sessions from the trash.
    pub(super) fn restore(&mut self, keys: Vec<SessionKey>) -> Step {
        let mut progress = self.progress("Restoring", keys.len());
        self.with_trash(move |store| Msg::Restored(restore_all(store, keys, || progress.step())))
    }

    /// Loads the sessions in the trash.
    pub(super) fn load_trash(&mut self) -> Step {
        let options = self.index_options();
        let days = self.app.settings.limits.trash_days;
        self.with_trash(move |store| {
            Msg::TrashLoaded(trash::list(store).map(|trashed| {
                let all = trash::all_with_hidden(&trashed, options);
                trashed.iter().map(|session| trash::item(session, &all, days)).collect()
            }))
        })
    }

    /// Deletes sessions in the trash permanently.
    pub(super) fn delete_trashed(&mut self, keys: Vec<SessionKey>) -> Step {
        let options = self.index_options();
        let environment = self.runner.environment.clone();
        let mut progress = self.progress("Deleting permanently", keys.len());
        self.with_trash(move |store| {
            let mut result = TrashResult::default();
            let mut trashed = trash::list(store).unwrap_or_default();
            trashed.retain(|session| keys.contains(&session.key));
            let all = trash::all_with_hidden(&trashed, options);
            for session in trashed {
                match trash::delete_permanently(store, &session, &all, &environment) {
                    Ok(()) => result.done.push((session.key, session.title)),
                    Err(reason) => result.refused.push((session.title, reason)),
                }
                progress.step();
            }
            Msg::TrashDeleted(result)
        })
    }

    fn progress(&self, label: &'static str, total: usize) -> Progress {
        Progress::new(self.runner.messages.clone(), label, total)
    }

    fn index_options(&self) -> IndexOptions {
        let mut options = IndexOptions::new(self.runner.environment.clone(), super::instant);
        options.cache_dir = Some(self.runner.paths.cache.clone());
        options
    }

    /// Runs work on the trash on a blocking thread, then updates the index.
    fn with_trash(&mut self, work: impl FnOnce(&Store) -> Msg + Send + 'static) -> Step {
        let Some(store) = self.runner.store.clone() else {
            return self.notice("The trash needs state.db, which cannot be used; see salon doctor", true);
        };
        let messages = self.runner.messages.clone();
        tokio::task::spawn_blocking(move || {
            let msg = work(&store);
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(msg))));
            drop(messages.send(TaskMessage::UserDataSaved));
        });
        Step::Continue(())
    }
}

/// Removes sessions. Calls `step` after each of them.
pub(super) fn remove(
    removal: Removal<'_>,
    store: &Store,
    (keys, now): (&[SessionKey], Time),
    mut step: impl FnMut(),
) -> TrashResult {
    let mut result = TrashResult::default();
    let chosen: HashSet<&SessionKey> = keys.iter().collect();
    for session in removal.all.iter().filter(|session| chosen.contains(&session.key)) {
        let title = session.title.text.to_string();
        let queued = if removal.cancel_queued { Ok(0) } else { trash::queued(store, &session.key) };
        match queued {
            Ok(0) => match removal.run(store, session, now) {
                Ok(trashed) => {
                    result.hidden += usize::from(trashed.moved.is_none());
                    result.done.push((session.key.clone(), title));
                }
                Err(reason) => result.refused.push((title, reason)),
            },
            Ok(count) => result.queued.push((session.key.clone(), count)),
            Err(error) => result.refused.push((title, describe_error(&error))),
        }
        step();
    }
    result
}

/// Restores sessions. Calls `step` after each of them.
pub(super) fn restore_all(store: &Store, keys: Vec<SessionKey>, mut step: impl FnMut()) -> TrashResult {
    let mut result = TrashResult::default();
    for key in keys {
        match trash::restore(store, &key) {
            Ok(session) => result.done.push((key, session.title)),
            Err(reason) => result.refused.push((key.id.to_string(), reason)),
        }
        step();
    }
    result
}
