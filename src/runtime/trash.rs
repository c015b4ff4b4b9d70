//! Removal of sessions: moves their files to the trash, or hides them. Blocks: not for the event loop.
#![expect(clippy::disallowed_methods, reason = "called from commands and blocking tasks")]

use std::path::Path;
use std::sync::Arc;

use ignore::WalkBuilder;

use super::keep::Archive;
use super::{agent_command, resume};
use crate::agent::{self, Environment};
use crate::domain::trash_item::{TrashContent, TrashItem};
use crate::domain::{Session, SessionKey, Time};
use crate::index::{self, IndexOptions, Refresh};
use crate::store::trash::TrashedSession;
use crate::store::{self, Store, outbox, registry, trash};

/// Milliseconds of a day.
pub(super) const DAY_MILLIS: i64 = 86_400_000;

/// Removal of sessions.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'a> {
    /// All sessions, to find the sub-agents of each.
    pub all: &'a [Arc<Session>],
    /// Directory of the trash.
    pub root: &'a Path,
    /// Archive, whose copies are moved too: else a removed session would be listed from there.
    pub archive: &'a Archive,
    /// True to cancel the prompts that are queued for a session; else it is refused.
    pub cancel_queued: bool,
}

impl Removal<'_> {
    /// Removes a session. The error is the reason why it stays.
    pub fn run(self, store: &Store, session: &Session, now: Time) -> Result<TrashedSession, String> {
        if let Some(reason) = self.refusal(store, session).map_err(|error| store::describe_error(&error))? {
            return Err(reason);
        }
        let files = index::own_files(session, self.all)?;
        let files = files.map(|files| self.archive.with_copies(session, files));
        let title: &str = &session.title.text;
        let moved = store.with(|db| {
            cancel_queued(db, &session.key)?;
            Ok(trash::trash(db, self.root, (&session.key, title), files.as_deref(), now))
        });
        moved.map_err(|error| store::describe_error(&error))?.map_err(|error| error.to_string())
    }

    /// Returns the reason why a session cannot be removed, if there is one.
    pub fn refusal(self, store: &Store, session: &Session) -> store::Result<Option<String>> {
        if let Err(reason) = index::own_files(session, []) {
            return Ok(Some(reason));
        }
        let queued = if self.cancel_queued { 0 } else { queued(store, &session.key)? };
        Ok(match queued {
            0 => None,
            1 => Some("1 prompt is queued for it".to_owned()),
            count => Some(format!("{count} prompts are queued for it")),
        })
    }
}

/// Returns the number of prompts that are queued for a session.
pub fn queued(store: &Store, key: &SessionKey) -> store::Result<usize> {
    store.with(|db| {
        let run = registry::find_by_session(db, key)?;
        run.map_or(Ok(0), |run| outbox::queue(db, &run.id).map(|queue| queue.len()))
    })
}

fn cancel_queued(db: &mut store::Connection, key: &SessionKey) -> store::Result<()> {
    match registry::find_by_session(db, key)? {
        Some(run) => outbox::cancel_all(db, &run.id).map(drop),
        None => Ok(()),
    }
}

/// Restores a session. The error is the reason why it stays in the trash.
pub fn restore(store: &Store, key: &SessionKey) -> Result<TrashedSession, String> {
    let restored = store.with(|db| Ok(trash::restore(db, key))).map_err(|error| store::describe_error(&error))?;
    restored.map_err(|error| error.to_string())
}

/// Deletes the files of a session in the trash permanently. The error is the reason why they stay.
pub fn delete(store: &Store, key: &SessionKey) -> Result<(), String> {
    let deleted = store.with(|db| Ok(trash::delete(db, key))).map_err(|error| store::describe_error(&error))?;
    deleted.map(drop).map_err(|error| error.to_string())
}

