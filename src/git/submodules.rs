//! Submodules of a work tree. The repository of each is inside the state of the work tree, and is removed with it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::error::GitError;
use super::repository::Repository;
use super::status::IgnoredFiles;

/// Maximum depth of submodules within submodules, because a repository may contain itself.
const MAX_DEPTH: usize = 8;

impl Repository {
    /// Returns the paths of the submodules that have changes, stashes, or commits that are on no remote.
    pub fn submodules_with_work(&self) -> Result<Vec<PathBuf>, GitError> {
        self.with_work(MAX_DEPTH)
    }

    fn with_work(&self, depth: usize) -> Result<Vec<PathBuf>, GitError> {
        let mut found = Vec::new();
        for path in self.submodules()? {
            let root = self.root.join(&path);
            // A submodule that was never checked out has no `.git`.
            if std::fs::symlink_metadata(root.join(".git")).is_err() {
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
