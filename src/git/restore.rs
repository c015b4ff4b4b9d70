//! Restoring the files of a work tree from a snapshot. Files that are equal in both snapshots are not touched, and
//! neither are those that are in none: ignored and very large ones, and repositories within the work tree.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::own_repository::OwnRepository;

/// A file that differs between the current state and a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRestoration {
    /// Path relative to the root of the work tree.
    pub path: PathBuf,
    /// True if the snapshot has the file; false if it is deleted.
    pub exists: bool,
}

impl OwnRepository {
    /// Returns the files that differ between two snapshots, as changes from `current` to `target`.
    pub fn restorations(&self, current: &str, target: &str) -> Result<Vec<FileRestoration>, GitError> {
        let options = ["-r", "--no-renames", "--no-ext-diff", "--raw", "-z", current, target];
        let listed = self.command("diff-tree").args(options).run()?;
        let mut fields = listed.split(|byte| *byte == 0).filter(|field| !field.is_empty());
        let mut found = Vec::new();
        while let (Some(state), Some(name)) = (fields.next(), fields.next()) {
            // The record of a submodule is a commit, not a file.
            if !state.starts_with(b":160000") && state.get(8..14) != Some(b"160000") {
                let path = PathBuf::from(OsStr::from_bytes(name));
                found.push(FileRestoration { path, exists: state.last() != Some(&b'D') });
            }
        }
        Ok(found)
    }

    /// Changes files from the snapshot `current`, which must have just been taken, to the snapshot `target`.
    pub fn restore(&self, root: &Path, target: &str, files: &[FileRestoration]) -> Result<(), GitError> {
        for file in files.iter().filter(|file| !file.exists) {
            delete(root, &file.path)?;
        }
        let folder = tempfile::Builder::new()
            .prefix("index-")
            .tempdir_in(&self.path)
            .map_err(|error| GitError::io(&self.path, error))?;
        let index = folder.path().join("index");
        self.on_files("read-tree", root, &index).args([target]).run()?;
        let mut names = Vec::new();
        for file in files.iter().filter(|file| file.exists) {
            names.extend_from_slice(file.path.as_os_str().as_bytes());
            names.push(0);
        }
        let checkout = self.on_files("checkout-index", root, &index);
        checkout.args(["--force", "--quiet", "-z", "--stdin"]).input(names).run().map(drop)
    }
}

/// Deletes a file and the directories above it that are empty then. A link among them would lead out of the work tree.
fn delete(root: &Path, path: &Path) -> Result<(), GitError> {
    let full = root.join(path);
    let mut above: Vec<PathBuf> = path.ancestors().skip(1).map(|folder| root.join(folder)).collect();
    above.pop();
    let is_folder = |folder: &PathBuf| fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir());
    if !above.iter().all(is_folder) {
        return Err(GitError::io(&full, std::io::Error::other("a directory above it is a link")));
    }
    fs::remove_file(&full).map_err(|error| GitError::io(&full, error))?;
    for folder in above {
        // A directory that is not empty stays.
        if fs::remove_dir(&folder).is_err() {
            break;
        }
    }
    Ok(())
}
