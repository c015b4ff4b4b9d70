//! Submodules of a work tree. The repository of each is inside the state of the work tree, and is removed with it, even
//! if the submodule is not checked out any more.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::program::Git;
use super::repository::Repository;
use super::status::IgnoredFiles;

/// Maximum depth of submodules within submodules, because a repository may contain itself.
const MAX_DEPTH: usize = 8;

/// Folder in a work tree's state with the repositories of its submodules.
const MODULES: &str = "modules";

/// Maximum depth of folders in which the repositories of submodules are looked for, because a name may contain slashes.
const MAX_FOLDERS: usize = 32;

impl Repository {
    /// Returns the submodules that have changes, stashes, or commits that are on no remote: their paths, or their names
    /// if they are not checked out.
    pub fn submodules_with_work(&self) -> Result<Vec<PathBuf>, GitError> {
        let mut found: BTreeSet<_> = self.with_work(MAX_DEPTH)?.into_iter().collect();
        for module in modules_with_commits(self.git(), &self.git_dir)? {
            if !found.iter().any(|path| module.starts_with(path)) {
                found.insert(module);
            }
        }
        Ok(found.into_iter().collect())
    }

    fn with_work(&self, depth: usize) -> Result<Vec<PathBuf>, GitError> {
        let mut found = Vec::new();
        for path in self.submodules()? {
            let root = self.root.join(&path);
            // A submodule that was never checked out has no `.git`.
            if fs::symlink_metadata(root.join(".git")).is_err() {
                continue;
            }
            let inner = Self::open(self.git(), &root)?;
            if depth == 0 || inner.has_work(depth - 1)? {
                found.push(path);
            }
        }
        Ok(found)
    }

    fn has_work(&self, depth: usize) -> Result<bool, GitError> {
        let status = self.status(IgnoredFiles::Listed)?;
        let is_changed = !status.changes.is_empty() || !status.ignored.is_empty();
        if is_changed || status.head.is_none() {
            return Ok(true);
        }
        let stashes = self.read("rev-parse").args(["--verify", "--quiet", "refs/stash"]).is_true()?;
        // A submodule has a detached `HEAD`; any of its branches may contain work.
        let own = self.count(&["HEAD", "--branches", "--not", "--remotes"])?;
        Ok(stashes || own > 0 || !self.with_work(depth)?.is_empty())
    }

    fn submodules(&self) -> Result<Vec<PathBuf>, GitError> {
        let listed = self.read("ls-files").args(["--stage", "-z"]).run()?;
        let path = |record: &[u8]| {
            let name = record.strip_prefix(b"160000 ")?.splitn(2, |byte| *byte == b'\t').nth(1)?;
            Some(PathBuf::from(OsStr::from_bytes(name)))
        };
        Ok(listed.split(|byte| *byte == 0).filter_map(path).collect())
    }
}

/// Returns the names of the repositories below the state of a work tree that have stashes or commits of their own.
pub(super) fn modules_with_commits(git: &Git, git_dir: &Path) -> Result<Vec<PathBuf>, GitError> {
    let mut found = Vec::new();
    let modules = git_dir.join(MODULES);
    for module in module_dirs(&modules)? {
        let command = |subcommand| git.command(&module, subcommand).var("GIT_DIR", &module);
        let own = command("rev-list").args(["--max-count=1", "HEAD", "--all", "--not", "--remotes"]).run()?;
        if !own.is_empty() {
            found.push(module.strip_prefix(&modules).unwrap_or(&module).to_owned());
        }
    }
    Ok(found)
}

/// Returns the repositories below a folder, with those of their own submodules.
fn module_dirs(modules: &Path) -> Result<Vec<PathBuf>, GitError> {
    let mut found = Vec::new();
    let mut open = vec![(modules.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let failed = |error| GitError::io(&folder, error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder == modules => return Ok(found),
            entries => entries.map_err(failed)?,
        };
        if depth > MAX_FOLDERS {
            return Err(failed(io::Error::other("too many folders within folders")));
        }
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if !fs::symlink_metadata(&path).map_err(failed)?.is_dir() {
                continue;
            }
            // A damaged one is not passed over: the look at it fails.
            let is_repository = path.join("HEAD").is_file() || path.join("objects").is_dir();
            let inner = path.join(MODULES);
            if is_repository {
                found.push(path);
                if inner.is_dir() {
                    open.push((inner, depth + 1));
                }
            } else {
                open.push((path, depth + 1));
            }
        }
    }
    Ok(found)
}
