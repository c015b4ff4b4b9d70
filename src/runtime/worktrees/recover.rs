//! Repair of records after a crash, and of worktrees that were removed by hand.

use std::fs;

use super::Worktrees;
use super::remove::moved_path;
use crate::domain::Time;
use crate::domain::worktree::{RETENTION_MILLIS, Worktree, WorktreePhase};
use crate::git::worktree;
use crate::git::worktree_record::WorktreeRecord;
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
            (WorktreePhase::Removing, false) if fs::symlink_metadata(moved_path(worktree)).is_ok() => {
                self.resume_removal(worktree)
            }
            (_, false) => self.close(worktree, now),
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

    /// Completes a removal that a crash interrupted after the directory was moved aside. As long as git has a record of
    /// it, the last look for work may not have taken place, and much time may have passed since.
    fn resume_removal(&self, worktree: &Worktree) -> Result<(), String> {
        let record = WorktreeRecord::find(&self.git, worktree).map_err(|error| error.to_string())?;
        if record.is_some() && self.look_aside_again(worktree).is_err() {
            return self.with_store(|db| worktrees::set_phase(db, &worktree.id, WorktreePhase::Ready));
        }
        self.finish_removal(worktree)
    }

    /// Closes the record of a worktree whose directory is gone. Git's own record is also that of files that were moved
    /// by hand: it stays for the time of the trash, and as long as it has work of its own.
    fn close(&self, worktree: &Worktree, now: Time) -> Result<(), String> {
        let record = WorktreeRecord::find(&self.git, worktree).map_err(|error| error.to_string())?;
        let Some(record) = record.filter(|record| record.is_at(&worktree.path)) else {
            return self.with_store(|db| worktrees::remove(db, &worktree.id));
        };
        let found = record.obstacles();
        if !found.is_empty() {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            let path = worktree.path.display();
            return Err(format!("{path} is gone, but git still has work of it: {}", found.join(", ")));
        }
        match worktree.trashed {
            None => self.with_store(|db| worktrees::set_trashed(db, &worktree.id, now)),
            Some(trashed) if now.since(trashed) <= RETENTION_MILLIS => Ok(()),
            Some(_) => {
                self.archive_head(worktree, &record).map_err(|error| error.to_string())?;
                self.finish_removal(worktree)
            }
        }
    }

    /// Removes what is left of a worktree whose directory is gone: git's record, the moved directory, and its own record.
    pub(super) fn finish_removal(&self, worktree: &Worktree) -> Result<(), String> {
        let record = WorktreeRecord::find(&self.git, worktree).map_err(|error| error.to_string())?;
        if let Some(record) = record.filter(|record| record.is_at(&worktree.path)) {
            record.remove(&worktree.path).map_err(|error| error.to_string())?;
        }
        if worktree.phase == WorktreePhase::Removing {
            worktree::delete_folder(&moved_path(worktree)).map_err(|error| error.to_string())?;
        }
        self.with_store(|db| worktrees::remove(db, &worktree.id))
    }
}
