//! Git's record of a worktree: the directory with its `HEAD`, its index and its operations. It outlives the files, and is
//! also that of files that were only moved.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::obstacles;
use super::program::{Git, GitCommand};
use super::repository::text;
use super::submodules;
use super::worktree::{MARK, pointer};
use crate::domain::worktree::{RemovalObstacle, Worktree};

/// Git's record of a worktree that salon created.
#[derive(Clone, Debug)]
pub struct WorktreeRecord {
    git: Git,
    /// Directory that all work trees of the repository share.
    common_dir: PathBuf,
    /// Directory of the record.
    pub git_dir: PathBuf,
}

impl WorktreeRecord {
    /// Finds the record with salon's mark; `None` if git has none.
    pub fn find(git: &Git, worktree: &Worktree) -> Result<Option<Self>, GitError> {
        let folder = worktree.repository.join("worktrees");
        let failed = |error| GitError::io(&folder, error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let git_dir = entry.map_err(failed)?.path();
            if pointer(&git_dir.join(MARK)).is_some_and(|id| id == Path::new(&worktree.id)) {
                return Ok(Some(Self { git: git.clone(), common_dir: worktree.repository.clone(), git_dir }));
            }
        }
        Ok(None)
    }

    /// Returns true if the files of the record are expected in a directory.
    pub fn is_at(&self, path: &Path) -> bool {
        let back = pointer(&self.git_dir.join("gitdir"));
        back.is_some_and(|back| self.git_dir.join(back) == path.join(".git"))
    }

    /// Returns what would be lost with the record: operations, staged changes, commits of submodules and of a detached
    /// `HEAD`. A check that fails is an obstacle itself.
    pub fn obstacles(&self) -> Vec<RemovalObstacle> {
        let mut found = obstacles::recorded(&self.git_dir);
        match self.own_work() {
            Ok(work) => found.extend(work),
            Err(error) => found.push(RemovalObstacle::Unknown(error.to_string())),
        }
        found
    }

    fn own_work(&self) -> Result<Vec<RemovalObstacle>, GitError> {
        let mut found = Vec::new();
        let options = ["--cached", "--name-only", "--no-renames", "--no-ext-diff", "-z", "HEAD", "--"];
        let staged = self.command("diff-index").args(options).run()?;
        let count = staged.split(|byte| *byte == 0).filter(|name| !name.is_empty()).count();
        found.extend((count > 0).then_some(RemovalObstacle::Staged(count)));
        if !self.command("symbolic-ref").args(["--quiet", "HEAD"]).is_true()? {
            let own = self.command("rev-list").args(["HEAD", "--not", "--branches", "--remotes"]).run()?;
            let count = text(own, "rev-list")?.lines().count();
            found.extend((count > 0).then_some(RemovalObstacle::Detached(count)));
        }
        let modules = submodules::modules_with_commits(&self.git, &self.git_dir)?;
        let names: Vec<_> = modules.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        found.extend((!names.is_empty()).then_some(RemovalObstacle::Submodules(names)));
        Ok(found)
    }

    /// Returns the id of its commit.
    pub fn head(&self) -> Result<String, GitError> {
        text(self.command("rev-parse").args(["--verify", "--quiet", "HEAD^{commit}"]).line()?, "rev-parse")
    }

    /// Removes the record, and no other one. Git refuses if the directory exists with changes; force is never used.
    pub fn remove(&self, path: &Path) -> Result<(), GitError> {
        let command = self.git.command(&self.common_dir, "worktree").var("GIT_DIR", &self.common_dir);
        command.args(["remove", "--"]).args([path]).run().map(drop)
    }

    fn command(&self, subcommand: &'static str) -> GitCommand {
        self.git.command(&self.git_dir, subcommand).var("GIT_DIR", &self.git_dir)
    }
}
