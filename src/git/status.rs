//! Status of a work tree: branch, changed files, ignored files. Parses `git status --porcelain=v2 -z`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::error::GitError;
use super::repository::Repository;

/// Status of a work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkTreeStatus {
    /// Id of the current commit; `None` before the first one.
    pub head: Option<String>,
    /// Current branch; `None` if `HEAD` is detached.
    pub branch: Option<String>,
    /// Upstream of the branch, such as `origin/main`.
    pub upstream: Option<String>,
    /// Commits ahead of and behind the upstream; `None` without one, or if it is gone.
    pub divergence: Option<(u32, u32)>,
    /// Changed files.
    pub changes: Vec<ChangedFile>,
    /// Ignored files and directories; empty if they were not requested.
    pub ignored: Vec<PathBuf>,
}

/// A file that differs from the current commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Path relative to the root of the work tree, exact to the byte.
    pub path: PathBuf,
    /// Kind of the change.
    pub kind: ChangedFileKind,
}

/// Kinds of changed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedFileKind {
    /// The index differs from the commit.
    Staged,
    /// The file differs from the index.
    Modified,
    /// Both differ.
    StagedAndModified,
    /// Git does not know the file.
    Untracked,
    /// A merge left a conflict.
    Conflicted,
}

/// Requested extent of the ignored files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoredFiles {
    /// None.
    Omitted,
    /// Each file, and each directory that is ignored as a whole.
    Listed,
}

impl Repository {
    /// Returns the status of the work tree. Only the recorded commits of submodules are compared.
    pub fn status(&self, ignored: IgnoredFiles) -> Result<WorkTreeStatus, GitError> {
        let ignored = match ignored {
            IgnoredFiles::Omitted => "--ignored=no",
            IgnoredFiles::Listed => "--ignored=matching",
        };
        let options = ["--porcelain=v2", "-z", "--branch", "--untracked-files=all", "--no-renames"];
        let command = self.read("status").args(options).args(["--ignore-submodules=dirty", ignored]);
        WorkTreeStatus::parse(&command.run()?).ok_or(GitError::Unreadable("status"))
    }
}

impl Repository {
    /// Returns the status of the work tree for a list: a directory without a tracked file counts as one.
    pub fn brief_status(&self) -> Result<WorkTreeStatus, GitError> {
        let options = ["--porcelain=v2", "-z", "--branch", "--untracked-files=normal", "--no-renames"];
        let command = self.read("status").args(options).args(["--ignore-submodules=dirty", "--ignored=no"]);
        WorkTreeStatus::parse(&command.run()?).ok_or(GitError::Unreadable("status"))
    }
}

impl WorkTreeStatus {
    /// Parses the output of `git status --porcelain=v2 -z --branch`. `None` for an unknown format.
    pub fn parse(output: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        let mut records = output.split(|byte| *byte == 0);
        while let Some(record) = records.next() {
            let (kind, rest) = record.split_at_checked(2).unwrap_or((record, b""));
            match kind {
                b"" => {}
                b"# " => status.header(std::str::from_utf8(rest).ok()?)?,
                b"1 " => status.change(rest, 6)?,
                b"2 " => {
                    status.change(rest, 7)?;
                    // The original path.
                    records.next()?;
                }
                b"u " => status.push(rest.splitn(10, |byte| *byte == b' ').nth(9)?, ChangedFileKind::Conflicted),
                b"? " => status.push(rest, ChangedFileKind::Untracked),
                b"! " => status.ignored.push(path(rest)),
                _ => return None,
            }
        }
        Some(status)
    }

    fn header(&mut self, line: &str) -> Option<()> {
        let (name, value) = line.split_once(' ')?;
        match name {
            "branch.oid" => self.head = (value != "(initial)").then(|| value.to_owned()),
            "branch.head" => self.branch = (value != "(detached)").then(|| value.to_owned()),
            "branch.upstream" => self.upstream = Some(value.to_owned()),
            "branch.ab" => {
                let (ahead, behind) = value.split_once(' ')?;
                let count = |text: &str, sign| text.strip_prefix(sign)?.parse().ok();
                self.divergence = Some((count(ahead, '+')?, count(behind, '-')?));
            }
            // A newer version of git may add headers.
            _ => {}
        }
        Some(())
    }

    /// Adds a record of a tracked file: the states of index and file, then `fields` fields, then the path.
    fn change(&mut self, record: &[u8], fields: usize) -> Option<()> {
        let [index, file, b' ', rest @ ..] = record else { return None };
        let kind = match (index, file) {
            (b'.', _) => ChangedFileKind::Modified,
            (_, b'.') => ChangedFileKind::Staged,
            _ => ChangedFileKind::StagedAndModified,
        };
        self.push(rest.splitn(fields + 1, |byte| *byte == b' ').nth(fields)?, kind);
        Some(())
    }

    fn push(&mut self, name: &[u8], kind: ChangedFileKind) {
        self.changes.push(ChangedFile { path: path(name), kind });
    }
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
