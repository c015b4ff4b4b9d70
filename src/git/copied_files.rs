//! Files that a fresh checkout lacks: those that `.worktreeinclude` of the main worktree names and git ignores. They are
//! copied, never linked, and replace nothing.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::error::GitError;
use super::repository::Repository;
use crate::stdx::files;

/// File that names what is copied, in the syntax of `.gitignore`.
pub const INCLUDE_FILE: &str = ".worktreeinclude";

/// Maximum bytes that are copied, because a pattern may match a cache of any size.
const MAX_BYTES: u64 = 4 << 30;

/// Result of copying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopiedFiles {
    /// Copied files, relative to the worktree.
    pub copied: Vec<PathBuf>,
    /// Files that were not copied, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Copies the included files from the main worktree of a repository to another worktree.
pub fn copy(from: &Repository, to: &Path) -> Result<CopiedFiles, GitError> {
    let mut result = CopiedFiles::default();
    let mut bytes = 0;
    for path in from.included_files()? {
        match copy_file(&from.root, to, &path, MAX_BYTES - bytes) {
            Ok(count) => {
                bytes += count;
                result.copied.push(path);
            }
            Err(error) => result.skipped.push((path, error.to_string())),
        }
    }
    Ok(result)
}

impl Repository {
    /// Returns the files that `.worktreeinclude` names and git ignores, relative to the root.
    fn included_files(&self) -> Result<Vec<PathBuf>, GitError> {
        let include = self.root.join(INCLUDE_FILE);
        if files::open(&include).is_err() {
            return Ok(Vec::new());
        }
        let options = ["--others", "--ignored", "-z", "--exclude-from"];
        let named = self.read("ls-files").args(options).args([&include]).run()?;
        let options = ["--others", "--ignored", "-z", "--exclude-standard"];
        let ignored = self.read("ls-files").args(options).run()?;
        let paths = |bytes: Vec<u8>| -> std::collections::BTreeSet<PathBuf> {
            let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
            names.map(|name| PathBuf::from(std::ffi::OsStr::from_bytes(name))).collect()
        };
        let ignored = paths(ignored);
        Ok(paths(named).into_iter().filter(|path| ignored.contains(path)).collect())
    }
}

/// Copies a regular file with its permissions and returns its size.
fn copy_file(from: &Path, to: &Path, path: &Path, remaining: u64) -> io::Result<u64> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.starts_with(".git") {
        return Err(io::Error::other("not a path within the worktree"));
    }
    let source = from.join(path);
    let metadata = fs::symlink_metadata(&source)?;
    if metadata.is_symlink() {
        return Err(io::Error::other("a symbolic link"));
    }
    if metadata.len() > remaining {
        return Err(io::Error::other(format!("more than {} GiB in total", MAX_BYTES >> 30)));
    }
    let mut input = files::open(&source)?;
    create_folders(to, path.parent().unwrap_or(Path::new("")))?;
    let mut output = fs::OpenOptions::new().write(true).create_new(true).open(to.join(path))?;
    let count = io::copy(&mut input, &mut output)?;
    output.set_permissions(metadata.permissions())?;
    Ok(count)
}

/// Creates the folders of a path. A link among them would lead out of the worktree.
fn create_folders(root: &Path, folder: &Path) -> io::Result<()> {
    let mut at = root.to_owned();
    for part in folder.components() {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(io::Error::other(format!("{} is not a directory", at.display()))),
            Err(_) => fs::create_dir(&at)?,
        }
    }
    Ok(())
}
