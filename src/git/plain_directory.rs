//! Directories outside of git. A repository of salon's own takes the place of the one that they lack, so that there are
//! snapshots of them too.

use std::fs;
use std::path::Path;

use super::error::GitError;
use super::own_repository::{self, OwnRepository};
use super::program::Git;
use super::repository::Repository;

/// Maximum files and directories, because each is looked at before and after every turn.
const MAX_ENTRIES: usize = 10_000;

/// Maximum size of all files, because each is copied once.
const MAX_BYTES: u64 = 256 << 20;

/// Folder of the repositories that stand for missing ones, below that of salon's own.
const FOLDER: &str = "plain";

impl Repository {
    /// Finds the repository that contains a directory, or else the one of salon's own for this directory. `own` is the
    /// folder of salon's own repositories.
    pub fn open_or_plain(git: &Git, dir: &Path, own: &Path) -> Result<Self, GitError> {
        match Self::open(git, dir) {
            Err(GitError::NotARepository(_)) => Self::open_plain(git, dir, own),
            opened => opened,
        }
    }

    fn open_plain(git: &Git, dir: &Path, own: &Path) -> Result<Self, GitError> {
        let root = dir.canonicalize().map_err(|_| GitError::NoDirectory(dir.to_owned()))?;
        let is_above_home = git.home().is_some_and(|home| home.canonicalize().unwrap_or(home).starts_with(&root));
        // A snapshot must not contain the earlier ones.
        let is_above_own = own.canonicalize().is_ok_and(|own| own.starts_with(&root));
        if is_above_home || is_above_own || !is_small(&root) {
            return Err(GitError::PlainDirectory(root));
        }
        let place = own.join(FOLDER).join(own_repository::name_of(&root));
        OwnRepository::create(git, &place, own_repository::SHA1)?;
        Self::at(git, root, (place.clone(), place.clone()), Some(place))
    }
}

/// Returns true if a directory is small enough for a snapshot at each turn. Repositories in it are no part of it.
fn is_small(root: &Path) -> bool {
    let (mut entries, mut bytes, mut open) = (0, 0, vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            entries += 1;
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                open.extend(Some(path).filter(|path| !is_repository(path.as_path())));
            } else {
                bytes += metadata.len();
            }
            if entries > MAX_ENTRIES || bytes > MAX_BYTES {
                return false;
            }
        }
    }
    true
}

fn is_repository(path: &Path) -> bool {
    fs::symlink_metadata(path.join(".git")).is_ok()
}
