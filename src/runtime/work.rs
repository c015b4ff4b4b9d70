//! Requests of another machine about the files of this one's sessions. Blocks: not for the event loop.

use std::sync::Arc;

use super::env::Clock;
use super::keep::Archive;
use super::rewind::RewindContext;
use super::trash::Removal;
use super::{change_effects, remarks, rewind_plan, state_db, trash_effects};
use crate::agent::Environment;
use crate::config::paths::Paths;
use crate::domain::{Session, SessionKey};
use crate::index::{self, IndexOptions, Refresh};
use crate::serve::work_message::{WorkCall, WorkReply};
use crate::store::Store;

/// Everything that the requests need.
#[derive(Clone, Debug)]
pub struct WorkContext {
    /// Directories of salon.
    pub paths: Paths,
    /// Directories of the agents.
    pub environment: Environment,
    /// Options of the index.
    pub index: IndexOptions,
    /// Clock.
    pub clock: Clock,
}

impl WorkContext {
    /// Executes a request. `background` is the process whose runs the client knows. The error is a text for the user.
    pub fn execute(&self, call: WorkCall, background: Option<u32>) -> Result<WorkReply, String> {
        let (store, now) = (self.store()?, self.clock.now());
        let rewinds = RewindContext::new(&self.paths, store.clone(), background);
        let all = index::collect(&self.index, Refresh::Changed).sessions;
        match call {
            WorkCall::Changes { key, scope } => {
                let session = find(&all, &key)?;
                change_effects::read(session, scope, (&all, &self.paths, Some(&store))).map(WorkReply::Changes)
            }
            WorkCall::Restore { key, restoration } => {
                rewinds.restore(find(&all, &key)?, &restoration, now).map(WorkReply::Restored)
            }
            WorkCall::PlanRewind { key, entry } => {
                let session = find(&all, &key)?;
                rewind_plan::plan(rewinds.dry_run(session), entry, now).map(WorkReply::Plan)
            }
            WorkCall::Rewind { key, target } => {
                let session = find(&all, &key)?;
                rewind_plan::rewind(rewinds.request(session), &target, now).map(WorkReply::Rewound)
            }
            WorkCall::Remarks { key, edit } => remarks::apply(&store, &key, edit, now).map(WorkReply::Remarks),
            WorkCall::Trash { keys, cancel_queued } => {
                let (root, archive) = (self.paths.trash(), Archive::new(self.paths.archive(), &self.environment));
                let removal = Removal { all: &all, root: &root, archive: &archive, cancel_queued };
                Ok(WorkReply::Trash(trash_effects::remove(removal, &store, &keys, now)))
            }
            WorkCall::Untrash { keys } => Ok(WorkReply::Trash(trash_effects::restore_all(&store, keys))),
        }
    }

    fn store(&self) -> Result<Arc<Store>, String> {
        let opened = state_db::open(&self.paths, self.clock.now()).map_err(|reason| format!("state.db {reason}"))?;
        Ok(Arc::new(opened.store))
    }
}

fn find<'a>(all: &'a [Arc<Session>], key: &SessionKey) -> Result<&'a Arc<Session>, String> {
    all.iter().find(|session| session.key == *key).ok_or_else(|| "The session no longer exists".to_owned())
}
