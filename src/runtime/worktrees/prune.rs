//! The reaper: moves unused worktrees to the trash, and removes those whose time there is over.

use super::Worktrees;
use super::usage::{self, DirectoryUse};
use crate::domain::Time;
use crate::domain::worktree::{DueRemoval, RemovalObstacle, Worktree};
use crate::store::worktrees;

/// Result for a worktree of which a removal was due.
#[derive(Clone, Debug)]
pub struct PrunedWorktree {
    /// The worktree.
    pub worktree: Worktree,
    /// Outcome.
    pub outcome: PruneOutcome,
}

/// Outcomes of a removal that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PruneOutcome {
    /// Moved to the trash; in a dry run, to be moved.
    Trashed,
    /// Removed permanently; in a dry run, to be removed.
    Removed,
    /// Kept for these reasons.
    Kept(Vec<RemovalObstacle>),
}

impl Worktrees {
    /// Performs the removals that are due; a dry run only names them. `uses` are those of the indexed sessions.
    pub fn prune(&self, sessions: &[DirectoryUse], now: Time, dry_run: bool) -> Result<Vec<PrunedWorktree>, String> {
        let lock = if dry_run { None } else { Some(self.lock()?) };
        let damaged = if lock.is_some() { self.recover(now)? } else { Vec::new() };
        let uses: Vec<_> = self.run_uses()?.into_iter().chain(sessions.iter().cloned()).collect();
        let kept = |(worktree, reason)| PrunedWorktree {
            worktree,
            outcome: PruneOutcome::Kept(vec![RemovalObstacle::Unknown(reason)]),
        };
        let mut pruned: Vec<_> = damaged.into_iter().map(kept).collect();
        for worktree in self.list()? {
            if pruned.iter().any(|damaged| damaged.worktree.id == worktree.id) {
                continue;
            }
            let due = worktree.due_removal(usage::last_activity(&worktree, &uses), now);
            if due != DueRemoval::None {
                let outcome = self.prune_one(&worktree, due, (&uses, now), dry_run)?;
                pruned.push(PrunedWorktree { worktree, outcome });
            }
        }
        Ok(pruned)
    }

    fn prune_one(
        &self,
        worktree: &Worktree,
        due: DueRemoval,
        (uses, now): (&[DirectoryUse], Time),
        dry_run: bool,
    ) -> Result<PruneOutcome, String> {
        if let Some(reason) = self.without_remote(worktree) {
            return Ok(PruneOutcome::Kept(vec![reason]));
        }
        let planned = if due == DueRemoval::Trash { PruneOutcome::Trashed } else { PruneOutcome::Removed };
        if due == DueRemoval::Remove && !dry_run {
            return Ok(self.remove(worktree, uses).map_or_else(PruneOutcome::Kept, |()| planned));
        }
        let found = self.obstacles(worktree, uses);
        if !found.is_empty() {
            return Ok(PruneOutcome::Kept(found));
        }
        if due == DueRemoval::Trash && !dry_run {
            self.with_store(|db| worktrees::set_trashed(db, &worktree.id, now))?;
        }
        Ok(planned)
    }

    /// Returns an obstacle if no remote has anything of the repository: then nothing is removed without the user.
    fn without_remote(&self, worktree: &Worktree) -> Option<RemovalObstacle> {
        if worktree.trashed.is_some() && !worktree.path.exists() {
            return None;
        }
        let opened = crate::git::Repository::open(&self.git, &worktree.path);
        match opened.and_then(|repository| repository.has_remote()) {
            Ok(true) => None,
            Ok(false) => Some(RemovalObstacle::NoRemote),
            Err(error) => Some(RemovalObstacle::Unknown(error.to_string())),
        }
    }
}
