//! The trash, and permanent removal.
//!
//! A removal marks the record, keeps a copy in salon's own repository, and moves the directory aside, where no program
//! finds it by its path. Only if the copy of everything is there and another look finds no work, the directory is deleted.

use std::fs;
use std::path::{Path, PathBuf};

use super::Worktrees;
use super::commands::TEARDOWN_LIMIT;
use super::usage::DirectoryUse;
use crate::config::worktrees::WorkspaceSettings;
use crate::domain::Time;
use crate::domain::worktree::{RemovalObstacle, Worktree, WorktreePhase};
use crate::git::own_repository::OwnRepository;
use crate::git::worktree_record::WorktreeRecord;
use crate::git::{GitError, Repository, obstacles, worktree};
use crate::store::worktrees;

/// Reasons why a worktree stays.
pub type Obstacles = Vec<RemovalObstacle>;

impl Worktrees {
    /// Moves a worktree to the trash. Its files stay where they are.
    pub fn trash(&self, worktree: &Worktree, uses: &[DirectoryUse], now: Time) -> Result<(), Obstacles> {
        let _lock = self.lock().map_err(unknown)?;
        let found = self.obstacles(worktree, uses);
        if !found.is_empty() {
            return Err(found);
        }
        self.with_store(|db| worktrees::set_trashed(db, &worktree.id, now)).map_err(unknown)
    }

    /// Takes a worktree out of the trash. This counts as a use of it.
    pub fn restore(&self, worktree: &Worktree, now: Time) -> Result<(), String> {
        let _lock = self.lock()?;
        self.with_store(|db| worktrees::set_restored(db, &worktree.id, now))
    }

    /// Removes a worktree permanently. The caller has the lock. After an error the worktree is as it was.
    pub(super) fn remove(&self, worktree: &Worktree, uses: &[DirectoryUse]) -> Result<(), Obstacles> {
        let settings = self.workspace_settings(worktree);
        let found = self.obstacles(worktree, uses);
        if !found.is_empty() {
            return Err(found);
        }
        let set_phase = |phase| self.with_store(|db| worktrees::set_phase(db, &worktree.id, phase)).map_err(unknown);
        set_phase(WorktreePhase::Removing)?;
        let moved = self.tear_down(worktree, &settings).and_then(|()| self.move_aside(worktree));
        if let Err(found) = moved {
            set_phase(WorktreePhase::Ready)?;
            return Err(found);
        }
        let marked = Worktree { phase: WorktreePhase::Removing, ..worktree.clone() };
        self.finish_removal(&marked).map_err(unknown)
    }

    /// Runs the commands of the workspace before the removal. What they do cannot be taken back, so that they only run once
    /// there is a copy of the worktree, which stays beside that of the worktree as they leave it.
    fn tear_down(&self, worktree: &Worktree, settings: &WorkspaceSettings) -> Result<(), Obstacles> {
        if settings.teardown.is_empty() {
            return Ok(());
        }
        self.archive(worktree, &owned(self, worktree)?, BEFORE_TEARDOWN).map_err(failed)?;
        let runs = self.run_commands(worktree, &settings.teardown, (settings, TEARDOWN_LIMIT));
        let failure = runs.last().and_then(|run| Some(format!("{}: {}", run.command, run.failure.as_ref()?)));
        failure.map_or(Ok(()), |failure| Err(unknown(failure)))
    }

    /// Archives a worktree and moves it aside. If there is work in it then, it is moved back.
    fn move_aside(&self, worktree: &Worktree) -> Result<(), Obstacles> {
        self.archive(worktree, &owned(self, worktree)?, "").map_err(failed)?;
        rename(&worktree.path, &moved_path(worktree))?;
        self.look_aside(worktree, |_| Ok(()))
    }

