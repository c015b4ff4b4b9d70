//! Repair of records after a crash, and of worktrees that were removed by hand.

use std::fs;

use super::Worktrees;
use super::remove::moved_path;
use crate::domain::Time;
use crate::domain::worktree::{Worktree, WorktreePhase};
use crate::git::worktree;
use crate::store::worktrees;

/// Time after which a creation that was not completed has been interrupted.
const CREATION_MILLIS: i64 = 24 * 3_600_000;

impl Worktrees {
    /// Completes or takes back what a crash interrupted, and closes the records of worktrees that are gone. The caller
    /// has the lock. Returns what could not be repaired.
    pub(super) fn recover(&self, now: Time) -> Result<Vec<(Worktree, String)>, String> {
        let repair = |worktree: Worktree| {
            let failure = self.recover_one(&worktree, now).err();
            failure.map(|failure| (worktree, failure))
        };
        Ok(self.list()?.into_iter().filter_map(repair).collect())
    }

    fn recover_one(&self, worktree: &Worktree, now: Time) -> Result<(), String> {
        let is_there = fs::symlink_metadata(&worktree.path).is_ok();
        match (worktree.phase, is_there) {
            // A file system that is not mounted says nothing about its files.
            (_, false) if !worktree.root.is_dir() => Ok(()),
            (_, false) => self.finish_removal(worktree),
            (WorktreePhase::Removing, true) => {
                self.with_store(|db| worktrees::set_phase(db, &worktree.id, WorktreePhase::Ready))
            }
            // Its ignored files are unknown, so that each of them will keep it.
            (WorktreePhase::Creating, true) if now.since(worktree.created) > CREATION_MILLIS => {
                self.with_store(|db| worktrees::set_ready(db, &worktree.id, &[]))
            }
            (WorktreePhase::Creating | WorktreePhase::Ready, true) => Ok(()),
        }
    }

    /// Removes what is left of a worktree whose directory is gone: the moved directory, git's record, and its own.
    pub(super) fn finish_removal(&self, worktree: &Worktree) -> Result<(), String> {
        worktree::remove_record(&self.git, worktree).map_err(|error| error.to_string())?;
        if worktree.phase == WorktreePhase::Removing {
            worktree::delete_folder(&moved_path(worktree)).map_err(|error| error.to_string())?;
        }
        self.with_store(|db| worktrees::remove(db, &worktree.id))
    }
}
