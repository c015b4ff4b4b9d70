//! Creation and removal of worktrees. Only a worktree that carries salon's mark is removed, and never with force.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::GitError;
use super::program::Git;
use super::repository::Repository;
use crate::domain::worktree::Worktree;
use crate::stdx::files::{self, SizeLimit};

/// Maximum time of a checkout, because large repositories take minutes.
const CHECKOUT_LIMIT: Duration = Duration::from_mins(15);

/// File in a worktree's administrative directory that contains the id of the worktree.
pub(super) const MARK: &str = "salon";

/// A worktree that is to be created.
#[derive(Clone, Copy, Debug)]
pub struct NewWorktree<'a> {
    /// Identifier.
    pub id: &'a str,
    /// Root directory, which must not exist.
    pub path: &'a Path,
    /// Branch, which must not exist.
    pub branch: &'a str,
    /// Commit at which the branch begins.
    pub base: &'a str,
}

impl Repository {
    /// Returns true if a branch can be created: its name is valid and not in use.
    pub fn is_free_branch(&self, name: &str) -> Result<bool, GitError> {
        if !self.read("check-ref-format").args(["--branch", name]).is_valid()? {
            return Ok(false);
        }
        let full = format!("refs/heads/{name}");
        // A branch `a` and a branch `a/b` exclude each other.
        let listed = self.read("for-each-ref").args(["--count=1", "--format=%(refname)", &full]).run()?;
        Ok(listed.is_empty())
    }

    /// Creates a worktree with a new branch, and marks it as salon's.
    pub fn add_worktree(&self, new: NewWorktree<'_>) -> Result<Self, GitError> {
        let options = ["add", "--quiet", "--no-track", "-b", new.branch, "--"];
        let command = self.write("worktree").args(options).args([new.path]).args([new.base]);
        command.limit(CHECKOUT_LIMIT).run()?;
        let worktree = Self::open(self.git(), new.path)?;
        let mark = worktree.git_dir.join(MARK);
        fs::write(&mark, new.id).map_err(|error| GitError::io(&mark, error))?;
        Ok(worktree)
    }
}

/// Checks that a worktree is the recorded one and was created by salon below its root. The error is the reason
/// against it.
pub fn check_owner(git: &Git, worktree: &Worktree) -> Result<Repository, String> {
    check_place(worktree)?;
    let found = Repository::open(git, &worktree.path).map_err(|error| error.to_string())?;
    if found.root != worktree.path {
        return Err(format!("{} is not the root of a worktree", worktree.path.display()));
    }
    if found.common_dir != worktree.repository {
        return Err(format!("it belongs to another repository: {}", found.common_dir.display()));
    }
    if found.git_dir == found.common_dir {
        return Err("it is the main worktree".to_owned());
    }
    let back = pointer(&found.git_dir.join("gitdir"));
    if back.is_none_or(|back| found.git_dir.join(back) != worktree.path.join(".git")) {
        return Err("its repository has another path for it".to_owned());
    }
    if pointer(&found.git_dir.join(MARK)).is_none_or(|id| id != Path::new(&worktree.id)) {
        return Err("salon did not create it".to_owned());
    }
    Ok(found)
}

/// Checks that a path is below the root, exactly as it is recorded: without links and without `..`.
fn check_place(worktree: &Worktree) -> Result<(), String> {
    let canonical = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let (root, path) = (canonical(&worktree.root)?, canonical(&worktree.path)?);
    if path != worktree.path {
        return Err(format!("{} leads to another directory: {}", worktree.path.display(), path.display()));
    }
    if path == root || !path.starts_with(&root) {
        return Err(format!("{} is not below {}", path.display(), root.display()));
    }
    Ok(())
}

/// Reads a file that contains one path or id.
pub(super) fn pointer(path: &Path) -> Option<PathBuf> {
    files::read_text(path, SizeLimit::POINTER).ok().map(|text| PathBuf::from(text.trim_end_matches('\n')))
}

/// Deletes a directory and everything in it. A directory that is gone is not an error.
pub fn delete_folder(path: &Path) -> Result<(), GitError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(GitError::io(path, error)),
        _ => Ok(()),
    }
}