    /// Looks for work in a worktree that an earlier process moved aside, and archives it as it is now. If there is work,
    /// it is moved back.
    pub(super) fn look_aside_again(&self, worktree: &Worktree) -> Result<(), Obstacles> {
        self.look_aside(worktree, |repository| self.archive(worktree, repository, ""))
    }

    fn look_aside(
        &self,
        worktree: &Worktree,
        before: impl FnOnce(&Repository) -> Result<(), GitError>,
    ) -> Result<(), Obstacles> {
        let moved = moved_path(worktree);
        let opened = Repository::open(&self.git, &moved);
        let found = match opened.and_then(|repository| before(&repository).map(|()| repository)) {
            Ok(repository) => obstacles::obstacles(&repository, &worktree.initial),
            Err(error) => failed(error),
        };
        if found.is_empty() {
            return Ok(());
        }
        rename(&moved, &worktree.path)?;
        Err(found)
    }

    /// Keeps everything of a worktree in salon's own repository, under its ref with a suffix.
    fn archive(&self, worktree: &Worktree, repository: &Repository, suffix: &str) -> Result<(), GitError> {
        let own = OwnRepository::open(&self.git, &self.paths.repositories(), &worktree.repository)?;
        own.archive(repository, &(archive_ref(worktree) + suffix)).map(drop)
    }

    /// Returns the command with which a removed worktree comes back from salon's own repository.
    pub fn fetch_command(&self, worktree: &Worktree) -> Result<Vec<String>, GitError> {
        let own = OwnRepository::open(&self.git, &self.paths.repositories(), &worktree.repository)?;
        let name = archive_ref(worktree);
        let mut others = Vec::new();
        for other in [String::from(REFLOG), String::from(BEFORE_TEARDOWN), format!("{BEFORE_TEARDOWN}{REFLOG}")] {
            let other = name.clone() + &other;
            others.extend(own.find_ref(&other)?.map(|_| other));
        }
        let [workspace, own] = [&worktree.workspace, &own.path].map(|path| path.to_string_lossy().into_owned());
        let words = ["git", "-C", &workspace, "fetch", &own, &name].map(str::to_owned);
        Ok(words.into_iter().chain(others).collect())
    }

    /// Keeps the commit of a worktree whose files are gone in salon's own repository.
    pub(super) fn archive_head(&self, worktree: &Worktree, record: &WorktreeRecord) -> Result<(), GitError> {
        let own = OwnRepository::open(&self.git, &self.paths.repositories(), &worktree.repository)?;
        own.archive_commit((&worktree.repository, &record.git_dir), &record.head()?, &archive_ref(worktree))
    }
}

/// Suffix of the ref of what only the reflog of a worktree names.
const REFLOG: &str = "-reflog";

/// Suffix of the ref that keeps a worktree as it was before the commands of its workspace.
const BEFORE_TEARDOWN: &str = "-before-teardown";

/// Returns the repository of a worktree that salon created.
fn owned(worktrees: &Worktrees, worktree: &Worktree) -> Result<Repository, Obstacles> {
    worktree::check_owner(&worktrees.git, worktree).map_err(|reason| vec![RemovalObstacle::NotOwned(reason)])
}

fn rename(from: &Path, to: &Path) -> Result<(), Obstacles> {
    fs::rename(from, to).map_err(|error| unknown(format!("{}: {error}", from.display())))
}

/// Returns the directory to which a worktree is moved before it is deleted.
pub(super) fn moved_path(worktree: &Worktree) -> PathBuf {
    worktree.root.join(format!(".removed-{}", worktree.id))
}

/// Returns the ref in salon's own repository that keeps a removed worktree.
fn archive_ref(worktree: &Worktree) -> String {
    format!("refs/salon/archive/{}", worktree.id)
}

#[expect(clippy::needless_pass_by_value, reason = "the end of a chain of results")]
fn failed(error: GitError) -> Obstacles {
    unknown(error.to_string())
}

fn unknown(reason: String) -> Obstacles {
    vec![RemovalObstacle::Unknown(reason)]
}
