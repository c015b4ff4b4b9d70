//! Files that an agent reads and writes through salon: only within the directory of its session.
//!
//! A path that leaves the directory, also by a link, is refused. Blocks.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use crate::agent::protocol::{FileError, FileOperation, FileRequest};
use crate::stdx::files::{self, SizeLimit};

/// Maximum size of a file that an agent reads through salon, because it goes into the agent's context.
const MAX_READ: SizeLimit = SizeLimit(16 << 20);

/// Executes a request of an agent. Returns the text that was read; empty for a write.
pub fn execute(request: &FileRequest) -> Result<String, FileError> {
    let path = resolve(&request.root, &request.path)?;
    match &request.operation {
        FileOperation::Read { line, limit } => {
            let text = files::read_text(&path, MAX_READ).map_err(|error| failure(&request.path, &error))?;
            Ok(lines(text, *line, *limit))
        }
        FileOperation::Write(text) => {
            write(&path, text).map_err(|error| failure(&request.path, &error))?;
            Ok(String::new())
        }
    }
}

/// Resolves the links in a path. The file, and folders above it, need not exist.
pub(super) fn resolve(root: &Path, path: &Path) -> Result<PathBuf, FileError> {
    if !path.is_absolute() {
        return Err(FileError::Refused(format!("{} is not an absolute path", path.display())));
    }
    let root = fs::canonicalize(root).map_err(|error| failure(root, &error))?;
    let mut missing: Vec<&OsStr> = Vec::new();
    let mut existing = path;
    loop {
        match fs::canonicalize(existing) {
            Ok(resolved) => return below(&root, &resolved, &missing, path),
            // A link to nothing would be followed by a write.
            Err(error) if error.kind() == io::ErrorKind::NotFound && existing.symlink_metadata().is_err() => {
                let (Some(Component::Normal(name)), Some(parent)) =
                    (existing.components().next_back(), existing.parent())
                else {
                    return Err(outside(path));
                };
                missing.push(name);
                existing = parent;
            }
            Err(error) => return Err(failure(path, &error)),
        }
    }
}

/// Path of a file below `root`: the part that exists, without links, and the names that do not exist, last first.
fn below(root: &Path, existing: &Path, missing: &[&OsStr], requested: &Path) -> Result<PathBuf, FileError> {
    if !existing.starts_with(root) {
        return Err(outside(requested));
    }
    Ok(missing.iter().rev().fold(existing.to_owned(), |path, name| path.join(name)))
}

/// Part of a text: `limit` lines from line `first`, which counts from 1.
fn lines(text: String, first: Option<u32>, limit: Option<u32>) -> String {
    let count = |number: Option<u32>| number.and_then(|number| usize::try_from(number).ok());
    if first.is_none() && limit.is_none() {
        return text;
    }
    let skipped = count(first).unwrap_or(1).saturating_sub(1);
    text.split_inclusive('\n').skip(skipped).take(count(limit).unwrap_or(usize::MAX)).collect()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).custom_flags(no_follow).open(path)?;
    file.write_all(text.as_bytes())
}

fn outside(path: &Path) -> FileError {
    FileError::Refused(format!("{} is outside of the session's directory", path.display()))
}

fn failure(path: &Path, error: &io::Error) -> FileError {
    let text = format!("{}: {error}", path.display());
    if error.kind() == io::ErrorKind::NotFound { FileError::NotFound(text) } else { FileError::Failed(text) }
}
