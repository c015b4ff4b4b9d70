//! Temporary files in a private directory of the program, instead of one that all users share.
//!
//! Their names contain the process id, so that the files of a killed process can be removed.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::{Builder, NamedTempFile, TempDir};

use super::process;

/// Directories for the files of this program, best first; the system's without any.
static DIRS: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// Sets the directories for the whole program, best first: a file goes to the first one that exists or can be created.
/// Only the first call counts.
pub fn set_dirs(dirs: Vec<PathBuf>) {
    DIRS.get_or_init(|| dirs);
}

/// Creates a file that only its owner can read; removed on drop.
pub fn file(kind: &str, suffix: &str) -> io::Result<NamedTempFile> {
    Builder::new().prefix(&prefix(kind)).suffix(suffix).tempfile_in(create_dir()?)
}

/// Creates a directory that only its owner can read; removed on drop.
pub fn folder(kind: &str) -> io::Result<TempDir> {
    Builder::new().prefix(&prefix(kind)).tempdir_in(create_dir()?)
}

/// Creates a file without a name for data that may be large, so in the last directory: the first may be in memory.
pub fn unnamed() -> io::Result<File> {
    tempfile::tempfile_in(create_first(DIRS.get().into_iter().flatten().rev())?)
}

/// Removes the files and directories of these kinds that ended processes left.
pub fn remove_abandoned(kinds: &[&str]) {
    let dirs = DIRS.get().into_iter().flatten();
    for entry in dirs.filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| is_abandoned(name, kinds)) {
            let path = entry.path();
            let removed = match entry.file_type() {
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(path),
                // A process that ends just now may remove it too.
                _ => std::fs::remove_file(path),
            };
            removed.ok();
        }
    }
}

fn is_abandoned(name: &str, kinds: &[&str]) -> bool {
    let pid = kinds.iter().find_map(|kind| name.strip_prefix(kind)?.strip_prefix('-')?.split('-').next());
    pid.and_then(|pid| pid.parse().ok()).is_some_and(|pid: u32| process::identity(pid).is_none())
}

fn prefix(kind: &str) -> String {
    format!("{kind}-{}-", std::process::id())
}

fn create_dir() -> io::Result<PathBuf> {
    create_first(DIRS.get().into_iter().flatten())
}

/// Creates the first of these directories that can be created; the system's one if there are none.
fn create_first<'a>(dirs: impl Iterator<Item = &'a PathBuf>) -> io::Result<PathBuf> {
    let mut created = Ok(tempfile::env::temp_dir());
    for dir in dirs {
        created = DirBuilder::new().recursive(true).mode(0o700).create(dir).map(|()| dir.clone());
        if created.is_ok() {
            break;
        }
    }
    created
}
