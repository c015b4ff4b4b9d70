//! Requests of another machine about the files of this one's sessions. Blocks: not for the event loop.

use std::path::Path;
use std::sync::Arc;

use super::env::{self, Clock};
use super::keep::Archive;
use super::revert::{self, AgentPrograms};
use super::rewind::{RewindContext, RewindRequest};
use super::trash::Removal;
use super::worktrees::{WorktreeRequest, Worktrees};
use super::{
    change_effects, edited_text, git_effects, remarks, rewind_plan, state_db, trash_effects, worktree_effects,
};
use crate::agent::Environment;
use crate::config::paths::Paths;
use crate::config::settings::Settings;
use crate::domain::{Session, SessionKey};
use crate::git::Git;
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
    /// Configuration.
    pub settings: Settings,
    /// Clock.
    pub clock: Clock,
}

impl WorkContext {
    /// Executes a request. `background` is the process whose runs the client knows. The error is a text for the user.
    pub fn execute(&self, call: WorkCall, background: Option<u32>) -> Result<WorkReply, String> {
        let call = match call {
            WorkCall::CreateWorktree { dir, name } => return self.create_worktree(&dir, &name),
            WorkCall::WriteDraft { text } => {
                return edited_text::write(&text).map(WorkReply::Draft).map_err(|error| error.to_string());
            }
            call => call,
        };
        let (store, now) = (self.store()?, self.clock.now());
        let rewinds = RewindContext::new(&self.paths, store.clone(), background);
        let all = index::collect(&self.index, Refresh::Changed).sessions;
        match call {
            WorkCall::Changes { key, scope, branch } => {
                let session = find(&all, &key)?;
                let parts = (scope, branch);
                change_effects::read(session, parts, (&all, &self.paths, Some(&store))).map(WorkReply::Changes)
            }
            WorkCall::Restore { key, restoration } => {
                rewinds.restore(find(&all, &key)?, &restoration, now).map(WorkReply::Restored)
            }
            WorkCall::PlanRewind { key, entry, branch } => {
                let session = find(&all, &key)?;
                let request = RewindRequest { sessions: &all, ..rewinds.dry_run(session) };
                rewind_plan::plan_on_branch(request, (entry, branch), now).map(WorkReply::Plan)
            }
            WorkCall::Rewind { key, target } => {
                let session = find(&all, &key)?;
                rewind_plan::rewind(rewinds.request(session), &target, now).map(WorkReply::Rewound)
            }
            WorkCall::RevertConversation { key, revert } => {
                let (session, vars) = (find(&all, &key)?, env::vars().collect::<Vec<_>>());
                let programs = AgentPrograms { environment: &self.environment, vars: &vars };
                revert::run(rewinds.request(session), &revert, programs, now).map(WorkReply::Rewound)
            }
            WorkCall::Remarks { key, edit } => remarks::apply(&store, &key, edit, now).map(WorkReply::Remarks),
            WorkCall::Trash { keys, cancel_queued } => {
                let (root, archive) = (self.paths.trash(), Archive::new(self.paths.archive(), &self.environment));
                let removal = Removal { all: &all, root: &root, archive: &archive, cancel_queued };
                Ok(WorkReply::Trash(trash_effects::remove(removal, &store, (&keys, now), || {})))
            }
            WorkCall::GitMenu { key, file } => {
                let session = find(&all, &key)?;
                git_effects::menu(&self.paths, session, file.as_deref()).map(WorkReply::GitMenu)
            }
            // These concern no session.
            WorkCall::CreateWorktree { .. } | WorkCall::WriteDraft { .. } => Err("unexpected".to_owned()),
            WorkCall::Untrash { keys } => Ok(WorkReply::Trash(trash_effects::restore_all(&store, keys, || {}))),
        }
    }

    fn create_worktree(&self, dir: &Path, name: &str) -> Result<WorkReply, String> {
        let worktrees = Worktrees {
            git: Git::new(env::vars()),
            store: self.store()?,
            settings: self.settings.clone(),
            paths: self.paths.clone(),
            home: self.environment.home.clone(),
            vars: env::vars().collect(),
        };
        let created = worktrees.create(WorktreeRequest { dir, name: Some(name), base: None }, self.clock.now())?;
        worktree_effects::ready(created).map(WorkReply::Worktree)
    }

    fn store(&self) -> Result<Arc<Store>, String> {
        let opened = state_db::open(&self.paths, self.clock.now()).map_err(|reason| format!("state.db {reason}"))?;
        Ok(Arc::new(opened.store))
    }
}

fn find<'a>(all: &'a [Arc<Session>], key: &SessionKey) -> Result<&'a Arc<Session>, String> {
    all.iter().find(|session| session.key == *key).ok_or_else(|| "The session no longer exists".to_owned())
}
