//! Worktrees of sessions: created, listed, moved to the trash, restored and removed. Blocks: not for the event loop.
//!
//! Nothing is ever lost: each removal is preceded by a look for work, which is repeated at the moment of the removal.

mod commands;
mod create;
mod lock;
mod ports;
mod prune;
mod recover;
mod remove;
mod usage;

use std::path::PathBuf;
use std::sync::Arc;

pub use commands::CommandRun;
pub use create::{CreatedWorktree, WorktreeRequest};
pub use prune::{PruneOutcome, PrunedWorktree};
pub use remove::Obstacles;
pub use usage::{DirectoryUse, session_uses};

use crate::config::settings::Settings;
use crate::domain::worktree::{RemovalObstacle, Worktree};
use crate::git::status::IgnoredFiles;
use crate::git::status::WorkTreeStatus;
use crate::git::{Git, GitError, Repository, obstacles, worktree};
use crate::store::{self, Store, worktrees};

/// Worktrees of salon, with everything that managing them needs.
#[derive(Clone, Debug)]
pub struct Worktrees {
    /// The program.
    pub git: Git,
    /// Records.
    pub store: Arc<Store>,
    /// Settings: the location, and the commands of workspaces.
    pub settings: Settings,
    /// Directories of salon.
    pub paths: crate::config::paths::Paths,
    /// Home directory, for `~` in settings.
    pub home: PathBuf,
    /// Variables of the user, for the commands of workspaces.
    pub vars: Vec<(String, String)>,
}

impl Worktrees {
    /// Returns all recorded worktrees, the newest first.
    pub fn list(&self) -> Result<Vec<Worktree>, String> {
        self.with_store(|db| worktrees::list(db))
    }

    /// Returns the status of a worktree.
    pub fn status(&self, worktree: &Worktree) -> Result<WorkTreeStatus, GitError> {
        Repository::open(&self.git, &worktree.path)?.status(IgnoredFiles::Omitted)
    }

    /// Returns everything that prevents the removal of a worktree.
    pub fn obstacles(&self, worktree: &Worktree, uses: &[DirectoryUse]) -> Vec<RemovalObstacle> {
        let sessions = usage::obstacle(worktree, uses);
        match worktree::check_owner(&self.git, worktree) {
            Ok(repository) => {
                let mut found = obstacles::obstacles(&repository, &worktree.initial);
                found.extend(sessions);
                found
            }
            Err(reason) => std::iter::once(RemovalObstacle::NotOwned(reason)).chain(sessions).collect(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "called from commands and blocking tasks")]
    fn with_store<T>(&self, work: impl FnOnce(&mut store::Connection) -> store::Result<T>) -> Result<T, String> {
        self.store.with(work).map_err(|error| store::describe_error(&error))
    }
}