/// Deletes a hidden session from its agent's database, by the agent's own program. The error is the reason why it stays.
pub fn delete_in_agent(store: &Store, session: &Session, environment: &Environment) -> Result<(), String> {
    let label = session.key.agent.label();
    let Some(launch) = agent::format(session.key.agent).delete_command(session) else {
        return Err(format!("{label} has no command that deletes a session; it stays hidden"));
    };
    if !session.key.is_valid_argument() {
        return Err("its id is not one that the agent writes".to_owned());
    }
    if let Some(status) = resume::live_status(&session.key, environment) {
        return Err(format!("open in {}", resume::describe_owner(&session.key, &status)));
    }
    agent_command::run(&launch)?;
    let options = IndexOptions::new(environment.clone(), super::instant);
    let left = index::collect(&options, Refresh::Changed);
    if left.session(&session.key).is_some() {
        return Err(format!("{label} reported no error, but the session is still there"));
    }
    // Nothing is left that could be shown again.
    let removed =
        store.with(|db| Ok(trash::restore(db, &session.key))).map_err(|error| store::describe_error(&error))?;
    removed.map(drop).map_err(|error| error.to_string())
}

/// Returns the sessions in the trash, newest first.
pub fn list(store: &Store) -> Result<Vec<TrashedSession>, String> {
    store.with(|db| trash::list(db)).map_err(|error| store::describe_error(&error))
}

/// Describes a session in the trash. `days` is the time that the trash is kept.
pub fn item(trashed: &TrashedSession, all: &[Arc<Session>], days: u32) -> TrashItem {
    let content = match &trashed.moved {
        Some(moved) => {
            let files = WalkBuilder::new(&moved.folder).standard_filters(false).build().filter_map(Result::ok);
            let files = files.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file);
            let (count, bytes) = files.fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.len()));
            let until = Time::from_millis(trashed.time.millis() + i64::from(days) * DAY_MILLIS);
            TrashContent::Files { count, bytes, until }
        }
        None => TrashContent::Rows { command: delete_command(trashed, all) },
    };
    TrashItem { key: trashed.key.clone(), title: trashed.title.clone(), time: trashed.time, content }
}

/// Deletes a session in the trash permanently: its files, or its rows by its agent's own program. `all` contains the hidden
/// sessions. The error is the reason why it stays.
pub fn delete_permanently(
    store: &Store,
    trashed: &TrashedSession,
    all: &[Arc<Session>],
    environment: &Environment,
) -> Result<(), String> {
    match (&trashed.moved, stored(trashed, all)) {
        (Some(_), _) => delete(store, &trashed.key),
        (None, Some(stored)) => delete_in_agent(store, stored, environment),
        // Its agent has deleted it.
        (None, None) => restore(store, &trashed.key).map(drop),
    }
}

/// Returns the command that deletes a hidden session, as a line for a shell.
pub fn delete_command(trashed: &TrashedSession, all: &[Arc<Session>]) -> Option<String> {
    let stored = stored(trashed, all).filter(|_| trashed.moved.is_none())?;
    agent::format(trashed.key.agent).delete_command(stored).map(|command| command.shell_line())
}

fn stored<'a>(trashed: &TrashedSession, all: &'a [Arc<Session>]) -> Option<&'a Arc<Session>> {
    all.iter().find(|session| session.key == trashed.key)
}

/// Returns all sessions, with those that the user hid, if any of `trashed` is hidden.
pub fn all_with_hidden(trashed: &[TrashedSession], options: IndexOptions) -> Vec<Arc<Session>> {
    if trashed.iter().all(|session| session.moved.is_some()) {
        return Vec::new();
    }
    let options = IndexOptions { state_db: None, with_usage: false, ..options };
    index::collect(&options, Refresh::Changed).sessions
}

/// Deletes what was moved to the trash before a time.
pub fn purge(store: &Store, before: Time) {
    let all = store.with(|db| trash::list(db)).unwrap_or_default();
    for session in all.into_iter().filter(|session| session.moved.is_some() && session.time < before) {
        if let Err(reason) = delete(store, &session.key) {
            tracing::warn!(session = %session.key, reason, "an old session stays in the trash");
        }
    }
}
