//! Directories outside of git. A repository of salon's own takes the place of the one that they lack, so that there are
//! snapshots of them too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::own_repository::{self, OwnRepository};
use super::program::Git;
use super::repository::Repository;
use super::snapshot::LATEST;

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

    /// Finds the repository that contains a directory, or else the one of salon's own, if snapshots of the directory were
    /// taken. Creates nothing.
    pub fn find_or_plain(git: &Git, dir: &Path, own: &Path) -> Result<Self, GitError> {
        match Self::open(git, dir) {
            Err(GitError::NotARepository(_)) => {
                let (root, place) = plain_place(git, dir, own)?;
                if !place.join("HEAD").is_file() {
                    return Err(GitError::PlainDirectory(root, "has no snapshots yet"));
                }
                Self::at_plain(git, root, place)
            }
            opened => opened,
        }
    }

    fn open_plain(git: &Git, dir: &Path, own: &Path) -> Result<Self, GitError> {
        own_repository::create_private(own)?;
        let (root, place) = plain_place(git, dir, own)?;
        OwnRepository::create(git, &place, own_repository::SHA1)?;
        Self::at_plain(git, root, place)
    }
}

impl OwnRepository {
    /// Removes the latest state of a directory outside of git of which there is no other snapshot, in two steps: objects
    /// that a snapshot meanwhile finds in the index are not deleted. Returns true after the last step. `folder` is that of
    /// all repositories of salon.
    pub fn expire_latest(&self, folder: &Path) -> Result<bool, GitError> {
        let plain = folder.canonicalize().map_or_else(|_| folder.join(FOLDER), |folder| folder.join(FOLDER));
        let Some(place) = self.user_dir().filter(|place| place.parent() == Some(&*plain)) else { return Ok(false) };
        let index = place.join("index");
        match fs::remove_file(&index) {
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(GitError::io(&index, error)),
        }
        let is_kept = self.find_ref(LATEST)?.is_some();
        if is_kept {
            self.remove_ref(LATEST)?;
        }
        Ok(is_kept)
    }
}

/// Returns the root of a directory outside of git, and the directory of salon's own repository for it.
fn plain_place(git: &Git, dir: &Path, own: &Path) -> Result<(PathBuf, PathBuf), GitError> {
    let root = dir.canonicalize().map_err(|_| GitError::NoDirectory(dir.to_owned()))?;
    // It need not exist.
    let own = own.canonicalize().unwrap_or_else(|_| own.to_owned());
    if let Some(reason) = refusal(git, &root, &own) {
        return Err(GitError::PlainDirectory(root, reason));
    }
    let place = own.join(FOLDER).join(own_repository::name_of(&root));
    Ok((root, place))
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
