//! Worktrees that git knows. Parses `git worktree list --porcelain -z`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::error::GitError;
use super::repository::Repository;

/// A worktree of a repository, created by salon or by any other program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedWorktree {
    /// Root directory, which need not exist.
    pub path: PathBuf,
    /// Id of its commit; `None` for a bare repository.
    pub head: Option<String>,
    /// Full name of its branch; `None` if `HEAD` is detached.
    pub branch: Option<String>,
    /// True if it is locked with `git worktree lock`.
    pub locked: bool,
    /// True if git would remove its record, because the directory is gone.
    pub prunable: bool,
}

impl Repository {
    /// Lists the worktrees, the main one first.
    pub fn worktrees(&self) -> Result<Vec<ListedWorktree>, GitError> {
        let output = self.read("worktree").args(["list", "--porcelain", "-z"]).run()?;
        Ok(parse(&output))
    }
}

/// Parses records that an empty line ends.
pub(super) fn parse(output: &[u8]) -> Vec<ListedWorktree> {
    let mut found: Vec<ListedWorktree> = Vec::new();
    for line in output.split(|byte| *byte == 0) {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        let value = value.get(1..).unwrap_or_default();
        let text = || Some(String::from_utf8_lossy(value).into_owned());
        if name == b"worktree" {
            found.push(ListedWorktree { path: OsStr::from_bytes(value).into(), ..ListedWorktree::default() });
        }
        let Some(last) = found.last_mut() else { continue };
        match name {
            b"HEAD" => last.head = text(),
            b"branch" => last.branch = text(),
            b"locked" => last.locked = true,
            b"prunable" => last.prunable = true,
            _ => {}
        }
    }
    found
}
