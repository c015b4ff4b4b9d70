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
        own_repository::create_private(own)?;
        let own = own.canonicalize().map_err(|error| GitError::io(own, error))?;
        if let Some(reason) = refusal(git, &root, &own) {
            return Err(GitError::PlainDirectory(root, reason));
        }
        let place = own.join(FOLDER).join(own_repository::name_of(&root));
        OwnRepository::create(git, &place, own_repository::SHA1)?;
        Self::at(git, root, (place.clone(), place.clone()), Some(place))
    }
}

/// Returns the reason why a directory has no snapshots, if it has none.
fn refusal(git: &Git, root: &Path, own: &Path) -> Option<&'static str> {
    let home = git.home().map(|home| home.canonicalize().unwrap_or(home));
    if home.as_ref().is_some_and(|home| home.starts_with(root)) {
        return Some("contains the home directory");
    }
    let below_home = home.as_ref().and_then(|home| root.strip_prefix(home).ok()?.components().next());
    if below_home.is_some_and(|name| name.as_os_str().as_encoded_bytes().starts_with(b".")) {
        return Some("is data of programs");
    }
    let mut data = git.data_directories().chain([own.to_owned()]).map(|path| path.canonicalize().unwrap_or(path));
    // A snapshot must not contain the earlier ones, or what an agent writes of its sessions.
    if data.any(|path| path.starts_with(root) || root.starts_with(path)) {
        return Some("contains data of salon or of an agent, or is in it");
    }
    content_refusal(root)
}

/// Returns the reason why the content of a directory has no snapshots, if it has none. A repository in it is no part of
/// a snapshot, so that it would miss edits there.
fn content_refusal(root: &Path) -> Option<&'static str> {
    let (mut entries, mut bytes, mut open) = (0, 0, vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            entries += 1;
            if entry.file_name() == ".git" {
                return Some("contains another one");
            }
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                open.push(path);
            } else {
                bytes += metadata.len();
            }
            if entries > MAX_ENTRIES || bytes > MAX_BYTES {
                return Some("is too large for snapshots without one");
            }
        }
    }
    None
}
