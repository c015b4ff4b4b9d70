//! State of the ignored files of a worktree. Git reports a directory that is ignored as a whole without what is in it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::error::GitError;
use super::repository::Repository;
use super::status::IgnoredFiles;
use crate::domain::worktree::IgnoredFile;

/// Maximum files and directories per worktree whose state is compared, because installed packages may be millions.
const MAX_ENTRIES: usize = 200_000;

/// An ignored file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Path relative to the worktree, with unusual bytes escaped.
    pub name: String,
    /// State of it; `None` if it is unreadable or too large to compare.
    pub state: Option<IgnoredFile>,
}

impl Repository {
    /// Returns the ignored files of the work tree whose state is known, so that later ones can be told from them.
    pub fn ignored_files(&self) -> Result<Vec<IgnoredFile>, GitError> {
        let status = self.status(IgnoredFiles::Listed)?;
        Ok(files(&self.root, &status.ignored).into_iter().filter_map(|file| file.state).collect())
    }
}

/// Returns the state of files and directories below a root.
pub(super) fn files(root: &Path, paths: &[PathBuf]) -> Vec<FoundFile> {
    let mut remaining = MAX_ENTRIES;
    let found = |path: &PathBuf| {
        let name = escaped(path);
        let state = state(&root.join(path), name.clone(), &mut remaining).ok();
        FoundFile { name, state }
    };
    paths.iter().map(found).collect()
}

fn state(path: &Path, name: String, remaining: &mut usize) -> io::Result<IgnoredFile> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        let content = Some(content(path, remaining)?);
        return Ok(IgnoredFile { path: name, bytes: 0, modified: 0, content });
    }
    Ok(IgnoredFile { path: name, bytes: metadata.len(), modified: modified(&metadata), content: None })
}

/// Returns a digest of the names, kinds, sizes and times of everything in a directory. Links are not followed.
fn content(root: &Path, remaining: &mut usize) -> io::Result<String> {
    let mut lines = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            *remaining = remaining.checked_sub(1).ok_or_else(|| io::Error::other("too many files"))?;
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            let name = escaped(path.strip_prefix(root).unwrap_or(&path));
            if metadata.is_dir() {
                lines.push(format!("{name}/\n"));
                open.push(path);
            } else {
                let is_link = metadata.is_symlink();
                lines.push(format!("{name} {is_link} {} {}\n", metadata.len(), modified(&metadata)));
            }
        }
    }
    lines.sort_unstable();
    let digest = Sha256::digest(lines.concat());
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the modification time in nanoseconds since 1970.
fn modified(metadata: &Metadata) -> i128 {
    let since = metadata.modified().ok().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX))
}

fn escaped(path: &Path) -> String {
    path.as_os_str().as_encoded_bytes().escape_ascii().to_string()
}
